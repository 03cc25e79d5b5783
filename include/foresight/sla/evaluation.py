"""SLAs against a matrix at its as-of: windows, budgets, burn rates, states. Pure; all indicators at once.

What the state of a series means, the first that holds:

- ``no_data``: no observed slot in the indicator's shortest window;
- ``violated``: the current sample lies outside the bounds, or the longest window has used more than its
  error budget. A sample is current for five minutes, as long as Prometheus looks back for one;
- ``at_risk``: the probability of a violation in the coming minutes reaches the SLA's threshold, or a
  burn-rate alert fires;
- ``no_data``: no sample is current, so nothing is known of the present, and nothing is said of what comes;
- ``ok``: none of these.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.burn_rates import BURN_RULES, BurnRule
from foresight.sla.counting import Counts, Episodes, count
from foresight.sla.definitions import Sla, Sli
from foresight.sla.matching import Pairs, pair_up, slis_of
from foresight.sla.outlooks import Outlooks
from foresight.sla.status import (
    BurnAlert,
    Reason,
    Sample,
    SeriesStatus,
    SlaStatus,
    SliStatus,
    State,
    Violation,
    WindowStatus,
    worst_state,
)

CURRENT_SECONDS: Final = 300
"""Prometheus' look-back: an older sample is shown, but says no longer how things stand, nor what comes."""

DIGITS: Final = 9
"""Burn rates are rounded here, so that one in ten at 90 % burns at 1 and not at 1.0000000000000002."""


def evaluate(
    slas: Sequence[Sla],
    matrix: SeriesMatrix,
    pairs: Pairs | None = None,
    outlooks: Outlooks | None = None,
) -> list[SlaStatus]:
    """The status of each SLA at the as-of of ``matrix``.

    ``pairs`` is ``pair_up(slas, matrix.keys)``, made here when it is not given; ``outlooks`` are those of
    exactly these pairs. Raises ``ValueError`` for a window that is no multiple of the step.
    """
    pairs = pair_up(slas, matrix.keys) if pairs is None else pairs
    if outlooks is not None and not np.array_equal(outlooks.risk.rows, pairs.row):
        raise ValueError("the outlooks are not those of these pairs")
    slis = slis_of(slas)
    book = _Book.over(slis, matrix, pairs, outlooks)
    thresholds = [sla.at_risk_probability for sla in slas for _ in sla.slis]
    edges = np.searchsorted(pairs.sli, np.arange(len(slis) + 1))
    statuses = [
        _sli_status(sli, book, range(edges[at], edges[at + 1]), thresholds[at]) for at, sli in enumerate(slis)
    ]
    return _by_sla(slas, statuses, matrix.grid)


def _by_sla(slas: Sequence[Sla], statuses: list[SliStatus], grid: Grid) -> list[SlaStatus]:
    answer, at = [], 0
    for sla in slas:
        mine = tuple(statuses[at : at + len(sla.slis)])
        at += len(mine)
        state = worst_state([status.state for status in mine])
        answer.append(SlaStatus(sla, sla.revision, grid.as_of, grid.step_seconds, state, mine))
    return answer


def _sli_status(sli: Sli, book: _Book, pairs: range, threshold: float) -> SliStatus:
    budget_share = _less(1.0, sli.objective)
    if not pairs:
        windows = tuple(_window(minutes, 0, 0, (), budget_share, book.grid) for minutes in sli.windows)
        return SliStatus(sli, State.NO_DATA, (Reason.NO_SERIES,), (), windows, ())
    series = sorted((book.series(pair, sli, budget_share, threshold) for pair in pairs), key=_badness)
    worst = series[0]
    return SliStatus(sli, worst.state, worst.reasons, tuple(series), worst.windows, worst.alerts)


def _less(number: float, taken: float) -> float:
    """The difference of two numbers as they are written: 1 less 0.9 is 0.1, and 0 only where both are one."""
    return float(Decimal(repr(number)) - Decimal(repr(taken)))


def _badness(status: SeriesStatus) -> tuple[int, float, float, SeriesKey]:
    """The worst first: by state, by what is left of the longest window's budget, by risk, then by name."""
    probability = status.outlook.probability if status.outlook else 0.0
    return -status.state.severity, status.windows[-1].budget_left, -probability, status.key


