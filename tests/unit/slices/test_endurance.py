"""Days of decisions, whatever goes wrong, end inside the envelope."""

from __future__ import annotations

import pytest

from foresight.slices.endurance import Scenario, endure


@pytest.mark.parametrize("scenario", Scenario)
def test_capacity_stays_in_its_envelope(scenario: Scenario) -> None:
    found = endure(scenario, 4, 8)
    assert 0.5 <= found.lowest <= found.highest <= 2.0
    sums = found.in_force.sum(axis=1)
    assert (0.8 * sums[:-96] <= sums[96:] + 1).all()
    assert (sums[96:] <= 1.2 * sums[:-96] + 1).all()


def test_steps_alone_let_capacity_grow_without_end() -> None:
    assert endure(Scenario.UNCURABLE, 4, 8, envelope=None).highest > 5
