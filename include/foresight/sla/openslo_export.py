"""OpenSLO v1 out: an SLA as documents that any OpenSLO tool reads, and that ``openslo`` reads back."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from typing import Any

import yaml

from foresight.sla import openslo_names as ours
from foresight.sla.burn_rates import BURN_RULES, BurnRule
from foresight.sla.definitions import MAX_NAME, Notes, Sla, Sli
from foresight.sla.durations import duration_text

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


def openslo_text(slas: Sequence[Sla]) -> str:
    """Several SLAs as one YAML text; alert policies that they share are written once."""
    documents: dict[tuple[str, str], dict[str, Any]] = {}
    for sla in slas:
        for document in to_openslo(sla):
            documents.setdefault((document["kind"], document["metadata"]["name"]), document)
    return yaml.safe_dump_all(documents.values(), sort_keys=False, allow_unicode=True)


def _slo(sla: Sla, sli: Sli, service: str) -> dict[str, Any]:
    # Two hyphens, so that a--b of c cannot be taken for a of b--c; names with two of their own get a hash.
    joined = f"{sla.name}--{sli.name}"
    name = _dns_name(joined if joined.count("--") == 1 else f"{sla.name}/{sli.name}")
    annotations = {
        ours.NAME: sli.name,
        ours.MINIMUM: "" if sli.lower is None else repr(sli.lower),
        ours.MAXIMUM: "" if sli.upper is None else repr(sli.upper),
        ours.WINDOWS: ",".join(map(duration_text, sli.windows)),
    }
    op, value = ("lte", sli.upper) if sli.upper is not None else ("gte", sli.lower)
    source = {"type": "Prometheus", "spec": {"query": sli.selector}}
    spec = {
        **_described(sli.description),
        "service": service,
        "indicator": {
            "metadata": {"name": name},
            "spec": {"thresholdMetric": {"metricSource": source}},
        },
        "timeWindow": [{"duration": duration_text(sli.windows[-1]), "isRolling": True}],
        "budgetingMethod": "Timeslices",
        "objectives": [
            {
                "op": op,
                "value": value,
                "target": sli.objective,
                "timeSliceTarget": 1.0,
                "timeSliceWindow": "1m",
            }
        ],
        "alertPolicies": [_policy_name(rule) for rule in BURN_RULES if _has_alert(sli, rule)],
    }
    return _document("SLO", name, annotations, sli.notes, spec)


def _policy(rule: BurnRule) -> dict[str, Any]:
    condition = {
        "kind": "burnrate",
        "op": "gt",
        "threshold": rule.factor,
        "lookbackWindow": duration_text(rule.long_minutes),
        "alertAfter": "0m",
    }
    spec = {
        "description": f"Burn rate over two windows: {rule.formula}",
        "alertWhenBreaching": True,
        "alertWhenResolved": True,
        "alertWhenNoData": False,
        "conditions": [
            {
                "kind": "AlertCondition",
                "metadata": {"name": _policy_name(rule)},
                "spec": {"severity": rule.severity, "condition": condition},
            }
        ],
        "notificationTargets": [],
    }
    annotations = {ours.SHORT_WINDOW: duration_text(rule.short_minutes)}
    return _document("AlertPolicy", _policy_name(rule), annotations, Notes(), spec)


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
    return rule.long_minutes <= sli.windows[-1]


def _policy_name(rule: BurnRule) -> str:
    return f"{ours.POLICY_PREFIX}{rule.name}"


def _dns_name(name: str) -> str:
    """The name if OpenSLO allows it (a DNS label, RFC 1123), else its nearest spelling and a hash."""
    if len(name) <= MAX_NAME and _DNS_LABEL.fullmatch(name):
        return name
    slug = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return f"{slug[: MAX_NAME - 9]}-{digest}"
