"""Intervals that were analysed or evaluated, and the rows of one interval as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
from sqlalchemy import Connection, Select, Table, func, select, update

from foresight.errors import NotFound
from foresight.grid import whole_seconds
from foresight.series import SeriesKey
from foresight.store.bulk import upsert
from foresight.store.checks import content_of
from foresight.store.reading import read_columns
from foresight.store.tables import (
    analysed_interval,
    evaluated_interval,
    series,
    series_analysis,
)

CATALOGUE_SCOPE: Final = "catalogue"
"""The scope of a run over the whole catalogue; other runs name the entries that they were about."""

_SERIES_AT_ONCE: Final = 1000
"""Ten forecast steps each make as many rows as come at once."""


def save_analysed_interval(connection: Connection, as_of: int, scope: str, **fields: Any) -> None:
    """Says that an interval was analysed; ``fields`` are the other columns of ``analysed_interval``."""
    row = {"as_of": as_of, "scope": scope} | fields
    upsert(connection, analysed_interval, {name: [value] for name, value in row.items()})


def save_evaluated_interval(connection: Connection, as_of: int, *, n_sla: int, n_sli: int) -> None:
    """Says that every SLA was evaluated for an interval."""
    key = {"as_of": as_of, "scope": CATALOGUE_SCOPE}
    row = key | {"n_sla": n_sla, "n_sli": n_sli}
    upsert(connection, evaluated_interval, {name: [value] for name, value in row.items()})
    connection.execute(update(analysed_interval).filter_by(**key).values(is_evaluated=True))


def is_analysed(connection: Connection, as_of: int, scope: str | None = None) -> bool:
    """Whether ``scope`` was analysed at ``as_of``; by default, whether anything was."""
    query = select(analysed_interval.c.scope).where(analysed_interval.c.as_of == as_of)
    found = set(connection.execute(query).scalars())
    return bool(found) if scope is None else scope in found


def next_evaluated(connection: Connection, as_of: int) -> int | None:
    """The first evaluated interval after ``as_of``."""
    query = select(func.min(evaluated_interval.c.as_of)).where(evaluated_interval.c.as_of > as_of)
    found = connection.execute(query).scalar()
    return None if found is None else whole_seconds(found)


def latest_analysed(connection: Connection) -> int | None:
    """The newest interval of the whole catalogue that was analysed."""
    as_of = analysed_interval.c.as_of
    query = select(as_of).filter_by(scope=CATALOGUE_SCOPE).order_by(as_of.desc()).limit(1)
    newest = connection.execute(query).scalar()
    return None if newest is None else whole_seconds(newest)


def newest_report(connection: Connection) -> Mapping[str, Any]:
    """What the newest run over the whole catalogue reported; empty where there is none."""
    query = (
        select(analysed_interval.c.report)
        .where(analysed_interval.c.scope == CATALOGUE_SCOPE)
        .order_by(analysed_interval.c.as_of.desc())
        .limit(1)
    )
    return connection.execute(query).scalar() or {}


def read_interval(connection: Connection, table: Table, as_of: int, names: Sequence[str]) -> dict[str, Any]:
    """Columns of what is stored of every series analysed at ``as_of``, as lists, in the order of the key.

    Args:
        connection: any.
        table: one with ``series_id`` and ``as_of``.
        as_of: epoch seconds.
        names: columns that are no instants.
    """
    analysed = select(series_analysis.c.series_id).where(series_analysis.c.as_of == as_of)
    (ids,) = read_columns(connection, analysed)
    query = select(*(table.c[name] for name in names)).where(table.c.as_of == as_of)
    columns = _read_by_series(connection, table, query, sorted(ids))
    keys = [columns[column.name] for column in table.primary_key if column.name in columns]
    order = np.lexsort(keys[::-1]).tolist()
    return {name: [values[at] for at in order] for name, values in columns.items()}


def read_series(connection: Connection, ids: Sequence[int]) -> dict[str, Any]:
    """Identity of the series with these ids, as columns."""
    query = select(series.c.series_id, series.c.metric, series.c.labels, series.c.partition_name)
    return _read_by_series(connection, series, query, ids)


def _read_by_series(
    connection: Connection, table: Table, query: Select[Any], ids: Sequence[int]
) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {column.name: [] for column in query.selected_columns}
    for start in range(0, len(ids), _SERIES_AT_ONCE):
        chosen = query.where(table.c.series_id.in_(ids[start : start + _SERIES_AT_ONCE]))
        for values, more in zip(columns.values(), read_columns(connection, chosen), strict=True):
            values += more
    return columns


def content_of_series(connection: Connection, as_of: int) -> str:
    """Which series have an analysis at ``as_of``, as a hash: what messages about them there are."""
    return content_of(connection, select(series_analysis.c.series_id).where(series_analysis.c.as_of == as_of))


def read_key(connection: Connection, series_id: int) -> SeriesKey:
    """The identity of a stored series. Raises ``NotFound``."""
    query = select(series.c.metric, series.c.labels).where(series.c.series_id == series_id)
    row = connection.execute(query).first()
    if row is None:
        raise NotFound(f"there is no series {series_id}")
    return SeriesKey.of(row.metric, orjson.loads(row.labels))
