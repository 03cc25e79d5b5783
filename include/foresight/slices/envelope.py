"""How far capacity may go over time: floor and ceiling of a cell, the day's limits, room shared in a cell.

Steps that are each small add up: noise lets capacity fall to a third, a failure that more connections do not
cure lets it grow a thousandfold. So every cell has an anchor, the value that its operator first configured,
and keeps within a share of it; and of two values within a day neither a cell's nor a slice's differ by much.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from foresight.slices.guardrails import Box
from foresight.slices.projection import Floats


@dataclass(frozen=True, slots=True)
class Envelope:
    """Parts of the anchor (floor, ceiling) and of any value within the last day (largest change of a day).

    ``repeats``: how often a change that the configuration does not take up is sent again.
    """

    floor_share: float = 0.5
    ceiling_share: float = 2.0
    day_cell_share: float = 0.5
    day_slice_share: float = 0.2
    repeats: int = 3

    def __post_init__(self) -> None:
        if not 0.0 <= self.floor_share <= 1.0 <= self.ceiling_share:
            raise ValueError(
                "floor_share must lie between 0 and 1, ceiling_share from 1 on, "
                f"got {self.floor_share} and {self.ceiling_share}"
            )
        for name in ("day_cell_share", "day_slice_share"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise ValueError(f"{name} must lie between 0 and 1, got {getattr(self, name)}")
        if self.repeats < 0:
            raise ValueError(f"repeats must be at least 0, got {self.repeats}")


def box_of(
    envelope: Envelope,
    slices: ArrayLike,
    previous: ArrayLike,
    *,
    anchor: ArrayLike = np.nan,
    day: ArrayLike | None = None,
    floor: ArrayLike = np.nan,
    ceiling: ArrayLike = np.nan,
    most: ArrayLike = np.nan,
) -> Box:
    """The limits of each row; NaN where nothing is known: the previous value takes its place.

    ``slices`` int ``[n]``; ``anchor``: what floor and ceiling are parts of, unless ``floor`` and ``ceiling``
    say them; ``day`` ``[n, k]``: what was in force over the last day; ``most``: the greatest value for
    another reason.
    """
    of = np.asarray(slices, np.int64)
    P = np.asarray(previous, np.float64)
    base = _known(anchor, P)
    past = P[:, None] if day is None else np.where(np.isnan(given := np.asarray(day)), P[:, None], given)
    past = np.concatenate([past, P[:, None]], axis=1)
    sums = np.zeros((int(of.max(initial=-1)) + 1, past.shape[1]))
    np.add.at(sums, of, np.where(np.isfinite(past) & (past > 0), past, 0.0))
    (least, greatest), (least_sum, greatest_sum) = (_extremes(values) for values in (past, sums))
    return Box(
        floor=_known(floor, np.ceil(base * envelope.floor_share)),
        ceiling=_known(ceiling, np.floor(base * envelope.ceiling_share)),
        lowest=np.ceil(greatest * (1 - envelope.day_cell_share)),
        highest=np.fmin(np.floor(least * (1 + envelope.day_cell_share)), np.broadcast_to(most, P.shape)),
        slice_lowest=np.ceil(greatest_sum * (1 - envelope.day_slice_share))[of],
        slice_highest=np.floor(least_sum * (1 + envelope.day_slice_share))[of],
    )


def _extremes(values: Floats) -> tuple[Floats, Floats]:
    return values.min(axis=1), values.max(axis=1)


def _known(given: ArrayLike, other: Floats) -> Floats:
    values = np.broadcast_to(np.asarray(given, np.float64), other.shape)
    return np.where(np.isnan(values), other, values)


def shared_room(
    cells: ArrayLike, previous: ArrayLike, wished: ArrayLike, capacity: ArrayLike
) -> NDArray[np.float64]:
    """The greatest value of each row where several slices share a cell of limited capacity.

    ``cells`` int ``[n]``: the cell of each row; ``wished``: what the row asks for, NaN for none;
    ``capacity``: of the row's cell over all its slices, NaN for no limit. The room that is left is shared in
    proportion to the increases asked for; what other slices give up counts only once it is given. Infinite
    where there is no limit.
    """
    of = np.asarray(cells, np.int64)
    P = np.nan_to_num(np.asarray(previous, np.float64), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    Q = np.asarray(wished, np.float64)
    limit = np.broadcast_to(np.asarray(capacity, np.float64), P.shape)
    more = np.where(np.isfinite(Q), np.maximum(Q - P, 0.0), 0.0)
    used, asked = np.zeros(int(of.max(initial=-1)) + 1), np.zeros(int(of.max(initial=-1)) + 1)
    np.add.at(used, of, P)
    np.add.at(asked, of, more)
    room = np.maximum(limit - used[of], 0.0)
    part = np.minimum(room / np.maximum(asked[of], 1e-12), 1.0)
    most: Floats = np.where(np.isnan(limit), np.inf, np.floor(P + more * part))
    return most
