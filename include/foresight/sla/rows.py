"""Statuses as columns of the store's tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.instants import iso
from foresight.sla.counted import COMPUTED_SERIES, NEVER
from foresight.sla.evaluation import ORDER, STATES, Alerts, Figures
from foresight.sla.json_form import Json, violation_document
from foresight.sla.states import SEVERITY, Reason, State
from foresight.sla.statuses import violations_of

Columns = dict[str, list[Any]]

MAX_VIOLATIONS: Final = 360
"""Most violations in one row: as many as one series can have in 12 h of minutes, so those of the worst series
are always there."""
MAX_SERIES: Final = 1000
"""Most series in one row."""


def status_rows(found: Figures) -> dict[str, Columns]:
    """Columns of ``sla_status``, ``sli_status`` and ``sli_window``, by table and name.

    Numbers of an SLI are those of its worst series; what the others show is in ``details``, and the
    violations of all of them in ``violations``. Both lists begin with the worst series and end at
    ``MAX_SERIES`` and ``MAX_VIOLATIONS``, for a row has to fit into one packet however many series match;
    counts are of all.
    """
    worst = np.array([lines[0] for lines in found.worst_first], np.int64)
    states = [STATES[state] for state in found.state[worst].tolist()]
    revisions = {sla.name: sla.revision for sla in found.slas}
    return {
        "sla_status": _sla_columns(found, states, revisions),
        "sli_status": _sli_columns(found, worst, states, revisions),
        "sli_window": _window_columns(found, worst),
    }


def _sla_columns(found: Figures, states: Sequence[State], revisions: Mapping[str, str]) -> Columns:
    rows: list[list[State]] = []
    at = 0
    for sla in found.slas:
        rows.append(list(states[at : at + len(sla.slis)]))
        at += len(sla.slis)
    n_slas = len(found.slas)
    columns: Columns = {
        "sla_name": [sla.name for sla in found.slas],
        "as_of": [found.as_of] * n_slas,
        "state": [max(mine, key=SEVERITY.__getitem__).value for mine in rows],
        "revision": [revisions[sla.name] for sla in found.slas],
        "n_sli": [len(mine) for mine in rows],
    }
    return columns | {f"n_{state.value}": [mine.count(state) for mine in rows] for state in State}


def _sli_columns(
    found: Figures, worst: NDArray[np.int64], states: Sequence[State], revisions: Mapping[str, str]
) -> Columns:
    counted, lines = found.counted, worst.tolist()
    tracks = [
        line if has_track else -1 for line, has_track in zip(lines, found.has_track[worst], strict=True)
    ]
    ids, values = counted.series_id.tolist(), _optional(counted.value)
    slots = _slots(found)
    details = _Details(found, ids, values, slots)
    return {
        "sla_name": [sla.name for sla, _ in found.slis],
        "sli_name": [sli.name for _, sli in found.slis],
        "as_of": [found.as_of] * len(lines),
        "state": [state.value for state in states],
        "revision": [revisions[sla.name] for sla, _ in found.slis],
        "n_series": [
            len(mine) if track >= 0 else 0 for mine, track in zip(found.worst_first, tracks, strict=True)
        ],
        "details": [details.of(mine) for mine in found.worst_first],
        "worst_series_id": [ids[at] if at >= 0 and ids[at] != COMPUTED_SERIES else None for at in tracks],
        "current_value": [values[at] if at >= 0 and slots[at] is not None else None for at in tracks],
        "current_slot": [slots[at] if at >= 0 else None for at in tracks],
        **_risk_columns(found, lines, tracks),
    }


def _slots(found: Figures) -> list[int | None]:
    """The newest observed slot of each track."""
    counted = found.counted
    return [
        counted.as_of + (back + 1) * counted.step_seconds if back else None
        for back in counted.newest.tolist()
    ]


_RISK_COLUMNS = (
    "probability", "components", "expected_first_slot", "predicted", "model", "mase", "calibrator",
    "expected_violated_minutes", "has_default_limits",
)  # fmt: skip


def _risk_columns(found: Figures, lines: Sequence[int], tracks: Sequence[int]) -> Columns:
    risks, has_risk = found.risks, found.has_risk.tolist()
    names = [*_RISK_COLUMNS, "expected_cost", "probability_reason"]
    if risks is None:
        return {name: [None] * len(lines) for name in names}
    foretold = [track if track >= 0 and has_risk[track] else -1 for track in tracks]
    columns: Columns = {
        name: [risks[name][at] if at >= 0 else None for at in foretold] for name in _RISK_COLUMNS
    }
    prices = [sli.choices.cost_per_minute for _, sli in found.slis]
    columns["expected_cost"] = [
        None if price is None or minutes is None else price * minutes
        for price, minutes in zip(prices, columns["expected_violated_minutes"], strict=True)
    ]
    columns["probability_reason"] = [
        None if at >= 0 else _why_not(found, risks, line, track)
        for at, line, track in zip(foretold, lines, tracks, strict=True)
    ]
    return columns


def _why_not(found: Figures, risks: Any, line: int, track: int) -> str:
    """Why a line has no probability, in one word."""
    if track < 0:
        return "no_data"
    stored = risks["reason"][track]
    if stored is not None:
        return str(stored)
    return "maintenance" if Reason.MAINTENANCE in found.reasons_of(line) else "gap"


class _Details:
    """What each series of an SLI shows; kept short, for there is one at every as-of."""

    def __init__(
        self, found: Figures, ids: Sequence[int], values: Sequence[Any], slots: Sequence[int | None]
    ) -> None:
        self.found, self.ids, self.values = found, ids, values
        self.slots = [iso(slot) for slot in slots]
        self.states = [STATES[state].value for state in found.state.tolist()]
        self.reasons: list[list[str]] = [[] for _ in self.states]
        for at, reason in enumerate(ORDER):
            for line in np.flatnonzero(found.reasons[at]).tolist():
                self.reasons[line].append(reason.value)
        windows = found.windows
        self.windows = list(
            map(
                list,
                zip(
                    windows.minutes.tolist(), windows.observed.tolist(), windows.violated.tolist(),
                    windows.left.tolist(), strict=True,
                ),
            )
        )  # fmt: skip
        self.window_edges, self.alert_edges = found.window_edges.tolist(), found.alert_edges.tolist()
        self.alerts = _alert_documents(found, found.alerts)
        self.has_risk = found.has_risk.tolist()

    def of(self, lines: Sequence[int]) -> Json:
        """The details of one SLI."""
        has_track = self.found.has_track[lines[0]]
        return {
            "reasons": self.reasons[lines[0]],
            "states": Counter(self.states[line] for line in lines) if has_track else {},
            "series": [self._series(line) for line in lines[:MAX_SERIES]] if has_track else [],
        }

    def _series(self, line: int) -> Json:
        risks, slot = self.found.risks, self.slots[line]
        return {
            "id": str(self.ids[line]) if self.ids[line] != COMPUTED_SERIES else None,
            "state": self.states[line],
            "reasons": self.reasons[line],
            "value": self.values[line] if slot is not None else None,
            "slot": slot,
            "probability": risks["probability"][line] if risks is not None and self.has_risk[line] else None,
            "windows": self.windows[self.window_edges[line] : self.window_edges[line + 1]],
            "alerts": dict(self.alerts[self.alert_edges[line] : self.alert_edges[line + 1]]),
        }


def _alert_documents(found: Figures, alerts: Alerts) -> list[tuple[str, Json]]:
    names = [
        found.shapes[number].alerts[place].name
        for number, place in zip(found.sli[alerts.line].tolist(), alerts.number.tolist(), strict=True)
    ]
    long, short = _optional(alerts.long), _optional(alerts.short)
    return [
        (name, {"long": burns, "short": briefly, "fires": fires})
        for name, burns, briefly, fires in zip(names, long, short, alerts.fires.tolist(), strict=True)
    ]


def _window_columns(found: Figures, worst: NDArray[np.int64]) -> Columns:
    """The windows of the worst line of each SLI."""
    windows = found.windows
    sizes = np.diff(found.window_edges)[worst]
    at = np.concatenate(
        [np.arange(found.window_edges[line], found.window_edges[line + 1]) for line in worst.tolist()]
        or [np.empty(0, np.int64)]
    )
    number = np.repeat(np.arange(len(worst)), sizes).tolist()
    in_events = windows.in_events[at]
    listed = _listed(found, at, number)
    alerting = _alerting(found, windows.line[at], windows.minutes[at])
    budget = (windows.allowed[at], windows.used[at], windows.left[at])
    names = ("budget", "budget_used", "budget_left")
    columns: Columns = {
        "sla_name": [found.slis[each][0].name for each in number],
        "sli_name": [found.slis[each][1].name for each in number],
        "as_of": [found.as_of] * len(at),
        "window_minutes": windows.minutes[at].tolist(),
        "n_observed": windows.observed[at].tolist(),
        "n_missing": windows.missing[at].tolist(),
        "n_violated": windows.violated[at].tolist(),
        "good_share": _optional(windows.good_share[at]),
        "burn_rate": _optional(windows.burn_rate[at]),
        "is_budget_below_one_slot": windows.below_one_slot[at].tolist(),
        "n_violations": [n for n, _ in listed],
        "is_list_cut": [n > MAX_VIOLATIONS for n, _ in listed],
        "violations": [violations for _, violations in listed],
        "n_no_traffic": windows.no_traffic[at].tolist(),
        "n_excluded": windows.excluded[at].tolist(),
        "n_ahead": windows.ahead[at].tolist(),
        "good_events": _optional(windows.good[at]),
        "total_events": _optional(windows.total[at]),
        "since": [None if since == NEVER else since for since in windows.since[at].tolist()],
        "is_calendar": windows.is_calendar[at].tolist(),
        "budget_left_share": windows.left_share[at].tolist(),
    }
    for name, values in zip(names, budget, strict=True):
        columns[f"{name}_minutes"] = _optional(np.where(in_events, np.nan, values))
        columns[f"{name}_events"] = _optional(np.where(in_events, values, np.nan))
    return columns | alerting


def _listed(found: Figures, at: NDArray[np.int64], number: Sequence[int]) -> list[tuple[int, list[Json]]]:
    """How many violations each window of an SLI has over all its series, and the first of them."""
    lists = found.counted.violations
    lengths = found.windows.elapsed[at].tolist()
    places = (at - found.window_edges[found.windows.line[at]]).tolist()
    answer = list[tuple[int, list[Json]]]()
    for each, length, place in zip(number, lengths, places, strict=True):
        mine = lists.get(length)
        if not mine:
            answer.append((0, []))
            continue
        lines = [line for line in found.worst_first[each] if line in mine]
        n_all, documents = sum(len(mine[line]) for line in lines), list[Json]()
        for line in lines:
            if len(documents) >= MAX_VIOLATIONS:
                break
            window = int(found.window_edges[line]) + place
            series = int(found.counted.series_id[line])
            owner = None if series == COMPUTED_SERIES else str(series)
            documents += [
                violation_document(violation) | {"series": owner}
                for violation in violations_of(found, window)[: MAX_VIOLATIONS - len(documents)]
            ]
        answer.append((n_all, documents))
    return answer


def _alerting(found: Figures, line: NDArray[np.int64], minutes: NDArray[np.int64]) -> Columns:
    """The first alert of each line whose long window is that window."""
    alerts, edges = found.alerts, found.alert_edges.tolist()
    numbers, places = found.sli[alerts.line].tolist(), alerts.number.tolist()
    short, fires = _optional(alerts.short), alerts.fires.tolist()
    rows: list[tuple[Any, ...]] = []
    for each, length in zip(line.tolist(), minutes.tolist(), strict=True):
        row: tuple[Any, ...] = (None,) * 4
        for at in range(edges[each], edges[each + 1]):
            rule = found.shapes[numbers[at]].alerts[places[at]]
            if rule.long_minutes == length:
                row = (rule.factor, rule.short_minutes or rule.long_minutes, short[at], fires[at])
                break
        rows.append(row)
    names = ("alert_factor", "alert_short_minutes", "alert_short_burn_rate", "is_alerting")
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def _optional(numbers: NDArray[np.float64]) -> list[float | None]:
    return [None if number != number else number for number in numbers.tolist()]
