"""Which series have the samples of a window stored already, found out without reading those samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, select

from foresight.grid import Grid
from foresight.series import SeriesMatrix
from foresight.store.bulk import upsert
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import sample, sample_window

IDS_AT_ONCE: Final = 4000
"""Ids in one IN list; SQLite takes 32,766 values in a statement, MySQL's range optimizer some 10,000."""

Mask = NDArray[np.bool_]


def are_stored(connection: Connection, ids: NDArray[np.int64], grid: Grid, observed: Mask) -> Mask:
    """Whether each series has a row in every slot of the grid, and values just where ``observed`` has them.

    A run shares nearly all of its window with the one before, of which ``sample_window`` tells the slots with
    a value. Only where no such window covers the grid, rows and values are counted. Values are not compared:
    one that was corrected in a slot that had a value before looks stored.

    Args:
        connection: inside the transaction that writes what is not stored.
        ids: the series, ``[n_series]``.
        grid: the slots.
        observed: where there are values, ``[n_series, n_slots]``.
    """
    stored = np.zeros(len(ids), dtype=np.bool_)
    unknown = np.ones(len(ids), dtype=np.bool_)
    for window, rows, bits in _newest_windows(connection, ids, grid.step_seconds):
        first = int(window.index_of(grid.ends[:1])[0])
        if (
            first >= 0
            and first + grid.n_slots <= window.n_slots
            and (window.as_of - grid.as_of) % grid.step_seconds == 0
        ):
            stored[rows] = (bits[:, first : first + grid.n_slots] == observed[rows]).all(axis=1)
            unknown[rows] = False
    n_rows, n_values = _count(connection, ids[unknown], grid)
    stored[unknown] = (n_rows == grid.n_slots) & (n_values == observed[unknown].sum(axis=1))
    return stored


def count_values(connection: Connection, ids: NDArray[np.int64], grid: Grid) -> NDArray[np.int64]:
    """How many values each series has within a grid."""
    return _count(connection, ids, grid)[1]


def note_windows(connection: Connection, matrix: SeriesMatrix) -> None:
    """Notes that every slot of the matrix has its row now, and which of them a value."""
    packed = np.packbits(~np.isnan(matrix.values), axis=1)
    columns = {
        "series_id": matrix.ids,
        "as_of": matrix.grid.as_of,
        "n_slots": matrix.grid.n_slots,
        "step_seconds": matrix.grid.step_seconds,
        "observed": [row.tobytes().hex() for row in packed],
        "starts_at": matrix.grid.start,
    }
    upsert(connection, sample_window, columns)


def chunks(ids: NDArray[np.int64]) -> Iterator[list[int]]:
    """The ids, so many at a time as one statement takes."""
    for start in range(0, len(ids), IDS_AT_ONCE):
        yield ids[start : start + IDS_AT_ONCE].tolist()


def within(query: Select[Any], ids: Sequence[int], grid: Grid) -> Select[Any]:
    """The query for the rows of ``sample`` of these series within a grid."""
    return query.where(sample.c.series_id.in_(ids), sample.c.slot > grid.start, sample.c.slot <= grid.as_of)


def _newest_windows(
    connection: Connection, ids: NDArray[np.int64], step_seconds: int
) -> Iterator[tuple[Grid, NDArray[np.intp], Mask]]:
    """The newest stored windows: each with the rows of ``ids`` that have it, and where those have values."""
    table = sample_window.c
    query = select(table.series_id, epoch(table.as_of), table.n_slots, table.observed)
    query = query.where(table.step_seconds == step_seconds)
    parts = [read_columns(connection, query.where(table.series_id.in_(chunk))) for chunk in chunks(ids)]
    found, as_of, n_slots, bits = ([value for part in parts for value in part[at]] for at in range(4))
    rows = _positions(ids, found)
    spans, group = np.unique(np.array([as_of, n_slots], dtype=np.int64), axis=1, return_inverse=True)
    for at, (end, n) in enumerate(spans.T.tolist()):
        members = np.flatnonzero(group == at)
        packed = np.frombuffer(bytes.fromhex("".join(bits[i] for i in members)), dtype=np.uint8)
        mask = np.unpackbits(packed.reshape(len(members), -1), axis=1, count=n).view(np.bool_)
        yield Grid(end, n, step_seconds), rows[members], mask


def _count(
    connection: Connection, ids: NDArray[np.int64], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Stored rows, and rows with a value, of each series within a grid."""
    counted: Select[Any] = select(
        sample.c.series_id, func.count().label("n_rows"), func.count(sample.c.value).label("n_values")
    ).group_by(sample.c.series_id)
    counts = np.zeros((2, len(ids)), dtype=np.int64)
    for chunk in chunks(ids):
        found, *columns = read_columns(connection, within(counted, chunk, grid))
        counts[:, _positions(ids, found)] = columns
    return counts[0], counts[1]


def _positions(ids: NDArray[np.int64], found: Sequence[int]) -> NDArray[np.intp]:
    """Where each id found is among the ids asked for."""
    order = np.argsort(ids)
    return order[np.searchsorted(ids, np.array(found, dtype=np.int64), sorter=order)]
