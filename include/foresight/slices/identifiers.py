"""What names a slice and a cell: the one definition that reader, configuration and policy message share.

A slice id is opaque: whatever follows the counter's name. Two ids are the same slice if their normal
forms are equal. A cell is a number or a distinguished name (3GPP TS 32.300); the consumer of the policy
message reads a number.
"""

from __future__ import annotations

import re
from typing import Final

LONGEST_SLICE: Final = 64
LONGEST_NAME: Final = 255
LARGEST_LOCAL_ID: Final = 2**31 - 1

_DIGITS = re.compile(r"[0-9]{1,10}")
_LAST_RDN = re.compile(r"(?:.*[,/])?\s*[A-Za-z][\w.-]*\s*=\s*([^,/=]*)", re.DOTALL)


def slice_id(text: str) -> str | None:
    """A slice id without surrounding blanks, 1 to 64 printable characters; None for anything else."""
    found = text.strip(" \t")
    return found if 1 <= len(found) <= LONGEST_SLICE and found.isprintable() else None


def normal_form(snssai: str) -> str:
    """What slice ids are compared and stored by: without surrounding blanks, in upper case."""
    return snssai.strip().casefold().upper()


def local_id(cell: str) -> str | None:
    """The number that the consumer knows a cell by: the cell's own, or the value of its name's last RDN.

    ``ManagedElement=gnb1,NRCellCU=13999`` is cell ``13999``. None where that is no whole number of 32 bits.
    """
    match = _LAST_RDN.fullmatch(cell) if "=" in cell else None
    found = (match[1] if match else cell).strip()
    return found if _DIGITS.fullmatch(found) and int(found) <= LARGEST_LOCAL_ID else None
