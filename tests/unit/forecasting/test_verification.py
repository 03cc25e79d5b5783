import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, brier_score_loss, log_loss, roc_auc_score

from foresight.forecasting.verification import (
    Reliability,
    area_under_curve,
    average_precision,
    lead_times,
    past_frequency,
    score,
    score_bands,
)


def predictions(seed: int, n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    said = np.round(rng.beta(0.4, 2, n), rng.integers(1, 4))
    return said, rng.random(n) < said


@given(st.integers(0, 500))
@settings(max_examples=40, deadline=None)
def test_scores_are_those_of_scikit_learn(seed):
    said, happened = predictions(seed)
    found = score(said, happened)
    assert found.brier == pytest.approx(brier_score_loss(happened, said))
    assert found.log_loss == pytest.approx(log_loss(happened, np.clip(said, 1e-6, 1 - 1e-6)))
    assert found.auc == pytest.approx(roc_auc_score(happened, said))
    assert found.average_precision == pytest.approx(average_precision_score(happened, said))
    base = happened.mean()
    assert found.skill == pytest.approx(1 - found.brier / (base * (1 - base)))


def test_one_kind_of_outcome_has_no_skill_and_no_curve_but_a_brier_score():
    said = np.array([0.1, 0.4])
    for happened in (np.zeros(2, dtype=bool), np.ones(2, dtype=bool)):
        found = score(said, happened)
        assert np.isnan([found.skill, found.auc]).all()
        assert found.brier >= 0
    assert np.isnan(average_precision(said, np.zeros(2, dtype=bool)))
    assert np.isnan(area_under_curve(said, np.ones(2, dtype=bool)))


def test_no_predictions_are_no_scores():
    found = score(np.empty(0), np.empty(0, dtype=bool))
    assert found.n == 0
    assert np.isnan([found.brier, found.skill, found.auc, found.ece]).all()


def test_arrays_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="shape"):
        score(np.zeros(2), np.zeros(3, dtype=bool))


def test_bins_add_up_over_parts():
    said, happened = predictions(7)
    whole = Reliability.of(said, happened)
    parts = Reliability.of(said[:150], happened[:150]) + Reliability.of(said[150:], happened[150:])
    for name in ("count", "said", "happened"):
        np.testing.assert_allclose(getattr(parts, name), getattr(whole, name))
    assert parts.error == pytest.approx(whole.error)


def test_the_calibration_error_is_the_mean_gap_of_the_bins_by_a_plain_loop():
    said, happened = predictions(8)
    gap = 0.0
    for low in range(10):
        here = (said * 10).astype(int).clip(max=9) == low
        gap += abs(said[here].sum() - happened[here].sum())
    assert Reliability.of(said, happened).error == pytest.approx(gap / len(said))


def test_a_probability_is_told_how_often_its_like_came_true():
    bins = Reliability.of(np.array([0.31, 0.35, 0.39, 0.9]), np.array([True, False, False, True]))
    assert bins.frequency(0.33) == (pytest.approx(1 / 3), 3)
    assert bins.frequency(1.0)[0] == pytest.approx(1)
    assert bins.frequency(0.5)[1] == 0


def test_ece05_looks_at_likely_predictions_only():
    said = np.array([0.0] * 98 + [0.5, 0.5])
    found = score(said, np.zeros(100, dtype=bool))
    assert found.ece == pytest.approx(0.01)
    assert found.ece05 == pytest.approx(0.5)


def test_the_own_past_never_sees_its_own_outcome():
    happened = np.array([True, False, True, True, False])
    own = past_frequency(happened, np.array([1, 2, 1, 1, 2]), 0.1)
    np.testing.assert_allclose(own, [0.1, 0.1, 1.1 / 2, 2.1 / 3, 0.1 / 2])
    late = past_frequency(happened, np.array([1, 2, 1, 1, 2]), 0.1, known_after=2)
    np.testing.assert_allclose(late, [0.1, 0.1, 0.1, 1.1 / 2, 0.1])
    flipped = past_frequency(np.append(happened[:-1], True), np.array([1, 2, 1, 1, 2]), 0.1)
    np.testing.assert_array_equal(flipped, own)


def test_bands_are_scored_by_step_whole_and_by_pinball_loss():
    quantiles = np.tile(np.array([-1.0, 0.0, 1.0]), (2, 2, 1))
    actual = np.array([[0.0, 2.0], [0.5, np.nan]])
    found = score_bands(quantiles, (0.05, 0.5, 0.95), np.full((2, 2), -3.0), np.full((2, 2), 3.0), actual)
    assert found.coverage.tolist() == [1.0, 0.0]
    assert (found.joint, found.width) == (1.0, 6.0)
    losses = [
        np.maximum(q * (x - v), (q - 1) * (x - v))
        for x in (0.0, 2.0, 0.5)
        for q, v in ((0.05, -1.0), (0.5, 0.0), (0.95, 1.0))
    ]
    assert found.crps == pytest.approx(2 * np.mean(losses))


def test_lead_time_counts_unbroken_warnings_before_a_violation():
    said = np.array([0.1, 0.6, 0.7, 0.2, 0.6, 0.9, 0.9, 0.1])
    assert lead_times(said, 0.5, np.array([3, 7])).tolist() == [2, 3]
    assert lead_times(said, 0.95, np.array([3])).tolist() == [0]
    assert lead_times(said, 0.5, np.empty(0)).tolist() == []
