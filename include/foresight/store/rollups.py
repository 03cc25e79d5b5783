"""Counts of SLIs by hour: written whole, read as sums over any whole hours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, case, delete, func, select

from foresight.grid import whole_seconds
from foresight.store.bulk import upsert
from foresight.store.columns import Columns
from foresight.store.tables import sli_hour

_NAMES_AT_ONCE: Final = 500
SliName = tuple[str, str]
"""SLA and SLI."""
COUNTED: Final = 0
"""The series id of the row that says that an hour of an SLI was counted."""


@dataclass(frozen=True, slots=True)
class HourSums:
    """What one SLI on one series has over some hours; ``first_hour`` is the end of the first one with
    anything judged."""

    sla: str
    sli: str
    series_id: int
    counting: str
    observed: int
    violated: int
    no_traffic: int
    good: float
    total: float
    first_hour: int | None


def save_hours(connection: Connection, columns: Columns) -> int:
    """Writes hours whole: what was stored of them is replaced.

    Args:
        connection: inside a transaction of ``Store.transact``.
        columns: those of ``sli_hour``; each SLI and hour has a row of series ``COUNTED``.
    """
    return upsert(connection, sli_hour, columns)


def sum_hours(connection: Connection, sla_names: Sequence[str], after: int, until: int) -> list[HourSums]:
    """The sums over the hours that end in ``(after, until]``, by SLI, series and counting."""
    hour = sli_hour.c
    first = func.min(case((hour.n_observed > 0, hour.hour)))
    query = select(
        hour.sla_name, hour.sli_name, hour.series_id, hour.counting,
        func.sum(hour.n_observed), func.sum(hour.n_violated), func.sum(hour.n_no_traffic),
        func.sum(hour.good_events), func.sum(hour.total_events), first,
    ).group_by(hour.sla_name, hour.sli_name, hour.series_id, hour.counting)  # fmt: skip
    return [
        HourSums(
            row[0], row[1], row[2], row[3], int(row[4]), int(row[5]), int(row[6]), float(row[7]),
            float(row[8]), None if row[9] is None else whole_seconds(row[9]),
        )
        for chunk in _chunks(sla_names)
        for row in connection.execute(
            query.where(hour.sla_name.in_(chunk), hour.hour > after, hour.hour <= until)
        )
    ]  # fmt: skip


def counted_hours(
    connection: Connection, sla_names: Sequence[str], after: int, until: int
) -> dict[tuple[str, str, str], set[int]]:
    """Which hours in ``(after, until]`` were counted, by SLA, SLI and counting."""
    hour = sli_hour.c
    query = select(hour.sla_name, hour.sli_name, hour.counting, hour.hour).where(
        hour.series_id == COUNTED, hour.hour > after, hour.hour <= until
    )
    found: dict[tuple[str, str, str], set[int]] = {}
    for chunk in _chunks(sla_names):
        for sla, sli, counting, end in connection.execute(query.where(hour.sla_name.in_(chunk))):
            found.setdefault((sla, sli, counting), set()).add(whole_seconds(end))
    return found


def count_hours(
    connection: Connection, sla_names: Sequence[str], after: int, until: int
) -> dict[tuple[str, str, str], int]:
    """How many hours in ``(after, until]`` were counted, by SLA, SLI and counting."""
    hour = sli_hour.c
    query = select(hour.sla_name, hour.sli_name, hour.counting, func.count()).where(
        hour.series_id == COUNTED, hour.hour > after, hour.hour <= until
    )
    return {
        (sla, sli, counting): n
        for chunk in _chunks(sla_names)
        for sla, sli, counting, n in connection.execute(
            query.where(hour.sla_name.in_(chunk)).group_by(hour.sla_name, hour.sli_name, hour.counting)
        )
    }


def forget_hours(connection: Connection, sla_names: Sequence[str], after: int, until: int) -> None:
    """Forgets the hours that end in ``(after, until]``: the next evaluation counts them anew."""
    for chunk in _chunks(sla_names):
        connection.execute(
            delete(sli_hour).where(
                sli_hour.c.sla_name.in_(chunk), sli_hour.c.hour > after, sli_hour.c.hour <= until
            )
        )


def _chunks(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _NAMES_AT_ONCE):
        yield names[start : start + _NAMES_AT_ONCE]
