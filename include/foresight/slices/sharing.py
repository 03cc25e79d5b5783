"""A cell counts its failures without a slice: shared out among the slices it serves, and said how."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from foresight.slices.measurements import Reason, Sharing

Share = tuple[float | None, Sharing]


@dataclass(slots=True)
class Counts:
    """What one slice counted in one cell; ``block`` is the part of the event it was first seen in."""

    block: int
    requests: float | None = None
    successes: float | None = None


@dataclass(slots=True)
class Cell:
    """What one cell reported over one period: counts a slice, failures a block of the event."""

    slices: dict[str, Counts] = field(default_factory=dict)
    failures: dict[int, float] = field(default_factory=dict)
    is_suspect: bool = False
    n_values: int = 0

    def put(self, snssai: str, counter: str, block: int, value: float) -> bool:
        """Take a ``Req`` or ``Succ`` of a slice; false if there was one already."""
        counts = self.slices.setdefault(snssai, Counts(block))
        name = "requests" if counter == "Req" else "successes"
        if getattr(counts, name) is not None:
            return False
        setattr(counts, name, value)
        self.n_values += 1
        return True

    def put_failures(self, block: int, value: float) -> bool:
        """Take the cell's failures; false if this block gave some already."""
        if block in self.failures:
            return False
        self.failures[block] = value
        self.n_values += 1
        return True


def share_failures(cell: Cell) -> tuple[dict[str, Share], Counter[Reason]]:
    """The failures of each slice, and how many reported failures could not be given to any.

    Failures of a block belong to the slices of that block; a block without slices has those of all slices
    that have none yet.
    """
    shares: dict[str, Share] = dict.fromkeys(cell.slices, (None, Sharing.MISSING))
    lost: Counter[Reason] = Counter()
    own = {counts.block for counts in cell.slices.values()}
    for block in sorted(cell.failures, key=lambda block: block not in own):
        names = [
            name
            for name, counts in cell.slices.items()
            if (counts.block == block if block in own else shares[name][1] is Sharing.MISSING)
        ]
        if not names:
            lost[Reason.FAILURES_WITHOUT_SLICE] += 1
        elif not _share(cell, names, cell.failures[block], shares):
            lost[Reason.FAILURES_UNSHAREABLE] += 1
    return shares, lost


def _share(cell: Cell, names: list[str], failures: float, shares: dict[str, Share]) -> bool:
    """Share ``failures`` among slices; false if one of several did not say how many it may have had."""
    if len(names) == 1:
        shares[names[0]] = failures, Sharing.MEASURED
        return True
    counts = [cell.slices[name] for name in names]
    requests = [count.requests for count in counts if count.requests is not None]
    successes = [count.successes for count in counts if count.successes is not None]
    if len(requests) < len(names) or len(successes) < len(names):
        return False
    shortfall = [max(r - s, 0.0) for r, s in zip(requests, successes, strict=True)]
    candidates = (
        (shortfall, Sharing.BY_SHORTFALL),
        (requests, Sharing.BY_REQUESTS),
        ([1.0] * len(names), Sharing.EQUALLY),
    )
    weights, sharing = next((weights, sharing) for weights, sharing in candidates if sum(weights) > 0)
    total = sum(weights)
    shares.update({name: (failures * w / total, sharing) for name, w in zip(names, weights, strict=True)})
    return True
