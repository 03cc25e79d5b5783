"""What an SLA is: named SLIs with bounds or ratios, objectives, windows and budgets."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import orjson

from foresight.matchers import Matcher
from foresight.series import escape
from foresight.sla import rules
from foresight.sla.burn_rates import BURN_RULES, Alert
from foresight.sla.calendars import Calendar
from foresight.sla.ratios import Expression, Ratio

_PLAIN_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*", re.ASCII)

FAST_FACTOR = BURN_RULES[0].factor


@dataclass(frozen=True, slots=True)
class Notes:
    """What only people read: a name to show, and the labels and annotations that came with a document."""

    display_name: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """How the error budget is counted.

    ``timeslices``: in minutes. A slice of ``slice_minutes`` is bad when the good share of its events (of its
    samples, where the SLI has bounds) is below ``slice_target``; None is all of them for bounds, and the
    objective for ratios. ``occurrences``: in events (or samples); the target only serves the risk.
    """

    method: Literal["timeslices", "occurrences"] = "timeslices"
    slice_minutes: int = 1
    slice_target: float | None = None

    def __post_init__(self) -> None:
        rules.refuse(
            rules.slice_mistake(self.slice_minutes),
            None if self.slice_target is None else rules.slice_target_mistake(self.slice_target),
            "slices belong to the budgeting of timeslices"
            if self.method == "occurrences" and self.slice_minutes != 1
            else None,
        )


@dataclass(frozen=True, slots=True)
class Choices:
    """What an SLI makes of the awkward cases.

    ``vanished``: whether series that ended count on, or are left out while another one reports.
    ``across``: several series are judged one by one and the worst decides, or their mean or sum is judged, or
    the share of them that is inside the bounds (a ratio of series). ``no_data``: a slot without a sample is
    ignored, good or bad. ``at_risk_probability``: None is that of the SLA. ``cost_per_minute``: of a violated
    minute, in any unit that is the same for all SLIs.
    """

    vanished: Literal["count", "leave_out"] = "count"
    across: Literal["worst", "mean", "sum", "share"] = "worst"
    no_data: Literal["ignore", "good", "bad"] = "ignore"
    at_risk_probability: float | None = None
    cost_per_minute: float | None = None

    def __post_init__(self) -> None:
        risk, cost = self.at_risk_probability, self.cost_per_minute
        rules.refuse(
            None if risk is None else rules.probability_mistake(risk),
            None if cost is None else rules.positive_mistake(cost),
        )


@dataclass(frozen=True, slots=True)
class Sli:
    """One indicator, the share of it to be good, and the windows (minutes, ascending) to look at.

    Either a metric with matchers and inclusive bounds (``None`` is open), or a PromQL ``expression`` with
    bounds, or a ``ratio`` of events; what is not given is ``""`` or None. A ``calendar`` window comes beside
    the rolling ones and is then the one that the budget is of.
    """

    name: str
    metric: str = ""
    lower: float | None = None
    upper: float | None = None
    objective: float = rules.DEFAULT_OBJECTIVE
    matchers: tuple[Matcher, ...] = ()
    windows: tuple[int, ...] = rules.DEFAULT_WINDOWS
    description: str = ""
    notes: Notes = Notes()
    expression: Expression | None = None
    ratio: Ratio | None = None
    budget: Budget = Budget()
    choices: Choices = Choices()
    alerts: tuple[Alert, ...] = ()
    calendar: Calendar | None = None

    def __post_init__(self) -> None:
        target = self.budget.slice_target
        is_usual = target == self._usual_target and self.choices.across != "share"  # share needs one
        is_one_sample = not self.counts_events and self.budget.slice_minutes == 1
        if target is not None and (is_usual or (is_one_sample and target > 0)):
            # One definition, one spelling: a target that is the usual one, or means the same, is not given.
            object.__setattr__(self, "budget", replace(self.budget, slice_target=None))
        rules.refuse(
            rules.name_mistake(self.name),
            self._indicator_mistake(),
            rules.objective_mistake(self.objective),
            rules.windows_mistake(self.windows),
            rules.matchers_mistake(self.matchers),
            sli_mistake(self),
        )

    def _indicator_mistake(self) -> str | None:
        given = [self.metric != "", self.expression is not None, self.ratio is not None]
        if sum(given) != 1:
            return "an SLI has exactly one of a metric, an expression and a ratio"
        if self.metric:
            return rules.metric_mistake(self.metric) or rules.bounds_mistake(self.lower, self.upper)
        if self.matchers:
            return "matchers belong to a metric; write them into the expression itself"
        if self.ratio is not None:
            has_bounds = self.lower is not None or self.upper is not None
            return "a ratio has no bounds: its slice_target says what is good" if has_bounds else None
        return rules.bounds_mistake(self.lower, self.upper)

    @property
    def series_metric(self) -> str:
        """The metric that the stored series of an SLI with bounds carry; ``""`` for a ratio."""
        return self.metric if self.expression is None else self.expression.series_metric()

    @property
    def selector(self) -> str:
        """The series meant, as PromQL writes them, or the expression, or the formula of the ratio."""
        if self.ratio is not None:
            return str(self.ratio)
        if self.expression is not None:
            return self.expression.query
        name = self.metric if _PLAIN_NAME.fullmatch(self.metric) else ""
        inside = [str(matcher) for matcher in self.matchers]
        if not name:
            inside.insert(0, f'__name__="{escape(self.metric)}"')
        return f"{name}{{{','.join(inside)}}}" if inside else name

    @property
    def counts_events(self) -> bool:
        """Whether what is counted has a numerator and a denominator of its own: events, or series."""
        return self.ratio is not None or self.choices.across == "share"

    @property
    def slice_target(self) -> float:
        """The good share below which a slice is bad, or is expected to hurt the budget of occurrences."""
        return self._usual_target if self.budget.slice_target is None else self.budget.slice_target

    @property
    def _usual_target(self) -> float:
        if not self.counts_events:
            return 1.0
        if self.budget.method == "timeslices":
            return self.objective
        return max(0.0, round(1 - FAST_FACTOR * (1 - self.objective), 12))

    @property
    def longest_minutes(self) -> int:
        """The length of the window that the budget is of; of a calendar window, the shortest there is."""
        return self.windows[-1] if self.calendar is None else self.calendar.shortest_minutes

    @property
    def counting(self) -> str:
        """16 hex digits of what decides how a slot is counted; objective and windows do not."""
        document = plain_sli(self)
        document["slice_target"] = self.slice_target
        for name in ("name", "objective", "windows", "calendar", "description", "notes", "alerts"):
            document.pop(name, None)
        return _digest(document)


def sli_mistake(sli: Sli) -> str | None:
    """Why the parts of an SLI do not go together."""
    if sli.ratio is not None and sli.choices.across != "worst":
        return "the series of a ratio are always summed: across belongs to an SLI with bounds"
    if sli.ratio is not None and sli.choices.vanished != "count":
        return "the series of a ratio are always summed: vanished belongs to an SLI with bounds"
    if sli.choices.across != "worst" and sli.choices.vanished != "count":
        return "mean, sum and share are over the series that report: vanished goes with across: worst"
    if (
        sli.choices.across == "share"
        and sli.budget.method == "timeslices"
        and sli.budget.slice_target is None
    ):
        return "across: share needs a slice_target: the share of series that must be inside the bounds"
    if sli.windows and sli.windows[0] < sli.budget.slice_minutes:
        return f"a window of {sli.windows[0]} minutes holds no slice of {sli.budget.slice_minutes}"
    if sli.calendar is not None and sli.windows and sli.windows[-1] >= sli.calendar.shortest_minutes:
        return "the rolling windows must be shorter than the calendar window"
    if len({alert.name for alert in sli.alerts}) != len(sli.alerts):
        return "two alerts have one name"
    for alert in sli.alerts:
        if alert.is_usual:
            return f"every SLI has the alert {alert.name!r} already"
    return None


@dataclass(frozen=True, slots=True)
class Sla:
    """A named set of SLIs.

    ``at_risk_probability``: from which probability of a violation in the next ``horizon_minutes`` an SLI
    counts as at risk.
    """

    name: str
    slis: tuple[Sli, ...]
    owner: str = ""
    description: str = ""
    horizon_minutes: int = rules.DEFAULT_HORIZON
    at_risk_probability: float = rules.DEFAULT_AT_RISK
    notes: Notes = Notes()

    def __post_init__(self) -> None:
        rules.refuse(
            rules.name_mistake(self.name),
            rules.horizon_mistake(self.horizon_minutes),
            rules.probability_mistake(self.at_risk_probability),
            None if self.slis else "an SLA needs at least one SLI",
        )
        if len({sli.name for sli in self.slis}) != len(self.slis):
            rules.refuse(f"SLA {self.name!r} has two SLIs of one name")

    @property
    def revision(self) -> str:
        """16 hex digits of the SHA-256 of the definition; the order of SLIs and matchers does not matter.

        A field that was added later does not count while it has its default, so that a stored revision
        outlives an upgrade.
        """
        return revision_of(plain(self))


@dataclass(frozen=True, slots=True)
class Target:
    """Who is told of an alert, as OpenSLO's AlertNotificationTarget has it: ``kind`` is email, slack, …"""

    name: str
    kind: str
    description: str = ""
    notes: Notes = Notes()

    def __post_init__(self) -> None:
        rules.refuse(rules.name_mistake(self.name))


