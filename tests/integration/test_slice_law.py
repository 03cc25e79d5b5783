"""The simulator's law with its own slice names, live: every row and decision equal to an oracle.

A part of the periods; ``benchmarks/slice_law.py`` runs 200 of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration import slice_faults
from tests.integration.slice_faults import World
from tests.integration.slice_law import N_CELLS, run_law
from tests.servers.process import Unavailable

pytestmark = [pytest.mark.kafka, pytest.mark.mysql, pytest.mark.timeout(600)]
PERIODS = 12


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        with slice_faults.world() as running:
            yield running
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"in CI every server must be there: {reason}")
        pytest.skip(str(reason))


def test_all_rows_and_decisions_are_those_of_the_oracle_and_a_slice_has_one_message_a_period(
    world: World,
) -> None:
    found = run_law(world, PERIODS)
    assert found["rows"] == found["decisions"] == 2 * N_CELLS * PERIODS
    assert found["outcome ready"] > N_CELLS
    assert 0 < found["messages"] <= 2 * (PERIODS - 4)
    assert found["sent"] > found["messages"]
