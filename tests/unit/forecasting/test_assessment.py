from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from foresight.analysis import AnalysisParameters
from foresight.forecasting.assessment import forecast_risk
from foresight.forecasting.calibrator import UNTRAINED, shipped
from foresight.forecasting.parameters import ForecastParameters
from foresight.forecasting.risk import Bounds, BoundsError, RiskForecast, RiskState
from tests.unit.analysis.recorded import matrices, recorded, recorded_windows
from tests.unit.analysis.test_batch import awkward

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
INF = np.inf
HORIZONS = (10, 30, 60)
ARRAYS = ("probability", "by_slot", "at_slot", "first_slot", "outside_now", "views", "state")


@pytest.fixture(scope="module")
def values():
    return recorded_windows()


def quantile_bounds(values, low=0.05, high=0.95):
    return np.nanquantile(values, low, axis=1), np.nanquantile(values, high, axis=1)


def judge(values, lower, upper, rows=None, horizons=(10,), **options) -> RiskForecast:
    rows = np.arange(len(values)) if rows is None else rows
    return forecast_risk(values, Bounds(rows, lower, upper), horizons, **options)[1]


def spiking(period: int = 30, n_slots: int = 720) -> np.ndarray:
    slots = np.arange(n_slots)
    return 10 + np.random.default_rng(1).standard_normal(n_slots) + 30 * (slots % period < 2)


@given(st.floats(0.6, 0.999), st.floats(0, 2), st.floats(0, 2), st.sampled_from([UNTRAINED, None]))
@settings(deadline=None, max_examples=12)
def test_a_wider_bound_is_never_likelier_to_be_left(quantile, more_below, more_above, calibrator):
    values = recorded_windows()[::6]
    lower, upper = quantile_bounds(values, 1 - quantile, quantile)
    spread = np.ptp(values, axis=1)
    tight = judge(values, lower, upper, horizons=HORIZONS, calibrator=calibrator)
    wide = judge(
        values,
        lower - more_below * spread,
        upper + more_above * spread,
        horizons=HORIZONS,
        calibrator=calibrator,
    )
    assert (wide.probability <= tight.probability + 1e-6).all()
    assert (wide.by_slot <= tight.by_slot + 1e-6).all()


@pytest.mark.parametrize("calibrator", [UNTRAINED, None])
def test_a_longer_horizon_is_never_less_likely_and_nothing_is_impossible(values, calibrator):
    risk = judge(values, *quantile_bounds(values), horizons=HORIZONS, calibrator=calibrator)
    assert ((risk.probability > 0) & (risk.probability < 1)).all()
    assert (np.diff(risk.by_slot, axis=1) >= -1e-9).all()
    assert (np.diff(risk.probability, axis=1) >= -1e-9).all()
    np.testing.assert_array_equal(risk.by_slot[:, -1], risk.probability[:, 0])
    assert (risk.at_slot <= risk.by_slot + 1e-9).all()
    assert ((risk.first_slot >= 1) & (risk.first_slot <= 10)).all()


def test_one_by_one_in_any_order_gives_the_same_bits_as_many_together(values):
    rng = np.random.default_rng(3)
    rows = rng.integers(len(values), size=300)
    low, high = quantile_bounds(values)
    lower, upper = low[rows] - rng.random(300), high[rows] + rng.random(300)
    together = judge(values, lower, upper, rows, HORIZONS)
    for pair in range(0, 300, 37):
        alone = judge(values, lower[[pair]], upper[[pair]], rows[[pair]], HORIZONS)
        for name in ARRAYS:
            np.testing.assert_array_equal(getattr(alone, name)[0], getattr(together, name)[pair], name)


def test_an_open_side_is_as_good_as_a_bound_that_is_never_met(values):
    _, upper = quantile_bounds(values)
    opened = judge(values, np.full(len(values), np.nan), upper)
    closed = judge(values, np.full(len(values), -INF), upper)
    np.testing.assert_array_equal(opened.probability, closed.probability)


def test_mirrored_series_and_bounds_have_the_same_probability(values):
    _, upper = quantile_bounds(values)
    shifted = values - values.mean(axis=1, keepdims=True)
    upper = np.nanquantile(shifted, 0.9, axis=1)
    above = judge(shifted, np.full(len(values), -INF), upper)
    below = judge(-shifted, -upper, np.full(len(values), INF))
    np.testing.assert_allclose(above.probability, below.probability, atol=0.02)


