"""Finding the stored series of a metric."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import orjson
from sqlalchemy import Connection, select

from foresight.series import SeriesKey
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import series
from foresight.store.windows import chunks


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """One series as stored; first and last seen in epoch seconds, None while it has no value."""

    key: SeriesKey
    partition_name: str
    first_seen: int | None
    last_seen: int | None


def find_series(connection: Connection, metric: str) -> list[StoredSeries]:
    """The stored series of a metric, sorted by identity."""
    (ids,) = read_columns(connection, select(series.c.series_id).where(series.c.metric == metric))
    query = select(
        series.c.labels,
        series.c.partition_name,
        epoch(series.c.first_seen).label("first_seen"),
        epoch(series.c.last_seen).label("last_seen"),
    )
    found = []
    for chunk in chunks(np.array(ids, dtype=np.int64)):
        columns = read_columns(connection, query.where(series.c.series_id.in_(chunk)))
        for labels, *others in zip(*columns, strict=True):
            found.append(StoredSeries(SeriesKey.of(metric, orjson.loads(labels)), *others))
    return sorted(found, key=lambda one: one.key)
