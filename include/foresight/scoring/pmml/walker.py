"""Runs decision programs over columns.

A small program is a few whole-column comparisons. A large one, or many, are packed as nodes of binary
trees over one float64 matrix and walked by scikit-learn's compiled trees (``grown``). Where they ask for very
many sets of texts, its predictor of histogram boosters walks them. NumPy walks where neither is there, or
where a text field has more values than their bit sets hold.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.pmml.frame import Frame, Scope
from foresight.scoring.pmml.grown import Grown, grow
from foresight.scoring.pmml.predicates import Among, Compare, IsMissing
from foresight.scoring.pmml.program import Program, Test
from foresight.scoring.pmml.result import Codes
from foresight.scoring.pmml.values import Column, Flags, Floats

MASKED_TESTS = 24
"""Programs up to this size are run as comparisons of whole columns."""
_BITS = 255
_DTYPE = np.dtype([("feature", "i4"), ("threshold", "f8"), ("set", "i4"), ("missing_left", "?"),
                   ("left", "i4"), ("right", "i4"), ("end", "i4")])  # fmt: skip


@cache
def predictor() -> tuple[Any, Any] | None:
    """scikit-learn's compiled walk and its node type; None where they moved from their private place."""
    try:
        from sklearn.ensemble._hist_gradient_boosting._predictor import _predict_from_raw_data
        from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    except ImportError:
        return None
    return _predict_from_raw_data, PREDICTOR_RECORD_DTYPE


class Walker:
    """Programs over the same fields, ready to run."""

    def __init__(self, programs: Sequence[Program], scope: Scope) -> None:
        self.programs = programs
        names = dict.fromkeys(test.atom.field for program in programs for test in program.tests)
        self.fields = {name: place for place, name in enumerate(names)}
        self._text = {name for name in names if scope.find(name).data_type == "string"}
        self._words = _vocabulary(programs, self._text)
        self._masked = len(programs) == 1 and len(programs[0].tests) <= MASKED_TESTS
        self._packed: dict[bool, list[_Packed]] = {}
        self._grown: dict[bool, Grown | None] = {}
        self._singles = frozenset(
            place for name, place in self.fields.items() if scope.find(name).data_type == "float"
        )
        self._known_orders = all(
            not isinstance(test.atom, Compare) or test.atom.operator in {"equal", "notEqual"}
            for program in programs
            for test in program.tests
            if test.atom.field in self._text
        )

    def codes(self, frame: Frame) -> list[Codes]:
        """For each program the node in which each record ends."""
        if self._masked or not self._known_orders:
            return [_run_masked(program, frame) for program in self.programs]
        matrix = self.matrix(frame)
        # Where no value is missing, half of the questions of many trees need not be asked.
        complete = not np.isnan(matrix).any()
        if complete not in self._packed:
            self._packed[complete] = [
                _pack(program, self.fields, self._words, complete=complete) for program in self.programs
            ]
        packs = self._packed[complete]
        if complete not in self._grown:
            self._grown[complete] = grow([(p.nodes, p.sets) for p in packs], len(self.fields), self._singles)
        grown = self._grown[complete]
        if grown is not None:
            return grown.codes(matrix, complete=complete)
        fits = all(len(words) < _BITS for words in self._words.values())
        if not fits or predictor() is None:
            return [packed.walk(matrix) for packed in packs]
        out = np.empty(frame.n)
        return [packed.walk_compiled(matrix, out) for packed in packs]

    def matrix(self, frame: Frame) -> Floats:
        """The fields side by side; text as places in the vocabulary, NaN for missing."""
        out = np.empty((frame.n, max(len(self.fields), 1)))
        for name, place in self.fields.items():
            column = frame.column(name)
            out[:, place] = self._numbered(name, column) if name in self._text else column.values
        return out

    def _numbered(self, name: str, column: Column) -> Floats:
        words = self._words[name]
        return column.lookup(lambda level: words.get(level, len(words)), math.nan, np.float64)


def _vocabulary(programs: Sequence[Program], text: set[str]) -> dict[str, dict[str, int]]:
    words: dict[str, dict[str, int]] = {name: {} for name in text}
    for program in programs:
        for test in program.tests:
            atom = test.atom
            if atom.field in text and not isinstance(atom, IsMissing):
                spoken = sorted(map(str, atom.values)) if isinstance(atom, Among) else [str(atom.value)]
                for word in spoken:
                    words[atom.field].setdefault(word, len(words[atom.field]))
    return words


