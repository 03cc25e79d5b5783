"""The policy message, in exactly the form its consumer reads: one a slice, all its gNB-CUs and cells in it.

The consumer (ONAP ``slice-analysis-ms``) refuses a body with a key that it does not know; what else there is
to say about a message rides in its headers. ``policy_message.schema.json`` is the same form as a JSON schema.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby, pairwise
from typing import Final

import orjson

from foresight.errors import IdentityClash, MessageRejected

LARGEST_LOCAL_ID: Final = 2**31 - 1
_DIGITS = re.compile(r"[0-9]{1,10}")


@dataclass(frozen=True, slots=True)
class Change:
    """A cell's new limit: ``configured`` is what holds now, ``decided`` what the guardrails answered."""

    snssai: str
    cu: str
    cell: str
    configured: int
    decided: int


@dataclass(frozen=True, slots=True)
class PolicyMessage:
    """What goes to Kafka: the slice is the key."""

    snssai: str
    body: bytes


def is_local_id(cell: str) -> bool:
    """Whether the consumer can read a cell's id: it takes a whole number of 32 bits, written in digits."""
    return bool(_DIGITS.fullmatch(cell)) and int(cell) <= LARGEST_LOCAL_ID


def policy_messages(changes: Iterable[Change], as_of: int) -> list[PolicyMessage]:
    """One message a slice, in the order of slices; the same changes in any order give the same bytes.

    ``as_of``: epoch seconds, shown in UTC. Raises ``MessageRejected`` for a cell whose id the consumer cannot
    read, ``IdentityClash`` for a cell with two changes.
    """
    ordered = sorted(changes, key=lambda change: (change.snssai, change.cu, change.cell))
    for change, following in pairwise(ordered):
        if (change.snssai, change.cu, change.cell) == (following.snssai, following.cu, following.cell):
            raise IdentityClash(f"two changes of cell {change.cell} of {change.cu} in slice {change.snssai}")
    stamp = datetime.fromtimestamp(as_of, UTC).strftime("%d/%m/%Y %H:%M:%S")
    messages = []
    for snssai, of_slice in groupby(ordered, key=lambda change: change.snssai):
        data = [
            {"gNBCUName": cu, "cellCUList": [_cell(change, stamp) for change in of_cu]}
            for cu, of_cu in groupby(of_slice, key=lambda change: change.cu)
        ]
        messages.append(PolicyMessage(snssai, orjson.dumps({"snssai": snssai, "data": data})))
    return messages


def _cell(change: Change, stamp: str) -> dict[str, object]:
    if not is_local_id(change.cell):
        raise MessageRejected(
            f"cell {change.cell!r} of {change.snssai}: the consumer reads ids from 0 to {LARGEST_LOCAL_ID}"
        )
    return {
        "cellLocalId": change.cell,
        "configData": {
            "maxNumberofConns": int(change.configured),
            "predictedMaxNumberofConns": int(change.decided),
            "lastUpdatedTS": stamp,
        },
    }
