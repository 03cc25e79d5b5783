"""What people do with SLAs: apply, list, delete, ask for the status. The service behind every door."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, select

from foresight.errors import FinalError, NotFound
from foresight.orchestration import settings
from foresight.orchestration.connections import open_results, prepare_results, read_results
from foresight.sla import Sla, load_slas
from foresight.sla.json_form import sla_document, sla_from_document
from foresight.sla.rows import definition_rows
from foresight.sla.tables import StatusLine, lines_from_rows
from foresight.store import DEFINITION_LOCK, Store, StoredSla, apply_sla, delete_sla, migrate, stored_revision
from foresight.store import load_slas as load_stored
from foresight.store.tables import series, sli_status, sli_window

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Status:
    """The newest stored status of some SLAs: as lines to show, and as rows."""

    lines: list[StatusLine]
    rows: list[dict[str, Any]]


def apply(files: Sequence[Path], *, by: str, at: int, dry_run: bool = False) -> Iterator[tuple[Sla, bool]]:
    """Makes the SLAs in files stand, all of them or none; yields each, and whether it is new or changed.

    A metric counts as known when the catalogue watches it or the store has a series of it. A dry run changes
    nothing, and mistakes change nothing. Raises ``InvalidDocument`` with every mistake, ``NotFound`` where
    the files hold none.
    """
    store = open_results()
    slas = load_slas(list(files), store.read(_known_metrics))
    if not slas:
        raise NotFound(
            f"there is no SLA in {', '.join(map(str, files))}: a file lists them under the key slas or is "
            "OpenSLO, and a folder stands for its *.yaml and *.yml"
        )

    def work(connection: Connection) -> list[bool]:
        return [
            apply_sla(connection, _stored(sla), definition_rows(sla), applied_at=at, applied_by=by)
            for sla in slas
        ]

    is_new = [False] * len(slas)
    if not dry_run:
        migrate(store)
        is_new = store.transact(work, lock=DEFINITION_LOCK)
    yield from zip(slas, is_new, strict=True)


def standing() -> list[Sla]:
    """Every SLA that stands, by name; one that cannot be read is only warned of."""
    found, unreadable = read_results().read(read_standing)
    for name, reason in unreadable.items():
        log.warning("SLA %s cannot be read: %s", name, reason)
    return found


def read_standing(connection: Connection) -> tuple[list[Sla], dict[str, str]]:
    """Every SLA that stands, by name, and why others cannot be read: rules may have become stricter since."""
    found, unreadable = [], {}
    for stored in load_stored(connection):
        try:
            found.append(sla_from_document(stored.document))
        except (KeyError, TypeError, ValueError) as error:
            unreadable[stored.name] = f"{type(error).__name__}: {error}"
    return found, unreadable


def one(name: str) -> Sla:
    """The SLA of that name. Raises ``NotFound``, and ``FinalError`` where it cannot be read."""
    readable, unreadable = read_results().read(read_standing)
    if name in unreadable:
        raise FinalError(f"SLA {name!r} cannot be read: {unreadable[name]}; apply it anew, or delete it")
    found = {sla.name: sla for sla in readable}
    if name not in found:
        raise NotFound(f"there is no SLA {name!r}; there are {', '.join(found) or 'none'}")
    return found[name]


def delete(name: str, *, by: str, at: int) -> None:
    """Takes an SLA away. Raises ``NotFound``."""
    store = prepare_results()
    store.transact(
        lambda connection: delete_sla(connection, name, applied_at=at, applied_by=by), lock=DEFINITION_LOCK
    )


def status(name: str | None = None) -> Status:
    """The newest status of one SLA, or of each. Raises ``NotFound`` for a name that nothing has."""
    slas = [one(name)] if name else standing()
    found = read_results()
    rows, windows = _newest(found, sli_status, slas), _newest(found, sli_window, slas)
    slis = {(sla.name, sli.name): sli for sla in slas for sli in sla.slis}
    return Status(lines_from_rows(slis, rows, windows), rows)


def _newest(store: Store, table: Table, slas: Sequence[Sla]) -> list[dict[str, Any]]:
    """The rows of each SLA at its newest as-of."""
    newest = (
        select(table.c.sla_name, func.max(table.c.as_of).label("as_of"))
        .where(table.c.sla_name.in_([sla.name for sla in slas]))
        .group_by(table.c.sla_name)
        .subquery()
    )
    is_newest = (table.c.sla_name == newest.c.sla_name) & (table.c.as_of == newest.c.as_of)
    query = select(table).join(newest, is_newest).order_by(*table.primary_key)
    return store.read(lambda connection: [dict(row) for row in connection.execute(query).mappings()])


def _known_metrics(connection: Connection) -> set[str]:
    watched = {entry.series_metric for entry in settings.catalogue().metrics}
    if stored_revision(connection) is None:
        return watched
    return watched.union(connection.execute(select(series.c.metric).distinct()).scalars())


def _stored(sla: Sla) -> StoredSla:
    return StoredSla(sla.name, sla.owner, sla.description, sla.revision, sla_document(sla))
