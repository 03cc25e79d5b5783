"""Statuses and definitions as plain JSON values: what is stored in JSON columns, served and published.

Instants are text in UTC; ids of series are text, for JSON readers that know only doubles.
"""

from __future__ import annotations

import math
from typing import Any, Final

from foresight.instants import iso
from foresight.matchers import Matcher
from foresight.sla.burn_rates import Alert
from foresight.sla.calendars import Calendar
from foresight.sla.definitions import Budget, Choices, Notes, Sla, Sli, plain
from foresight.sla.ratios import Expression, Ratio
from foresight.sla.status import (
    BurnAlert,
    SeriesRisk,
    SeriesStatus,
    SlaStatus,
    SliStatus,
    Violation,
    WindowStatus,
)

SCHEMA_VERSION: Final = 1
Json = dict[str, Any]


def sla_document(sla: Sla) -> Json:
    """A definition as JSON; ``sla_from_document`` reads it back."""
    return plain(sla)


def sla_from_document(document: Json) -> Sla:
    """The definition that ``sla_document`` wrote."""
    return Sla(
        **{
            **document,
            "slis": tuple(map(_sli_from_document, document["slis"])),
            "notes": notes_from_document(document["notes"]),
        }
    )


def sla_status_document(status: SlaStatus) -> Json:
    """One SLA with everything known about it at one as-of; see ``schemas/sla-status.v1.json``."""
    return {
        "schema_version": SCHEMA_VERSION,
        "sla": status.sla.name,
        "owner": status.sla.owner,
        "description": status.sla.description,
        "revision": status.revision,
        "as_of": iso(status.as_of),
        "state": status.state.value,
        "slis": [_sli_document(sli, status.step_seconds) for sli in status.slis],
    }


def window_document(window: WindowStatus, step_seconds: int) -> Json:
    """One window, its violations as runs and as slots."""
    document = {name: getattr(window, name) for name in WindowStatus.__slots__ if name != "violations"}
    document["since"] = iso(window.since)
    document["violations"] = [violation_document(violation) for violation in window.violations]
    document["violated_slots"] = [iso(slot) for slot in window.slots(step_seconds)]
    return document


def violation_document(violation: Violation) -> Json:
    """One run of violated slots; its first and its last slot, both included."""
    worst = None if math.isnan(violation.worst) else violation.worst
    return {"start": iso(violation.start), "end": iso(violation.end), "worst": worst}


def alert_document(alert: BurnAlert) -> Json:
    """One burn-rate alert with its formula."""
    return {name: getattr(alert, name) for name in BurnAlert.__slots__}


def risk_document(risk: SeriesRisk) -> Json:
    """The coming minutes."""
    return {
        "probability": risk.probability,
        "components": dict(risk.components),
        "expected_first_slot": iso(risk.first_slot),
        "predicted": predicted_documents(risk),
        "model": risk.model,
        "mase": risk.mase,
        "calibrator": risk.calibrator,
    }


def predicted_documents(risk: SeriesRisk) -> list[Json]:
    """The coming slots that are predicted to violate."""
    return [
        {"slot": iso(p.slot), "value": p.value, "low": p.low, "high": p.high, "probability": p.probability}
        for p in risk.predicted
    ]


def _sli_document(status: SliStatus, step_seconds: int) -> Json:
    sli = status.sli
    return {
        "sli": sli.name,
        "description": sli.description,
        "selector": sli.selector,
        "min": sli.lower,
        "max": sli.upper,
        "objective": sli.objective,
        "state": status.state.value,
        "reasons": [reason.value for reason in status.reasons],
        "windows": [window_document(window, step_seconds) for window in status.windows],
        "series": [_series_document(series, step_seconds) for series in status.series],
    }


def _series_document(status: SeriesStatus, step_seconds: int) -> Json:
    current = status.current
    return {
        "id": str(status.key.id) if status.key else None,
        "metric": status.key.metric if status.key else None,
        "labels": dict(status.key.labels) if status.key else {},
        "state": status.state.value,
        "reasons": [reason.value for reason in status.reasons],
        "current_value": current.value if current else None,
        "current_slot": iso(current.slot) if current else None,
        "age_slots": current.age_slots if current else None,
        "windows": [window_document(window, step_seconds) for window in status.windows],
        "alerts": [alert_document(alert) for alert in status.alerts],
        "outlook": risk_document(status.risk) if status.risk else None,
    }


def _sli_from_document(document: Json) -> Sli:
    later: Json = {}
    if "expression" in document:
        later["expression"] = Expression(**document["expression"])
    if "ratio" in document:
        later["ratio"] = _ratio_from_document(document["ratio"])
    if "budget" in document:
        later["budget"] = Budget(**document["budget"])
    if "choices" in document:
        later["choices"] = Choices(**document["choices"])
    if "calendar" in document:
        later["calendar"] = Calendar(**document["calendar"])
    if "alerts" in document:
        later["alerts"] = tuple(
            Alert(**{**alert, "targets": tuple(alert["targets"])}) for alert in document["alerts"]
        )
    return Sli(
        **{
            **document,
            "matchers": tuple(Matcher(**matcher) for matcher in document["matchers"]),
            "windows": tuple(document["windows"]),
            "notes": notes_from_document(document["notes"]),
            **later,
        }
    )


def _ratio_from_document(document: Json) -> Ratio:
    parts = {role: document[role] for role in ("good", "bad", "total", "raw")}
    return Ratio(**{**document, **{role: part and Expression(**part) for role, part in parts.items()}})


def notes_from_document(document: Json) -> Notes:
    """The notes that ``asdict`` wrote."""
    pairs = {name: tuple((key, value) for key, value in document[name]) for name in ("labels", "annotations")}
    return Notes(document["display_name"], **pairs)
