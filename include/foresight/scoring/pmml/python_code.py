"""A decision program written out as Python: for one record at a time nothing is faster here.

Only names that this module makes and the ``repr`` of constants go into the text, nothing from a document.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from foresight.scoring.pmml.predicates import Among, Compare, IsMissing
from foresight.scoring.pmml.program import Atom, Program

MAX_LINES = 2000
MAX_DEPTH = 60
_SIGNS = {
    "equal": "==",
    "notEqual": "!=",
    "lessThan": "<",
    "lessOrEqual": "<=",
    "greaterThan": ">",
    "greaterOrEqual": ">=",
}


def write(
    program: Program,
    variables: Mapping[str, str],
    end: Callable[[int], str],
    *,
    missing: bool,
) -> list[str] | None:
    """Indented lines, each path closing with ``end(node)``; None where they are too many or too deep.

    Without ``missing`` every variable holds a value; with it, None stands for a missing one.
    """
    lines: list[str] = []
    nothing: frozenset[str] = frozenset()
    stack: list[tuple[int, int, str, frozenset[str]]] = [(program.root, 0, "", nothing)]
    while stack:
        target, depth, head, present = stack.pop()
        if depth > MAX_DEPTH or len(lines) > MAX_LINES:
            return None
        if head:
            lines.append(" " * (depth - 1) + head)
        if target < 0:
            lines.append(" " * depth + end(~target))
            continue
        test = program.tests[target]
        name = variables[test.atom.field]
        asks = missing and name not in present
        known = present | {name}
        if isinstance(test.atom, IsMissing):
            yes, no = (test.yes, test.no) if test.atom.wanted else (test.no, test.yes)
            if asks:
                stack.append((no, depth + 1, "else:", known))
                stack.append((yes, depth + 1, f"if {name} is None:", present))
            else:
                stack.append((no, depth, "", known))
            continue
        stack.append((test.no, depth + 1, "else:", known))
        stack.append(
            (test.yes, depth + 1, f"{'elif' if asks else 'if'} {_condition(test.atom, name)}:", known)
        )
        if asks:
            stack.append((test.unknown, depth + 1, f"if {name} is None:", present))
    return lines


def _condition(atom: Atom, name: str) -> str:
    if isinstance(atom, Among):
        members = ", ".join(map(_literal, sorted(atom.values)))
        return f"{name} {'in' if atom.wanted else 'not in'} {{{members}}}"
    assert isinstance(atom, Compare)  # noqa: S101 (the third kind is handled before)
    return f"{name} {_SIGNS[atom.operator]} {_literal(atom.value)}"


def _literal(value: float | str) -> str:
    if isinstance(value, str) or math.isfinite(value):
        return repr(value)
    return "1e999" if value > 0 else "-1e999"
