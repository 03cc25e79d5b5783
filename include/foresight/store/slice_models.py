"""The models of slices: registered once, one of them in use for each target, every change kept."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, func, select, update

from foresight.errors import FinalError, NotFound
from foresight.store.bulk import upsert
from foresight.store.stacks import Move, stack_of
from foresight.store.tables import slice_model, slice_model_change

MODELS_LOCK: Final = "slice_models"
"""Whoever changes what models are used for holds this lock."""

_MOVES: Final[dict[str, Move]] = {"promoted": "put", "restored": "back"}
CANDIDATE, CHAMPION, RETIRED = "candidate", "champion", "retired"
_LISTED: Final = [column for column in slice_model.c if column.name != "document"]


def list_models(connection: Connection) -> Sequence[Row[Any]]:
    """Every model without its file, the newest first."""
    query = select(*_LISTED).order_by(slice_model.c.registered_at.desc(), slice_model.c.version)
    return connection.execute(query).all()


def list_changes(connection: Connection, target: str) -> Sequence[Row[Any]]:
    """Every change of the models of a target, the newest first."""
    table = slice_model_change
    return connection.execute(select(table).filter_by(target=target).order_by(table.c.number.desc())).all()


def find_champion(connection: Connection, target: str) -> Row[Any] | None:
    """The model in use for a target, with its file; None without one."""
    return connection.execute(select(slice_model).filter_by(target=target, state=CHAMPION)).first()


def find_model(connection: Connection, version: str) -> Row[Any]:
    """The model of that version, or of the only one that begins so. Raises ``NotFound``."""
    is_one = slice_model.c.version.startswith(version, autoescape=True)
    found = connection.execute(select(slice_model).where(is_one)).all()
    if len(found) != 1:
        known = ", ".join(row.version for row in list_models(connection)) or "none"
        raise NotFound(f"{len(found)} models have the version {version!r}; there are {known}")
    return found[0]


def register(connection: Connection, fields: Mapping[str, Any], by: str) -> bool:
    """Stores a model as a candidate; one that is there already stays as it is. Says whether it is new.

    ``fields`` are the columns of ``slice_model`` but ``state``.
    """
    query = select(slice_model.c.version).filter_by(version=fields["version"])
    if connection.execute(query).first() is not None:
        return False
    row = {**fields, "state": CANDIDATE}
    upsert(connection, slice_model, {name: [value] for name, value in row.items()})
    model = fields["target"], fields["version"]
    _note(connection, *model, "registered", fields["registered_at"], by, fields["reason"])
    return True


def promote(connection: Connection, version: str, *, at: int, by: str, reason: str) -> str | None:
    """Puts a model to use in place of the one in use; answers the version of that one.

    A model that is in use already stays, and nothing is noted.
    """
    model = find_model(connection, version)
    before = find_champion(connection, model.target)
    if before is not None and before.version == model.version:
        return None
    if before is not None:
        _set_state(connection, before.version, RETIRED)
        _note(connection, model.target, before.version, "retired", at, by, f"{model.version} takes its place")
    _set_state(connection, model.version, CHAMPION)
    _note(connection, model.target, model.version, "promoted", at, by, reason)
    return None if before is None else str(before.version)


def roll_back(
    connection: Connection, target: str, *, at: int, by: str, reason: str, expected: str | None = None
) -> tuple[str, str]:
    """Puts the model back to use that was in use before; answers the versions taken out and put back.

    What was in use is a stack: rolling back twice goes back by two. Raises ``FinalError`` at its bottom, and
    where another model than the ``expected`` one is in use: so a request may be repeated.
    """
    now = find_champion(connection, target)
    if expected is not None and (now is None or now.version != expected):
        held = "no model" if now is None else f"model {now.version}"
        raise FinalError(f"{held} is in use for {target} now, not {expected}: nothing was changed")
    stack = _versions_in_use(connection, target)
    if len(stack) < 2:
        raise FinalError(f"there is no {target} model to go back to: none was in use before")
    good, bad = stack[-2:]
    _set_state(connection, bad, RETIRED)
    _note(connection, target, bad, "retired", at, by, reason)
    _set_state(connection, good, CHAMPION)
    _note(connection, target, good, "restored", at, by, f"in place of {bad}: {reason}")
    return bad, good


def find_previous(connection: Connection, target: str) -> Row[Any] | None:
    """The model that a roll-back would put to use, with its file; None where there is none."""
    stack = _versions_in_use(connection, target)
    return find_model(connection, stack[-2]) if len(stack) > 1 else None


def _versions_in_use(connection: Connection, target: str) -> list[str]:
    """What was put to use, one above the other; the last is in use now."""
    changes = [row for row in reversed(list_changes(connection, target)) if row.action in _MOVES]
    return [version for version, _ in stack_of((_MOVES[row.action], row.version, None) for row in changes)]


def _set_state(connection: Connection, version: str, state: str) -> None:
    connection.execute(update(slice_model).where(slice_model.c.version == version).values(state=state))


def _note(
    connection: Connection, target: str, version: str, action: str, at: int, by: str, reason: str
) -> None:
    query = select(func.max(slice_model_change.c.number)).filter_by(target=target)
    row = {
        "target": target,
        "number": (connection.execute(query).scalar() or 0) + 1,
        "version": version,
        "action": action,
        "changed_at": at,
        "changed_by": by,
        "reason": reason,
    }
    upsert(connection, slice_model_change, {name: [value] for name, value in row.items()})
