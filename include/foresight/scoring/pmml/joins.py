"""How answers of several models become one."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from foresight.scoring.pmml.frame import Rows
from foresight.scoring.pmml.result import Result, spread_result
from foresight.scoring.pmml.values import Flags, Floats, cast, constant

_MEANS = {"average", "weightedAverage"}
_SUMS = {"sum", "weightedSum", "x-weightedSum"}


def join(method: str, values: Floats, counted: Flags, weights: Floats, *, single: bool = False) -> Floats:
    """Values ``[models, n]`` as one for each record, of those ``counted``; ``single`` rounds every step."""
    if single and method in _SUMS | _MEANS:
        total, weight = np.zeros((2, values.shape[1]), np.float32)
        for value, here, heavy in zip(
            values.astype(np.float32), counted, weights.astype(np.float32), strict=True
        ):
            total += np.where(here, value * heavy, np.float32(0))
            weight += here * heavy
        return (total / weight if method in _MEANS else total).astype(np.float64)
    kept = np.where(counted, values, 0.0)
    heavy = counted * weights[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        if method in _MEANS:
            return np.asarray((kept * heavy).sum(axis=0) / heavy.sum(axis=0))
        if method in _SUMS:
            return np.asarray((kept * heavy).sum(axis=0))
        if method == "max":
            return np.asarray(np.where(counted, values, -math.inf).max(axis=0))
    known = np.where(counted, values, math.inf)
    order = np.argsort(known, axis=0, kind="stable")
    known = np.take_along_axis(known, order, axis=0)
    if method == "median":
        count = counted.sum(axis=0)
        low, high = np.maximum((count - 1) // 2, 0), np.minimum(count // 2, len(values) - 1)
        column = np.arange(values.shape[1])
        return np.asarray((known[low, column] + known[high, column]) / 2)
    # The value at which half of the weight is reached.
    upto = np.cumsum(np.take_along_axis(heavy, order, axis=0), axis=0)
    place = (upto >= upto[-1] / 2).argmax(axis=0)
    return np.asarray(known[place, np.arange(values.shape[1])])


def strongest(stack: Floats) -> Floats:
    """The distribution of the model that is surest, the first of equals."""
    top = np.nan_to_num(stack.max(axis=2), nan=-math.inf)
    return np.asarray(stack[top.argmax(axis=0), np.arange(stack.shape[1])])


def nearest_median(stack: Floats, counted: Flags) -> Floats:
    """Of the class with the highest median: the mean of the models whose probability of it lies nearest."""
    n = stack.shape[1]
    alike = np.ones(len(stack))
    medians = np.column_stack([join("median", stack[:, :, k], counted, alike) for k in range(stack.shape[2])])
    best = medians.argmax(axis=1)
    rows = np.arange(n)
    distance = np.abs(stack[:, rows, best] - medians[rows, best])
    distance = np.where(counted, distance, math.inf)
    # Of an even number the two in the middle are equally near, but for rounding.
    nearest = counted & (distance <= distance.min(axis=0) + 1e-12)
    total = np.where(nearest[:, :, None], stack, 0.0).sum(axis=0)
    return np.asarray(total / nearest.sum(axis=0)[:, None])


def merge(parts: Sequence[tuple[Rows, Result]], n: int, data_type: str, labels: tuple[str, ...]) -> Result:
    """Answers for disjoint sets of records as one."""
    every = list(dict.fromkeys([*labels, *(label for _, part in parts for label in part.labels)]))
    kinds = {part.value.data_type for _, part in parts}
    kind = kinds.pop() if len(kinds) == 1 else data_type
    merged = Result(constant(None, kind, n), tuple(every))
    for rows, part in parts:
        use = np.zeros(n, bool)
        use[rows] = True
        wide = spread_result(part, rows, n)
        merged.value = merged.value.where(use, cast(wide.value, kind))
        for name in ("probability", "confidence", "affinity"):
            table = getattr(wide, name)
            if table is None:
                continue
            whole = getattr(merged, name)
            whole = np.full((n, len(every)), math.nan) if whole is None else whole
            columns = [every.index(label) for label in part.labels]
            whole[rows] = 0.0
            whole[rows[:, None], columns] = table[rows]
            setattr(merged, name, whole)
        if wide.entity is not None:
            merged.entity = wide.entity if merged.entity is None else merged.entity.where(use, wide.entity)
        for i, reason in enumerate(wide.reasons):
            if i < len(merged.reasons):
                merged.reasons[i] = merged.reasons[i].where(use, reason)
            else:
                merged.reasons.append(reason)
        for name, column in wide.outputs.items():
            known = merged.outputs.get(name)
            merged.outputs[name] = column if known is None else known.where(use, column)
        merged.displays = {**merged.displays, **wide.displays}
        merged.nearest_first = part.nearest_first
    return merged
