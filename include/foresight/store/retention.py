"""What is kept how long: rows that are over are deleted, cheaply where the database keeps days apart."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select, text
from sqlalchemy.dialects import mysql

from foresight.errors import FinalError, StoreUnavailable
from foresight.grid import Grid, whole_seconds
from foresight.store.bulk import upsert
from foresight.store.engine import LOCK_WAIT_SECONDS, Store, is_mysql
from foresight.store.failures import TryAgain
from foresight.store.partitions import (
    EPOCH,
    Layout,
    add_days,
    drop_days,
    partition_names,
    read_layout,
    split_past,
)
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import (
    metadata,
    retention_mark,
    sample,
    sample_window,
    series,
    slice_configuration,
    slice_measurement,
)
from foresight.store.tables.base import FUTURE, PAST
from foresight.store.windows import chunks

logger = logging.getLogger(__name__)

MAX_DAYS: Final = 3650
"""Longest retention; MySQL allows 8,192 partitions a table."""

_DAYS_AHEAD: Final = 7
"""Days that get a partition before they come: so long maintenance may fail before ``p_future`` fills."""

_ROWS_AT_ONCE: Final = 10_000
_LOCK: Final = "maintain"
_LOCK_WAIT_SECONDS: Final = 1
"""Longest that a change of partitions waits for a reader: so long it holds up every writer of the table."""
_ROUNDS: Final = 6
"""How often a table is tried that somebody is reading or writing."""
_FEW_DAYS: Final = 7
"""A drop of so many days is never large."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to one table."""

    table: str
    n_rows_deleted: int
    n_days_dropped: int
    n_days_added: int


class LargeDrop(FinalError):
    """Maintenance would delete so much at once that a person has to agree."""


