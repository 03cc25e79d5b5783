"""Field types that both forms of SLA documents are made of; the rules themselves are in ``rules``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from foresight.sla import rules
from foresight.sla.durations import duration_seconds


class Form(BaseModel):
    """A part of a document; a field that it does not know is a mistake."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def obeys(mistake: Callable[[Any], str | None]) -> AfterValidator:
    """Refuses a value that breaks a rule, with the rule's reason."""

    def check(value: Any) -> Any:
        if reason := mistake(value):
            raise ValueError(reason)
        return value

    return AfterValidator(check)


def _no_boolean(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError(f"a number is wanted, got {given!r}")  # noqa: TRY004 - pydantic catches ValueError
    return given


def _seconds(given: Any) -> int:
    return duration_seconds(given if isinstance(given, str) else repr(given))


def _repeated(windows: list[int]) -> str | None:
    return "a window is given twice" if len(set(windows)) != len(windows) else None


Name = Annotated[str, obeys(rules.name_mistake)]
Metric = Annotated[str, obeys(rules.metric_mistake)]
Text = Annotated[str, Field(max_length=rules.MAX_TEXT)]
Number = Annotated[float, BeforeValidator(_no_boolean), Field(allow_inf_nan=False)]
Objective = Annotated[float, BeforeValidator(_no_boolean), obeys(rules.objective_mistake)]
Probability = Annotated[float, BeforeValidator(_no_boolean), obeys(rules.probability_mistake)]
Seconds = Annotated[int, BeforeValidator(_seconds)]
"""A duration with its unit, kept in seconds."""
Query = Annotated[str, obeys(rules.query_mistake)]
"""A PromQL expression, in which ``{{.window}}`` stands for the range of a rate."""
Share = Annotated[float, BeforeValidator(_no_boolean), obeys(rules.slice_target_mistake)]
Positive = Annotated[float, BeforeValidator(_no_boolean), obeys(rules.positive_mistake)]
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
