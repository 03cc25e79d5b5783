import numpy as np
import pytest

from foresight.forecasting.features import describe, first_leaves, log_odds
from foresight.forecasting.joint_forecast import forecast
from foresight.forecasting.views import VIEWS, Views, find_repetition
from foresight.forecasting.window import Window
from tests.unit.analysis.recorded import recorded_windows
from tests.unit.forecasting.blocks import window_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
SLOTS = np.arange(720)


def noise(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(720)


@pytest.mark.parametrize("period", [15, 17, 30, 45, 60, 120])
def test_the_period_of_a_job_is_found_to_the_slot_in_spite_of_a_glitch(period):
    series = noise(period) + 30.0 * (SLOTS % period < 2)
    series[100] += 5000
    found, repeats = find_repetition(window_of(series[None]))
    assert found.tolist() == [period]
    assert 0.3 < repeats[0] <= 1.1


def test_noise_and_constants_have_no_period():
    found, repeats = find_repetition(window_of(np.stack([noise(), np.zeros(720)])))
    assert found.tolist() == [0, 0]
    assert repeats.tolist() == [0, 0]


def test_what_a_view_says_is_what_a_plain_loop_counts():
    values = recorded_windows()[:24:3]
    kept = []
    forecast(values, collect=kept.append)
    (evidence,) = kept
    steps = (1, 3, 10, 30)
    upper = np.quantile(values, 0.9, axis=1)
    local = np.arange(len(values))
    found = describe(evidence, local, 1.0, upper - values[:, -1], steps)
    for row in range(len(values)):
        weights = evidence.views.weights[row].astype(float)
        for at, step in enumerate(steps):
            usable = 720 - max(step, 10)
            left = np.array([(values[row, t + 1 : t + 1 + step] > upper[row]).any() for t in range(usable)])
            for view in range(len(VIEWS)):
                weight = weights[view, :usable]
                if not weight.sum():
                    expected = log_odds(np.zeros(1), np.zeros(1))[0]
                else:
                    number = weight.sum() ** 2 / (weight**2).sum()
                    share = (weight * left).sum() / weight.sum()
                    expected = log_odds(share * number, (1 - share) * number)
                if step <= 10:
                    np.testing.assert_allclose(found.signals[row, at, view], expected, atol=2e-3)
                else:  # it never falls with the horizon
                    assert found.signals[row, at, view] >= expected - 2e-3


def test_the_wait_for_the_next_leave_is_counted_slot_by_slot():
    beyond = np.random.default_rng(2).random((3, 50)) < 0.1
    found = first_leaves(beyond)
    for row in range(3):
        for slot in range(50):
            later = [at for at in range(slot, 50) if beyond[row, at]]
            assert found[row, slot] == later[0] if later else found[row, slot] > 50


def test_slots_that_were_not_observed_weigh_nothing():
    observed = np.ones((1, 720), dtype=bool)
    observed[0, 300:330] = False
    views = Views.of(Window.of(noise()[None], observed), 10)
    assert (views.weights[0, :, 300:330] == 0).all()
    assert (views.weights[0, 0, [280, 340]] > 0).all()
    assert views.weights[0, 0, 295] < views.weights[0, 0, 280]
    assert (views.weights[0, :, 710:] == 0).all()


def test_one_glitch_does_not_change_what_is_alike():
    series = noise()[None]
    glitched = series.copy()
    glitched[0, 300] = 1e5
    plain, spoilt = (
        Views.of(window_of(x), 10).weights[0, VIEWS.index("alike"), 400:700] for x in (series, glitched)
    )
    np.testing.assert_allclose(plain, spoilt, rtol=0.1)


@pytest.mark.parametrize("sign", [1, -1])
def test_a_limit_is_learnt_from_repeated_extremes_of_a_lively_series(sign):
    capped = np.minimum(noise(), 1.5)
    floor, ceiling = window_of(sign * capped[None]).limits
    learnt, other = (ceiling, floor) if sign > 0 else (floor, ceiling)
    assert learnt[0] == sign * 1.5 - sign * capped[-1]
    assert np.isinf(other[0])


def test_a_series_that_often_rests_has_no_learnt_ceiling():
    _, ceiling = window_of((noise() > 1.5).astype(float)[None]).limits
    assert np.isinf(ceiling[0])
