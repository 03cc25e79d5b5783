"""Whole histories out of the store: to train on, and to decide on every period of a replay."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.errors import FinalError, NotFound
from foresight.services.slices.configuration import configured_of
from foresight.services.slices.decisions import curable, decision_columns, undecided
from foresight.services.slices.guarding import guard_cells
from foresight.services.slices.knowledge import load_knowledge
from foresight.services.slices.options import DecisionOptions, load_champion
from foresight.slices.features import COLUMNS, DEPTH, INPUTS, PAST, Outcome, infer_failures, windows
from foresight.slices.network import Model
from foresight.slices.recording import GRANULARITY_SECONDS, CellKey, Recording
from foresight.slices.seasons import WEEK_SECONDS
from foresight.slices.targets import REQUESTS, Floats
from foresight.store import Store, upsert
from foresight.store import tables as stored
from foresight.store.slices import (
    PREDICTION_LOCK,
    Cell,
    decided_periods,
    first_start,
    measurements_since,
    next_part,
)

ROWS_AT_ONCE: Final = 50_000
"""Measurements that are decided on in one transaction."""
PERIODS_AT_ONCE: Final = 500
"""Periods that are decided on in one transaction: years may lie between two measurements."""
MAX_VALUES: Final = 50_000_000
"""Largest history that is held in memory, in values."""
_CONFIGURED: Final = [i for i, name in enumerate(INPUTS) if name.startswith("configured")]


@dataclass(frozen=True, slots=True)
class StoredHistory:
    """Measurements of one granularity as a recording, and when each period really began (0: not there)."""

    recording: Recording
    starts: NDArray[np.int64]


def stored_history(
    connection: Connection, start: int, end: int | None = None, seconds: int = GRANULARITY_SECONDS
) -> StoredHistory:
    """What is stored of the periods of ``seconds`` that start in ``[start, end)``.

    Suspect records count as missing. Raises ``NotFound`` where there is nothing.
    """
    kept = measurements_since(connection, seconds, start, end)
    if not kept:
        raise NotFound("nothing is measured in that time: send events, or replay a file with --publish")
    at = np.array([int(row.period_start.timestamp()) for row in kept])
    cells = sorted({(row.snssai, row.cu, row.cell) for row in kept})
    number = {cell: i for i, cell in enumerate(cells)}
    row_of = np.array([number[row.snssai, row.cu, row.cell] for row in kept])
    first = int(at.min())
    period = np.rint((at - first) / seconds).astype(np.int64)
    check_size(len(cells), int(period.max()) + 1)
    counters = np.full((len(cells), int(period.max()) + 1, 3), np.nan)
    starts = np.zeros(counters.shape[:2], np.int64)
    values = np.array([(row.requests, row.successes, curable(row)) for row in kept], np.float64)
    values[[row.is_suspect for row in kept]] = np.nan
    counters[row_of, period], starts[row_of, period] = values, at
    ends = np.broadcast_to(first + seconds * np.arange(1, counters.shape[1] + 1), starts.shape)
    limits = configured_of(connection, cells, ends, load_knowledge(connection).local_ids(cells))
    keys = tuple(CellKey(*cell) for cell in cells)
    return StoredHistory(Recording(keys, first, counters, limits.connections, seconds), starts)


def windows_for(model: Model, recording: Recording) -> tuple[Floats, Floats]:
    """All windows of a recording with the inputs that a model takes, and their answers."""
    return windows(
        recording.counters, recording.configured, model.card.target, model.card.failure_bound,
        (recording.start, recording.granularity_seconds) if model.is_seasonal else None,
    )  # fmt: skip


def check_size(n_cells: int, n_periods: int) -> None:
    """Refuses a history that would not fit into memory, with a ``FinalError``."""
    if n_cells * n_periods * len(COLUMNS) > MAX_VALUES:
        raise FinalError(
            f"{n_cells} cells over {n_periods} periods are more than the {MAX_VALUES:,} values that fit into "
            "memory: ask for a shorter time"
        )


def decide_all(store: Store, at: int, options: DecisionOptions) -> dict[str, int]:
    """Decides on every stored period that no model has decided on, however old; nothing of it is sent.

    What waits for the live decision is left to it. Raises ``NotFound`` where no model is in use.
    """
    n_rows = 0
    start = store.read(lambda connection: first_start(connection, options.granularity_seconds, 0))
    while start is not None:
        count, start = store.transact(
            lambda connection, start=start: _decide_part(connection, start, at, options),  # type: ignore[misc]
            lock=PREDICTION_LOCK,
        )
        n_rows += count
    return {"replayed": n_rows}


def _decide_part(
    connection: Connection, start: int, at: int, options: DecisionOptions
) -> tuple[int, int | None]:
    """Decides on some periods from ``start`` on; answers how many rows those are, and where to go on."""
    champion = load_champion(connection, options.target)
    if champion is None:
        raise NotFound(f"no {options.target} model is in use: train one, or import and promote one")
    seconds = options.granularity_seconds
    end = next_part(connection, seconds, start, ROWS_AT_ONCE)
    end = min(end or sys.maxsize, start + PERIODS_AT_ONCE * seconds)
    depth = DEPTH * seconds + (WEEK_SECONDS if champion.model.is_seasonal else 0)
    found = stored_history(connection, start - depth, end, seconds)
    recording = found.recording
    inputs, answers = windows_for(champion.model, recording)
    cells = [(key.snssai, key.cu, key.cell) for key in recording.keys]
    row, column = np.nonzero(_ready(found, inputs, start))
    starts = found.starts[row, column + PAST]
    chosen = _chosen(connection, [(cells[i], int(s)) for i, s in zip(row, starts, strict=True)], at, seconds)
    row, column, starts = row[chosen], column[chosen], starts[chosen]
    if len(row):
        of = [cells[i] for i in row]
        limits = recording.configured[row, column + PAST]
        predicted = champion.model.predict(inputs[row, column])
        _, groups = np.unique(
            [f"{cell[0]} {start}" for cell, start in zip(of, starts, strict=True)], return_inverse=True
        )
        predicted = np.where(champion.model.is_outside(inputs[row, column]), np.nan, predicted)
        known = load_knowledge(connection)
        guarded = guard_cells(of, limits, predicted, options, groups)
        columns = decision_columns(of, starts, *guarded, known, {}) | {
            "granularity_seconds": seconds,
            "is_sent": False,
            "as_of": at,
            "outcome": [
                (Outcome.OUT_OF_RANGE if is_outside else Outcome.READY).label
                for is_outside in np.isnan(predicted).tolist()
            ],
            "is_inferred": infer_failures(recording.counters)[1][row, column + PAST],
            "model_version": champion.version,
            "configured": limits,
            "answer": answers[row, column],
        }
        upsert(connection, stored.slice_prediction, columns)
    return len(row), first_start(connection, seconds, end)


def _ready(found: StoredHistory, inputs: Floats, start: int) -> NDArray[np.bool_]:
    """Which windows can be predicted and end in a period from ``start`` on, ``[n_cells, n_windows]``."""
    requests = found.recording.counters[..., REQUESTS]
    asked = (requests[:, PAST:] > 0) & (requests[:, PAST - 1 : -1] > 0)
    whole = np.isfinite(inputs).all(axis=-1) & (inputs[..., _CONFIGURED] > 0).all(axis=-1)
    return np.asarray(asked & whole & (found.starts[:, PAST:] >= start))


def _chosen(
    connection: Connection, periods: Sequence[tuple[Cell, int]], at: int, seconds: int
) -> NDArray[np.intp]:
    """Those periods that no model has decided on and that do not wait for the live decision."""
    if not periods:
        return np.zeros(0, np.intp)
    starts = [start for _, start in periods]
    known = decided_periods(connection, seconds, min(starts), max(starts))
    waiting = undecided(connection, at, seconds)
    return np.array([
        i
        for i, (cell, start) in enumerate(periods)
        if known.get((*cell, start)) is None and waiting.get(cell) != start
    ], np.intp)  # fmt: skip