def _run_masked(program: Program, frame: Frame) -> Codes:
    dtype: Any = np.int8 if ~program.none < 127 else np.int32
    results: list[Any] = []

    def at(target: int) -> Any:
        return results[target] if target >= 0 else dtype(~target)

    for test in program.tests:
        true, unknown = test.atom.test(frame)
        result = _choose(true, at(test.yes), at(test.no), dtype)
        asks = test.unknown != test.no and not isinstance(test.atom, IsMissing)
        if asks and frame.column(test.atom.field).has_missing:
            result = _choose(unknown, at(test.unknown), result, dtype)
        results.append(result)
    end = at(program.root)
    return np.full(frame.n, end, np.intp) if program.root < 0 else np.asarray(end)


def _choose(true: Flags, yes: Any, no: Any, dtype: Any) -> Any:
    # By bits: some forty times as fast as numpy.where on small integers.
    mask = -true.view(np.int8) if dtype is np.int8 else -true.astype(dtype)
    return no ^ ((no ^ yes) & mask)


@dataclass(slots=True)
class _Packed:
    """One program as nodes; node 0 is the root; ``sets`` are truth tables over the vocabulary."""

    nodes: NDArray[np.void]
    sets: NDArray[np.bool_]
    compiled: NDArray[np.void] | None = None
    bits: NDArray[np.uint32] | None = None

    def walk(self, matrix: Floats) -> Codes:
        """All records one step at a time, those at an end put aside."""
        nodes, ends = self.nodes, np.empty(len(matrix), np.intp)
        rows, at = np.arange(len(matrix)), np.zeros(len(matrix), np.intp)
        while len(rows):
            here = nodes[at]
            done = here["feature"] < 0
            if done.any():
                ends[rows[done]] = here["end"][done]
                rows, here = rows[~done], here[~done]
            x = matrix[rows, here["feature"]]
            absent = np.isnan(x)
            left = x <= here["threshold"]
            by_set = here["set"] >= 0
            if by_set.any():
                word = np.where(absent, 0, x).astype(np.intp)[by_set]
                left[by_set] = self.sets[here["set"][by_set], np.minimum(word, self.sets.shape[1] - 1)]
            left = np.where(absent, here["missing_left"], left)
            at = np.where(left, here["left"], here["right"])
        return ends

    def walk_compiled(self, matrix: Floats, out: Floats) -> Codes:
        """The same in scikit-learn's predictor."""
        found = predictor()
        assert found is not None  # noqa: S101 (asked before)
        predict, dtype = found
        if self.compiled is None:
            self._compile(dtype)
        none = np.zeros((1, 8), np.uint32)
        known = none if not len(self.sets) else np.full((1, 8), 0xFFFFFFFF, np.uint32)
        where = np.zeros(matrix.shape[1], np.uint32)
        predict(self.compiled, matrix, self.bits, known, where, 1, out)
        return out.astype(np.intp)

    def _compile(self, dtype: Any) -> None:
        nodes, compiled = self.nodes, np.zeros(len(self.nodes), dtype)
        is_end = nodes["feature"] < 0
        compiled["value"], compiled["is_leaf"] = nodes["end"], is_end
        compiled["feature_idx"] = np.where(is_end, 0, nodes["feature"])
        compiled["num_threshold"] = nodes["threshold"]
        compiled["missing_go_to_left"] = nodes["missing_left"]
        compiled["left"], compiled["right"] = nodes["left"], nodes["right"]
        compiled["is_categorical"] = nodes["set"] >= 0
        compiled["bitset_idx"] = np.maximum(nodes["set"], 0)
        bits = np.zeros((max(len(self.sets), 1), 256), bool)
        if len(self.sets):
            bits[: len(self.sets), : self.sets.shape[1]] = self.sets
        packed = np.packbits(bits, axis=1, bitorder="little").view(np.uint32)
        # In this order: another thread that sees the nodes must find the bits.
        self.bits = np.ascontiguousarray(packed)
        self.compiled = compiled


