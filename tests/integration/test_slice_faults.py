"""Slice prediction killed on its way, and with its servers killed: nothing lost, nothing twice.

Some of the points; ``benchmarks/slice_faults.py`` tries all of them in all three ways.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.integration import slice_faults
from tests.integration.slice_faults import POINTS, World, check, run_again, try_fault
from tests.servers.process import Unavailable

pytestmark = [pytest.mark.kafka, pytest.mark.mysql]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    try:
        with slice_faults.world() as running:
            yield running
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"in CI every server must be there: {reason}")
        pytest.skip(str(reason))


@pytest.mark.parametrize("point", POINTS[1::3])
def test_a_worker_killed_at_any_point_loses_and_doubles_nothing(world: World, point: str) -> None:
    assert try_fault(world, point, "worker") == "killed, retried, ended well"


def test_a_broker_that_is_killed_and_comes_back_loses_and_doubles_nothing(world: World) -> None:
    assert try_fault(world, POINTS[8], "broker").endswith("ended well")


def test_a_database_that_is_killed_and_comes_back_loses_and_doubles_nothing(world: World) -> None:
    assert try_fault(world, POINTS[5], "database").endswith("ended well")


def test_a_run_after_all_that_changes_and_sends_nothing(world: World) -> None:
    assert try_fault(world, POINTS[-1], "worker") == "killed, retried, ended well"
    assert run_again(world) == 0
    assert world.last is not None
    check(world, world.last)
