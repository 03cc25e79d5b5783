"""Planned downtime as it is stored, and the record of who changed it when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection, delete, func, select

from foresight.errors import NotFound
from foresight.grid import whole_seconds
from foresight.store.bulk import upsert
from foresight.store.tables import maintenance_change, maintenance_window


def save_maintenance(connection: Connection, row: Mapping[str, Any], *, at: int, by: str) -> bool:
    """Makes a window as given; False, and nothing is written, where it is so already.

    Args:
        connection: inside a transaction of ``Store.transact`` that holds ``DEFINITION_LOCK``.
        row: the columns of ``maintenance_window``; instants are epoch seconds.
        at: epoch seconds.
        by: who does it.
    """
    before = {each["name"]: each for each in load_maintenance(connection)}.get(row["name"])
    if before == dict(row):
        return False
    upsert(connection, maintenance_window, {name: [value] for name, value in row.items()})
    _record(connection, row, "changed" if before else "added", at, by)
    return True


def delete_maintenance(connection: Connection, name: str, *, at: int, by: str) -> dict[str, Any]:
    """Deletes a window and answers what it was. Raises ``NotFound``."""
    stored = {each["name"]: each for each in load_maintenance(connection)}
    if name not in stored:
        raise NotFound(f"there is no planned downtime {name!r}; there are {', '.join(stored) or 'none'}")
    connection.execute(delete(maintenance_window).where(maintenance_window.c.name == name))
    _record(connection, stored[name], "deleted", at, by)
    return stored[name]


def load_maintenance(connection: Connection) -> list[dict[str, Any]]:
    """Every window, by name; instants are epoch seconds."""
    rows = connection.execute(select(maintenance_window).order_by(maintenance_window.c.name)).mappings()
    plain = [{str(name): value for name, value in row.items()} for row in rows]
    return [{**row, "starts_at": whole_seconds(row["starts_at"])} for row in plain]


def _record(connection: Connection, row: Mapping[str, Any], action: str, at: int, by: str) -> None:
    last = select(func.max(maintenance_change.c.number)).where(maintenance_change.c.name == row["name"])
    columns = {
        "name": row["name"],
        "number": (connection.execute(last).scalar() or 0) + 1,
        "action": action,
        "changed_at": at,
        "changed_by": by,
        "document": [dict(row)],
    }
    upsert(connection, maintenance_change, columns)
