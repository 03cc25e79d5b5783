"""Trees over one row: written out as nested conditions, walked step by step where those would be too many."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

from foresight.scoring.pmml.forest import Forest
from foresight.scoring.pmml.predicates import COMPARISONS, Compare, IsMissing
from foresight.scoring.pmml.program import Program
from foresight.scoring.pmml.python_code import write
from foresight.scoring.pmml.single import NotPlain, Row
from foresight.scoring.written_code import define

MAX_LINES: Final = 20_000
"""Lines of code of a whole forest; Python needs some ten microseconds to compile one."""


def node_of(program: Program) -> Callable[[Row], int] | None:
    """The node in which a row ends."""
    if not _is_plain(program):
        return None
    names = _names([program])
    lines = write(program, names, lambda place: f"return {place}", missing=True)
    if lines is None:
        return _walk(program)
    head = ["def tree(row):", *_loads(names)]
    made: Callable[[Row], int] = define("tree", [*head, *(f" {line}" for line in lines)])
    return made


def sums_of(forest: Forest) -> Callable[[Row], Sequence[float]] | None:
    """What the trees of a forest add up to, for each class or the one number."""
    programs = forest.walker.programs
    if forest.segments.single or not all(map(_is_plain, programs)):
        return None
    tables = [table.reshape(len(table), -1).tolist() for table in forest.tables]
    width = len(tables[0][0])
    return _written(programs, tables, width) or _walked(programs, tables, width)


def _is_plain(program: Program) -> bool:
    return not any(isinstance(test.atom, Compare) and test.atom.order for test in program.tests)


def _names(programs: Sequence[Program]) -> dict[str, str]:
    used = dict.fromkeys(test.atom.field for program in programs for test in program.tests)
    return {name: f"v{place}" for place, name in enumerate(used)}


def _loads(names: dict[str, str]) -> list[str]:
    return [f" {variable} = row[{name!r}]" for name, variable in names.items()]


def _written(
    programs: Sequence[Program], tables: list[list[list[float]]], width: int
) -> Callable[[Row], Sequence[float]] | None:
    names = _names(programs)
    lines = ["def forest(row):", *_loads(names), *(f" s{k} = 0.0" for k in range(width))]
    for program, table in zip(programs, tables, strict=True):
        tree = write(program, names, _adder(table), missing=True)
        if tree is None or len(lines) + len(tree) > MAX_LINES:
            return None
        lines += [f" {line}" for line in tree]
    lines.append(f" return [{', '.join(f's{k}' for k in range(width))}]")
    made: Callable[[Row], Sequence[float]] = define("forest", lines, NotPlain=NotPlain)
    return made


def _adder(table: list[list[float]]) -> Callable[[int], str]:
    def end(place: int) -> str:
        row = table[place]
        if not all(map(math.isfinite, row)):
            return "raise NotPlain"
        return "; ".join(f"s{k} += {value!r}" for k, value in enumerate(row) if value) or "pass"

    return end


def _walked(
    programs: Sequence[Program], tables: list[list[list[float]]], width: int
) -> Callable[[Row], Sequence[float]]:
    trees = [(_walk(program), table) for program, table in zip(programs, tables, strict=True)]

    def sums(row: Row) -> Sequence[float]:
        if width == 1:
            total = 0.0
            for walk, table in trees:
                total += table[walk(row)][0]
            return [total]
        totals = [0.0] * width
        for walk, table in trees:
            totals = list(map(operator.add, totals, table[walk(row)]))
        return totals

    return sums


def _among(value: Any, values: frozenset[Any]) -> bool:
    return value in values


def _not_among(value: Any, values: frozenset[Any]) -> bool:
    return value not in values


def _never(_value: Any, _operand: Any) -> bool:
    return False


def _walk(program: Program) -> Callable[[Row], int]:
    """From test to test: name, question, operand, and where yes, no and a missing value lead."""
    tests = list[tuple[str, Callable[[Any, Any], Any], Any, int, int, int]]()
    for test in program.tests:
        atom = test.atom
        if isinstance(atom, IsMissing):
            present, absent = (test.no, test.yes) if atom.wanted else (test.yes, test.no)
            tests.append((atom.field, _never, None, present, present, absent))
        elif isinstance(atom, Compare):
            ask = COMPARISONS[atom.operator]
            tests.append((atom.field, ask, atom.value, test.yes, test.no, test.unknown))
        else:
            ask = _among if atom.wanted else _not_among
            tests.append((atom.field, ask, atom.values, test.yes, test.no, test.unknown))

    def walk(row: Row) -> int:
        at = program.root
        while at >= 0:
            name, ask, operand, yes, no, unknown = tests[at]
            value = row[name]
            at = unknown if value is None else yes if ask(value, operand) else no
        return ~at

    return walk
