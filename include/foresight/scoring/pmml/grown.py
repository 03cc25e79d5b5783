"""Packed programs as trees of scikit-learn, the fastest compiled walk that there is without a compiler.

Its trees compare single precision. So that every comparison stays what it was, a number of double precision
is given as its rank among the thresholds of its field, a question for a set of texts as a column of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.pmml.result import Codes
from foresight.scoring.pmml.values import Floats

MAX_SETS: Final = 128
"""Columns of sets; trees that ask for more are walked otherwise."""
MAX_RANK: Final = 2**24
"""Whole numbers up to here are exact in single precision."""
BLOCK: Final = 8192
"""Records that pass all trees together, so that they stay in the cache."""
_LEAF, _NO_FEATURE = -1, -2
Packed = tuple[NDArray[np.void], NDArray[np.bool_]]
"""Nodes, and truth tables of the sets that they ask for."""


@cache
def _tree_type() -> tuple[Any, Any] | None:
    """scikit-learn's tree and the type of its nodes; None where they moved from their private place."""
    try:
        from sklearn.tree._tree import NODE_DTYPE, Tree
    except ImportError:
        return None
    return Tree, NODE_DTYPE


@dataclass(frozen=True, slots=True)
class Grown:
    """Trees over columns of single precision: first the fields, then the sets.

    ``thresholds`` are those of each field, ascending, None where its values are compared as they are;
    ``sets`` the field and, for each word of it, 0 where it is in the set and 1 where not.
    """

    trees: tuple[Any, ...]
    ends: tuple[Codes, ...]
    thresholds: tuple[Floats | None, ...]
    sets: tuple[tuple[int, NDArray[np.float32]], ...]

    def codes(self, matrix: Floats, *, complete: bool) -> list[Codes]:
        """For each tree the end of each row; ``complete`` says that no value is missing."""
        n = len(matrix)
        found = [np.empty(n, np.intp) for _ in self.trees]
        for start in range(0, n, BLOCK):
            x = self._columns(matrix[start : start + BLOCK], complete=complete)
            for tree, ends, out in zip(self.trees, self.ends, found, strict=True):
                np.take(ends, tree.apply(x), out=out[start : start + BLOCK])
        return found

    def _columns(self, matrix: Floats, *, complete: bool) -> NDArray[np.float32]:
        out = np.empty((len(matrix), len(self.thresholds) + len(self.sets)), np.float32)
        for place, thresholds in enumerate(self.thresholds):
            x = matrix[:, place]
            out[:, place] = x if thresholds is None else np.searchsorted(thresholds, x)
            if thresholds is not None and not complete:
                out[np.isnan(x), place] = math.nan
        for place, (field, outside) in enumerate(self.sets, start=len(self.thresholds)):
            x = matrix[:, field]
            words = np.minimum(np.where(np.isnan(x), 0, x).astype(np.intp), len(outside) - 1)
            out[:, place] = outside[words]
            if not complete:
                out[np.isnan(x), place] = math.nan
        return out


def grow(packs: Sequence[Packed], n_fields: int, singles: frozenset[int]) -> Grown | None:
    """Programs as trees, None where they do not fit; ``singles`` are fields of single precision."""
    if _tree_type() is None or n_fields == 0:
        return None
    sets: dict[tuple[int, bytes], int] = {}
    asked: list[list[float]] = [[] for _ in range(n_fields)]
    for nodes, truths in packs:
        for node in nodes[nodes["feature"] >= 0]:
            field = int(node["feature"])
            if node["set"] >= 0:
                sets.setdefault((field, truths[node["set"]].tobytes()), n_fields + len(sets))
            elif field not in singles:
                asked[field].append(float(node["threshold"]))
    if len(sets) > MAX_SETS or any(len(one) > MAX_RANK for one in asked):
        return None
    ranks = [np.unique(one) for one in asked]
    width = n_fields + len(sets)
    thresholds = tuple(None if place in singles else ranks[place] for place in range(n_fields))
    return Grown(
        trees=tuple(_tree(nodes, truths, sets, thresholds, width) for nodes, truths in packs),
        ends=tuple(np.ascontiguousarray(nodes["end"], np.intp) for nodes, _ in packs),
        thresholds=thresholds,
        sets=tuple((field, 1.0 - np.frombuffer(truth, np.bool_).astype(np.float32)) for field, truth in sets),
    )


def _tree(
    nodes: NDArray[np.void],
    truths: NDArray[np.bool_],
    sets: dict[tuple[int, bytes], int],
    thresholds: tuple[Floats | None, ...],
    width: int,
) -> Any:
    found = _tree_type()
    assert found is not None  # noqa: S101 (asked before)
    tree_type, node_type = found
    made = np.zeros(len(nodes), node_type)
    made["left_child"], made["right_child"] = nodes["left"], nodes["right"]
    made["feature"], made["threshold"] = nodes["feature"], nodes["threshold"]
    made["missing_go_to_left"] = nodes["missing_left"]
    leaf = nodes["feature"] < 0
    made["left_child"][leaf] = made["right_child"][leaf] = _LEAF
    made["feature"][leaf] = _NO_FEATURE
    for place in np.flatnonzero(~leaf).tolist():
        field, which = int(nodes["feature"][place]), int(nodes["set"][place])
        ranks = thresholds[field]
        if which >= 0:
            made["feature"][place] = sets[field, truths[which].tobytes()]
            made["threshold"][place] = 0.5
        elif ranks is not None:
            # At most the threshold is whatever has no more thresholds below it than that has.
            made["threshold"][place] = np.searchsorted(ranks, nodes["threshold"][place]) + 0.5
    tree = tree_type(width, np.ones(1, np.intp), 1)
    values = np.zeros((len(nodes), 1, 1))
    tree.__setstate__({"max_depth": 1, "node_count": len(nodes), "nodes": made, "values": values})
    return tree
