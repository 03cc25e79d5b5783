"""What goes into the tables can be stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest

from foresight.analysis import AnalysisParameters, analyse, curves
from foresight.forecasting import ForecastParameters, forecast
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.series_rows import Tables, analysis_rows, curve_rows, forecast_rows

PARAMETERS = AnalysisParameters(windows=(60, 120))
MATRIX = SeriesMatrix(
    tuple(SeriesKey.of("a", {"i": str(i)}) for i in range(2)),
    Grid(7200, 120),
    np.random.default_rng(1).standard_normal((2, 120)).cumsum(axis=1),
)


def infinite(tables: Tables) -> list[str]:
    return [
        f"{table}.{name}"
        for table, columns in tables.items()
        for name, column in columns.items()
        if pa.types.is_floating(pa.array(column).type) and np.isinf(column).any()
    ]


def test_an_aggregate_that_overflowed_is_not_known_and_the_others_are() -> None:
    found = analyse(MATRIX.values, PARAMETERS)
    deviation = found.aggregates.std.copy()
    deviation[0] = np.inf, -np.inf
    found = replace(found, aggregates=replace(found.aggregates, std=deviation))
    stored = analysis_rows(MATRIX, found, {})["aggregate"]["std"]
    np.testing.assert_array_equal(stored, [np.nan, np.nan, *found.aggregates.std[1]])


def test_a_curve_that_overflowed_is_not_known() -> None:
    found = analyse(MATRIX.values, PARAMETERS)
    drawn = curves(MATRIX.values, found.period, PARAMETERS)
    cycle = np.full_like(drawn.hodrick_prescott.cycle, np.inf)
    drawn = replace(drawn, hodrick_prescott=replace(drawn.hodrick_prescott, cycle=cycle))
    tables = curve_rows(MATRIX, np.arange(2), found, drawn)
    assert not infinite(tables)
    assert np.isfinite(tables["curve"]["hp_trend"]).all()


def test_a_forecast_that_overflowed_is_not_known() -> None:
    found = forecast(MATRIX.values, 10, ForecastParameters(enough=PARAMETERS))
    found = replace(found, mean=found.mean * np.inf, maximum=found.maximum * np.inf)
    tables = forecast_rows(MATRIX, found)
    assert not infinite(tables)
    assert np.isfinite(tables["forecast"]["q50"]).all()


@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
def test_the_largest_numbers_make_rows_that_can_be_stored() -> None:
    values = np.sign(MATRIX.values) * np.finfo(np.float64).max
    matrix = SeriesMatrix(MATRIX.keys, MATRIX.grid, values)
    found = analyse(values, PARAMETERS)
    drawn = curves(values, found.period, PARAMETERS)
    tables = (
        analysis_rows(matrix, found, {}),
        curve_rows(matrix, np.arange(2), found, drawn),
        forecast_rows(matrix, forecast(values, 10, ForecastParameters(enough=PARAMETERS))),
    )
    assert [infinite(each) for each in tables] == [[], [], []]
