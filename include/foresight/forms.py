"""What the documents that people write have in common: numbers, durations, and conditions on labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from foresight.durations import duration_seconds
from foresight.matchers import Matcher, Operator, label_mistake, value_mistake


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


def no_boolean(given: Any) -> Any:
    """Refuses ``true`` and ``false``, which Python takes for 1 and 0."""
    if isinstance(given, bool):
        raise ValueError(f"a number is wanted, got {given!r}")  # noqa: TRY004 - pydantic catches ValueError
    return given


def _bare_seconds(given: Any) -> int:
    return duration_seconds(given, may_be_bare=True)


Number = Annotated[float, BeforeValidator(no_boolean), Field(allow_inf_nan=False)]
Count = Annotated[int, BeforeValidator(no_boolean)]
Seconds = Annotated[int, BeforeValidator(duration_seconds)]
"""A duration with its unit, kept in seconds."""
BareSeconds = Annotated[int, BeforeValidator(_bare_seconds)]
"""The same, or a number of seconds without a unit."""


_Text = Annotated[str, obeys(lambda value: value_mistake("=", value))]
_Expression = Annotated[str, obeys(lambda value: value_mistake("=~", value))]


class MatcherForm(Form):
    """Conditions on one label; those that are given must all hold."""

    equals: _Text | None = None
    not_equals: _Text | None = None
    regex: _Expression | None = None
    not_regex: _Expression | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.conditions:
            raise ValueError("one of equals, not_equals, regex, not_regex is needed")
        return self

    @property
    def conditions(self) -> list[tuple[Operator, str]]:
        """The operators that are given, with their values."""
        every: list[tuple[Operator, str | None]] = [
            ("=", self.equals), ("!=", self.not_equals), ("=~", self.regex), ("!~", self.not_regex),
        ]  # fmt: skip
        return [(op, value) for op, value in every if value is not None]


def _as_matcher(given: Any) -> Any:
    return given if isinstance(given, dict | MatcherForm) else {"equals": given}


Matchers = dict[Annotated[str, obeys(label_mistake)], Annotated[MatcherForm, BeforeValidator(_as_matcher)]]
"""Conditions by label; a text alone stands for ``equals``."""


def matchers_of(forms: Mapping[str, MatcherForm]) -> tuple[Matcher, ...]:
    """The matchers that the forms spell."""
    return tuple(Matcher(label, op, value) for label, form in forms.items() for op, value in form.conditions)
