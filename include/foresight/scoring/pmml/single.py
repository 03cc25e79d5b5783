"""One record at a time, in plain Python: the short way for records that are plainly right.

An array of one value costs NumPy as much as one of a hundred. So what a model does to a record is also put
together from small functions over a row: a dict of values by name, None where one is missing. This way knows
only what is common. Whatever it does not know it answers with an exception, of any kind, and the record goes
the way of columns, which says what is right; tests hold both ways against each other.
"""

from __future__ import annotations

import ctypes
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from foresight.scoring.pmml.dictionary import MiningField
from foresight.scoring.pmml.values import Column, Floats, Value

Row = dict[str, Any]
Compute = Callable[[Row], Any]
MAX_TEXTS: Final = 1000
"""Values of a text field whose consequences are kept."""


_c_float = ctypes.c_float


def single_precision(value: float) -> float:
    """The nearest number of single precision; faster here than through NumPy."""
    return _c_float(value).value


class NotPlain(Exception):
    """This record is for the way of columns."""


@dataclass(frozen=True, slots=True)
class Single:
    """A computation over a row, and the inputs of the document that it depends on.

    ``code`` is the computation written out as an expression over ``row``, where it is short.
    """

    compute: Compute
    inputs: frozenset[str]
    code: str = ""


@dataclass(slots=True)
class Answer:
    """What a model says of one record: a number, or the place of a class with the shares of all."""

    value: float = math.nan
    code: int = -1
    shares: Sequence[float] | None = None
    entity: str | None = None
    affinity: Sequence[float] | None = None


@dataclass(slots=True)
class Kept:
    """What follows from the text of one field, worked out once a text."""

    name: str
    work_out: Compute
    known: dict[Any, Any] = field(default_factory=dict)

    def of(self, row: Row) -> Any:
        """What follows for this row."""
        text = row[self.name]
        found = self.known.get(text)
        if found is None:
            found = self.work_out(row)
            if len(self.known) < MAX_TEXTS:
                self.known[text] = found
        return found


@dataclass(slots=True)
class Steps:
    """Derived fields in order; those that follow from one text field alone are looked up together."""

    kept: list[Kept]
    others: list[tuple[str, Compute]]

    def run(self, row: Row) -> None:
        """Enter the derived fields into a row."""
        for part in self.kept:
            row.update(part.of(row))
        for name, compute in self.others:
            value = row[name] = compute(row)
            if value != value:
                raise NotPlain  # NaN, which columns take for a missing value


def _grouped(
    singles: Iterable[tuple[Any, Single]], texts: frozenset[str]
) -> tuple[dict[str, list[tuple[Any, Single]]], list[tuple[Any, Single]]]:
    """Those that follow from one text field, by its name, and all others."""
    groups: dict[str, list[tuple[Any, Single]]] = {}
    others = list[tuple[Any, Single]]()
    for key, single in singles:
        if len(single.inputs) == 1 and single.inputs <= texts:
            groups.setdefault(next(iter(single.inputs)), []).append((key, single))
        else:
            others.append((key, single))
    return groups, others


def steps(derived: Iterable[tuple[str, Single]], texts: frozenset[str]) -> Steps:
    """Derived fields, each after those that it uses; ``texts`` are the inputs that hold texts."""
    groups, others = _grouped(derived, texts)

    def work_out(group: list[tuple[str, Single]]) -> Compute:
        def of(row: Row) -> Row:
            inner, found = {**row}, {}
            for name, single in group:
                inner[name] = found[name] = single.compute(inner)
            return found

        return of

    kept = [Kept(name, work_out(group)) for name, group in groups.items()]
    return Steps(kept, [(name, single.compute) for name, single in others])


def vector(singles: Sequence[Single], texts: frozenset[str]) -> Callable[[Row], Floats]:
    """Several computations as an array, those that follow from one text looked up together."""
    groups, others = _grouped(enumerate(singles), texts)

    def work_out(group: list[tuple[int, Single]]) -> Compute:
        return lambda row: [float(single.compute(row)) for _, single in group]

    kept = [Kept(name, work_out(group)) for name, group in groups.items()]
    rest = [single.compute for _, single in others]
    order = [place for group in [*groups.values(), others] for place, _ in group]
    back = None if order == sorted(order) else np.argsort(order)

    def compute(row: Row) -> Floats:
        values = list[float]()
        for part in kept:
            values += part.of(row)
        for one in rest:
            values.append(one(row))
        found = np.array(values, np.float64)
        return found if back is None else found[back]

    return compute


