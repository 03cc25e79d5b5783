"""Models: versions that never change, deployments under an alias, and every change of either.

Whoever calls a function that writes holds ``MODELS_LOCK`` in ``Store.transact``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, func, select

from foresight.errors import FinalError, NotFound
from foresight.store.bulk import upsert
from foresight.store.stacks import Move, stack_of
from foresight.store.tables import deployment, model, model_change, model_version, scoring_stream

MODELS_LOCK: Final = "models"
"""Whoever changes models or deployments holds this lock."""

_MOVES: Final[dict[str, Move]] = {
    "deployed": "put",
    "redeployed": "put",
    "configured": "amend",
    "rolled_back": "back",
    "undeployed": "clear",
}


@dataclass(frozen=True, slots=True)
class Change:
    """Who changes something, when (epoch seconds) and why."""

    by: str
    at: int
    note: str = ""


def list_versions(connection: Connection, name: str | None = None) -> Sequence[Row[Any]]:
    """Every version of a model, or of all, the newest first."""
    table = model_version
    query = select(table).order_by(table.c.name, table.c.version.desc())
    return connection.execute(query.where(table.c.name == name) if name else query).all()


def list_deployments(connection: Connection, name: str | None = None) -> Sequence[Row[Any]]:
    """Every deployment of a model, or of all, by name and alias."""
    query = select(deployment).order_by(deployment.c.name, deployment.c.alias)
    return connection.execute(query.where(deployment.c.name == name) if name else query).all()


def list_changes(connection: Connection, name: str) -> Sequence[Row[Any]]:
    """Every change of a model and its deployments, the newest first; those of a deleted model too."""
    return connection.execute(
        select(model_change).filter_by(name=name).order_by(model_change.c.number.desc())
    ).all()


def find_version(connection: Connection, name: str, version: int | None = None) -> Row[Any]:
    """A version of a model, by default the newest. Raises ``NotFound``."""
    versions = list_versions(connection, name)
    if not versions:
        known = ", ".join(connection.execute(select(model.c.name).order_by(model.c.name)).scalars())
        raise NotFound(f"there is no model {name!r}; there are {known or 'none'}")
    for row in versions:
        if version in {None, row.version}:
            return row
    raise NotFound(f"model {name} has no version {version}; it has {_listed(versions)}")


def find_deployment(connection: Connection, name: str, alias: str) -> Row[Any]:
    """What is deployed under an alias. Raises ``NotFound``."""
    found = connection.execute(select(deployment).filter_by(name=name, alias=alias)).first()
    if found is None:
        find_version(connection, name)
        aliases = ", ".join(row.alias for row in list_deployments(connection, name)) or "none"
        raise NotFound(f"model {name} has no deployment {alias!r}; it has {aliases}")
    return found


def find_deployed(connection: Connection, name: str, alias: str) -> Row[Any]:
    """A deployment with kind, SHA-256 and URI of its version, in one query. Raises ``NotFound``."""
    same = (model_version.c.name == deployment.c.name) & (model_version.c.version == deployment.c.version)
    files = (model_version.c.kind, model_version.c.sha256, model_version.c.uri)
    query = select(deployment, *files).join(model_version, same)
    found = connection.execute(query.where(deployment.c.name == name, deployment.c.alias == alias)).first()
    return found if found is not None else find_deployment(connection, name, alias)


def add_version(connection: Connection, fields: Mapping[str, Any], change: Change) -> tuple[int, bool]:
    """Adds a version; answers its number and whether it is new: the same bytes are the same version.

    ``fields`` are the columns of ``model_version`` but ``version`` and those that ``change`` says. Numbers
    of deleted versions are not given again.
    """
    name = fields["name"]
    held = select(model_version.c.version).filter_by(name=name, sha256=fields["sha256"])
    found = connection.execute(held).scalar()
    if found is not None:
        return int(found), False
    if connection.execute(select(model.c.name).filter_by(name=name)).first() is None:
        _save(connection, model, name=name, created_at=change.at, created_by=change.by)
    given = connection.execute(select(func.max(model_change.c.version)).filter_by(name=name)).scalar()
    version = int(given or 0) + 1
    told = {"version": version, "added_at": change.at, "added_by": change.by, "note": change.note}
    _save(connection, model_version, **fields, **told)
    _note(connection, name, "added", version, change)
    return version, True


def deploy(
    connection: Connection, name: str, version: int, alias: str, defaults: Mapping[str, Any], change: Change
) -> str | None:
    """Deploys a version under an alias; answers the action noted, None where nothing changed."""
    find_version(connection, name, version)
    before = connection.execute(select(deployment).filter_by(name=name, alias=alias)).first()
    if before is None:
        action = "deployed"
    elif before.version != version:
        action = "redeployed"
    elif before.defaults != defaults:
        action = "configured"
    else:
        return None
    _stand(connection, name, version, alias, defaults, change)
    _note(connection, name, action, version, change, alias, defaults)
    return action


def roll_back(
    connection: Connection, name: str, alias: str, change: Change, expected: int | None = None
) -> tuple[int, int]:
    """Deploys what was deployed before, with its defaults; answers the versions taken out and put back.

    What was deployed is a stack: rolling back twice goes back by two. Versions deleted meanwhile are passed
    over. Raises ``NotFound`` where nothing is deployed, ``FinalError`` at the bottom of the stack, and where
    another version than the ``expected`` one is deployed: so a request may be repeated.
    """
    now = _expected(connection, name, alias, expected)
    there = {row.version for row in list_versions(connection, name)}
    for version, defaults in reversed(_stack(connection, name, alias)[:-1]):
        if version in there and version != now.version:
            _stand(connection, name, version, alias, defaults, change)
            _note(connection, name, "rolled_back", version, change, alias, defaults)
            return int(now.version), int(version)
    raise FinalError(f"{name}@{alias} has nothing to go back to: no other version was deployed before")


def undeploy(
    connection: Connection, name: str, alias: str, change: Change, expected: int | None = None
) -> int:
    """Takes a deployment away; answers its version.

    Raises ``NotFound``, and ``FinalError`` where another version than the ``expected`` one is deployed.
    """
    found = _expected(connection, name, alias, expected)
    connection.execute(delete(deployment).where(deployment.c.name == name, deployment.c.alias == alias))
    _note(connection, name, "undeployed", found.version, change, alias)
    return int(found.version)


def delete_versions(
    connection: Connection, name: str, version: int | None, change: Change
) -> list[tuple[int, str]]:
    """Deletes a version, or the whole model; answers the versions and the hashes of their files.

    Its history stays. Raises ``FinalError`` for what is deployed or has a batch under way, ``NotFound``.
    """
    one = find_version(connection, name, version)
    doomed = list_versions(connection, name) if version is None else [one]
    for row in doomed:
        _refuse_used(connection, name, row.version)
        connection.execute(
            delete(model_version).where(model_version.c.name == name, model_version.c.version == row.version)
        )
        _note(connection, name, "deleted", row.version, change)
    if not list_versions(connection, name):
        connection.execute(delete(model).where(model.c.name == name))
    return [(int(row.version), str(row.sha256)) for row in doomed]


def _expected(connection: Connection, name: str, alias: str, expected: int | None) -> Row[Any]:
    found = find_deployment(connection, name, alias)
    if expected is not None and found.version != expected:
        raise FinalError(
            f"{name}@{alias} is version {found.version} now, not {expected}: nothing was changed"
        )
    return found


def _refuse_used(connection: Connection, name: str, version: int) -> None:
    aliases = [row.alias for row in list_deployments(connection, name) if row.version == version]
    if aliases:
        raise FinalError(
            f"version {version} of {name} is deployed as {', '.join(aliases)}: undeploy it first"
        )
    waiting = select(scoring_stream.c.stream).filter_by(model_name=name, model_version=version)
    stream = connection.execute(waiting.where(scoring_stream.c.until.is_not(None))).scalar()
    if stream is not None:
        raise FinalError(f"version {version} of {name} has a batch of {stream} under way: let it finish")


def _stack(connection: Connection, name: str, alias: str) -> list[tuple[int, Any]]:
    """What was deployed under an alias, the present one last."""
    changes = [row for row in reversed(list_changes(connection, name)) if row.alias == alias]
    return stack_of((_MOVES[row.action], row.version, row.defaults) for row in changes)


def _stand(
    connection: Connection, name: str, version: int, alias: str, defaults: Any, change: Change
) -> None:
    _save(
        connection, deployment,
        name=name, alias=alias, version=version, defaults=defaults,
        deployed_at=change.at, deployed_by=change.by,
    )  # fmt: skip


def _note(
    connection: Connection,
    name: str,
    action: str,
    version: int,
    change: Change,
    alias: str | None = None,
    defaults: Any = None,
) -> None:
    newest = connection.execute(select(func.max(model_change.c.number)).filter_by(name=name)).scalar()
    _save(
        connection, model_change,
        name=name, number=int(newest or 0) + 1, action=action, version=version, alias=alias,
        defaults=defaults, changed_at=change.at, changed_by=change.by, note=change.note,
    )  # fmt: skip


def _save(connection: Connection, table: Any, **row: Any) -> None:
    upsert(connection, table, {name: [value] for name, value in row.items()})


def _listed(rows: Sequence[Row[Any]]) -> str:
    return ", ".join(str(row.version) for row in rows)
