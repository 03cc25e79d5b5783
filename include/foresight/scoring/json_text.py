"""Records as JSON that every reader takes: no NaN, no bytes, no types of NumPy."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

import orjson

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY


def to_json(value: Any) -> bytes:
    """A value as JSON; what JSON has no word for becomes a text, what is not finite null."""
    try:
        # A copy holds no more than its own bytes; what comes out of the encoder holds a kilobyte.
        return b"%b" % orjson.dumps(value, None, _OPTIONS)
    except (TypeError, ValueError):
        return json.dumps(_plain(value)).encode()


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(inner) for inner in value]
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if hasattr(value, "tolist"):  # NumPy
        return _plain(value.tolist())
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
