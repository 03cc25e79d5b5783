"""OpenSLO v1 out: SLAs as documents that any OpenSLO tool reads, and that ``openslo`` reads back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml

from foresight.composing import Dumper
from foresight.durations import duration_text
from foresight.sla import openslo_names as ours
from foresight.sla.burn_rates import BURN_RULES, Alert, BurnRule
from foresight.sla.definitions import Choices, Notes, Sla, Sli, Target
from foresight.sla.ratios import DEFAULT_RATE_WINDOW, Ratio
from foresight.sla.rules import MAX_NAME
from foresight.sla.selectors import is_selector

_DNS_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]*[a-z0-9])?")


def to_openslo(sla: Sla) -> list[dict[str, Any]]:
    """The documents of one SLA: its Service, an SLO an SLI, and the alert policies that these name."""
    service = _dns_name(sla.name)
    annotations = {
        ours.NAME: sla.name if sla.name != service else "",
        ours.OWNER: sla.owner,
        ours.HORIZON: duration_text(sla.horizon_minutes),
        ours.AT_RISK: repr(sla.at_risk_probability),
    }
    rules = [rule for rule in BURN_RULES if any(_has_alert(sli, rule) for sli in sla.slis)]
    return [
        _document("Service", service, annotations, sla.notes, _described(sla.description)),
        *(_slo(sla, sli, service) for sli in sla.slis),
        *(_policy(rule) for rule in rules),
    ]


def openslo_text(slas: Sequence[Sla], targets: Sequence[Target] = ()) -> str:
    """SLAs and targets as one YAML text; alert policies that they share are written once."""
    documents: dict[tuple[str, str], dict[str, Any]] = {}
    for document in _all(slas, targets):
        documents.setdefault((document["kind"], document["metadata"]["name"]), document)
    return str(yaml.dump_all(documents.values(), Dumper=Dumper, sort_keys=False, allow_unicode=True))


def _all(slas: Sequence[Sla], targets: Sequence[Target]) -> Iterator[dict[str, Any]]:
    for target in targets:
        spec = {**_described(target.description), "target": target.kind}
        yield _document("AlertNotificationTarget", *_named(target.name), target.notes, spec)
    for sla in slas:
        yield from to_openslo(sla)


def _slo(sla: Sla, sli: Sli, service: str) -> dict[str, Any]:
    # Two hyphens, so that a--b of c cannot be taken for a of b--c; names with two of their own get a hash.
    joined = f"{sla.name}--{sli.name}"
    name = _dns_name(joined if joined.count("--") == 1 else f"{sla.name}/{sli.name}")
    annotations = {
        ours.NAME: sli.name,
        ours.MINIMUM: "" if sli.lower is None else repr(float(sli.lower)),
        ours.MAXIMUM: "" if sli.upper is None else repr(float(sli.upper)),
        ours.WINDOWS: ",".join(map(duration_text, sli.windows)),
        **_choices(sli.choices),
        **_ratio_annotations(sli.ratio),
    }
    if sli.expression is not None and is_selector(sli.expression.query):
        annotations[ours.EXPRESSION] = "true"
    if sli.budget.method == "occurrences" and sli.budget.slice_target is not None:
        annotations[ours.SLICE_TARGET] = repr(float(sli.budget.slice_target))
    spec = {
        **_described(sli.description),
        "service": service,
        "indicator": {"metadata": {"name": name}, "spec": _indicator(sli)},
        "timeWindow": [_time_window(sli)],
        "budgetingMethod": "Occurrences" if sli.budget.method == "occurrences" else "Timeslices",
        "objectives": [_objective(sli)],
        "alertPolicies": [
            *(_policy_name(rule) for rule in BURN_RULES if _has_alert(sli, rule)),
            *map(_alert, sli.alerts),
        ],
    }
    return _document("SLO", name, annotations, sli.notes, spec)


def _indicator(sli: Sli) -> dict[str, Any]:
    if sli.ratio is None:
        return {"thresholdMetric": _metric(sli.selector)}
    ratio: dict[str, Any] = {}
    parts = sli.ratio.parts
    if sli.ratio.raw is not None:
        ratio["rawType"] = "success" if sli.ratio.raw_is == "good" else "failure"
    else:
        ratio["counter"] = all(part.counter for part in parts.values())
    return {"ratioMetric": ratio | {role: _metric(part.query) for role, part in parts.items()}}


def _metric(query: str) -> dict[str, Any]:
    return {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}


def _time_window(sli: Sli) -> dict[str, Any]:
    calendar = sli.calendar
    if calendar is None:
        return {"duration": duration_text(sli.windows[-1]), "isRolling": True}
    return {
        "duration": f"{calendar.count}{calendar.unit}",
        "isRolling": False,
        "calendar": {"startTime": calendar.start, "timeZone": calendar.zone},
    }


def _objective(sli: Sli) -> dict[str, Any]:
    objective: dict[str, Any] = {}
    if sli.ratio is None:
        op, value = ("lte", sli.upper) if sli.upper is not None else ("gte", sli.lower)
        objective = {"op": op, "value": value}
    objective["target"] = sli.objective
    if sli.budget.method == "timeslices":
        objective["timeSliceTarget"] = sli.slice_target
        objective["timeSliceWindow"] = duration_text(sli.budget.slice_minutes)
    return objective


def _choices(choices: Choices) -> dict[str, str]:
    usual = Choices()
    given = {
        ours.VANISHED: choices.vanished if choices.vanished != usual.vanished else "",
        ours.ACROSS: choices.across if choices.across != usual.across else "",
        ours.NO_DATA: choices.no_data if choices.no_data != usual.no_data else "",
        ours.AT_RISK: "" if choices.at_risk_probability is None else repr(choices.at_risk_probability),
        ours.COST: "" if choices.cost_per_minute is None else repr(choices.cost_per_minute),
    }
    return {key: text for key, text in given.items() if text}


def _ratio_annotations(ratio: Ratio | None) -> dict[str, str]:
    if ratio is None:
        return {}
    found: dict[str, str] = {}
    if ratio.good_absent != "missing":
        found[ours.GOOD_ABSENT] = ratio.good_absent
    if ratio.no_traffic != "ignore":
        found[ours.NO_TRAFFIC] = ratio.no_traffic
    if ratio.rate_window_seconds != DEFAULT_RATE_WINDOW:
        found[ours.RATE_WINDOW] = f"{ratio.rate_window_seconds}s"
    if ratio.min_events != 1:
        found[ours.MIN_EVENTS] = repr(ratio.min_events)
    counters = [role for role, part in ratio.parts.items() if part.counter]
    if counters and len(counters) < len(ratio.parts):
        found[ours.COUNTERS] = ",".join(counters)
    return found


def _policy(rule: BurnRule) -> dict[str, Any]:
    alert = Alert(_policy_name(rule), rule.severity, rule.factor, rule.long_minutes, when_resolved=True)
    spec = {"description": f"Burn rate over two windows: {rule.formula}", **_policy_spec(alert, alert.name)}
    annotations = {ours.SHORT_WINDOW: duration_text(rule.short_minutes)}
    return _document("AlertPolicy", _policy_name(rule), annotations, Notes(), spec)


def _alert(alert: Alert) -> dict[str, Any]:
    """An alert of a definition, inline."""
    name, annotations = _named(alert.name)
    document = _document("AlertPolicy", name, annotations, Notes(), _policy_spec(alert, name))
    del document["apiVersion"]
    return document


def _policy_spec(alert: Alert, name: str) -> dict[str, Any]:
    condition = {
        "kind": "burnrate",
        "op": "gte" if alert.or_equal else "gt",
        "threshold": alert.factor,
        "lookbackWindow": duration_text(alert.long_minutes),
        "alertAfter": duration_text(alert.short_minutes) if alert.short_minutes else "0m",
    }
    return {
        "alertWhenBreaching": True,
        "alertWhenResolved": alert.when_resolved,
        "alertWhenNoData": alert.when_no_data,
        "conditions": [
            {
                "kind": "AlertCondition",
                "metadata": {"name": name},
                "spec": {"severity": alert.severity, "condition": condition},
            }
        ],
        "notificationTargets": [{"targetRef": _dns_name(target)} for target in alert.targets],
    }


def _document(
    kind: str, name: str, annotations: dict[str, str], notes: Notes, spec: dict[str, Any]
) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": name}
    if notes.display_name:
        metadata["displayName"] = notes.display_name
    labels: dict[str, list[str]] = {}
    for label, value in notes.labels:
        labels.setdefault(label, []).append(value)
    if labels:
        metadata["labels"] = labels
    given = {key: text for key, text in annotations.items() if text} | dict(notes.annotations)
    if given:
        metadata["annotations"] = given
    return {"apiVersion": ours.API_VERSION, "kind": kind, "metadata": metadata, "spec": spec}


def _described(description: str) -> dict[str, str]:
    return {"description": description} if description else {}


def _has_alert(sli: Sli, rule: BurnRule) -> bool:
    return rule.long_minutes <= sli.longest_minutes


def _policy_name(rule: BurnRule) -> str:
    return f"{ours.POLICY_PREFIX}{rule.name}"


def _named(name: str) -> tuple[str, dict[str, str]]:
    """OpenSLO's name of a thing, and the annotation with ours where that differs."""
    plain = _dns_name(name)
    return plain, {} if plain == name else {ours.NAME: name}


def _dns_name(name: str) -> str:
    """The name if OpenSLO allows it (a DNS label, RFC 1123), else its nearest spelling and a hash."""
    if len(name) <= MAX_NAME and _DNS_LABEL.fullmatch(name):
        return name
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{slug[: MAX_NAME - 9]}-{digest}"
