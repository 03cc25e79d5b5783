"""Expressions: what a derived field, a function or an output is computed with."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.frame import Compute, Frame, Function, Scope
from foresight.scoring.pmml.functions import BUILT_IN, equal_where
from foresight.scoring.pmml.lookups import map_missing, read_discretize, read_map_values
from foresight.scoring.pmml.sas_functions import SAS_FUNCTIONS
from foresight.scoring.pmml.text_index import read_text_index
from foresight.scoring.pmml.values import (
    Column,
    Floats,
    Value,
    cast,
    constant,
    known_type,
    parse_constant,
)
from foresight.scoring.pmml.xml import Element

_NUMBERS = {"integer", "float", "double"}
MAX_SIZE = 200_000
"""Steps that one expression may take, with the functions that it calls written out."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A computation, the type of its result, and how many steps it takes."""

    compute: Compute
    data_type: str
    size: int = 1


def find_expression(element: Element, scope: Scope) -> Expression:
    """The expression among an element's children."""
    return read_expression(element.child(*_READERS, *_REFUSED), scope)


def read_expression(element: Element, scope: Scope) -> Expression:
    """An expression element; raises ``UnsupportedModel`` by its name."""
    if element.tag not in _READERS:
        raise UnsupportedModel(element.tag)
    found = _READERS[element.tag](element, scope)
    if found.size > MAX_SIZE:
        raise element.broken(f"takes more than {MAX_SIZE} steps")
    return found


def _replace_missing(column: Column, value: Value | None) -> Column:
    if value is None:
        return column
    missing = column.missing
    return column.where(missing, constant(value, column.data_type, len(missing))) if missing.any() else column


def _field_ref(element: Element, scope: Scope) -> Expression:
    name = element.need("field")
    data_type = scope.find(name).data_type
    missing = map_missing(element, data_type)
    return Expression(lambda frame: _replace_missing(frame.column(name), missing), data_type)


def _constant(element: Element, _scope: Scope) -> Expression:
    data_type = known_type(element.get("dataType", "") or _guess_type(element.text), "Constant")
    is_nan = data_type in _NUMBERS and element.text.strip() == "NaN"
    missing = element.flag("missing", default=False) or is_nan
    value = None if missing else parse_constant(element.text, data_type, f"line {element.line}: Constant")
    return Expression(lambda frame: constant(value, data_type, frame.n), data_type)


def _guess_type(text: str) -> str:
    for data_type, read in (("integer", int), ("double", float)):
        try:
            read(text)
        except ValueError:
            continue
        return data_type
    return "string"


def interpolate(x: Floats, points: Sequence[tuple[float, float]], outliers: str) -> Floats:
    """Through the points (ascending in x); beyond them by ``outliers``."""
    at, to = np.array(points).T
    result = np.interp(x, at, to)
    if outliers == "asMissingValues":
        return np.where((x < at[0]) | (x > at[-1]), math.nan, result)
    if outliers == "asIs":
        first, last = (to[1] - to[0]) / (at[1] - at[0]), (to[-1] - to[-2]) / (at[-1] - at[-2])
        result = np.where(x < at[0], to[0] + (x - at[0]) * first, result)
        result = np.where(x > at[-1], to[-1] + (x - at[-1]) * last, result)
        # Inside, one formula on both sides of a point, as the extrapolation has.
    return np.where(np.isnan(x), math.nan, result)


def read_norm_points(element: Element) -> list[tuple[float, float]]:
    """The LinearNorms of a NormContinuous, strictly ascending in ``orig``."""
    points = [(norm.number("orig"), norm.number("norm")) for norm in element.all("LinearNorm")]
    if len(points) < 2 or any(a[0] >= b[0] for a, b in pairwise(points)):
        raise element.broken("needs two or more LinearNorm, ascending in orig")
    return points


def _norm_continuous(element: Element, scope: Scope) -> Expression:
    name, outliers = element.need("field"), element.get("outliers", "asIs")
    scope.find(name)
    if outliers not in {"asIs", "asMissingValues", "asExtremeValues"}:
        raise UnsupportedModel(f"NormContinuous outliers={outliers[:40]!r}")
    points, missing = read_norm_points(element), map_missing(element, "double")

    def compute(frame: Frame) -> Column:
        x = cast(frame.column(name), "double").values
        found = Column(interpolate(x, points, outliers), "double")
        # An outlier that counts as missing stays missing: the map is for inputs that are.
        return found.where(np.isnan(x), constant(missing, "double", frame.n))

    return Expression(compute, "double")


