"""SLAs at an as-of, from what was counted: windows, budgets, burn rates, states. Pure; all SLIs at once.

What was counted comes as ``Counted``, what may come as columns of risks, planned downtime as ``Downtime``.
The state of a series follows from its reasons as ``states`` says. Figures are columns; ``statuses`` makes
records of them, ``rows`` makes rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.forecasting.hysteresis import ENDS_AT, REMEMBERED, is_at_risk
from foresight.sla.burn_rates import Alert
from foresight.sla.counted import NEVER, Bools, Counted, Floats, Ints
from foresight.sla.definitions import Sla, Sli
from foresight.sla.risk_forecasts import RiskColumns
from foresight.sla.states import PRECEDENCE, SEVERITY, Reason, State
from foresight.sla.windows import Shape, shape_of

CURRENT_SECONDS: Final = 300
"""Prometheus' look-back: an older sample is shown, but no longer gives the state, nor the risk."""

DIGITS: Final = 9
"""Burn rates are rounded here, so that one in ten at 90 % burns at 1 and not at 1.0000000000000002."""

STATES: Final = tuple(State)
ORDER: Final = (
    Reason.NO_SERIES, Reason.MAINTENANCE, Reason.NO_TRAFFIC, Reason.NOTHING_OBSERVED, Reason.SILENT,
    Reason.OUTSIDE_NOW, Reason.BUDGET_SPENT, Reason.IMPOSSIBLE_COUNTS, Reason.BURN_RATE, Reason.PROBABILITY,
)  # fmt: skip
"""The order in which the reasons of a series are named."""


