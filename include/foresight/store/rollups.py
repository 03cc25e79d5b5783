"""Counts of SLIs over whole hours: written hour by hour, read as a few sums over any number of hours.

A roll-up covers 1, 2, 4, … 512 hours and ends at a UTC multiple of its length, so any span of hours is put
together from about a dozen of them: its *nodes*. Each is the sum of its two halves, made when both are there
and forgotten when one is.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, delete, func, insert, literal, select, tuple_

from foresight.store.bulk import upsert
from foresight.store.columns import Columns
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import sli_count, sli_rollup, sli_violation

HOUR: Final = 3600
LENGTHS: Final = tuple(2**power for power in range(10))
"""Lengths of roll-ups in hours; 30 days are 720."""
COUNTED: Final = 0
"""The series id of the row that says that an hour of an SLI was counted."""

Node = tuple[int, int]
"""End (epoch seconds) and length (hours) of a roll-up."""

_NAMES_AT_ONCE: Final = 500
_NODES_AT_ONCE: Final = 200
_SUMS: Final = ("n_observed", "n_violated", "n_no_traffic", "good_events", "total_events")
_EDGE: Final = (
    "sla_name", "sli_name", "series_id", "counting", "observed_bits", "violated_bits", "no_traffic_bits",
    "slot_events",
)  # fmt: skip


def nodes_of(after: int, until: int) -> list[Node]:
    """The fewest roll-ups that cover ``(after, until]``, both full hours, one after another."""
    begin, end = after // HOUR, until // HOUR
    found = []
    while begin < end:
        length = LENGTHS[-1]
        while begin % length or begin + length > end:
            length //= 2
        begin += length
        found.append((begin * HOUR, length))
    return found


def save_hours(connection: Connection, columns: Columns, violations: Columns) -> int:
    """Writes hours whole, and makes the roll-ups anew that rest on them and whose halves are there.

    Args:
        connection: inside a transaction of ``Store.transact``.
        columns: those of ``sli_rollup``, of single hours, as lists; each SLI and hour has a row of series
            ``COUNTED``. What is stored of other series in these hours was forgotten before.
        violations: those of ``sli_violation`` within these hours.
    """
    names = sorted(set(columns["sla_name"]))
    ends = sorted({int(end) for end in columns["hour"]})
    _forget(connection, [node for node in _nodes_over(ends) if node[1] > 1], names)
    written = upsert(connection, sli_rollup, columns)
    upsert(connection, sli_violation, violations)
    _grow(connection, ends, names)
    return written


def forget_hours(connection: Connection, ends: Iterable[int], sla_names: Sequence[str] | None = None) -> None:
    """Forgets these hours, by their ends, and what rests on them: who needs them next counts them anew.

    Of the SLAs named, or of all.
    """
    ends = sorted(set(ends))
    _forget(connection, _nodes_over(ends), sla_names)
    for chunk in _chunks(ends, _NODES_AT_ONCE):
        for condition in _names(sli_violation, sla_names):
            connection.execute(delete(sli_violation).where(sli_violation.c.hour.in_(chunk), *condition))


def _forget(connection: Connection, nodes: Sequence[Node], sla_names: Sequence[str] | None) -> None:
    for chunk in _chunks(nodes, _NODES_AT_ONCE):
        is_one = tuple_(sli_rollup.c.hour, sli_rollup.c.hours).in_(chunk)
        for condition in _names(sli_rollup, sla_names):
            connection.execute(delete(sli_rollup).where(is_one, *condition))


def _nodes_over(ends: Iterable[int]) -> list[Node]:
    """Every roll-up that one of these hours lies in."""
    return sorted({_node_over(end, length) for end in ends for length in LENGTHS})


def _names(table: Any, sla_names: Sequence[str] | None) -> Iterator[list[Any]]:
    if sla_names is None:
        yield []
        return
    for names in _chunks(list(sla_names), _NAMES_AT_ONCE):
        yield [table.c.sla_name.in_(names)]


def _node_over(end: int, length: int) -> Node:
    """The roll-up of that length that the hour lies in."""
    seconds = length * HOUR
    return -(-end // seconds) * seconds, length


def _grow(connection: Connection, ends: Sequence[int], sla_names: Sequence[str]) -> None:
    """Makes the roll-ups over these hours whose two halves are there, the shortest first."""
    below = list(ends)
    for length in LENGTHS[1:]:
        above = sorted({_node_over(end, length)[0] for end in below})
        below = [end for end in above if _sum_halves(connection, end, length, sla_names)]
        if not below:
            break


def _sum_halves(connection: Connection, end: int, length: int, sla_names: Sequence[str]) -> int:
    """Makes one roll-up of each SLI that has both halves, and says how many rows that are."""
    return sum(
        connection.execute(_sum_of_halves(end, length, chunk)).rowcount
        for chunk in _chunks(list(sla_names), _NAMES_AT_ONCE)
    )


def _sum_of_halves(end: int, length: int, sla_names: Sequence[str]) -> Any:
    half = length // 2
    part, mark = sli_rollup.alias("part"), sli_rollup.alias("mark")
    halves = (end - half * HOUR, end)
    whole = (
        select(mark.c.sla_name, mark.c.sli_name, mark.c.counting)
        .where(
            mark.c.hour.in_(halves), mark.c.hours == half, mark.c.series_id == COUNTED,
            mark.c.sla_name.in_(sla_names),
        )
        .group_by(mark.c.sla_name, mark.c.sli_name, mark.c.counting)
        .having(func.count() == 2)
        .subquery()
    )  # fmt: skip
    key = (part.c.sla_name, part.c.sli_name, part.c.series_id, part.c.counting)
    same = [part.c[name] == whole.c[name] for name in ("sla_name", "sli_name", "counting")]
    sums = [func.sum(part.c[name]) for name in _SUMS]
    query = (
        select(
            literal(end, sli_rollup.c.hour.type),
            literal(length, sli_rollup.c.hours.type),
            *key,
            *sums,
            func.min(part.c.since),
        )
        .select_from(part.join(whole, and_(*same)))
        .where(part.c.hour.in_(halves), part.c.hours == half)
        .group_by(*key)
    )
    names = ["hour", "hours", "sla_name", "sli_name", "series_id", "counting", *_SUMS, "since"]
    return insert(sli_rollup).from_select(names, query)


def sum_nodes(
    connection: Connection, sla_names: Sequence[str], nodes: Sequence[Node]
) -> dict[str, list[Any]]:
    """Sums over nodes by SLI, series and counting, as columns; ``n_nodes`` says how many there were.

    Where the row of series ``COUNTED`` has fewer than asked for, hours are missing.
    """
    table = sli_rollup.c
    key = (table.sla_name, table.sli_name, table.series_id, table.counting)
    sums = [func.sum(table[name]).label(name) for name in _SUMS]
    query: Select[Any] = select(
        *key, *sums, epoch(func.min(table.since)).label("since"), func.count().label("n_nodes")
    ).group_by(*key)
    names = [*(column.name for column in key), *_SUMS, "since", "n_nodes"]
    is_one = tuple_(table.hour, table.hours).in_(nodes)
    return _read(connection, query.where(is_one), names, sla_names)


def load_hour(connection: Connection, sla_names: Sequence[str], end: int) -> dict[str, list[Any]]:
    """The slots of one hour, by its end, as columns."""
    query: Select[Any] = select(*(sli_rollup.c[name] for name in _EDGE))
    query = query.where(sli_rollup.c.hour == end, sli_rollup.c.hours == 1)
    return _read(connection, query, _EDGE, sla_names)


def load_violations(
    connection: Connection, sla_names: Sequence[str], after: int, until: int
) -> dict[str, list[Any]]:
    """The violations in the hours that end in ``(after, until]``, as columns, by SLI, series and time."""
    table = sli_violation.c
    key = (table.sla_name, table.sli_name, table.series_id)
    slots = [epoch(table[name]).label(name) for name in ("first_slot", "last_slot")]
    query: Select[Any] = select(*key, *slots, table.worst).where(table.hour > after, table.hour <= until)
    names = [*(column.name for column in key), "first_slot", "last_slot", "worst"]
    return _read(connection, query, names, sla_names)


def counted_hours(
    connection: Connection, sla_names: Sequence[str], ends: Sequence[int]
) -> dict[tuple[str, str, str], set[int]]:
    """Which of these hours were counted, by SLA, SLI and counting."""
    table = sli_rollup.c
    query: Select[Any] = select(table.sla_name, table.sli_name, table.counting, epoch(table.hour)).where(
        table.hours == 1, table.series_id == COUNTED
    )
    found: dict[tuple[str, str, str], set[int]] = {}
    for some in _chunks(list(ends), _NODES_AT_ONCE):
        for chunk in _chunks(list(sla_names), _NAMES_AT_ONCE):
            chosen = query.where(table.hour.in_(some), table.sla_name.in_(chunk))
            for sla, sli, counting, end in zip(*read_columns(connection, chosen), strict=True):
                found.setdefault((sla, sli, counting), set()).add(end)
    return found


def save_counts(connection: Connection, columns: Columns) -> int:
    """Writes what was counted at an as-of: columns of ``sli_count``."""
    return upsert(connection, sli_count, columns)


def load_counts(connection: Connection, as_of: int, sla_names: Sequence[str]) -> dict[str, list[Any]]:
    """What was counted at an as-of, as columns."""
    names = [column.name for column in sli_count.c if column.name != "as_of"]
    query: Select[Any] = select(*(sli_count.c[name] for name in names)).where(sli_count.c.as_of == as_of)
    return _read(connection, query, names, sla_names)


def forget_counts(
    connection: Connection, after: int, before: int, sla_names: Sequence[str] | None = None
) -> None:
    """Forgets what was counted at each as-of strictly between: it rests on samples that are others now."""
    between = (sli_count.c.as_of > after, sli_count.c.as_of < before)
    for condition in _names(sli_count, sla_names):
        connection.execute(delete(sli_count).where(*between, *condition))


def forget_slis(connection: Connection, slis: Iterable[tuple[str, str]]) -> None:
    """Forgets everything that was counted of SLIs, by SLA and SLI: nobody tells them of changed samples."""
    for chunk in _chunks(sorted(slis), _NAMES_AT_ONCE):
        for table in (sli_rollup, sli_violation, sli_count):
            is_one = tuple_(table.c.sla_name, table.c.sli_name).in_(chunk)
            connection.execute(delete(table).where(is_one))


def _read(
    connection: Connection, query: Select[Any], names: Sequence[str], sla_names: Sequence[str]
) -> dict[str, list[Any]]:
    table = query.selected_columns[0].table  # type: ignore[attr-defined] # every query begins with a column
    found: dict[str, list[Any]] = {name: [] for name in names}
    for chunk in _chunks(list(sla_names), _NAMES_AT_ONCE):
        part = read_columns(connection, query.where(table.c.sla_name.in_(chunk)))
        for name, values in zip(names, part, strict=True):
            found[name].extend(values)
    return found


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
