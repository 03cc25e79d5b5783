"""A small part of ``make fuzz-scoring``."""

from __future__ import annotations

import pytest

from tests.unit.scoring.fuzz import fuzz, models

NAMES = sorted(models())


def test_there_are_models_of_every_runtime() -> None:
    assert len(NAMES) >= 30
    assert {name.partition("-")[0] for name in NAMES} >= {"keras", "onnx", "sklearn"}


@pytest.mark.parametrize("name", [name for name in NAMES if not name.startswith("keras")])
def test_mutated_records_get_one_answer_in_every_way(name: str) -> None:
    _, done, wrong = fuzz(name, 60, 7)
    assert (done, wrong) == (60, [])