def maintain(
    store: Store,
    now: int,
    retention_days: Mapping[str, int],
    *,
    allow_large_drop: bool = False,
    pause_seconds: float = 10.0,
) -> list[Maintained]:
    """Deletes what is older than its retention, and makes day partitions for the days to come.

    The data give the time: days are counted back from the newest measured value, and from ``now`` only
    where that is earlier or nothing was ever measured. So a clock that runs ahead deletes nothing.

    A row is over when the day of its time ended ``retention_days`` days before that day began. It does not
    matter in what order rows came, nor how often or how rarely this is called. A series that never held a
    value goes with the last trace of a run that looked at it.

    Args:
        store: the results database.
        now: epoch seconds.
        retention_days: days by table; a table that is not named keeps everything.
        allow_large_drop: delete also where more than half of the days go that the last call kept.
        pause_seconds: pause before tables are tried again that were in use.

    Raises:
        FinalError: no such table, a table that has no time, or a number of days out of range.
        LargeDrop: some tables would lose too much at once; they are as they were, the others are done.
        StoreUnavailable: some tables were in use all the time; the others are done.
    """
    moment = store.read(lambda connection: _moment(connection, now))
    cutoffs = {name: _cutoff(name, moment, days) for name, days in retention_days.items()}
    marks = {} if allow_large_drop else store.read(_marks)
    limits = {name: max(_FEW_DAYS, days // 2) for name, days in retention_days.items()}
    done, refused = list[Maintained](), list[str]()
    waiting = [table for table in metadata.sorted_tables if table.info["kept_by"] is not None]
    for attempt in range(_ROUNDS):
        if attempt and waiting:
            logger.warning("in use, tried again in %g s: %s", pause_seconds, ", ".join(map(str, waiting)))
            time.sleep(pause_seconds)
        busy = []
        for table in waiting:
            cutoff, mark = cutoffs.get(table.name), marks.get(table.name)
            if (
                cutoff
                and mark
                and (cutoff - mark).days > limits[table.name]
                and _has_over(store, table, cutoff)
            ):
                refused.append(f"{table.name} ({(cutoff - mark).days} days, up to {cutoff})")
                cutoff = None
            try:
                done.append(_maintain_one(store, table, _day(now), cutoff))
            except TryAgain:
                busy.append(table)
                continue
            logger.info("%s", done[-1])
        waiting = busy
    if refused:
        raise LargeDrop(
            f"too much would be deleted at once: {', '.join(refused)}; look at the clock and at the newest "
            "data, and if they are right, run maintenance with allow_large_drop"
        )
    if waiting:
        raise StoreUnavailable(f"in use all the time, left for later: {', '.join(map(str, waiting))}")
    return done


def _moment(connection: Connection, now: int) -> int:
    """The instant that days are counted back from, epoch seconds: of clocks and data the earliest."""
    clocks = [now]
    if is_mysql(connection):
        clocks.append(int(connection.execute(text("SELECT UNIX_TIMESTAMP()")).scalar_one()))
    measured = [
        connection.execute(select(func.max(series.c.last_seen))).scalar(),
        _newest_measurement(connection),
    ]
    known = [whole_seconds(at) for at in measured if at is not None]
    if not known:
        at = _newest_sample(connection)
        known = [] if at is None else [whole_seconds(at)]
    moment = min([*clocks, max(known, default=now)])
    if moment < now - _FEW_DAYS * 86_400:
        logger.warning(
            "the newest data are of %s, the run is of %s: days are counted from the former",
            _day(moment), _day(now),
        )  # fmt: skip
    return moment


def _newest_measurement(connection: Connection) -> datetime | None:
    table = slice_measurement
    if is_mysql(connection):
        return _newest(connection, table, "1 = 1")
    return connection.execute(select(func.max(table.c.period_start))).scalar()


def _newest_sample(connection: Connection) -> datetime | None:
    """The newest slot with a value; a day on its own where the database keeps days apart."""
    if is_mysql(connection):
        return _newest(connection, sample, "value IS NOT NULL")
    return connection.execute(select(func.max(sample.c.slot)).where(sample.c.value.is_not(None))).scalar()


def _newest(connection: Connection, table: Table, condition: str) -> datetime | None:
    """The newest time of the rows that meet a condition, found partition by partition from the last one."""
    for partition in reversed(partition_names(connection, table)):
        query = (
            f"SELECT MAX({table.info['kept_by']}) FROM {table.name} "  # noqa: S608 - names of ours
            f"PARTITION ({partition}) WHERE {condition}"
        )
        found: datetime | None = connection.exec_driver_sql(query).scalar()
        if found is not None:
            return found.replace(tzinfo=UTC)
    return None


def _marks(connection: Connection) -> dict[str, date]:
    """From which day on each table was kept by the last call."""
    table = retention_mark.c
    rows = connection.execute(select(table.table_name, table.kept_from))
    return {name: kept_from.date() for name, kept_from in rows}


def _has_over(store: Store, table: Table, cutoff: date) -> bool:
    query = select(*table.primary_key).where(_is_over(table, cutoff)).limit(1)
    return store.read(lambda connection: connection.execute(query).first()) is not None


def has_lost_samples(connection: Connection, grid: Grid) -> bool:
    """Whether samples within a grid were stored once and are not any more.

    A run writes every slot of its window, and retention takes the oldest days of all series. So a series has
    lost some where the oldest row that it has is later than the first slot that it must have had one in: its
    first value, or the first slot of the grid if that came earlier.
    """
    first = int(grid.ends[0])
    alive = (series.c.first_seen <= grid.as_of, series.c.last_seen > grid.start)
    query = select(series.c.series_id, epoch(series.c.first_seen).label("first_seen")).where(*alive)
    began = dict(zip(*read_columns(connection, query), strict=True))
    for chunk in chunks(np.array(list(began), dtype=np.int64)):
        at_first = select(sample.c.series_id).where(sample.c.series_id.in_(chunk), sample.c.slot == first)
        rest = sorted(set(chunk).difference(*read_columns(connection, at_first)))
        if rest:
            oldest = select(sample.c.series_id, epoch(func.min(sample.c.slot)).label("oldest"))
            grouped = oldest.where(sample.c.series_id.in_(rest)).group_by(sample.c.series_id)
            kept = dict(zip(*read_columns(connection, grouped), strict=True))
            if any(one not in kept or kept[one] > max(first, began[one]) for one in rest):
                return True
    return False


def _maintain_one(store: Store, table: Table, today: date, cutoff: date | None) -> Maintained:
    done = _deleted(store, table, today, cutoff)
    if cutoff is not None:
        mark = {"table_name": table.name, "kept_from": _epoch(cutoff), "moved_at": int(time.time())}
        row = {name: [value] for name, value in mark.items()}
        store.transact(lambda connection: upsert(connection, retention_mark, row))
    return done


def _deleted(store: Store, table: Table, today: date, cutoff: date | None) -> Maintained:
    if table is sample and cutoff is not None:
        # Before and after: a run may note a window that begins before the cutoff while its samples go.
        _forget_windows(store, cutoff)
    try:
        if store.is_mysql and table.info["by_day"]:
            once = replace(store, attempts=1)
            return once.transact(lambda connection: _move_days(connection, table, today, cutoff), lock=_LOCK)
        n_rows = 0 if cutoff is None else _delete(store, table, cutoff)
        return Maintained(table.name, n_rows, 0, 0)
    finally:
        if table is sample and cutoff is not None:
            _forget_windows(store, cutoff)


def _forget_windows(store: Store, cutoff: date) -> None:
    """Forgets the windows that begin before the cutoff: not all of their samples are there any more."""
    _delete(store, sample_window, cutoff)


def _delete(store: Store, table: Table, cutoff: date) -> int:
    """Deletes rows before ``cutoff``, on MySQL in several transactions; says how many those were."""
    n_rows = 0
    while True:
        deleted = store.transact(lambda connection: _delete_some(connection, table, cutoff))
        n_rows += deleted
        if deleted < _ROWS_AT_ONCE or not store.is_mysql:
            return n_rows


def _delete_some(connection: Connection, table: Table, cutoff: date) -> int:
    """Deletes rows before ``cutoff``; on MySQL not so many at once that others wait."""
    statement = delete(table).where(_is_over(table, cutoff))
    if is_mysql(connection):
        statement = statement.ext(mysql.limit(_ROWS_AT_ONCE))
    return connection.execute(statement).rowcount


def _is_over(table: Table, cutoff: date) -> ColumnElement[bool]:
    """A series that never held a value has no time: it is over when the last window read of it is gone.

    A configured limit is over when another has taken its place before the cutoff: what holds stays.
    """
    time = table.c[table.info["kept_by"]]
    is_old = time < _epoch(cutoff)
    if table is slice_configuration:
        key = [column for column in table.primary_key if column is not time]
        # Grouped aside: MySQL takes no rows away from a table that it looks into at the same time.
        held = select(*key, func.max(time).label("since")).where(is_old).group_by(*key).subquery()
        same = [held.c[column.name] == column for column in key]
        return and_(is_old, exists().where(*same, held.c.since > time))
    if table is not series:
        return is_old
    was_read = exists().where(sample_window.c.series_id == series.c.series_id)
    return or_(is_old, and_(time.is_(None), ~was_read))


def _move_days(connection: Connection, table: Table, today: date, cutoff: date | None) -> Maintained:
    """MySQL commits each of these statements by itself; whatever is cut off is done by the next call.

    While one waits for a reader, all who come later wait behind it: so it does not wait for long.
    """
    connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LOCK_WAIT_SECONDS}")
    try:
        return _moved(connection, table, today, cutoff)
    finally:
        if not connection.invalidated:
            connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {LOCK_WAIT_SECONDS}")


def _moved(connection: Connection, table: Table, today: date, cutoff: date | None) -> Maintained:
    before = layout = read_layout(connection, table)
    oldest = None if layout.n_days else _oldest_day(connection, table, FUTURE)
    start = max(cutoff or EPOCH, min(today, oldest or today))
    layout = _run(connection, *add_days(table, layout, start, today + timedelta(days=_DAYS_AHEAD + 1)))
    n_added = (layout.end - max(before.end, layout.first)).days
    if cutoff is not None:
        if _has_rows(connection, table, PAST):
            layout = _run(connection, *split_past(table, layout, cutoff))
        n_days = layout.n_days
        layout = _run(connection, *drop_days(table, layout, cutoff))
        return Maintained(table.name, 0, n_days - layout.n_days, n_added)
    return Maintained(table.name, 0, 0, n_added)


def _run(connection: Connection, layout: Layout, statements: list[str]) -> Layout:
    for statement in statements:
        connection.exec_driver_sql(statement)
    return layout


def _has_rows(connection: Connection, table: Table, partition: str) -> bool:
    query = f"SELECT 1 FROM {table.name} PARTITION ({partition}) LIMIT 1"  # noqa: S608 - names of ours
    return connection.exec_driver_sql(query).first() is not None


def _oldest_day(connection: Connection, table: Table, partition: str) -> date | None:
    """The first day of the rows in one partition; None where it is empty."""
    query = f"SELECT MIN({table.info['kept_by']}) FROM {table.name} PARTITION ({partition})"  # noqa: S608 - ours
    oldest = connection.exec_driver_sql(query).scalar()
    return None if oldest is None else oldest.date()


def _cutoff(name: str, now: int, days: int) -> date:
    """The first day that is kept."""
    table = metadata.tables.get(name)
    if table is None or table.info["kept_by"] is None:
        timed = sorted(one.name for one in metadata.sorted_tables if one.info["kept_by"] is not None)
        raise FinalError(f"retention of {name!r}: no such table; those kept by time are {', '.join(timed)}")
    if not 1 <= days <= MAX_DAYS:
        raise FinalError(f"retention of {name!r}: {days} days; from 1 to {MAX_DAYS} are allowed")
    return _day(now) - timedelta(days=days)


def _day(epoch: int) -> date:
    return datetime.fromtimestamp(epoch, UTC).date()


def _epoch(day: date) -> int:
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp())
