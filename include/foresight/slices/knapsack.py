"""The whole numbers nearest to a wish when small changes are not made and a group's sum is limited.

Minimise ``sum((D - c)**2)`` over whole ``D`` with ``D_i = 0`` or ``least_i <= |D_i| <= most_i`` on the side
of
``c_i``, and ``-lower <= sum(D) <= upper`` in every group. ``most`` does not go beyond the rounding of ``c``,
so without the limit on the sum ``most`` itself is nearest. With it, this is a knapsack whose cells may also
drop to 0. Three ways, cheapest first:

1. Lagrange: each cell's nearest choice when every unit costs ``2 * m``. Where the sum meets the limit exactly
   for one multiplier ``m``, nothing is nearer (Everett 1963, "Generalized Lagrange multiplier method").
2. Lagrange, filling and repair: the cells that may move at ``m``, and a few more or fewer, each set solved
   exactly (it is convex); the nearest of them counts. The dual value bounds how much nearer any could be.
3. Dynamic programme over sums, exact, while it takes fewer than ``MOST_STEPS`` steps. Changes that by
   themselves cost more than that bound are left out first ("pegging", Bretthauer and Shetty 2002, "The
   nonlinear knapsack problem"), so that few steps are left. Where there are too many, the second counts, with
   the bound as its gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from foresight.slices.projection import Floats, Groups, Ints, lowered, nearest

MOST_STEPS: Final = 10_000_000
_HALVINGS: Final = 100
_TRIED: Final = 3
_TIE: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Chosen:
    """``change`` ``[n]``; ``gap`` ``[n_groups]``: how much nearer an answer could be.

    A part of the distance; 0 where the answer is proved to be the nearest.
    """

    change: Ints
    gap: Floats


def choose(keys: Ints, wish: Floats, least: Ints, most: Ints, lower: Ints, upper: Ints) -> Chosen:
    """Whole ``D`` nearest to ``wish``; ``keys`` in runs, ``least`` and ``most`` by row, the others by group.

    Rows of a group stand in the order in which ties are given: of two answers equally near, the one that
    moves an earlier row farther.
    """
    if not len(wish):
        return Chosen(np.zeros(0, np.int64), np.zeros(0))
    groups = Groups.of_sorted(keys)
    best = np.where((most >= least) & (nearest(wish, most) != 0), np.sign(wish) * most, 0).astype(np.int64)
    total = groups.total(best)
    gap = np.zeros(len(total))
    for sign, over, room in ((1, total > upper, upper), (-1, total < -lower, lower)):
        if not over.any():
            continue
        mine = (over[groups.of]) & (best * sign > 0)
        against = groups.total(np.where(best * sign < 0, np.abs(best), 0))
        part = _Part(
            Groups.of_sorted(groups.of[mine]), np.abs(wish[mine]), least[mine], most[mine],
            (room + against)[over], (lower + upper)[over],
        )  # fmt: skip
        answer, gap[over], failed = _reduced(part)
        best[mine] = sign * answer
        for number in np.flatnonzero(over)[failed]:  # the window is narrower than a smallest change
            rows = np.flatnonzero(groups.of == number)
            best[rows] = _both_sides(
                wish[rows], least[rows], most[rows], int(lower[number]), int(upper[number])
            )
    return Chosen(best, gap)


@dataclass(frozen=True, slots=True)
class _Part:
    """Rows that all wish to go up, too far together: ``sum(D) <= top``, and ``>= top - width``."""

    groups: Groups
    wish: Floats
    least: Ints
    most: Ints
    top: Ints
    width: Ints

    def select(self, numbers: Ints, rows: NDArray[np.bool_]) -> _Part:
        """Some of the groups, with their rows."""
        groups = Groups.of_sorted(self.groups.of[rows])
        values = (self.wish[rows], self.least[rows], self.most[rows])
        return _Part(groups, *values, self.top[numbers], self.width[numbers])

    def group(self, number: int, rows: slice) -> _Part:
        """One group."""
        one = slice(number, number + 1)
        alone = Groups.of_sorted(np.zeros(rows.stop - rows.start, np.int64))
        values = (self.wish[rows], self.least[rows], self.most[rows])
        return _Part(alone, *values, self.top[one], self.width[one])


def _reduced(part: _Part) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """The answer of each row, the gap of each group; which groups must move rows of the other side too."""
    low, high = _multipliers(part)
    answer, above = _at(part, high), _at(part, low)
    step = above - answer
    slack = part.top - part.groups.total(answer)
    is_exact = (slack == 0) | (np.maximum.reduceat(step, part.groups.starts) <= 1)
    fill = is_exact[part.groups.of] & (step > 0)
    answer += fill & (part.groups.rank(np.zeros(len(step)), fill) < slack[part.groups.of])
    gap = np.zeros(len(slack))
    failed = ~is_exact & (np.maximum.reduceat(part.least, part.groups.starts) > part.width + 1)
    left = np.flatnonzero(~is_exact & ~failed)
    if len(left):
        rows = np.isin(part.groups.of, left)
        answer[rows], gap[left], failed[left] = _settled(part.select(left, rows), high[left], answer[rows])
    return answer, gap, failed


def _settled(part: _Part, multiplier: Floats, start: Ints) -> tuple[Ints, Floats, NDArray[np.bool_]]:
    """Exact answers of groups that a multiplier alone does not settle, where they cost few enough steps."""
    bound = _dual(part, multiplier, start)
    answer, distance = _filled(part, start)
    gap, failed = np.zeros(len(bound)), np.zeros(len(bound), np.bool_)
    ends = np.r_[part.groups.starts, len(answer)]
    for number, first in enumerate(part.groups.starts.tolist()):
        rows = slice(first, int(ends[number + 1]))
        window = float(distance[number] - bound[number])
        found = _by_sums(part.group(number, rows), float(multiplier[number]), start[rows], window)
        if found is not None:
            answer[rows] = found
        elif np.isfinite(window):
            gap[number] = max(window, 0.0) / max(float(distance[number]), 1.0)
        else:
            failed[number] = True
    return answer, gap, failed


def _at(part: _Part, multiplier: Floats) -> Ints:
    """Each row's nearest choice when a unit costs twice ``multiplier``; 0 from a threshold on."""
    price = multiplier[part.groups.of]
    whole = np.clip(np.ceil(part.wish - price - 0.5), part.least, part.most)
    return np.where(price < part.wish - part.least / 2, whole, 0).astype(np.int64)


