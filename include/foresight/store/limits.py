"""What the catalogue demanded of series when they were analysed."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, select

from foresight.store.reading import read_columns
from foresight.store.tables import series_analysis
from foresight.store.windows import chunks


def analysis_limits(
    connection: Connection, ids: NDArray[np.int64], as_of: int
) -> dict[int, tuple[int, float]]:
    """Observed slots and their share that were demanded at an as-of, by series.

    A series that was not analysed then, or before these limits were kept, is left out.
    """
    found: dict[int, tuple[int, float]] = {}
    table = series_analysis.c
    columns = (table.series_id, table.min_slots, table.min_coverage)
    for chunk in chunks(ids):
        query = select(*columns).filter_by(as_of=as_of).where(table.series_id.in_(chunk))
        for series_id, slots, share in zip(*read_columns(connection, query), strict=True):
            if slots is not None and share is not None:
                found[series_id] = (int(slots), float(share))
    return found
