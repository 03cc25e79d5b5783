"""What the steps of a telemetry run hand over about a shard, and the arrays behind it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from sqlalchemy import JSON, Column, Table

from foresight.forecasting.calibrator import shipped
from foresight.forecasting.fleet import FleetCalibrator
from foresight.forecasting.verification import Reliability
from foresight.grid import Grid
from foresight.orchestration import staging
from foresight.orchestration.staging import Staged
from foresight.series import SeriesMatrix
from foresight.services.calibrators import InUse
from foresight.sla.definitions import Sla
from foresight.sla.json_form import sla_document, sla_from_document
from foresight.store.engine import to_json
from foresight.telemetry.source import Shard

log = logging.getLogger(__name__)
Artifact = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where a run stages."""

    path: str

    @classmethod
    def of(cls, context: Mapping[str, Any]) -> Folder:
        """The folder of the run that ``context`` belongs to."""
        run = context["dag_run"]
        return cls(staging.run_folder(run.dag_id, run.run_id))

    def save(self, name: str, table: pa.Table) -> Artifact:
        """Stages a table and describes it."""
        return staging.save(self.path, name, table).to_document()


def load(artifact: Artifact) -> pa.Table:
    """The table that was handed over."""
    return staging.load(Staged.of(artifact))


def load_shard(artifact: Artifact) -> Shard:
    """The shard that ``plan`` staged."""
    return Shard.from_table(load(artifact["shard"]))


def slas_table(slas: Sequence[Sla]) -> pa.Table:
    """The definitions that are active when a run starts: what it says of SLIs is of these."""
    return pa.table({"document": pa.array([to_json(sla_document(sla)) for sla in slas], pa.string())})


def load_slas(artifact: Artifact) -> list[Sla]:
    """The definitions that ``plan`` staged."""
    documents = load(artifact["about"]["slas"]).column("document").to_pylist()
    return [sla_from_document(orjson.loads(document)) for document in documents]


def in_use_table(used: InUse) -> pa.Table:
    """What a run forecasts with, decided when it starts: the calibrator and the factor of the joint bands."""
    document = used.calibrator.document() if isinstance(used.calibrator, FleetCalibrator) else None
    bins = used.came_true
    about = {
        "calibrator": document,
        "band_factor": used.band_factor,
        "came_true": None if bins is None else [bins.count, bins.said, bins.happened],
    }
    return pa.table({"about": pa.array([to_json(about)])})


def load_in_use(artifact: Artifact) -> InUse:
    """What ``plan`` staged of it."""
    [row] = load(artifact["about"]["in_use"]).to_pylist()
    about = orjson.loads(row["about"])
    document, bins = about["calibrator"], about["came_true"]
    calibrator = None if document is None else FleetCalibrator.from_document(document, shipped())
    came_true = None if bins is None else Reliability(*map(np.array, bins))
    return InUse(calibrator, about["band_factor"], came_true)


def table_of(table: Table, columns: Mapping[str, Sequence[Any]]) -> pa.Table:
    """Columns of a table of the store to stage; documents as text, for their parts differ row by row."""
    return pa.table({name: _staged(table.c[name], values) for name, values in columns.items()})


def columns_of(table: Table, staged: pa.Table) -> dict[str, Any]:
    """Columns as they were staged: arrays where every value is there, lists where some are missing."""
    return {name: _unstaged(table.c[name], staged.column(name)) for name in staged.column_names}


def _staged(column: Column[Any], values: Sequence[Any]) -> pa.Array:
    if isinstance(column.type, JSON):
        return pa.array([None if value is None else to_json(value) for value in values], pa.string())
    return pa.array(values)


def _unstaged(column: Column[Any], values: pa.ChunkedArray) -> Any:
    if isinstance(column.type, JSON):
        return [None if text is None else orjson.loads(text) for text in values.to_pylist()]
    is_list = values.null_count or pa.types.is_string(values.type)
    return values.to_pylist() if is_list else values.to_numpy()


def matrix_table(matrix: SeriesMatrix, columns: Mapping[str, Any]) -> pa.Table:
    """The values as one fixed-size list a series, beside further columns."""
    flat = pa.array(matrix.values.ravel())
    values = pa.FixedSizeListArray.from_arrays(flat, matrix.grid.n_slots)
    return pa.table({"values": values, **{name: pa.array(column) for name, column in columns.items()}})


def load_matrix(shard: Shard, artifact: Artifact) -> tuple[SeriesMatrix, pa.Table]:
    """The matrix that ``extract`` staged, and the columns beside it."""
    table = load(artifact)
    return SeriesMatrix(shard.keys, shard.grid, values_of(table, shard.grid)), table


def values_of(table: pa.Table, grid: Grid) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The column ``values`` as a matrix ``[n_series, n_slots]``."""
    chunks = table.column("values").combine_chunks()
    flat = chunks.flatten() if len(chunks) else pa.array([], pa.float64())
    values = flat.to_numpy(zero_copy_only=False).reshape(-1, grid.n_slots)
    return np.ascontiguousarray(values, dtype=np.float64)


def name_in_ui(context: Mapping[str, Any], artifact: Artifact) -> None:
    """What the mapped task is called in the UI."""
    context["shard_name"] = artifact["name"]  # type: ignore[index]


@contextmanager
def timed(artifact: Artifact, stage: str) -> Iterator[None]:
    """Adds the seconds that the block takes to what is handed over."""
    started = time.monotonic()
    yield
    seconds = time.monotonic() - started
    artifact["seconds"] = {**artifact.get("seconds", {}), stage: round(seconds, 3)}
    log.info("%s: %s took %.2f s", artifact["name"], stage, seconds)
