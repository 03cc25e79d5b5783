"""The operator guide names everything that a row or a dead letter may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresight.slices.features import Outcome
from foresight.slices.guardrails import Rule
from foresight.slices.judgement import BASELINES, CONSTANT, SEASONAL_RIVALS
from foresight.slices.measurements import Reason, Sharing
from foresight.slices.replay import EVENTS, LONG, TABLES

GUIDE = (Path(__file__).parents[3] / "docs" / "slices.md").read_text("utf-8")
WORDS = [
    *(item.value for item in [*Reason, *Sharing]),
    *(item.label for item in [*Outcome, *Rule]),
    *BASELINES,
    *SEASONAL_RIVALS,
    CONSTANT,
    *TABLES,
    *EVENTS,
    *LONG,
]


@pytest.mark.parametrize("word", WORDS)
def test_the_guide_names(word: str) -> None:
    assert word in GUIDE
