"""What is kept how long: rows that are over are deleted, cheaply where the database keeps days apart."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, exists, func, or_, select
from sqlalchemy.dialects import mysql

from foresight.errors import FinalError
from foresight.store.engine import Store, is_mysql
from foresight.store.partitions import EPOCH, Layout, add_days, drop_days, read_layout, split_past
from foresight.store.tables import metadata, sample_window, series, slice_configuration
from foresight.store.tables.base import FUTURE, PAST

logger = logging.getLogger(__name__)

MAX_DAYS: Final = 3650
"""Longest retention; MySQL allows 8,192 partitions a table."""

_DAYS_AHEAD: Final = 7
"""Days that get a partition before they come: so long maintenance may fail before ``p_future`` fills."""

_ROWS_AT_ONCE: Final = 10_000
_LOCK: Final = "maintain"


@dataclass(frozen=True, slots=True)
class Maintained:
    """What was done to one table."""

    table: str
    n_rows_deleted: int
    n_days_dropped: int
    n_days_added: int


def maintain(store: Store, now: int, retention_days: Mapping[str, int]) -> list[Maintained]:
    """Deletes what is older than its retention, and makes day partitions for the days to come.

    A row is over when the day of its time ended ``retention_days`` days before the day of ``now`` began. It
    does not matter in what order rows came, nor how often or how rarely this is called. A series that never
    held a value goes with the last trace of a run that looked at it.

    Args:
        store: the results database.
        now: epoch seconds.
        retention_days: days by table; a table that is not named keeps everything.

    Raises:
        FinalError: no such table, a table that has no time, or a number of days out of range.
    """
    cutoffs = {name: _cutoff(name, now, days) for name, days in retention_days.items()}
    done = []
    for table in metadata.sorted_tables:
        if table.info["kept_by"] is not None:
            done.append(_maintain_one(store, table, _day(now), cutoffs.get(table.name)))
            logger.info("%s", done[-1])
    return done


def _maintain_one(store: Store, table: Table, today: date, cutoff: date | None) -> Maintained:
    if store.is_mysql and table.info["by_day"]:
        return store.transact(lambda connection: _move_days(connection, table, today, cutoff), lock=_LOCK)
    n_rows = 0
    while cutoff is not None:
        deleted = store.transact(lambda connection: _delete_some(connection, table, cutoff))
        n_rows += deleted
        if deleted < _ROWS_AT_ONCE or not store.is_mysql:
            break
    return Maintained(table.name, n_rows, 0, 0)


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
        return exists().where(*same, held.c.since > time)
    if table is not series:
        return is_old
    was_read = exists().where(sample_window.c.series_id == series.c.series_id)
    return or_(is_old, and_(time.is_(None), ~was_read))


def _move_days(connection: Connection, table: Table, today: date, cutoff: date | None) -> Maintained:
    """MySQL commits each of these statements by itself; whatever is cut off is done by the next call."""
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
