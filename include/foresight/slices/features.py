"""Inputs of the network: five columns by name over four past periods and the current one, for many cells.

A cell is one (slice, gNB-CU, cell). Its history hangs on its own newest period: senders keep an even pace,
but not all the same offset to the clock. No window crosses from one cell into another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foresight.slices.seasons import SEASONAL, calendar, lagged
from foresight.slices.targets import (
    FAILURE_BOUND,
    FAILURES,
    REQUESTS,
    SUCCESSES,
    Floats,
    Target,
    as_column,
    target,
)

COLUMNS: Final = ("requests", "successes", "failures", "configured", "predicted")
PAST: Final = 4
PERIODS: Final = PAST + 1
DEPTH: Final = PERIODS + 1
"""Periods to read for one prediction: the oldest answer in the window looks back by one more."""

INPUTS: Final = tuple(
    [f"{column}[t-{lag}]" for lag in range(PAST, 0, -1) for column in COLUMNS]
    + [f"{column}[t]" for column in COLUMNS[:-1]]
)
"""The names of the 24 inputs, in their order."""
LONG_INPUTS: Final = INPUTS + SEASONAL
"""The same with the answers of a day and a week ago and the calendar."""


class Outcome(IntEnum):
    """Whether a cell can be predicted, else why not; the highest that applies.

    ``OUT_OF_RANGE`` is the model's to say: its inputs lie where it was never trained.
    """

    READY = 0
    NO_REQUESTS = 1
    MISSING_COUNTER = 2
    SUSPECT = 3
    GAP = 4
    WARMING_UP = 5
    NO_CONFIGURATION = 6
    LATE = 7
    OUT_OF_RANGE = 8

    @property
    def label(self) -> str:
        """As stored and shown: ``warming_up``."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class History:
    """The last periods of each cell, oldest first; NaN where missing.

    ``counters`` ``[n_cells, depth, 3]``; ``is_there`` and ``is_suspect`` ``[n_cells, depth]``; ``newest`` the
    start of the last period and ``granularity`` its seconds, ``[n_cells]``, 0 for a cell without any.
    """

    counters: Floats
    is_there: NDArray[np.bool_]
    is_suspect: NDArray[np.bool_]
    newest: NDArray[np.int64]
    granularity: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Features:
    """``inputs`` float64 ``[n_cells, 24]``, or 30 with seasons, finite where ``outcome`` is ``READY``.

    ``is_inferred``: some failures were not reported and stand as requests - successes.
    """

    inputs: Floats
    outcome: NDArray[np.int8]
    is_inferred: NDArray[np.bool_]

    @property
    def is_ready(self) -> NDArray[np.bool_]:
        """Which cells can be predicted."""
        return np.asarray(self.outcome == Outcome.READY)


def history(
    cell: ArrayLike,
    start: ArrayLike,
    granularity: ArrayLike,
    counters: ArrayLike,
    suspect: ArrayLike,
    n_cells: int,
    depth: int = DEPTH,
) -> History:
    """Put stored rows, in any order, into their place: ``cell[i]``, ``start[i]``, ``counters[i, :3]``.

    Rows of another granularity than the cell's newest are left out: a window never mixes two. Of two rows of
    one period, the later start counts, and one that is not suspect before one that is.
    """
    of, at = np.asarray(cell, np.int64), np.asarray(start, np.int64)
    length, bad = np.asarray(granularity, np.int64), np.asarray(suspect, np.bool_)
    values = np.asarray(counters, np.float64).reshape(-1, 3)
    newest, pace = np.zeros(n_cells, np.int64), np.zeros(n_cells, np.int64)
    order = np.lexsort((length, at))
    newest[of[order]], pace[of[order]] = at[order], length[order]
    lag = np.rint((newest[of] - at) / np.maximum(pace[of], 1)).astype(np.int64)
    order = np.lexsort((at, ~bad))
    order = order[((length == pace[of]) & (lag < depth))[order]]
    index = of[order], depth - 1 - lag[order]
    placed = np.full((n_cells, depth, 3), np.nan)
    there, dubious = np.zeros((n_cells, depth), np.bool_), np.zeros((n_cells, depth), np.bool_)
    placed[index], there[index], dubious[index] = values[order], True, bad[order]
    return History(placed, there, dubious, newest, pace)


