"""Keras behind the contract of all model runtimes.

Inputs are those of the model: ``flower`` of shape (None, 1) is the field ``flower``, of shape (None, 4)
the fields ``flower[0]`` to ``flower[3]``, of shape (None, 6, 2) ``flower[0][0]`` to ``flower[5][1]``.
Outputs alike.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.keras.inspection import inspect
from foresight.scoring.rows import Arrays, Tensor
from foresight.scoring.tensors import Run, TensorModel


def load(source: bytes | Path) -> TensorModel:
    """A model of a ``.keras`` file. Raises ``UnsupportedModel`` or ``InvalidModel``."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    inspect(data)
    try:
        model = _made(data)
        return TensorModel("keras", [_tensor(given) for given in model.inputs], _runner(model))
    except InvalidModel:
        raise
    except Exception as error:  # a contradictory file may make Keras and TensorFlow raise anything
        raise InvalidModel(f"Keras refuses the model: {error!s:.500}") from error


def _made(data: bytes) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # here, for TensorFlow takes seconds and memory

    with tempfile.TemporaryDirectory(prefix="foresight-keras-") as folder:
        path = Path(folder) / "model.keras"
        path.write_bytes(data)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _tensor(given: Any) -> Tensor:
    rows, *shape = given.shape
    if rows is not None or not all(isinstance(size, int) and size > 0 for size in shape):
        raise UnsupportedModel(f"input {given.name} of shape {given.shape}", "has no fixed length")
    dtype = np.dtype(given.dtype)
    if dtype.kind not in "fiub":
        raise UnsupportedModel(f"input {given.name} of type {given.dtype}")
    return Tensor(given.name, dtype, tuple(shape))


def _runner(model: Any) -> Run:
    is_row_of_layers = type(model).__name__ == "Sequential"
    wanted, given = (model.inputs[0], None) if is_row_of_layers else (model.input, model.output)
    names = [model.layers[-1].name] if is_row_of_layers else model.output_names

    def run(arrays: Arrays) -> dict[str, Any]:
        fed: Any
        if isinstance(wanted, Mapping):
            fed = {key: arrays[tensor.name] for key, tensor in wanted.items()}
        elif isinstance(wanted, Sequence):
            fed = [arrays[tensor.name] for tensor in wanted]
        else:
            fed = arrays[wanted.name]
        found = model.predict_on_batch(fed)
        if isinstance(given, Mapping):
            return dict(found)
        return dict(zip(names, found if isinstance(given, Sequence) else [found], strict=True))

    return run
