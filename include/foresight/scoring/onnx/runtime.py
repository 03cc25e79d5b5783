"""ONNX behind the contract of all model runtimes.

Inputs are those of the graph: ``X`` of shape [N] or [N, 1] is the field ``X``, of shape [N, 4] the fields
``X[0]`` to ``X[3]``. Outputs alike; a sequence of mappings (ZipMap) gives ``name(label)``. A graph whose
batch is fixed to 1 scores record by record.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.onnx.inspection import inspect
from foresight.scoring.onnx.zipmap import unzip
from foresight.scoring.rows import Arrays, Tensor
from foresight.scoring.tensors import TensorModel

_TYPES: Final[dict[str, np.dtype[Any]]] = {
    "tensor(float16)": np.dtype(np.float16),
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    **{
        f"tensor({kind}{bits})": np.dtype(f"{kind}{bits}")
        for kind in ("int", "uint")
        for bits in (8, 16, 32, 64)
    },
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(string)": np.dtype(object),
}
BLOCK: Final = 4096
"""Records of a block."""


def load(source: bytes | Path) -> TensorModel:
    """An ONNX file, ready to run. Raises ``UnsupportedModel`` or ``InvalidModel``."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    model = inspect(data)
    labels = unzip(model)
    import onnxruntime  # after the file was looked over: only who uses ONNX pays for it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # workers are the threads
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(
            model.SerializeToString() if labels else data,
            options,
            providers=["CPUExecutionProvider"],
            enable_fallback=0,
        )
        inputs = session.get_inputs()
        one_by_one = {_rows(given) for given in inputs} == {1}
        tensors = [_tensor(given, one_by_one=one_by_one) for given in inputs]
        return TensorModel("onnx", tensors, _runner(session, labels), one_by_one=one_by_one)
    except InvalidModel:
        raise
    except Exception as error:  # its errors have no common class
        raise InvalidModel(f"ONNX Runtime refuses the model: {error!s:.500}") from error


def _runner(session: Any, labels: Mapping[str, Sequence[str]]) -> Any:
    names = [out.name for out in session.get_outputs()]

    def run(arrays: Arrays) -> dict[str, Any]:
        found = dict(zip(names, _in_blocks(session, names, arrays), strict=True))
        if not labels:
            return found
        outputs: dict[str, Any] = {}
        for name, values in found.items():
            known = labels.get(name)
            if known is None:
                outputs[name] = values
                continue
            if values.ndim != 2 or values.shape[1] != len(known):
                raise InvalidModel(f"output {name} has shape {values.shape}, and {len(known)} labels")
            outputs |= {f"{name}({label})": values[:, place] for place, label in enumerate(known)}
        return outputs

    return run


def _in_blocks(session: Any, names: list[str], arrays: Arrays) -> list[Any]:
    """The outputs for all records, computed for so many at a time that they stay near the processor."""
    n = max((len(array) for array in arrays.values()), default=0)
    if n <= BLOCK:
        return list(session.run(names, arrays))
    parts = [
        session.run(names, {name: array[start : start + BLOCK] for name, array in arrays.items()})
        for start in range(0, n, BLOCK)
    ]
    return [_joined(outputs) for outputs in zip(*parts, strict=True)]


def _joined(parts: Sequence[Any]) -> Any:
    if isinstance(parts[0], np.ndarray) and parts[0].ndim:
        return np.concatenate(parts)
    return [one for part in parts for one in part] if isinstance(parts[0], list) else parts[0]


def _rows(given: Any) -> Any:
    return given.shape[0] if given.shape else None


def _tensor(given: Any, *, one_by_one: bool) -> Tensor:
    dtype = _TYPES.get(given.type)
    if dtype is None:
        raise UnsupportedModel(
            f"input {given.name!r:.80} of type {given.type:.80}",
            f"is not fed: use one of {', '.join(_TYPES)}",
        )
    if not given.shape:
        raise UnsupportedModel(f"input {given.name!r:.80}", "has no dimension for the records: give it one")
    rows, *shape = given.shape
    if isinstance(rows, int) and not one_by_one:
        raise UnsupportedModel(
            f"input {given.name!r:.80}",
            f"takes {rows} records at a time: leave its first dimension free, or make it 1",
        )
    if any(isinstance(size, int) and size < 1 for size in shape):
        raise UnsupportedModel(f"input {given.name!r:.80} of shape {given.shape}", "is empty")
    if not all(isinstance(size, int) for size in shape):
        raise UnsupportedModel(
            f"input {given.name!r:.80} of shape {given.shape}",
            "has no fixed length: fix all dimensions but the first",
        )
    return Tensor(given.name, dtype, tuple(shape))
