"""The newest decision on each cell."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, func, select

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.store import Store
from foresight.store.checks import count_rows
from foresight.store.slices import read_offsets
from foresight.store.tables import dead_letter, publication, slice_measurement, slice_prediction


@dataclass(frozen=True, slots=True)
class SliceStatus:
    """The newest decision on each cell, as rows of ``slice_prediction`` with the ``state`` of its message.

    ``n_more`` counts the cells beyond those that were asked for.
    """

    rows: list[dict[str, Any]]
    n_more: int
    n_cells: int
    n_measurements: int
    n_dead_letters: int
    n_messages_read: int


def slice_status(store: Store, limit: int) -> SliceStatus:
    """The newest decisions, by slice, gNB-CU and cell."""
    return store.read(lambda connection: _newest(connection, limit))


def _newest(connection: Connection, limit: int) -> SliceStatus:
    table = slice_prediction.c
    key = (table.snssai, table.cu, table.cell)
    last = select(*key, func.max(table.period_start).label("start")).group_by(*key).subquery()
    same = [last.c[column.name] == column for column in key]
    sent = and_(publication.c.topic == POLICY_TOPIC, publication.c.as_of == table.as_of)
    query = (
        select(slice_prediction, publication.c.state)
        .select_from(
            slice_prediction.join(last, and_(*same, last.c.start == table.period_start)).outerjoin(
                publication, sent
            )
        )
        .order_by(*key)
        .limit(limit)
    )
    n_cells = connection.execute(select(func.count()).select_from(last)).scalar_one()
    rows = [dict(row) for row in connection.execute(query).mappings()]
    return SliceStatus(
        rows=rows,
        n_more=n_cells - len(rows),
        n_cells=n_cells,
        n_measurements=count_rows(connection, slice_measurement),
        n_dead_letters=count_rows(connection, dead_letter),
        n_messages_read=sum(read_offsets(connection, PERFORMANCE_TOPIC).values()),
    )
