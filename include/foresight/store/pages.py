"""Reading a table page by page: by its key, so a page costs the same wherever it begins."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import orjson
from sqlalchemy import Column, ColumnElement, Connection, and_, func, or_, select

from foresight.series import SeriesKey
from foresight.store.column_types import Instant
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import series, series_analysis

Columns = dict[str, list[Any]]


@dataclass(frozen=True, slots=True)
class FoundSeries:
    """One stored series; ``labels`` is the identity's, ``id`` what rows name it by."""

    id: int
    key: SeriesKey
    partition_name: str


@dataclass(frozen=True, slots=True)
class Analysed:
    """What a run noted of one series: its as-of in epoch seconds, the slots of its window, the season."""

    as_of: int
    n_slots: int
    period_slots: int


def series_page(connection: Connection, metric: str, after: int, limit: int) -> list[FoundSeries]:
    """The next series of a metric, of all where it is empty, in the order of their ids."""
    query = select(series.c.series_id, series.c.metric, series.c.labels, series.c.partition_name)
    query = query.where(series.c.series_id > after)
    if metric:
        query = query.where(series.c.metric == metric)
    found = read_columns(connection, query.order_by(series.c.series_id).limit(limit))
    rows = [
        FoundSeries(series_id, SeriesKey.of(name, orjson.loads(labels)), partition)
        for series_id, name, labels, partition in zip(*found, strict=True)
    ]
    return sorted(rows, key=lambda row: row.id)


def analysed(connection: Connection, ids: Sequence[int], as_of: Mapping[int, int]) -> dict[int, Analysed]:
    """What was noted of each series at its as-of: at the newest one where ``as_of`` names none."""
    table = series_analysis
    unknown = [series_id for series_id in ids if series_id not in as_of]
    newest = select(table.c.series_id, epoch(func.max(table.c.as_of))).group_by(table.c.series_id)
    at = {series_id: as_of[series_id] for series_id in ids if series_id in as_of}
    if unknown:
        at |= dict(zip(*read_columns(connection, newest.where(table.c.series_id.in_(unknown))), strict=True))
    if not at:
        return {}
    query = select(
        table.c.series_id,
        epoch(table.c.as_of).label("as_of"),
        (table.c.n_observed + table.c.n_missing).label("n_slots"),
        func.coalesce(table.c.period_slots, 0).label("period_slots"),
    ).where(at_their_as_of(table.c.series_id, table.c.as_of, at))
    rows = zip(*read_columns(connection, query), strict=True)
    return {series_id: Analysed(*facts) for series_id, *facts in rows}


def at_their_as_of(
    series_id: ColumnElement[int], instant: ColumnElement[Any], at: Mapping[int, int]
) -> ColumnElement[bool]:
    """That a row is of one of these series and of its as-of; one as-of is mostly shared by many."""
    groups: dict[int, list[int]] = {}
    for one, as_of in at.items():
        groups.setdefault(as_of, []).append(one)
    found: ColumnElement[bool] = or_(
        *(and_(series_id.in_(sorted(ids)), instant == as_of) for as_of, ids in groups.items())
    )
    return found


def read_page(
    connection: Connection,
    keys: Sequence[Column[Any]],
    values: Sequence[Column[Any]],
    wanted: ColumnElement[bool],
    after: Sequence[Any],
    limit: int,
) -> Columns:
    """The next rows in the order of ``keys``, as columns by name; instants are epoch seconds.

    Args:
        connection: of ``Store.read``.
        keys: the columns of the primary key, in its order.
        values: the columns wanted beside them.
        wanted: which rows.
        after: the key of the last row that was read; empty for the first page.
        limit: most rows.
    """
    columns = [*keys, *values]
    shown = [epoch(c).label(c.name) if isinstance(c.type, Instant) else c for c in columns]
    query = select(*shown).where(wanted)
    if after:
        query = query.where(_beyond(keys, after))
    found = read_columns(connection, query.order_by(*keys).limit(limit))
    return dict(zip((c.name for c in columns), _in_order(found, len(keys)), strict=True))


def _beyond(keys: Sequence[Column[Any]], after: Sequence[Any]) -> ColumnElement[bool]:
    """That a row comes after a key: spelled out, for MySQL does not use an index for ``(a, b) > (x, y)``."""
    (key, *others), (value, *rest) = keys, after
    beyond: ColumnElement[bool] = key > value
    return or_(beyond, and_(key == value, _beyond(others, rest))) if others else beyond


def _in_order(columns: list[list[Any]], n_keys: int) -> list[list[Any]]:
    """The same rows ordered by the first ``n_keys`` columns."""
    keys = list(zip(*columns[:n_keys], strict=True))
    if all(before < after for before, after in pairwise(keys)):
        return columns
    order = sorted(range(len(keys)), key=keys.__getitem__)
    return [[column[row] for row in order] for column in columns]
