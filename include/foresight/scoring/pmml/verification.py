"""ModelVerification: a document brings records with the answers that its author got; they must come out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from foresight.scoring.errors import InvalidModel
from foresight.scoring.model import Scored
from foresight.scoring.plain_values import shown
from foresight.scoring.pmml.values import read_value
from foresight.scoring.pmml.xml import Element

_SHOWN = 3
_SINGLE = 1e-6
"""Relative precision of what is computed from numbers of single precision."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What one column of the table says: an output, or else the value of an input."""

    name: str
    column: str
    precision: float
    zero: float

    def agrees(self, wanted: str, got: Any, data_type: str) -> bool:
        """Whether an answer is the one that is written, numbers within the precision."""
        value, _ = read_value(wanted, data_type)
        if value is None or got is None or isinstance(got, str) or isinstance(value, str):
            return wanted.strip() == str(got) or (value is None and got is None)
        number = float(got)
        if abs(value) <= self.zero and abs(number) <= self.zero:
            return True
        return value == number or abs(number - value) <= self.precision * max(abs(value), self.zero)


def verify(
    element: Element,
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    predict: Callable[[dict[str, Any]], Scored],
) -> None:
    """Score the records of a ModelVerification; raises ``InvalidModel`` where an answer is another one.

    ``inputs`` gives the types of the inputs, ``outputs`` those of what ``predict`` gives. A cell that is not
    there is a missing input, and an output that is not asked about.
    """
    # Where inputs are rounded to single precision, so is what others computed from inputs that were not.
    least = _SINGLE if "float" in inputs.values() else 0.0
    given = element.child("VerificationFields").all("VerificationField")
    fields = [_read_field(field, least) for field in given]
    unknown = next((f.name for f in fields if f.name not in inputs and f.name not in outputs), None)
    if unknown is not None:
        raise element.broken(f"{unknown[:80]!r} is neither an input nor an output of the model")
    rows = [{cell.tag: cell.text for cell in row.children} for row in element.child("InlineTable").all("row")]
    if not rows:
        return
    columns = {
        field.name: np.array([row.get(field.column) for row in rows], object)
        for field in fields
        if field.name in inputs
    }
    scored = predict(columns or {"": np.full(len(rows), None)})
    wrong = [f"record {place}: {reason}" for place, reason in sorted(scored.errors.items())]
    for field in fields:
        if field.name in outputs:
            wrong += _compare(field, rows, scored, outputs[field.name])
    if wrong:
        more = f" and {len(wrong) - _SHOWN} more" * (len(wrong) > _SHOWN)
        raise InvalidModel(f"its own verification fails: {'; '.join(wrong[:_SHOWN])}{more}")


def _compare(field: Expected, rows: list[dict[str, str]], scored: Scored, data_type: str) -> list[str]:
    answers = scored.records([field.name])
    return [
        f"record {place}: {field.name} is {shown(answer[field.name])}, expected {row[field.column][:80]}"
        for place, (row, answer) in enumerate(zip(rows, answers, strict=True))
        if field.column in row and not field.agrees(row[field.column], answer[field.name], data_type)
    ]


def _read_field(element: Element, least: float) -> Expected:
    precision, zero = element.number("precision", 1e-6), element.number("zeroThreshold", 1e-16)
    if precision < 0 or zero < 0 or not math.isfinite(precision):
        raise element.broken("precision and zeroThreshold must not be below 0")
    name = element.need("field")
    column = element.get("column", name).rpartition(":")[2]
    return Expected(name, column, max(precision, least), zero)
