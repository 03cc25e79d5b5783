"""ONNX behind the contract of all model runtimes.

Inputs are those of the graph: ``X`` of shape [N] or [N, 1] is the field ``X``, of shape [N, 4] the fields
``X[0]`` to ``X[3]``. Outputs alike; a sequence of mappings (ZipMap) gives ``name(label)``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.onnx.inspection import inspect
from foresight.scoring.tensors import Arrays, Tensor, TensorModel

_TYPES: Final[dict[str, np.dtype[Any]]] = {
    "tensor(float)": np.dtype(np.float32),
    "tensor(double)": np.dtype(np.float64),
    "tensor(int64)": np.dtype(np.int64),
    "tensor(int32)": np.dtype(np.int32),
    "tensor(bool)": np.dtype(np.bool_),
    "tensor(string)": np.dtype(object),
}


def load(source: bytes | Path) -> TensorModel:
    """An ONNX file, ready to run. Raises ``UnsupportedModel`` or ``InvalidModel``."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    inspect(data)
    import onnxruntime  # after the file was looked over: only who uses ONNX pays for it

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1  # senders are the threads
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        names = [out.name for out in session.get_outputs()]

        def run(arrays: Arrays) -> dict[str, Any]:
            return dict(zip(names, session.run(names, arrays), strict=True))

        return TensorModel("onnx", [_tensor(given) for given in session.get_inputs()], run)
    except InvalidModel:
        raise
    except Exception as error:  # its errors have no common class
        raise InvalidModel(f"ONNX Runtime refuses the model: {error!s:.500}") from error


def _tensor(given: Any) -> Tensor:
    dtype = _TYPES.get(given.type)
    if dtype is None:
        raise UnsupportedModel(f"input {given.name!r:.80} of type {given.type:.80}")
    rows, *shape = given.shape or [1]
    if isinstance(rows, int):
        raise UnsupportedModel(
            f"input {given.name!r:.80}", f"takes {rows} record(s) at a time: leave its first dimension free"
        )
    if not all(isinstance(size, int) and size > 0 for size in shape):
        raise UnsupportedModel(f"input {given.name!r:.80} of shape {given.shape}", "has no fixed length")
    return Tensor(given.name, dtype, tuple(shape))
