"""Keras behind the contract of all model runtimes.

Inputs are those of the model: ``flower`` of shape (None, 1) is the field ``flower``, of shape (None, 4)
the fields ``flower[0]`` to ``flower[3]``, of shape (None, 6, 2) ``flower[0][0]`` to ``flower[5][1]``. One
with a further free dimension, (None, None) or (None, None, 2), is the field ``flower`` that holds a list.
Outputs alike, but for lists.
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
    """A model of a ``.keras`` or ``.h5`` file. Raises ``UnsupportedModel`` or ``InvalidModel``."""
    data = source if isinstance(source, bytes) else source.read_bytes()
    ending = inspect(data)
    try:
        model = _made(data, ending)
        return TensorModel("keras", [_tensor(given) for given in model.inputs], _runner(model))
    except InvalidModel:
        raise
    except Exception as error:  # a contradictory file may make Keras and TensorFlow raise anything
        raise InvalidModel(f"Keras refuses the model: {error!s:.500}") from error


def _made(data: bytes, ending: str) -> Any:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras  # here, for TensorFlow takes seconds and memory

    with tempfile.TemporaryDirectory(prefix="foresight-keras-") as folder:
        path = Path(folder) / f"model{ending}"
        path.write_bytes(data)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def _tensor(given: Any) -> Tensor:
    rows, *shape = given.shape
    if rows is not None:
        raise UnsupportedModel(
            f"input {given.name} of shape {given.shape}",
            "takes a fixed number of records: leave batch_size out",
        )
    dtype = np.dtype(object) if given.dtype == "string" else np.dtype(given.dtype)
    if dtype.kind not in "fiubO":
        raise UnsupportedModel(
            f"input {given.name} of type {given.dtype}", "is not fed: use numbers, truth values or strings"
        )
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
            return {name: _decoded(values) for name, values in found.items()}
        several = found if isinstance(given, Sequence) else [found]
        return dict(zip(names, map(_decoded, several), strict=True))

    return run


def _decoded(values: Any) -> Any:
    """Texts of TensorFlow are bytes."""
    array = np.asarray(values)
    if array.dtype.kind not in "OS":
        return array
    texts = [
        one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one)
        for one in array.ravel().tolist()
    ]
    return np.array(texts, object).reshape(array.shape)
