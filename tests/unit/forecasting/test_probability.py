import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from foresight.forecasting.outlook import forecast
from foresight.forecasting.probability import NEARNESS, WEIGHTS, Components, forecast_with_risk
from tests.unit.analysis.recorded import recorded, recorded_windows
from tests.unit.analysis.test_batch import awkward

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
NAN, INF = np.nan, np.inf


@pytest.fixture(scope="module")
def values():
    return recorded_windows()


def bounds(values, low=0.05, high=0.95):
    return np.quantile(values, low, axis=1), np.quantile(values, high, axis=1)


def judge(values, lower, upper, rows=None):
    rows = np.arange(len(values)) if rows is None else rows
    return forecast_with_risk(values, rows, lower, upper)[1]


def test_each_view_is_the_share_that_a_plain_loop_counts(values):
    lower, upper = bounds(values, 0.1, 0.9)
    risk = judge(values, lower, upper)
    witnessed = []
    forecast(values, witness=witnessed.append)
    (evidence,) = witnessed
    plan = evidence.origins.plan
    for row in range(0, len(values), 4):
        low, high = lower[row] - values[row, -1], upper[row] - values[row, -1]
        paths = evidence.paths.steps[:, row]
        out = (paths < low) | (paths > high)
        np.testing.assert_allclose(risk.components.paths[row], [*out.mean(axis=1), out.any(axis=0).mean()])
        firsts = [np.argmax(path) + 1 for path in out.T if path.any()]
        np.testing.assert_allclose(risk.first_step[row], np.mean(firsts) if firsts else NAN)
        weights, hits = np.zeros((2, 1)), np.zeros((2, 11))
        outside_now = not lower[row] <= values[row, -1] <= upper[row]
        for origin in range(plan.judged):
            slot = 5 * (origin + plan.first + 1) - 1
            if (not lower[row] <= values[row, slot] <= upper[row]) == outside_now:
                likeness = 1 / (NEARNESS + evidence.unlike[row, origin]) ** 2
                after = values[row, slot + 1 : slot + 11]
                out = (after < lower[row]) | (after > upper[row])
                for view, weight in enumerate((likeness, 1.0)):
                    weights[view] += weight
                    hits[view] += weight * np.array([*out, out.any()])
        np.testing.assert_allclose(risk.components.analogs[row], hits[0] / weights[0], atol=1e-12)
        np.testing.assert_allclose(risk.components.onsets[row], hits[1] / weights[1], atol=1e-12)


def test_judging_a_forecast_does_not_change_it(values):
    judged, _ = forecast_with_risk(values, np.arange(len(values)), *bounds(values))
    assert judged.quantiles.tobytes() == forecast(values).quantiles.tobytes()


def test_the_probability_is_the_weighted_mean_of_the_views(values):
    risk = judge(values, *bounds(values))
    parts = dataclasses.astuple(risk.components)
    expected = sum(weight * part[:, -1] for weight, part in zip(WEIGHTS, parts, strict=True))
    np.testing.assert_allclose(risk.probability, expected, rtol=1e-12)
    assert sum(WEIGHTS) == pytest.approx(1.0)


def test_a_view_with_nothing_to_go_by_is_left_out_of_the_mean():
    series = np.concatenate([np.zeros(719), [9.0]])[None] + np.sin(np.arange(720))
    risk = judge(series, np.array([-2.0]), np.array([2.0]))
    assert risk.outside_now.tolist() == [True]
    assert np.isnan(risk.components.analogs).all()
    assert risk.probability[0] == risk.components.paths[0, -1]


def test_a_value_on_a_bound_is_inside():
    steady = np.full((1, 720), 5.0)
    on, above, below = (judge(steady, np.array([a]), np.array([b])) for a, b in ((5, 5), (6, 9), (0, 4)))
    assert (on.probability[0], on.outside_now[0]) == (0, False)
    assert (above.probability[0], above.outside_now[0]) == (1, True)
    assert (below.probability[0], below.outside_now[0]) == (1, True)
    assert above.first_step.tolist() == [1]
    assert above.violating.all()


