"""SLAs that are active, the record of who changed them when, and notification targets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select

from foresight.errors import NotFound
from foresight.store.bulk import upsert
from foresight.store.tables import notification_target, sla, sla_revision, sli

DEFINITION_LOCK: Final = "sla"
"""Hold this lock while SLAs are changed, so that two people do not change one between each other."""

_NAMES_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class StoredTarget:
    """One notification target: its name, its kind and its whole definition."""

    name: str
    kind: str
    description: str
    document: Any


@dataclass(frozen=True, slots=True)
class StoredSla:
    """One active SLA: its whole definition and the revision that names it."""

    name: str
    owner: str
    description: str
    revision: str
    document: Any


def apply_sla(
    connection: Connection,
    definition: StoredSla,
    slis: Sequence[Mapping[str, Any]],
    *,
    applied_at: int,
    applied_by: str,
) -> bool:
    """Makes one SLA active as defined; see ``apply_slas``."""
    given = [(definition, slis)]
    [is_new] = apply_slas(connection, given, applied_at=applied_at, applied_by=applied_by)
    return is_new


def apply_slas(
    connection: Connection,
    definitions: Sequence[tuple[StoredSla, Sequence[Mapping[str, Any]]]],
    *,
    applied_at: int,
    applied_by: str,
) -> list[bool]:
    """Makes SLAs active as defined; False for each that was so already: nothing is written of it.

    Args:
        connection: inside a transaction of ``Store.transact`` that holds ``DEFINITION_LOCK``.
        definitions: each with the columns of ``sli`` but ``sla_name`` and ``position``, in their order.
        applied_at: epoch seconds.
        applied_by: who did it.
    """
    names = [definition.name for definition, _ in definitions]
    active = {
        name: revision
        for chunk in _chunks(names)
        for name, revision in connection.execute(
            select(sla.c.name, sla.c.revision).where(sla.c.name.in_(chunk))
        )
    }
    is_new = [active.get(definition.name) != definition.revision for definition, _ in definitions]
    new = [given for given, changed in zip(definitions, is_new, strict=True) if changed]
    if not new:
        return is_new
    for chunk in _chunks([definition.name for definition, _ in new]):
        connection.execute(delete(sli).where(sli.c.sla_name.in_(chunk)))
    found = [definition for definition, _ in new]
    fields = ("name", "owner", "description", "revision", "document")
    upsert(connection, sla, {field: [getattr(each, field) for each in found] for field in fields})
    rows = [
        {**row, "sla_name": definition.name, "position": position}
        for definition, slis in new
        for position, row in enumerate(slis)
    ]
    columns = dict.fromkeys(name for row in rows for name in row)
    upsert(connection, sli, {name: [row.get(name) for row in rows] for name in columns})
    _record(connection, found, "applied", applied_at, applied_by)
    return is_new


def delete_sla(connection: Connection, name: str, *, applied_at: int, applied_by: str) -> None:
    """Deletes an SLA; its statuses stay until retention removes them.

    Raises ``NotFound`` where no SLA has this name.
    """
    stored = [one for one in load_slas(connection) if one.name == name]
    if not stored:
        raise NotFound(f"there is no SLA {name!r}")
    connection.execute(delete(sli).where(sli.c.sla_name == name))
    connection.execute(delete(sla).where(sla.c.name == name))
    _record(connection, stored, "deleted", applied_at, applied_by)


def load_slas(connection: Connection, names: Sequence[str] | None = None) -> list[StoredSla]:
    """Every active SLA, or those of these names, by name."""
    columns = (sla.c.name, sla.c.owner, sla.c.description, sla.c.revision, sla.c.document)
    queries = [select(*columns)]
    if names is not None:
        queries = [select(*columns).where(sla.c.name.in_(chunk)) for chunk in _chunks(names)]
    rows = [row for query in queries for row in connection.execute(query)]
    return sorted((StoredSla(*row) for row in rows), key=lambda one: one.name)


def load_names(connection: Connection, first: str, last: str) -> list[str]:
    """The names of the active SLAs from the first to the last, both included, in order."""
    query = select(sla.c.name).where(sla.c.name >= first, sla.c.name <= last)
    return sorted(connection.execute(query).scalars())


def load_sli_names(connection: Connection, sla_name: str) -> list[str]:
    """The names of the SLIs of an active SLA."""
    return list(connection.execute(select(sli.c.name).where(sli.c.sla_name == sla_name)).scalars())


def save_targets(connection: Connection, targets: Sequence[StoredTarget]) -> None:
    """Writes notification targets as given; others stay as they are."""
    fields = ("name", "kind", "description", "document")
    if targets:
        columns = {field: [getattr(each, field) for each in targets] for field in fields}
        upsert(connection, notification_target, columns)


def load_targets(connection: Connection) -> list[StoredTarget]:
    """Every notification target, by name."""
    columns = notification_target.c
    query = select(columns.name, columns.kind, columns.description, columns.document).order_by(columns.name)
    return [StoredTarget(*row) for row in connection.execute(query)]


def _record(connection: Connection, definitions: Sequence[StoredSla], action: str, at: int, by: str) -> None:
    """One more change each: numbered, for two may happen within one second, and to the same definition."""
    last = {
        name: number
        for chunk in _chunks([definition.name for definition in definitions])
        for name, number in connection.execute(
            select(sla_revision.c.sla_name, func.max(sla_revision.c.number))
            .where(sla_revision.c.sla_name.in_(chunk))
            .group_by(sla_revision.c.sla_name)
        )
    }
    columns = {
        "sla_name": [definition.name for definition in definitions],
        "number": [last.get(definition.name, 0) + 1 for definition in definitions],
        "applied_at": at,
        "revision": [definition.revision for definition in definitions],
        "action": action,
        "applied_by": by,
        "document": [definition.document for definition in definitions],
    }
    upsert(connection, sla_revision, columns)


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _NAMES_AT_ONCE):
        yield names[start : start + _NAMES_AT_ONCE]
