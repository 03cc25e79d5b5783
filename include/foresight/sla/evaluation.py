"""SLAs against a matrix at its as-of: windows, budgets, burn rates, states. Pure; all SLIs at once.

What lies before the matrix comes as ``History``: counts that were rolled up before. The state of a series
follows from its reasons as ``states`` says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

import numpy as np

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.burn_rates import BURN_RULES, Alert, BurnRule
from foresight.sla.counting import Counts, Episodes, Tally, count
from foresight.sla.definitions import Sla, Sli
from foresight.sla.matching import Pairs, slis_of
from foresight.sla.risk_forecasts import RiskColumns, RiskForecasts, risk_of
from foresight.sla.states import Reason, state_of, worst_state
from foresight.sla.status import (
    BurnAlert,
    Sample,
    SeriesStatus,
    SlaStatus,
    SliStatus,
    Violation,
    WindowStatus,
)
from foresight.sla.tracks import Tracks, tracks_of

CURRENT_SECONDS: Final = 300
"""Prometheus' look-back: an older sample is shown, but says no longer how things stand, nor what comes."""

DIGITS: Final = 9
"""Burn rates are rounded here, so that one in ten at 90 % burns at 1 and not at 1.0000000000000002."""

TrackKey = tuple[int, int]
"""The position of an SLI among all of them, and the id of its series; 0 where its row is computed."""


@dataclass(frozen=True, slots=True)
class Before:
    """What a window counts before the slots of the matrix that it counts itself."""

    observed: int = 0
    violated: int = 0
    no_traffic: int = 0
    good: float = 0.0
    total: float = 0.0
    since: int | None = None

    def __add__(self, later: Before) -> Before:
        """This and what comes after it."""
        return Before(
            self.observed + later.observed,
            self.violated + later.violated,
            self.no_traffic + later.no_traffic,
            self.good + later.good,
            self.total + later.total,
            later.since if self.since is None else self.since,
        )


NOTHING: Final = Before()
LISTED_MINUTES: Final = 720
"""Violations of the last 12 h are listed, and of as much more as the matrix holds."""


