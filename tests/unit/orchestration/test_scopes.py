"""What an interval says that it was about."""

from __future__ import annotations

import pytest

from foresight.orchestration.telemetry.results import scope_of
from foresight.store.intervals import CATALOGUE_SCOPE
from foresight.store.tables.runs import SCOPE_LENGTH

MANY = [f"metric_number_{number:03d}" for number in range(60)]


def test_a_run_that_names_nothing_is_about_the_catalogue() -> None:
    assert scope_of([]) == CATALOGUE_SCOPE


def test_a_few_entries_are_named_whatever_their_order() -> None:
    assert scope_of(["b", "a", "b"]) == "a,b"


@pytest.mark.parametrize("others", [MANY[:-1], [*MANY[:-1], "x"], [*MANY, "x"]])
def test_lists_too_long_to_be_named_are_told_apart(others: list[str]) -> None:
    assert scope_of(MANY) == scope_of(MANY[::-1]) != scope_of(others)
    assert len(scope_of(MANY)) == SCOPE_LENGTH
    assert scope_of(MANY).startswith("metric_number_000,metric_number_001,")


def test_an_entry_that_is_called_catalogue_is_not_the_catalogue() -> None:
    assert scope_of([CATALOGUE_SCOPE]) != CATALOGUE_SCOPE
