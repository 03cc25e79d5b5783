"""Which intervals are done and what waits: read by the tasks that decide what to do next."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Table, and_, func, select

from foresight.grid import whole_seconds
from foresight.store.bulk import upsert
from foresight.store.tables import analysed_interval, evaluated_interval, publication, run

MOST_PENDING: Final = 1000
"""Most intervals that wait that are read at once; a run works on 100."""


def save_run(connection: Connection, dag_id: str, run_id: str, **fields: Any) -> None:
    """Writes what is known of a run now; fields left out keep what was written before.

    ``fields`` are columns of ``run``; the first write of a run needs ``kind`` and ``state``.
    """
    _merge_row(connection, run, {"dag_id": dag_id, "run_id": run_id}, fields)


def save_publication(connection: Connection, topic: str, as_of: int, part: str, **fields: Any) -> None:
    """Writes what is known of a batch of messages; fields left out keep what was written before.

    ``fields`` are columns of ``publication``, which the first write gives all but ``start_offsets``.
    """
    _merge_row(connection, publication, {"topic": topic, "as_of": as_of, "part": part}, fields)


def find_publication(connection: Connection, topic: str, as_of: int, part: str) -> dict[str, Any] | None:
    """One row of ``publication`` by column name, or None."""
    return _row(connection, publication, {"topic": topic, "as_of": as_of, "part": part})


def pending_intervals(connection: Connection, scope: str) -> list[int]:
    """As-of of the newest ``MOST_PENDING`` intervals that are analysed and not evaluated yet, oldest first.

    Those with gaps count too: a run that follows its event evaluates them as well, and one entry of the
    catalogue that always fails leaves no interval whole.
    """
    analysed, evaluated = analysed_interval.c, evaluated_interval.c
    is_same = and_(analysed.as_of == evaluated.as_of, analysed.scope == evaluated.scope)
    query = (
        select(analysed.as_of)
        .select_from(analysed_interval.outerjoin(evaluated_interval, is_same))
        .where(analysed.scope == scope, analysed.is_evaluated.is_(None), evaluated.as_of.is_(None))
        .order_by(analysed.as_of.desc())
        .limit(MOST_PENDING)
    )
    return sorted(whole_seconds(as_of) for as_of in connection.execute(query).scalars())


def latest_as_of(connection: Connection, table: Table) -> int | None:
    """The newest as-of of a table that has the column, None where it is empty."""
    newest = connection.execute(select(func.max(table.c.as_of))).scalar()
    return None if newest is None else whole_seconds(newest)


def _row(connection: Connection, table: Table, key: dict[str, Any]) -> dict[str, Any] | None:
    conditions = [table.c[name] == value for name, value in key.items()]
    found = connection.execute(select(table).where(*conditions)).mappings().one_or_none()
    return None if found is None else dict(found)


def _merge_row(connection: Connection, table: Table, key: dict[str, Any], fields: dict[str, Any]) -> None:
    whole = (_row(connection, table, key) or {}) | fields | key
    upsert(connection, table, {name: [value] for name, value in whole.items()})