def _pack(
    program: Program, fields: dict[str, int], words: dict[str, dict[str, int]], *, complete: bool = False
) -> _Packed:
    """A program as nodes; ``complete`` says that no value is missing."""
    builder = _PackBuilder(fields, words, complete=complete)
    for test in program.tests:
        builder.add(test)
    root = builder.at(program.root)
    rows = builder.rows
    # The root comes first, everything else keeps its place behind it.
    order = [root, *(i for i in range(len(rows)) if i != root)]
    new = np.empty(len(rows), np.intp)
    new[order] = np.arange(len(rows))
    nodes = np.array([rows[i] for i in order], _DTYPE)
    inner = nodes["feature"] >= 0
    nodes["left"], nodes["right"] = (
        np.where(inner, new[nodes["left"]], 0),
        np.where(inner, new[nodes["right"]], 0),
    )
    width = max((len(known) for known in words.values()), default=0) + 1
    sets = np.zeros((len(builder.sets), width), bool)
    for truth, place in builder.sets.items():
        sets[place, : len(truth)] = truth
        sets[place, len(truth) :] = truth[-1]
    return _Packed(nodes, sets)


class _PackBuilder:
    def __init__(self, fields: dict[str, int], words: dict[str, dict[str, int]], *, complete: bool) -> None:
        self._complete = complete
        self.rows: list[tuple[int, float, int, bool, int, int, int]] = []
        self.sets: dict[tuple[bool, ...], int] = {}
        self._fields, self._words = fields, words
        self._ends: dict[int, int] = {}
        self._tests: list[int] = []

    def at(self, target: int) -> int:
        """The row of a branch."""
        if target >= 0:
            return self._tests[target]
        if target not in self._ends:
            self._ends[target] = len(self.rows)
            self.rows.append((-1, 0.0, -1, False, 0, 0, ~target))
        return self._ends[target]

    def add(self, test: Test) -> None:
        """The rows of one test."""
        yes, no, unknown = self.at(test.yes), self.at(test.no), self.at(test.unknown)
        atom, feature = test.atom, self._fields[test.atom.field]
        if self._complete:
            if isinstance(atom, IsMissing):
                self._tests.append(no if atom.wanted else yes)
            else:
                self._tests.append(self._question(atom, feature, yes, no, no))
            return
        if isinstance(atom, IsMissing):
            present, absent = (no, yes) if atom.wanted else (yes, no)
            self._tests.append(self._row(feature, math.inf, -1, present, absent, absent))
            return
        if unknown not in {yes, no}:
            asked = self._question(atom, feature, yes, no, no)
            self._tests.append(self._row(feature, math.inf, -1, asked, unknown, unknown))
        else:
            self._tests.append(self._question(atom, feature, yes, no, unknown))

    def _row(self, feature: int, threshold: float, which: int, left: int, right: int, missing: int) -> int:
        self.rows.append((feature, threshold, which, missing == left, left, right, 0))
        return len(self.rows) - 1

    def _question(self, atom: Compare | Among, feature: int, yes: int, no: int, missing: int) -> int:
        words = self._words.get(atom.field)
        if words is not None:
            truth = (*(bool(atom.holds(word)) for word in words), isinstance(atom, Among) and not atom.wanted)
            if isinstance(atom, Compare):
                truth = (*truth[:-1], atom.operator == "notEqual")
            which = self.sets.setdefault(truth, len(self.sets))
            return self._row(feature, 0.0, which, yes, no, missing)
        if isinstance(atom, Among):
            if not atom.wanted:
                yes, no = no, yes
            for value in sorted(atom.values):
                no = self._equal(feature, float(value), yes, no, missing)
            return no
        return self._numeric(atom, feature, yes, no, missing)

    def _numeric(self, atom: Compare, feature: int, yes: int, no: int, missing: int) -> int:
        t = float(atom.value)
        if atom.operator in {"equal", "notEqual"}:
            hit, other = (yes, no) if atom.operator == "equal" else (no, yes)
            return self._equal(feature, t, hit, other, missing)
        if atom.operator in {"lessThan", "greaterOrEqual"}:
            t = math.nextafter(t, -math.inf)
        if atom.operator in {"lessThan", "lessOrEqual"}:
            return self._row(feature, t, -1, yes, no, missing)
        return self._row(feature, t, -1, no, yes, missing)

    def _equal(self, feature: int, t: float, hit: int, other: int, missing: int) -> int:
        below = self._row(feature, math.nextafter(t, -math.inf), -1, other, hit, missing)
        return self._row(feature, t, -1, below, other, below if missing == hit else other)
