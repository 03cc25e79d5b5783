"""Two slow answers to what the guardrails choose, each written from its definition alone."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import ceil, floor

import numpy as np

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
    """The same by a dynamic programme over every sum that can come about; distances as floats."""
    found = [options(*cell) for cell in cells]
    reach = sum(max(map(abs, changes)) for changes, _ in found)
    least = np.full(2 * reach + 1, np.inf)
    least[reach] = 0.0  # place reach + s: the least distance of all changes whose sum is s
    for changes, wish in found:
        following = np.full_like(least, np.inf)
        for change in changes:
            moved = np.roll(least, change) + (change - float(wish)) ** 2
            following = np.minimum(following, moved)
        least = following
    bound = min(limit(cells), reach)
    return float(least[reach - bound : reach + bound + 1].min())
