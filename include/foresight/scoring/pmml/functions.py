"""The built-in functions of PMML over whole columns.

A number that cannot be (a division by zero, the root of a negative) is missing. Unless its entry says
otherwise, a function of a missing argument is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from foresight.scoring.pmml.sas_functions import SAS_FUNCTIONS
from foresight.scoring.pmml.text_functions import (
    Columns,
    concat,
    days_since_year,
    format_datetime,
    format_number,
    matches,
    replace,
    seconds_since_year,
    substring,
    text_length,
    texts,
)
from foresight.scoring.pmml.values import Column, Flags, Floats, cast, common_codes, singles


def _number(values: Any, data_type: str = "double") -> Column:
    return Column(np.asarray(values, np.float64), data_type)


def _truth(true: Flags, missing: Flags) -> Column:
    return Column(np.where(missing, math.nan, true), "boolean")


def _widest(columns: Columns) -> str:
    types = {column.data_type for column in columns}
    return "integer" if types <= {"integer"} else "float" if types <= {"integer", "float"} else "double"


def _values(columns: Columns) -> list[Floats]:
    return [cast(c, "double").values if c.is_text else c.values for c in columns]


def _arithmetic(compute: Callable[..., Any], *, keep_type: bool = True) -> Callable[[Columns], Column]:
    def apply(columns: Columns) -> Column:
        given = _values(columns)
        with np.errstate(all="ignore"):
            result = np.asarray(compute(*given), np.float64)
        if any(column.is_text or column.has_missing for column in columns):  # NaN to the power of 0 is 1
            result = np.where(np.isnan(given).any(axis=0), math.nan, result)
        data_type = _widest(columns) if keep_type else "double"
        return Column(singles(result) if data_type == "float" else result, data_type)

    return apply


def _divide(columns: Columns) -> Column:
    left, right = _values(columns)
    with np.errstate(all="ignore"):
        result = np.where(right == 0, math.nan, left / right)
    data_type = _widest(columns)
    if data_type == "integer":
        return Column(np.trunc(result), data_type)
    return Column(singles(result) if data_type == "float" else result, data_type)


def _aggregate(compute: Callable[[Floats], Any]) -> Callable[[Columns], Column]:
    """Over the arguments that are not missing; missing only where all are."""

    def apply(columns: Columns) -> Column:
        stack = np.array(_values(columns))
        none = np.isnan(stack).all(axis=0)
        stack[:, none] = 0.0
        return _number(np.where(none, math.nan, compute(stack)), _widest(columns))

    return apply


def _average(compute: Callable[[Floats], Any]) -> Callable[[Columns], Column]:
    over = _aggregate(compute)
    return lambda columns: Column(over(columns).values, "double")


def equal_where(left: Column, right: Column) -> Flags:
    """Where two columns hold the same value; text meets numbers as a number."""
    if left.is_text and right.is_text:
        _, (mine, theirs) = common_codes([left, right])
        return np.asarray(mine == theirs)
    if left.is_text or right.is_text:
        kind = right.data_type if left.is_text else left.data_type
        left, right = cast(left, kind), cast(right, kind)
    return np.asarray(left.values == right.values)


def _ordered(compute: Callable[[Any, Any], Any]) -> Callable[[Columns], Column]:
    def apply(columns: Columns) -> Column:
        left, right = columns
        missing = left.missing | right.missing
        if left.is_text and right.is_text:
            levels, codes = common_codes(columns)
            rank = np.append(np.argsort(np.argsort(np.array(levels, object))), -1)
            return _truth(compute(rank[codes[0]], rank[codes[1]]), missing)
        a, b = _values(columns)
        return _truth(compute(a, b), missing)

    return apply


def _equality(wanted: bool) -> Callable[[Columns], Column]:
    def apply(columns: Columns) -> Column:
        return _truth(equal_where(*columns) == wanted, columns[0].missing | columns[1].missing)

    return apply


def _membership(wanted: bool) -> Callable[[Columns], Column]:
    def apply(columns: Columns) -> Column:
        first, *others = columns
        inside = np.zeros(len(first.values), bool)
        for other in others:
            inside |= equal_where(first, other) & ~other.missing
        # A missing value is in no list.
        return _truth((inside & ~first.missing) == wanted, np.zeros(len(inside), bool))

    return apply


def _presence(wanted: bool) -> Callable[[Columns], Column]:
    return lambda columns: Column((columns[0].missing == wanted).astype(np.float64), "boolean")


def _all_true(columns: Columns) -> Column:
    stack = np.array(_values(columns))
    return Column(np.where((stack == 0).any(axis=0), 0.0, stack.sum(axis=0) / len(stack)), "boolean")


def _any_true(columns: Columns) -> Column:
    stack = np.array(_values(columns))
    return Column(np.where((stack == 1).any(axis=0), 1.0, stack.sum(axis=0)), "boolean")


def _not(columns: Columns) -> Column:
    return Column(1.0 - cast(columns[0], "boolean").values, "boolean")


def _if(columns: Columns) -> Column:
    condition, then = columns[0], columns[1]
    other = columns[2] if len(columns) > 2 else None
    if other is None:
        other = cast(Column(np.full(len(then.values), math.nan), "double"), then.data_type)
    data_type = then.data_type if then.data_type == other.data_type else _common_type(then, other)
    then, other = cast(then, data_type), cast(other, data_type)
    nothing = cast(Column(np.full(len(then.values), math.nan), "double"), data_type)
    return other.where(condition.values == 1, then).where(condition.missing, nothing)


def _common_type(*columns: Column) -> str:
    if any(column.is_text for column in columns):
        return "string"
    return _widest(columns)


def _round_half_up(values: Floats) -> Floats:
    return np.floor(values + 0.5)


def _normal(compute: Callable[..., Any]) -> Callable[[Columns], Column]:
    return _arithmetic(compute, keep_type=False)


def _density(z: Any) -> Any:
    return np.exp(-0.5 * z * z) / math.sqrt(2 * math.pi)


_ANY, _MANY = (1, 10_000), (2, 10_000)
Entry = tuple[Callable[[Columns], Column], tuple[int, int]]

BUILT_IN: dict[str, Entry] = {
    "+": (_arithmetic(lambda a, b=None: a if b is None else a + b), (1, 2)),
    "-": (_arithmetic(lambda a, b=None: -a if b is None else a - b), (1, 2)),
    "*": (_arithmetic(lambda a, b: a * b), (2, 2)),
    "/": (_divide, (2, 2)),
    "min": (_aggregate(lambda s: np.nanmin(s, axis=0)), _ANY),
    "max": (_aggregate(lambda s: np.nanmax(s, axis=0)), _ANY),
    "sum": (_aggregate(lambda s: np.nansum(s, axis=0)), _ANY),
    "product": (_aggregate(lambda s: np.nanprod(s, axis=0)), _ANY),
    "avg": (_average(lambda s: np.nanmean(s, axis=0)), _ANY),
    "median": (_average(lambda s: np.nanmedian(s, axis=0)), _ANY),
    "threshold": (_arithmetic(lambda a, b: np.where(np.isnan(a) | np.isnan(b), math.nan, a > b)), (2, 2)),
    "floor": (_arithmetic(np.floor), (1, 1)),
    "ceil": (_arithmetic(np.ceil), (1, 1)),
    "round": (_arithmetic(_round_half_up), (1, 1)),
    "rint": (_arithmetic(np.rint), (1, 1)),
    "abs": (_arithmetic(np.abs), (1, 1)),
    "pow": (_arithmetic(np.power), (2, 2)),
    "modulo": (_arithmetic(lambda a, b: a - b * np.floor(a / b)), (2, 2)),
    "equal": (_equality(True), (2, 2)),
    "notEqual": (_equality(False), (2, 2)),
    "lessThan": (_ordered(np.less), (2, 2)),
    "lessOrEqual": (_ordered(np.less_equal), (2, 2)),
    "greaterThan": (_ordered(np.greater), (2, 2)),
    "greaterOrEqual": (_ordered(np.greater_equal), (2, 2)),
    "isMissing": (_presence(True), (1, 1)),
    "isNotMissing": (_presence(False), (1, 1)),
    "isValid": (_presence(False), (1, 1)),
    "isNotValid": (_presence(True), (1, 1)),
    "isIn": (_membership(True), _MANY),
    "isNotIn": (_membership(False), _MANY),
    "and": (_all_true, _MANY),
    "or": (_any_true, _MANY),
    "not": (_not, (1, 1)),
    "if": (_if, (2, 3)),
    "uppercase": (texts(lambda text: str(text).upper()), (1, 1)),
    "lowercase": (texts(lambda text: str(text).lower()), (1, 1)),
    "trimBlanks": (texts(lambda text: str(text).strip()), (1, 1)),
    "substring": (texts(substring), (3, 3)),
    "replace": (texts(replace), (3, 3)),
    "concat": (texts(concat, with_missing=True), _ANY),
    "stringLength": (text_length, (1, 1)),
    "matches": (matches, (2, 2)),
    "formatNumber": (texts(format_number), (2, 2)),
    "formatDatetime": (format_datetime, (2, 2)),
    **{name: (texts(compute), (2, 2)) for name, compute in SAS_FUNCTIONS.items()},
    "dateDaysSinceYear": (days_since_year, (2, 2)),
    "dateSecondsSinceYear": (seconds_since_year, (2, 2)),
    "dateSecondsSinceMidnight": (lambda c: _number(np.floor(c[0].values % 86_400), "integer"), (1, 1)),
    "normalCDF": (_normal(lambda x, mu, sd: special.ndtr((x - mu) / sd)), (3, 3)),
    "normalPDF": (_normal(lambda x, mu, sd: _density((x - mu) / sd) / sd), (3, 3)),
    "normalIDF": (_normal(lambda p, mu, sd: mu + sd * special.ndtri(p)), (3, 3)),
    "stdNormalCDF": (_normal(special.ndtr), (1, 1)),
    "stdNormalPDF": (_normal(_density), (1, 1)),
    "stdNormalIDF": (_normal(special.ndtri), (1, 1)),
    "erf": (_normal(special.erf), (1, 1)),
    "hypot": (_normal(np.hypot), (2, 2)),
    "ln": (_normal(np.log), (1, 1)),
    **{
        name: (_normal(getattr(np, numpy_name)), (1, 1))
        for name, numpy_name in {
            "log10": "log10", "ln1p": "log1p", "exp": "exp", "expm1": "expm1", "sqrt": "sqrt",
            "sin": "sin", "cos": "cos", "tan": "tan", "sinh": "sinh", "cosh": "cosh", "tanh": "tanh",
            "asin": "arcsin", "acos": "arccos", "atan": "arctan",
        }.items()
    },
}  # fmt: skip
