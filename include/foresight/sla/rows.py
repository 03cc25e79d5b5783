"""Definitions and statuses as columns of the store's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any, Final

from foresight.sla.definitions import Sla, Sli
from foresight.sla.instants import iso
from foresight.sla.json_form import Json, predicted_documents, violation_document
from foresight.sla.states import State
from foresight.sla.status import BurnAlert, SeriesStatus, SlaStatus, SliStatus, WindowStatus

Columns = dict[str, list[Any]]

MAX_VIOLATIONS: Final = 360
"""Most violations in one row: as many as one series can have in 12 h of minutes, so those of the worst series
are always there."""
MAX_SERIES: Final = 1000
"""Most series in one row."""


def definition_rows(sla: Sla) -> list[Json]:
    """The rows of ``sli`` of one SLA, in order, without its name and their positions."""
    return [
        {
            "name": sli.name,
            "kind": kind_of(sli),
            "metric": sli.metric,
            "expression": sli.selector if not sli.metric else None,
            "matchers": [[matcher.label, matcher.op, matcher.value] for matcher in sli.matchers],
            "lower_bound": sli.lower,
            "upper_bound": sli.upper,
            "objective": sli.objective,
            "windows_minutes": list(sli.windows),
        }
        for sli in sla.slis
    ]


def kind_of(sli: Sli) -> str:
    """What an SLI is: ``metric``, ``expression`` or ``ratio``."""
    if sli.ratio is not None:
        return "ratio"
    return "metric" if sli.metric else "expression"


def status_rows(statuses: Sequence[SlaStatus]) -> dict[str, Columns]:
    """Columns of ``sla_status``, ``sli_status`` and ``sli_window``, by table and name.

    Numbers of an SLI are those of its worst series; what the others show is in ``details``, and the
    violations of all of them in ``violations``. Both lists begin with the worst series and end at
    ``MAX_SERIES`` and ``MAX_VIOLATIONS``, for a row has to fit into one packet however many series match;
    counts are of all.
    """
    pairs = [(sla, sli) for sla in statuses for sli in sla.slis]
    return {
        "sla_status": _columns([_sla_row(status) for status in statuses], _SLA_COLUMNS),
        "sli_status": _columns([_sli_row(sla, sli) for sla, sli in pairs], _SLI_COLUMNS),
        "sli_window": _columns(
            [_window_row(sla, sli, at) for sla, sli in pairs for at in range(len(sli.windows))],
            _WINDOW_COLUMNS,
        ),
    }


_SLA_COLUMNS = (
    "sla_name", "as_of", "state", "revision", "n_sli", *(f"n_{state.value}" for state in State),
)  # fmt: skip
_SLI_COLUMNS = (
    "sla_name", "sli_name", "as_of", "state", "revision", "n_series", "details",
    "worst_series_id", "current_value", "current_slot",
    "probability", "components", "expected_first_slot", "predicted", "model", "mase", "calibrator",
    "expected_violated_minutes", "expected_cost", "has_default_limits", "probability_reason",
)  # fmt: skip
_WINDOW_COLUMNS = (
    "sla_name", "sli_name", "as_of", "window_minutes", "n_observed", "n_missing", "n_violated", "good_share",
    "budget_minutes", "budget_used_minutes", "budget_left_minutes", "burn_rate", "is_budget_below_one_slot",
    "n_violations", "is_list_cut", "violations",
    "alert_factor", "alert_short_minutes", "alert_short_burn_rate", "is_alerting",
    "n_no_traffic", "n_excluded", "n_ahead", "good_events", "total_events", "since", "is_calendar",
    "budget_left_share", "budget_events", "budget_used_events", "budget_left_events",
)  # fmt: skip


def _sla_row(status: SlaStatus) -> tuple[Any, ...]:
    states = [sli.state for sli in status.slis]
    counts = [states.count(state) for state in State]
    return (status.sla.name, status.as_of, status.state.value, status.revision, len(states), *counts)


def _sli_row(sla: SlaStatus, status: SliStatus) -> tuple[Any, ...]:
    head = (
        sla.sla.name, status.sli.name, sla.as_of, status.state.value, sla.revision, len(status.series),
        _details(status),
    )  # fmt: skip
    worst = status.worst
    if worst is None:
        return (*head, *(None,) * (len(_SLI_COLUMNS) - len(head)))
    value, slot = (worst.current.value, worst.current.slot) if worst.current else (None, None)
    ahead, series_id = worst.risk, worst.key.id if worst.key else None
    price = status.sli.choices.cost_per_minute
    if ahead is None:
        return (*head, series_id, value, slot, *(None,) * 11)
    return (
        *head, series_id, value, slot,
        ahead.probability, dict(ahead.components), ahead.first_slot, predicted_documents(ahead),
        ahead.model, ahead.mase, ahead.calibrator, ahead.violated_minutes,
        None if price is None else price * ahead.violated_minutes, ahead.has_default_limits, None,
    )  # fmt: skip


def _details(status: SliStatus) -> Json:
    return {
        "reasons": list(status.reasons),
        "states": Counter(series.state.value for series in status.series),
        "series": [_series_details(series) for series in status.series[:MAX_SERIES]],
    }


def _series_details(status: SeriesStatus) -> Json:
    """What one series shows; kept short, for there is one at every as-of."""
    return {
        "id": str(status.key.id) if status.key else None,
        "state": status.state.value,
        "reasons": list(status.reasons),
        "value": status.current.value if status.current else None,
        "slot": iso(status.current.slot) if status.current else None,
        "probability": status.risk.probability if status.risk else None,
        "windows": [[w.minutes, w.observed, w.violated, w.budget_left] for w in status.windows],
        "alerts": {alert.name: _alert_details(alert) for alert in status.alerts},
    }


def _alert_details(alert: BurnAlert) -> Json:
    return {"long": alert.long_burn_rate, "short": alert.short_burn_rate, "fires": alert.fires}


def _window_row(sla: SlaStatus, status: SliStatus, at: int) -> tuple[Any, ...]:
    window = status.windows[at]
    alert = next((alert for alert in status.alerts if alert.long_minutes == window.minutes), None)
    alerting = (
        (alert.factor, alert.short_minutes, alert.short_burn_rate, alert.fires) if alert else (None,) * 4
    )
    budget = (window.budget_allowed, window.budget_used, window.budget_left)
    n_violations = sum(len(series.windows[at].violations) for series in status.series)
    violations = chain.from_iterable(_violations(series, series.windows[at]) for series in status.series)
    return (
        sla.sla.name, status.sli.name, sla.as_of, window.minutes,
        window.observed, window.missing, window.violated, window.good_share,
        *(budget if window.unit == "minutes" else (None,) * 3), window.burn_rate,
        window.below_one_slot,
        n_violations, n_violations > MAX_VIOLATIONS or window.is_list_short,
        list(islice(violations, MAX_VIOLATIONS)), *alerting,
        window.no_traffic, window.excluded, window.ahead, window.good, window.total, window.since,
        window.is_calendar, window.left_share, *(budget if window.unit == "events" else (None,) * 3),
    )  # fmt: skip


def _violations(series: SeriesStatus, window: WindowStatus) -> Iterator[Json]:
    owner = str(series.key.id) if series.key else None
    for v in window.violations:
        yield violation_document(v) | {"series": owner}


def _columns(rows: Sequence[tuple[Any, ...]], names: Sequence[str]) -> Columns:
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}
