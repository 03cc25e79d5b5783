"""OpenSLO v1 documents as far as an SLA can carry them; any other field is refused with its reason.

Source: the OpenSLO specification, version v1.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from foresight.sla.durations import duration_seconds
from foresight.sla.fields import Form, Name, Number, Objective, Seconds, Text
from foresight.sla.selectors import parse_selector

REFUSED_KINDS = {
    "DataSource": "the connection `telemetry` says where metrics come from",
    "AlertCondition": "write the condition into its AlertPolicy",
    "AlertNotificationTarget": "changes of state are published to Kafka, and nothing else is notified",
}


class SloForm(Form):
    """Any part of an OpenSLO document."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel)


def _as_lists(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    return {name: [value] if isinstance(value, str) else value for name, value in given.items()}


def _slice_seconds(given: Any) -> int:
    """A bare number counts minutes."""
    return given * 60 if type(given) is int else duration_seconds(str(given))


class Metadata(SloForm):
    """What every document begins with."""

    name: Name
    display_name: Text = ""
    labels: Annotated[dict[Text, list[Text]], BeforeValidator(_as_lists)] = Field(default_factory=dict)
    annotations: dict[Text, str] = Field(default_factory=dict)


class SourceSpec(SloForm):
    """How the metric is read."""

    query: str

    @field_validator("query")
    @classmethod
    def _is_selector(cls, query: str) -> str:
        parse_selector(query)
        return query


class MetricSource(SloForm):
    """Where the metric is read."""

    metric_source_ref: None = None
    type: str = "Prometheus"
    spec: SourceSpec

    @field_validator("metric_source_ref", mode="before")
    @classmethod
    def _no_reference(cls, _given: Any) -> None:
        raise ValueError(REFUSED_KINDS["DataSource"])

    @field_validator("type")
    @classmethod
    def _is_prometheus(cls, given: str) -> str:
        if given.lower() != "prometheus":
            raise ValueError(f"metrics come from Prometheus, got {given[:40]!r}")
        return given


class ThresholdMetric(SloForm):
    """A metric that is compared with a value."""

    metric_source: MetricSource


class SliSpec(SloForm):
    """What an indicator measures."""

    description: Text = ""
    ratio_metric: None = None
    threshold_metric: ThresholdMetric

    @field_validator("ratio_metric", mode="before")
    @classmethod
    def _no_ratio(cls, _given: Any) -> None:
        raise ValueError("an indicator compares one metric with bounds: use thresholdMetric")


class Indicator(SloForm):
    """An indicator written into its SLO."""

    metadata: Metadata
    spec: SliSpec


class TimeWindow(SloForm):
    """How far back an SLO looks."""

    duration: Seconds
    is_rolling: bool = True
    calendar: None = None

    @field_validator("calendar", mode="before")
    @classmethod
    def _no_calendar(cls, _given: Any) -> None:
        raise ValueError("windows roll: they end at the as-of of each run")

    @field_validator("is_rolling")
    @classmethod
    def _rolls(cls, given: bool) -> bool:
        if not given:
            raise ValueError("windows roll: they end at the as-of of each run")
        return given


class ObjectiveForm(SloForm):
    """A bound, and the share of slots that must keep it."""

    display_name: Text = ""
    op: Literal["lt", "lte", "gt", "gte"]
    value: Number
    target: Objective | None = None
    target_percent: Number | None = None
    time_slice_target: Number
    time_slice_window: Annotated[int, BeforeValidator(_slice_seconds)]

    @field_validator("time_slice_target")
    @classmethod
    def _whole_slice(cls, given: float) -> float:
        if given != 1:
            raise ValueError(f"a slot has one sample, good or not: the target of a slice is 1, got {given:g}")
        return given

    @model_validator(mode="after")
    def _one_target(self) -> Self:
        if (self.target is None) == (self.target_percent is None):
            raise ValueError("give either target or targetPercent")
        if self.target_percent is not None and not 0 < self.target_percent < 100:
            raise ValueError(
                f"targetPercent lies between 0 and 100, both excluded, got {self.target_percent:g}"
            )
        return self

    @property
    def objective(self) -> float:
        """The share, from whichever field gives it."""
        if self.target is not None:
            return self.target
        # Rounded, because 99.9 / 100 is 0.9990000000000001.
        return round((self.target_percent or 0.0) / 100, 12)


class PolicyReference(SloForm):
    """A policy by its name."""

    alert_policy_ref: str


def _as_reference(given: Any) -> Any:
    return {"alertPolicyRef": given} if isinstance(given, str) else given


class SloSpec(SloForm):
    """What an SLO promises."""

    description: Text = ""
    service: Name
    indicator: Indicator | None = None
    indicator_ref: str | None = None
    time_window: list[TimeWindow] = Field(default_factory=list, max_length=1)
    budgeting_method: Literal["Timeslices"]
    objectives: list[ObjectiveForm] = Field(min_length=1, max_length=1)
    alert_policies: list[Annotated[PolicyReference, BeforeValidator(_as_reference)]] = Field(
        default_factory=list
    )

    @model_validator(mode="after")
    def _one_indicator(self) -> Self:
        if (self.indicator is None) == (self.indicator_ref is None):
            raise ValueError("give either indicator or indicatorRef")
        return self


class ServiceSpec(SloForm):
    """What a service is."""

    description: Text = ""


class Condition(SloForm):
    """When an alert fires."""

    kind: Literal["burnrate"]
    op: Literal["gt"] = "gt"
    threshold: Number
    lookback_window: Seconds
    alert_after: Literal["0m", "0s", ""] = ""


class ConditionSpec(SloForm):
    """A condition and how urgent it is."""

    description: Text = ""
    severity: Literal["page", "ticket"]
    condition: Condition


class InlineCondition(SloForm):
    """A condition written into its policy."""

    kind: Literal["AlertCondition"]
    metadata: Metadata
    spec: ConditionSpec


class PolicySpec(SloForm):
    """What an alert policy does."""

    description: Text = ""
    alert_when_breaching: Literal[True]
    alert_when_resolved: Literal[True]
    alert_when_no_data: Literal[False] = False
    conditions: list[InlineCondition] = Field(min_length=1, max_length=1)
    notification_targets: list[Any] = Field(default_factory=list)

    @field_validator("notification_targets")
    @classmethod
    def _no_targets(cls, given: list[Any]) -> list[Any]:
        if given:
            raise ValueError(REFUSED_KINDS["AlertNotificationTarget"])
        return given


class SloDocument(SloForm):
    """Kind SLO."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: SloSpec


class SliDocument(SloForm):
    """Kind SLI."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: SliSpec


class ServiceDocument(SloForm):
    """Kind Service."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: ServiceSpec = ServiceSpec()


class PolicyDocument(SloForm):
    """Kind AlertPolicy."""

    api_version: str
    kind: str
    metadata: Metadata
    spec: PolicySpec
