"""Weights of a Keras HDF5 file, read without Keras: to import published models.

Only numbers of the expected shapes are read; code, links and outside storage in a file are not followed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.errors import InvalidDocument, Mistake
from foresight.slices.network import LARGEST_UNITS, NAMES, Network, shapes_of

MAX_BYTES: Final = 16 * 1024 * 1024
_DEEPEST: Final = 6
_MOST_ITEMS: Final = 32

# What h5py and a file of the wrong shape make Python raise, and what Network refuses.
_WRONG = (OSError, RuntimeError, ValueError, TypeError, KeyError, AttributeError, RecursionError)


def read_keras(path: Path) -> Network:
    """The weights of a Keras HDF5 file with one LSTM and one Dense(1), as Keras 2 and 3 write it.

    Raises ``InvalidDocument``.
    """
    import h5py  # type: ignore[import-untyped] # ships no types; only an import needs it

    try:
        if path.stat().st_size > MAX_BYTES:
            raise ValueError(f"larger than {MAX_BYTES} bytes")
        with h5py.File(path, "r") as file:
            layers = json.loads(file.attrs["model_config"])["config"]["layers"]
            lstm, dense = (layer for layer in layers if layer["class_name"] != "InputLayer")
            _check_layers(lstm, dense)
            shapes = shapes_of(int(lstm["config"]["units"]))
            group = file["model_weights"]
            parts = _datasets(group[lstm["config"]["name"]]), _datasets(group[dense["config"]["name"]])
            found = {**parts[0], "dense_kernel": parts[1]["kernel"], "dense_bias": parts[1]["bias"]}
            return Network(*(_read(name, found[name], shapes[name]) for name in NAMES))
    except _WRONG as error:
        raise InvalidDocument([Mistake(str(path), 0, "", f"no Keras network that fits: {error}")]) from error


def _check_layers(lstm: dict[str, Any], dense: dict[str, Any]) -> None:
    """Refuse what would compute something else with the same weights."""
    wanted: list[tuple[dict[str, Any], str, Any]] = [
        (lstm, "activation", "tanh"),
        (lstm, "recurrent_activation", "sigmoid"),
        (lstm, "go_backwards", False),
        (lstm, "use_bias", True),
        (dense, "activation", "linear"),
        (dense, "units", 1),
        (dense, "use_bias", True),
    ]
    if (lstm["class_name"], dense["class_name"]) != ("LSTM", "Dense"):
        raise ValueError(f"expected LSTM and Dense, got {lstm['class_name']} and {dense['class_name']}")
    for layer, name, value in wanted:
        found = layer["config"][name]
        if found != value:
            raise ValueError(f"{layer['class_name']}.{name}: expected {value}, got {found!r:.100}")
    if not 1 <= int(lstm["config"]["units"]) <= LARGEST_UNITS:
        raise ValueError(f"LSTM.units: 1 to {LARGEST_UNITS}, got {lstm['config']['units']!r:.100}")


def _datasets(group: Any) -> dict[str, Any]:
    """The layer's datasets by their last name: ``kernel:0`` in Keras 2, ``kernel`` in Keras 3."""
    import h5py

    found: dict[str, Any] = {}
    open_groups = [(group, 0)]
    while open_groups:
        here, depth = open_groups.pop()
        for name in here:
            if not isinstance(here.get(name, getlink=True), h5py.HardLink):
                raise TypeError(f"{name}: links are not followed")
            if depth > _DEEPEST or len(open_groups) + len(found) > _MOST_ITEMS:
                raise ValueError(f"{name}: more groups than a layer has")
            item = here[name]
            if isinstance(item, h5py.Group):
                open_groups.append((item, depth + 1))
            else:
                found[name.partition(":")[0]] = item
    return found


def _read(name: str, dataset: Any, shape: tuple[int, ...]) -> NDArray[Any]:
    if dataset.shape != shape or dataset.dtype not in (np.float32, np.float64):
        raise ValueError(f"{name}: expected {shape}, got {dataset.dtype} {dataset.shape}")
    if dataset.external or dataset.is_virtual:
        raise ValueError(f"{name}: numbers kept in another file are not read")
    return np.asarray(dataset[()])
