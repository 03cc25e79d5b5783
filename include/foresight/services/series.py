"""What is stored about series, for people who ask."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import orjson
from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, select, true

from foresight.analysis import curves
from foresight.errors import NotFound
from foresight.matchers import matching
from foresight.series import SeriesKey
from foresight.services.parameters import analysis_parameters
from foresight.store import Store, load_matrix
from foresight.store.intervals import read_key
from foresight.store.tables import aggregate, forecast, series, series_analysis
from foresight.telemetry.catalogue import Catalogue, WatchedMetric

SHOWN_METRICS = 10


@dataclass(frozen=True, slots=True)
class SeriesList:
    """Some series with their newest outcome, and how many more there are."""

    rows: list[dict[str, Any]]
    n_more: int


@dataclass(frozen=True, slots=True)
class SeriesDetails:
    """One series at its newest as-of."""

    name: str
    analysis: dict[str, Any]
    aggregates: list[dict[str, Any]]
    forecast: list[dict[str, Any]]


def list_series(store: Store, metric: str | None, limit: int) -> SeriesList:
    """The series of a metric, or all, by metric and labels, at most ``limit``. Raises ``NotFound``."""
    wanted = series.c.metric == metric if metric else true()
    query = list_query(wanted, limit)

    def work(connection: Connection) -> SeriesList:
        n_all = connection.execute(select(func.count()).select_from(series).where(wanted)).scalar_one()
        if not n_all:
            raise NotFound(_nothing_stored(connection, metric))
        rows = [{**row, "series": _name(row)} for row in connection.execute(query).mappings()]
        return SeriesList(rows, n_all - len(rows))

    return store.read(work)


def _nothing_stored(connection: Connection, metric: str | None) -> str:
    """What to do where no series is found."""
    metrics = select(series.c.metric).distinct().order_by(series.c.metric).limit(SHOWN_METRICS)
    known = ", ".join(connection.execute(metrics).scalars())
    if metric is None or not known:
        return "no series is stored yet: telemetry_analysis stores them"
    return f"no series of a metric {metric!r} is stored; the first metrics are {known}"


def list_query(wanted: ColumnElement[bool], limit: int) -> Select[Any]:
    """Some series, and the newest outcome of each, which is looked up for these alone."""
    chosen = select(series).where(wanted).order_by(series.c.metric, series.c.labels).limit(limit).subquery()
    others = series_analysis.alias()
    newest = select(func.max(others.c.as_of)).where(others.c.series_id == chosen.c.series_id)
    is_newest = and_(
        series_analysis.c.series_id == chosen.c.series_id,
        series_analysis.c.as_of == newest.correlate(chosen).scalar_subquery(),
    )
    found = [series_analysis.c[name] for name in ("outcome", "model", "mase")]
    query = select(chosen, *found).select_from(chosen.outerjoin(series_analysis, is_newest))
    return query.order_by(chosen.c.metric, chosen.c.labels)


def get_series(store: Store, series_id: int) -> SeriesDetails:
    """One series. Raises ``NotFound``."""

    def work(connection: Connection) -> SeriesDetails:
        mine = connection.execute(select(series).where(series.c.series_id == series_id)).mappings().first()
        newest = select(func.max(series_analysis.c.as_of)).where(series_analysis.c.series_id == series_id)
        as_of = connection.execute(newest).scalar()
        if mine is None or as_of is None:
            raise NotFound(
                f"there is no analysed series {series_id}; `foresight series list` shows what there is"
            )

        def rows(table: Table) -> list[dict[str, Any]]:
            shown = [column for column in table.c if column.name != "series_id"]
            query = select(*shown).where(table.c.series_id == series_id, table.c.as_of == as_of)
            return [dict(row) for row in connection.execute(query.order_by(*table.primary_key)).mappings()]

        return SeriesDetails(_name(mine), rows(series_analysis)[0], rows(aggregate), rows(forecast))

    return store.read(work)


def series_curves(store: Store, catalogue: Catalogue, series_id: int) -> dict[str, Any]:
    """Slots, values and curves over the window before the newest as-of, as columns of equal length.

    They are computed from the stored samples by the function that the run calls, with what the catalogue says
    now. So they are what table ``curve`` holds for the metrics whose curves are stored, unless the run was
    given an ``hp_lambda`` of its own, which is not kept. Raises ``NotFound``.
    """
    found = get_series(store, series_id)
    key = store.read(lambda connection: read_key(connection, series_id))
    entry = _entry_of(catalogue, key)
    grid = entry.grid(int(found.analysis["as_of"].timestamp()))
    matrix = store.read(lambda connection: load_matrix(connection, [key], grid))
    period = np.array([found.analysis["period_slots"] or 0])
    drawn = curves(matrix.values, period, analysis_parameters(entry))
    parts, smooth = drawn.decomposition, drawn.hodrick_prescott
    return {
        "slot": [f"{datetime.fromtimestamp(end, UTC):%Y-%m-%dT%H:%MZ}" for end in grid.ends.tolist()],
        "value": matrix.values[0],
        "trend": parts.trend[0],
        "seasonal": parts.seasonal[0],
        "residual": parts.residual[0],
        "hp_cycle": smooth.cycle[0],
        "hp_trend": smooth.trend[0],
    }


def _entry_of(catalogue: Catalogue, key: SeriesKey) -> WatchedMetric:
    """The first entry that a series fits: the one that it is analysed by. Raises ``NotFound``."""
    for entry in catalogue.metrics:
        if entry.series_metric == key.metric and len(matching([key], entry.conditions)):
            return entry
    raise NotFound(f"the catalogue no longer watches {key}")


def _name(row: Any) -> str:
    return str(SeriesKey.of(row["metric"], orjson.loads(row["labels"])))
