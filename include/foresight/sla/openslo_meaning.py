"""What the parts of OpenSLO documents mean here: bounds, windows, notes, alert policies."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from foresight.conventions import ANNOTATION_PREFIX
from foresight.documents import Document, Location
from foresight.errors import InvalidDocument
from foresight.sla import definitions as rules
from foresight.sla import openslo_names as ours
from foresight.sla.burn_rates import BURN_RULES
from foresight.sla.definitions import Notes, Sla, Sli
from foresight.sla.durations import duration_seconds, duration_text
from foresight.sla.mentions import Limits, window_mistake
from foresight.sla.openslo_forms import (
    Metadata,
    ObjectiveForm,
    PolicyDocument,
    ServiceDocument,
    SliDocument,
    SloDocument,
)
from foresight.sla.selectors import parse_selector

ANNOTATIONS = ("metadata", "annotations")
OBJECTIVE = ("spec", "objectives", 0)

Value = TypeVar("Value")


def wrong(document: Document, location: Location, reason: str) -> InvalidDocument:
    """The error for one mistake."""
    return InvalidDocument([document.mistake(location, reason)])


def sla_of(service: tuple[Document, ServiceDocument] | None, name: str, slis: tuple[Sli, ...]) -> Sla:
    """The SLA of a service; without a document of its own it is just a name."""
    if service is None:
        return Sla(name, slis)
    document, form = service
    mine = _annotations(document, form.kind, form.metadata)
    horizon = _read(document, mine, ours.HORIZON, duration_seconds, rules.DEFAULT_HORIZON * 60)
    at_risk = _read(document, mine, ours.AT_RISK, float, rules.DEFAULT_AT_RISK)
    try:
        return Sla(
            name=mine.get(ours.NAME, name),
            slis=slis,
            owner=mine.get(ours.OWNER, ""),
            description=form.spec.description,
            horizon_minutes=horizon // 60,
            at_risk_probability=at_risk,
            notes=_notes("", form.metadata),
        )
    except ValueError as error:
        raise wrong(document, ANNOTATIONS, str(error)) from error


def sli_of(
    document: Document,
    slo: SloDocument,
    indicators: Mapping[str, SliDocument],
    policies: Collection[str],
    limits: Limits,
) -> Sli:
    """The SLI of an SLO and its indicator."""
    spec, objective = slo.spec, slo.spec.objectives[0]
    indicator = spec.indicator or indicators.get(spec.indicator_ref or "")
    if indicator is None:
        raise wrong(document, ("spec", "indicatorRef"), "there is no SLI of this name")
    for at, policy in enumerate(spec.alert_policies):
        if policy.alert_policy_ref not in policies:
            raise wrong(document, ("spec", "alertPolicies", at), "there is no AlertPolicy of this name")
    if objective.time_slice_window != limits.step_seconds:
        reason = f"a slot is {limits.step_seconds} s long, the slice {objective.time_slice_window} s"
        raise wrong(document, (*OBJECTIVE, "timeSliceWindow"), reason)
    mine = _annotations(document, "SLO", slo.metadata)
    lower, upper = _bounds(document, objective, mine)
    metric, matchers = parse_selector(indicator.spec.threshold_metric.metric_source.spec.query)
    try:
        return Sli(
            name=mine.get(ours.NAME, slo.metadata.name),
            metric=metric,
            lower=lower,
            upper=upper,
            objective=objective.objective,
            matchers=matchers,
            windows=_windows(document, slo, mine, limits),
            description=_joined(spec.description, indicator.spec.description),
            notes=_notes(objective.display_name, slo.metadata, indicator.metadata),
        )
    except ValueError as error:
        raise wrong(document, (), str(error)) from error


def check_policy(document: Document, policy: PolicyDocument) -> None:
    """Refuse a policy that is not one of the burn-rate alerts, all of which every SLI has anyway."""
    spec = policy.spec.conditions[0].spec
    mine = _annotations(document, "AlertPolicy", policy.metadata)
    short = _read(document, mine, ours.SHORT_WINDOW, duration_seconds, 0)
    for rule in BURN_RULES:
        same = (rule.long_minutes * 60, rule.factor, rule.severity)
        if same == (spec.condition.lookback_window, spec.condition.threshold, spec.severity) and (
            short in {0, rule.short_minutes * 60}
        ):
            return
    known = "; ".join(
        f"{rule.severity} above {rule.factor:g} over {duration_text(rule.long_minutes)} "
        f"and {duration_text(rule.short_minutes)}"
        for rule in BURN_RULES
    )
    raise wrong(document, ("spec", "conditions", 0), f"the alerts on burn rates are: {known}")


def _bounds(
    document: Document, objective: ObjectiveForm, mine: Mapping[str, str]
) -> tuple[float | None, float | None]:
    """Lower and upper bound, inclusive: below a number is at most the number before it."""
    value = objective.value
    lower = {"gte": value, "gt": math.nextafter(value, math.inf)}.get(objective.op)
    upper = {"lte": value, "lt": math.nextafter(value, -math.inf)}.get(objective.op)
    for key, given in ((ours.MINIMUM, lower), (ours.MAXIMUM, upper)):
        if given is not None and key in mine and _read(document, mine, key, float, given) != given:
            raise wrong(document, (*ANNOTATIONS, key), f"op and value say {given!r}")
    lower = _read(document, mine, ours.MINIMUM, float, lower)
    return lower, _read(document, mine, ours.MAXIMUM, float, upper)


def _windows(
    document: Document, slo: SloDocument, mine: Mapping[str, str], limits: Limits
) -> tuple[int, ...]:
    """Windows in minutes; the longest of those in the annotation is the time window itself."""
    given = [window.duration for window in slo.spec.time_window]
    texts = [text.strip() for text in mine[ours.WINDOWS].split(",")] if ours.WINDOWS in mine else []
    place: Location = (*ANNOTATIONS, ours.WINDOWS) if texts else ("spec", "timeWindow", 0, "duration")
    try:
        seconds = sorted(duration_seconds(text) for text in texts) or given
    except ValueError as error:
        raise wrong(document, place, str(error)) from error
    if given and seconds[-1:] != given:
        raise wrong(document, place, "the longest window is not that of timeWindow")
    for length in seconds:
        if reason := window_mistake(length, limits):
            raise wrong(document, place, reason)
    return tuple(length // 60 for length in seconds) or rules.DEFAULT_WINDOWS


def _annotations(document: Document, kind: str, metadata: Metadata) -> dict[str, str]:
    """Our annotations; one under our prefix that means nothing on this kind is refused."""
    mine = {key: text for key, text in metadata.annotations.items() if key.startswith(ANNOTATION_PREFIX)}
    for key in mine.keys() - ours.UNDERSTOOD[kind]:
        understood = ", ".join(sorted(ours.UNDERSTOOD[kind])) or "none"
        raise wrong(document, (*ANNOTATIONS, key), f"of ours, a {kind} has {understood}")
    return mine


def _read(
    document: Document, mine: Mapping[str, str], key: str, read: Callable[[str], Value], default: Value
) -> Value:
    """An annotation as a value."""
    if key not in mine:
        return default
    try:
        return read(mine[key])
    except ValueError as error:
        raise wrong(document, (*ANNOTATIONS, key), str(error)) from error


def _notes(objective_name: str, *metadata: Metadata) -> Notes:
    """What people gave to read, from every part of an SLO."""
    names = [metadata[0].display_name, objective_name, *(part.display_name for part in metadata[1:])]
    labels = [(name, value) for part in metadata for name, values in part.labels.items() for value in values]
    foreign = [
        pair for part in metadata for pair in part.annotations.items()
        if not pair[0].startswith(ANNOTATION_PREFIX)
    ]  # fmt: skip
    return Notes(_joined(*names), tuple(dict.fromkeys(labels)), tuple(dict.fromkeys(foreign)))


def _joined(*texts: str) -> str:
    """Different texts about one thing, each once."""
    return " / ".join(dict.fromkeys(text for text in texts if text))
