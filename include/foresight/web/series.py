"""One series, its curves, and how long the stages of runs took."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import FastAPI, Path, Query
from pydantic import Field

from foresight.services import series, stages
from foresight.store.tables import aggregate, forecast, series_analysis
from foresight.web.context import Doors
from foresight.web.errors import wrong
from foresight.web.fields import SeriesId, Shown, When, row_model
from foresight.web.listing import BASE


def _without(table: Any, *names: str) -> tuple[Any, ...]:
    return tuple(column for column in table.c if column.name not in names)


AnalysisRow = row_model("Analysis", _without(series_analysis, "series_id"))
AggregateRow = row_model("Aggregate", _without(aggregate, "series_id"))
ForecastRow = row_model("ForecastStep", _without(forecast, "series_id"))


class SeriesView(Shown):
    """One series at its newest as-of."""

    series: str = Field(description="Metric and labels")
    analysis: AnalysisRow  # type: ignore[valid-type] # made from the table
    aggregates: list[AggregateRow]  # type: ignore[valid-type] # as above
    forecast: list[ForecastRow]  # type: ignore[valid-type] # as above


Numbers = list[float | None]


class CurvesView(Shown):
    """Columns of equal length, a value a slot; null where there is none."""

    slot: list[datetime]
    value: Numbers
    trend: Numbers
    seasonal: Numbers
    residual: Numbers
    hp_cycle: Numbers
    hp_trend: Numbers


class StageView(Shown):
    """How long one stage of a DAG took."""

    dag_id: str
    stage: str
    n_runs: int
    mean_seconds: float
    median_seconds: float
    p95_seconds: float
    longest_seconds: float


class StagesView(Shown):
    """All stages of all DAGs."""

    stages: list[StageView]


def install(app: FastAPI, doors: Doors) -> None:
    """Adds the routes."""

    @app.get(f"{BASE}/series/{{series_id}}", response_model=SeriesView)
    def get_series(series_id: Annotated[SeriesId, Path()]) -> Any:
        """A series with its newest analysis, aggregates and forecast."""
        found = series.get_series(doors.store, series_id)
        return {
            "series": found.name,
            "analysis": found.analysis,
            "aggregates": found.aggregates,
            "forecast": found.forecast,
        }

    @app.get(f"{BASE}/series/{{series_id}}/window", response_model=CurvesView)
    def get_curves(series_id: Annotated[SeriesId, Path()]) -> Any:
        """Values, decomposition and Hodrick-Prescott over the newest window, computed from stored samples."""
        found = series.series_curves(doors.store, doors.catalogue, series_id)
        return {name: plain_values(values) for name, values in found.items()}

    @app.get(f"{BASE}/stages", response_model=StagesView)
    def get_stages(
        as_of_gte: Annotated[When | None, Query()] = None, as_of_lt: Annotated[When | None, Query()] = None
    ) -> Any:
        """Execution time by stage over the runs of a time, by default the newest 1,000."""
        if as_of_gte and as_of_lt and as_of_gte >= as_of_lt:
            raise wrong("as_of_lt", "it is not after as_of_gte")
        return {"stages": stages.stage_times(doors.store, as_of_gte, as_of_lt)}


def plain_values(values: Any) -> list[Any]:
    """The values as JSON has them: NaN becomes None."""
    items = values.tolist() if hasattr(values, "tolist") else list(values)
    return [None if value != value else value for value in items]  # NaN
