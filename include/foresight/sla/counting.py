"""Slots observed and violated, and runs of violated slots, over many (indicator, series) pairs at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.sla.matching import Pairs

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]

CHUNK_PAIRS = 512
"""Pairs judged at a time: 512 × 720 samples are 3 MB, which stays in the cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Episodes:
    """Runs of neighbouring violated slots, by pair and then by time.

    ``first`` and ``last`` are slot indices counted back from the end of the matrix (-1 is the newest),
    so that they mean the same for any window.
    """

    pair: Ints
    first: Ints
    last: Ints
    worst: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Counts:
    """Counts over the last ``windows`` slots, ``[n_pairs, n_windows]``; the rest ``[n_pairs]``.

    ``newest`` is the newest observed slot, counted back from the end, 0 where nothing is observed.
    """

    windows: tuple[int, ...]
    observed: Ints
    violated: Ints
    newest: Ints
    value: Floats
    is_outside: Bools
    episodes: tuple[Episodes, ...]


def count(values: Floats, pairs: Pairs, windows: Sequence[int], listed: Sequence[int]) -> Counts:
    """Count over the last ``windows`` slots of ``values[n_series, n_slots]``; list episodes for ``listed``.

    A window may be longer than the matrix: what lies before it was not observed.
    """
    windows = tuple(windows)
    spans = range(0, max(len(pairs), 1), CHUNK_PAIRS)
    parts = [_count_chunk(values, pairs, slice(at, at + CHUNK_PAIRS), windows, listed) for at in spans]
    return Counts(
        windows=windows,
        observed=np.concatenate([part.observed for part in parts]),
        violated=np.concatenate([part.violated for part in parts]),
        newest=np.concatenate([part.newest for part in parts]),
        value=np.concatenate([part.value for part in parts]),
        is_outside=np.concatenate([part.is_outside for part in parts]),
        episodes=tuple(_join([part.episodes[at] for part in parts]) for at in range(len(listed))),
    )


def _count_chunk(
    values: Floats, pairs: Pairs, span: slice, windows: tuple[int, ...], listed: Sequence[int]
) -> Counts:
    samples = values[pairs.row[span]]
    lower, upper = pairs.lower[span, None], pairs.upper[span, None]
    observed = np.isfinite(samples)
    violated = observed & ((samples < lower) | (samples > upper))
    newest = -1 - np.argmax(observed[:, ::-1], axis=1).astype(np.int64)
    newest[~observed.any(axis=1)] = 0
    rows = np.arange(len(samples))
    return Counts(
        windows=windows,
        observed=_in_windows(observed, windows),
        violated=_in_windows(violated, windows),
        newest=newest,
        value=np.where(newest < 0, samples[rows, newest], np.nan),
        is_outside=violated[rows, newest] & (newest < 0),
        episodes=tuple(_episodes(samples, violated, lower, upper, slots, span.start) for slots in listed),
    )


def _in_windows(flags: Bools, windows: tuple[int, ...]) -> Ints:
    """How many flags are set in the last ``windows`` columns; ``[n_rows, n_windows]``."""
    running = np.cumsum(flags[:, ::-1], axis=1, dtype=np.int64)
    last = np.minimum(np.array(windows, np.intp), flags.shape[1]) - 1
    return running[:, last]


def _episodes(
    samples: Floats, violated: Bools, lower: Floats, upper: Floats, slots: int, base: int
) -> Episodes:
    """The runs within the last ``slots`` columns; a run that began before the window is cut at its edge."""
    tail = violated[:, -slots:]
    some = np.flatnonzero(tail.any(axis=1))
    row, column = np.nonzero(tail[some])
    row, column = some[row], column - tail.shape[1]
    first = np.ones(len(row), dtype=np.bool_)
    first[1:] = (np.diff(row) != 0) | (np.diff(column) != 1)
    starts = np.flatnonzero(first)
    if not len(starts):
        none = np.empty(0, np.int64)
        return Episodes(none, none, none, np.empty(0))
    value = samples[row, column]
    beyond = np.maximum(lower[row, 0] - value, value - upper[row, 0])
    run = np.cumsum(first) - 1
    farthest = np.flatnonzero(beyond == np.maximum.reduceat(beyond, starts)[run])
    chosen = farthest[np.searchsorted(run[farthest], np.arange(len(starts)))]
    ends = np.append(starts[1:], len(row)) - 1
    return Episodes(base + row[starts], column[starts], column[ends], value[chosen])


def _join(parts: Sequence[Episodes]) -> Episodes:
    return Episodes(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in ("pair", "first", "last", "worst")
        )
    )
