"""The figures of SLAs as records: one an SLA, indicator, series, window and alert."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from foresight.series import SeriesMatrix
from foresight.sla.counted import NEVER, counted_of
from foresight.sla.definitions import Sla
from foresight.sla.evaluation import STATES, Downtime, Figures, figures
from foresight.sla.matching import Pairs
from foresight.sla.risk_forecasts import RiskForecasts, risk_of
from foresight.sla.states import worst_state
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
from foresight.sla.windows import shape_of


def evaluate(
    slas: Sequence[Sla],
    matrix: SeriesMatrix,
    pairs: Pairs | None = None,
    forecasts: RiskForecasts | None = None,
    *,
    tracks: Tracks | None = None,
) -> list[SlaStatus]:
    """The status of each SLA at the as-of of ``matrix``, from nothing but it.

    ``tracks`` is ``tracks_of(slas, matrix, pairs)``, made here when it is not given; ``forecasts`` are of
    just these tracks. What lies before the matrix was not observed. Raises ``ValueError`` for a window that
    is no multiple of the step.
    """
    return statuses(figures_of(slas, matrix, pairs, forecasts, tracks=tracks))


def figures_of(
    slas: Sequence[Sla],
    matrix: SeriesMatrix,
    pairs: Pairs | None = None,
    forecasts: RiskForecasts | None = None,
    *,
    tracks: Tracks | None = None,
) -> Figures:
    """The figures that ``evaluate`` makes records of."""
    tracks = tracks_of(slas, matrix, pairs) if tracks is None else tracks
    if forecasts is not None and not np.array_equal(forecasts.risk.rows, tracks.pairs.row):
        raise ValueError("the risk forecasts are not those of these tracks")
    risks = None if forecasts is None else forecasts.columns(tracks.matrix.grid)
    return figures(slas, counted_of(slas, tracks), risks, _downtime(slas, tracks))


def statuses(found: Figures) -> list[SlaStatus]:
    """One record an SLA."""
    answer, at = [], 0
    for sla in found.slas:
        mine = tuple(_sli_status(found, number) for number in range(at, at + len(sla.slis)))
        at += len(mine)
        state = worst_state([status.state for status in mine])
        step = found.counted.step_seconds
        answer.append(SlaStatus(sla, sla.revision, found.as_of, step, state, mine))
    return answer


def _downtime(slas: Sequence[Sla], tracks: Tracks) -> Downtime:
    """The planned downtime that tracks were made with."""
    owners = [(sla, sli) for sla in slas for sli in sla.slis]
    grid, now, slots = tracks.matrix.grid, set(), {}
    for number, mask in zip(tracks.pairs.sli.tolist(), tracks.mask.tolist(), strict=True):
        sla, sli = owners[number]
        if mask >= 0:
            excluded = tracks.masks[mask]
            now |= {sla.name} if excluded[-1] else set()
            for span in shape_of(sli, grid.as_of).spans:
                length = min(span.elapsed * 60 // grid.step_seconds, grid.n_slots)
                n_excluded = int(excluded[grid.n_slots - length :].sum())
                slots[sla.name, span.elapsed] = n_excluded
    return Downtime(frozenset(now), slots)


def _sli_status(found: Figures, number: int) -> SliStatus:
    lines = [_series_status(found, line) for line in found.worst_first[number]]
    worst, series = lines[0], tuple(lines)
    has_track = bool(found.has_track[found.worst_first[number][0]])
    sli = found.slis[number][1]
    return SliStatus(
        sli, worst.state, worst.reasons, series if has_track else (), worst.windows, worst.alerts
    )


def _series_status(found: Figures, line: int) -> SeriesStatus:
    counted, has_track = found.counted, bool(found.has_track[line])
    windows = tuple(_window(found, at) for at in range(*found.window_edges[line : line + 2].tolist()))
    alerts = tuple(_alert(found, at) for at in range(*found.alert_edges[line : line + 2].tolist()))
    current = None
    if has_track and (back := int(counted.newest[line])):
        slot = counted.as_of + (back + 1) * counted.step_seconds
        current = Sample(float(counted.value[line]), slot, -1 - back)
    risk = risk_of(found.risks, line) if found.risks is not None and found.has_risk[line] else None
    return SeriesStatus(
        counted.keys[line] if has_track and counted.keys else None, STATES[found.state[line]],
        found.reasons_of(line), current, windows, alerts, risk,
    )  # fmt: skip


def _window(found: Figures, at: int) -> WindowStatus:
    windows = found.windows
    return WindowStatus(
        minutes=int(windows.minutes[at]),
        observed=int(windows.observed[at]),
        missing=int(windows.missing[at]),
        violated=int(windows.violated[at]),
        good_share=_known(windows.good_share[at]),
        budget_allowed=float(windows.allowed[at]),
        budget_used=float(windows.used[at]),
        budget_left=float(windows.left[at]),
        burn_rate=_known(windows.burn_rate[at]),
        below_one_slot=bool(windows.below_one_slot[at]),
        violations=violations_of(found, at),
        unit="events" if windows.in_events[at] else "minutes",
        no_traffic=int(windows.no_traffic[at]),
        excluded=int(windows.excluded[at]),
        ahead=int(windows.ahead[at]),
        good=_known(windows.good[at]),
        total=_known(windows.total[at]),
        since=None if windows.since[at] == NEVER else int(windows.since[at]),
        is_calendar=bool(windows.is_calendar[at]),
    )


def violations_of(found: Figures, at: int) -> tuple[Violation, ...]:
    """The violations within a window."""
    windows = found.windows
    return found.counted.violations.get(int(windows.elapsed[at]), {}).get(int(windows.line[at]), ())


def _alert(found: Figures, at: int) -> BurnAlert:
    number, place = int(found.sli[found.alerts.line[at]]), int(found.alerts.number[at])
    rule = found.shapes[number].alerts[place]
    return BurnAlert(
        rule.name, rule.severity, rule.factor, rule.formula, rule.long_minutes,
        rule.short_minutes or rule.long_minutes, _known(found.alerts.long[at]),
        _known(found.alerts.short[at]), fires=bool(found.alerts.fires[at]),
        can_fire=found.can_fire(number, place),
    )  # fmt: skip


def _known(number: float) -> float | None:
    return None if math.isnan(number) else float(number)
