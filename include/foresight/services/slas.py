"""What people do with SLAs: apply, list, get, delete, ask for the status."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, func, select

from foresight.errors import FinalError, NotFound
from foresight.services.status_lines import StatusLine, lines_from_rows
from foresight.sla import Sla, load_slas
from foresight.sla.json_form import sla_document, sla_from_document
from foresight.sla.rows import definition_rows
from foresight.store import DEFINITION_LOCK, Store, StoredSla, apply_sla, delete_sla
from foresight.store import load_slas as load_stored
from foresight.store.tables import series, sli_status, sli_window
from foresight.telemetry import Catalogue


@dataclass(frozen=True, slots=True)
class ActiveSlas:
    """Every SLA that is active, by name; and by name why others cannot be read."""

    readable: list[Sla]
    unreadable: dict[str, str]

    def get(self, name: str) -> Sla:
        """The SLA of that name. Raises ``NotFound``, and ``FinalError`` where it cannot be read."""
        if name in self.unreadable:
            raise FinalError(
                f"SLA {name!r} cannot be read: {self.unreadable[name]}; apply it anew, or delete it"
            )
        for sla in self.readable:
            if sla.name == name:
                return sla
        raise NotFound(f"there is no SLA {name!r}; there are {self._names()}")

    def choose(self, names: Collection[str]) -> list[Sla]:
        """The SLAs of these names, all that are readable where none is given. Raises as ``get`` does."""
        return [self.get(name) for name in sorted(set(names))] if names else self.readable

    def _names(self, at_most: int = 20) -> str:
        names = [sla.name for sla in self.readable]
        more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
        return ", ".join(names[:at_most]) + more or "none"


@dataclass(frozen=True, slots=True)
class AppliedSla:
    """An SLA of a file, and whether it is new or changed."""

    sla: Sla
    is_new: bool


@dataclass(frozen=True, slots=True)
class Status:
    """The newest stored status of some SLAs: as lines to show, and as rows of ``sli_status``."""

    lines: list[StatusLine]
    rows: list[dict[str, Any]]
    unreadable: dict[str, str]


def check_files(store: Store, catalogue: Catalogue, files: Sequence[Path]) -> list[Sla]:
    """The SLAs in files; nothing is changed.

    A metric counts as known where the catalogue watches it or the store has a series of it. Raises
    ``InvalidDocument`` with every mistake, and ``NotFound`` where the files hold no SLA.
    """
    slas = load_slas(list(files), store.read(lambda connection: _known_metrics(connection, catalogue)))
    if not slas:
        raise NotFound(
            f"there is no SLA in {', '.join(map(str, files))}: a file lists them under the key slas or is "
            "OpenSLO, and a folder stands for its *.yaml and *.yml"
        )
    return slas


def apply(store: Store, catalogue: Catalogue, files: Sequence[Path], *, by: str, at: int) -> list[AppliedSla]:
    """Makes the SLAs in files active: all of them, or none where one is wrong.

    Raises as ``check_files`` does.
    """
    slas = check_files(store, catalogue, files)

    def work(connection: Connection) -> list[bool]:
        return [
            apply_sla(connection, _stored(sla), definition_rows(sla), applied_at=at, applied_by=by)
            for sla in slas
        ]

    is_new = store.transact(work, lock=DEFINITION_LOCK)
    return [AppliedSla(sla, new) for sla, new in zip(slas, is_new, strict=True)]


def read_active(connection: Connection) -> ActiveSlas:
    """Every active SLA; rules may have become stricter since one was applied, so some may be unreadable."""
    readable, unreadable = [], {}
    for stored in load_stored(connection):
        try:
            readable.append(sla_from_document(stored.document))
        except (KeyError, TypeError, ValueError) as error:
            unreadable[stored.name] = f"{type(error).__name__}: {error}"
    return ActiveSlas(readable, unreadable)


def list_slas(store: Store) -> ActiveSlas:
    """Every active SLA."""
    return store.read(read_active)


def get_sla(store: Store, name: str) -> Sla:
    """One SLA. Raises ``NotFound``, and ``FinalError`` where it cannot be read."""
    return store.read(read_active).get(name)


def delete(store: Store, name: str, *, by: str, at: int) -> None:
    """Deletes an SLA; its statuses stay until retention removes them. Raises ``NotFound``."""
    store.transact(
        lambda connection: delete_sla(connection, name, applied_at=at, applied_by=by), lock=DEFINITION_LOCK
    )


def status(store: Store, name: str | None = None) -> Status:
    """The newest status of one SLA, or of each, all read at one moment.

    Raises ``NotFound`` for a name that no SLA has.
    """

    def work(connection: Connection) -> Status:
        active = read_active(connection)
        slas = active.choose([name] if name else ())
        rows, windows = (_newest(connection, table, slas) for table in (sli_status, sli_window))
        slis = {(sla.name, sli.name): sli for sla in slas for sli in sla.slis}
        return Status(lines_from_rows(slis, rows, windows), rows, active.unreadable)

    return store.read(work)


def _newest(connection: Connection, table: Table, slas: Sequence[Sla]) -> list[dict[str, Any]]:
    """The rows of each SLA at its newest as-of."""
    newest = (
        select(table.c.sla_name, func.max(table.c.as_of).label("as_of"))
        .where(table.c.sla_name.in_([sla.name for sla in slas]))
        .group_by(table.c.sla_name)
        .subquery()
    )
    is_newest = (table.c.sla_name == newest.c.sla_name) & (table.c.as_of == newest.c.as_of)
    query = select(table).join(newest, is_newest).order_by(*table.primary_key)
    return [dict(row) for row in connection.execute(query).mappings()]


def _known_metrics(connection: Connection, catalogue: Catalogue) -> set[str]:
    watched = {entry.series_metric for entry in catalogue.metrics}
    return watched.union(connection.execute(select(series.c.metric).distinct()).scalars())


def _stored(sla: Sla) -> StoredSla:
    return StoredSla(sla.name, sla.owner, sla.description, sla.revision, sla_document(sla))