@dataclass(frozen=True, slots=True)
class History:
    """Windows that are longer than the matrix.

    ``counts[minutes][track]`` is what lies before ``since`` (an epoch hour within the matrix), from which on
    the matrix itself is counted. ``excluded[minutes][sla]`` is how many slots of the whole window lie in
    planned downtime.
    """

    since: int
    counts: Mapping[int, Mapping[TrackKey, Before]] = field(default_factory=dict)
    excluded: Mapping[int, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """A window as it lies before as-of: its length, and how much of it the matrix counts."""

    minutes: int
    """Length of the window: of a calendar window, that of its whole period."""
    elapsed: int
    """Minutes of it that have passed."""
    is_calendar: bool = False


def evaluate(
    slas: Sequence[Sla],
    matrix: SeriesMatrix,
    pairs: Pairs | None = None,
    forecasts: RiskForecasts | None = None,
    *,
    tracks: Tracks | None = None,
    history: History | None = None,
) -> list[SlaStatus]:
    """The status of each SLA at the as-of of ``matrix``.

    ``tracks`` is ``tracks_of(slas, matrix, pairs)``, made here when it is not given; ``forecasts`` are of
    just these tracks. Without ``history`` nothing was observed before the matrix. Raises ``ValueError`` for a
    window that is no multiple of the step.
    """
    tracks = tracks_of(slas, matrix, pairs) if tracks is None else tracks
    if forecasts is not None and not np.array_equal(forecasts.risk.rows, tracks.pairs.row):
        raise ValueError("the risk forecasts are not those of these tracks")
    slis = slis_of(slas)
    book = _Book.over(slas, tracks, forecasts, history)
    owners = [sla for sla in slas for _ in sla.slis]
    edges = np.searchsorted(tracks.pairs.sli, np.arange(len(slis) + 1)).tolist()
    statuses = [
        _sli_status(sli, owners[at], at, book, range(edges[at], edges[at + 1])) for at, sli in enumerate(slis)
    ]
    return _by_sla(slas, statuses, tracks.matrix.grid)


def spans_of(sli: Sli, as_of: int) -> list[Span]:
    """The windows of an SLI, shortest first; the calendar window is the last."""
    found = [Span(minutes, minutes) for minutes in sli.windows]
    if sli.calendar is not None:
        begin, end = sli.calendar.period(as_of)
        found.append(Span((end - begin) // 60, (as_of - begin) // 60, is_calendar=True))
    return found


def counted_minutes(sli: Sli, as_of: int) -> list[int]:
    """The lengths of all windows that are counted for an SLI, those of its alerts too."""
    alerts = [minutes for alert in _alerts(sli) for minutes in (alert.long_minutes, alert.short_minutes)]
    return sorted({*(span.elapsed for span in spans_of(sli, as_of)), *alerts} - {0})


def _alerts(sli: Sli) -> list[BurnRule | Alert]:
    usual = [rule for rule in BURN_RULES if rule.long_minutes <= sli.longest_minutes]
    return [*usual, *sli.alerts]


def _by_sla(slas: Sequence[Sla], statuses: list[SliStatus], grid: Grid) -> list[SlaStatus]:
    answer, at = [], 0
    for sla in slas:
        mine = tuple(statuses[at : at + len(sla.slis)])
        at += len(mine)
        state = worst_state([status.state for status in mine])
        answer.append(SlaStatus(sla, sla.revision, grid.as_of, grid.step_seconds, state, mine))
    return answer


def _sli_status(sli: Sli, sla: Sla, number: int, book: _Book, tracks: range) -> SliStatus:
    if not tracks:
        only = book.series(None, number, sli, sla)
        return SliStatus(sli, only.state, only.reasons, (), only.windows, only.alerts)
    series = [book.series(track, number, sli, sla) for track in tracks]
    if sli.choices.vanished == "leave_out":
        reporting = [status for status in series if not _has_vanished(status)]
        series = reporting or series
    series.sort(key=_badness)
    worst = series[0]
    return SliStatus(sli, worst.state, worst.reasons, tuple(series), worst.windows, worst.alerts)


def _has_vanished(status: SeriesStatus) -> bool:
    return Reason.SILENT in status.reasons or Reason.NOTHING_OBSERVED in status.reasons


def _less(number: float, taken: float) -> float:
    """The difference of two numbers as they are written: 1 less 0.9 is 0.1, and 0 only where both are one."""
    return float(Decimal(repr(number)) - Decimal(repr(taken)))


def _badness(status: SeriesStatus) -> tuple[int, float, float, SeriesKey]:
    """The worst first: by state, by what is left of the longest window's budget, by risk, then by name."""
    probability = status.risk.probability if status.risk else 0.0
    return -status.state.severity, status.windows[-1].budget_left, -probability, status.key or SeriesKey("")


@dataclass(frozen=True, slots=True, eq=False)
class _Book:
    """What was counted, ready to be read track by track."""

    grid: Grid
    tracks: Tracks
    risks: RiskColumns | None
    history: History
    counts: _Lists
    column: dict[int, int]
    violations: dict[int, dict[int, tuple[Violation, ...]]]
    events: list[int]
    masks: list[int]
    excluded: list[list[int]]
    is_down: list[bool]
    impossible: list[int]

    @classmethod
    def over(
        cls, slas: Sequence[Sla], tracks: Tracks, forecasts: RiskForecasts | None, history: History | None
    ) -> _Book:
        grid = tracks.matrix.grid
        slis = slis_of(slas)
        listed = sorted(
            {_held(span.elapsed, grid) for sli in slis for span in spans_of(sli, grid.as_of)} - {0}
        )
        counted = {minutes for sli in slis for minutes in counted_minutes(sli, grid.as_of)}
        minutes = sorted(counted.union(listed))
        history = history or History(grid.start)
        lengths = [_in_matrix(m, grid, history) for m in minutes]
        counts = count(tracks, lengths, [_slots(m, grid) for m in listed])
        lists = [_violations(episodes, grid) for episodes in counts.episodes]
        masks = np.cumsum(tracks.masks[:, ::-1], axis=1, dtype=np.int64)
        return cls(
            grid, tracks, None if forecasts is None else forecasts.columns(grid), history, _Lists.of(counts),
            column={m: at for at, m in enumerate(minutes)},
            violations=dict(zip(listed, lists, strict=True)),
            events=tracks.event.tolist(), masks=tracks.mask.tolist(),
            excluded=[[row[min(m, grid.n_slots) - 1] if m else 0 for m in lengths] for row in masks.tolist()],
            is_down=tracks.masks[:, -1].tolist() if len(tracks.masks) else [],
            impossible=tracks.impossible.tolist(),
        )  # fmt: skip

    def series(self, track: int | None, number: int, sli: Sli, sla: Sla) -> SeriesStatus:
        """The status of one track; without a track, that of an SLI that nothing is stored of."""
        share = _less(1.0, sli.objective)
        spans = spans_of(sli, self.grid.as_of)
        windows = tuple(self._window(track, number, sli, sla, span, share) for span in spans)
        alerts = tuple(self._alert(track, number, sli, alert, share) for alert in self._judged(sli))
        newest = None if track is None else self._newest(track)
        is_current = newest is not None and newest.age_slots * self.grid.step_seconds <= CURRENT_SECONDS
        is_down = track is not None and self.masks[track] >= 0 and self.is_down[self.masks[track]]
        risk = None
        if self.risks is not None and track is not None and is_current and not is_down:
            risk = risk_of(self.risks, track)
        reasons = self._reasons(track, sli, windows, is_current=is_current, is_down=is_down)
        threshold = sli.choices.at_risk_probability or sla.at_risk_probability
        if any(alert.fires for alert in alerts):
            reasons.append(Reason.BURN_RATE)
        if risk and risk.probability >= threshold:
            reasons.append(Reason.PROBABILITY)
        key = None if track is None else self.tracks.key(track)
        return SeriesStatus(key, state_of(reasons), tuple(reasons), newest, windows, alerts, risk)

    def _reasons(
        self,
        track: int | None,
        sli: Sli,
        windows: Sequence[WindowStatus],
        *,
        is_current: bool,
        is_down: bool,
    ) -> list[Reason]:
        reasons = []
        is_filled = sli.choices.no_data != "ignore"  # silence is judged, and so says how things stand
        is_sliced = sli.budget.slice_minutes > 1  # a short window may hold no whole slice
        if track is None:
            reasons.append(Reason.NO_SERIES)
        elif is_down:
            reasons.append(Reason.MAINTENANCE)
        elif not is_current and self._is_idle(track):
            reasons.append(Reason.NO_TRAFFIC)
        elif not windows[0].observed and not (is_sliced and is_current):
            reasons.append(Reason.NOTHING_OBSERVED)
        elif not is_current and not is_filled:
            reasons.append(Reason.SILENT)
        is_known = is_current or is_filled
        if track is not None and is_known and not is_down and self.counts.is_outside[track]:
            reasons.append(Reason.OUTSIDE_NOW)
        if windows[-1].budget_left < 0:
            reasons.append(Reason.BUDGET_SPENT)
        if track is not None and self.impossible[track]:
            reasons.append(Reason.IMPOSSIBLE_COUNTS)
        return reasons

    def _is_idle(self, track: int) -> bool:
        back = self.counts.newest_idle[track]
        return back < 0 and (-1 - back) * self.grid.step_seconds <= CURRENT_SECONDS

    def _tally(self, track: int | None, number: int, minutes: int) -> Before:
        if track is None:
            return NOTHING
        at, counts = self.column[minutes], self.counts
        oldest = counts.oldest[track]
        since = None
        if counts.observed[track][at]:
            first = max(self.grid.n_slots + oldest, self.grid.n_slots - _slots(minutes, self.grid))
            since = self.grid.start + first * self.grid.step_seconds
        mine = Before(
            counts.observed[track][at], counts.violated[track][at], counts.no_traffic[track][at],
            counts.good[track][at], counts.total[track][at], since,
        )  # fmt: skip
        key = self.tracks.key(track)
        before = self.history.counts.get(minutes, {}).get((number, key.id if key else 0))
        return mine if before is None else before + mine

    def _window(
        self, track: int | None, number: int, sli: Sli, sla: Sla, span: Span, share: float
    ) -> WindowStatus:
        tally = self._tally(track, number, span.elapsed) if span.elapsed else NOTHING
        held = _held(span.elapsed, self.grid)
        violations = () if track is None or not held else self.violations[held].get(track, ())
        excluded = self._excluded(track, sla, span.elapsed)
        is_events = track is not None and self.events[track] >= 0
        return _window(sli, span, tally, violations, excluded, share, self.grid, is_events=is_events)

    def _excluded(self, track: int | None, sla: Sla, minutes: int) -> int:
        long = self.history.excluded.get(minutes)
        if long is not None:
            return long.get(sla.name, 0)
        if track is None or self.masks[track] < 0 or not minutes:
            return 0
        return self.excluded[self.masks[track]][self.column[minutes]]

    def _alert(
        self, track: int | None, number: int, sli: Sli, rule: BurnRule | Alert, share: float
    ) -> BurnAlert:
        short_minutes = rule.short_minutes or rule.long_minutes
        long, short = (
            _burn_rate(sli, self._tally(track, number, minutes), share)
            for minutes in (rule.long_minutes, short_minutes)
        )
        or_equal = isinstance(rule, Alert) and rule.or_equal
        fires = (
            long is not None
            and short is not None
            and (min(long, short) > rule.factor or (or_equal and min(long, short) == rule.factor))
        )
        return BurnAlert(
            rule.name, rule.severity, rule.factor, rule.formula, rule.long_minutes, short_minutes,
            long, short, fires=fires, can_fire=round(1 / share, DIGITS) > rule.factor,
        )  # fmt: skip

    def _judged(self, sli: Sli) -> list[BurnRule | Alert]:
        """The alerts whose windows are whole slots and reach no further back than what is counted."""
        grid = self.grid
        return [
            alert
            for alert in _alerts(sli)
            if not (
                alert.long_minutes * 60 % grid.step_seconds or alert.short_minutes * 60 % grid.step_seconds
            )
            and (
                _slots(alert.long_minutes, grid) <= grid.n_slots or alert.long_minutes in self.history.counts
            )
        ]

    def _newest(self, track: int) -> Sample | None:
        back = self.counts.newest[track]
        if back == 0:
            return None
        return Sample(
            self.counts.value[track], self.grid.as_of + (back + 1) * self.grid.step_seconds, -1 - back
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Lists:
    """Plain Python values: reading ten thousand scalars out of arrays one by one is several times slower."""

    observed: list[list[int]]
    violated: list[list[int]]
    no_traffic: list[list[int]]
    good: list[list[float]]
    total: list[list[float]]
    newest: list[int]
    newest_idle: list[int]
    oldest: list[int]
    value: list[float]
    is_outside: list[bool]

    @classmethod
    def of(cls, counts: Counts) -> _Lists:
        tally: Tally = counts.tally
        return cls(
            tally.observed.tolist(), tally.violated.tolist(), tally.no_traffic.tolist(), tally.good.tolist(),
            tally.total.tolist(), counts.newest.tolist(), counts.newest_idle.tolist(), counts.oldest.tolist(),
            counts.value.tolist(), counts.is_outside.tolist(),
        )  # fmt: skip


def _window(
    sli: Sli,
    span: Span,
    tally: Before,
    violations: tuple[Violation, ...],
    excluded: int,
    budget_share: float,
    grid: Grid,
    *,
    is_events: bool,
) -> WindowStatus:
    slot_minutes = grid.step_seconds / 60
    n_slots, ahead = _slots(span.minutes, grid), _slots(span.minutes - span.elapsed, grid)
    counts_occurrences = sli.budget.method == "occurrences"
    if counts_occurrences:
        allowed = float(f"{budget_share * tally.total:.12g}")
        used = float(f"{_less(tally.total, tally.good):.12g}")
        good_share = tally.good / tally.total if tally.total > 0 else None
    else:
        judgeable = span.minutes - (excluded + tally.no_traffic) * slot_minutes
        allowed = float(
            f"{budget_share * judgeable:.12g}"
        )  # 0.07 of 100 minutes are 7, not 7.000000000000001
        used = tally.violated * slot_minutes
        good_share = (tally.observed - tally.violated) / tally.observed if tally.observed else None
    slice_minutes = sli.budget.slice_minutes
    return WindowStatus(
        minutes=span.minutes,
        observed=tally.observed,
        missing=max(0, n_slots - ahead - excluded - tally.observed - tally.no_traffic),
        violated=tally.violated,
        good_share=good_share,
        budget_allowed=allowed,
        budget_used=used,
        budget_left=_less(allowed, used),
        burn_rate=_burn_rate(sli, tally, budget_share),
        below_one_slot=not counts_occurrences and allowed < max(slot_minutes, slice_minutes),
        violations=violations,
        unit="events" if counts_occurrences else "minutes",
        no_traffic=tally.no_traffic,
        excluded=excluded,
        ahead=ahead,
        good=tally.good if is_events or counts_occurrences else None,
        total=tally.total if is_events or counts_occurrences else None,
        since=tally.since,
        is_calendar=span.is_calendar,
        is_list_short=_held(span.elapsed, grid) < span.elapsed,
    )


def _burn_rate(sli: Sli, tally: Before, budget_share: float) -> float | None:
    """Bad share over the share that may be bad; None where nothing was judged."""
    if sli.budget.method == "occurrences":
        return (
            round((tally.total - tally.good) / tally.total / budget_share, DIGITS)
            if tally.total > 0
            else None
        )
    return round(tally.violated / tally.observed / budget_share, DIGITS) if tally.observed else None


def _slots(minutes: int, grid: Grid) -> int:
    slots, rest = divmod(minutes * 60, grid.step_seconds)
    if rest:
        msg = f"a window of {minutes} minutes is no multiple of the step of {grid.step_seconds} s"
        raise ValueError(msg)
    return slots


def _held(minutes: int, grid: Grid) -> int:
    """As much of a window as the matrix holds, in minutes: its violations are listed."""
    return min(minutes, max(grid.n_slots * grid.step_seconds // 60, LISTED_MINUTES))


def _in_matrix(minutes: int, grid: Grid, history: History) -> int:
    """The slots of a window that the matrix counts itself."""
    slots = _slots(minutes, grid)
    if minutes in history.counts:
        return min(slots, (grid.as_of - history.since) // grid.step_seconds)
    return slots


def _violations(episodes: Episodes, grid: Grid) -> dict[int, tuple[Violation, ...]]:
    """The violations of each track that has any."""
    ends = grid.as_of + grid.step_seconds
    records = list(
        map(
            Violation,
            (ends + episodes.first * grid.step_seconds).tolist(),
            (ends + episodes.last * grid.step_seconds).tolist(),
            episodes.worst.tolist(),
        )
    )
    owners, starts = np.unique(episodes.track, return_index=True)
    edges = [*starts.tolist(), len(records)]
    return {track: tuple(records[edges[i] : edges[i + 1]]) for i, track in enumerate(owners.tolist())}