@dataclass(frozen=True, slots=True)
class Downtime:
    """Planned downtime at an as-of: which SLAs are down now, and how many slots of which window of an SLA,
    by its length in minutes, lie in it."""

    now: frozenset[str] = frozenset()
    slots: Mapping[tuple[str, int], int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Windows of lines one after another, ``[n_lines × its windows]``; NaN is None."""

    line: Ints
    minutes: Ints
    elapsed: Ints
    is_calendar: Bools
    observed: Ints
    missing: Ints
    violated: Ints
    no_traffic: Ints
    excluded: Ints
    ahead: Ints
    good: Floats
    total: Floats
    good_share: Floats
    in_events: Bools
    allowed: Floats
    used: Floats
    left: Floats
    burn_rate: Floats
    below_one_slot: Bools
    since: Ints

    @property
    def left_share(self) -> Floats:
        """What is left of the budget, as a share of it: 1 is untouched, below 0 overspent."""
        has_budget = self.allowed > 0
        share = self.left / np.where(has_budget, self.allowed, 1.0)
        return np.where(has_budget, share, np.where(self.used == 0, 1.0, -self.used))


@dataclass(frozen=True, slots=True, eq=False)
class Alerts:
    """Judged alerts of lines one after another; ``number`` is the place in the shape of the SLI."""

    line: Ints
    number: Ints
    long: Floats
    short: Floats
    fires: Bools


@dataclass(frozen=True, slots=True, eq=False)
class Figures:
    """Everything about some SLAs at an as-of, line by line.

    A line is a track, or an SLI that nothing is stored of; ``worst_first`` names the lines of each SLI that
    count, the worst first. ``reasons`` are ``[len(ORDER), n_lines]``; ``state`` counts ``STATES``.
    """

    slas: Sequence[Sla]
    slis: Sequence[tuple[Sla, Sli]]
    shapes: Sequence[Shape]
    counted: Counted
    sli: Ints
    has_track: Bools
    windows: Windows
    window_edges: Ints
    alerts: Alerts
    alert_edges: Ints
    reasons: Bools
    state: Ints
    has_risk: Bools
    risks: RiskColumns | None
    worst_first: Sequence[Sequence[int]]

    @property
    def as_of(self) -> int:
        """Epoch seconds."""
        return self.counted.as_of

    def reasons_of(self, line: int) -> tuple[Reason, ...]:
        """The reasons of a line, in their order."""
        return tuple(ORDER[at] for at in np.flatnonzero(self.reasons[:, line]))

    def can_fire(self, number: int, alert: int) -> bool:
        """Whether any burn rate of an SLI reaches the factor of its alert."""
        sli, rule = self.slis[number][1], self.shapes[number].alerts[alert]
        return round(1 / less(1.0, sli.objective), DIGITS) > rule.factor


def figures(
    slas: Sequence[Sla],
    counted: Counted,
    risks: RiskColumns | None = None,
    downtime: Downtime | None = None,
) -> Figures:
    """The figures of each SLI at the as-of of ``counted``.

    Args:
        slas: the definitions.
        counted: what was counted of each of their tracks.
        risks: one entry a track; None where nothing is foretold.
        downtime: None where none is planned.
    """
    downtime = Downtime() if downtime is None else downtime
    slis = [(sla, sli) for sla in slas for sli in sla.slis]
    shapes = [shape_of(sli, counted.as_of) for _, sli in slis]
    without = np.setdiff1d(np.arange(len(slis)), counted.sli)
    owner = np.concatenate([counted.sli, without]).astype(np.int64)
    lines = _Lines(slis, shapes, counted, owner, downtime)
    windows, window_edges = lines.windows()
    alerts, alert_edges = lines.alerts()
    burns = np.zeros(len(owner), np.bool_)
    burns[alerts.line[alerts.fires]] = True
    last = window_edges[1:] - 1
    reasons, has_risk = lines.reasons(
        windows.observed[window_edges[:-1]] > 0, windows.left[last] < 0, burns, risks
    )
    state = _states(reasons)
    order = lines.worst_first(state, windows.left[last], reasons, risks if has_risk.any() else None, has_risk)
    return Figures(
        slas, slis, shapes, counted, owner, np.arange(len(owner)) < len(counted), windows, window_edges,
        alerts, alert_edges, reasons, state, has_risk, risks, order,
    )  # fmt: skip


def less(number: float, taken: float) -> float:
    """The difference of two numbers as they are written: 1 less 0.9 is 0.1, and 0 only where both are one."""
    return float(Decimal(repr(number)) - Decimal(repr(taken))) if taken else number


@dataclass(frozen=True, slots=True, eq=False)
class _Lines:
    """Tracks, and after them the SLIs that have none."""

    slis: Sequence[tuple[Sla, Sli]]
    shapes: Sequence[Shape]
    counted: Counted
    owner: Ints
    downtime: Downtime

    def of_sli(self, values: Sequence[Any], dtype: Any) -> NDArray[Any]:
        """One value an SLI, as one a line."""
        return np.array(values, dtype)[self.owner] if len(self.owner) else np.empty(0, dtype)

    def padded(self, values: NDArray[Any]) -> NDArray[Any]:
        """One value a track, and 0 for each line without one."""
        rest = np.zeros((len(self.owner) - len(values), *values.shape[1:]), values.dtype)
        return np.concatenate([values, rest])

    def shares(self) -> list[float]:
        """The share that may be bad, an SLI each."""
        known = {objective: less(1.0, objective) for objective in {sli.objective for _, sli in self.slis}}
        return [known[sli.objective] for _, sli in self.slis]

    def spread(self, parts: Sequence[Sequence[Any]]) -> tuple[Ints, Ints, Ints]:
        """Parts of SLIs laid out by line: the line and the position among all parts of each, and edges."""
        sizes = np.array([len(part) for part in parts], np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)])
        mine = sizes[self.owner] if len(self.owner) else np.empty(0, np.int64)
        edges = np.concatenate([[0], np.cumsum(mine)])
        line = np.repeat(np.arange(len(mine)), mine)
        within = np.arange(len(line)) - edges[line]
        return line, (starts[self.owner[line]] + within if len(line) else line), edges

    def tallies(self, line: Ints, lengths: Sequence[int], position: Ints) -> tuple[NDArray[Any], ...]:
        """Observed, violated, no traffic, good, total and since of windows; nothing where not counted."""
        counted = self.counted
        column = {length: at for at, length in enumerate(counted.minutes)}
        chosen = np.array([column.get(length, -1) for length in lengths], np.int64)[position]
        is_there = (line < len(counted)) & (chosen >= 0)
        tally = counted.tally
        found = []
        for values in (tally.observed, tally.violated, tally.no_traffic, tally.good, tally.total):
            picked = np.zeros(len(line), values.dtype)
            picked[is_there] = values[line[is_there], chosen[is_there]]
            found.append(picked)
        since = np.full(len(line), NEVER, np.int64)
        since[is_there] = counted.since[line[is_there], chosen[is_there]]
        return (*found, since)

    def windows(self) -> tuple[Windows, Ints]:
        """The windows of each line."""
        spans = [span for shape in self.shapes for span in shape.spans]
        line, position, edges = self.spread([shape.spans for shape in self.shapes])
        step = self.counted.step_seconds
        minutes = np.array([span.minutes for span in spans], np.int64)[position]
        elapsed = np.array([span.elapsed for span in spans], np.int64)[position]
        observed, violated, idle, good, total, since = self.tallies(
            line, [span.elapsed for span in spans], position
        )
        share = self.of_sli(self.shares(), np.float64)[line]
        in_events = self.of_sli([sli.budget.method == "occurrences" for _, sli in self.slis], np.bool_)[line]
        slice_minutes = self.of_sli([sli.budget.slice_minutes for _, sli in self.slis], np.int64)[line]
        excluded, ahead = self._excluded(line, elapsed), (minutes - elapsed) * 60 // step
        judgeable = minutes - (excluded + idle) * (step / 60)
        allowed = _twelve(share * np.where(in_events, total, judgeable))
        lost = [less(float(t), float(g)) if t != g else 0.0 for t, g in zip(total, good, strict=True)]
        used = np.where(in_events, _twelve(np.array(lost, np.float64)), violated * (step / 60))
        left = np.array([less(a, u) for a, u in zip(allowed.tolist(), used.tolist(), strict=True)])
        judged = np.where(in_events, total, observed)
        is_judged = judged > 0
        bad = np.where(in_events, total - good, violated)
        kept = np.where(in_events, good, observed - violated)
        with_events = self.padded(self.counted.has_events)[line] | in_events
        return Windows(
            line, minutes, elapsed,
            np.array([span.is_calendar for span in spans], np.bool_)[position],
            observed, np.maximum(0, minutes * 60 // step - ahead - excluded - observed - idle),
            violated, idle, excluded, ahead,
            np.where(with_events, good, np.nan), np.where(with_events, total, np.nan),
            np.where(is_judged, kept / np.where(is_judged, judged, 1), np.nan),
            in_events, allowed, used, left.reshape(-1), _rates(bad, judged, share),
            ~in_events & (allowed < np.maximum(step / 60, slice_minutes)), since,
        ), edges  # fmt: skip

    def _excluded(self, line: Ints, elapsed: Ints) -> Ints:
        found = np.zeros(len(line), np.int64)
        if not self.downtime.slots:
            return found
        touched = {name for name, _ in self.downtime.slots}
        names = [sla.name for sla, _ in self.slis]
        for at in np.flatnonzero(self.of_sli([name in touched for name in names], np.bool_)[line]):
            name = names[self.owner[line[at]]]
            found[at] = self.downtime.slots.get((name, int(elapsed[at])), 0)
        return found

    def alerts(self) -> tuple[Alerts, Ints]:
        """The alerts of each line whose windows reach no further back than anything could be counted."""
        step, reach = self.counted.step_seconds, self.counted.reach
        known = {shape: _judged(shape, step, reach) for shape in set(self.shapes)}
        parts = [known[shape] for shape in self.shapes]
        rules = [
            (at, shape.alerts[at]) for shape, part in zip(self.shapes, parts, strict=True) for at in part
        ]
        line, position, edges = self.spread(parts)
        share = self.of_sli(self.shares(), np.float64)[line]
        in_events = self.of_sli([sli.budget.method == "occurrences" for _, sli in self.slis], np.bool_)[line]

        def rates(lengths: list[int]) -> Floats:
            observed, violated, _, good, total, _ = self.tallies(line, lengths, position)
            judged = np.where(in_events, total, observed)
            return _rates(np.where(in_events, total - good, violated), judged, share)

        long = rates([rule.long_minutes for _, rule in rules])
        short = rates([rule.short_minutes or rule.long_minutes for _, rule in rules])
        factor = np.array([rule.factor for _, rule in rules], np.float64)[position]
        or_equal = [isinstance(rule, Alert) and rule.or_equal for _, rule in rules]
        least = np.minimum(long, short)
        fires = (least > factor) | (np.array(or_equal, np.bool_)[position] & (least == factor))
        number = np.array([at for at, _ in rules], np.int64)[position]
        return Alerts(line, number, long, short, fires), edges

    def reasons(
        self, has_short: Bools, is_spent: Bools, burns: Bools, risks: RiskColumns | None
    ) -> tuple[Bools, Bools]:
        """Which reasons hold, ``[len(ORDER), n_lines]``, and which lines have a risk."""
        counted, slis = self.counted, [sli for _, sli in self.slis]
        most = CURRENT_SECONDS // counted.step_seconds
        newest, idle = self.padded(counted.newest), self.padded(counted.idle)
        has_track = np.arange(len(self.owner)) < len(counted)
        is_down = self.of_sli([sla.name in self.downtime.now for sla, _ in self.slis], np.bool_) & has_track
        is_current = (newest < 0) & (-1 - newest <= most)
        is_idle = (idle < 0) & (-1 - idle <= most)
        # Silence that is filled is judged, and so says how things stand.
        is_filled = self.of_sli([sli.choices.no_data != "ignore" for sli in slis], np.bool_)
        # A short window may hold no whole slice.
        is_sliced = self.of_sli([sli.budget.slice_minutes > 1 for sli in slis], np.bool_)
        has_risk, is_likely = self._likely(has_track & is_current & ~is_down, risks)
        held = dict.fromkeys(ORDER, np.zeros(len(self.owner), np.bool_))
        rest = np.ones(len(self.owner), np.bool_)
        for reason, holds in (
            (Reason.NO_SERIES, ~has_track),
            (Reason.MAINTENANCE, is_down),
            (Reason.NO_TRAFFIC, ~is_current & is_idle),
            (Reason.NOTHING_OBSERVED, ~has_short & ~(is_sliced & is_current)),
            (Reason.SILENT, ~is_current & ~is_filled),
        ):
            held[reason] = rest & holds
            rest &= ~holds
        is_known = has_track & (is_current | is_filled) & ~is_down
        held[Reason.OUTSIDE_NOW] = is_known & self.padded(counted.is_outside)
        held[Reason.BUDGET_SPENT] = is_spent
        held[Reason.IMPOSSIBLE_COUNTS] = self.padded(counted.impossible) > 0
        held[Reason.BURN_RATE] = burns
        held[Reason.PROBABILITY] = is_likely
        return np.array([held[reason] for reason in ORDER]).reshape(len(ORDER), -1), has_risk

    def _likely(self, may: Bools, risks: RiskColumns | None) -> tuple[Bools, Bools]:
        if risks is None:
            nothing = np.zeros(len(self.owner), np.bool_)
            return nothing, nothing
        known = self.padded(np.array(risks["probability"], np.float64).reshape(-1))
        known[len(self.counted) :] = np.nan
        has_risk = may & ~np.isnan(known)
        thresholds = [sli.choices.at_risk_probability or sla.at_risk_probability for sla, sli in self.slis]
        begin = self.of_sli(thresholds, np.float64)
        recent = risks.get("recent")
        if recent is None:
            with np.errstate(invalid="ignore"):
                return has_risk, has_risk & (known >= begin)
        before = self.padded(np.array(recent, np.float64).reshape(-1, REMEMBERED - 1))
        said = np.column_stack([before, known])
        return has_risk, has_risk & is_at_risk(said, begin, ENDS_AT * begin)

    def worst_first(
        self, state: Ints, left: Floats, reasons: Bools, risks: RiskColumns | None, has_risk: Bools
    ) -> list[list[int]]:
        """The lines of each SLI that count: by state, by what is left of the longest window's budget, by
        risk, then by series."""
        severity = np.array([SEVERITY[each] for each in STATES])[state]
        probability = np.zeros(len(self.owner))
        if risks is not None:
            known = np.array(risks["probability"], np.float64)
            probability[: len(known)] = np.where(has_risk[: len(known)], known, 0.0)
        order = np.lexsort((self.padded(self.counted.series_id), -probability, left, -severity, self.owner))
        vanished = reasons[ORDER.index(Reason.SILENT)] | reasons[ORDER.index(Reason.NOTHING_OBSERVED)]
        edges = np.searchsorted(self.owner[order], np.arange(len(self.slis) + 1)).tolist()
        listed = order.tolist()
        found = [listed[edges[at] : edges[at + 1]] for at in range(len(self.slis))]
        for number, (_, sli) in enumerate(self.slis):
            if sli.choices.vanished == "leave_out":
                reporting = [line for line in found[number] if not vanished[line]]
                found[number] = reporting or found[number]
        return found


def _judged(shape: Shape, step_seconds: int, reach: int | None) -> list[int]:
    return [
        at
        for at, alert in enumerate(shape.alerts)
        if not alert.long_minutes * 60 % step_seconds
        and not alert.short_minutes * 60 % step_seconds
        and (reach is None or alert.long_minutes <= reach)
    ]


def _states(reasons: Bools) -> Ints:
    """The state that the first line of the precedence gives whose reason holds."""
    found = np.full(reasons.shape[1], STATES.index(State.OK), np.int64)
    for reason, state in reversed(PRECEDENCE):
        found[reasons[ORDER.index(reason)]] = STATES.index(state)
    return found


def _rates(bad: NDArray[Any], judged: NDArray[Any], share: Floats) -> Floats:
    """Bad share over the share that may be bad; NaN where nothing was judged."""
    is_judged = judged > 0
    rates = bad / np.where(is_judged, judged, 1) / share
    rates = np.array([round(rate, DIGITS) if rate else 0.0 for rate in rates.tolist()], np.float64)
    return np.where(is_judged, rates.reshape(-1), np.nan)


def _twelve(numbers: Floats) -> Floats:
    """Twelve digits of each: 0.07 of 100 minutes are 7, not 7.000000000000001."""
    rounded = {number: float(f"{number:.12g}") for number in set(numbers.tolist())}
    return np.array([rounded[number] for number in numbers.tolist()], np.float64)
