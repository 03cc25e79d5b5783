"""Which stored series SLAs are about."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
from sqlalchemy import Connection

from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.sla.definitions import Sla
from foresight.sla.matching import pair_up, slis_of
from foresight.sla.watching import watched_expressions
from foresight.store import Store, StoredSeries, find_series


class StoredKeys:
    """The stored series of some SLAs that may hold a value within a grid; looked up once."""

    def __init__(self, store: Store, slas: Sequence[Sla]) -> None:
        self._store, self._slas = store, slas
        self._stored: list[StoredSeries] | None = None

    def __call__(self, grid: Grid) -> list[SeriesKey]:
        """Those that may hold a value within a grid."""
        if self._stored is None:
            self._stored = self._store.read(partial(_stored_series, slas=self._slas))
        return matched(self._slas, _alive(self._stored, grid))


def _stored_series(connection: Connection, slas: Sequence[Sla]) -> list[StoredSeries]:
    """The series of the SLAs' metrics and expressions."""
    metrics = {sli.series_metric for sli in slis_of(slas) if sli.ratio is None}
    metrics |= {entry.name for entry in watched_expressions(slas)}
    return [row for metric in sorted(metrics) for row in find_series(connection, metric)]


def _alive(stored: Sequence[StoredSeries], grid: Grid) -> list[SeriesKey]:
    """Those that may hold a value within the grid."""
    return [
        row.key
        for row in stored
        if row.first_seen is not None and row.first_seen <= grid.as_of and (row.last_seen or 0) > grid.start
    ]


def matched(slas: Sequence[Sla], keys: Sequence[SeriesKey]) -> list[SeriesKey]:
    """Those that an SLI is judged on, or that a ratio is counted from."""
    rows = pair_up(slas, keys).row
    events = {entry.name for entry in watched_expressions(slas)}
    counted = [row for row, key in enumerate(keys) if key.metric in events]
    return [keys[row] for row in np.unique(np.concatenate([rows, np.array(counted, np.intp)]))]
