"""The short YAML form of SLAs: its fields, and how it becomes definitions.

slas:
  - name: hosts
    slis:
      - {name: memory-free, metric: node_memory_MemFree_bytes, min: 9.882e9, max: 3.0e10, objective: 0.99}
      - name: answers
        ratio: {bad: 'sum(rate(http_errors_total[{{.window}}]))', total: {metric: http_requests_total}}
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator, model_validator

from foresight.forms import Form, MatcherForm, Matchers, Number, Seconds, matchers_of, obeys
from foresight.sla import rules
from foresight.sla.burn_rates import Alert
from foresight.sla.calendars import Calendar
from foresight.sla.definitions import Budget, Choices, Notes, Sla, Sli, Target
from foresight.sla.fields import (
    DEFAULT_WINDOWS,
    Metric,
    Name,
    Objective,
    Positive,
    Probability,
    Query,
    Share,
    Text,
    Windows,
    horizon_mistake,
    minutes_of,
    slice_mistake,
    whole_minutes,
)
from foresight.sla.ratios import DEFAULT_RATE_WINDOW, Expression, Ratio


def _not_too_many(forms: dict[str, MatcherForm]) -> str | None:
    return rules.matchers_mistake(matchers_of(forms))


class EventsForm(Form):
    """Events as an expression, or as a counter with matchers."""

    query: Query | None = None
    counter: bool = False
    metric: Metric | None = None
    matchers: Annotated[Matchers, obeys(_not_too_many)] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.query is None) == (self.metric is None):
            raise ValueError("give either query or metric")
        if self.query is not None and self.matchers:
            raise ValueError("matchers belong to metric; write them into the query itself")
        return self

    @property
    def expression(self) -> Expression:
        """The expression that is meant; a metric alone is a counter."""
        if self.query is not None:
            return Expression(self.query, self.counter)
        return Expression(
            Sli("x", self.metric or "", 0.0, matchers=matchers_of(self.matchers)).selector, True
        )


def _as_text(given: Any) -> Any:
    return given.strftime("%Y-%m-%d %H:%M:%S") if isinstance(given, date) else given


def _as_events(given: Any) -> Any:
    return {"query": given} if isinstance(given, str) else given


Events = Annotated[EventsForm, BeforeValidator(_as_events)]


class RatioForm(Form):
    """Good or bad events out of all, or their share."""

    good: Events | None = None
    bad: Events | None = None
    total: Events | None = None
    raw: Events | None = None
    raw_is: Literal["good", "bad"] = "good"
    good_absent: Literal["missing", "zero"] = "missing"
    no_traffic: Literal["ignore", "good", "bad"] = "ignore"
    rate_window: Annotated[Seconds, obeys(rules.rate_window_mistake)] = DEFAULT_RATE_WINDOW
    min_events: Positive = 1.0

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.definition()  # refuses what does not go together
        return self

    def definition(self) -> Ratio:
        """The ratio that is meant."""
        parts = (self.good, self.bad, self.total, self.raw)
        good, bad, total, raw = (part.expression if part else None for part in parts)
        return Ratio(
            good, bad, total, raw, self.raw_is, self.good_absent, self.no_traffic, self.rate_window,
            float(self.min_events),
        )  # fmt: skip


class AlertForm(Form):
    """An alert on the burn rate, beside those that every SLI has."""

    name: Name
    severity: Annotated[str, Field(min_length=1, max_length=rules.MAX_NAME)]
    factor: Positive
    long: Annotated[Seconds, obeys(whole_minutes)]
    short: Annotated[Seconds, obeys(whole_minutes)] | None = None
    targets: list[Name] = Field(default_factory=list)

    def definition(self) -> Alert:
        """The alert that is meant."""
        return Alert(
            self.name, self.severity, float(self.factor), self.long // 60, (self.short or 0) // 60,
            targets=tuple(self.targets),
        )  # fmt: skip


class CalendarForm(Form):
    """A window by the calendar."""

    every: Annotated[str, Field(pattern=r"^[0-9]{1,4}[dwM]$")]
    start: Annotated[str, BeforeValidator(_as_text)]
    zone: str = "UTC"

    @model_validator(mode="after")
    def _whole(self) -> Self:
        self.definition()  # refuses what is no calendar window
        return self

    def definition(self) -> Calendar:
        """The calendar window that is meant."""
        return Calendar(int(self.every[:-1]), self.every[-1], self.start, self.zone)  # type: ignore[arg-type]


class SliForm(Form):
    """One SLI; objective and windows are its SLA's where it has none of its own."""

    name: Name
    metric: Metric | None = None
    expression: Query | None = None
    ratio: RatioForm | None = None
    description: Text = ""
    display_name: Text = ""
    matchers: Annotated[Matchers, obeys(_not_too_many)] = Field(default_factory=dict)
    min: Number | None = None
    max: Number | None = Field(default=None, validate_default=True)
    objective: Objective | None = None
    windows: Windows | None = None
    calendar: CalendarForm | None = None
    budgeting: Literal["timeslices", "occurrences"] = "timeslices"
    slice: Annotated[Seconds, obeys(slice_mistake)] = 60
    slice_target: Share | None = None
    vanished: Literal["count", "leave_out"] = "count"
    across: Literal["worst", "mean", "sum", "share"] = "worst"
    no_data: Literal["ignore", "good", "bad"] = "ignore"
    at_risk_probability: Probability | None = None
    cost_per_minute: Positive | None = None
    alerts: list[AlertForm] = Field(default_factory=list, max_length=rules.MAX_WINDOWS)

    @field_validator("max")
    @classmethod
    def _bounds(cls, upper: float | None, info: ValidationInfo) -> float | None:
        given = info.data
        is_bounded = given.get("metric") is not None or given.get("expression") is not None
        if is_bounded and "min" in given and (reason := rules.bounds_mistake(given["min"], upper)):
            raise ValueError(reason)
        return upper

    def definition(self, sla: SlaForm) -> Sli:
        """The SLI that is meant. Raises ``ValueError`` where its parts do not go together."""
        return Sli(
            name=self.name,
            metric=self.metric or "",
            lower=self.min,
            upper=self.max,
            objective=sla.objective if self.objective is None else self.objective,
            matchers=matchers_of(self.matchers),
            windows=minutes_of(sla.windows if self.windows is None else self.windows),
            description=self.description,
            notes=Notes(self.display_name),
            expression=None if self.expression is None else Expression(self.expression),
            ratio=self.ratio.definition() if self.ratio else None,
            budget=Budget(self.budgeting, self.slice // 60, self.slice_target),
            choices=Choices(
                self.vanished, self.across, self.no_data, self.at_risk_probability, self.cost_per_minute
            ),
            alerts=tuple(alert.definition() for alert in self.alerts),
            calendar=self.calendar.definition() if self.calendar else None,
        )


class SlaForm(Form):
    """One SLA; ``objective`` and ``windows`` hold for all of its SLIs."""

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


class TargetForm(Form):
    """Who is told of an alert."""

    name: Name
    kind: Annotated[str, Field(min_length=1, max_length=rules.MAX_NAME)]
    description: Text = ""
    display_name: Text = ""

    def definition(self) -> Target:
        """The target that is meant."""
        return Target(self.name, self.kind, self.description, Notes(self.display_name))


class SlaFile(Form):
    """A file of SLAs, and of the targets that their alerts name."""

    slas: list[SlaForm] = Field(default_factory=list, max_length=rules.MAX_SLIS)
    targets: list[TargetForm] = Field(default_factory=list, max_length=rules.MAX_SLIS)
