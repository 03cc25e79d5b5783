"""The functions that SAS Enterprise Miner calls in its documents.

It also writes a DefineFunction of each, whose body names its parameter FMTWIDTH in a Constant, so it cannot
be run as it is written. Here they do what the formats of SAS do; a text is not filled up with blanks.
"""

from __future__ import annotations

import math
from typing import Any, Final

from foresight.scoring.pmml.text_functions import substring


def normalized(width: float, text: Any) -> str:
    """The first ``width`` characters in capitals, without blanks around them."""
    return substring(str(text).lstrip(), 1, width).upper().rstrip()


def first_characters(width: float, text: Any) -> str:
    """The first ``width`` characters."""
    return substring(text, 1, width)


def best_number(width: float, value: Any) -> str:
    """The number as exactly as ``width`` characters allow; stars where none do."""
    size, number = int(width), float(value)
    if not math.isfinite(number):
        return str(value)
    whole = f"{number:.0f}"
    if number.is_integer() and len(whole) <= size:
        return whole
    for digits in range(min(size, 17), -1, -1):
        plain = f"{number:.{digits}f}"
        plain = plain.rstrip("0").rstrip(".") if digits else plain
        if len(plain) <= size and (float(plain) != 0.0 or number == 0.0):
            return plain
    for digits in range(min(size, 17), -1, -1):
        mantissa, _, exponent = f"{number:.{digits}E}".partition("E")
        mantissa = mantissa.rstrip("0").rstrip(".") if digits else mantissa
        scientific = f"{mantissa}E{int(exponent)}"
        if len(scientific) <= size:
            return scientific
    return "*" * max(size, 0)


SAS_FUNCTIONS: Final = {
    "SAS-EM-String-Normalize": normalized,
    "SAS-FORMAT-$CHARw": first_characters,
    "SAS-FORMAT-BESTw": best_number,
}
"""By name; the first argument is the width."""
