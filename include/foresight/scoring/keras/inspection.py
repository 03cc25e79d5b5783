"""What a ``.keras`` file asks for, before anything of it is made.

Keras' safe mode refuses stored code; names of functions and of files in a configuration are further ways to
reach beyond the model. So only the layers below are made, with what belongs to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any, Final

import orjson

from foresight.scoring.archives import MAX_UNPACKED, member, objects_in, opened
from foresight.scoring.errors import InvalidModel, UnsupportedModel

HOW: Final = "save the model with model.save('model.keras')"
MAX_CONFIG: Final = 16 * 1024 * 1024
MAX_ITEMS: Final = 100_000
WEIGHTS: Final = "model.weights.h5"
_HDF5: Final = b"\x89HDF\r\n\x1a\n"

LAYERS: Final = frozenset({
    "InputLayer", "Dense", "Activation", "Embedding", "Masking", "Flatten", "Reshape", "Permute",
    "RepeatVector", "Identity", "Rescaling", "Normalization", "BatchNormalization", "LayerNormalization",
    "GroupNormalization", "UnitNormalization", "RMSNormalization", "Dropout", "SpatialDropout1D",
    "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout", "ActivityRegularization",
    "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Add", "Subtract", "Multiply", "Average", "Maximum",
    "Minimum", "Concatenate", "Dot", "Conv1D", "Conv2D", "SeparableConv1D", "SeparableConv2D",
    "DepthwiseConv1D", "DepthwiseConv2D", "Conv1DTranspose", "Conv2DTranspose", "Cropping1D", "Cropping2D",
    "ZeroPadding1D", "ZeroPadding2D", "UpSampling1D", "UpSampling2D", "MaxPooling1D", "MaxPooling2D",
    "AveragePooling1D", "AveragePooling2D", "GlobalMaxPooling1D", "GlobalMaxPooling2D",
    "GlobalAveragePooling1D", "GlobalAveragePooling2D", "LSTM", "GRU", "SimpleRNN", "RNN", "LSTMCell",
    "GRUCell", "SimpleRNNCell", "StackedRNNCells", "Bidirectional", "TimeDistributed", "MultiHeadAttention",
    "Attention", "AdditiveAttention", "EinsumDense",
})  # fmt: skip
MODELS: Final = frozenset({"Sequential", "Functional", "Model"})
PARTS: Final = {
    "keras": frozenset({"DTypePolicy"}) | MODELS,
    "keras.src.models.functional": MODELS,
    "keras.src.models.sequential": MODELS,
    "keras.layers": LAYERS,
    "keras.initializers": None,
    "keras.regularizers": None,
    "keras.constraints": None,
}
"""By module what may be made from it; None: all of it, for those are formulas of numbers."""
_TENSOR: Final = "__keras_tensor__"


def inspect(data: bytes) -> None:
    """Raises ``UnsupportedModel`` with the name of a layer that is not made here, ``InvalidModel``."""
    if data[:8] == _HDF5:
        raise UnsupportedModel("an HDF5 model", f"has no safe mode: {HOW}")
    with opened(data, HOW) as archive:
        try:
            config = orjson.loads(member(archive, "config.json", MAX_CONFIG))
        except orjson.JSONDecodeError as error:
            raise InvalidModel(f"config.json is not JSON: {error}") from error
        weights = member(archive, WEIGHTS, MAX_UNPACKED)
    if not isinstance(config, dict) or config.get("class_name") not in MODELS:
        raise InvalidModel("config.json holds no Keras model")
    config.pop("compile_config", None)  # of training: it is not read
    for part in _parts(config):
        _check_part(part)
    _check_weights(weights)


def _parts(config: Any) -> Iterator[dict[str, Any]]:
    return (here for here in objects_in(config) if "class_name" in here or "registered_name" in here)


def _check_part(part: dict[str, Any]) -> None:
    name, module, registered = part.get("class_name"), part.get("module"), part.get("registered_name")
    if name == _TENSOR and module is None:
        return
    known = PARTS.get(module, frozenset()) if isinstance(module, str) else frozenset()
    if registered not in {None, name} or not (known is None or name in known):
        shown = ".".join(str(word)[:80] for word in (module, name) if word)
        raise UnsupportedModel(f"{shown}{f' ({registered})' if registered not in {None, name} else ''}")


def _check_weights(data: bytes) -> None:
    """Numbers only, and inside of the file: no link, no storage elsewhere, no more than may be unpacked."""
    import h5py  # type: ignore[import-untyped] # ships no types; only Keras models need it

    try:
        with h5py.File(BytesIO(data), "r") as file:
            open_groups, items, size = [file], 0, 0
            while open_groups:
                group = open_groups.pop()
                for name in group:
                    items += 1
                    if items > MAX_ITEMS:
                        raise InvalidModel(f"{WEIGHTS} has more than {MAX_ITEMS} items")
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise InvalidModel(f"{WEIGHTS}: {name!r:.80} is a link, and links are not followed")
                    item = group[name]
                    if isinstance(item, h5py.Group):
                        open_groups.append(item)
                        continue
                    if item.external or item.is_virtual:
                        raise InvalidModel(f"{WEIGHTS}: {name!r:.80} is kept in another file")
                    size += item.size * item.dtype.itemsize
                    if size > MAX_UNPACKED or item.dtype.kind not in "fiub":
                        raise InvalidModel(f"{WEIGHTS}: {name!r:.80} is too large, or holds no numbers")
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidModel(f"{WEIGHTS} is broken: {error}") from error
