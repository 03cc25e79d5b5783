import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from foresight.forecasting.hysteresis import is_at_risk
from foresight.forecasting.refit import (
    NO_CORRECTION,
    fit_correction,
    judge_candidate,
    mix,
    must_roll_back,
    split_by_time,
    stretch_band,
    update_band_factor,
)


def expit(odds):
    return 1 / (1 + np.exp(-odds))


def outcomes(n: int, slope: float, intercept: float, seed: int = 0):
    rng = np.random.default_rng(seed)
    odds = rng.normal(-2, 2, n)
    return odds, rng.random(n) < expit(slope * odds + intercept)


def test_with_many_outcomes_the_correction_is_the_logistic_regression():
    odds, happened = outcomes(50_000, 0.7, -0.5)
    found = fit_correction(odds, happened, prior=1e-6)
    peer = LogisticRegression(C=1e9).fit(odds[:, None], happened)
    assert found.slope == pytest.approx(peer.coef_[0, 0], abs=1e-3)
    assert found.intercept == pytest.approx(peer.intercept_[0], abs=1e-3)


@pytest.mark.parametrize("kind", [0, 1])
def test_outcomes_of_one_kind_give_a_finite_correction(kind):
    odds, _ = outcomes(50, 1, 0)
    found = fit_correction(odds, np.full(50, bool(kind)))
    assert 0 <= found.slope < 5
    assert abs(found.intercept) < 5


def test_no_outcomes_are_no_correction():
    assert fit_correction(np.empty(0), np.empty(0, dtype=bool)) == NO_CORRECTION


def test_few_outcomes_move_it_less_than_many():
    few, many = (fit_correction(*outcomes(n, 0.4, -1.0)) for n in (20, 2000))
    assert abs(few.slope - 1) < abs(many.slope - 1)


@given(st.lists(st.floats(-9, 9), min_size=2, max_size=30), st.integers(0, 100))
@settings(deadline=None, max_examples=60)
def test_a_correction_never_turns_the_order(odds, seed):
    odds = np.sort(np.array(odds))
    happened = np.random.default_rng(seed).random(len(odds)) < 0.5
    corrected = fit_correction(odds, happened, prior=0.5).apply(odds)
    assert np.isfinite(corrected).all()
    assert (np.diff(mix(odds, corrected)) >= 0).all()


class TestPromotion:
    """The gates that a refitted calibrator passes."""

    def given(self, slope: float, n: int = 6000, seed: int = 1):
        odds, happened = outcomes(n, slope, 0.0, seed)
        return odds, happened, np.arange(n) % 40

    def test_a_better_correction_is_promoted(self) -> None:
        odds, happened, series = self.given(0.5)
        found = judge_candidate(expit(odds), expit(0.5 * odds), happened, series, is_fleet_model=False)
        assert found.is_promoted
        assert found.low <= found.gain <= found.high

    def test_a_planted_worse_one_is_refused(self) -> None:
        odds, happened, series = self.given(1.0)
        found = judge_candidate(expit(odds), expit(0.3 * odds), happened, series, is_fleet_model=True)
        assert not found.is_promoted
        assert found.reason

    def test_a_fleet_model_needs_enough_violations(self) -> None:
        odds, happened, series = self.given(0.5, n=300)
        found = judge_candidate(expit(odds), expit(0.5 * odds), happened, series, is_fleet_model=True)
        assert not found.is_promoted
        assert "150" in found.reason

    def test_a_fleet_model_that_may_be_better_by_chance_is_refused(self) -> None:
        odds, happened, series = self.given(1.0)
        found = judge_candidate(expit(odds), expit(0.99 * odds), happened, series, is_fleet_model=True)
        assert not found.is_promoted

    def test_without_outcomes_nothing_is_promoted(self) -> None:
        nothing = np.empty(0)
        found = judge_candidate(nothing, nothing, nothing > 0, nothing.astype(int), is_fleet_model=False)
        assert not found.is_promoted

    def test_a_planted_bad_one_is_rolled_back_and_a_good_one_is_not(self) -> None:
        odds, happened, series = self.given(1.0)
        assert must_roll_back(expit(0.2 * odds + 2), expit(odds), happened, series)
        assert not must_roll_back(expit(odds), expit(0.2 * odds + 2), happened, series)
        assert not must_roll_back(expit(0.2 * odds), expit(odds), happened, np.zeros(len(odds), dtype=int))


def test_the_last_share_of_time_is_held_out_and_instants_stay_together():
    as_of = np.repeat(np.arange(10), 7)
    fitted, held = split_by_time(as_of)
    assert not (fitted & held).any()
    assert (as_of[fitted].max(), as_of[held].min()) == (6, 7)
    alone, none = split_by_time(np.zeros(5, dtype=int))
    assert alone.all()
    assert not none.any()


def test_the_band_factor_finds_the_coverage_that_is_wanted():
    rng, factor, held = np.random.default_rng(0), 1.0, []
    for _ in range(4000):
        inside = np.abs(rng.standard_normal(30)) < factor
        held.append(inside.mean())
        factor = update_band_factor(factor, inside, 0.9)
    assert np.mean(held[-1000:]) == pytest.approx(0.9, abs=0.01)
    assert factor == pytest.approx(1.645, abs=0.1)
    assert update_band_factor(1.3, np.empty(0, dtype=bool), 0.9) == 1.3


def test_a_stretched_band_keeps_its_middle_and_its_lopsidedness():
    lower, upper = stretch_band(np.array([[1.0]]), np.array([[0.0]]), np.array([[4.0]]), 2.0)
    assert (lower[0, 0], upper[0, 0]) == (-1.0, 7.0)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([0, 0, 0, 0, 0, 0.5], True),
        ([0, 0, 0.6, 0.35, 0.31, 0.3], True),
        ([0, 0, 0.6, 0.35, 0.2, 0.4], False),
        ([0.4] * 6, False),
        ([0.6, np.nan, np.nan, 0.4, np.nan, np.nan], True),
        ([np.nan] * 6, False),
    ],
)
def test_a_risk_begins_and_ends_at_different_thresholds(said, expected):
    assert is_at_risk(np.array([said]), 0.5, 0.3).tolist() == [expected]


def test_only_the_last_six_matter_and_each_row_by_itself():
    said = np.array([[0.9, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4], [0.0, 0.9, 0.4, 0.4, 0.4, 0.4, 0.4]])
    assert is_at_risk(said, 0.5, 0.3).tolist() == [False, True]


def test_thresholds_in_the_wrong_order_are_refused():
    with pytest.raises(ValueError, match="thresholds"):
        is_at_risk(np.zeros((1, 6)), 0.3, 0.5)
