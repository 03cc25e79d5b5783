import numpy as np
import pytest

from foresight.forecasting.risk import Bounds
from foresight.forecasting.time_to_bound import time_to_bound

pytestmark = pytest.mark.filterwarnings("error::RuntimeWarning")
SLOTS = np.arange(720.0)


def with_memory(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    noise = rng.standard_normal((n, 720))
    for slot in range(1, 720):
        noise[:, slot] = phi * noise[:, slot - 1] + (1 - phi**2) ** 0.5 * noise[:, slot]
    return noise


def upper(values: np.ndarray, bound) -> Bounds:
    n = len(values)
    return Bounds(np.arange(n), np.full(n, -np.inf), np.broadcast_to(np.asarray(bound, dtype=float), (n,)))


@pytest.mark.parametrize("phi", [0.0, 0.7])
def test_a_disk_that_fills_is_full_when_it_says_and_the_interval_holds(phi):
    rng = np.random.default_rng(1)
    minutes = rng.uniform(30, 1200, 300)
    rate = rng.uniform(0.01, 0.1, 300)
    noise = rate[:, None] * 5 * with_memory(rng, 300, phi)
    values = 90 - rate[:, None] * (minutes[:, None] + 719 - SLOTS) + noise
    found = time_to_bound(values, upper(values, 90.0))
    told = np.isfinite(found.slots)
    assert told.mean() > 0.95
    error = np.abs(found.slots - minutes)[told]
    assert np.median(error) < 10
    inside = ((found.low <= minutes) & (minutes <= found.high))[told]
    assert inside.mean() > 0.75


def test_a_lower_bound_is_reached_by_a_series_that_falls():
    values = (1000 - SLOTS)[None]
    found = time_to_bound(values, Bounds(np.zeros(1, dtype=int), np.array([181.0]), np.array([2000.0])))
    assert found.slots[0] == pytest.approx(100)
    assert found.slope[0] == pytest.approx(-1)


@pytest.mark.parametrize("phi", [0.0, 0.9])
def test_noise_has_no_trend_towards_its_bound(phi):
    values = with_memory(np.random.default_rng(2), 400, phi)
    found = time_to_bound(values, upper(values, 4.0))
    assert np.isfinite(found.slots).mean() <= 0.02


def test_a_gap_before_as_of_shortens_the_time():
    values = SLOTS.copy()[None]
    values[0, -10:] = np.nan
    found = time_to_bound(values, upper(values, 719.0 + 50.5))
    assert found.slots[0] == pytest.approx(50.5, abs=0.5)


def test_constants_empty_series_and_bounds_too_far_have_no_time():
    values = np.stack([np.full(720, 5.0), np.full(720, np.nan), SLOTS])
    found = time_to_bound(values, upper(values, 1e6))
    assert np.isnan([found.slots, found.low, found.high]).all()


def test_a_ramp_that_ended_is_not_carried_on():
    values = (np.minimum(SLOTS, 500.0) + 0.5 * np.random.default_rng(3).standard_normal(720))[None]
    assert np.isnan(time_to_bound(values, upper(values, 600.0)).slots).all()
