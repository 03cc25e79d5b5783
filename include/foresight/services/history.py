"""Windows that are longer than the samples an evaluation holds: whole hours rolled up, edges from samples.

Hours are counted from samples, never incremented: each evaluation writes those that it holds anew, and counts
those that are absent. So the sums are exact whatever the order of runs, late samples and backfills.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sqlalchemy import Connection

from foresight.grid import STEP_SECONDS, Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.counting import Tally, count, hours
from foresight.sla.definitions import Sla
from foresight.sla.downtime import Maintenance, excluded_slots
from foresight.sla.evaluation import Before, History, TrackKey, counted_minutes
from foresight.sla.tracks import Tracks, grid_with_lead, tracks_of
from foresight.store import Store, load_matrix
from foresight.store.rollups import (
    COUNTED,
    count_hours,
    counted_hours,
    forget_hours,
    save_hours,
    sum_hours,
)

HOUR = 3600
HOURS_AT_ONCE = 24
"""Hours that are counted from samples at a time where they are absent."""

Keys = Callable[[Grid], list[SeriesKey]]
"""The stored series of some SLAs that may hold a value within a grid."""


@dataclass(frozen=True, slots=True)
class Scene:
    """What an evaluation is about: SLAs at an as-of, their series, and their planned downtime."""

    store: Store
    slas: Sequence[Sla]
    as_of: int
    keys: Keys
    downtime: Sequence[Maintenance] = ()

    def tracks(self, grid: Grid, keys: Sequence[SeriesKey] | None = None) -> Tracks:
        """The tracks of these SLAs over a grid, from stored samples."""
        lead = grid_with_lead(grid)
        found = self.keys(lead) if keys is None else keys
        matrix = self.store.read(lambda connection: load_matrix(connection, found, lead))
        return self.tracks_over(matrix)

    def tracks_over(self, matrix: SeriesMatrix) -> Tracks:
        """The tracks over a matrix that begins with one slot more."""
        grid = matrix.grid.tail(matrix.grid.n_slots - 1)
        return tracks_of(self.slas, matrix, downtime=self._masks(grid), has_lead=True)

    def _masks(self, grid: Grid) -> dict[str, Any]:
        masks = {}
        for sla in self.slas:
            mine = [window for window in self.downtime if window.covers(sla)]
            if mine and (mask := excluded_slots(mine, grid)).any():
                masks[sla.name] = mask
        return masks

    def excluded(self, sla: Sla, minutes: int) -> int:
        """The slots of a window that lie in planned downtime."""
        mine = [window for window in self.downtime if window.covers(sla)]
        return int(excluded_slots(mine, Grid(self.as_of, minutes)).sum()) if mine else 0


def history_of(scene: Scene, tracks: Tracks) -> History:
    """What the windows of these SLAs count before the slots of ``tracks``; absent hours are stored."""
    grid = tracks.matrix.grid
    long = _long_windows(scene, grid)
    since = -(-grid.start // HOUR) * HOUR
    if not long:
        return History(since)
    wanted = _restricted(scene, {name for names in long.values() for name in names})
    numbers = _numbers(scene.slas)
    _store_hours(wanted, wanted_tracks(scene, wanted, tracks))
    counts: dict[int, dict[TrackKey, Before]] = {}
    excluded: dict[int, dict[str, int]] = {}
    for minutes, names in sorted(long.items()):
        some = _restricted(scene, names)
        start = scene.as_of - minutes * 60
        first = min(-(-start // HOUR) * HOUR, since)
        _count_absent(some, first, since)
        found = _whole_hours(some, first, since)
        if first > start:
            found = _merged(found, _edge(some, start, first))
        counts[minutes] = {(numbers[name], series): before for (name, series), before in found.items()}
        excluded[minutes] = {sla.name: scene.excluded(sla, minutes) for sla in some.slas}
    return History(since, counts, excluded)


def wanted_tracks(scene: Scene, wanted: Scene, tracks: Tracks) -> Tracks:
    """The tracks of the SLIs that have long windows."""
    if sum(len(sla.slis) for sla in wanted.slas) == sum(len(sla.slis) for sla in scene.slas):
        return tracks
    # The matrix has computed rows at its end, and no slot more at its beginning any longer: read it again.
    return wanted.tracks(tracks.matrix.grid)


def _long_windows(scene: Scene, grid: Grid) -> dict[int, set[tuple[str, str]]]:
    """Windows that reach before the grid, in minutes, with the SLIs that have them."""
    found: dict[int, set[tuple[str, str]]] = {}
    for sla in scene.slas:
        for sli in sla.slis:
            for minutes in counted_minutes(sli, scene.as_of):
                if minutes * 60 > grid.as_of - grid.start:
                    found.setdefault(minutes, set()).add((sla.name, sli.name))
    return found


def _restricted(scene: Scene, names: set[tuple[str, str]]) -> Scene:
    """The same with only these SLIs."""
    slas = []
    for sla in scene.slas:
        mine = tuple(sli for sli in sla.slis if (sla.name, sli.name) in names)
        if mine:
            slas.append(sla if len(mine) == len(sla.slis) else replace(sla, slis=mine))
    return replace(scene, slas=slas)


def _numbers(slas: Sequence[Sla]) -> dict[tuple[str, str], int]:
    names = [(sla.name, sli.name) for sla in slas for sli in sla.slis]
    return {name: number for number, name in enumerate(names)}


def _store_hours(scene: Scene, tracks: Tracks) -> None:
    """Writes the whole hours of the tracks, and forgets the two that they hold in part: what has changed in
    those is counted when they are needed."""
    ends, tally = hours(tracks)
    grid, names = tracks.matrix.grid, [sla.name for sla in scene.slas]
    columns = _hour_columns(scene.slas, tracks, ends, tally) if ends else None
    parts = {-(-edge // HOUR) * HOUR for edge in (grid.start, grid.as_of) if edge % HOUR}

    def work(connection: Connection) -> None:
        if columns is not None:
            save_hours(connection, columns)
        for end in parts:
            forget_hours(connection, names, end - HOUR, end)

    scene.store.transact(work)


def _hour_columns(slas: Sequence[Sla], tracks: Tracks, ends: Sequence[int], tally: Tally) -> dict[str, Any]:
    """Rows of ``sli_hour``: one a track and hour, and one an SLI and hour that says: counted."""
    slis = [(sla.name, sli.name, sli.counting) for sla in slas for sli in sla.slis]
    owners = tracks.pairs.sli.tolist()
    ids = [_series_id(tracks, track) for track in range(len(tracks))]
    computed = {owner for owner, series in zip(owners, ids, strict=True) if series == COUNTED}
    marks = [number for number in range(len(slis)) if number not in computed]
    n_hours = len(ends)
    numbers = [*owners, *marks]
    zeros = np.zeros((len(marks), n_hours))

    def flat(counts: Any) -> Any:
        return np.concatenate([counts, zeros.astype(counts.dtype)]).ravel()

    return {
        "sla_name": [slis[number][0] for number in numbers for _ in ends],
        "sli_name": [slis[number][1] for number in numbers for _ in ends],
        "series_id": np.repeat(np.array([*ids, *(COUNTED for _ in marks)], np.int64), n_hours),
        "hour": np.tile(np.array(ends, np.int64), len(numbers)),
        "counting": [slis[number][2] for number in numbers for _ in ends],
        "n_observed": flat(tally.observed),
        "n_violated": flat(tally.violated),
        "n_no_traffic": flat(tally.no_traffic),
        "good_events": flat(tally.good),
        "total_events": flat(tally.total),
    }


def _count_absent(scene: Scene, after: int, until: int) -> None:
    """Counts the hours in ``(after, until]`` that are not stored, some at a time."""
    names = [sla.name for sla in scene.slas]
    slis = {(sla.name, sli.name, sli.counting) for sla in scene.slas for sli in sla.slis}
    n_hours = (until - after) // HOUR
    if n_hours <= 0:
        return
    stored = scene.store.read(lambda connection: count_hours(connection, names, after, until))
    short = {sli for sli in slis if stored.get(sli, 0) < n_hours}
    if not short:
        return
    there = scene.store.read(lambda connection: counted_hours(connection, names, after, until))
    for start in range(after, until, HOURS_AT_ONCE * HOUR):
        ends = set(range(start + HOUR, min(start + HOURS_AT_ONCE * HOUR, until) + 1, HOUR))
        absent = {sli: ends - there.get(sli, set()) for sli in short}
        needed = set().union(*absent.values())
        if needed:
            some = _restricted(scene, {(sla, sli) for (sla, sli, _), hours in absent.items() if hours})
            n_slots = (max(needed) - min(needed) + HOUR) // STEP_SECONDS
            _store_hours(some, some.tracks(Grid(max(needed), n_slots, STEP_SECONDS)))


def _whole_hours(scene: Scene, after: int, until: int) -> dict[tuple[tuple[str, str], int], Before]:
    names = [sla.name for sla in scene.slas]
    countings = {(sla.name, sli.name): sli.counting for sla in scene.slas for sli in sla.slis}
    if until <= after:
        return {}

    def work(connection: Connection) -> dict[tuple[tuple[str, str], int], Before]:
        return {
            ((row.sla, row.sli), row.series_id): Before(
                row.observed, row.violated, row.no_traffic, row.good, row.total,
                None if row.first_hour is None else row.first_hour - HOUR,
            )
            for row in sum_hours(connection, names, after, until)
            if countings.get((row.sla, row.sli)) == row.counting
        }  # fmt: skip

    return scene.store.read(work)


def _edge(scene: Scene, start: int, end: int) -> dict[tuple[tuple[str, str], int], Before]:
    """The slots of ``(start, end]``, which are no whole hour, from samples."""
    n_slots = (end - start) // STEP_SECONDS
    tracks = scene.tracks(Grid(end, n_slots, STEP_SECONDS))
    names = [(sla.name, sli.name) for sla in scene.slas for sli in sla.slis]
    counts = count(tracks, [n_slots], [])
    return {
        (names[owner], _series_id(tracks, track)): before
        for track, (owner, before) in enumerate(
            zip(tracks.pairs.sli.tolist(), _befores(counts.tally.column(0), counts.oldest, end), strict=True)
        )
    }


def _befores(tally: Tally, oldest: Any, end: int) -> Iterator[Before]:
    columns = (tally.observed, tally.violated, tally.no_traffic, tally.good, tally.total, oldest)
    for observed, violated, no_traffic, good, total, back in zip(
        *(column.tolist() for column in columns), strict=True
    ):
        since = end + back * STEP_SECONDS if back else None
        yield Before(observed, violated, no_traffic, good, total, since)


def _merged(later: dict[Any, Before], earlier: dict[Any, Before]) -> dict[Any, Before]:
    found = dict(later)
    for key, before in earlier.items():
        found[key] = before + found[key] if key in found else before
    return found


def _series_id(tracks: Tracks, track: int) -> int:
    key = tracks.key(track)
    return COUNTED if key is None else key.id
