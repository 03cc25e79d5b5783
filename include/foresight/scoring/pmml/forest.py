"""Many trees over the same fields at once: the fields are laid out once, the answers are table rows."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from foresight.scoring.pmml.frame import Frame
from foresight.scoring.pmml.predicates import Always
from foresight.scoring.pmml.result import Result, Subject, classified, number_result
from foresight.scoring.pmml.tree import Tree
from foresight.scoring.pmml.values import Floats, cast
from foresight.scoring.pmml.walker import Walker
from foresight.scoring.pmml.xml import MAX_CELLS

_VOTES = {"majorityVote": False, "weightedMajorityVote": True}
_MEANS = {"average": False, "weightedAverage": True}
_SUMS = {"sum": False, "weightedSum": True, "x-weightedSum": True}


@dataclass(slots=True)
class Forest:
    """Trees that every record passes; ``tables`` hold what each node adds, its last row for no answer."""

    walker: Walker
    tables: list[Any]
    divisor: float
    labels: tuple[str, ...]
    target_type: str
    segments: Any

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record."""
        codes = self.walker.codes(frame)
        total = self.tables[0][codes[0]]
        for table, code in zip(self.tables[1:], codes[1:], strict=True):
            total += table[code]
        total = (total / total.dtype.type(self.divisor)).astype(np.float64, copy=False)
        if total.ndim == 1:
            return number_result(total)
        # Where a tree has no answer the general rules for missing predictions apply.
        absent = np.isnan(total).any(axis=1)
        result = classified(total, self.labels, self.target_type)
        return result if not absent.any() else self.segments.evaluate(frame)


def of(ensemble: Any, subject: Subject) -> Forest | None:
    """An ensemble as a forest, if it is one: plain trees, no predicates, one sum over them."""
    segments, method = ensemble.segments, ensemble.method
    if method not in {**_VOTES, **_MEANS, **_SUMS} or not all(_is_plain(segment) for segment in segments):
        return None
    if (method in _SUMS and ensemble.classes) or (ensemble.classes and ensemble.missing != "continue"):
        return None
    if not ensemble.classes and ensemble.missing == "skipSegment":
        return None
    weighted = {**_VOTES, **_MEANS, **_SUMS}[method]
    weights = [segment.weight if weighted else 1.0 for segment in segments]
    trees: list[Tree] = [segment.model.algorithm for segment in segments]
    programs = [tree.program for tree in trees if tree.program is not None]
    if len(programs) < len(trees) or sum(weights) == 0:
        return None
    labels = tuple(
        dict.fromkeys([*ensemble.labels, *(label for tree in trees for label in tree.answers.labels)])
    )
    if sum(len(tree.nodes) + 1 for tree in trees) * max(len(labels), 1) > MAX_CELLS:
        return None
    tables = [_table(tree, labels, method, weight) for tree, weight in zip(trees, weights, strict=True)]
    divisor = 1.0 if method in _SUMS else sum(weights)
    if ensemble.single:
        tables = [table.astype(np.float32) for table in tables]
    return Forest(Walker(programs, subject.scope), tables, divisor, labels, ensemble.target_type, ensemble)


def _is_plain(segment: Any) -> bool:
    return (
        isinstance(segment.predicate, Always)
        and segment.predicate.value
        and segment.model.is_plain
        and isinstance(segment.model.algorithm, Tree)
    )


def _table(tree: Tree, labels: tuple[str, ...], method: str, weight: float) -> Floats:
    answers = tree.answers
    if not tree.classes:
        return weight * answers.value.values
    out = np.zeros((len(answers.value.values), len(labels)))
    places = [labels.index(label) for label in answers.labels]
    if method in _VOTES:
        codes = cast(answers.value, "string").texts()
        for row, label in enumerate(codes):
            out[row] = [weight * (label == name) for name in labels] if label is not None else math.nan
    else:
        assert answers.probability is not None  # noqa: S101 (classification trees have it)
        out[:, places] = weight * answers.probability
    return out