def _norm_discrete(element: Element, scope: Scope) -> Expression:
    name = element.need("field")
    data_type = scope.find(name).data_type
    value = parse_constant(element.need("value"), data_type, f"line {element.line}: NormDiscrete")
    missing = map_missing(element, "double")

    def compute(frame: Frame) -> Column:
        column = frame.column(name)
        hit = equal_where(column, constant(value, data_type, frame.n)).astype(np.float64)
        return _replace_missing(Column(np.where(column.missing, math.nan, hit), "double"), missing)

    return Expression(compute, "double")


def _text_index(element: Element, scope: Scope) -> Expression:
    scope.find(element.need("textField"))
    term = find_expression(element, scope)
    return Expression(read_text_index(element, term.compute), "double", 1 + term.size)


def _apply(element: Element, scope: Scope) -> Expression:
    name = element.need("function")
    arguments = [read_expression(child, scope) for child in element.children]
    types = [argument.data_type for argument in arguments]
    size = 1 + sum(argument.size for argument in arguments)
    function = scope.function(name)
    if function is not None:
        if len(arguments) != len(function.parameters):
            raise element.broken(f"{name!r} takes {len(function.parameters)} arguments")
        call, data_type, size = _call(function), function.data_type, size + function.size
    else:
        call, data_type = _built_in(element, name, len(arguments)), _result_type(name, types)
    if element.get("invalidValueTreatment", "returnInvalid") not in {"returnInvalid", "asIs", "asMissing"}:
        raise UnsupportedModel(f"Apply invalidValueTreatment={element.get('invalidValueTreatment')!r}")
    missing = map_missing(element, data_type)
    default = map_missing(element, data_type, "defaultValue")

    def compute(frame: Frame) -> Column:
        columns = [argument.compute(frame) for argument in arguments]
        result = cast(call(frame, columns), data_type)
        if missing is not None:
            absent = np.logical_or.reduce([column.missing for column in columns])
            result = result.where(absent, constant(missing, data_type, frame.n))
        return _replace_missing(result, default)

    return Expression(compute, data_type, size)


def _built_in(element: Element, name: str, given: int) -> Callable[[Frame, list[Column]], Column]:
    if name not in BUILT_IN:
        raise UnsupportedModel(f"Apply function={name!r}")
    compute, (fewest, most) = BUILT_IN[name]
    if not fewest <= given <= most:
        raise element.broken(f"{name!r} cannot take {given} arguments")
    return lambda _frame, columns: compute(columns)


def _call(function: Function) -> Callable[[Frame, list[Column]], Column]:
    def call(frame: Frame, columns: list[Column]) -> Column:
        inner = Frame(frame.n, frame.problems)
        inner.columns = dict(zip(function.parameters, columns, strict=True))
        return function.body(inner)

    return call


_TRUTHS = {
    "equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual", "isMissing",
    "isNotMissing", "isValid", "isNotValid", "isIn", "isNotIn", "and", "or", "not", "matches",
}  # fmt: skip
_TEXTS = {
    "uppercase",
    "lowercase",
    "trimBlanks",
    "substring",
    "replace",
    "concat",
    "formatNumber",
    "formatDatetime",
    *SAS_FUNCTIONS,
}
_INTEGERS = {"stringLength", "dateDaysSinceYear", "dateSecondsSinceYear", "dateSecondsSinceMidnight"}
_KEEP = {
    "+", "-", "*", "/", "min", "max", "sum", "product", "threshold", "floor", "ceil", "round", "rint", "abs",
    "pow", "modulo",
}  # fmt: skip


def _result_type(name: str, types: list[str]) -> str:
    if name in _TRUTHS:
        return "boolean"
    if name in _TEXTS:
        return "string"
    if name in _INTEGERS:
        return "integer"
    if name == "if":
        kinds = set(types[1:])
        if len(kinds) == 1:
            return types[1]
        return "string" if "string" in kinds else _widest(kinds)
    return _widest(set(types)) if name in _KEEP else "double"


def _widest(types: set[str]) -> str:
    return "integer" if types <= {"integer"} else "float" if types <= {"integer", "float"} else "double"


_READERS: dict[str, Callable[[Element, Scope], Expression]] = {
    "FieldRef": _field_ref,
    "Constant": _constant,
    "NormContinuous": _norm_continuous,
    "NormDiscrete": _norm_discrete,
    "Discretize": lambda element, scope: Expression(*read_discretize(element, scope)),
    "MapValues": lambda element, scope: Expression(*read_map_values(element, scope)),
    "Apply": _apply,
    "TextIndex": _text_index,
}
_REFUSED = ("Aggregate", "Lag")