@dataclass(frozen=True, slots=True)
class Definitions:
    """What files define: SLAs and notification targets, both by name."""

    slas: tuple[Sla, ...] = ()
    targets: tuple[Target, ...] = ()


_LATER = {
    field.name: field.default for field in fields(Sli) if field.name not in {
        "name", "metric", "lower", "upper", "objective", "matchers", "windows", "description", "notes",
    }
}  # fmt: skip
"""Fields of an SLI that came later, with their defaults: a definition holds them only where they are set."""


def plain(sla: Sla) -> dict[str, Any]:
    """The definition as plain values; fields that were added later only where they are set."""
    return {
        "name": sla.name,
        "slis": [plain_sli(sli) for sli in sla.slis],
        "owner": sla.owner,
        "description": sla.description,
        "horizon_minutes": sla.horizon_minutes,
        "at_risk_probability": sla.at_risk_probability,
        "notes": asdict(sla.notes),
    }


def plain_sli(sli: Sli) -> dict[str, Any]:
    """One SLI as plain values."""
    notes = sli.notes
    document: dict[str, Any] = {
        "name": sli.name,
        "metric": sli.metric,
        "lower": sli.lower,
        "upper": sli.upper,
        "objective": sli.objective,
        "matchers": [{"label": m.label, "op": m.op, "value": m.value} for m in sli.matchers],
        "windows": sli.windows,
        "description": sli.description,
        "notes": {
            "display_name": notes.display_name, "labels": notes.labels, "annotations": notes.annotations,
        },
    }  # fmt: skip
    later = {name: getattr(sli, name) for name in _LATER}
    changed = {name: value for name, value in later.items() if value != _LATER[name]}
    return document | {name: _plain_value(value) for name, value in changed.items()}


def revision_of(document: Mapping[str, Any]) -> str:
    """The revision of a definition from its plain values."""
    slis = [
        {**sli, "matchers": sorted(sli["matchers"], key=lambda m: (m["label"], m["op"], m["value"]))}
        for sli in sorted(document["slis"], key=lambda sli: str(sli["name"]))
    ]
    return _digest({**document, "slis": slis})


def _plain_value(value: Any) -> Any:
    """Dataclasses as dictionaries of their fields: ``asdict``, without its copies."""
    if isinstance(value, tuple):
        return [_plain_value(each) for each in value]
    names = getattr(value, "__dataclass_fields__", None)
    return value if names is None else {name: _plain_value(getattr(value, name)) for name in names}


def _digest(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(orjson.dumps(document, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
