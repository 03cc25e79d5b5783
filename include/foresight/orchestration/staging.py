"""What tasks hand to each other: Parquet on object storage, and a small description of it in XCom.

The place follows from the run and the step, so a task that runs twice writes the same file. A file is
written aside and moved into place, so whoever finds it finds it whole; its hash travels with the path.
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import asdict, dataclass
from typing import Any, Self

import pyarrow as pa
import pyarrow.parquet as pq

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.files import write_bytes
from foresight.wiring.files import staging_root, storage_path

SCHEMA_VERSION = 1
"""Raised when what the steps hand over changes its shape: files of another version are refused."""


@dataclass(frozen=True, slots=True)
class Staged:
    """One staged table: where it is, how many rows it has, and what its bytes hash to."""

    uri: str
    rows: int
    sha256: str
    schema_version: int = SCHEMA_VERSION

    @classmethod
    def of(cls, document: dict[str, Any]) -> Self:
        """The description as XCom carries it."""
        return cls(**document)

    def to_document(self) -> dict[str, Any]:
        """The description as XCom carries it."""
        return asdict(self)


def run_folder(dag_id: str, run_id: str) -> str:
    """The staging folder of a run; run ids may hold any character, folder names may not.

    A short hash keeps runs apart whose ids look the same without those characters.
    """
    readable = re.sub(r"[^A-Za-z0-9_.=-]", "_", run_id)[:200]
    return f"{dag_id}/{readable}-{hashlib.sha256(run_id.encode()).hexdigest()[:8]}"


def save(folder: str, name: str, table: pa.Table) -> Staged:
    """Stages a table as ``folder/name.parquet``."""
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", compression_level=1, use_dictionary=False)
    data = buffer.getvalue()
    target = staging_root() / folder / f"{name}.parquet"
    write_bytes(target, data)
    return Staged(str(target), table.num_rows, hashlib.sha256(data).hexdigest())


def load(staged: Staged) -> pa.Table:
    """The staged table; refused where it is gone, of another schema version, or not what was written."""
    if staged.schema_version != SCHEMA_VERSION:
        raise BadAnswer(f"{staged.uri} has schema version {staged.schema_version}, not {SCHEMA_VERSION}")
    try:
        data = storage_path(staged.uri).read_bytes()
    except OSError as error:
        raise SourceUnavailable(f"cannot read {staged.uri}: {error}; clear the run from `plan` on") from error
    if hashlib.sha256(data).hexdigest() != staged.sha256:
        raise BadAnswer(f"{staged.uri} is not what was staged; clear the run from the step that wrote it")
    return pq.read_table(pa.BufferReader(data))
