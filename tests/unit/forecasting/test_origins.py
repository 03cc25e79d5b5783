import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresight.forecasting.origins import MEMORIES, Plan, unlikeness
from foresight.forecasting.parameters import ForecastParameters
from tests.unit.forecasting.blocks import origins_of

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")


def plan(n_slots: int, horizon: int = 10, stride: int = 5) -> Plan:
    return Plan.of(n_slots, horizon, ForecastParameters(stride=stride))


@given(st.integers(1, 900), st.integers(1, 40), st.integers(5, 60))
def test_every_judged_origin_has_history_before_it_and_a_whole_horizon_after_it(n_slots, horizon, stride):
    made = plan(n_slots, horizon, stride)
    last_slots = n_slots - 1 - stride * np.arange(made.total)[::-1]
    judged = last_slots[made.first : made.first + made.judged]
    assert (judged + horizon <= n_slots - 1).all()
    assert (judged + 1 >= min(60, n_slots // 4) - stride + 1).all()


def test_what_followed_an_origin_is_read_from_the_slots_after_it():
    origins = origins_of(np.arange(723.0)[None], plan(723))
    at = origins.at_judged(origins.phases[-1])
    for step, ahead in enumerate(origins.ahead(origins.phases), start=1):
        assert (ahead == at + step).all()
    assert (at[0, 0], at[0, -1]) == (62 - 722, 712 - 722)


def test_running_means_cover_the_last_slots_up_to_each_origin():
    origins = origins_of(np.random.default_rng(0).standard_normal((3, 722)), plan(722))
    for memory, mean in zip(MEMORIES, origins.running_means(), strict=True):
        for origin in (11, 12, 80, 143):
            stop = 722 - 5 * (143 - origin)
            expected = origins.samples[:, stop - memory : stop].mean(axis=1)
            np.testing.assert_allclose(mean[:, origin], expected, atol=1e-13)


def test_at_early_origins_a_running_mean_covers_what_there_is():
    origins = origins_of(np.arange(100.0)[None], plan(100))
    assert origins.running_means()[-1][0, :3].tolist() == [2.0 - 99, 4.5 - 99, 7.0 - 99]


def test_the_state_that_equals_the_present_one_is_least_unlike():
    samples = np.tile(np.sin(np.arange(120) / 120 * 2 * np.pi), 6)[None]
    origins = origins_of(samples, plan(720))
    unlike = unlikeness(origins, origins.running_means())
    closest = np.sort(np.argsort(unlike[0])[:5])
    assert np.diff(closest).tolist() == [24] * 4
    assert unlike[0, closest].max() < 1e-20


def test_a_series_that_was_never_negative_or_positive_has_a_floor_or_a_ceiling_at_zero():
    lively = np.linspace(1.0, 2.0, 99)
    never_negative, both = np.append(lively, 3.0), np.append(-lively, 3.0)
    origins = origins_of(np.stack([never_negative, -never_negative, both]), plan(100))
    assert origins.floor.tolist() == [-3, -np.inf, -np.inf]
    assert origins.ceiling.tolist() == [np.inf, 3, np.inf]


def test_a_constant_is_like_itself_at_all_times():
    origins = origins_of(np.zeros((1, 100)), plan(100))
    assert (unlikeness(origins, origins.running_means()) == 0).all()
