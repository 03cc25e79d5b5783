"""What is judged: each SLI on each of its series, or on the one row that is computed from them. Pure.

A row of events holds the good share of each slot, so that a slot below the slice's target lies outside its
bounds as any other sample does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.definitions import Sla, Sli
from foresight.sla.events import Events, events_of, sum_of
from foresight.sla.matching import Pairs, resolve, slis_of
from foresight.sla.ratios import Expression

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

COMPUTED = "foresight:sli"
"""The metric of computed rows; their labels name the SLA and the SLI."""
FILLS = {"ignore": 0, "good": 1, "bad": 2}


@dataclass(frozen=True, slots=True, eq=False)
class Tracks:
    """The tracks of SLIs, in their order; ``pairs.row`` counts rows of ``matrix``.

    ``slice_minutes``, ``slice_target`` and ``fill`` (0 ignore, 1 good, 2 bad) are ``[n_tracks]``. ``event``
    is the row in ``good`` and ``total``, ``[n_events, n_slots]``, or -1. ``mask`` is the row in ``masks``,
    the slots of planned downtime, or -1. ``impossible`` counts contradicting slots. ``least`` is the number
    of events from which a slot is at risk, ``[n_events]``.
    """

    matrix: SeriesMatrix
    pairs: Pairs
    slice_minutes: Ints
    slice_target: Floats
    fill: Ints
    event: Ints
    good: Floats
    total: Floats
    mask: Ints
    masks: Bools
    impossible: Ints
    least: Floats

    def __len__(self) -> int:
        return len(self.pairs)

    def at_risk(self) -> SeriesMatrix:
        """What the risk is forecast from: the matrix without the slots that had too few events to count."""
        few = self.total < self.least[:, None]
        if not few.any():
            return self.matrix
        values = self.matrix.values.copy()
        with_events = np.flatnonzero(self.event >= 0)
        rows = self.pairs.row[with_events]
        values[rows] = np.where(few[self.event[with_events]], np.nan, values[rows])
        return SeriesMatrix(self.matrix.keys, self.matrix.grid, values)

    def key(self, track: int) -> SeriesKey | None:
        """The series of a track; None where its row is computed."""
        key = self.matrix.keys[self.pairs.row[track]]
        return None if key.metric == COMPUTED else key


def tracks_of(
    slas: Sequence[Sla],
    matrix: SeriesMatrix,
    pairs: Pairs | None = None,
    downtime: Mapping[str, Bools] | None = None,
    *,
    has_lead: bool = False,
) -> Tracks:
    """The tracks of all SLIs over a matrix.

    Args:
        slas: the definitions.
        matrix: the stored series; with ``has_lead`` it begins with one slot more, for counters.
        pairs: ``pair_up(slas, matrix.keys)`` where every SLI is judged on its series one by one.
        downtime: by SLA, which slots lie in planned downtime, ``[n_slots]``.
        has_lead: whether the first slot only begins the differences of counters.
    """
    builder = _Builder(matrix, has_lead=has_lead)
    names = [sla.name for sla in slas for _ in sla.slis]
    slis = slis_of(slas)
    rows = resolve(slis, matrix.keys) if pairs is None else _rows(pairs, len(slis))
    for number, (name, sli) in enumerate(zip(names, slis, strict=True)):
        builder.add(number, name, sli, rows[number])
    masks = {name: at for at, name in enumerate(downtime or {})}
    mask_of = [masks.get(name, -1) for name in names]
    return builder.tracks(mask_of, list((downtime or {}).values()))


def _rows(pairs: Pairs, n_slis: int) -> list[NDArray[np.intp]]:
    edges = np.searchsorted(pairs.sli, np.arange(n_slis + 1))
    return [pairs.row[edges[at] : edges[at + 1]] for at in range(n_slis)]


class _Builder:
    """Collects tracks SLI by SLI."""

    def __init__(self, matrix: SeriesMatrix, *, has_lead: bool) -> None:
        grid = matrix.grid
        # Without a slot more, the first one has no beginning.
        self.values = (
            matrix.values if has_lead else np.pad(matrix.values, ((0, 0), (1, 0)), constant_values=np.nan)
        )
        self.grid = grid.tail(grid.n_slots - 1) if has_lead else grid
        self.keys = list(matrix.keys)
        self.members: dict[str, list[int]] = {}
        for row, key in enumerate(matrix.keys):
            self.members.setdefault(key.metric, []).append(row)
        self.computed: list[Floats] = []
        self.events: list[Events] = []
        self.parts: list[tuple[int, NDArray[np.intp], Sli, int]] = []

    def add(self, number: int, name: str, sli: Sli, rows: NDArray[np.intp]) -> None:
        """The tracks of one SLI; none where nothing is stored of it."""
        if sli.ratio is not None:
            ratio = sli.ratio
            found = [
                row for part in ratio.parts.values() for row in self._rows_of(part, ratio.rate_window_seconds)
            ]
            if found:
                self._add_events(number, name, sli, self._ratio_events(sli))
        elif sli.choices.across == "worst":
            self.parts.append((number, rows, sli, -1))
        elif len(rows):
            values = self.values[rows, 1:]
            if sli.choices.across == "share":
                self._add_events(number, name, sli, _share(values, sli))
            else:
                total = sum_of(values)
                n_present = np.isfinite(values).sum(axis=0)
                row = total if sli.choices.across == "sum" else total / np.maximum(n_present, 1)
                self._add_row(number, name, sli, row, -1)

    def tracks(self, mask_of: Sequence[int], masks: Sequence[Bools]) -> Tracks:
        """Everything that was added, as arrays."""
        counts = [len(rows) for _, rows, _, _ in self.parts]

        def spread(values: Sequence[float], dtype: type) -> NDArray[np.generic]:
            return np.repeat(np.array(values, dtype), counts)

        slis = [sli for _, _, sli, _ in self.parts]
        numbers = [number for number, _, _, _ in self.parts]
        events = [at for _, _, _, at in self.parts]
        lower, upper = ([bounds_of(sli)[at] for sli in slis] for at in range(2))
        pairs = Pairs(
            spread(numbers, np.intp),  # type: ignore[arg-type]
            np.concatenate([np.empty(0, np.intp), *(rows for _, rows, _, _ in self.parts)]),
            spread(lower, np.float64),  # type: ignore[arg-type]
            spread(upper, np.float64),  # type: ignore[arg-type]
        )
        n_slots = self.grid.n_slots
        values = np.vstack([self.values[:, 1:], *(row[None] for row in self.computed)])
        return Tracks(
            SeriesMatrix(tuple(self.keys), self.grid, np.ascontiguousarray(values)),
            pairs,
            spread([sli.budget.slice_minutes for sli in slis], np.int64),  # type: ignore[arg-type]
            spread([sli.slice_target for sli in slis], np.float64),  # type: ignore[arg-type]
            spread([FILLS[sli.choices.no_data] for sli in slis], np.int64),  # type: ignore[arg-type]
            spread(events, np.int64),  # type: ignore[arg-type]
            np.array([each.good for each in self.events]).reshape(-1, n_slots),
            np.array([each.total for each in self.events]).reshape(-1, n_slots),
            spread([mask_of[number] for number in numbers], np.int64),  # type: ignore[arg-type]
            np.array(masks, np.bool_).reshape(-1, n_slots),
            spread([0 if at < 0 else self.events[at].impossible for at in events], np.int64),  # type: ignore[arg-type]
            np.array([sli.ratio.min_events if sli.ratio else 0.0 for sli in slis if sli.counts_events]),
        )

    def _rows_of(self, part: Expression, rate_window_seconds: int) -> list[int]:
        return self.members.get(part.series_metric(rate_window_seconds), [])

    def _ratio_events(self, sli: Sli) -> Events:
        ratio = sli.ratio
        assert ratio is not None  # noqa: S101 - the caller has looked
        return events_of(
            ratio,
            lambda part: self.values[self._rows_of(part, ratio.rate_window_seconds)],
            self.grid.step_seconds,
        )

    def _add_events(self, number: int, name: str, sli: Sli, events: Events) -> None:
        has_traffic = events.total > 0
        share = np.where(has_traffic, events.good / np.where(has_traffic, events.total, 1.0), np.nan)
        if sli.ratio is not None and sli.ratio.no_traffic != "ignore":
            share[events.total == 0] = 1.0 if sli.ratio.no_traffic == "good" else 0.0
        self._add_row(number, name, sli, share, len(self.events))
        self.events.append(events)

    def _add_row(self, number: int, name: str, sli: Sli, row: Floats, event: int) -> None:
        self.parts.append((number, np.array([len(self.keys)], np.intp), sli, event))
        self.keys.append(SeriesKey.of(COMPUTED, {"sla": name, "sli": sli.name}))
        self.computed.append(row)


def bounds_of(sli: Sli) -> tuple[float, float]:
    """The bounds that the row of an SLI is held against, infinite where open."""
    if sli.counts_events:
        return sli.slice_target, np.inf
    return -np.inf if sli.lower is None else sli.lower, np.inf if sli.upper is None else sli.upper


def _share(values: Floats, sli: Sli) -> Events:
    """Series inside the bounds, of those that report."""
    present = np.isfinite(values)
    lower = -np.inf if sli.lower is None else sli.lower
    upper = np.inf if sli.upper is None else sli.upper
    inside = present & (values >= lower) & (values <= upper)
    n_present = present.sum(axis=0).astype(np.float64)
    is_known = n_present > 0
    return Events(np.where(is_known, inside.sum(axis=0), np.nan), np.where(is_known, n_present, np.nan))


def grid_with_lead(grid: Grid) -> Grid:
    """The grid with one slot more before it."""
    return Grid(grid.as_of, grid.n_slots + 1, grid.step_seconds)