def features(
    past: History,
    configured: ArrayLike,
    kind: Target = Target.REFERENCE,
    *,
    as_of: int | None = None,
    late_periods: float = 1.0,
    failure_bound: float = FAILURE_BOUND,
    seasonal: Floats | None = None,
) -> Features:
    """The inputs of each cell now; ``configured`` ``[n_cells]`` or ``[n_cells, depth]``, NaN where unknown.

    ``seasonal`` ``[n_cells, 6]``: the inputs of ``SEASONAL``, for a model that knows them. With ``as_of``
    (epoch seconds), a cell whose newest period ended over ``late_periods`` before is late.
    """
    given = np.asarray(configured, np.float64)
    known = np.broadcast_to(given[:, None] if given.ndim == 1 else given, past.is_there.shape)
    counters, inferred = infer_failures(past.counters)
    column = as_column(target(kind, counters, known, failure_bound), known)
    rows = np.concatenate([counters, known[..., None], column[..., None]], axis=-1)[:, -PERIODS:]
    inputs = rows.reshape(len(rows), -1)[:, : len(INPUTS)]
    if seasonal is not None:
        inputs = np.concatenate([inputs, seasonal], axis=1)
    window = slice(-PERIODS, None)
    there, requests = past.is_there[:, window], counters[:, window, REQUESTS]
    first = past.is_there.shape[1] - np.argmax(past.is_there, axis=1)
    late = np.zeros(len(rows), np.bool_)
    if as_of is not None:
        late = as_of - past.newest > (1.0 + late_periods) * past.granularity
    ladder = (
        (late & past.is_there[:, -1], Outcome.LATE),
        (~(known[:, window] > 0).all(axis=1), Outcome.NO_CONFIGURATION),
        ((first < PERIODS) | ~past.is_there.any(axis=1), Outcome.WARMING_UP),
        (~there.all(axis=1), Outcome.GAP),
        (past.is_suspect[:, window].any(axis=1), Outcome.SUSPECT),
        (~np.isfinite(inputs).all(axis=1), Outcome.MISSING_COUNTER),
        (~(requests[:, -2:] > 0).all(axis=1), Outcome.NO_REQUESTS),
    )
    outcome = np.select([test for test, _ in ladder], [name for _, name in ladder], Outcome.READY)
    return Features(inputs, outcome.astype(np.int8), np.asarray(inferred[:, window].any(axis=1)))


def windows(
    counters: Floats,
    configured: Floats,
    kind: Target,
    failure_bound: float = FAILURE_BOUND,
    seasons: tuple[int, int] | None = None,
) -> tuple[Floats, Floats]:
    """All windows of whole histories: inputs ``[n_cells, n_periods - 4, 24]`` and answers, one for each.

    ``counters`` ``[n_cells, n_periods, 3]``, ``configured`` ``[n_cells, n_periods]``. Where anything is
    missing the answer is NaN; a history shorter than a window has none. With ``seasons``, the start of the
    first period and the granularity (seconds), there are 30 inputs; those of the first week are not whole,
    which concerns the answers of models with these inputs only.
    """
    counters, _ = infer_failures(counters)
    answers = target(kind, counters, configured, failure_bound)
    rows = np.concatenate(
        [counters, configured[..., None], as_column(answers, configured)[..., None]], axis=-1
    )
    n_cells, n_periods, n_columns = rows.shape
    if n_periods < PERIODS:
        names = INPUTS if seasons is None else LONG_INPUTS
        return np.empty((n_cells, 0, len(names))), np.empty((n_cells, 0))
    view = np.lib.stride_tricks.sliding_window_view(rows.reshape(n_cells, -1), PERIODS * n_columns, axis=1)
    inputs = view[:, ::n_columns, : len(INPUTS)]
    whole = np.isfinite(inputs).all(axis=-1)
    if seasons is not None:
        start, seconds = seasons
        past = lagged(as_column(answers, configured), seconds)[:, PAST:]
        times = calendar(start + seconds * np.arange(PAST, n_periods))
        inputs = np.concatenate([inputs, past, np.broadcast_to(times, (n_cells, *times.shape))], axis=-1)
    return inputs, np.where(whole, answers[:, PAST:], np.nan)


def infer_failures(counters: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Failures that were not reported as requests - successes, at least 0; and where that was done."""
    requests, successes = counters[..., REQUESTS], counters[..., SUCCESSES]
    absent = np.asarray(np.isnan(counters[..., FAILURES]) & ~np.isnan(requests) & ~np.isnan(successes))
    filled = counters.copy()
    filled[..., FAILURES] = np.where(absent, np.maximum(requests - successes, 0.0), counters[..., FAILURES])
    return filled, absent
