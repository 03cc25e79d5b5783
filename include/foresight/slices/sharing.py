"""A cell counts its failures without a slice: shared out among the slices it serves, and said how."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from foresight.slices.measurements import Value

CAPACITY_CAUSES: Final = frozenset({"26", "67", "69"})
"""5GSM causes that more connections can cure, "insufficient resources" (3GPP TS 24.501, 9.11.4.2)."""

_FAILURES = "failures."
Values = Mapping[str, "Value"]


class Sharing(StrEnum):
    """Where the failures of a record come from: cells count them without a slice."""

    MEASURED = "measured"
    BY_SHORTFALL = "shared_by_shortfall"  # in proportion to requests - successes
    BY_REQUESTS = "shared_by_requests"  # no slice of the cell fell short
    EQUALLY = "shared_equally"  # no slice of the cell had a request
    UNSHAREABLE = "unshareable"  # a slice of the cell lacks requests or successes
    MISSING = "missing"


Share = tuple[float | None, float | None, Sharing]
"""Failures, those of them for lack of capacity, and how they were shared."""


def share_failures(cell: Mapping[str, Values]) -> dict[str, Share]:
    """The failures of each slice of one cell and period; ``cell``: slice → its counters.

    A count belongs to the slices that it names, or to its own slice. The counts under no slice (``""``)
    belong to the slices that have none of their own.
    """
    counted = {
        snssai: {name.removeprefix(_FAILURES): value for name, value in values.items() if _is_failure(name)}
        for snssai, values in cell.items()
    }
    without = sorted(snssai for snssai, counts in counted.items() if snssai and not counts)
    loose = {cause: value._replace(slices=tuple(without)) for cause, value in counted.get("", {}).items()}
    return {snssai: _share(cell, snssai, counted[snssai] or (loose if snssai else {})) for snssai in cell}


def _is_failure(name: str) -> bool:
    return name.startswith(_FAILURES)


def _share(cell: Mapping[str, Values], snssai: str, counts: Mapping[str, Value]) -> Share:
    if not counts:
        return None, None, Sharing.MISSING
    total, capacity, sharing = 0.0, 0.0, Sharing.MEASURED
    for cause, value in sorted(counts.items()):
        part, whole, sharing = _part(cell, snssai, value.slices or (snssai,))
        if not whole:
            return None, None, sharing
        total += value.number * part / whole
        capacity += value.number * part / whole if cause in CAPACITY_CAUSES else 0.0
    return total, capacity if set(counts) != {"0"} else None, sharing


def _part(cell: Mapping[str, Values], snssai: str, names: Sequence[str]) -> tuple[float, float, Sharing]:
    """The weight of ``snssai`` and of all ``names`` that share a count; 0 of 0 where nobody can tell."""
    if len(names) == 1:
        return 1.0, 1.0, Sharing.MEASURED
    requests = [_number(cell, name, "requests") for name in names]
    successes = [_number(cell, name, "successes") for name in names]
    asked = [count for count in requests if count is not None]
    served = [count for count in successes if count is not None]
    if len(asked) < len(names) or len(served) < len(names):
        return 0.0, 0.0, Sharing.UNSHAREABLE
    shortfall = [max(r - s, 0.0) for r, s in zip(asked, served, strict=True)]
    candidates = (
        (shortfall, Sharing.BY_SHORTFALL),
        (asked, Sharing.BY_REQUESTS),
        ([1.0] * len(names), Sharing.EQUALLY),
    )
    weights, sharing = next((weights, sharing) for weights, sharing in candidates if sum(weights) > 0)
    return weights[names.index(snssai)], sum(weights), sharing


def _number(cell: Mapping[str, Values], snssai: str, counter: str) -> float | None:
    value = cell.get(snssai, {}).get(counter)
    return None if value is None else value.number
