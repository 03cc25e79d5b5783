"""Regular expressions as Prometheus has them: RE2, through Arrow, in linear time whatever the expression."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from foresight.errors import FinalError


def regex_mistake(expression: str) -> str | None:
    """Why RE2 refuses an expression: wrong, or too large to compile.

    Both as it is written and as it is run: ``a)|(b`` is an expression only in the parentheses around it, and
    ``\\Qa`` only without them.
    """
    for form in (expression, _whole(expression)):
        try:
            pc.match_substring_regex(_texts([""]), form)
        except pa.ArrowInvalid as error:
            return str(error).partition("\n")[0]
    return None


def full_matches(expression: str, values: Sequence[str]) -> NDArray[np.bool_]:
    """Which values the expression matches from end to end, ``[n_values]``; a dot matches a line break too.

    Raises ``FinalError`` for an expression that ``regex_mistake`` refuses.
    """
    try:
        found = pc.match_substring_regex(_texts(values), _whole(expression))
    except pa.ArrowInvalid as error:
        raise FinalError(f"the regular expression {expression!r} cannot be run: {error}") from error
    bits = np.frombuffer(found.buffers()[1], dtype=np.uint8)
    return np.unpackbits(bits, count=len(values), bitorder="little").astype(np.bool_)


def _whole(expression: str) -> str:
    return rf"\A(?s:{expression})\z"


def _texts(values: Sequence[str]) -> pa.StringArray:
    """Built from buffers (and read from them above), because Arrow's conversions import pandas: a second."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, dtype=np.int32)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(len(encoded), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))
