"""What is stored about slices, as lines to show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, and_, func, select

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.orchestration.connections import read_results
from foresight.store.checks import count_rows
from foresight.store.slices import read_offsets
from foresight.store.tables import dead_letter, publication, slice_measurement, slice_prediction

COLUMNS: Final = (
    "slice", "gNB-CU", "cell", "period", "outcome", "configured", "raw", "capped", "final", "rule", "message",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class SliceStatus:
    """The newest decision on each cell as a table of ``COLUMNS``, how many more there are, and a summary."""

    lines: list[list[str]]
    n_more: int
    summary: str


def newest(limit: int) -> SliceStatus:
    """The newest decisions, by slice, gNB-CU and cell."""
    return read_results().read(lambda connection: _newest(connection, limit))


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
    lines = [_line(row) for row in connection.execute(query)]
    offsets = sum(read_offsets(connection, PERFORMANCE_TOPIC).values())
    summary = (
        f"{n_cells} cells, {count_rows(connection, slice_measurement)} measurements, "
        f"{count_rows(connection, dead_letter)} dead letters, read up to {offsets} messages"
    )
    return SliceStatus(lines, n_cells - len(lines), summary)


def _line(row: Any) -> list[str]:
    values = row.configured, row.raw, row.capped, row.final
    numbers = ["–" if value is None else f"{value:.5g}" for value in values]
    message = (row.state or "not announced") if row.is_sent else "–"
    when = f"{row.period_start:%Y-%m-%d %H:%M}"
    return [row.snssai, row.cu, row.cell, when, row.outcome, *numbers, row.rule, message]
