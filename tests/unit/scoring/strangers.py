"""Models of every kind as their authors write them: the bytes of their files."""

from __future__ import annotations

import json
import tempfile
import warnings
import zipfile
from collections.abc import Callable, Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from onnx import ModelProto, TensorProto, helper, numpy_helper
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

SPECIES = np.array(["setosa", "versicolor", "virginica"])


@cache
def iris() -> tuple[np.ndarray, np.ndarray]:
    """150 flowers, four numbers each, and their species."""
    flowers, species = load_iris(return_X_y=True)
    return flowers, SPECIES[species]


@cache
def regression() -> LogisticRegression:
    """A regression on the flowers."""
    return LogisticRegression(max_iter=1000).fit(*iris())


def skops_bytes(model: Any) -> bytes:
    """A fitted model as a skops file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it looks at deprecated names in every module that is loaded
        import skops.io

    return bytes(skops.io.dumps(model))


def onnx_graph(nodes: list[Any], outputs: list[Any], *initial: Any, inputs: list[Any] | None = None) -> bytes:
    """A graph over ``X``, four numbers a record, as an ONNX file."""
    four = helper.make_tensor_value_info("X", TensorProto.FLOAT, [None, 4])
    graph = helper.make_graph(nodes, "graph", inputs or [four], outputs, list(initial))
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return bytes(helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString())


def onnx_value(name: str, kind: int = TensorProto.FLOAT, shape: list[Any] | None = None) -> Any:
    """An output of a graph."""
    return helper.make_tensor_value_info(name, kind, [None] if shape is None else shape)


@cache
def onnx_regression() -> bytes:
    """The regression in ONNX."""
    model = regression()
    linear = helper.make_node(
        "LinearClassifier", ["X"], ["species", "scores"], domain="ai.onnx.ml",
        coefficients=model.coef_.ravel().tolist(), intercepts=model.intercept_.tolist(),
        classlabels_strings=list(SPECIES), multi_class=0, post_transform="SOFTMAX",
    )  # fmt: skip
    zipped = helper.make_node(
        "ZipMap", ["scores"], ["chance"], domain="ai.onnx.ml", classlabels_strings=list(SPECIES)
    )
    element = helper.make_tensor_type_proto(TensorProto.FLOAT, [])
    mappings = helper.make_sequence_type_proto(helper.make_map_type_proto(TensorProto.STRING, element))
    outputs = [onnx_value("species", TensorProto.STRING), helper.make_value_info("chance", mappings)]
    return onnx_graph([linear, zipped], outputs)


def onnx_changed(change: Callable[[ModelProto], None]) -> bytes:
    """The regression with something else in it."""
    model = ModelProto.FromString(onnx_regression())
    change(model)
    return bytes(model.SerializeToString())


def onnx_constant(name: str, *values: int) -> Any:
    """Whole numbers in a graph."""
    return numpy_helper.from_array(np.array(values, np.int64), name)


def keras_bytes(model: Any) -> bytes:
    """A Keras model as a ``.keras`` file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.keras"
        model.save(path)
        return path.read_bytes()


@cache
def keras_network() -> tuple[Any, bytes]:
    """A small network, and its file."""
    import keras

    keras.utils.set_random_seed(1)
    layers = [
        keras.Input((4,), name="flower"),
        keras.layers.Dense(8, "relu"),
        keras.layers.Dense(3, "softmax", name="species"),
    ]
    network = keras.Sequential(layers)
    return network, keras_bytes(network)


def keras_files() -> dict[str, bytes]:
    """The members of a ``.keras`` file that was never near TensorFlow."""
    import h5py

    layer = {"module": "keras.layers", "registered_name": None}
    config = {
        "module": "keras", "class_name": "Sequential", "registered_name": None,
        "config": {"name": "s", "layers": [
            {**layer, "class_name": "InputLayer", "config": {"batch_shape": [None, 4], "name": "x"}},
            {**layer, "class_name": "Dense", "config": {"name": "y", "units": 1}},
        ]},
    }  # fmt: skip
    weights = BytesIO()
    with h5py.File(weights, "w") as file:
        file.create_dataset("layers/y/vars/0", data=np.zeros((4, 1), np.float32))
    return {"config.json": json.dumps(config).encode(), "model.weights.h5": weights.getvalue(),
            "metadata.json": b"{}"}  # fmt: skip


def zipped(members: Mapping[str, bytes]) -> bytes:
    """An archive of these members."""
    made = BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return made.getvalue()


def unzipped(data: bytes) -> dict[str, bytes]:
    """The members of an archive."""
    with zipfile.ZipFile(BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
