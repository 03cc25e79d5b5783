"""Which series are read, and how they are dealt to shards."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.source import EntryUnavailable, Selection, Shard, TelemetrySource, Texts

MAX_SHARDS = 32
"""More shards cost more in task starts than they gain."""

NOT_ASKED = "not asked for: the entries before it took too long"


@dataclass(frozen=True, slots=True)
class EntryPlan:
    """What became of one entry: its counts add up to what the source named."""

    entry: str
    planned: int
    over_limit: int = 0
    """Series beyond ``max_series``, left out."""
    shared: int = 0
    """Series that an earlier entry of the catalogue watches already."""
    refused: str = ""
    """Why it cannot be read; empty where it can."""
    partial: tuple[str, ...] = ()
    """Why series may be lacking; empty where the answer is whole."""
    remarks: tuple[str, ...] = ()
    """What the source remarks about its query."""

    @property
    def matches_nothing(self) -> bool:
        """Whether the source knows no series of this entry."""
        return not (self.planned or self.over_limit or self.shared or self.refused)


@dataclass(frozen=True, slots=True)
class Plan:
    """The shards of a run, and what became of each entry of the catalogue."""

    shards: tuple[Shard, ...]
    entries: tuple[EntryPlan, ...]

    @property
    def n_series(self) -> int:
        """How many series are planned."""
        return sum(entry.planned for entry in self.entries)

    @property
    def unmatched(self) -> tuple[str, ...]:
        """The entries that match nothing."""
        return tuple(entry.entry for entry in self.entries if entry.matches_nothing)

    @property
    def refused(self) -> dict[str, str]:
        """The reason for each entry that cannot be read."""
        return {entry.entry: entry.refused for entry in self.entries if entry.refused}

    @property
    def partial(self) -> Texts:
        """Why series may be lacking, for each entry whose answer is partial."""
        return {entry.entry: entry.partial for entry in self.entries if entry.partial}

    @property
    def remarks(self) -> Texts:
        """What the source remarks, for each entry about which it does."""
        return {entry.entry: entry.remarks for entry in self.entries if entry.remarks}


def settled_at(catalogue: Catalogue, source: TelemetrySource, as_of: int) -> float:
    """When every entry may be read, epoch seconds: the longest settle delay after ``as_of``."""
    own = (entry.settle_seconds for entry in catalogue.metrics)
    return as_of + max(source.settle_seconds if seconds is None else seconds for seconds in own)


def plan(
    catalogue: Catalogue,
    source: TelemetrySource,
    as_of: int,
    *,
    max_series_per_shard: int = 1000,
    max_shards: int = MAX_SHARDS,
    is_late: Callable[[], bool] = lambda: False,
) -> Plan:
    """Deals every series of the catalogue to shards of about equal size, each on one grid.

    Args:
        as_of: the instant the run is pinned to, epoch seconds; floored to the step of each entry.
        max_series_per_shard: wished size; exceeded only where ``max_shards`` would be.
        max_shards: most shards in all; at least one for each (step, window) of the catalogue.
        is_late: once it is true, the entries that are left are not asked for: what was read has to be worked
            on too.

    An entry that the source refuses, or cannot answer in time, is set aside with the reason.

    Raises:
        SourceUnavailable: the source answers nothing, or no entry is left and some may be readable later.
        BadAnswer: no entry is left.
    """
    claimed: set[SeriesKey] = set()
    entries, wanted = [], defaultdict[Grid, list[Selection]](list)
    may_pass = False
    for entry in catalogue.metrics:
        grid = entry.grid(as_of)
        if is_late():
            entries.append(EntryPlan(entry.name, 0, refused=NOT_ASKED))
            may_pass = True
            continue
        try:
            found = source.discover(entry, grid)
        except (BadAnswer, EntryUnavailable) as error:
            entries.append(EntryPlan(entry.name, 0, refused=str(error)))
            may_pass |= isinstance(error, EntryUnavailable)
            continue
        fresh = [key for key in found if key not in claimed]
        kept = tuple(fresh[: entry.max_series])
        claimed.update(kept)
        entries.append(
            EntryPlan(
                entry.name,
                len(kept),
                len(fresh) - len(kept),
                len(found) - len(fresh),
                partial=found.partial,
                remarks=found.remarks,
            )
        )
        if kept:
            wanted[grid].append(_selection(entry, kept, found.keys))
    if entries and all(entry.refused for entry in entries):
        reasons = "\n".join(entry.refused for entry in entries)
        raise SourceUnavailable(reasons) if may_pass else BadAnswer(reasons)
    total = sum(entry.planned for entry in entries)
    shards: list[Shard] = []
    for grid, selections in wanted.items():
        mine = sum(len(selection.keys) for selection in selections)
        n_shards = max(1, min(max_shards * mine // total, math.ceil(mine / max_series_per_shard)))
        for part in _dealt(selections, n_shards):
            shards.append(Shard(len(shards), grid, part))
    return Plan(tuple(shards), tuple(entries))


def _selection(entry: WatchedMetric, kept: tuple[SeriesKey, ...], found: tuple[SeriesKey, ...]) -> Selection:
    """The kept ones among the series that were found."""
    if len(kept) == len(found):
        return Selection(entry, kept)
    mine = set(kept)
    others = frozenset(key.id for key in found if key not in mine)
    return Selection(entry, kept, _narrowed_to(entry, kept), others)


def _dealt(selections: Sequence[Selection], n_shards: int) -> list[tuple[Selection, ...]]:
    """The selections cut to pieces and dealt to shards, the largest first, each to the least loaded."""
    size = math.ceil(sum(len(selection.keys) for selection in selections) / n_shards)
    pieces = [piece for selection in selections for piece in _pieces(selection, size)]
    order = sorted(range(len(pieces)), key=lambda i: (-len(pieces[i].keys), i))
    loads = [(0, number) for number in range(n_shards)]
    hands: list[list[int]] = [[] for _ in range(n_shards)]
    for i in order:
        load, number = heapq.heappop(loads)
        hands[number].append(i)
        heapq.heappush(loads, (load + len(pieces[i].keys), number))
    return [tuple(pieces[i] for i in sorted(hand)) for hand in hands if hand]


def _pieces(selection: Selection, size: int) -> Iterator[Selection]:
    """The selection in parts of at most ``size`` series, as far as one more label tells its series apart."""
    entry, keys, narrowed = selection.entry, selection.keys, selection.narrowed
    label = _dividing_label(keys) if len(keys) > size and entry.query is None else None
    if label is None:
        yield selection
        return
    batch: dict[str, list[SeriesKey]] = {}
    for value, members in sorted(_by_value(keys, label).items()):
        if len(members) > size:
            inner = Selection(entry, tuple(members), (*narrowed, (label, (value,))), selection.others)
            yield from _pieces(inner, size)
            continue
        if batch and sum(map(len, batch.values())) + len(members) > size:
            yield _joined(selection, label, batch)
            batch = {}
        batch[value] = members
    if batch:
        yield _joined(selection, label, batch)


def _joined(selection: Selection, label: str, groups: dict[str, list[SeriesKey]]) -> Selection:
    keys = tuple(key for members in groups.values() for key in members)
    narrowed = (*selection.narrowed, (label, tuple(groups)))
    return Selection(selection.entry, keys, narrowed, selection.others)


def _narrowed_to(entry: WatchedMetric, keys: Sequence[SeriesKey]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What keeps a source from reading much more than ``keys`` when not all of an entry is wanted."""
    label = _dividing_label(keys) if entry.query is None else None
    return () if label is None else ((label, tuple(sorted(_by_value(keys, label)))),)


def _dividing_label(keys: Sequence[SeriesKey]) -> str | None:
    """The label whose most common value is rarest; ``None`` where no label has two values."""
    # To Prometheus an empty label is an absent one.
    counts = Counter(pair for key in keys for pair in key.labels if pair[1])
    covered: Counter[str] = Counter()
    largest: dict[str, int] = defaultdict(int)
    distinct: Counter[str] = Counter()
    for (label, _), n in counts.items():
        covered[label] += n
        largest[label] = max(largest[label], n)
        distinct[label] += 1
    worst = {label: max(largest[label], len(keys) - covered[label]) for label in covered}
    useful = [label for label in worst if worst[label] < len(keys)]
    return min(useful, key=lambda label: (worst[label], distinct[label], label), default=None)


def _by_value(keys: Sequence[SeriesKey], label: str) -> dict[str, list[SeriesKey]]:
    """The keys by their value of ``label``, ``""`` where they have none."""
    groups = defaultdict[str, list[SeriesKey]](list)
    for key in keys:
        groups[dict(key.labels).get(label, "")].append(key)
    return dict(groups)
