"""The whole numbers nearest to a wish when small changes are not made and a group's sum is limited.

Minimise ``sum((D - c)**2)`` over whole ``D`` with ``D_i = 0`` or ``least_i <= |D_i| <= most_i`` on the side
of
``c_i``, and ``-lower <= sum(D) <= upper`` in every group. ``most`` does not go beyond the rounding of ``c``,
so without the limit on the sum ``most`` itself is nearest. With it, this is a knapsack whose cells may also
drop to 0. Three ways, cheapest first:

1. Lagrange: each cell's nearest choice when every unit costs ``2 * m``. Where the sum meets the limit exactly
   for one multiplier ``m``, nothing is nearer (Everett 1963, "Generalized Lagrange multiplier method").
2. Dynamic programme over sums, exact, while it takes fewer than ``MOST_STEPS`` steps.
3. Lagrange, filling and repair: the cells that may move at ``m``, and at most a few more or fewer, each set
   solved exactly (it is convex); the nearest of them counts. The dual value bounds how much nearer any could
   be.
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

    def group(self, number: int) -> _Part:
        starts = np.r_[self.groups.starts, len(self.wish)]
        rows = slice(starts[number], starts[number + 1])
        one = slice(number, number + 1)
        return _Part(
            Groups.of_sorted(np.zeros(rows.stop - rows.start, np.int64)), self.wish[rows], self.least[rows],
            self.most[rows], self.top[one], self.width[one],
        )  # fmt: skip


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
    failed = np.zeros(len(slack), np.bool_)
    starts = np.r_[part.groups.starts, len(answer)]
    is_narrow = np.maximum.reduceat(part.least, part.groups.starts) > part.width + 1
    for number in np.flatnonzero(~is_exact):
        if is_narrow[number]:
            failed[number] = True
            continue
        one = part.group(int(number))
        found = _by_sums(one)
        if found is None:
            found, gap[number] = _filled(
                one, float(high[number]), answer[starts[number] : starts[number + 1]]
            )
        failed[number] = found is None
        if found is not None:
            answer[starts[number] : starts[number + 1]] = found
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


def _by_sums(part: _Part) -> Ints | None:
    """The nearest answer of one group by dynamic programme; None where that costs too much, or has none.

    ``F[i][s]``: the least that rows ``i`` and later add when rows before have given up ``s`` units.
    """
    excess = int(part.most.sum() - part.top[0])
    reach = excess + int(min(part.width[0], part.least.max() - 1))
    steps = (reach + 1) * int((part.most - part.least + 2).sum())
    if steps >= MOST_STEPS:
        return None
    cost = np.full(reach + 1, np.inf)
    cost[excess:] = 0.0
    table = [cost]
    for wish, least, most in zip(part.wish[::-1], part.least[::-1], part.most[::-1], strict=True):
        cost = _one_more(cost, float(wish), int(least), int(most))
        table.append(cost)
    if not np.isfinite(cost[0]):
        return None
    table.reverse()
    answer, given = np.empty(len(part.wish), np.int64), 0
    for i, (wish, least, most) in enumerate(zip(part.wish, part.least, part.most, strict=True)):
        options = np.r_[np.arange(most - least + 1), most]
        options = options[options <= reach - given]
        sums = _added(options, float(wish), int(most)) + table[i + 1][given + options]
        least_sum = float(sums.min())
        choice = int(options[np.argmax(sums <= least_sum + _TIE * (1.0 + abs(least_sum)))])
        answer[i], given = most - choice, given + choice
    return answer


def _one_more(later: Floats, wish: float, least: int, most: int) -> Floats:
    n, span = len(later), most - least
    padded = np.concatenate([later, np.full(max(span, most), np.inf)])
    steps = _added(np.arange(span + 1), wish, most)
    within = (sliding_window_view(padded[: n + span], span + 1) + steps).min(axis=1)
    dropped = padded[most : most + n] + _added(np.array([most]), wish, most)
    return np.asarray(np.minimum(within, dropped))


def _added(given_up: Ints, wish: float, most: int) -> Floats:
    """What giving up units adds to the squared distance."""
    return np.asarray(given_up * (given_up - 2.0 * (most - wish)), np.float64)


def _filled(part: _Part, multiplier: float, start: Ints) -> tuple[Ints | None, float]:
    """A near answer of one large group, and its gap to the dual bound."""
    bound = _dual(part, multiplier, start)
    order = np.lexsort((np.arange(len(start)), -(part.wish - part.least / 2)))
    n_moving = int((start > 0).sum())
    best: Ints | None = None
    least = np.inf
    for size in range(max(n_moving - 1, 0), min(n_moving + _TRIED, len(start)) + 1):
        rows = np.sort(order[:size])
        if int(part.least[rows].sum()) > part.top[0]:
            break
        answer = np.zeros(len(start), np.int64)
        if size:
            answer[rows] = _convex(part.wish[rows], part.least[rows], part.most[rows], part.top)
        distance = float(((answer - part.wish) ** 2).sum())
        if part.top[0] - part.width[0] <= answer.sum() and distance < least:
            best, least = answer, distance
    return best, 0.0 if best is None else max(least - bound, 0.0) / max(least, 1.0)


def _convex(wish: Floats, least: Ints, most: Ints, top: Ints) -> Ints:
    """The nearest numbers between ``least`` and ``most`` whose sum is at most ``top``."""
    if int(most.sum()) <= top[0]:
        return most
    return lowered(Groups.of_sorted(np.zeros(len(wish), np.int64)), wish, least, most, top)


def _dual(part: _Part, multiplier: float, answer: Ints) -> float:
    """What no answer can be nearer than: the least of distance + price, less the price of ``top``."""
    spent = ((answer - part.wish) ** 2).sum() + 2 * multiplier * (answer.sum() - int(part.top[0]))
    return float(spent)


def _both_sides(wish: Floats, least: Ints, most: Ints, lower: int, upper: int) -> Ints:
    """The nearest answer where the limits on the sum are narrower than a smallest change: rows of both sides.

    A dynamic programme over all sums; nothing moves where that costs too much.
    """
    ups, downs = (int(most[wish * sign > 0].sum()) for sign in (1, -1))
    steps = (ups + downs + 1) * int((most - least + 2).clip(0).sum())
    if steps >= MOST_STEPS:
        return np.zeros(len(wish), np.int64)
    n = ups + downs + 1  # place downs + s: the sum s of the rows before
    cost = np.full(n, np.inf)
    cost[max(downs - lower, 0) : downs + upper + 1] = 0.0
    table = [cost]
    options = [_options(*row) for row in zip(wish, least, most, strict=True)]
    for given, one in zip(wish[::-1], options[::-1], strict=True):
        cost = np.min([_shifted(cost, int(d)) + (d - given) ** 2 - given**2 for d in one], axis=0)
        table.append(cost)
    table.reverse()
    answer, place = np.zeros(len(wish), np.int64), downs
    for i, one in enumerate(options):
        inside = one[(place + one >= 0) & (place + one < n)]
        sums = (inside - wish[i]) ** 2 - wish[i] ** 2 + table[i + 1][place + inside]
        least_sum = float(sums.min())
        answer[i] = inside[np.argmax(sums <= least_sum + _TIE * (1.0 + abs(least_sum)))]
        place += int(answer[i])
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
