"""Tables to look values up in: Discretize by intervals, MapValues by rows."""

from __future__ import annotations

import math

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.dictionary import read_interval
from foresight.scoring.pmml.frame import Compute, Frame, Scope
from foresight.scoring.pmml.values import Column, Value, cast, constant, known_type, parse_constant
from foresight.scoring.pmml.xml import Element

Lookup = tuple[Compute, str, int]
"""A computation, the type of its result and the steps it takes."""


def map_missing(element: Element, data_type: str, name: str = "mapMissingTo") -> Value | None:
    """What an attribute puts in the place of a missing value."""
    text = element.attributes.get(name)
    return None if text is None else parse_constant(text, data_type, f"line {element.line}: {name}")


def read_discretize(element: Element, scope: Scope) -> Lookup:
    """Discretize: the value of the first bin that holds a number."""
    name = element.need("field")
    scope.find(name)
    data_type = known_type(element.get("dataType", "string"), "Discretize")
    bins = [
        (
            read_interval(bin_.child("Interval")),
            parse_constant(bin_.need("binValue"), data_type, "DiscretizeBin"),
        )
        for bin_ in element.all("DiscretizeBin")
    ]
    missing, default = map_missing(element, data_type), map_missing(element, data_type, "defaultValue")

    def compute(frame: Frame) -> Column:
        x = cast(frame.column(name), "double").values
        result = constant(default, data_type, frame.n)
        free = ~np.isnan(x)
        for interval, value in bins:
            hit = free & interval.holds(x)
            result = result.where(hit, constant(value, data_type, frame.n))
            free &= ~hit
        return result.where(np.isnan(x), constant(missing, data_type, frame.n))

    return compute, data_type, 1 + len(bins)


def read_map_values(element: Element, scope: Scope) -> Lookup:
    """MapValues: the output column of the row that holds the values of the fields."""
    pairs = [(pair.need("field"), _local(pair.need("column"))) for pair in element.all("FieldColumnPair")]
    if not pairs:
        raise element.broken("has no FieldColumnPair")
    types = [scope.find(name).data_type for name, _ in pairs]
    out, data_type = (
        _local(element.need("outputColumn")),
        known_type(element.get("dataType", "string"), "MapValues"),
    )
    if element.first("TableLocator") is not None:
        raise UnsupportedModel("TableLocator")
    where = f"line {element.line}: MapValues"
    table: dict[tuple[Value, ...], Value] = {}
    for row in element.child("InlineTable").all("row"):
        cells = {cell.tag: cell.text for cell in row.children}
        if out in cells and all(column in cells for _, column in pairs):
            texts = zip((cells[column] for _, column in pairs), types, strict=True)
            key = tuple(parse_constant(text, kind, where) for text, kind in texts)
            table.setdefault(key, parse_constant(cells[out], data_type, where))
    if not table:
        raise element.broken(
            f"no row of its InlineTable has the columns {sorted({out, *(c for _, c in pairs)})}"
        )
    missing, default = map_missing(element, data_type), map_missing(element, data_type, "defaultValue")
    return _lookup([name for name, _ in pairs], table, data_type, missing, default), data_type, 1


def _local(column: str) -> str:
    """The name of a column without its name space, as the cells are read."""
    return column.rpartition(":")[2]


def _lookup(
    names: list[str],
    table: dict[tuple[Value, ...], Value],
    data_type: str,
    missing: Value | None,
    default: Value | None,
) -> Compute:
    def compute(frame: Frame) -> Column:
        columns = [frame.column(name) for name in names]
        keys = list(
            zip(*(c.texts().tolist() if c.is_text else c.values.tolist() for c in columns), strict=True)
        )
        absent = np.logical_or.reduce([c.missing for c in columns])
        answers = {key: table.get(key, default) for key in dict.fromkeys(keys)}
        found = _column([answers[key] for key in keys], data_type)
        return found.where(absent, constant(missing, data_type, frame.n)) if absent.any() else found

    return compute


def _column(items: list[Value | None], data_type: str) -> Column:
    if data_type == "string":
        index: dict[Value | None, int] = {None: -1}
        for item in items:
            index.setdefault(item, len(index) - 1)
        codes = np.fromiter(map(index.__getitem__, items), np.int32, len(items))
        return Column(codes, data_type, tuple(str(item) for item in list(index)[1:]))
    return Column(np.array([math.nan if item is None else item for item in items], np.float64), data_type)
