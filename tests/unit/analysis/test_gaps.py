import numpy as np
import pytest
from hypothesis import given

from foresight.analysis import AnalysisParameters, Outcome
from foresight.analysis.gaps import fill, inspect
from tests.unit.analysis.recorded import matrices

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
NAN, INF = np.nan, np.inf


def series(n_slots: int = 100, **changes: float) -> np.ndarray:
    values = np.arange(n_slots, dtype=float)
    for slots, value in changes.items():
        first, last = map(int, slots.strip("s").split("_"))
        values[first:last] = value
    return values


@pytest.mark.parametrize(
    ("values", "outcome"),
    [
        (series(), Outcome.OK),
        (series(s0_100=7.0), Outcome.CONSTANT),
        (series(s0_100=NAN), Outcome.EMPTY),
        (series(s0_100=INF), Outcome.EMPTY),
        (series(s0_71=NAN), Outcome.SHORT),
        (series(s0_70=NAN), Outcome.GAPPY),
        (series(s0_21=NAN), Outcome.GAPPY),
        (series(s0_20=NAN), Outcome.OK),
        (series(s0_20=-INF), Outcome.OK),
    ],
)
def test_each_series_has_the_first_outcome_that_applies(values, outcome):
    assert inspect(values[None], AnalysisParameters()).outcome.tolist() == [outcome]


def test_infinite_samples_are_counted_and_are_not_observed():
    coverage = inspect(series(s0_2=INF, s5_6=-INF, s8_10=NAN)[None], AnalysisParameters())
    assert (coverage.observed[0], coverage.infinite[0], coverage.filled[0]) == (95, 3, 5)


def test_nothing_is_filled_in_a_series_that_is_not_analysed():
    assert inspect(series(s0_50=NAN)[None], AnalysisParameters()).filled.tolist() == [0]


def test_gaps_are_closed_by_a_line_and_edges_by_the_nearest_sample():
    assert fill(np.array([[NAN, INF, 3.0, NAN, NAN, 9.0, -INF]])).tolist() == [[3, 3, 3, 5, 7, 9, 9]]


def test_a_matrix_without_gaps_is_not_copied():
    values = np.ones((2, 3))
    assert fill(values) is values


def test_a_window_of_no_slots_is_empty():
    assert inspect(np.empty((2, 0)), AnalysisParameters()).outcome.tolist() == [Outcome.EMPTY] * 2


@given(matrices())
def test_filling_keeps_what_was_observed_and_stays_within_it(values):
    finite = np.isfinite(values)
    filled = fill(values)
    assert np.isfinite(filled).all()
    assert (filled[finite] == values[finite]).all()
    for row, known in zip(filled, (values[i, finite[i]] for i in range(len(values))), strict=True):
        if known.size:
            slack = 1e-15 * np.abs(known).max()
            assert known.min() - slack <= row.min() <= row.max() <= known.max() + slack
