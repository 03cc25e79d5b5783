"""Puts the replies for one selection together: points into slots, counts of what does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.telemetry.reply import RangeReply
from foresight.telemetry.source import EntryUnavailable, Extraction, Selection, Shard

_NO_ROWS = np.empty(0, dtype=np.int64)
_SHOWN_SERIES = 3
_MISFITS = {
    "off_grid": "lie off the grid: the step is not the one that was asked for",
    "future": "lie after the as-of instant",
    "duplicate": "came twice for one series and slot",
}


@dataclass(frozen=True)
class Answer:
    """What came for one selection: ``values`` is ``[n_series, n_slots]``, each count ``[n_series]``."""

    values: NDArray[np.float64] = field(repr=False)
    counts: dict[str, NDArray[np.int64]] = field(repr=False)
    missing: tuple[SeriesKey, ...] = ()
    unexpected: tuple[SeriesKey, ...] = ()
    partial: tuple[str, ...] = ()
    """Why it is not what was planned; empty where it is."""
    remarks: tuple[str, ...] = ()
    n_bytes: int = 0


Failure = BadAnswer | EntryUnavailable
Outcome = Answer | Failure
"""What became of one selection: an answer, or why there is none."""


class Assembly:
    """The answer for one selection while its replies come in, in any order."""

    def __init__(self, selection: Selection, grid: Grid) -> None:
        self._selection, self._grid = selection, grid
        n_series = len(selection.keys)
        self._values = np.full((n_series, grid.n_slots), np.nan)
        self._counts = {name: np.zeros(n_series, np.int64) for name in Extraction.COUNTS}
        self._rows = {key: row for row, key in enumerate(selection.keys)}
        self._known: tuple[tuple[dict[str, str], ...], NDArray[np.int64]] = ((), _NO_ROWS)
        self._unexpected: dict[SeriesKey, None] = {}
        self._warnings: dict[str, None] = {}
        self._remarks: dict[str, None] = {}
        self._n_bytes = 0

    def add(self, part: Grid, reply: RangeReply, n_bytes: int) -> None:
        """Adds the reply for one part of the grid.

        Raises:
            BadAnswer: it names a series twice.
        """
        self._n_bytes += n_bytes
        self._warnings |= dict.fromkeys(reply.warnings)
        self._remarks |= dict.fromkeys(reply.remarks)
        rows_of_series = self._rows_of(reply)
        rows = np.repeat(rows_of_series, reply.counts)
        planned = rows >= 0
        rows, epochs, values = rows[planned], reply.epochs[planned], reply.values[planned]
        slots = (epochs - part.start) / part.step_seconds - 1
        is_future = epochs > self._grid.as_of
        fits = (slots == np.rint(slots)) & (slots >= 0) & (slots < part.n_slots)
        first = (part.start - self._grid.start) // part.step_seconds
        cells = rows[fits] * self._grid.n_slots + first + slots[fits].astype(np.int64)
        is_nan, is_infinite = np.isnan(values), np.isinf(values)
        self._values.reshape(-1)[cells] = np.where(is_infinite, np.nan, values)[fits]
        self._count("points", rows)
        self._count("nan", rows[is_nan])
        self._count("infinite", rows[is_infinite])
        self._count("future", rows[is_future])
        self._count("off_grid", rows[~fits & ~is_future])
        self._count("duplicate", _repeated(cells) // self._grid.n_slots)

    def finished(self) -> Answer:
        """The answer, once every reply is in."""
        keys = self._selection.keys
        answered = self._counts["points"] > 0
        missing = tuple(key for key, is_there in zip(keys, answered, strict=True) if not is_there)
        unexpected = tuple(sorted(self._unexpected))
        reasons = list(self._warnings)
        if missing:
            reasons.append(f"{len(missing)} of {len(keys)} planned series did not come: {first_of(missing)}")
        if unexpected:
            reasons.append(f"{len(unexpected)} series came that were not planned: {first_of(unexpected)}")
        return Answer(
            self._values,
            self._counts,
            missing,
            unexpected,
            tuple(reasons),
            tuple(self._remarks),
            self._n_bytes,
        )

    def misfit(self) -> str:
        """Why the points are not those that were asked for; empty where they are."""
        for name, words in _MISFITS.items():
            if n_points := int(self._counts[name].sum()):
                return f"{self._selection.entry.name}: {n_points} points {words}"
        return ""

    def _rows_of(self, reply: RangeReply) -> NDArray[np.int64]:
        """The row of each series of the reply, -1 where it is not planned."""
        labels, rows = self._known
        # The parts of a grid nearly always name the same series in the same order.
        if labels == reply.labels:
            return rows
        entry = self._selection.entry
        keys = [SeriesKey.of(entry.series_metric, labels) for labels in reply.labels]
        rows = np.array([self._rows.get(key, -1) for key in keys], dtype=np.int64)
        for key, row in zip(keys, rows, strict=True):
            if row < 0 and key.id not in self._selection.others:
                self._unexpected[key] = None
        planned = rows[rows >= 0]
        if len(np.unique(planned)) != len(planned):
            raise BadAnswer(f"{entry.name}: a series comes twice in one answer")
        self._known = reply.labels, rows
        return rows

    def _count(self, name: str, rows: NDArray[np.int64]) -> None:
        self._counts[name] += np.bincount(rows, minlength=len(self._selection.keys))


def nothing(selection: Selection, grid: Grid) -> Answer:
    """The answer for a selection that could not be read: every row NaN, every count 0."""
    answer = Assembly(selection, grid).finished()
    return Answer(answer.values, answer.counts, answer.missing)


def first_of(keys: tuple[SeriesKey, ...]) -> str:
    """The first of some series in words."""
    more = f" and {len(keys) - _SHOWN_SERIES} more" if len(keys) > _SHOWN_SERIES else ""
    return ", ".join(map(str, keys[:_SHOWN_SERIES])) + more


def better(first: Outcome, second: Outcome) -> Outcome:
    """The answer of two that tells more, the second where they are equal."""
    if not isinstance(first, Answer):
        return second
    if not isinstance(second, Answer) or (second.partial and _n_points(second) < _n_points(first)):
        return first
    return second


def _n_points(answer: Answer) -> int:
    return int(answer.counts["points"].sum())


def joined(shard: Shard, answers: Sequence[Outcome], seconds: float) -> Extraction:
    """The extraction of a shard from the answers for its selections."""
    refused: dict[str, str] = {}
    partial: dict[str, tuple[str, ...]] = {}
    remarks: dict[str, tuple[str, ...]] = {}
    read: list[Answer] = []
    for selection, answer in zip(shard.selections, answers, strict=True):
        name = selection.entry.name
        if not isinstance(answer, Answer):
            refused.setdefault(name, str(answer))
            read.append(nothing(selection, shard.grid))
            continue
        read.append(answer)
        for texts, new in ((partial, answer.partial), (remarks, answer.remarks)):
            if new:
                texts[name] = tuple(dict.fromkeys((*texts.get(name, ()), *new)))
    values = read[0].values if len(read) == 1 else np.concatenate([answer.values for answer in read])
    counts = {name: np.concatenate([answer.counts[name] for answer in read]) for name in Extraction.COUNTS}
    return Extraction(
        SeriesMatrix(shard.keys, shard.grid, values),
        counts,
        tuple(key for answer in read for key in answer.missing),
        tuple(sorted(key for answer in read for key in answer.unexpected)),
        refused,
        partial,
        remarks,
        sum(answer.n_bytes for answer in read),
        seconds,
    )


def _repeated(cells: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every cell beyond its first mention."""
    if len(cells) < 2 or bool((np.diff(cells) > 0).all()):
        return cells[:0]
    ordered = np.sort(cells)
    return np.asarray(ordered[1:][np.diff(ordered) == 0])