@dataclass(frozen=True, slots=True, eq=False)
class _Book:
    """What was counted, ready to be read pair by pair."""

    grid: Grid
    matrix: SeriesMatrix
    pairs: Pairs
    outlooks: Outlooks | None
    observed: list[list[int]]
    violated: list[list[int]]
    newest: list[int]
    value: list[float]
    is_outside: list[bool]
    column: dict[int, int]
    violations: dict[int, dict[int, tuple[Violation, ...]]]

    @classmethod
    def over(
        cls, slis: Sequence[Sli], matrix: SeriesMatrix, pairs: Pairs, outlooks: Outlooks | None
    ) -> _Book:
        grid = matrix.grid
        listed = sorted({minutes for sli in slis for minutes in sli.windows})
        ruled = {m for rule in _rules(grid) for m in (rule.long_minutes, rule.short_minutes)}
        minutes = sorted(ruled.union(listed))
        slots = {m: _slots(m, grid) for m in minutes}
        counts = count(matrix.values, pairs, [slots[m] for m in minutes], [slots[m] for m in listed])
        lists = [_violations(episodes, grid) for episodes in counts.episodes]
        return cls(
            grid, matrix, pairs, outlooks, *_lists(counts),
            column={m: at for at, m in enumerate(minutes)},
            violations=dict(zip(listed, lists, strict=True)),
        )  # fmt: skip

    def series(self, pair: int, sli: Sli, budget_share: float, threshold: float) -> SeriesStatus:
        """The status of one pair."""
        windows = tuple(self._window(pair, minutes, budget_share) for minutes in sli.windows)
        alerts = tuple(
            self._alert(pair, rule, budget_share)
            for rule in _rules(self.grid)
            if rule.long_minutes <= sli.windows[-1]
        )
        newest = self._newest(pair)
        is_current = newest is not None and newest.age_slots * self.grid.step_seconds <= CURRENT_SECONDS
        outlook = self.outlooks.outlook(pair, self.grid) if self.outlooks and is_current else None
        reasons = []
        if not windows[0].observed:
            reasons.append(Reason.NOTHING_OBSERVED)
        elif not is_current:
            reasons.append(Reason.SILENT)
        if is_current and self.is_outside[pair]:
            reasons.append(Reason.OUTSIDE_NOW)
        if windows[-1].budget_left < 0:
            reasons.append(Reason.BUDGET_SPENT)
        if any(alert.fires for alert in alerts):
            reasons.append(Reason.BURN_RATE)
        if outlook and outlook.probability >= threshold:
            reasons.append(Reason.PROBABILITY)
        key = self.matrix.keys[self.pairs.row[pair]]
        return SeriesStatus(key, _state(reasons), tuple(reasons), newest, windows, alerts, outlook)

    def _window(self, pair: int, minutes: int, budget_share: float) -> WindowStatus:
        at = self.column[minutes]
        violations = self.violations[minutes].get(pair, ())
        return _window(
            minutes, self.observed[pair][at], self.violated[pair][at], violations, budget_share, self.grid
        )

    def _alert(self, pair: int, rule: BurnRule, budget_share: float) -> BurnAlert:
        long, short = (
            _burn_rate(self.violated[pair][at], self.observed[pair][at], budget_share)
            for at in (self.column[rule.long_minutes], self.column[rule.short_minutes])
        )
        return BurnAlert(
            rule.name, rule.severity, rule.factor, rule.formula, rule.long_minutes, rule.short_minutes,
            long, short,
            fires=long is not None and short is not None and min(long, short) > rule.factor,
            can_fire=round(1 / budget_share, DIGITS) > rule.factor,
        )  # fmt: skip

    def _newest(self, pair: int) -> Sample | None:
        back = self.newest[pair]
        if back == 0:
            return None
        return Sample(self.value[pair], self.grid.as_of + (back + 1) * self.grid.step_seconds, -1 - back)


def _state(reasons: list[Reason]) -> State:
    if Reason.NOTHING_OBSERVED in reasons:
        return State.NO_DATA
    if Reason.OUTSIDE_NOW in reasons or Reason.BUDGET_SPENT in reasons:
        return State.VIOLATED
    if Reason.PROBABILITY in reasons or Reason.BURN_RATE in reasons:
        return State.AT_RISK
    return State.NO_DATA if Reason.SILENT in reasons else State.OK


def _window(
    minutes: int,
    observed: int,
    violated: int,
    violations: tuple[Violation, ...],
    budget_share: float,
    grid: Grid,
) -> WindowStatus:
    slot_minutes = grid.step_seconds / 60
    allowed = float(f"{budget_share * minutes:.12g}")  # 0.07 of 100 minutes are 7, not 7.000000000000001
    used = violated * slot_minutes
    return WindowStatus(
        minutes=minutes,
        observed=observed,
        missing=_slots(minutes, grid) - observed,
        violated=violated,
        good_share=(observed - violated) / observed if observed else None,
        budget_allowed=allowed,
        budget_used=used,
        budget_left=_less(allowed, used),
        burn_rate=_burn_rate(violated, observed, budget_share),
        below_one_slot=allowed < slot_minutes,
        violations=violations,
    )


def _burn_rate(violated: int, observed: int, budget_share: float) -> float | None:
    """Bad share over the share that may be bad; None where nothing was observed."""
    return round(violated / observed / budget_share, DIGITS) if observed else None


def _slots(minutes: int, grid: Grid) -> int:
    slots, rest = divmod(minutes * 60, grid.step_seconds)
    if rest:
        msg = f"a window of {minutes} minutes is no multiple of the step of {grid.step_seconds} s"
        raise ValueError(msg)
    return slots


def _rules(grid: Grid) -> list[BurnRule]:
    """The burn-rate rules whose windows are whole slots and fit into the stored samples."""
    stored = grid.n_slots * grid.step_seconds // 60
    return [
        rule
        for rule in BURN_RULES
        if rule.long_minutes <= stored
        and not (rule.long_minutes * 60 % grid.step_seconds or rule.short_minutes * 60 % grid.step_seconds)
    ]


def _violations(episodes: Episodes, grid: Grid) -> dict[int, tuple[Violation, ...]]:
    """The violations of each pair that has any."""
    ends = grid.as_of + grid.step_seconds
    records = list(
        map(
            Violation,
            (ends + episodes.first * grid.step_seconds).tolist(),
            (ends + episodes.last * grid.step_seconds).tolist(),
            episodes.worst.tolist(),
        )
    )
    owners, starts = np.unique(episodes.pair, return_index=True)
    edges = [*starts.tolist(), len(records)]
    return {pair: tuple(records[edges[i] : edges[i + 1]]) for i, pair in enumerate(owners.tolist())}


def _lists(counts: Counts) -> tuple[list[list[int]], list[list[int]], list[int], list[float], list[bool]]:
    """Plain Python values: reading ten thousand scalars out of arrays one by one is several times slower."""
    return (
        counts.observed.tolist(), counts.violated.tolist(), counts.newest.tolist(),
        counts.value.tolist(), counts.is_outside.tolist(),
    )  # fmt: skip
