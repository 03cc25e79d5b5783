"""Predicates: true, false or, where a value is missing, unknown."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml import arrays
from foresight.scoring.pmml.frame import FieldType, Frame, Scope
from foresight.scoring.pmml.values import Flags, Value, parse_constant
from foresight.scoring.pmml.xml import Element

COMPARISONS: dict[str, Callable[[Any, Any], Any]] = {
    "equal": operator.eq,
    "notEqual": operator.ne,
    "lessThan": operator.lt,
    "lessOrEqual": operator.le,
    "greaterThan": operator.gt,
    "greaterOrEqual": operator.ge,
}
TAGS = ("SimplePredicate", "SimpleSetPredicate", "CompoundPredicate", "True", "False")
MAX_NESTING = 32


@dataclass(frozen=True, slots=True)
class Always:
    """True or False."""

    value: bool

    def test(self, frame: Frame) -> tuple[Flags, Flags]:
        """Where true, where unknown."""
        return np.full(frame.n, self.value), np.zeros(frame.n, bool)


@dataclass(frozen=True, slots=True)
class IsMissing:
    """Whether a field has no value; never unknown."""

    field: str
    wanted: bool

    def test(self, frame: Frame) -> tuple[Flags, Flags]:
        """Where true, where unknown."""
        return frame.column(self.field).missing == self.wanted, np.zeros(frame.n, bool)


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against a constant; ``order`` ranks the declared texts of an ordinal field."""

    field: str
    operator: str
    value: Value
    order: tuple[str, ...] = ()

    def holds(self, value: Any) -> Any:
        """The answer for one text, or for an array of numbers."""
        if self.order and isinstance(value, str):
            rank = {text: place for place, text in enumerate(self.order)}
            return COMPARISONS[self.operator](rank.get(value, -1), rank.get(str(self.value), -1))
        return COMPARISONS[self.operator](value, self.value)

    def test(self, frame: Frame) -> tuple[Flags, Flags]:
        """Where true, where unknown."""
        column = frame.column(self.field)
        missing = column.missing
        if column.is_text:
            return column.lookup(self.holds, False, np.bool_), missing
        true = self.holds(column.values)
        # NaN is unequal to everything, and no other comparison holds for it.
        return (true & ~missing if self.operator == "notEqual" and column.has_missing else true), missing


@dataclass(frozen=True, slots=True)
class Among:
    """A field's value is one of a set, or none of it."""

    field: str
    values: frozenset[Value]
    wanted: bool

    def holds(self, value: Any) -> bool:
        """The answer for one value."""
        return (value in self.values) == self.wanted

    def test(self, frame: Frame) -> tuple[Flags, Flags]:
        """Where true, where unknown."""
        column = frame.column(self.field)
        missing = column.missing
        if column.is_text:
            return column.lookup(self.holds, False, np.bool_), missing
        inside = np.isin(column.values, np.array(sorted(self.values), np.float64))
        return (inside == self.wanted) & ~missing, missing


@dataclass(frozen=True, slots=True)
class Compound:
    """and, or, xor of predicates; surrogate: the first that is not unknown."""

    operator: str
    parts: tuple[Predicate, ...]

    def test(self, frame: Frame) -> tuple[Flags, Flags]:
        """Where true, where unknown."""
        true, unknown = self.parts[0].test(frame)
        for part in self.parts[1:]:
            more, dark = part.test(frame)
            if self.operator == "and":
                false = (~true & ~unknown) | (~more & ~dark)
                true, unknown = true & more, (unknown | dark) & ~false
            elif self.operator == "or":
                true, unknown = true | more, (unknown | dark) & ~(true | more)
            elif self.operator == "xor":
                unknown = unknown | dark
                true = (true ^ more) & ~unknown
            else:
                true, unknown = true | (unknown & more), unknown & dark
        return true, unknown


Predicate = Always | IsMissing | Compare | Among | Compound


def find_predicate(element: Element, scope: Scope) -> Predicate:
    """The predicate among an element's children."""
    return read_predicate(element.child(*TAGS), scope)


def read_predicate(element: Element, scope: Scope, depth: int = 0) -> Predicate:
    """A predicate element; raises ``InvalidModel`` for what it cannot mean."""
    if element.tag in {"True", "False"}:
        return Always(element.tag == "True")
    if element.tag == "SimplePredicate":
        return _read_simple(element, scope)
    if element.tag == "SimpleSetPredicate":
        return _read_set(element, scope)
    if element.tag != "CompoundPredicate":
        raise UnsupportedModel(element.tag)
    parts = tuple(read_predicate(part, scope, depth + 1) for part in element.all(*TAGS))
    kind = element.need("booleanOperator")
    if kind not in {"and", "or", "xor", "surrogate"}:
        raise element.broken(f"booleanOperator {kind!r} is not known")
    if not parts or depth > MAX_NESTING:
        raise element.broken("is empty" if not parts else f"nested deeper than {MAX_NESTING}")
    return Compound(kind, parts)


def _read_simple(element: Element, scope: Scope) -> Predicate:
    name, kind = element.need("field"), element.need("operator")
    field = scope.find(name)
    if kind in {"isMissing", "isNotMissing"}:
        return IsMissing(name, kind == "isMissing")
    if kind not in COMPARISONS:
        raise element.broken(f"operator {kind!r} is not known")
    ordered = field.optype == "ordinal" and field.data_type == "string"
    value = parse_constant(element.need("value"), field.data_type, f"line {element.line}: {name[:80]}")
    return Compare(name, kind, value, field.values if ordered else ())


def _read_set(element: Element, scope: Scope) -> Predicate:
    name, kind = element.need("field"), element.need("booleanOperator")
    if kind not in {"isIn", "isNotIn"}:
        raise element.broken(f"booleanOperator {kind!r} is not known")
    return Among(name, _members(element, scope.find(name)), kind == "isIn")


def _members(element: Element, field: FieldType) -> frozenset[Value]:
    where = f"line {element.line}: {element.tag}"
    return frozenset(parse_constant(t, field.data_type, where) for t in arrays.texts(element.child("Array")))