def test_an_open_side_is_never_left_whether_nan_or_infinite(values):
    _, upper = bounds(values)
    open_below = np.full(len(values), NAN)
    a, b = (judge(values, lower, upper) for lower in (open_below, -INF * np.ones(len(values))))
    np.testing.assert_array_equal(a.probability, b.probability)
    both_open = judge(values, open_below, -open_below)
    assert (both_open.probability == 0).all()
    assert np.isnan(both_open.first_step).all()


def test_zero_is_a_bound_like_any_other():
    wave = np.sin(np.arange(720) / 5)[None]
    risk = judge(wave, np.array([0.0]), np.array([NAN]))
    assert risk.probability[0] > 0.3


def test_bounds_may_come_in_any_order_and_number(values):
    rng = np.random.default_rng(5)
    rows = rng.integers(0, len(values), 700)
    quantile = rng.uniform(0, 0.3, 700)
    lower = np.array([np.quantile(values[row], q) for row, q in zip(rows, quantile, strict=True)])
    upper = np.array([np.quantile(values[row], 1 - q) for row, q in zip(rows, quantile, strict=True)])
    together = judge(values, lower, upper, rows)
    for pair in range(0, 700, 83):
        alone = judge(values, lower[pair : pair + 1], upper[pair : pair + 1], rows[pair : pair + 1])
        assert alone.probability.tobytes() == together.probability[pair : pair + 1].tobytes()
        np.testing.assert_array_equal(alone.step_probability[0], together.step_probability[pair])


def test_no_bounds_are_no_risk(values):
    risk = judge(values, np.empty(0), np.empty(0), np.empty(0, dtype=np.intp))
    assert risk.probability.shape == (0,)
    assert risk.step_probability.shape == (0, 10)


def test_a_series_without_a_forecast_has_no_probability():
    values = awkward()
    risk = judge(values, *(np.full(len(values), bound) for bound in (-1e9, 1e9)))
    assert np.isnan(risk.probability[[3, 5, 7]]).all()
    assert not risk.violating[[3, 5, 7]].any()
    assert np.isfinite(np.delete(risk.probability, [3, 5, 7])).all()


def test_arrays_of_unequal_length_are_refused(values):
    with pytest.raises(ValueError, match="shape"):
        judge(values, np.zeros(2), np.ones(3))


def test_another_calibrator_has_the_last_word_and_leaves_its_version(values):
    class Half:
        version = "half"

        def combine(self, components: Components) -> np.ndarray:
            return 0.5 * components.paths[:, -1]

    lower, upper = bounds(values)
    _, risk = forecast_with_risk(values, np.arange(len(values)), lower, upper, calibrator=Half())
    assert risk.calibrator == "half"
    np.testing.assert_array_equal(risk.probability, 0.5 * risk.components.paths[:, -1])
    assert (risk.step_probability <= risk.probability[:, None]).all()


@given(st.floats(0.01, 0.4), st.floats(0, 0.3), st.floats(0, 0.3))
@settings(deadline=None, max_examples=15)
def test_every_probability_is_one_and_no_step_is_likelier_than_any(q, more_below, more_above):
    values = recorded_windows()[::6]
    lower, upper = bounds(values, q, 1 - q)
    spread = np.ptp(values, axis=1)
    tight = judge(values, lower, upper)
    wide = judge(values, lower - more_below * spread, upper + more_above * spread)
    assert ((tight.probability >= 0) & (tight.probability <= 1)).all()
    assert (tight.step_probability <= tight.probability[:, None]).all()
    # The views other than the paths are conditional on the side, so only paths must shrink with room.
    assert (wide.components.paths <= tight.components.paths).all()


def test_on_recorded_series_the_probability_tells_more_than_the_base_rate():
    series = recorded()
    starts = range(0, series.shape[1] - 730, 61)
    windows = np.concatenate([series[:, start : start + 730] for start in starts])
    windows = windows[np.ptp(windows[:, :720], axis=1) > 0]
    values, future = windows[:, :720], windows[:, 720:]
    lower, upper = bounds(values)
    risk = judge(values, lower, upper)
    left = ((future < lower[:, None]) | (future > upper[:, None])).any(axis=1)
    inside = ~risk.outside_now
    probability, left = risk.probability[inside], left[inside]
    brier, reference = np.mean((probability - left) ** 2), left.mean() * (1 - left.mean())
    assert 1 - brier / reference > 0.2
    assert roc_auc_score(left, probability) > 0.8
