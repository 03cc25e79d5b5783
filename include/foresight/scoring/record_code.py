"""Passes over records written out as Python code, for the mapping and the model at hand.

The text holds names made here, names of fields and constants as ``repr`` writes them, nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from foresight.scoring.mapping import Feed, FieldMapping
from foresight.scoring.model import Decisions
from foresight.scoring.outcome import ERROR, PREDICTION, Answer, Record
from foresight.scoring.written_code import define

MAX_FIELDS: Final = 200
"""More fields are not written out: Python's compiler goes down a level for each part of a condition."""
Fast = Callable[[Sequence[Any]], tuple[list[Any], list[int]]]
One = Callable[[Any], Record]
Gather = Callable[[Sequence[Any]], tuple[list[list[Any]], list[int], list[int]]]


def _variables(mapping: FieldMapping) -> dict[str, str]:
    return {feed.target.name: f"v{place}" for place, feed in enumerate(mapping.feeds)}


def decide(decisions: Decisions, mapping: FieldMapping) -> Callable[..., Record] | None:
    """A function from the values of the inputs, None for missing ones, to a prediction."""
    if len(mapping.feeds) > MAX_FIELDS:
        return None
    variables = _variables(mapping)
    lines = decisions.lines(variables, lambda place: f"return p{place}", missing=True)
    if lines is None:
        return None
    head = f"def decide({', '.join(variables.values())}):"
    made: Callable[..., Record] = define("decide", [head, *_indented(lines, 1)], **_answers(decisions))
    return made


def _answers(decisions: Decisions) -> dict[str, Answer]:
    """What the code calls the predictions: made once, for to build one a record costs a third of the time."""
    return {f"p{place}": Answer(prediction) for place, prediction in enumerate(decisions.predictions)}


def fast_pass(decisions: Decisions, mapping: FieldMapping, rest: One) -> tuple[Fast, One] | None:
    """For plainly right records: a loop that gives the places of others, a function that hands others on."""
    if mapping.array_field is not None:
        return None
    variables = _variables(mapping)
    check = _check(mapping, variables)
    tree = decisions.lines(variables, lambda place: f"d[{PREDICTION!r}] = p{place}", missing=False)
    if tree is None or check is None:
        return None
    answers = _answers(decisions)
    loop = [
        "def fast(records):",
        " found = []; add = found.append; left = []; skip = left.append",
        " for r in records:",
        *_indented(check, 2),
        "   d = {**r}; add(d)",
        f"   if {ERROR!r} in d: del d[{ERROR!r}]",
        *_indented(tree, 3),
        "  else:",
        "   skip(len(found)); add(None)",
        " return found, left",
    ]
    single = [
        "def fast(r):",
        *_indented(check, 1),
        "  d = {**r}",
        f"  if {ERROR!r} in d: del d[{ERROR!r}]",
        *_indented(tree, 2),
        "  return d",
        " return rest(r)",
    ]
    return define("fast", loop, **answers), define("fast", single, rest=rest, **answers)


def gather_pass(mapping: FieldMapping) -> Gather | None:
    """The values of each input of the records that are plainly right, their places, those of all others."""
    variables = _variables(mapping)
    check = None if mapping.array_field is not None else _check(mapping, variables)
    if check is None:
        return None
    names = list(variables.values())
    lines = [
        "def gather(records):",
        " places = []; keep = places.append; left = []; skip = left.append; i = 0",
        *(f" c{name} = []; a{name} = c{name}.append" for name in names),
        " for r in records:",
        *_indented(check, 2),
        f"   keep(i); {'; '.join(f'a{name}({name})' for name in names)}",
        "  else:",
        "   skip(i)",
        "  i += 1",
        f" return [{', '.join(f'c{name}' for name in names)}], places, left",
    ]
    made: Gather = define("gather", lines)
    return made


def _check(mapping: FieldMapping, variables: Mapping[str, str]) -> list[str] | None:
    """Lines that read a record and ask whether it is plainly right; None where that is hard to say."""
    conditions = _conditions(mapping, variables)
    if conditions is None:
        return None
    return [
        "try:",
        *(_read(feed, variables[feed.target.name], reads_text=mapping.reads_text) for feed in mapping.feeds),
        f" fine = {conditions}",
        "except (LookupError, TypeError, ValueError, OverflowError):",
        " fine = False",
        "if fine:",
    ]


def _read(feed: Feed, name: str, *, reads_text: bool) -> str:
    """The line that reads a value. A number of a text has no underscore: those are Python's."""
    kind = {"double": "float", "float": "float", "integer": "int"}.get(feed.target.data_type)
    value = f"r[{feed.source!r}]"
    if not reads_text or kind is None:
        return f" {name} = {value}"
    return f" {name} = {kind}(t) if '_' not in (t := {value}) else None"


def _conditions(mapping: FieldMapping, variables: Mapping[str, str]) -> str | None:
    """What must hold for a record to be plainly right; None where that is not to be said in a line."""
    if len(mapping.feeds) > MAX_FIELDS:
        return None
    conditions, numbers = list[str](), list[str]()
    for feed in mapping.feeds:
        name, target = variables[feed.target.name], feed.target
        if target.data_type in {"double", "float"}:
            numbers.append(name)
        elif target.data_type == "integer":
            conditions.append(f"type({name}) is int and -(1 << 53) < {name} < 1 << 53")
        elif target.data_type == "string":
            conditions.append(f"type({name}) is str" + f" and {name} != ''" * mapping.reads_text)
        else:
            return None
        if target.values and not target.bounds:
            conditions.append(f"{name} in {set(target.values)!r}")
        elif target.bounds:
            if target.values or len(target.bounds) > 1:
                return None
            (b,) = target.bounds
            below, above = "<" if b.low_open else "<=", "<" if b.high_open else "<="
            conditions.append(f"{_number(b.low)} {below} {name} {above} {_number(b.high)}")
    if numbers:
        # A sum less itself is 0 only if every part of it is finite.
        total = " + ".join(numbers)
        kinds = " is ".join(f"type({name})" for name in numbers)
        conditions = [f"float is {kinds} and (s := {total}) - s == 0.0", *conditions]
    return " and ".join(conditions) or "True"


def _number(value: float) -> str:
    return repr(value) if abs(value) < float("inf") else "1e999" if value > 0 else "-1e999"


def _indented(lines: Sequence[str], depth: int) -> list[str]:
    return [" " * depth + line for line in lines]
