"""Series and their samples: written by whole matrices, read back as one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from sqlalchemy import Connection, Select, func, select

from foresight.errors import BadAnswer, IdentityClash
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.store.bulk import ROWS_AT_ONCE, upsert
from foresight.store.engine import is_mysql
from foresight.store.reading import epoch, read_columns, unpacked
from foresight.store.tables import sample, series
from foresight.store.tables.telemetry import METRIC_LENGTH
from foresight.store.windows import are_stored, chunks, count_values, note_windows, within


def save_series(connection: Connection, matrix: SeriesMatrix, partitions: Sequence[str]) -> None:
    """Writes the identities of a matrix, and the first and last of its slots that hold a value.

    Args:
        connection: inside a transaction of ``Store.transact``.
        matrix: the series, NaN where missing.
        partitions: partition name of each series.

    Raises:
        IdentityClash: another series is stored under the id of one of these.
    """
    labels = [_labels_text(key) for key in matrix.keys]
    _refuse_clashes(connection, matrix, labels)
    observed = ~np.isnan(matrix.values)
    ends, n_slots = matrix.grid.ends, matrix.grid.n_slots
    any_observed = observed.any(axis=1)
    first = ends[observed.argmax(axis=1)]
    last = ends[n_slots - 1 - observed[:, ::-1].argmax(axis=1)]
    columns = {
        "series_id": matrix.ids,
        "metric": [key.metric for key in matrix.keys],
        "labels": labels,
        "partition_name": list(partitions),
        "first_seen": np.where(any_observed, first.astype("datetime64[s]"), np.datetime64("NaT", "s")),
        "last_seen": np.where(any_observed, last.astype("datetime64[s]"), np.datetime64("NaT", "s")),
    }
    upsert(connection, series, columns)


@dataclass(frozen=True, slots=True, eq=False)
class SamplePlan:
    """Which slots of a matrix are written: of ``stale`` series all, of the others from ``n_settled`` on."""

    matrix: SeriesMatrix
    stale: NDArray[np.bool_]
    n_settled: int


def plan_samples(connection: Connection, matrix: SeriesMatrix, settle_slots: int) -> SamplePlan:
    """Finds out which slots of a matrix are new or corrected; see ``save_samples``."""
    n_settled = max(0, matrix.grid.n_slots - settle_slots)
    stale = np.zeros(len(matrix), dtype=np.bool_)
    if n_settled:
        settled = Grid(int(matrix.grid.ends[n_settled - 1]), n_settled, matrix.grid.step_seconds)
        observed = ~np.isnan(matrix.values[:, :n_settled])
        stale = ~are_stored(connection, matrix.ids, settled, observed)
    return SamplePlan(matrix, stale, n_settled)


def changes_of(connection: Connection, plan: SamplePlan) -> NDArray[np.bool_]:
    """Which slots get another value by writing the plan, ``[n_series, n_slots]``; ask before it is written.

    Slots that may still settle count as changed wherever the matrix has a value.
    """
    matrix = plan.matrix
    changed = ~np.isnan(matrix.values)
    changed[~plan.stale, : plan.n_settled] = False
    rows = np.flatnonzero(plan.stale)
    if len(rows) and plan.n_settled:
        part = matrix.take(rows)
        before = load_matrix(connection, part.keys, part.grid).values[:, : plan.n_settled]
        changed[rows, : plan.n_settled] &= before != part.values[:, : plan.n_settled]
    return changed


def save_samples(connection: Connection, matrix: SeriesMatrix, settle_slots: int) -> int:
    """Writes the slots of a matrix that are new or corrected and says how many rows that was.

    The last ``settle_slots`` slots are always written, so whatever changes in them is seen. Of older slots it
    is compared which of them have a value, not what it is: a series where one has come or gone is written
    whole, and a value there that became another one is not seen. A source that rewrites nothing older than
    ``settle_slots`` gives the same table whatever the order of runs.

    Args:
        connection: inside a transaction of ``Store.transact``.
        matrix: the samples, NaN where missing.
        settle_slots: slots in which the source may still correct a value; at least those that a run adds.
    """
    return write_samples(connection, plan_samples(connection, matrix, settle_slots))


def write_samples(connection: Connection, plan: SamplePlan) -> int:
    """Writes what ``plan_samples`` found and says how many rows that was."""
    matrix, n_settled = plan.matrix, plan.n_settled
    order = np.argsort(matrix.ids)
    stale = plan.stale[order]
    written = 0
    for rows, first_slot in ((order[stale], 0), (order[~stale], n_settled)):
        ends, values = matrix.grid.ends[first_slot:], matrix.values[rows, first_slot:]
        at_once = max(1, ROWS_AT_ONCE // max(1, len(ends)))
        for start in range(0, len(rows), at_once):
            ids = matrix.ids[rows[start : start + at_once]]
            columns = {
                "series_id": np.repeat(ids, len(ends)),
                "slot": np.tile(ends, len(ids)),
                "value": values[start : start + at_once].ravel(),
            }
            written += upsert(connection, sample, columns)
    note_windows(connection, matrix)
    return written


def as_stored(connection: Connection, matrix: SeriesMatrix) -> SeriesMatrix:
    """The matrix as it is stored once it was written: what it lacks, an earlier run may have had."""
    observed = ~np.isnan(matrix.values)
    gappy = np.flatnonzero(~observed.all(axis=1))
    if not len(gappy):
        return matrix
    n_values = count_values(connection, matrix.ids[gappy], matrix.grid)
    fuller = gappy[n_values > observed[gappy].sum(axis=1)]
    values = matrix.values.copy()
    values[fuller] = load_matrix(connection, matrix.take(fuller).keys, matrix.grid).values
    return SeriesMatrix(matrix.keys, matrix.grid, values)


def load_matrix(connection: Connection, keys: Sequence[SeriesKey], grid: Grid) -> SeriesMatrix:
    """The stored samples of these series on a grid, NaN where nothing is stored."""
    ids = np.array([key.id for key in keys], np.int64)
    return SeriesMatrix(tuple(keys), grid, load_values(connection, ids, grid))


def load_values(connection: Connection, ids: NDArray[np.int64], grid: Grid) -> NDArray[np.float64]:
    """The same by the ids of series, ``[n_series, n_slots]``."""
    values = np.full((len(ids), grid.n_slots), np.nan)
    order = np.argsort(ids)
    sorted_ids = ids[order]
    for chunk in chunks(sorted_ids):
        stored, ends, found = _samples(connection, chunk, grid)
        slots = grid.index_of(ends)
        on_grid = (ends - grid.start) % grid.step_seconds == 0
        rows = order[np.searchsorted(sorted_ids, stored[on_grid])]
        values[rows, slots[on_grid]] = found[on_grid]
    return values


def _refuse_clashes(connection: Connection, matrix: SeriesMatrix, labels: Sequence[str]) -> None:
    mine = {key.id: (key.metric, text) for key, text in zip(matrix.keys, labels, strict=True)}
    if len(mine) != len(matrix):
        raise IdentityClash("two series of one batch have the same id")
    query = select(series.c.series_id, series.c.metric, series.c.labels)
    for chunk in chunks(matrix.ids):
        stored = read_columns(connection, query.where(series.c.series_id.in_(chunk)))
        for series_id, *identity in zip(*stored, strict=True):
            if tuple(identity) != mine[series_id]:
                raise IdentityClash(f"series id {series_id} is {mine[series_id]} here, stored is {identity}")


def _samples(
    connection: Connection, ids: Sequence[int], grid: Grid
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Id, slot end and value of each stored sample within a grid."""
    if is_mysql(connection):
        # One row a series and array; that of all series at once might not fit into a packet.
        slots, values = func.json_arrayagg(epoch(sample.c.slot)), func.json_arrayagg(sample.c.value)
        packed = select(sample.c.series_id, func.count(), slots, values).group_by(sample.c.series_id)
        rows = connection.execute(within(packed, ids, grid)).all()
        arrays = [unpacked(texts, n_rows) for _, n_rows, *texts in rows]
        if all(arrays):
            series_ids = np.repeat(np.array([row[0] for row in rows], np.int64), [row[1] for row in rows])
            ends, found = (list(chain.from_iterable(pair[at] for pair in arrays if pair)) for at in range(2))
            return series_ids, np.array(ends, np.int64), np.array(found, np.float64)
    plain: Select[Any] = select(sample.c.series_id, epoch(sample.c.slot), sample.c.value)
    columns = read_columns(connection, within(plain, ids, grid))
    return np.array(columns[0], np.int64), np.array(columns[1], np.int64), np.array(columns[2], np.float64)


def _labels_text(key: SeriesKey) -> str:
    if len(key.metric) > METRIC_LENGTH:
        raise BadAnswer(
            f"a metric name of {len(key.metric)} characters; at most {METRIC_LENGTH} can be stored"
        )
    return orjson.dumps(dict(key.labels)).decode()
