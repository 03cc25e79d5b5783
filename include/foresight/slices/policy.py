"""The policy message, in exactly the form its consumer reads: one a slice, all its gNB-CUs and cells in it.

The consumer (ONAP ``slice-analysis-ms``) refuses a body with a key that it does not know; what else there is
to say about a message rides in its headers. ``policy_message.schema.json`` is the same form as a JSON schema.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

import orjson

from foresight.errors import IdentityClash, MessageRejected
from foresight.slices.identifiers import LARGEST_LOCAL_ID, local_id


@dataclass(frozen=True, slots=True)
class Change:
    """A cell's new limit: ``configured`` is what holds now, ``decided`` what the guardrails answered.

    ``snssai`` is the slice in its normal form, ``sent_as`` as events spell it; ``cell`` the id that the
    consumer reads; ``ric`` the controller that the cell hangs on, empty where none is known.
    """

    snssai: str
    cu: str
    cell: str
    configured: int
    decided: int
    sent_as: str = ""
    ric: str = ""


@dataclass(frozen=True, slots=True)
class PolicyMessage:
    """What goes to Kafka: the slice as events spell it is the key."""

    snssai: str
    body: bytes
    ric: str = ""


def policy_messages(changes: Iterable[Change], as_of: int) -> list[PolicyMessage]:
    """One message a slice and controller, in their order; the same changes in any order give the same bytes.

    The consumer finds the controller by the first cell of a gNB-CU only, so cells of several are never mixed.
    ``as_of``: epoch seconds, shown in UTC. Raises ``MessageRejected`` for a cell whose id the consumer cannot
    read, ``IdentityClash`` for a cell with two changes.
    """
    ordered = sorted(changes, key=lambda change: (change.snssai, change.ric, change.cu, change.cell))
    seen: set[tuple[str, str, str]] = set()
    for change in ordered:
        key = (change.snssai, change.cu, change.cell)
        if key in seen:
            raise IdentityClash(f"two changes of cell {change.cell} of {change.cu} in slice {change.snssai}")
        seen.add(key)
    stamp = datetime.fromtimestamp(as_of, UTC).strftime("%d/%m/%Y %H:%M:%S")
    messages = []
    for (snssai, ric), grouped in groupby(ordered, key=lambda change: (change.snssai, change.ric)):
        of_slice = list(grouped)
        sent_as = min(change.sent_as or snssai for change in of_slice)
        data = [
            {"gNBCUName": cu, "cellCUList": [_cell(change, stamp) for change in of_cu]}
            for cu, of_cu in groupby(of_slice, key=lambda change: change.cu)
        ]
        messages.append(PolicyMessage(sent_as, orjson.dumps({"snssai": sent_as, "data": data}), ric))
    return messages


def _cell(change: Change, stamp: str) -> dict[str, object]:
    if local_id(change.cell) != change.cell:
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
