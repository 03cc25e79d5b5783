"""The short YAML form of SLAs: its fields, and how it becomes definitions.

slas:
  - name: hosts
    slis:
      - {name: memory-free, metric: node_memory_MemFree_bytes, min: 9.882e9, max: 3.0e10, objective: 0.99}
"""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from foresight.sla import definitions as rules
from foresight.sla.definitions import Matcher, Notes, Operator, Sla, Sli
from foresight.sla.fields import (
    DEFAULT_WINDOWS,
    Form,
    Metric,
    Name,
    Number,
    Objective,
    Probability,
    Seconds,
    Text,
    Windows,
    horizon_mistake,
    minutes_of,
    obeys,
)

Label = Annotated[str, obeys(rules.label_mistake)]


class MatcherForm(Form):
    """Conditions on one label, as in the catalogue; those that are given must all hold."""

    equals: str | None = None
    not_equals: str | None = None
    regex: str | None = None
    not_regex: str | None = None

    @field_validator("equals", "not_equals")
    @classmethod
    def _value(cls, value: str | None) -> str | None:
        return _checked("=", value)

    @field_validator("regex", "not_regex")
    @classmethod
    def _expression(cls, value: str | None) -> str | None:
        return _checked("=~", value)

    @model_validator(mode="after")
    def _some(self) -> Self:
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


def _checked(op: str, value: str | None) -> str | None:
    if value is not None and (reason := rules.value_mistake(op, value)):
        raise ValueError(reason)
    return value


def _as_matcher(given: Any) -> Any:
    return given if isinstance(given, dict | MatcherForm) else {"equals": given}


class SliForm(Form):
    """One indicator; objective and windows are its SLA's where it has none of its own."""

    name: Name
    metric: Metric
    description: Text = ""
    display_name: Text = ""
    matchers: dict[Label, Annotated[MatcherForm, BeforeValidator(_as_matcher)]] = Field(default_factory=dict)
    min: Number | None = None
    max: Number | None = Field(default=None, validate_default=True)
    objective: Objective | None = None
    windows: Windows | None = None

    @field_validator("matchers")
    @classmethod
    def _not_too_many(cls, matchers: dict[str, MatcherForm]) -> dict[str, MatcherForm]:
        if sum(len(form.conditions) for form in matchers.values()) > rules.MAX_MATCHERS:
            raise ValueError(f"more than {rules.MAX_MATCHERS} matchers")
        return matchers

    @field_validator("max")
    @classmethod
    def _bounds(cls, upper: float | None, info: ValidationInfo) -> float | None:
        if "min" in info.data and (reason := rules.bounds_mistake(info.data["min"], upper)):
            raise ValueError(reason)
        return upper

    def definition(self, sla: SlaForm) -> Sli:
        """The indicator that is meant."""
        return Sli(
            name=self.name,
            metric=self.metric,
            lower=self.min,
            upper=self.max,
            objective=sla.objective if self.objective is None else self.objective,
            matchers=tuple(
                Matcher(label, op, value)
                for label, form in self.matchers.items()
                for op, value in form.conditions
            ),
            windows=minutes_of(sla.windows if self.windows is None else self.windows),
            description=self.description,
            notes=Notes(self.display_name),
        )


class SlaForm(Form):
    """One SLA; ``objective`` and ``windows`` stand for all of its indicators."""

    name: Name
    owner: Text = ""
    description: Text = ""
    display_name: Text = ""
    objective: Objective = rules.DEFAULT_OBJECTIVE
    windows: Windows = DEFAULT_WINDOWS
    horizon: Annotated[Seconds, obeys(horizon_mistake)] = rules.DEFAULT_HORIZON * 60
    at_risk_probability: Probability = rules.DEFAULT_AT_RISK
    slis: list[SliForm] = Field(min_length=1, max_length=rules.MAX_SLIS)

    def definition(self) -> Sla:
        """The SLA that is meant."""
        return Sla(
            name=self.name,
            slis=tuple(sli.definition(self) for sli in self.slis),
            owner=self.owner,
            description=self.description,
            horizon_minutes=self.horizon // 60,
            at_risk_probability=self.at_risk_probability,
            notes=Notes(self.display_name),
        )


class SlaFile(Form):
    """A file of SLAs."""

    slas: list[SlaForm] = Field(max_length=rules.MAX_SLIS)
