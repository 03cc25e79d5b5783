"""What a telemetry run counts of SLIs while it holds the samples: counts, whole hours, computed risks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from sqlalchemy import Connection

from foresight.grid import Grid
from foresight.series import SeriesMatrix
from foresight.services.calibrators import InUse
from foresight.services.history import tracks_within
from foresight.services.indicator_risks import SHIPPED, Tables, risks_of_tracks
from foresight.services.maintenance import read_downtime
from foresight.services.stored_series import StoredKeys
from foresight.sla.counted import count_columns, counted_held
from foresight.sla.definitions import Sla
from foresight.sla.downtime import Maintenance
from foresight.sla.hours import hour_columns
from foresight.sla.matching import chosen
from foresight.sla.windows import HOUR, is_one_by_one, long_minutes
from foresight.store import Store, load_matrix, upsert
from foresight.store.rollups import counted_hours, forget_counts, save_counts, save_hours
from foresight.store.samples import as_stored
from foresight.store.tables import metadata

SLIS_AT_ONCE: Final = 2000
"""SLIs in one transaction."""


@dataclass(frozen=True, slots=True)
class Noted:
    """What was stored: SLIs counted, hours and risks."""

    n_slis: int
    n_hours: int
    n_risks: int


def note_indicators(
    store: Store,
    slas: Sequence[Sla],
    matrix: SeriesMatrix,
    fit: SeriesMatrix,
    at: int,
    used: InUse = SHIPPED,
) -> Noted:
    """Counts the SLIs over the twelve hours of a run whose samples were just stored, and stores that.

    Nothing that an evaluation reads needs samples then. An SLI that changed since is not active any more:
    what is noted of it means nothing.

    Args:
        store: the results database.
        slas: the definitions that were active when the run started.
        matrix: what the run read, of whole UTC minutes.
        fit: the same without what was set aside: what risks are forecast from.
        at: when this is computed, epoch seconds.
        used: what the run forecasts with.
    """
    matrix = _as_stored(store, slas, matrix)
    downtime = store.read(read_downtime)
    found = [_note(store, part, matrix, fit, downtime, at, used) for part in _parts(slas)]
    return Noted(*(sum(getattr(each, name) for each in found) for name in ("n_slis", "n_hours", "n_risks")))


def _as_stored(store: Store, slas: Sequence[Sla], matrix: SeriesMatrix) -> SeriesMatrix:
    """What is stored of the grid: also what the run did not find any more, or could not read."""
    known = set(matrix.keys)
    others = [key for key in StoredKeys(store, slas)(matrix.grid) if key not in known]

    def work(connection: Connection) -> SeriesMatrix:
        whole = as_stored(connection, matrix)
        if not others:
            return whole
        more = load_matrix(connection, others, matrix.grid)
        return SeriesMatrix((*whole.keys, *more.keys), matrix.grid, np.vstack([whole.values, more.values]))

    return store.read(work)


def _parts(slas: Sequence[Sla]) -> list[list[Sla]]:
    """The SLAs, so many at a time as have about ``SLIS_AT_ONCE`` SLIs together."""
    parts: list[list[Sla]] = []
    room = 0
    for sla in slas:
        if room <= 0:
            parts.append([])
            room = SLIS_AT_ONCE
        parts[-1].append(sla)
        room -= len(sla.slis)
    return parts


def _note(
    store: Store,
    slas: Sequence[Sla],
    matrix: SeriesMatrix,
    fit: SeriesMatrix,
    downtime: Sequence[Maintenance],
    at: int,
    used: InUse,
) -> Noted:
    as_of = matrix.grid.as_of
    tracks = tracks_within(slas, matrix, downtime, has_lead=False)
    counts = count_columns(slas, counted_held(slas, tracks))
    together = chosen(slas, lambda _, sli: not is_one_by_one(sli))
    risks: Tables = {}
    if together:
        tracked = tracks_within(together, fit, downtime, has_lead=False)
        risks = risks_of_tracks(tracked, together, at, {}, used)
    long = chosen(slas, lambda _, sli: bool(long_minutes(sli, as_of)))
    hours = _absent_hours(store, long, matrix.grid)
    rolled = None
    if hours:
        rolled = hour_columns(long, tracks_within(long, matrix, downtime, has_lead=False), hours)
    names = [sla.name for sla in slas]

    def work(connection: Connection) -> int:
        forget_counts(connection, as_of - 1, as_of + 1, names)
        save_counts(connection, counts)
        for name, columns in risks.items():
            upsert(connection, metadata.tables[name], columns)
        return 0 if rolled is None else save_hours(connection, *rolled)

    n_hours = store.transact(work)
    n_slis = sum(len(sla.slis) for sla in slas)
    return Noted(n_slis, n_hours, len(risks.get("sli_risk", {}).get("as_of", ())))


def _absent_hours(store: Store, slas: Sequence[Sla], grid: Grid) -> list[int]:
    """The hours within the grid, whose first slot has a beginning, that are stored of no or not all SLIs."""
    first = -(-(grid.start + 60) // HOUR) * HOUR
    ends = range(first + HOUR, grid.as_of + 1, HOUR)
    if not slas or not ends:
        return []
    names = [sla.name for sla in slas]
    there = store.read(lambda connection: counted_hours(connection, names, ends))
    slis = [(sla.name, sli.name, sli.counting) for sla in slas for sli in sla.slis]
    return [end for end in ends if any(end not in there.get(sli, ()) for sli in slis)]
