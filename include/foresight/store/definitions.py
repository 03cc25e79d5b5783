"""SLAs as they stand, and the record of who changed them when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, delete, func, select

from foresight.errors import NotFound
from foresight.store.bulk import upsert
from foresight.store.tables import sla, sla_revision, sli

DEFINITION_LOCK: Final = "sla"
"""Hold this lock while SLAs are changed, so that two people do not change one between each other."""


@dataclass(frozen=True, slots=True)
class StoredSla:
    """One SLA as it stands: its whole definition and the revision that names it."""

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
    """Makes an SLA stand as defined; False, and nothing is written, where this revision stands already.

    Args:
        connection: inside a transaction of ``Store.transact`` that holds ``DEFINITION_LOCK``.
        definition: the SLA.
        slis: columns of ``sli`` but ``sla_name`` and ``position``, in their order.
        applied_at: epoch seconds.
        applied_by: who did it.
    """
    stands = select(sla.c.revision).where(sla.c.name == definition.name)
    if connection.execute(stands).scalar() == definition.revision:
        return False
    connection.execute(delete(sli).where(sli.c.sla_name == definition.name))
    row = {
        "name": definition.name,
        "owner": definition.owner,
        "description": definition.description,
        "revision": definition.revision,
        "document": definition.document,
    }
    upsert(connection, sla, {name: [value] for name, value in row.items()})
    for position, given in enumerate(slis):
        columns = {name: [value] for name, value in given.items()}
        upsert(connection, sli, columns | {"sla_name": definition.name, "position": position})
    _record(connection, definition, "applied", applied_at, applied_by)
    return True


def delete_sla(connection: Connection, name: str, *, applied_at: int, applied_by: str) -> None:
    """Takes an SLA away; its statuses stay until retention takes them.

    Raises ``NotFound`` where no SLA has this name.
    """
    stored = [one for one in load_slas(connection) if one.name == name]
    if not stored:
        raise NotFound(f"there is no SLA {name!r}")
    connection.execute(delete(sli).where(sli.c.sla_name == name))
    connection.execute(delete(sla).where(sla.c.name == name))
    _record(connection, stored[0], "deleted", applied_at, applied_by)


def load_slas(connection: Connection) -> list[StoredSla]:
    """Every SLA as it stands, by name."""
    columns = (sla.c.name, sla.c.owner, sla.c.description, sla.c.revision, sla.c.document)
    rows = connection.execute(select(*columns))
    return sorted((StoredSla(*row) for row in rows), key=lambda one: one.name)


def _record(connection: Connection, definition: StoredSla, action: str, at: int, by: str) -> None:
    """One more change: numbered, for two may happen within one second, and to the same definition."""
    last = select(func.max(sla_revision.c.number)).where(sla_revision.c.sla_name == definition.name)
    columns = {
        "sla_name": definition.name,
        "number": (connection.execute(last).scalar() or 0) + 1,
        "applied_at": at,
        "revision": definition.revision,
        "action": action,
        "applied_by": by,
        "document": [definition.document],
    }
    upsert(connection, sla_revision, columns)