def _multipliers(part: _Part) -> tuple[Floats, Floats]:
    """Two multipliers of each group, as near as numbers get: only with the first is its sum above ``top``."""
    low = np.zeros(len(part.top))
    high = np.maximum.reduceat(part.wish, part.groups.starts)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        is_over = part.groups.total(_at(part, middle)) > part.top
        low, high = np.where(is_over, middle, low), np.where(is_over, high, middle)
        if (high - low <= 1e-13 * np.maximum(high, 1.0)).all():
            break
    return low, high


def _by_sums(part: _Part, multiplier: float, start: Ints, window: float) -> Ints | None:
    """The nearest answer of one group by dynamic programme; None where that costs too much, or has none.

    ``window``: how far the best answer that is known lies above the dual value. What a row adds to that value
    is never negative, so a change that adds more by itself is in no nearest answer, and is not tried.
    ``F[i][s]``: the least distance of rows ``i`` and later when the rows before have taken ``s`` units.
    """
    changes = _worth_trying(part, multiplier, start, window)
    if changes is None:
        return None
    taken = np.array([each[0] for each in changes])
    free = [i for i, each in enumerate(changes) if len(each) > 1]
    most = int(part.top[0] - taken.sum())
    if most < 0 or (most + 1) * sum(len(changes[i]) for i in free) >= MOST_STEPS:
        return None
    cost = np.full(most + 1, np.inf)
    cost[max(most - int(part.width[0]), 0) :] = 0.0
    table = [cost]
    for i in reversed(free):
        cost = _one_more(cost, changes[i], int(taken[i]), float(part.wish[i]))
        table.append(cost)
    if not np.isfinite(cost[0]):
        return None
    units = 0
    for i, later in zip(free, reversed(table[:-1]), strict=True):
        inside = changes[i][changes[i] - taken[i] <= most - units]
        sums = _added(inside, part.wish[i]) + later[units + inside - taken[i]]
        least = float(sums.min())
        choice = int(inside[sums <= least + _TIE * (1.0 + abs(least))][-1])
        units += choice - int(taken[i])
        taken[i] = choice
    return taken


def _one_more(later: Floats, changes: Ints, least: int, wish: float) -> Floats:
    """``F[i]`` from ``F[i + 1]``; all changes but a first 0 are whole numbers in a row."""
    n, is_apart = len(later), len(changes) > 1 and changes[0] == 0 and changes[1] > 1
    several = changes[1:] if is_apart else changes
    first, last = int(several[0]) - least, int(several[-1]) - least
    padded = np.r_[later, np.full(last, np.inf)]
    seen = sliding_window_view(padded[first : n + last], len(several))
    found: Floats = (seen + _added(several, wish)).min(axis=1)
    return np.minimum(found, later) if is_apart else found


