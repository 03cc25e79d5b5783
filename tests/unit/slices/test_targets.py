"""Targets: the published formula, and what the next period will need."""

from __future__ import annotations

import numpy as np
import pytest

from foresight.slices.targets import LARGEST_GROWTH, Target, forward, reference, target
from tests.unit.slices.reference import recording

COUNTERS = np.array([[[400, 250, 100], [500, 300, 150], [0, 0, 0], [200, 100, 100]]], dtype=float)


def test_the_reference_target_is_the_published_formula() -> None:
    assert reference(COUNTERS[:, :2], np.array([100.0]))[0, 1] == pytest.approx(100 * (1 + 0.30 - 0.25))


def test_the_reference_target_of_the_recording_is_its_own_column_predicted() -> None:
    counters, configured = recording()
    published = [112.89169295, 107.36743543]  # cell 13999, periods 2 and 3 of the published file
    np.testing.assert_allclose(reference(counters, configured)[0, 1:3], published, atol=5e-9)


def test_periods_without_requests_and_the_first_have_no_reference_target() -> None:
    answer = reference(COUNTERS, np.array([100.0]))
    assert np.isnan(answer).tolist() == [[True, False, True, True]]


def test_with_the_forward_answer_the_next_period_would_have_met_the_bound() -> None:
    needed = forward(COUNTERS, np.array([100.0]), failure_bound=0.1)[0, 0]
    served_by_each = (500 - 150) / 100
    assert 1 - needed * served_by_each / 500 == pytest.approx(0.1)


def test_the_forward_answer_is_bounded_when_nearly_everything_fails() -> None:
    counters = np.array([[[9, 9, 0], [1000, 0, 1000]]], dtype=float)
    assert forward(counters, np.array([100.0]))[0, 0] == pytest.approx(100 * LARGEST_GROWTH)


def test_no_forward_answer_before_or_at_a_period_that_says_nothing() -> None:
    answer = forward(COUNTERS, np.array([100.0]))
    assert np.isnan(answer).tolist() == [[False, True, False, True]]


def test_a_bound_that_is_no_share_is_refused() -> None:
    with pytest.raises(ValueError, match="bound"):
        forward(COUNTERS, np.array([100.0]), 1.0)


@pytest.mark.parametrize("kind", list(Target))
def test_an_answer_never_depends_on_later_periods_than_it_may(kind: Target) -> None:
    rng = np.random.default_rng(1)
    counters = rng.uniform(1, 100, (2, 8, 3))
    ahead = 0 if kind is Target.REFERENCE else 1
    before = target(kind, counters, np.array([50.0]))
    counters[:, 5:] = 1
    after = target(kind, counters, np.array([50.0]))
    np.testing.assert_array_equal(before[:, : 5 - ahead], after[:, : 5 - ahead])
