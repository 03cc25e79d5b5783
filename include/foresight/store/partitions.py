"""Day partitions of a table on MySQL: what there is, and the statements that move it to where it should be.

The partitions of a table are ``p_past``, one for each of some consecutive days, ``p_future``. Whatever day
a row has, there is a place for it: a late backfill lands in ``p_past``, rows of a store that nobody maintains
in ``p_future``. Days that are over are emptied at once and become part of ``p_past``.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from sqlalchemy import Connection, Table, text

from foresight.store.tables.base import FUTURE, PAST

EPOCH: Final = date(1970, 1, 2)
"""Where ``p_past`` of a new table ends."""

_DAY: Final = timedelta(days=1)
_FUTURE: Final = f"PARTITION {FUTURE} VALUES LESS THAN (MAXVALUE)"


@dataclass(frozen=True, slots=True)
class Layout:
    """The days from ``first`` up to, not including, ``end`` have partitions of their own."""

    first: date
    end: date

    def __post_init__(self) -> None:
        if self.first > self.end:
            msg = f"a layout cannot start at {self.first} and end at {self.end}"
            raise ValueError(msg)

    @property
    def n_days(self) -> int:
        """Days with a partition of their own."""
        return (self.end - self.first).days


def read_layout(connection: Connection, table: Table) -> Layout:
    """The partitions that the table has now."""
    query = text(
        "SELECT partition_name, partition_description FROM information_schema.partitions "
        "WHERE table_schema = DATABASE() AND table_name = :name AND partition_name <> :future"
    )
    rows = connection.execute(query, {"name": table.name, "future": FUTURE})
    bounds = {name: datetime.fromisoformat(bound.strip("'")).date() for name, bound in rows}
    return Layout(bounds[PAST], max(bounds.values()))


def partition_names(connection: Connection, table: Table) -> list[str]:
    """The names of all partitions that the table has now, the oldest rows first."""
    query = text(
        "SELECT partition_name FROM information_schema.partitions "
        "WHERE table_schema = DATABASE() AND table_name = :name ORDER BY partition_ordinal_position"
    )
    return list(connection.execute(query, {"name": table.name}).scalars())


def add_days(table: Table, layout: Layout, start: date, end: date) -> tuple[Layout, list[str]]:
    """Gives the days up to ``end`` partitions; ``start`` is where they begin if there is none yet."""
    if end <= layout.end:
        return layout, []
    if layout.n_days:
        parts = [*_day_partitions(layout.end, end), _FUTURE]
        return Layout(layout.first, end), [_reorganised(table, [FUTURE], parts)]
    first = max(start, layout.end)
    parts = [_partition(PAST, first), *_day_partitions(first, end), _FUTURE]
    return Layout(first, end), [_reorganised(table, [PAST, FUTURE], parts)]


def split_past(table: Table, layout: Layout, first: date) -> tuple[Layout, list[str]]:
    """Gives the days from ``first`` on that lie in ``p_past`` partitions of their own."""
    if first >= layout.first:
        return layout, []
    parts = [_partition(PAST, first), *_day_partitions(first, layout.first)]
    return Layout(first, layout.end), [_reorganised(table, [PAST], parts)]


def drop_days(table: Table, layout: Layout, cutoff: date) -> tuple[Layout, list[str]]:
    """Empties ``p_past`` and the days before ``cutoff``, and makes them one; the days must reach ``cutoff``.

    Nothing happens where ``p_past`` goes beyond ``cutoff``, for it may hold rows to keep.
    """
    if cutoff < layout.first:
        return layout, []
    first = min(cutoff, layout.end)
    over = [PAST, *map(_name, _days(layout.first, first))]
    statements = [f"ALTER TABLE {table.name} TRUNCATE PARTITION {', '.join(over)}"]
    if first > layout.first:
        statements.append(_reorganised(table, over, [_partition(PAST, first)]))
    return Layout(first, layout.end), statements


def _days(start: date, end: date) -> Iterator[date]:
    return (start + index * _DAY for index in range((end - start).days))


def _day_partitions(start: date, end: date) -> list[str]:
    return [_partition(_name(day), day + _DAY) for day in _days(start, end)]


def _name(day: date) -> str:
    return f"p{day:%Y%m%d}"


def _partition(name: str, end: date) -> str:
    return f"PARTITION {name} VALUES LESS THAN ('{end.isoformat()}')"


def _reorganised(table: Table, names: list[str], parts: list[str]) -> str:
    return f"ALTER TABLE {table.name} REORGANIZE PARTITION {', '.join(names)} INTO ({', '.join(parts)})"