def squared_distances(
    singles: Sequence[Single], centres: Floats, texts: frozenset[str]
) -> Callable[[Row], Floats]:
    """The squared distance of a row's point from each of ``centres [k, m]``, as its definition says."""
    groups, others = _grouped(enumerate(singles), texts)

    def work_out(group: list[tuple[int, Single]]) -> Compute:
        places = [place for place, _ in group]

        def of(row: Row) -> Floats:
            point = np.array([single.compute(row) for _, single in group], np.float64)
            return np.asarray(((point - centres[:, places]) ** 2).sum(axis=1))

        return of

    kept = [Kept(name, work_out(group)) for name, group in groups.items()]
    rest = [single.compute for _, single in others]
    theirs = np.ascontiguousarray(centres[:, [place for place, _ in others]].T)

    def compute(row: Row) -> Floats:
        total = np.zeros(len(centres))
        for part in kept:
            total += part.of(row)
        if rest:
            away = theirs - np.array([[one(row)] for one in rest], np.float64)
            total += np.einsum("ij,ij->j", away, away)
        return total

    return compute


def reader(field_: MiningField) -> Callable[[Any], Value | None] | None:
    """What a field makes of a plainly right value; None where a field asks for more than is done here."""
    data = field_.data
    if data is None or data.data_type not in {"double", "float", "integer", "string", "boolean"}:
        return None
    if data.data_type == "boolean":
        return None
    if field_.missing_treatment == "returnInvalid":
        return None
    missing = field_.missing_replacement
    return _text_reader(field_, missing) if data.data_type == "string" else _number_reader(field_, missing)


def _text_reader(field_: MiningField, missing: Value | None) -> Callable[[Any], Value | None]:
    assert field_.data is not None  # noqa: S101 (asked before)
    odd = field_.data.missing_values | field_.data.invalid_values
    valid = field_.data.valid_values if field_.invalid_treatment != "asIs" else frozenset()

    def read(raw: Any) -> Value | None:
        if raw is None:
            return missing
        if type(raw) is not str or (valid and raw not in valid) or raw in odd:
            raise NotPlain
        return raw

    return read


def _number_reader(field_: MiningField, missing: Value | None) -> Callable[[Any], Any] | None:
    data = field_.data
    assert data is not None  # noqa: S101 (asked before)
    low, high = -math.inf, math.inf
    if field_.outliers != "asIs":
        low, high = field_.low, field_.high
    if data.intervals and field_.invalid_treatment != "asIs":
        if data.valid or len(data.intervals) > 1:
            return None
        (interval,) = data.intervals
        # An open margin is left to the columns.
        low, high = max(low, interval.left), min(high, interval.right)
        if interval.closure.startswith("open"):
            low = math.nextafter(low, math.inf)
        if interval.closure.endswith("Open"):
            high = math.nextafter(high, -math.inf)
    odd = data.missing_values | data.invalid_values
    valid = data.valid_values if field_.invalid_treatment != "asIs" else frozenset()
    is_float, is_whole, largest = data.data_type == "float", data.data_type == "integer", 1.7e308

    def read(raw: Any) -> Any:
        if type(raw) is not float:
            if raw is None:
                return missing
            if type(raw) is not int:
                raise NotPlain
            raw = float(raw)
        if is_float:
            raw = single_precision(raw)
        if (
            not low <= raw <= high
            or not -largest < raw < largest
            or (is_whole and not raw.is_integer())
            or (odd and raw in odd)
            or (valid and raw not in valid)
        ):
            raise NotPlain
        return raw

    return read


def plain_label(labels: Column) -> list[Any]:
    """Classes as plain Python values, as callers get them."""
    items: list[Any] = labels.plain().tolist()
    return [None if item != item else item for item in items]


def caster(given: str, wanted: str) -> Callable[[Any], Any] | None:
    """How a number of one type is handed out as another; None where that is more than a rounding."""
    if wanted == "double" or (wanted == given == "float"):
        return lambda value: value
    if wanted == "float":
        return lambda value: single_precision(value)
    return (lambda value: int(value)) if wanted == "integer" else None
