"""Only the codes that a client may expect come back, whatever is sent."""

from __future__ import annotations

import asyncio

import pytest

from foresight.store import Store
from tests.unit.retrieval.fuzzing import ALLOWED, fuzz

pytestmark = pytest.mark.loopback


def test_two_thousand_random_calls_get_allowed_codes_alone(filled: Store) -> None:
    codes, wrong = asyncio.run(fuzz(filled, 2_000, seed=7))
    assert wrong == []
    assert sum(codes.values()) == 2_000
    assert set(codes) == ALLOWED  # so each of them is reached
