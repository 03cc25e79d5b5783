"""Slots observed and violated, events, and runs of violated slots, over many tracks at once. Pure.

A slot of a track is judged, or missing, without traffic, or excluded by planned downtime. A slice of several
minutes is judged as a whole: its slots are all good or all bad. A slice that a window cuts is in no count.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.sla.tracks import FILLS, Tracks

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CHUNK_TRACKS = 512
"""Tracks judged at a time: 512 × 720 samples are 3 MB, which stays in the cache."""
SLOTS_OF_HOUR = 60
_BITS = np.int64(1) << np.arange(SLOTS_OF_HOUR)


@dataclass(frozen=True, slots=True, eq=False)
class Tally:
    """Counts of slots and sums of events, ``[n_tracks]`` each, or ``[n_tracks, n_windows]``."""

    observed: Ints
    violated: Ints
    no_traffic: Ints
    good: Floats
    total: Floats

    @classmethod
    def zeros(cls, shape: tuple[int, ...]) -> Tally:
        """Nothing counted."""
        whole, broken = np.zeros(shape, np.int64), np.zeros(shape)
        return cls(whole, whole.copy(), whole.copy(), broken, broken.copy())

    def column(self, at: int) -> Tally:
        """The counts of one window."""
        return Tally(*(getattr(self, field.name)[:, at] for field in fields(self)))

    def __add__(self, other: Tally) -> Tally:
        return Tally(*(getattr(self, field.name) + getattr(other, field.name) for field in fields(self)))


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """Runs of neighbouring violated slots, by track and then by time.

    ``first`` and ``last`` are slot indices counted back from the end of the matrix (-1 is the newest),
    so that they mean the same for any window.
    """

    track: Ints
    first: Ints
    last: Ints
    worst: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts over the last ``windows`` slots, ``[n_tracks, n_windows]``; the rest ``[n_tracks]``.

    ``newest`` is the newest observed slot, ``newest_idle`` the newest one without traffic, both counted back
    from the end, 0 where there is none; ``oldest`` is the oldest judged slot in the same way.
    """

    windows: tuple[int, ...]
    tally: Tally
    newest: Ints
    newest_idle: Ints
    oldest: Ints
    value: Floats
    is_outside: Bools
    episodes: tuple[Episodes, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """The slots of a chunk of tracks, ``[n_tracks, n_slots]``; ``seen`` is observed before slices are."""

    samples: Floats
    seen: Bools
    observed: Bools
    violated: Bools
    idle: Bools
    good: Floats
    total: Floats


def count(tracks: Tracks, windows: Sequence[int], listed: Sequence[int]) -> Counts:
    """Count over the last ``windows`` slots; list episodes for ``listed``.

    A window may be longer than the matrix: what lies before it was not observed.
    """
    windows = tuple(windows)
    parts = [_count_chunk(tracks, at, judged, windows, listed) for at, judged in _chunks(tracks)]
    names = ("newest", "newest_idle", "oldest", "value", "is_outside")
    return Counts(
        windows,
        _join_tallies([part.tally for part in parts]),
        **{name: np.concatenate([getattr(part, name) for part in parts]) for name in names},
        episodes=tuple(_join([part.episodes[at] for part in parts]) for at in range(len(listed))),
    )


@dataclass(frozen=True, slots=True, eq=False)
class Hours:
    """Whole UTC hours, by their ends, counted slot by slot.

    ``tally`` is ``[n_tracks, n_hours]``; ``bits`` the flags observed, violated and no traffic,
    ``[3, n_tracks, n_hours]``, the first slot in bit 0. ``events`` holds good and total of each slot by track
    and hour, where the flags do not say them. ``episodes`` are cut where an hour ends.
    """

    ends: tuple[int, ...]
    tally: Tally
    bits: Ints
    events: dict[tuple[int, int], list[list[float]]]
    episodes: Episodes


def hours(tracks: Tracks, wanted: Sequence[int] | None = None) -> Hours:
    """The whole UTC hours within the matrix; only the ``wanted`` ones, by their ends, where some are named.

    Hours have slots of a minute.
    """
    grid = tracks.matrix.grid
    first = -(-grid.start // 3600) * 3600
    ends = np.arange(first + 3600, grid.as_of + 1, 3600)
    if wanted is not None:
        ends = ends[np.isin(ends, np.array(sorted(wanted), np.int64))]
    begins = (ends - 3600 - grid.start) // grid.step_seconds
    columns = (begins[:, None] + np.arange(SLOTS_OF_HOUR)).ravel()
    shape = (-1, len(ends), SLOTS_OF_HOUR)
    tallies, bits, episodes = list[Tally](), list[Ints](), list[Episodes]()
    events: dict[tuple[int, int], list[list[float]]] = {}
    for start, judged in _chunks(tracks):
        flags = [each[:, columns].reshape(shape) for each in (judged.observed, judged.violated, judged.idle)]
        good, total = (each[:, columns].reshape(shape) for each in (judged.good, judged.total))
        seen, bad, idle = (each.sum(axis=2, dtype=np.int64) for each in flags)
        tallies.append(Tally(seen, bad, idle, good.sum(axis=2), total.sum(axis=2)))
        bits.append(np.stack([(each * _BITS).sum(axis=2, dtype=np.int64) for each in flags]))
        differs = (total != flags[0]) | (good != (flags[0] & ~flags[1]))
        for track, hour in zip(*map(np.ndarray.tolist, np.nonzero(differs.any(axis=2))), strict=True):
            events[start + track, hour] = [good[track, hour].tolist(), total[track, hour].tolist()]
        episodes.append(_hour_episodes(tracks, judged, columns, start))
    return Hours(
        tuple(ends.tolist()), _join_tallies(tallies), np.concatenate(bits, axis=1), events, _join(episodes)
    )


def _hour_episodes(tracks: Tracks, judged: _Judged, columns: Ints, start: int) -> Episodes:
    span = slice(start, start + CHUNK_TRACKS)
    lower, upper = tracks.pairs.lower[span, None], tracks.pairs.upper[span, None]
    inside = np.zeros(judged.violated.shape[1], np.bool_)
    inside[columns] = True
    of_hours = replace(judged, violated=judged.violated & inside)
    grid = tracks.matrix.grid
    hour = (grid.ends - 1) // 3600
    return _episodes(of_hours, lower, upper, grid.n_slots, start, hour)


def _chunks(tracks: Tracks) -> Iterator[tuple[int, _Judged]]:
    for start in range(0, max(len(tracks), 1), CHUNK_TRACKS):
        yield start, _judge(tracks, slice(start, start + CHUNK_TRACKS))


def _judge(tracks: Tracks, span: slice) -> _Judged:
    pairs = tracks.pairs
    samples = tracks.matrix.values[pairs.row[span]]
    lower, upper = pairs.lower[span, None], pairs.upper[span, None]
    seen = np.isfinite(samples)
    violated = seen & ((samples < lower) | (samples > upper))
    idle, good, total = np.zeros_like(seen), seen.astype(np.float64), seen.astype(np.float64)
    good -= violated
    event = tracks.event[span]
    if (has_events := event >= 0).any():
        rows = event[has_events]
        good[has_events], total[has_events] = tracks.good[rows], tracks.total[rows]
        idle[has_events] = (tracks.total[rows] == 0) & ~seen[has_events]
        np.nan_to_num(good, copy=False)
        np.nan_to_num(total, copy=False)
    mask = tracks.mask[span]
    excluded = np.zeros_like(seen)
    if (has_mask := mask >= 0).any():
        excluded[has_mask] = tracks.masks[mask[has_mask]]
        for flags in (seen, violated, idle):
            flags &= ~excluded
        good[excluded], total[excluded] = 0.0, 0.0
    observed = seen.copy()
    fill = tracks.fill[span]
    for value in (FILLS["good"], FILLS["bad"]):
        chosen = (fill == value)[:, None] & ~seen & ~excluded & ~idle
        observed |= chosen
        if value == FILLS["bad"]:
            violated |= chosen
        is_sample = chosen & (event < 0)[:, None]
        total += is_sample
        good += is_sample if value == FILLS["good"] else 0
    judged = _Judged(samples, seen, observed, violated, idle, good, total)
    return _in_slices(tracks, span, judged)


def _in_slices(tracks: Tracks, span: slice, judged: _Judged) -> _Judged:
    """The same with slices of several minutes judged as a whole."""
    lengths = tracks.slice_minutes[span]
    for length in np.unique(lengths[lengths > 1]).tolist():
        rows = np.flatnonzero(lengths == length)
        _judge_slices(tracks, span, judged, rows, length)
    return judged


def _judge_slices(tracks: Tracks, span: slice, judged: _Judged, rows: NDArray[np.intp], length: int) -> None:
    grid = tracks.matrix.grid
    skip = int(-(grid.start // 60) % length)
    n_slices = (grid.n_slots - skip) // length
    inner = slice(skip, skip + n_slices * length)

    def by_slice(flags: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(flags[rows, inner].reshape(len(rows), n_slices, length).sum(axis=2))

    good, total = by_slice(judged.good), by_slice(judged.total)
    has_events = total > 0
    share = np.where(has_events, good / np.where(has_events, total, 1.0), np.nan)
    # Slots that are judged without events are those that a choice fills.
    is_filled = ~has_events & (by_slice(judged.observed) > 0)
    is_judged = has_events | is_filled
    is_bad = (has_events & (share < tracks.slice_target[span][rows, None])) | (
        is_filled & (by_slice(judged.violated) > 0)
    )
    # Without events anywhere, a slice is idle where the source said so, and else missing.
    is_idle = ~is_judged & (by_slice(judged.idle) > 0)
    for flags, of_slice in (
        (judged.observed, is_judged), (judged.violated, is_bad), (judged.idle, is_idle),
    ):  # fmt: skip
        flags[rows] = False
        flags[rows, inner] = np.repeat(of_slice, length, axis=1)
    of_events = tracks.event[span][rows] >= 0
    judged.samples[rows[of_events], inner] = np.repeat(share[of_events], length, axis=1)


def _count_chunk(
    tracks: Tracks, start: int, judged: _Judged, windows: tuple[int, ...], listed: Sequence[int]
) -> Counts:
    span = slice(start, start + CHUNK_TRACKS)
    offsets = _offsets(tracks, span, windows)
    newest, newest_idle = _newest(judged.seen), _newest(judged.idle)
    rows = np.arange(len(judged.samples))
    lower, upper = tracks.pairs.lower[span], tracks.pairs.upper[span]
    value = np.where(newest < 0, judged.samples[rows, newest], np.nan)
    last = _newest(judged.observed)
    is_outside = (last < 0) & judged.violated[rows, last]
    oldest = np.where(
        judged.observed.any(axis=1), judged.observed.argmax(axis=1) - judged.observed.shape[1], 0
    )
    flags = (judged.observed, judged.violated, judged.idle)
    whole = np.zeros_like(offsets)  # events count in a slice that is cut, too
    return Counts(
        windows,
        Tally(
            *(_in_windows(each, windows, offsets) for each in flags),
            *(_in_windows(each, windows, whole) for each in (judged.good, judged.total)),
        ),
        newest, newest_idle, oldest, value, is_outside,
        tuple(_episodes(judged, lower[:, None], upper[:, None], slots, start) for slots in listed),
    )  # fmt: skip


def _newest(flags: Bools) -> Ints:
    found: Ints = -1 - np.argmax(flags[:, ::-1], axis=1).astype(np.int64)
    found[~flags.any(axis=1)] = 0
    return found


def _offsets(tracks: Tracks, span: slice, windows: tuple[int, ...]) -> Ints:
    """Slots at the beginning of each window that belong to a slice it cuts, ``[n_tracks, n_windows]``."""
    lengths = tracks.slice_minutes[span, None]
    minutes = tracks.matrix.grid.as_of // 60 - np.array(windows, np.int64)
    return np.asarray((-minutes[None, :]) % lengths, np.int64)


def _in_windows(flags: NDArray[Any], windows: tuple[int, ...], offsets: Ints) -> NDArray[Any]:
    """Sums over the last ``windows`` columns but the ``offsets`` first of them; ``[n_rows, n_windows]``."""
    kind = np.float64 if flags.dtype == np.float64 else np.int64
    running = np.cumsum(flags[:, ::-1], axis=1, dtype=kind)
    n_slots = flags.shape[1]
    lengths = np.array(windows, np.int64)[None, :] - offsets
    last = np.clip(lengths, 0, n_slots) - 1
    found = np.take_along_axis(running, np.maximum(last, 0), axis=1)
    return np.asarray(np.where(last < 0, 0, found).astype(kind))


def _episodes(
    judged: _Judged, lower: Floats, upper: Floats, slots: int, base: int, part: Ints | None = None
) -> Episodes:
    """The runs within the last ``slots`` columns; a run that began before the window is cut at its edge, and
    where the ``part`` of its column changes."""
    tail = judged.violated[:, -slots:]
    some = np.flatnonzero(tail.any(axis=1))
    row, column = np.nonzero(tail[some])
    row, column = some[row], column - tail.shape[1]
    first = np.ones(len(row), dtype=np.bool_)
    first[1:] = (np.diff(row) != 0) | (np.diff(column) != 1)
    if part is not None:
        first[1:] |= np.diff(part[column]) != 0
    starts = np.flatnonzero(first)
    if not len(starts):
        none = np.empty(0, np.int64)
        return Episodes(none, none, none, np.empty(0))
    value = judged.samples[row, column]
    # A slot that counts as bad for want of a sample lies less far outside than any sample.
    beyond = np.nan_to_num(np.maximum(lower[row, 0] - value, value - upper[row, 0]), nan=-np.inf)
    run = np.cumsum(first) - 1
    farthest = np.flatnonzero(beyond == np.maximum.reduceat(beyond, starts)[run])
    chosen = farthest[np.searchsorted(run[farthest], np.arange(len(starts)))]
    ends = np.append(starts[1:], len(row)) - 1
    return Episodes(base + row[starts], column[starts], column[ends], value[chosen])


def _join(parts: Sequence[Episodes]) -> Episodes:
    return Episodes(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Episodes))
    )


def _join_tallies(parts: Sequence[Tally]) -> Tally:
    return Tally(*(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Tally)))
