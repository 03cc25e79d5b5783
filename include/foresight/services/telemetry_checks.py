"""What ``foresight doctor`` says about an entry of the catalogue: what is near it, what is too young."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from foresight.errors import BadAnswer, FinalError, SourceUnavailable
from foresight.grid import Grid
from foresight.matchers import Matcher, matching
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.source import Discovery, TelemetrySource

_MAX_VALUES = 5
"""Most values of a label that a note lists."""


def entry_notes(source: TelemetrySource, entry: WatchedMetric, now: int) -> Iterator[str]:
    """What somebody should know about one entry; nothing where it is as it should be."""
    grid = entry.grid(now)
    try:
        found = source.discover(entry, grid)
    except (FinalError, SourceUnavailable) as error:
        if type(error) is SourceUnavailable:
            raise
        yield f"{entry.name} is left out of every run: {error}"
        return
    for reason in found.partial:
        yield f"{entry.name} may lack series: {reason}"
    for remark in found.remarks:
        yield f"{entry.name}: {remark}"
    if not found:
        yield f"{entry.name} matches nothing: {why_nothing(source, entry, grid)}"
    elif young := _youth(source, entry, grid):
        yield f"{entry.name}: {young}"
    if len(found) > entry.max_series:
        n_over = len(found) - entry.max_series
        yield f"{entry.name} matches {len(found)} series: {n_over} beyond max_series are left out"


def near_miss(conditions: Iterable[Matcher], keys: tuple[SeriesKey, ...]) -> str:
    """Why the matchers let no series of a metric through: the labels that differ, and their values."""
    differing = []
    for matcher in conditions:
        if len(matching(keys, [matcher])):
            continue
        label = matcher.label
        values = Counter(dict(key.labels).get(label, "") for key in keys).most_common()
        shown = [f"{label}={value}" if value else f"no label {label}" for value, _ in values[:_MAX_VALUES]]
        more = f" and {len(values) - _MAX_VALUES} more" if len(values) > _MAX_VALUES else ""
        asked = f"{label}{matcher.op}{matcher.value}"
        differing.append(f"exists with {', '.join(shown)}{more}, not {asked}")
    if differing:
        return "; ".join(differing)
    return f"each matcher lets some of its {len(keys)} series through, and no series passes all of them"


def why_nothing(source: TelemetrySource, entry: WatchedMetric, grid: Grid) -> str:
    """Why an entry of the catalogue has no series within the grid."""
    if entry.query is not None:
        return "its query has no result: check it in Prometheus"
    anyhow = _discovered(source, entry.model_copy(update={"matchers": {}}), grid)
    if anyhow is None or not anyhow:
        return f"the source has no metric {entry.metric} in the last {grid.n_slots} minutes"
    return near_miss(entry.conditions, anyhow.keys)


def _youth(source: TelemetrySource, entry: WatchedMetric, grid: Grid) -> str:
    """Says since when at most there are samples, where that is too short for a result."""
    n_older = grid.n_slots - entry.min_slots
    if n_older < 1:
        return ""
    before = Grid(grid.as_of - entry.min_slots * grid.step_seconds, n_older, grid.step_seconds)
    older = _discovered(source, entry, before)
    if older is None or older:
        return ""
    ready = datetime.fromtimestamp(grid.as_of + entry.min_slots * grid.step_seconds, UTC)
    return (
        f"its samples began less than {entry.min_slots} minutes ago, so its series are short until "
        f"{ready:%H:%M} UTC at the latest"
    )


def _discovered(source: TelemetrySource, entry: WatchedMetric, grid: Grid) -> Discovery | None:
    try:
        return source.discover(entry, grid)
    except (BadAnswer, SourceUnavailable):
        return None
