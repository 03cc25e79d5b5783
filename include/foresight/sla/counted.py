"""What was counted of each track at an as-of: from a matrix, and as columns that are stored and read back."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.series import SeriesKey
from foresight.sla.counting import Counts, Episodes, Tally, count
from foresight.sla.definitions import Sla
from foresight.sla.matching import slis_of
from foresight.sla.status import Violation
from foresight.sla.tracks import Tracks
from foresight.sla.windows import direct_minutes, listed_minutes, shape_of

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Columns = Mapping[str, Sequence[Any]]

COMPUTED_SERIES: Final = 0
"""The series id of what is computed from several series."""
NEVER: Final = -1
"""Where a window begins that has nothing judged."""
TALLIED: Final = tuple(each.name for each in fields(Tally))
Lists = dict[int, dict[int, tuple[Violation, ...]]]
"""Violations by the length of their window in minutes, and by track."""


@dataclass(frozen=True, slots=True, eq=False)
class Counted:
    """Counts of tracks, in the order of their SLIs; arrays are ``[n_tracks]``.

    ``tally`` and ``since`` are ``[n_tracks, n_lengths]``: over the last ``minutes[j]``, and where the first
    slot began that was judged (epoch seconds; ``NEVER``). ``newest`` is the newest observed slot, ``idle``
    the newest one without traffic, both counted back from as-of (-1 is the newest, 0 is none). ``reach`` is
    how far back anything could be counted, in minutes; None is as far as any window.
    """

    as_of: int
    step_seconds: int
    minutes: tuple[int, ...]
    sli: Ints
    series_id: Ints
    tally: Tally
    since: Ints
    newest: Ints
    idle: Ints
    value: Floats
    is_outside: Bools
    has_events: Bools
    impossible: Ints
    violations: Lists = field(default_factory=dict)
    keys: tuple[SeriesKey | None, ...] = ()
    reach: int | None = None

    def __len__(self) -> int:
        return len(self.sli)


def counted_of(slas: Sequence[Sla], tracks: Tracks) -> Counted:
    """Everything that evaluating these SLAs asks for, counted from a matrix alone.

    What lies before the matrix was not observed. Raises ``ValueError`` for a window that is no multiple of
    the step.
    """
    as_of = tracks.matrix.grid.as_of
    shapes = {shape_of(sli, as_of) for sli in slis_of(slas)}
    minutes = sorted({length for shape in shapes for length in shape.counted})
    listed = sorted({span.elapsed for shape in shapes for span in shape.spans} - {0})
    grid = tracks.matrix.grid
    return _counted(tracks, minutes, listed, grid.n_slots * grid.step_seconds // 60)


def counted_held(slas: Sequence[Sla], tracks: Tracks) -> Counted:
    """What is counted from the samples that a run holds: short windows, and long ones since the base."""
    as_of = tracks.matrix.grid.as_of
    lengths = {length for sli in slis_of(slas) for length in direct_minutes(sli, as_of)}
    listed = {length for sli in slis_of(slas) for length in listed_minutes(sli, as_of)}
    return _counted(tracks, sorted(lengths), sorted(listed), None)


def counted_nothing(as_of: int, step_seconds: int = 60) -> Counted:
    """What is counted of no SLIs."""
    whole, broken, flags = np.empty(0, np.int64), np.empty(0), np.empty(0, np.bool_)
    return Counted(
        as_of, step_seconds, (), whole, whole, Tally.zeros((0, 0)), np.empty((0, 0), np.int64), whole, whole,
        broken, flags, flags, whole,
    )  # fmt: skip


def _counted(tracks: Tracks, minutes: Sequence[int], listed: Sequence[int], reach: int | None) -> Counted:
    grid = tracks.matrix.grid
    slots = [_slots(length, grid.step_seconds) for length in minutes]
    counts = count(tracks, slots, [_slots(length, grid.step_seconds) for length in listed])
    keys = tuple(tracks.key(track) for track in range(len(tracks)))
    ids = np.array([COMPUTED_SERIES if key is None else key.id for key in keys], np.int64)
    lists = [_violations(episodes, grid.as_of, grid.step_seconds) for episodes in counts.episodes]
    return Counted(
        grid.as_of, grid.step_seconds, tuple(minutes), tracks.pairs.sli.astype(np.int64), ids, counts.tally,
        _since(counts, slots, grid.as_of, grid.step_seconds), counts.newest, counts.newest_idle,
        counts.value, counts.is_outside, tracks.event >= 0, tracks.impossible,
        dict(zip(listed, lists, strict=True)), keys, reach,
    )  # fmt: skip


def _slots(minutes: int, step_seconds: int) -> int:
    slots, rest = divmod(minutes * 60, step_seconds)
    if rest:
        msg = f"a window of {minutes} minutes is no multiple of the step of {step_seconds} s"
        raise ValueError(msg)
    return slots


def _since(counts: Counts, slots: Sequence[int], as_of: int, step_seconds: int) -> Ints:
    """Where the oldest judged slot began, or the window, whichever is later."""
    back = np.minimum(-counts.oldest[:, None], np.array(slots, np.int64)[None, :])
    return np.where(counts.tally.observed > 0, as_of - back * step_seconds, NEVER)


def _violations(episodes: Episodes, as_of: int, step_seconds: int) -> dict[int, tuple[Violation, ...]]:
    ends = as_of + step_seconds
    records = list(
        map(
            Violation,
            (ends + episodes.first * step_seconds).tolist(),
            (ends + episodes.last * step_seconds).tolist(),
            episodes.worst.tolist(),
        )
    )
    owners, starts = np.unique(episodes.track, return_index=True)
    edges = [*starts.tolist(), len(records)]
    return {track: tuple(records[edges[at] : edges[at + 1]]) for at, track in enumerate(owners.tolist())}


def count_columns(slas: Sequence[Sla], counted: Counted) -> dict[str, Any]:
    """Columns of ``sli_count``: one row a track, and one for each SLI without any, which says: counted."""
    as_of, owners = counted.as_of, [(sla, sli) for sla in slas for sli in sla.slis]
    empty = sorted(set(range(len(owners))) - set(counted.sli.tolist()))
    numbers = [*counted.sli.tolist(), *empty]
    mine = [owners[number] for number in numbers]
    shapes = [(direct_minutes(sli, as_of), listed_minutes(sli, as_of)) for _, sli in owners]
    column = {length: at for at, length in enumerate(counted.minutes)}
    stacked = np.stack([getattr(counted.tally, name).astype(np.float64) for name in TALLIED], axis=2)
    counts: list[Any] = []
    for track, number in enumerate(counted.sli.tolist()):
        at = [column[length] for length in shapes[number][0]]
        counts.append(
            {
                "minutes": shapes[number][0],
                "tally": stacked[track, at].ravel().tolist(),
                "since": counted.since[track, at].tolist(),
            }
        )
    n_empty, n_all = len(empty), len(numbers)

    def padded(values: NDArray[Any], rest: Any = None) -> list[Any]:
        return [*values.tolist(), *[rest] * n_empty]

    return {
        "as_of": [as_of] * n_all,
        "sla_name": [sla.name for sla, _ in mine],
        "sli_name": [sli.name for _, sli in mine],
        "series_id": padded(counted.series_id, COMPUTED_SERIES),
        "counting": [sli.counting for _, sli in mine],
        "newest_age": [None if back == 0 else -1 - back for back in padded(counted.newest, 0)],
        "idle_age": [None if back == 0 else -1 - back for back in padded(counted.idle, 0)],
        "value": padded(counted.value),
        "is_outside": padded(counted.is_outside, rest=False),
        "has_events": padded(counted.has_events, rest=False),
        "n_impossible": padded(counted.impossible, 0),
        "counts": [*counts, *[None] * n_empty],
        "violations": [
            *(
                _listed(counted.violations, track, shapes[number][1])
                for track, number in enumerate(counted.sli.tolist())
            ),
            *[None] * n_empty,
        ],
    }


def _listed(violations: Lists, track: int, minutes: Sequence[int]) -> dict[str, Any] | None:
    found = {
        str(length): [[v.start, v.end, None if v.worst != v.worst else v.worst] for v in mine]
        for length in minutes
        if (mine := violations.get(length, {}).get(track))
    }
    return found or None


def merged(parts: Sequence[tuple[Counted, Sequence[int]]]) -> Counted:
    """Counts of some SLIs each, put together; with each part comes the position of its SLIs among all.

    No SLI is in two parts.
    """
    minutes = tuple(sorted({length for part, _ in parts for length in part.minutes}))
    numbers = np.concatenate([np.asarray(place, np.int64)[part.sli] for part, place in parts])
    order = np.argsort(numbers, kind="stable")
    starts = np.concatenate([[0], np.cumsum([len(part) for part, _ in parts])]).tolist()
    place_of = np.empty(len(order), np.int64)
    place_of[order] = np.arange(len(order))

    def joined(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(part, name) for part, _ in parts])[order]

    def widened(values: Sequence[NDArray[Any]], empty: int) -> NDArray[Any]:
        pairs = zip(values, parts, strict=True)
        wide = [_widened(each, part.minutes, minutes, empty) for each, (part, _) in pairs]
        return np.concatenate(wide)[order]

    violations: Lists = {}
    for (part, _), start in zip(parts, starts, strict=False):
        for length, lists in part.violations.items():
            mine = violations.setdefault(length, {})
            mine |= {int(place_of[start + track]): listed for track, listed in lists.items()}
    tally = Tally(*(widened([getattr(part.tally, name) for part, _ in parts], 0) for name in TALLIED))
    first = parts[0][0]
    return Counted(
        first.as_of, first.step_seconds, minutes, numbers[order], joined("series_id"), tally,
        widened([part.since for part, _ in parts], NEVER), joined("newest"), joined("idle"),
        joined("value"), joined("is_outside"), joined("has_events"), joined("impossible"), violations,
    )  # fmt: skip


def _widened(values: NDArray[Any], minutes: Sequence[int], wanted: Sequence[int], empty: int) -> NDArray[Any]:
    found = np.full((len(values), len(wanted)), empty, values.dtype)
    found[:, [wanted.index(length) for length in minutes]] = values
    return found


def counted_from(
    numbers: Mapping[tuple[str, str, str], int], as_of: int, step_seconds: int, rows: Columns
) -> tuple[Counted, set[int]]:
    """What ``count_columns`` wrote, and which SLIs, by their position among all, it is stored of.

    ``numbers`` are these positions by SLA, SLI and counting: rows of another counting mean nothing.
    """
    names = zip(rows["sla_name"], rows["sli_name"], rows["counting"], strict=True)
    is_mine = [numbers.get(name, -1) for name in names]
    there = {number for number in is_mine if number >= 0}
    kept = [at for at, number in enumerate(is_mine) if number >= 0 and rows["counts"][at] is not None]
    kept.sort(key=lambda at: (is_mine[at], rows["series_id"][at]))
    return _from_rows(rows, kept, [is_mine[at] for at in kept], as_of, step_seconds), there


def _from_rows(
    rows: Columns, kept: Sequence[int], numbers: Sequence[int], as_of: int, step_seconds: int
) -> Counted:
    counts = [rows["counts"][at] for at in kept]
    groups = defaultdict[tuple[int, ...], list[int]](list)
    for track, each in enumerate(counts):
        groups[tuple(each["minutes"])].append(track)
    minutes = sorted({length for lengths in groups for length in lengths})
    column = {length: at for at, length in enumerate(minutes)}
    stacked = np.zeros((len(kept), len(minutes), len(TALLIED)))
    since = np.full((len(kept), len(minutes)), NEVER, np.int64)
    for lengths, tracks in groups.items():
        at = np.ix_(tracks, [column[length] for length in lengths])
        stacked[at] = np.array([counts[track]["tally"] for track in tracks]).reshape(
            len(tracks), len(lengths), len(TALLIED)
        )
        since[at] = np.array([counts[track]["since"] for track in tracks], np.int64).reshape(len(tracks), -1)

    def column_of(name: str) -> list[Any]:
        values = rows[name]
        return [values[at] for at in kept]

    def back(name: str) -> Ints:
        return np.array([0 if age is None else -1 - age for age in column_of(name)], np.int64)

    seen, bad, none = (stacked[:, :, at].astype(np.int64) for at in range(3))
    return Counted(
        as_of, step_seconds, tuple(minutes), np.array(numbers, np.int64),
        np.array(column_of("series_id"), np.int64),
        Tally(seen, bad, none, stacked[:, :, 3].copy(), stacked[:, :, 4].copy()), since,
        back("newest_age"), back("idle_age"), np.array(column_of("value"), np.float64),
        np.array(column_of("is_outside"), np.bool_), np.array(column_of("has_events"), np.bool_),
        np.array(column_of("n_impossible"), np.int64), _lists_from(column_of("violations")),
    )  # fmt: skip


def _lists_from(stored: Sequence[Mapping[str, Any] | None]) -> Lists:
    found: Lists = {}
    for track, lists in enumerate(stored):
        for length, listed in (lists or {}).items():
            found.setdefault(int(length), {})[track] = tuple(
                Violation(start, end, float("nan") if worst is None else worst)
                for start, end, worst in listed
            )
    return found
