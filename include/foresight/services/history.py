"""Windows that are longer than what a run holds: put together from roll-ups, which are made where absent.

Hours are counted from samples, never incremented: whoever changes a sample or planned downtime forgets the
hours that it lies in, and whoever needs an hour that is absent counts it. So the sums are exact whatever the
order of runs, late samples and backfills.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.grid import STEP_SECONDS, Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.counted import NEVER, TALLIED, Counted
from foresight.sla.counting import Tally
from foresight.sla.definitions import Sla, Sli
from foresight.sla.downtime import Maintenance, excluded_slots
from foresight.sla.evaluation import Downtime
from foresight.sla.hours import edge_sums, hour_columns, joined_violations
from foresight.sla.matching import chosen
from foresight.sla.status import Violation
from foresight.sla.tracks import Tracks, bounds_of, grid_with_lead, tracks_of
from foresight.sla.windows import HOUR, base_of, long_minutes, shape_of
from foresight.store import Store, load_matrix
from foresight.store.rollups import (
    COUNTED,
    Node,
    counted_hours,
    load_hour,
    load_violations,
    nodes_of,
    save_hours,
    sum_nodes,
)

HOURS_AT_ONCE: Final = 24
"""Hours that are counted from samples at a time where they are absent."""

Keys = Callable[[Grid], list[SeriesKey]]
"""The stored series of some SLAs that may hold a value within a grid."""
Track = tuple[int, int]
"""The position of an SLI among all of them, and its series."""


@dataclass(frozen=True)
class Scene:
    """What an evaluation is about: SLAs at an as-of, their series, and their planned downtime."""

    store: Store
    slas: Sequence[Sla]
    as_of: int
    keys: Keys
    downtime: Sequence[Maintenance] = ()

    @cached_property
    def slis(self) -> list[tuple[Sla, Sli]]:
        """All SLIs, in order."""
        return [(sla, sli) for sla in self.slas for sli in sla.slis]

    @cached_property
    def countings(self) -> list[str]:
        """What is counted of each SLI and how."""
        return [sli.counting for _, sli in self.slis]

    @property
    def keys_of_counts(self) -> list[tuple[str, str, str]]:
        """SLA, SLI and counting: what counts of each SLI are stored under."""
        pairs = zip(self.slis, self.countings, strict=True)
        return [(sla.name, sli.name, counting) for (sla, sli), counting in pairs]

    def tracks(self, grid: Grid) -> Tracks:
        """The tracks of these SLAs over a grid, from stored samples."""
        lead = grid_with_lead(grid)
        matrix = self.store.read(lambda connection: load_matrix(connection, self.keys(lead), lead))
        return tracks_within(self.slas, matrix, self.downtime, has_lead=True)

    def downtime_now(self) -> Downtime:
        """Planned downtime in each window at as-of."""
        now, slots = set[str](), dict[tuple[str, int], int]()
        for sla in self.slas if self.downtime else ():
            mine = [window for window in self.downtime if window.covers(sla)]
            if not mine:
                continue
            lengths = {span.elapsed for sli in sla.slis for span in shape_of(sli, self.as_of).spans} - {0}
            mask = excluded_slots(mine, Grid(self.as_of, max(lengths, default=1)))
            now |= {sla.name} if mask[-1] else set()
            slots |= {(sla.name, length): int(mask[-length:].sum()) for length in lengths}
        return Downtime(frozenset(now), {key: n for key, n in slots.items() if n})


def tracks_within(
    slas: Sequence[Sla], matrix: SeriesMatrix, downtime: Sequence[Maintenance], *, has_lead: bool
) -> Tracks:
    """The tracks over a matrix, of series that hold a value within it."""
    seen = np.isfinite(matrix.values[:, int(has_lead) :]).any(axis=1)
    if not seen.all():
        matrix = matrix.take(np.flatnonzero(seen))
    grid = matrix.grid.tail(matrix.grid.n_slots - 1) if has_lead else matrix.grid
    masks = {}
    for sla in slas if downtime else ():
        mine = [window for window in downtime if window.covers(sla)]
        if mine and (mask := excluded_slots(mine, grid)).any():
            masks[sla.name] = mask
    return tracks_of(slas, matrix, downtime=masks, has_lead=has_lead)


def with_long_windows(scene: Scene, counted: Counted) -> Counted:
    """The counts, with the windows that reach beyond what a run holds; absent hours are made and stored."""
    wanted: dict[int, list[int]] = {}
    for number, (_, sli) in enumerate(scene.slis):
        for minutes in long_minutes(sli, scene.as_of):
            wanted.setdefault(minutes, []).append(number)
    if not wanted:
        return counted
    parts = {minutes: _Part.of(scene, minutes, numbers) for minutes, numbers in sorted(wanted.items())}
    sums = {minutes: part.sums() for minutes, part in parts.items()}
    return _widened(scene, counted, wanted, sums)


@dataclass(frozen=True, slots=True)
class _Sum:
    """What one track has in a part of a window."""

    tally: tuple[float, ...]
    since: int

    def __add__(self, later: _Sum) -> _Sum:
        since = later.since if self.since == NEVER else self.since
        return _Sum(tuple(a + b for a, b in zip(self.tally, later.tally, strict=True)), since)


Sums = dict[Track, _Sum]


@dataclass(frozen=True, slots=True)
class _Part:
    """A long window of some SLIs before the base: the slots of one hour, and whole hours."""

    scene: Scene
    numbers: Mapping[tuple[str, str, str], int]
    slice_minutes: Mapping[int, int]
    names: Sequence[str]
    start: int
    first: int
    nodes: Sequence[Node]

    @classmethod
    def of(cls, scene: Scene, minutes: int, numbers: Sequence[int]) -> _Part:
        """The part of the last ``minutes``, of the SLIs at these positions."""
        start = scene.as_of - minutes * 60
        first, slis, keys = -(-start // HOUR) * HOUR, scene.slis, scene.keys_of_counts
        return cls(
            scene,
            {keys[number]: number for number in numbers},
            {number: slis[number][1].budget.slice_minutes for number in numbers},
            sorted({slis[number][0].name for number in numbers}),
            start,
            first,
            nodes_of(first, base_of(scene.as_of)),
        )

    def sums(self) -> Sums:
        """What each track has, from roll-ups; those that are absent are made first."""
        found, there = self._read(self.names)
        absent = set(self.numbers.values()) - there
        if absent:
            slis = {key for key, number in self.numbers.items() if number in absent}
            begin = self.first - (HOUR if self.first > self.start else 0)
            _fill(self.scene, slis, range(begin + HOUR, base_of(self.scene.as_of) + 1, HOUR))
            again, _ = self._read(sorted({sla for sla, _, _ in slis}))
            found |= again
        return found

    def _read(self, names: Sequence[str]) -> tuple[Sums, set[int]]:
        """The sums of tracks, and the SLIs of which every hour is there."""
        read = self.scene.store.read
        rows = read(lambda connection: sum_nodes(connection, names, self.nodes))
        found, there = self._sums(rows)
        if self.first == self.start:
            return found, there
        edge = read(lambda connection: load_hour(connection, names, self.first))
        at = self._positions(edge)
        tallies, since = edge_sums(
            edge, [self.slice_minutes.get(number, 1) for number in at], (self.start % HOUR) // 60, self.first
        )
        counted = set()
        for number, series, tally, begin in zip(at, edge["series_id"], tallies, since, strict=True):
            if number < 0:
                continue
            if series == COUNTED:
                counted.add(number)
            earlier = _Sum(tuple(tally), begin)
            later = found.get((number, series))
            found[number, series] = earlier if later is None else earlier + later
        return found, there & counted

    def _sums(self, rows: Mapping[str, Sequence[Any]]) -> tuple[Sums, set[int]]:
        names = ("n_observed", "n_violated", "n_no_traffic", "good_events", "total_events")
        found, there = Sums(), set()
        columns = zip(
            self._positions(rows), rows["series_id"], rows["n_nodes"], rows["since"],
            *(rows[name] for name in names), strict=True,
        )  # fmt: skip
        for number, series, n_nodes, since, *tally in columns:
            if number >= 0:
                found[number, series] = _Sum(tuple(map(float, tally)), NEVER if since is None else since)
                if series == COUNTED and n_nodes == len(self.nodes):
                    there.add(number)
        return found, there

    def _positions(self, rows: Mapping[str, Sequence[Any]]) -> list[int]:
        keys = zip(rows["sla_name"], rows["sli_name"], rows["counting"], strict=True)
        return [self.numbers.get(key, -1) for key in keys]


def _fill(scene: Scene, slis: set[tuple[str, str, str]], ends: range) -> None:
    """Counts the hours of these SLIs that are absent, some at a time."""
    names = sorted({sla for sla, _, _ in slis})
    there = scene.store.read(lambda connection: counted_hours(connection, names, ends))
    for start in range(0, len(ends), HOURS_AT_ONCE):
        some = ends[start : start + HOURS_AT_ONCE]
        absent = {sli: set(some) - there.get(sli, set()) for sli in slis}
        needed = sorted(set().union(*absent.values()))
        if needed:
            lacking = {(sla, sli) for (sla, sli, _), hours in absent.items() if hours}
            slas = chosen(scene.slas, partial(_is_among, lacking))
            n_slots = (needed[-1] - needed[0] + HOUR) // STEP_SECONDS
            mine = replace(scene, slas=slas)
            tracks = mine.tracks(Grid(needed[-1], n_slots, STEP_SECONDS))
            columns, violations = hour_columns(slas, tracks, needed)
            scene.store.transact(partial(save_hours, columns=columns, violations=violations))


def _is_among(names: set[tuple[str, str]], sla: Sla, sli: Sli) -> bool:
    return (sla.name, sli.name) in names


def _widened(
    scene: Scene, counted: Counted, wanted: Mapping[int, Sequence[int]], sums: Mapping[int, Sums]
) -> Counted:
    """The counts with a column for each long window: what was rolled up, and what came after the base."""
    slis = scene.slis
    tracks_there = zip(counted.sli.tolist(), counted.series_id.tolist(), strict=True)
    place: dict[Track, int] = {track: at for at, track in enumerate(tracks_there)}
    more = sorted(
        {
            (number, series)
            for found in sums.values()
            for (number, series), each in found.items()
            if (number, series) not in place and any(each.tally)
        }
    )
    place |= {track: len(counted) + at for at, track in enumerate(more)}
    wide = _with_tracks(counted, more, slis, tuple(sorted({*counted.minutes, *wanted})))
    column = {length: at for at, length in enumerate(wide.minutes)}
    stacked = np.stack([getattr(wide.tally, name).astype(np.float64) for name in TALLIED], axis=2)
    since, base = wide.since, (scene.as_of - base_of(scene.as_of)) // 60
    owners = wide.sli
    for minutes, numbers in wanted.items():
        mine, at = np.isin(owners, np.array(numbers, np.int64)), column[minutes]
        if base in column:
            stacked[mine, at], since[mine, at] = stacked[mine, column[base]], since[mine, column[base]]
        tracks = [place[track] for track in sums[minutes] if track in place]
        found = [each for track, each in sums[minutes].items() if track in place]
        if tracks:
            stacked[tracks, at] += np.array([each.tally for each in found])
            earlier = np.array([each.since for each in found], np.int64)
            since[tracks, at] = np.where(earlier == NEVER, since[tracks, at], earlier)
    seen, bad, none = (np.rint(stacked[:, :, at]).astype(np.int64) for at in range(3))
    tally = Tally(seen, bad, none, stacked[:, :, 3], stacked[:, :, 4])
    wide = replace(wide, tally=tally, since=since)
    return replace(wide, violations=_with_violations(scene, wide, wanted, place, base))


def _with_tracks(
    counted: Counted, more: Sequence[Track], slis: Sequence[tuple[Sla, Sli]], minutes: tuple[int, ...]
) -> Counted:
    """The same with room for more tracks, of series that ended before what a run holds, and more lengths."""

    def longer(values: NDArray[Any], rest: Any = 0) -> NDArray[Any]:
        return np.concatenate([values, np.full(len(more), rest, values.dtype)])

    def wider(values: NDArray[Any], empty: int) -> NDArray[Any]:
        found = np.full((len(counted) + len(more), len(minutes)), empty, values.dtype)
        found[: len(counted), [minutes.index(length) for length in counted.minutes]] = values
        return found

    events = [slis[number][1].counts_events for number, _ in more]
    return replace(
        counted,
        minutes=minutes,
        sli=np.concatenate([counted.sli, np.array([number for number, _ in more], np.int64)]),
        series_id=np.concatenate([counted.series_id, np.array([series for _, series in more], np.int64)]),
        tally=Tally(*(wider(getattr(counted.tally, name), 0) for name in TALLIED)),
        since=wider(counted.since, NEVER),
        newest=longer(counted.newest),
        idle=longer(counted.idle),
        value=longer(counted.value, np.nan),
        is_outside=longer(counted.is_outside, rest=False),
        has_events=np.concatenate([counted.has_events, np.array(events, np.bool_)]),
        impossible=longer(counted.impossible),
        keys=(),
    )


def _with_violations(
    scene: Scene,
    counted: Counted,
    wanted: Mapping[int, Sequence[int]],
    place: Mapping[Track, int],
    base: int,
) -> dict[int, dict[int, tuple[Violation, ...]]]:
    """The violations of long windows too: those of their hours, joined with those since the base."""
    slis, lists = scene.slis, dict(counted.violations)
    numbers = {(sla.name, sli.name): number for number, (sla, sli) in enumerate(slis)}
    recent = lists.get(base, {})
    column = {length: at for at, length in enumerate(counted.minutes)}
    shown = {span.elapsed for _, sli in slis for span in shape_of(sli, scene.as_of).spans}
    for minutes in sorted(set(wanted) & shown):
        has_some = counted.tally.violated[:, column[minutes]] > 0
        names = sorted({slis[number][0].name for number in counted.sli[has_some].tolist()})
        start = scene.as_of - minutes * 60
        stored: dict[int, list[Violation]] = {}
        until = base_of(scene.as_of)
        rows = scene.store.read(partial(load_violations, sla_names=names, after=start, until=until))
        for sla, sli, series, first, last, worst in zip(
            *(
                rows[name]
                for name in ("sla_name", "sli_name", "series_id", "first_slot", "last_slot", "worst")
            ),
            strict=True,
        ):
            track = place.get((numbers.get((sla, sli), -1), series))
            if track is not None and last > start:
                known = float("nan") if worst is None else worst
                stored.setdefault(track, []).append(Violation(max(first, start + STEP_SECONDS), last, known))
        mine = dict.fromkeys(
            track for track in (*stored, *recent) if counted.sli[track] in set(wanted[minutes])
        )
        lists[minutes] = {
            track: joined_violations(
                [*sorted(stored.get(track, ()), key=_begin), *recent.get(track, ())],
                *bounds_of(slis[int(counted.sli[track])][1]),
            )
            for track in mine
        }
    return lists


def _begin(violation: Violation) -> int:
    return violation.start