def _worth_trying(part: _Part, multiplier: float, start: Ints, window: float) -> list[Ints] | None:
    """The changes of each row, rising, that may be part of a nearest answer; None for too many."""
    price = part.wish - multiplier
    spare = (start - 2.0 * price) * start + window * (1.0 + _TIE) + _TIE * (1.0 + part.wish**2)
    reach = np.sqrt(np.maximum(price**2 + spare, 0.0))
    low = np.maximum(np.ceil(np.maximum(price - reach, 0.0)), part.least)
    high = np.minimum(np.floor(np.minimum(price + reach, 1e18)), part.most)
    if np.maximum(high - low, 0.0).sum() > MOST_STEPS:
        return None
    return [
        np.r_[np.zeros(int(may_stay), np.int64), np.arange(first, last + 1)]
        for first, last, may_stay in zip(
            low.astype(np.int64).tolist(), high.astype(np.int64).tolist(), (spare >= 0).tolist(), strict=True
        )
    ]


def _added(change: Ints, wish: float) -> Floats:
    """What a change adds to the squared distance, against none."""
    return np.asarray(change * (change - 2.0 * wish), np.float64)


def _filled(part: _Part, start: Ints) -> tuple[Ints, Floats]:
    """A near answer of each group, and its distance; infinite where none of those tried is allowed.

    The rows that move at the multiplier, and a few more or fewer, are each settled exactly.
    """
    groups = part.groups
    rank = groups.rank(-(part.wish - part.least / 2), np.ones(len(start), np.bool_))
    n_moving = groups.total((start > 0).astype(np.int64))
    best, distance = np.zeros(len(start), np.int64), np.full(len(n_moving), np.inf)
    for more in range(-1, _TRIED + 1):
        is_moving = rank < (n_moving + more)[groups.of]
        low, high = np.where(is_moving, part.least, 0), np.where(is_moving, part.most, 0)
        answer = high.copy()
        is_over = (groups.total(high) > part.top) & (groups.total(low) <= part.top)
        if is_over.any():
            rows = is_over[groups.of]
            several = Groups.of_sorted(groups.of[rows])
            answer[rows] = lowered(several, part.wish[rows], low[rows], high[rows], part.top[is_over])
        total = groups.total(answer)
        found = np.add.reduceat((answer - part.wish) ** 2, groups.starts)
        is_better = (total <= part.top) & (total >= part.top - part.width) & (found < distance)
        distance = np.where(is_better, found, distance)
        best = np.where(is_better[groups.of], answer, best)
    return best, distance


def _dual(part: _Part, multiplier: Floats, answer: Ints) -> Floats:
    """What no answer can be nearer than: the least of distance + price, less the price of ``top``."""
    spent = np.add.reduceat((answer - part.wish) ** 2, part.groups.starts)
    return np.asarray(spent + 2 * multiplier * (part.groups.total(answer) - part.top))


def _both_sides(wish: Floats, least: Ints, most: Ints, lower: int, upper: int) -> Ints:
    """The nearest answer where the limits on the sum are narrower than a smallest change: rows of both sides.

    A dynamic programme over all sums; nothing moves where that costs too much.
    """
    ups, downs = (int(most[wish * sign > 0].sum()) for sign in (1, -1))
    steps = (ups + downs + 1) * int((most - least + 2).clip(0).sum())
    if steps >= MOST_STEPS:
        return np.zeros(len(wish), np.int64)
    n = ups + downs + 1  # index downs + s: the sum s of the rows before
    cost = np.full(n, np.inf)
    cost[max(downs - lower, 0) : downs + upper + 1] = 0.0
    table = [cost]
    options = [_options(*row) for row in zip(wish, least, most, strict=True)]
    for given, one in zip(wish[::-1], options[::-1], strict=True):
        cost = np.min([_shifted(cost, int(d)) + (d - given) ** 2 - given**2 for d in one], axis=0)
        table.append(cost)
    table.reverse()
    answer, index = np.zeros(len(wish), np.int64), downs
    for i, one in enumerate(options):
        inside = one[(index + one >= 0) & (index + one < n)]
        sums = (inside - wish[i]) ** 2 - wish[i] ** 2 + table[i + 1][index + inside]
        least_sum = float(sums.min())
        answer[i] = inside[np.argmax(sums <= least_sum + _TIE * (1.0 + abs(least_sum)))]
        index += int(answer[i])
    return answer


def _options(wish: float, least: int, most: int) -> Ints:
    sign = 1 if wish > 0 else -1
    return np.asarray(np.r_[sign * np.arange(most, least - 1, -1), 0], np.int64)


def _shifted(values: Floats, by: int) -> Floats:
    """``values[s + by]``, infinite beyond the ends."""
    moved = np.full(len(values), np.inf)
    if by >= 0:
        moved[: len(values) - by] = values[by:]
    else:
        moved[-by:] = values[:by]
    return moved
