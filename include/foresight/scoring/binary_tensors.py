"""Inputs of the Open Inference Protocol as binary data behind the JSON of a request.

Source: Triton's binary tensor data extension. Each input that says ``binary_data_size`` takes so many bytes,
in the order of the inputs: little-endian numbers, or for BYTES a length of 4 bytes before each text.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import InvalidRequest

_NUMPY: Final = {
    "BOOL": "?", "UINT8": "<u1", "UINT16": "<u2", "UINT32": "<u4", "UINT64": "<u8", "INT8": "<i1",
    "INT16": "<i2", "INT32": "<i4", "INT64": "<i8", "FP16": "<f2", "FP32": "<f4", "FP64": "<f8",
}  # fmt: skip
_SIZE: Final = "binary_data_size"


def with_data(request: Any, binary: bytes) -> Any:
    """The request with the data of its inputs as lists. Raises ``InvalidRequest``."""
    if not isinstance(request, Mapping) or not isinstance(request.get("inputs"), list):
        return request  # whoever reads it says what is wrong
    at, inputs = 0, []
    for given in request["inputs"]:
        size = _size_of(given)
        if size is None:
            inputs.append(given)
            continue
        if at + size > len(binary):
            raise InvalidRequest(
                [f"input {given.get('name')!r:.80} says {size} bytes, {len(binary) - at} are left"]
            )
        inputs.append({**given, "data": _values(given, binary[at : at + size])})
        at += size
    if at != len(binary):
        raise InvalidRequest([f"{len(binary) - at} bytes behind the last input belong to none"])
    return {**request, "inputs": inputs}


def _size_of(given: Any) -> int | None:
    parameters = given.get("parameters") if isinstance(given, Mapping) else None
    if not isinstance(parameters, Mapping) or _SIZE not in parameters:
        return None
    size = parameters[_SIZE]
    if not isinstance(size, int) or isinstance(size, bool) or size < 0:
        raise InvalidRequest([f"{_SIZE} of input {given.get('name')!r:.80} must be a number of bytes"])
    if "data" in given:
        raise InvalidRequest([f"input {given.get('name')!r:.80} has data and {_SIZE}: give one of them"])
    return size


def _values(given: Mapping[str, Any], data: bytes) -> list[Any]:
    what, datatype = f"input {given.get('name')!r:.80}", given.get("datatype")
    if datatype == "BYTES":
        return _texts(what, data)
    if datatype not in _NUMPY:
        raise InvalidRequest([f"datatype of {what} must be one of BYTES, {', '.join(_NUMPY)}"])
    kind = np.dtype(_NUMPY[datatype])
    if len(data) % kind.itemsize:
        raise InvalidRequest([f"{what} has {len(data)} bytes, no multiple of {kind.itemsize}"])
    values: list[Any] = np.frombuffer(data, kind).tolist()
    if kind.kind == "f" and not np.isfinite(np.frombuffer(data, kind)).all():
        return [None if value != value else value for value in values]  # NaN: a missing value
    return values


def _texts(what: str, data: bytes) -> list[str]:
    found, at = [], 0
    while at < len(data):
        (length,) = struct.unpack_from("<I", data, at) if at + 4 <= len(data) else (len(data),)
        text = data[at + 4 : at + 4 + length]
        if at + 4 + length > len(data):
            raise InvalidRequest([f"{what}: a text at byte {at} runs over the end of its data"])
        try:
            found.append(text.decode())
        except UnicodeDecodeError as error:
            raise InvalidRequest([f"{what}: a text at byte {at} is not UTF-8"]) from error
        at += 4 + length
    return found