def test_no_bounds_are_no_risk(values):
    risk = judge(values, np.empty(0), np.empty(0), np.empty(0, dtype=np.intp))
    assert risk.probability.shape == (0, 1)
    assert risk.at_slot.shape == (0, 10)


def test_a_min_above_the_max_is_refused_by_number():
    with pytest.raises(BoundsError, match=r"bounds 1: min = 3 is above max = 2"):
        Bounds(np.arange(2), np.array([0.0, 3.0]), np.array([1.0, 2.0]))


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="shape"):
        Bounds(np.arange(2), np.zeros(3), np.ones(3))


@pytest.mark.parametrize("horizons", [(), (0,), (30, 10), (10, 10)])
def test_horizons_out_of_order_are_refused(values, horizons):
    with pytest.raises(ValueError, match="horizons"):
        judge(values[:1], np.zeros(1), np.ones(1), horizons=horizons)


def test_a_series_without_a_forecast_says_why_it_has_no_probability():
    values = awkward()
    risk = judge(values, *(np.full(len(values), bound) for bound in (-1e9, 1e9)))
    silent = [3, 5, 7]
    assert (risk.state[silent] == RiskState.NO_FORECAST).all()
    assert np.isnan(risk.probability[silent]).all()
    assert np.isfinite(np.delete(risk.probability, silent, axis=0)).all()
    assert RiskState.NO_FORECAST.reason
    assert not RiskState.OK.reason


class TestGap:
    """What happens when the newest samples are missing."""

    @pytest.mark.parametrize("missing", [1, 6, 9])
    def test_the_horizon_starts_at_as_of(self, missing: int) -> None:
        slots = np.arange(720.0)
        values = (slots + 0.01 * np.random.default_rng(2).standard_normal(720))[None]
        values[0, -missing:] = np.nan
        upper = np.array([719 + 3.5])
        risk = judge(values, np.array([-INF]), upper)
        assert risk.probability[0, 0] > 0.9
        assert risk.first_slot[0] == 4
        far = judge(values, np.array([-INF]), np.array([719 + 14.5]))
        assert far.probability[0, 0] < 0.1

    def test_a_sample_too_old_gives_no_probability_and_says_so(self) -> None:
        values = np.random.default_rng(2).standard_normal((1, 720))
        values[0, -100:] = np.nan
        risk = judge(values, np.array([-INF]), np.array([2.0]))
        assert risk.state.tolist() == [RiskState.GAP]
        assert np.isnan(risk.probability).all()

    def test_what_was_filled_in_is_no_evidence(self) -> None:
        """A line drawn between two samples leaves the bound; nothing that was observed ever did."""
        rng = np.random.default_rng(5)
        values = rng.standard_normal((1, 720))
        values[0, 300:330] = np.nan
        values[0, 299], values[0, 330] = 9.0, 9.0
        seen = np.isfinite(values[0])
        risk = judge(values, np.array([-INF]), np.array([8.5]))
        assert risk.explanation.outside_share[0] == pytest.approx(2 / seen.sum(), rel=1e-6)
        assert risk.probability[0, 0] < 0.1


class TestStale:
    """A frozen exporter."""

    def frozen(self, length: int = 30) -> np.ndarray:
        values = np.random.default_rng(4).standard_normal((1, 720))
        values[0, 720 - length :] = 0.25
        return values

    @pytest.mark.parametrize("length", [30, 31, 200])
    def test_a_lively_series_that_freezes_is_stale_and_has_no_probability(self, length: int) -> None:
        risk = judge(self.frozen(length), np.array([-INF]), np.array([2.0]))
        assert risk.state.tolist() == [RiskState.STALE]
        assert np.isnan([*risk.probability[0], *risk.by_slot[0], risk.first_slot[0]]).all()

    def test_29_equal_samples_are_not_stale(self) -> None:
        values = self.frozen(29)
        assert judge(values, np.array([-INF]), np.array([2.0])).state.tolist() == [RiskState.OK]

    @pytest.mark.parametrize("pick", [np.max, np.min])
    def test_a_series_at_its_own_extreme_is_not_stale(self, pick) -> None:
        values = self.frozen()
        values[0, -30:] = pick(values)
        assert judge(values, np.array([-9.0]), np.array([9.0])).state.tolist() == [RiskState.OK]

    def test_a_series_that_often_repeats_itself_is_not_stale(self) -> None:
        values = np.round(self.frozen())
        assert judge(values, np.array([-9.0]), np.array([9.0])).state.tolist() == [RiskState.OK]

    def test_missing_samples_between_equal_ones_do_not_hide_it(self) -> None:
        values = self.frozen(60)
        values[0, -50::4] = np.nan
        assert judge(values, np.array([-9.0]), np.array([9.0])).state.tolist() == [RiskState.STALE]


