"""A tree as a decision program: tests on one field each, every one with a branch for a missing value.

Three-valued logic, surrogates and strategies are written out as branches, so that running the program is
only: test, follow, test, follow. A branch is a place in ``tests`` or, below zero, ``~node`` of an end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from foresight.scoring.pmml.predicates import Always, Among, Compare, Compound, IsMissing, Predicate

MAX_TESTS = 500_000
_FREE_BRANCHES, _BRANCHES_AN_ATOM = 20_000, 32
"""Nested predicates double their branches with each level: beyond so many the tree is walked instead."""
_COMPLEMENTS = {
    "equal": "notEqual",
    "notEqual": "equal",
    "lessThan": "greaterOrEqual",
    "greaterOrEqual": "lessThan",
    "lessOrEqual": "greaterThan",
    "greaterThan": "lessOrEqual",
}
Atom = IsMissing | Compare | Among


class TreeNode(Protocol):
    """What a program needs to know of a node."""

    predicate: Predicate
    score: str | None
    default_child: int | None
    children: list[int]


@dataclass(frozen=True, slots=True)
class Test:
    """One question and where each answer leads."""

    atom: Atom
    yes: int
    no: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Program:
    """Tests, each after those that it leads to; ``none`` is the end for records without a prediction."""

    tests: list[Test]
    root: int
    none: int


class TooLarge(Exception):
    """The program would grow beyond its limit; the tree is walked instead."""


def compile_program(nodes: Sequence[TreeNode], missing: str, keeps_last: bool) -> Program | None:
    """The program of a tree, or None where writing it out would take too many tests."""
    none = ~len(nodes)
    builder = _Builder(_FREE_BRANCHES + _BRANCHES_AN_ATOM * sum(_atoms(node.predicate) for node in nodes))
    enter = [0] * len(nodes)
    try:
        # A child follows its parent in the list, so backwards every child is ready.
        for place in range(len(nodes) - 1, -1, -1):
            node = nodes[place]
            here = none if node.score is None else ~place
            if not node.children:
                enter[place] = here
                continue
            rest = here if keeps_last else none
            for child in reversed(node.children):
                unknown = rest
                if missing == "lastPrediction":
                    unknown = here
                elif missing == "nullPrediction":
                    unknown = none
                elif missing == "defaultChild":
                    unknown = none if node.default_child is None else enter[node.default_child]
                rest = builder.branch(nodes[child].predicate, enter[child], rest, unknown)
            enter[place] = rest
        root = builder.branch(nodes[0].predicate, enter[0], none, none)
    except TooLarge:
        return None
    return _without_unused(builder.tests, root, none)


def _atoms(predicate: Predicate) -> int:
    return 1 + sum(map(_atoms, predicate.parts)) if isinstance(predicate, Compound) else 1


class _Builder:
    """Makes tests, the same one only once."""

    def __init__(self, budget: int) -> None:
        self.tests: list[Test] = []
        self._known: dict[Test, int] = {}
        self._budget = budget

    def branch(self, predicate: Predicate, yes: int, no: int, unknown: int) -> int:
        """Where to go to ask ``predicate`` and follow its answer."""
        self._budget -= 1
        if self._budget < 0:
            raise TooLarge
        if isinstance(predicate, Always):
            return yes if predicate.value else no
        if isinstance(predicate, Compound):
            return self._compound(predicate, yes, no, unknown)
        if isinstance(predicate, IsMissing):
            return self._test(predicate, yes, no, yes if predicate.wanted else no)
        return self._test(predicate, yes, no, unknown)

    def _compound(self, predicate: Compound, yes: int, no: int, unknown: int) -> int:
        parts = reversed(predicate.parts)
        if predicate.operator == "surrogate":
            for part in parts:
                unknown = self.branch(part, yes, no, unknown)
            return unknown
        if predicate.operator == "xor":
            even, odd = no, yes
            for part in parts:
                even, odd = self.branch(part, odd, even, unknown), self.branch(part, even, odd, unknown)
            return even
        # clean: nothing unknown so far; dimmed: something was.
        conjunction = predicate.operator == "and"
        clean, dimmed = (yes if conjunction else no), unknown
        for part in parts:
            if conjunction:
                clean, dimmed = self.branch(part, clean, no, dimmed), self.branch(part, dimmed, no, dimmed)
            else:
                clean, dimmed = self.branch(part, yes, clean, dimmed), self.branch(part, yes, dimmed, dimmed)
        return clean

    def _test(self, atom: Atom, yes: int, no: int, unknown: int) -> int:
        yes, no = self._skip(yes, atom, True), self._skip(no, atom, False)
        unknown = self._skip(unknown, atom, None)
        if yes == no == unknown:
            return yes
        test = Test(atom, yes, no, unknown)
        place = self._known.get(test)
        if place is None:
            if len(self.tests) >= MAX_TESTS:
                raise TooLarge
            place = self._known[test] = len(self.tests)
            self.tests.append(test)
        return place

    def _skip(self, target: int, atom: Atom, truth: bool | None) -> int:
        """Beyond tests whose answer is known from that of ``atom`` (None: its field is missing)."""
        while target >= 0 and self.tests[target].atom.field == atom.field:
            test = self.tests[target]
            if truth is None:
                target = test.unknown
            elif isinstance(atom, IsMissing):
                if truth != atom.wanted:
                    break
                target = test.unknown
            elif test.atom == atom:
                target = test.yes if truth else test.no
            elif _complement(atom) == test.atom:
                target = test.no if truth else test.yes
            else:
                break
        return target


def _complement(atom: Atom) -> Atom:
    if isinstance(atom, Compare):
        return Compare(atom.field, _COMPLEMENTS[atom.operator], atom.value, atom.order)
    if isinstance(atom, Among):
        return Among(atom.field, atom.values, not atom.wanted)
    return IsMissing(atom.field, not atom.wanted)


def _without_unused(tests: list[Test], root: int, none: int) -> Program:
    used, stack = set(), [root]
    while stack:
        place = stack.pop()
        if place >= 0 and place not in used:
            used.add(place)
            stack.extend((tests[place].yes, tests[place].no, tests[place].unknown))
    new = {place: i for i, place in enumerate(sorted(used))}

    def moved(target: int) -> int:
        return target if target < 0 else new[target]

    kept = [tests[place] for place in sorted(used)]
    return Program(
        [Test(t.atom, moved(t.yes), moved(t.no), moved(t.unknown)) for t in kept], moved(root), none
    )
