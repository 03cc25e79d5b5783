"""The common expressions over one row."""

from __future__ import annotations

import math
import operator
from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from foresight.scoring.pmml.expressions import read_norm_points
from foresight.scoring.pmml.frame import Scope
from foresight.scoring.pmml.single import NotPlain, Row, Single, single_precision
from foresight.scoring.pmml.values import parse_constant
from foresight.scoring.pmml.xml import Element
from foresight.scoring.written_code import define

MAX_CODE = 1000
"""Characters."""
_NUMBERS = {"double", "float"}
"""Types whose arithmetic is Python's."""


def find_single(holder: Element, scope: Scope, wanted: str) -> Single | None:
    """The expression among an element's children."""
    element = holder.first(*_READERS)
    return None if element is None else read_single(element, scope, wanted)


def read_single(element: Element, scope: Scope, wanted: str) -> Single | None:
    """An expression whose result is of the type ``wanted``; None for what is left to the columns."""
    reader = _READERS.get(element.tag)
    found = None if reader is None else reader(element, scope)
    if found is None:
        return None
    single, given = found
    if given == wanted or (wanted == "double" and given in {"float", "integer", "boolean"}):
        return single
    if wanted == "float" and given in {"double", "integer"}:
        inner = single.compute

        if single.code:
            return _written(f"single({single.code})", single.inputs)
        return Single(lambda row: single_precision(inner(row)), single.inputs)
    return None


Typed = tuple[Single, str]


def reference(name: str, scope: Scope) -> Single | None:
    """A field of the row; None for a derived one that is left to the columns."""
    found = scope.single(name)
    code = f"row[{name!r}]"
    if found is not None:
        return Single(operator.itemgetter(name), found.inputs, code)
    return None if scope.is_derived(name) else Single(operator.itemgetter(name), frozenset({name}), code)


def _written(code: str, inputs: frozenset[str]) -> Single:
    """A computation from its code; a longer one is not written into yet another."""
    made = define("compute", ["def compute(row):", f" return {code}"], single=single_precision)
    return Single(made, inputs, code if len(code) <= MAX_CODE else "")


def _field_ref(element: Element, scope: Scope) -> Typed | None:
    if "mapMissingTo" in element.attributes:
        return None
    name = element.need("field")
    single = reference(name, scope)
    return None if single is None else (single, scope.find(name).data_type)


def _constant(element: Element, _scope: Scope) -> Typed | None:
    data_type = element.get("dataType")
    if data_type not in {*_NUMBERS, "string"} or element.flag("missing", default=False):
        return None
    if data_type != "string" and element.text.strip() == "NaN":
        return None
    value = parse_constant(element.text, data_type, "Constant")
    code = repr(value) if not isinstance(value, str) and math.isfinite(value) else ""
    return Single(lambda _row: value, frozenset(), code), data_type


def _norm_discrete(element: Element, scope: Scope) -> Typed | None:
    name = element.need("field")
    single = reference(name, scope)
    if single is None or "mapMissingTo" in element.attributes:
        return None
    value = parse_constant(element.need("value"), scope.find(name).data_type, "NormDiscrete")

    def compute(row: Row) -> float | None:
        found = row[name]
        return None if found is None else 1.0 if found == value else 0.0

    return Single(compute, single.inputs), "double"


def _norm_continuous(element: Element, scope: Scope) -> Typed | None:
    name = element.need("field")
    single, points = reference(name, scope), read_norm_points(element)
    outliers = element.get("outliers", "asIs")
    if single is None or "mapMissingTo" in element.attributes or scope.find(name).data_type not in _NUMBERS:
        return None
    at, to = [float(p[0]) for p in points], [float(p[1]) for p in points]
    slopes = [(to[i + 1] - to[i]) / (at[i + 1] - at[i]) for i in range(len(at) - 1)]
    last = len(at) - 1

    def compute(row: Row) -> float:
        x = float(row[name])
        place = bisect_right(at, x) - 1
        if place < 0:
            if outliers == "asIs":
                return to[0] + (x - at[0]) * slopes[0]
        elif place < last:
            return slopes[place] * (x - at[place]) + to[place]
        elif x == at[last]:
            return to[last]
        elif outliers == "asIs":
            return to[last] + (x - at[last]) * slopes[-1]
        raise NotPlain

    return Single(compute, single.inputs), "double"


def _divided(a: float, b: float) -> float:
    return a / b


_ARITHMETIC: dict[str, Callable[..., Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": _divided,
}  # fmt: skip
_COMPARE: dict[str, Callable[..., Any]] = {
    "equal": operator.eq, "notEqual": operator.ne, "lessThan": operator.lt, "lessOrEqual": operator.le,
    "greaterThan": operator.gt, "greaterOrEqual": operator.ge,
}  # fmt: skip
_ONE: dict[str, Callable[[float], float]] = {
    "ln": math.log, "exp": math.exp, "sqrt": math.sqrt, "log10": math.log10, "abs": abs, "ln1p": math.log1p,
}  # fmt: skip


def _apply(element: Element, scope: Scope) -> Typed | None:
    name = element.need("function")
    if scope.function(name) is not None or {"mapMissingTo", "defaultValue"} & element.attributes.keys():
        return None
    parts = [_READERS.get(child.tag, _nothing)(child, scope) for child in element.children]
    known = [part for part in parts if part is not None]
    if len(known) < len(parts) or any(kind != "double" for _, kind in known):
        return _if(known, name) if len(known) == len(parts) and name == "if" else None
    computes = [single.compute for single, _ in known]
    inputs = frozenset[str]().union(*(single.inputs for single, _ in known))
    if name in _ARITHMETIC and len(computes) == 2 and all(single.code for single, _ in known):
        left, right = (single.code for single, _ in known)
        return _written(f"({left} {name} {right})", inputs), "double"
    if name in _ARITHMETIC and len(computes) == 2:
        return Single(_two(_ARITHMETIC[name], computes[0], computes[1]), inputs), "double"
    if name in _COMPARE and len(computes) == 2:
        return Single(_compare(_COMPARE[name], computes[0], computes[1]), inputs), "boolean"
    if name in _ONE and len(computes) == 1:
        call, (inner,) = _ONE[name], computes
        return Single(lambda row: call(inner(row)), inputs), "double"
    return None


def _nothing(_element: Element, _scope: Scope) -> Typed | None:
    return None


def _two(call: Callable[..., Any], left: Callable[[Row], Any], right: Callable[[Row], Any]) -> Any:
    return lambda row: call(left(row), right(row))


def _compare(call: Callable[..., Any], left: Callable[[Row], Any], right: Callable[[Row], Any]) -> Any:
    def compute(row: Row) -> float:
        a, b = left(row), right(row)
        if a is None or b is None:
            raise NotPlain
        return 1.0 if call(a, b) else 0.0

    return compute


def _if(parts: list[Typed], name: str) -> Typed | None:
    kinds = [kind for _, kind in parts]
    if name != "if" or len(parts) != 3 or kinds[0] != "boolean" or kinds[1:] != ["double", "double"]:
        return None
    ask, then, other = (single.compute for single, _ in parts)
    inputs = frozenset[str]().union(*(single.inputs for single, _ in parts))
    return Single(lambda row: then(row) if ask(row) else other(row), inputs), "double"


_READERS: dict[str, Callable[[Element, Scope], Typed | None]] = {
    "FieldRef": _field_ref,
    "Constant": _constant,
    "NormDiscrete": _norm_discrete,
    "NormContinuous": _norm_continuous,
    "Apply": _apply,
}
