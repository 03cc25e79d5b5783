"""Models as files: weights, scaler and card in one, readable without running anything that is in it.

The layout is that of safetensors: eight bytes with the length of a JSON head, the head, the numbers. Anything
but the exact tensors of a model for our features is refused.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.errors import InvalidDocument, Mistake
from foresight.slices.features import LONG_INPUTS
from foresight.slices.network import (
    LARGEST_UNITS,
    LINEAR_NAMES,
    NAMES,
    Card,
    Linear,
    Model,
    Network,
    Scaler,
    shapes_of,
)
from foresight.slices.targets import Target

FORMAT: Final = "foresight-slice-model-1"
MAX_BYTES: Final = 16 * 1024 * 1024
_DTYPES: Final[dict[str, np.dtype[Any]]] = {"F32": np.dtype("<f4"), "F64": np.dtype("<f8")}
_SCALER: Final = ("scaler_low", "scaler_high")


def model_bytes(model: Model) -> bytes:
    """A model as the bytes of its file; equal models give equal bytes."""
    names = LINEAR_NAMES if isinstance(model.network, Linear) else NAMES
    tensors: dict[str, NDArray[Any]] = {name: getattr(model.network, name) for name in names}
    tensors |= {"scaler_low": model.scaler.low, "scaler_high": model.scaler.high}
    head: dict[str, Any] = {}
    body = b""
    for name, values in tensors.items():
        code = "F32" if values.dtype == np.float32 else "F64"
        part = values.astype(_DTYPES[code]).tobytes()
        head[name] = {
            "dtype": code,
            "shape": values.shape,
            "data_offsets": [len(body), len(body) + len(part)],
        }
        body += part
    card = json.dumps(asdict(model.card), sort_keys=True)
    head["__metadata__"] = {"format": FORMAT, "card": card, "sha256": _digest(card, body)}
    text = json.dumps(head, sort_keys=True).encode()
    return struct.pack("<Q", len(text)) + text + body


def save_model(model: Model, path: Path) -> None:
    """Write a model aside and rename it, so that a reader never sees half of it."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.write_bytes(model_bytes(model))
    aside.replace(path)


def load_model(path: Path) -> Model:
    """The model of a file; raises ``InvalidDocument`` for anything that is not exactly one."""
    try:
        size = path.stat().st_size
        return parse_model(path.read_bytes() if size <= MAX_BYTES else b"", str(path))
    except OSError as error:
        raise InvalidDocument([Mistake(str(path), 0, "", f"cannot be read: {error}")]) from error


def parse_model(data: bytes, name: str = "model") -> Model:
    """The model in the bytes of a file; raises ``InvalidDocument`` with the field that is wrong."""
    try:
        return _model(data)
    except _WRONG as error:
        raise InvalidDocument([Mistake(name, 0, "", f"no model of ours: {error}")]) from error


# What a head of the wrong shape can make Python raise, and what Model, Network and Scaler refuse.
_WRONG = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError, struct.error)


def _model(data: bytes) -> Model:
    if not 8 <= len(data) <= MAX_BYTES:
        raise ValueError(f"a model has 8 to {MAX_BYTES} bytes, got {len(data)}")
    (length,) = struct.unpack("<Q", data[:8])
    if length > len(data) - 8:
        raise ValueError(f"cut off: the head should have {length} bytes")
    head, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    about = head.pop("__metadata__")
    if about["format"] != FORMAT or about["sha256"] != _digest(about["card"], body):
        raise ValueError("the format is another one, or the contents do not match their checksum")
    card = _card(json.loads(about["card"]))
    expected = _shapes(head, min(len(card.inputs), len(LONG_INPUTS))) | dict.fromkeys(_SCALER, (5,))
    if set(head) != set(expected):
        raise ValueError(f"expected {sorted(expected)}, got {sorted(head)!r:.200}")
    tensors = {name: _tensor(name, head[name], expected[name], body) for name in expected}
    network: Network | Linear
    if LINEAR_NAMES[0] in tensors:
        network = Linear(*(tensors[name] for name in LINEAR_NAMES))
    else:
        network = Network(*(tensors[name] for name in NAMES))
    return Model(network, Scaler(tensors["scaler_low"], tensors["scaler_high"]), card)


def _shapes(head: dict[str, Any], n_inputs: int) -> dict[str, tuple[int, ...]]:
    """The tensors that a head of this kind must have."""
    if LINEAR_NAMES[0] in head:
        return dict(zip(LINEAR_NAMES, ((n_inputs,), (1,)), strict=True))
    units = head["dense_kernel"]["shape"][0]
    if not isinstance(units, int) or not 1 <= units <= LARGEST_UNITS:
        raise ValueError(f"dense_kernel: 1 to {LARGEST_UNITS} units, got {units!r:.100}")
    return shapes_of(units, n_inputs)


def _tensor(name: str, about: dict[str, Any], shape: tuple[int, ...], body: bytes) -> NDArray[Any]:
    dtype, (start, end) = _DTYPES[about["dtype"]], about["data_offsets"]
    size = int(np.prod(shape)) * dtype.itemsize
    if tuple(about["shape"]) != shape or end - start != size or not 0 <= start <= len(body) - size:
        raise ValueError(f"{name}: expected shape {shape}, got {about!r:.200}")
    return np.asarray(np.frombuffer(body[start:end], dtype).reshape(shape))


def _card(found: dict[str, Any]) -> Card:
    """The card, its numbers and names of the right types."""
    first, last = found["training_range"]
    return Card(
        target=Target(found["target"]),
        training_range=(int(first), int(last)),
        data_sha256=str(found["data_sha256"]),
        metrics={str(name): float(value) for name, value in found["metrics"].items()},
        versions={str(name): str(value) for name, value in found["versions"].items()},
        failure_bound=float(found["failure_bound"]),
        seed=int(found["seed"]),
        source=str(found["source"]),
        profile={str(name): (_floats(edges), _floats(of)) for name, (edges, of) in found["profile"].items()},
        inputs=tuple(found["inputs"]),
        window=found["window"],
    )


def _floats(values: list[Any]) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _digest(card: str, body: bytes) -> str:
    return hashlib.sha256(card.encode() + b"\0" + body).hexdigest()
