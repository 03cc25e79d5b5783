"""Single values as people and programs hand them in: which kind each is, and how it is shown in a reason."""

from __future__ import annotations

import math
import numbers
from decimal import Decimal
from typing import Any, Final

import numpy as np

NUMBERS: Final = frozenset({"double", "float", "integer"})
_SHOWN = 60
_KINDS: Final = {str: "a text", dict: "an object", list: "a list", tuple: "a list"}


def is_number(raw: Any) -> bool:
    """Whether it is a real number: Python's, NumPy's or a decimal, and no truth value."""
    if type(raw) in {float, int}:
        return True
    return isinstance(raw, numbers.Real | Decimal) and not isinstance(raw, bool | np.bool_)


def is_nan(raw: Any) -> bool:
    """Whether it is a number that is none, which stands for a missing value."""
    return is_number(raw) and bool(raw != raw)


def typed(raw: Any, data_type: str) -> tuple[Any, str]:
    """A value as a plain one of its type, or the reason why it cannot be; NaN is missing, that is None."""
    if data_type == "string":
        return (raw, "") if isinstance(raw, str) else (None, f"is {kind_of(raw)}, not a text")
    if data_type == "boolean":
        if isinstance(raw, bool | np.bool_):
            return bool(raw), ""
        return None, f"is {kind_of(raw)}, not true or false"
    if data_type not in NUMBERS:
        fits = is_number(raw) or isinstance(raw, str)
        return (raw, "") if fits else (None, f"is {kind_of(raw)}, not a {data_type}")
    return _number(raw, data_type)


def _number(raw: Any, data_type: str) -> tuple[Any, str]:
    if not is_number(raw):
        return None, f"is {kind_of(raw)}, not a number"
    try:
        value = float(raw)
    except OverflowError:
        return None, "is too large for a number"
    if not math.isfinite(value):
        return None, "" if value != value else "is not a finite number"
    if data_type != "integer":
        return value, ""
    if not value.is_integer() or raw != int(raw):
        return None, "is not a whole number"
    return int(raw), ""


def from_text(text: str, data_type: str) -> Any:
    """What a text of a CSV cell stands for; the text itself where it stands for nothing of the type."""
    if data_type == "string":
        return text or None
    stripped = text.strip()
    if not stripped:
        return None
    if data_type == "boolean":
        return {"true": True, "false": False}.get(stripped.lower(), text)
    if data_type in NUMBERS:
        return _number_of(text, stripped, data_type)
    return stripped


def _number_of(text: str, stripped: str, data_type: str) -> Any:
    if "_" in stripped:
        return text  # underscores are Python's, not a number's
    try:
        value = float(stripped)
        # Beyond 2**53 a float is not the whole number that is written.
        if data_type == "integer" and abs(value) >= 2.0**53 and stripped.lstrip("+-").isdecimal():
            return int(stripped)
    except ValueError:
        return text
    return value


def kind_of(value: Any) -> str:
    """What a value is, in words."""
    if isinstance(value, bool | np.bool_):
        return "a truth value"
    if value is None:
        return "nothing"
    if is_number(value):
        return "a number"
    return next(
        (words for kind, words in _KINDS.items() if isinstance(value, kind)), f"a {type(value).__name__}"
    )


def shown(value: Any) -> str:
    """A value as a reason shows it, of bounded length."""
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 1024:
        return f"an integer of {value.bit_length()} bits"
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"
