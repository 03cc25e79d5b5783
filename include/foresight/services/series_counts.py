"""How many series each SLI matches now, for whoever applies it: nobody learns from a run that it is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import STEP_SECONDS, Grid
from foresight.series import SeriesKey
from foresight.services.slas import with_expressions
from foresight.services.telemetry_checks import near_miss, why_nothing
from foresight.sla.definitions import Sla, Sli
from foresight.sla.matching import resolve
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.source import EntryUnavailable, TelemetrySource

LOOK_BACK_SLOTS = 5
"""A series counts as there while Prometheus looks back for its newest sample."""
MAX_EXPLAINED = 100
"""So many SLIs are told why they match nothing: that is a walk over all series of their metric."""
PATIENCE_SECONDS = 10.0
"""After it, what is left is not asked for."""


@dataclass(frozen=True, slots=True)
class SeriesCount:
    """How many series an SLI matches, and where it is none, why."""

    n_series: int
    reason: str = ""


@dataclass(slots=True)
class Counted:
    """The counts by (SLA, SLI), and why some or all are lacking."""

    counts: dict[tuple[str, str], SeriesCount] = field(default_factory=dict)
    lacking: str = ""


def count_series(
    source: TelemetrySource,
    catalogue: Catalogue,
    slas: Sequence[Sla],
    now: int,
    clock: Callable[[], float] = time.monotonic,
) -> Counted:
    """Counts the series of every SLI, each entry of the catalogue asked for once. Never raises for a source.

    Of a ratio, those of its total count, or of its raw share.
    """
    grid = Grid(now - now % STEP_SECONDS, LOOK_BACK_SLOTS, STEP_SECONDS)
    wanted = {_series_metric(sli) for sla in slas for sli in sla.slis}
    entries = [each for each in with_expressions(catalogue, slas).metrics if each.series_metric in wanted]
    keys: dict[str, frozenset[SeriesKey]] = {}
    reasons: dict[str, str] = {}
    found, began = Counted(), clock()
    for at, entry in enumerate(entries):
        if clock() - began > PATIENCE_SECONDS:
            found.lacking = f"{len(entries) - at} of {len(entries)} metrics and expressions took too long"
            break
        metric = entry.series_metric
        try:
            keys[metric] = keys.get(metric, frozenset()) | frozenset(source.discover(entry, grid).keys)
        except (BadAnswer, EntryUnavailable) as error:
            keys.setdefault(metric, frozenset())
            reasons[metric] = str(error)
        except SourceUnavailable as error:
            found.lacking = str(error)
            break
    slis = [(sla, sli) for sla in slas for sli in sla.slis if _series_metric(sli) in keys]
    rows = resolve([sli for _, sli in slis], sorted(frozenset().union(*keys.values())))
    n_explained = 0
    for (sla, sli), mine in zip(slis, rows, strict=True):
        metric = _series_metric(sli)
        n_series = len(keys[metric]) if sli.ratio is not None else len(mine)
        reason = ""
        if not n_series and n_explained < MAX_EXPLAINED:
            n_explained += 1
            reason = reasons.get(metric) or _reason(source, entries, sli, keys[metric], grid)
        found.counts[sla.name, sli.name] = SeriesCount(n_series, reason)
    return found


def _series_metric(sli: Sli) -> str:
    if sli.ratio is None:
        return sli.series_metric
    part = sli.ratio.raw or sli.ratio.total
    return part.series_metric(sli.ratio.rate_window_seconds) if part is not None else ""


def _reason(
    source: TelemetrySource,
    entries: Sequence[WatchedMetric],
    sli: Sli,
    keys: frozenset[SeriesKey],
    grid: Grid,
) -> str:
    if keys:
        return near_miss(sli.matchers, tuple(sorted(keys)))
    entry = next(each for each in entries if each.series_metric == _series_metric(sli))
    return why_nothing(source, entry, grid)
