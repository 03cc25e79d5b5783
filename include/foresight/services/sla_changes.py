"""One SLA at a time: read with its revision, replaced and deleted where nobody else was faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection, select

from foresight.errors import FinalError, InvalidDocument, Mistake, NotFound
from foresight.services.slas import known_metrics, stored_sla, stored_target_names
from foresight.sla.definition_rows import definition_rows
from foresight.sla.definitions import Sla
from foresight.sla.files import Lint, parse_definitions
from foresight.sla.json_form import sla_from_document
from foresight.sla.references import Limits, unknown_metric, window_mistake
from foresight.store import DEFINITION_LOCK, Store, StoredSla, apply_sla, delete_sla
from foresight.store.tables import sla as sla_table
from foresight.store.tables import sla_revision

if TYPE_CHECKING:
    from foresight.telemetry.catalogue import Catalogue

Edit = Callable[[StoredSla | None], Sla]
"""From an active SLA, None where there is none, to what it shall be."""


class Conflict(FinalError):
    """Somebody else was faster: the SLA is not at the revision that the caller knows."""


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of an SLA."""

    sla: Sla
    is_new: bool
    is_changed: bool


def find(store: Store, name: str) -> StoredSla:
    """An active SLA. Raises ``NotFound``."""
    found = store.read(lambda connection: _find(connection, name))
    if found is None:
        raise NotFound(f"there is no SLA {name!r}")
    return found


def change(
    store: Store,
    catalogue: Catalogue,
    name: str,
    edit: Edit,
    *,
    expected: str | None = None,
    must_be_new: bool = False,
    by: str,
    at: int,
) -> Changed:
    """Makes an SLA what ``edit`` makes of it, in one transaction.

    ``expected``: its revision as the caller knows it; ``must_be_new``: there must be none of this name.
    Raises ``Conflict``, ``InvalidDocument`` with every mistake, and what ``edit`` raises.
    """

    def work(connection: Connection) -> Changed:
        before = _find(connection, name)
        _check_expected(name, before, expected, must_be_new=must_be_new)
        sla = edit(before)
        if mistakes := reference_mistakes(sla, _limits(connection, catalogue)):
            raise InvalidDocument(mistakes)
        is_changed = apply_sla(
            connection, stored_sla(sla), definition_rows(sla), applied_at=at, applied_by=by
        )
        return Changed(sla, before is None, is_changed)

    return store.transact(work, lock=DEFINITION_LOCK)


def remove(store: Store, name: str, *, expected: str | None, by: str, at: int) -> None:
    """Deletes an SLA that is at the expected revision. Raises ``NotFound``, ``Conflict``."""

    def work(connection: Connection) -> None:
        before = _find(connection, name)
        if before is None:
            raise NotFound(f"there is no SLA {name!r}")
        _check_expected(name, before, expected, must_be_new=False)
        delete_sla(connection, name, applied_at=at, applied_by=by)

    store.transact(work, lock=DEFINITION_LOCK)


def check(store: Store, catalogue: Catalogue, slas: list[Sla]) -> None:
    """Raises ``InvalidDocument`` with every mistake that is only seen beside what is stored and watched."""
    limits = store.read(lambda connection: _limits(connection, catalogue))
    mistakes = [mistake for sla in slas for mistake in reference_mistakes(sla, limits)]
    if mistakes:
        raise InvalidDocument(mistakes)


def read_text(store: Store, catalogue: Catalogue, text: str) -> Lint:
    """What YAML (our short form, OpenSLO, Sloth or Pyrra) defines. Raises ``InvalidDocument``."""
    limits = store.read(lambda connection: _limits(connection, catalogue))
    return parse_definitions(text, "body", limits)


def find_revision(store: Store, name: str, number: int) -> Any:
    """The definition that an SLA had from a change on, of a deleted one too. Raises ``NotFound``."""
    query = select(sla_revision.c.document).filter_by(sla_name=name, number=number)
    found = store.read(lambda connection: connection.execute(query).scalar())
    if found is None:
        raise NotFound(f"there is no change {number} of an SLA {name!r}")
    return found


def sla_of(stored: StoredSla) -> Sla:
    """The definition that is stored. Raises ``FinalError`` where rules have become stricter since."""
    try:
        return sla_from_document(stored.document)
    except (KeyError, TypeError, ValueError) as error:
        raise FinalError(f"SLA {stored.name!r} cannot be read: {error}; replace it, or delete it") from error


def reference_mistakes(sla: Sla, limits: Limits) -> list[Mistake]:
    """Metrics that nothing provides, windows that no run can fill, targets that there are not."""
    found = []
    for at, sli in enumerate(sla.slis):
        place = f"slis[{at}]"
        if sli.metric and (reason := unknown_metric(sli.metric, limits.known_metrics, suggest=True)):
            found.append(Mistake("", 0, f"{place}.metric", reason))
        for number, minutes in enumerate(sli.windows):
            if reason := window_mistake(minutes * 60, limits):
                found.append(Mistake("", 0, f"{place}.windows[{number}]", reason))
        for number, alert in enumerate(sli.alerts):
            found += [
                Mistake("", 0, f"{place}.alerts[{number}].targets", f"there is no target {target!r}")
                for target in alert.targets
                if target not in limits.known_targets
            ]
    return found


def _limits(connection: Connection, catalogue: Catalogue) -> Limits:
    return Limits(known_metrics(connection, catalogue), known_targets=stored_target_names(connection))


def _find(connection: Connection, name: str) -> StoredSla | None:
    columns: list[Any] = [
        sla_table.c[field] for field in ("name", "owner", "description", "revision", "document")
    ]
    row = connection.execute(select(*columns).where(sla_table.c.name == name)).first()
    return None if row is None else StoredSla(*row)


def _check_expected(name: str, before: StoredSla | None, expected: str | None, *, must_be_new: bool) -> None:
    if must_be_new and before is not None:
        raise Conflict(f"there is an SLA {name!r} already")
    if expected is not None and (before is None or before.revision != expected):
        now = "there is none any more" if before is None else "somebody has changed it meanwhile"
        raise Conflict(f"SLA {name!r} is not at the revision that you know: {now}")
