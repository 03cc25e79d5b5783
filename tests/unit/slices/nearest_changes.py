"""Two slow answers to what the guardrails choose, each written from its definition alone."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, floor

Cell = tuple[int, float]
"""Previous value and prediction."""


def options(previous: int, predicted: float) -> tuple[list[int], Fraction]:
    """Every change that a cell may make, and the change that is wished for."""
    wish = min(max(Fraction(predicted), Fraction(previous) * 3 / 4), Fraction(previous) * 5 / 4) - previous
    least, most = ceil(Fraction(previous) * 5 / 100), floor(Fraction(previous) * 25 / 100)
    rounded = abs(floor(wish + Fraction(1, 2)))
    sign = 1 if wish > 0 else -1
    changes = [sign * size for size in range(max(least, 1), min(most, rounded) + 1)]
    return [0, *changes], wish


def limit(cells: list[Cell]) -> int:
    """How far the sum may move."""
    return floor(Fraction(sum(previous for previous, _ in cells)) / 10)


def distance(cells: list[Cell], changes: list[int]) -> Fraction:
    wishes = (options(*cell)[1] for cell in cells)
    return sum(
        (Fraction((change - wish) ** 2) for change, wish in zip(changes, wishes, strict=True)), Fraction()
    )


def is_allowed(cells: list[Cell], changes: list[int]) -> bool:
    inside = all(change in options(*cell)[0] for cell, change in zip(cells, changes, strict=True))
    return inside and abs(sum(changes)) <= limit(cells)


def by_enumeration(cells: list[Cell]) -> Fraction:
    """The least distance of all allowed changes."""
    choices = [options(*cell)[0] for cell in cells]
    bound = limit(cells)
    return min(distance(cells, list(one)) for one in product(*choices) if abs(sum(one)) <= bound)


def by_sums(cells: list[Cell]) -> float:
    """The same by a dynamic programme over every sum; distances as floats."""
    least: dict[int, float] = {0: 0.0}
    for cell in cells:
        changes, wish = options(*cell)
        costs = [(change, (change - float(wish)) ** 2) for change in changes]
        following: dict[int, float] = {}
        for total, cost in least.items():
            for change, added in costs:
                known = following.get(total + change)
                if known is None or cost + added < known:
                    following[total + change] = cost + added
        least = following
    bound = limit(cells)
    return min(cost for total, cost in least.items() if abs(total) <= bound)
