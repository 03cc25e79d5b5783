"""The samples that SLIs are judged on over a stretch of time: from the store, or anew from the source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from foresight.analysis.arrays import Flags, Matrix
from foresight.errors import FinalError, NotFound
from foresight.forecasting.risk import Bounds
from foresight.grid import STEP_SECONDS, Grid
from foresight.instants import read_instant
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.slas import with_expressions
from foresight.services.stored_series import StoredKeys, matched
from foresight.sla.definitions import Sla
from foresight.sla.downtime import Maintenance, excluded_slots
from foresight.sla.matching import slis_of
from foresight.sla.tracks import Tracks, grid_with_lead, tracks_of
from foresight.sla.watching import watched_expressions
from foresight.store import Store, latest_as_of, load_matrix
from foresight.store.tables import analysed_interval

if TYPE_CHECKING:
    from foresight.telemetry.catalogue import Catalogue, WatchedMetric
    from foresight.telemetry.source import TelemetrySource

MOST_CELLS = 60_000_000
"""Samples that are held at a time: half a gigabyte."""

"""How much history a risk is forecast from."""

ReadHistory = Callable[[Sequence[Sla], Grid], SeriesMatrix]
"""Reads the series of some SLAs over a grid, NaN where a sample is missing."""


@dataclass(frozen=True, slots=True, eq=False)
class SliHistory:
    """The series of one SLA over a grid, as its SLIs are judged on them."""

    tracks: Tracks
    samples: Matrix
    """``[n_rows, n_slots]``; slots with too few events are missing."""
    bounds: Bounds
    """One pair a track."""
    excluded: Flags
    """Slots of planned downtime, ``[n_slots]``."""

    def of_sli(self, number: int) -> tuple[Matrix, Bounds, Flags]:
        """Samples, bounds and excluded slots of one SLI's tracks, a row a track."""
        mine = np.flatnonzero(self.tracks.pairs.sli == number)
        rows = self.bounds.rows[mine]
        bounds = Bounds(np.arange(len(mine)), self.bounds.lower[mine], self.bounds.upper[mine])
        excluded = np.broadcast_to(self.excluded, (len(mine), len(self.excluded)))
        return self.samples[rows], bounds, excluded


def history_of_sla(
    read: ReadHistory, sla: Sla, grid: Grid, downtime: Sequence[Maintenance] = ()
) -> SliHistory:
    """What an SLA is judged on over a grid. Raises ``NotFound`` where no series of it is there."""
    matrix = read([sla], grid_with_lead(grid))
    tracks = tracks_of([sla], matrix, has_lead=True)
    if not len(tracks):
        names = ", ".join(sorted({sli.selector for sli in sla.slis}))
        raise NotFound(f"there is no sample of the series of SLA {sla.name!r} in that time: {names}")
    mine = [window for window in downtime if window.covers(sla)]
    excluded = excluded_slots(mine, grid) if mine else np.zeros(grid.n_slots, dtype=np.bool_)
    pairs = tracks.pairs
    bounds = Bounds(pairs.row, pairs.lower, pairs.upper)
    return SliHistory(tracks, tracks.at_risk().values, bounds, excluded)


def stored_history(store: Store) -> ReadHistory:
    """Reads what telemetry_analysis has stored."""

    def read(slas: Sequence[Sla], grid: Grid) -> SeriesMatrix:
        keys = StoredKeys(store, slas)(grid)
        _refuse_large(len(keys), grid)
        return store.read(lambda connection: load_matrix(connection, keys, grid))

    return read


def source_history(source: TelemetrySource, catalogue: Catalogue) -> ReadHistory:
    """Reads the telemetry itself: the entries of the catalogue, and expressions of the SLAs."""
    from foresight.telemetry.source import Selection, Shard

    def read(slas: Sequence[Sla], grid: Grid) -> SeriesMatrix:
        entries = entries_of(catalogue, slas)
        found: list[SeriesKey] = []
        parts = []
        for entry in entries:
            keys = tuple(matched(slas, list(source.discover(entry, grid))[: entry.max_series]))
            _refuse_large(len(found) + len(keys), grid)
            if keys:
                whole = source.extract(Shard(0, grid, (Selection(entry, keys),)))
                if whole.refused:
                    raise FinalError("; ".join(f"{name}: {why}" for name, why in whole.refused.items()))
                found.extend(keys)
                parts.append(whole.matrix.values)
        values = np.concatenate(parts) if parts else np.empty((0, grid.n_slots))
        return SeriesMatrix(tuple(found), grid, values)

    return read


def entries_of(catalogue: Catalogue, slas: Sequence[Sla]) -> list[WatchedMetric]:
    """The entries of the catalogue, and the expressions, that SLAs are judged on.

    Raises ``NotFound`` for a metric that the catalogue does not watch.
    """
    entries = {entry.series_metric: entry for entry in with_expressions(catalogue, slas).metrics}
    wanted = {sli.series_metric for sli in slis_of(slas) if sli.ratio is None}
    wanted |= {each.name for each in watched_expressions(slas)}
    unknown = sorted(wanted - set(entries))
    if unknown:
        raise NotFound(f"the catalogue watches no metric {', '.join(map(repr, unknown))}")
    return [entries[name] for name in sorted(wanted)]


def _refuse_large(n_series: int, grid: Grid) -> None:
    if n_series * grid.n_slots > MOST_CELLS:
        raise FinalError(
            f"{n_series} series over {grid.n_slots} minutes are more than {MOST_CELLS:,} samples; "
            "take less time, or one SLI with fewer series"
        )


def as_of_or_newest(store: Store, text: str, *, is_stored: bool, now: int) -> int:
    """The instant that a person wrote, epoch seconds, a whole minute; the newest one where it is empty.

    The newest is the last analysed interval of what is stored, and the last whole minute of the telemetry.
    Raises ``FinalError`` for what is no instant and ``NotFound`` where nothing is stored.
    """
    if text:
        try:
            seconds = read_instant(text)
        except ValueError as error:
            raise FinalError(str(error)) from error
        return seconds - seconds % STEP_SECONDS
    if not is_stored:
        return now - now % 60
    newest = store.read(lambda connection: latest_as_of(connection, analysed_interval))
    if newest is None:
        raise NotFound("nothing is stored yet: telemetry_analysis stores samples")
    return newest
