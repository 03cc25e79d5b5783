"""Puts the replies for one shard together: points into slots, counts of what does not fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.telemetry.reply import RangeReply
from foresight.telemetry.source import Extraction, Selection, Shard

_NO_ROWS = np.empty(0, dtype=np.int64)


class Assembly:
    """The matrix of a shard while its replies come in, in any order."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._values = np.full((len(shard), shard.grid.n_slots), np.nan)
        self._counts = {name: np.zeros(len(shard), np.int64) for name in Extraction.COUNTS}
        self._rows = {key: row for row, key in enumerate(shard.keys)}
        self._known: dict[str, tuple[tuple[dict[str, str], ...], NDArray[np.int64]]] = {}
        self._unexpected: dict[SeriesKey, None] = {}
        self._warnings: dict[str, None] = {}
        self._n_bytes = 0

    def add(self, selection: Selection, part: Grid, reply: RangeReply, n_bytes: int) -> None:
        """Adds the reply for one selection and one part of the grid.

        Raises:
            BadAnswer: it names a series twice.
        """
        self._n_bytes += n_bytes
        self._warnings |= dict.fromkeys(reply.warnings)
        rows_of_series = self._rows_of(selection, reply)
        rows = np.repeat(rows_of_series, reply.counts)
        planned = rows >= 0
        rows, epochs, values = rows[planned], reply.epochs[planned], reply.values[planned]
        slots = (epochs - part.start) / part.step_seconds - 1
        is_future = epochs > self._shard.grid.as_of
        fits = (slots == np.rint(slots)) & (slots >= 0) & (slots < part.n_slots)
        first = (part.start - self._shard.grid.start) // part.step_seconds
        cells = rows[fits] * self._shard.grid.n_slots + first + slots[fits].astype(np.int64)
        is_nan, is_infinite = np.isnan(values), np.isinf(values)
        self._values.reshape(-1)[cells] = np.where(is_infinite, np.nan, values)[fits]
        self._count("points", rows)
        self._count("nan", rows[is_nan])
        self._count("infinite", rows[is_infinite])
        self._count("future", rows[is_future])
        self._count("off_grid", rows[~fits & ~is_future])
        self._count("duplicate", _repeated(cells) // self._shard.grid.n_slots)

    def finished(self, seconds: float) -> Extraction:
        """The extraction, once every reply is in."""
        answered = self._counts["points"] > 0
        missing = [key for key, is_there in zip(self._shard.keys, answered, strict=True) if not is_there]
        return Extraction(
            SeriesMatrix(self._shard.keys, self._shard.grid, self._values),
            self._counts,
            tuple(missing),
            tuple(sorted(self._unexpected)),
            tuple(self._warnings),
            self._n_bytes,
            seconds,
        )

    def _rows_of(self, selection: Selection, reply: RangeReply) -> NDArray[np.int64]:
        """The row of each series of the reply, -1 where it is not planned."""
        metric = selection.entry.series_metric
        labels, rows = self._known.get(metric, ((), _NO_ROWS))
        # The parts of a grid nearly always name the same series in the same order.
        if labels == reply.labels:
            return rows
        keys = [SeriesKey.of(metric, labels) for labels in reply.labels]
        rows = np.array([self._rows.get(key, -1) for key in keys], dtype=np.int64)
        self._unexpected |= {key: None for key, row in zip(keys, rows, strict=True) if row < 0}
        planned = rows[rows >= 0]
        if len(np.unique(planned)) != len(planned):
            raise BadAnswer(f"{selection.entry.name}: a series comes twice in one answer")
        self._known[metric] = reply.labels, rows
        return rows

    def _count(self, name: str, rows: NDArray[np.int64]) -> None:
        self._counts[name] += np.bincount(rows, minlength=len(self._shard))


def _repeated(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every cell beyond its first mention."""
    if len(cells) < 2 or bool((np.diff(cells) > 0).all()):
        return cells[:0]
    ordered = np.sort(cells)
    return np.asarray(ordered[1:][np.diff(ordered) == 0])
