"""Samples into the store, with all that was counted from others forgotten in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.slas import read_active
from foresight.sla.definitions import Sla
from foresight.sla.matching import resolve
from foresight.sla.watching import parts_of
from foresight.sla.windows import HELD_MINUTES, HOUR
from foresight.store.rollups import forget_counts, forget_hours
from foresight.store.samples import changes_of, plan_samples, save_series, write_samples
from foresight.store.verification import forget_verified

HELD_SECONDS: Final = HELD_MINUTES * 60


def store_samples(
    connection: Connection, matrix: SeriesMatrix, partitions: Sequence[str], settle_slots: int
) -> int:
    """Writes series and their samples, and says how many rows of ``sample`` that was.

    Hours of predictions that were judged on samples that are others now are judged again. What was counted of
    SLIs from such is forgotten: whole hours with a changed slot,
    and counts at an as-of whose twelve hours have one. The next evaluation counts it anew.

    Args:
        connection: inside a transaction of ``Store.transact``.
        matrix: the samples, NaN where missing.
        partitions: partition name of each series.
        settle_slots: see ``foresight.store.samples.save_samples``.
    """
    save_series(connection, matrix, partitions)
    plan = plan_samples(connection, matrix, settle_slots)
    changed = changes_of(connection, plan)
    written = write_samples(connection, plan)
    rows, slots = changed.any(axis=1), np.flatnonzero(changed.any(axis=0))
    if len(slots):
        forget_verified(connection, int(matrix.grid.ends[slots[0]]), int(matrix.grid.ends[slots[-1]]))
        keys = [matrix.keys[row] for row in np.flatnonzero(rows)]
        ends = matrix.grid.ends[slots]
        _forget(connection, fed_by(read_active(connection).readable, keys), ends)
    return written


def _forget(connection: Connection, sla_names: Sequence[str], ends: NDArray[np.int64]) -> None:
    if not sla_names:
        return
    # A counter that changes at the end of an hour changes the first slot of the next one too.
    touched = np.concatenate([ends, ends + 60])
    forget_hours(connection, np.unique(-(-touched // HOUR) * HOUR).tolist(), sla_names)
    first, last = int(ends.min()), int(ends.max())
    forget_counts(connection, first - 1, last + HELD_SECONDS, sla_names)


def fed_by(slas: Sequence[Sla], keys: Sequence[SeriesKey]) -> list[str]:
    """The SLAs that have an SLI that is judged on one of these series, or counted from it."""
    slis = [(sla.name, sli) for sla in slas for sli in sla.slis]
    metrics = {key.metric for key in keys}
    rows = resolve([sli for _, sli in slis], keys)
    return sorted(
        {
            name
            for (name, sli), mine in zip(slis, rows, strict=True)
            if len(mine) or (sli.ratio is not None and not metrics.isdisjoint(parts_of(sli)))
        }
    )
