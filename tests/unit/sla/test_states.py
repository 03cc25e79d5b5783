"""The state that reasons make: one table, which the guide shows."""

from __future__ import annotations

import re
from itertools import combinations
from pathlib import Path

import pytest

from foresight.sla.states import PRECEDENCE, Reason, State, state_of, worst_state

GUIDE = Path(__file__).parents[3] / "docs" / "sla-author.md"


def test_the_guide_shows_the_table_line_by_line() -> None:
    shown = re.findall(r"^\| `(\w+)` \| [^|]+ \| `(\w+)` \|$", GUIDE.read_text(), re.MULTILINE)
    assert [(reason.value, state.value) for reason, state in PRECEDENCE] == [
        pair for pair in shown if pair[0] in set(Reason) and pair[1] in set(State)
    ]


@pytest.mark.parametrize(("first", "second"), list(combinations([reason for reason, _ in PRECEDENCE], 2)))
def test_of_two_reasons_the_one_that_stands_first_decides(first: Reason, second: Reason) -> None:
    assert state_of([second, first]) == dict(PRECEDENCE)[first]


def test_without_a_reason_the_state_is_ok_and_a_note_changes_none() -> None:
    assert state_of([]) is State.OK
    assert state_of([Reason.IMPOSSIBLE_COUNTS]) is State.OK


@pytest.mark.parametrize(
    "silence", [Reason.SILENT, Reason.NOTHING_OBSERVED, Reason.NO_TRAFFIC, Reason.NO_SERIES]
)
@pytest.mark.parametrize("trouble", [Reason.BUDGET_SPENT, Reason.BURN_RATE])
def test_silence_hides_no_trouble(silence: Reason, trouble: Reason) -> None:
    assert state_of([silence, trouble]) == state_of([trouble])


def test_the_worst_of_several_states_is_that_of_all() -> None:
    assert worst_state([State.OK, State.STALE, State.MAINTENANCE]) is State.STALE
