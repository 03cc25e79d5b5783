"""Field types that both forms of SLA documents are made of; the rules themselves are in ``rules``."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, Field

from foresight.forms import Seconds, no_boolean, obeys
from foresight.sla import rules


def _repeated(windows: list[int]) -> str | None:
    return "a window is given twice" if len(set(windows)) != len(windows) else None


Name = Annotated[str, obeys(rules.name_mistake)]
Metric = Annotated[str, obeys(rules.metric_mistake)]
Text = Annotated[str, Field(max_length=rules.MAX_TEXT)]
Objective = Annotated[float, BeforeValidator(no_boolean), obeys(rules.objective_mistake)]
Probability = Annotated[float, BeforeValidator(no_boolean), obeys(rules.probability_mistake)]
Query = Annotated[str, obeys(rules.query_mistake)]
"""A PromQL expression, in which ``{{.window}}`` stands for the range of a rate."""
Share = Annotated[float, BeforeValidator(no_boolean), obeys(rules.slice_target_mistake)]
Positive = Annotated[float, BeforeValidator(no_boolean), obeys(rules.positive_mistake)]
Windows = Annotated[list[Seconds], Field(min_length=1, max_length=rules.MAX_WINDOWS), obeys(_repeated)]
DEFAULT_WINDOWS = [minutes * 60 for minutes in rules.DEFAULT_WINDOWS]


def minutes_of(seconds: list[int]) -> tuple[int, ...]:
    """Windows in minutes, ascending; the loader has checked that they are whole slots."""
    return tuple(sorted(length // 60 for length in seconds))


def whole_minutes(seconds: int) -> str | None:
    """Why these are no whole minutes."""
    return None if seconds % 60 == 0 else f"whole minutes are needed, got {seconds} s"


def slice_mistake(seconds: int) -> str | None:
    """The rule on slices, for a duration in seconds."""
    return whole_minutes(seconds) or rules.slice_mistake(seconds // 60)


def horizon_mistake(seconds: int) -> str | None:
    """The rule on horizons, for a duration in seconds."""
    return rules.horizon_mistake(seconds // 60) if seconds % 60 == 0 else "a horizon is whole minutes"
