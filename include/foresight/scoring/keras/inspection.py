"""What a file of Keras asks for, before anything of it is made.

Keras' safe mode refuses stored code; names of functions and of files in a configuration are further ways to
reach beyond the model. So only the layers below are made, with what belongs to them.
"""

from __future__ import annotations

import re
from io import BytesIO
from typing import Any, Final

import orjson

from foresight.scoring.archives import MAX_UNPACKED, member, objects_in, opened
from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.keras.layers import MODELS, PARTS, VALUES, WITHOUT_MODULE

HOW: Final = "save the model with model.save('model.keras')"
MAX_CONFIG: Final = 16 * 1024 * 1024
MAX_ITEMS: Final = 100_000
WEIGHTS: Final = "model.weights.h5"
CONFIG: Final = "config.json"
_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_MEMBERS: Final = re.compile(
    r"metadata\.json|config\.json|model\.weights\.h5|assets/[\w/.-]*/vocabulary\.txt"
)


def inspect(data: bytes) -> str:
    """The ending of such a file. Raises ``UnsupportedModel`` with the name of a layer that is not made here,
    ``InvalidModel``."""
    if data[:8] == _HDF5:
        _check_config(_config_of(data), is_old=True)
        return ".h5"
    with opened(data, HOW) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and (not _MEMBERS.fullmatch(name) or ".." in name):
                raise UnsupportedModel(
                    f"member {name!r:.80} of the archive", f"belongs to no Keras model: {HOW}"
                )
        config = _read(member(archive, CONFIG, MAX_CONFIG))
        weights = member(archive, WEIGHTS, MAX_UNPACKED)
    _check_config(config, is_old=False)
    _check_weights(weights, WEIGHTS)
    return ".keras"


def _read(text: bytes | str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise InvalidModel(f"the configuration of the model is not JSON: {error}") from error


def _check_config(config: Any, *, is_old: bool) -> None:
    if not isinstance(config, dict) or config.get("class_name") not in MODELS:
        raise InvalidModel("the configuration holds no Keras model")
    config.pop("compile_config", None)  # of training: it is not read
    for here in objects_in(config):
        if "class_name" in here or "registered_name" in here:
            _check_part(here, is_old=is_old)
        if isinstance(here.get("vocabulary"), str) or isinstance(here.get("idf_weights"), str):
            raise UnsupportedModel(
                "a vocabulary in another file", "is not read: give it as a list, or adapt it"
            )


def _check_part(part: dict[str, Any], *, is_old: bool) -> None:
    name, module, registered = part.get("class_name"), part.get("module"), part.get("registered_name")
    if module is None and (name in VALUES or (is_old and registered is None and name in WITHOUT_MODULE)):
        return
    known = PARTS.get(module, frozenset()) if isinstance(module, str) else frozenset()
    if registered not in {None, name} or not (known is None or name in known):
        shown = ".".join(str(word)[:80] for word in (module, name) if word)
        raise UnsupportedModel(
            f"{shown}{f' ({registered})' if registered not in {None, name} else ''}",
            "is not among the layers that are made from a file: replace it, or export the model as ONNX",
        )


def _config_of(data: bytes) -> Any:
    """The configuration in an HDF5 file, whose weights are looked over."""
    import h5py  # type: ignore[import-untyped] # ships no types; only Keras models need it

    _check_weights(data, "the file")
    with h5py.File(BytesIO(data), "r") as file:
        config = file.attrs.get("model_config")
    if isinstance(config, bytes):
        config = config.decode("utf-8", "replace")
    if not isinstance(config, str) or len(config) > MAX_CONFIG:
        raise InvalidModel(f"the file holds weights and no model: {HOW}")
    return _read(config)


def _check_weights(data: bytes, what: str) -> None:
    """Numbers only, and inside of the file: no link, no storage elsewhere, no more than may be unpacked."""
    import h5py

    try:
        with h5py.File(BytesIO(data), "r") as file:
            open_groups, items, size = [file], 0, 0
            while open_groups:
                group = open_groups.pop()
                for name in group:
                    items += 1
                    if items > MAX_ITEMS:
                        raise InvalidModel(f"{what} has more than {MAX_ITEMS} items")
                    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                        raise InvalidModel(f"{what}: {name!r:.80} is a link, and links are not followed")
                    item = group[name]
                    if isinstance(item, h5py.Group):
                        open_groups.append(item)
                        continue
                    if item.external or item.is_virtual:
                        raise InvalidModel(f"{what}: {name!r:.80} is kept in another file")
                    size += item.size * item.dtype.itemsize
                    if size > MAX_UNPACKED or item.dtype.kind not in "fiub":
                        raise InvalidModel(f"{what}: {name!r:.80} is too large, or holds no numbers")
    except (OSError, RuntimeError, ValueError, KeyError, AttributeError, TypeError) as error:
        raise InvalidModel(f"{what} is broken: {error}") from error