def test_a_straight_line_reaches_its_bound_when_it_says() -> None:
    line = 0.1 * np.arange(720.0) + 0.002 * np.random.default_rng(0).standard_normal(720)
    risk = judge(line[None], np.array([-INF]), np.array([line[-1] + 0.45]))
    assert risk.probability[0, 0] > 0.95
    assert risk.first_slot[0] == 5
    assert risk.explanation.slope[0] == pytest.approx(0.1, rel=0.05)
    assert risk.explanation.slots_to_bound[0] == pytest.approx(4.5, abs=0.3)


def test_a_saturated_series_does_not_pass_its_ceiling() -> None:
    values = np.minimum(
        60 + 5 * np.random.default_rng(0).standard_normal(720) + 80 * (np.arange(720) > 660), 100
    )
    risk = judge(values[None], np.array([-INF]), np.array([100.0]))
    assert risk.probability[0, 0] <= 0.05
    assert not risk.outside_now[0]


def test_a_job_on_the_minute_is_foretold_on_the_minute() -> None:
    values = spiking()
    due = judge(values[None, :716], np.array([-INF]), np.array([25.0]))
    done = judge(values[None, :700], np.array([-INF]), np.array([25.0]))
    assert due.probability[0, 0] > 0.9
    assert (due.first_slot[0], due.explanation.period[0], due.explanation.next_in[0]) == (5, 30, 5)
    assert done.probability[0, 0] < 0.1


def test_one_spike_ever_is_not_a_certainty() -> None:
    values = np.random.default_rng(0).standard_normal(720)
    values[-1] = 30.0
    risk = judge(values[None], np.array([-INF]), np.array([25.0]))
    assert 0.02 < risk.probability[0, 0] < 0.98


def test_on_recorded_series_the_probability_tells_more_than_the_base_rate():
    series = recorded()
    starts = range(0, series.shape[1] - 730, 61)
    windows = np.concatenate([series[:, start : start + 730] for start in starts])
    windows = windows[np.ptp(windows[:, :720], axis=1) > 0]
    values, future = windows[:, :720], windows[:, 720:]
    lower, upper = quantile_bounds(values)
    left = ((future < lower[:, None]) | (future > upper[:, None])).any(axis=1)
    skills = []
    for calibrator in (UNTRAINED, shipped()):
        risk = judge(values, lower, upper, calibrator=calibrator)
        inside = ~risk.outside_now
        said, happened = risk.probability[inside, 0], left[inside]
        skills.append(1 - np.mean((said - happened) ** 2) / (happened.mean() * (1 - happened.mean())))
    assert roc_auc_score(happened, said) > 0.85
    assert skills[1] > skills[0] > 0.2


@given(matrices(60, 90), st.integers(0, 5))
@settings(deadline=None, max_examples=25)
def test_any_matrix_and_bounds_are_answered_without_a_warning(values, seed):
    parameters = ForecastParameters(enough=AnalysisParameters(min_observed=16, min_coverage=0.1))
    rng = np.random.default_rng(seed)
    bounds = np.sort(rng.choice([-1e12, -1.0, 0.0, 1.0, 1e3, 1e12, INF], (2, len(values))), axis=0)
    risk = judge(values, *bounds, parameters=parameters)
    known = risk.state == RiskState.OK
    assert ((risk.probability[known] >= 0) & (risk.probability[known] <= 1)).all()
    assert np.isnan(risk.probability[~known]).all()
