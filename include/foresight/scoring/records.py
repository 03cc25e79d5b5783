"""Records in, records out: mapping, checks and model in one pass.

A good record comes out with ``Prediction: {field: value}``, a bad one with ``PredictionError: text``. For a
model that is a few questions the whole pass is written out as Python code once, and common records never
leave it; every other record, and every other model, goes through the mapping and the columns of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.mapping import FieldMapping
from foresight.scoring.model import Decisions, ScoringModel

PREDICTION = "Prediction"
ERROR = "PredictionError"
RECORD = "Record"
"""The name under which something that is no object is handed on."""

Record = dict[str, Any]
Fast = Callable[[Sequence[Any]], tuple[list[Any], list[int]]]
FastOne = Callable[[Any], Record | None]


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that its source could not read: what there is of it, and why."""

    record: Mapping[str, Any]
    reason: str


class RecordScorer:
    """A model behind a mapping; safe to use from several threads."""

    def __init__(self, model: ScoringModel, mapping: FieldMapping) -> None:
        self.model, self.mapping = model, mapping
        self._names = [out.name for out in model.signature.outputs]
        fast = _fast_pass(model.decisions, mapping) if model.decisions else None
        self._fast: Fast | None = fast[0] if fast else None
        self._fast_one: FastOne | None = fast[1] if fast else None
        self._decide = _decide(model.decisions, mapping) if model.decisions else None

    def score(self, records: Sequence[Any]) -> tuple[list[Record], list[int]]:
        """Each record with its prediction or its error, in order, and the places of the bad ones."""
        if self._fast is not None:
            found, left = self._fast(records)
            if not left:
                return found, []
        else:
            found, left = [None] * len(records), list(range(len(records)))
        bad = self._score_rest(records, found, left)
        return found, bad

    def score_one(self, record: Any) -> Record:
        """One record with its prediction or its error."""
        if self._fast_one is not None:
            found = self._fast_one(record)
            if found is not None:
                return found
        rest: list[Any] = [None]
        self._score_rest([record], rest, [0])
        return rest[0]  # type: ignore[no-any-return]

    def _score_rest(self, records: Sequence[Any], found: list[Any], left: list[int]) -> list[int]:
        """Fill in the records that the fast pass left; gives the places of the bad ones."""
        bad, waiting, inputs = [], [], []
        for place in left:
            record = records[place]
            if isinstance(record, BadRecord):
                found[place] = with_error(record.record, record.reason)
                bad.append(place)
                continue
            values, wrong = self.mapping.values(record)
            if wrong:
                found[place] = with_error(records[place], "; ".join(wrong))
                bad.append(place)
            elif self._decide is not None:
                found[place] = {**records[place], PREDICTION: self._decide(*values)}
            else:
                waiting.append(place)
                inputs.append(values)
        if waiting:
            bad += self._predict(records, found, waiting, inputs)
            bad.sort()
        return bad

    def _predict(
        self, records: Sequence[Any], found: list[Any], waiting: list[int], inputs: list[list[Any]]
    ) -> list[int]:
        columns = {
            feed.target.name: _column(values, feed.target.data_type)
            for feed, values in zip(self.mapping.feeds, zip(*inputs, strict=True), strict=True)
        }
        scored = self.model.predict(columns)
        bad = []
        for row, (place, prediction) in enumerate(zip(waiting, scored.records(self._names), strict=True)):
            reason = scored.errors.get(row)
            if reason is None:
                found[place] = {**records[place], PREDICTION: prediction}
            else:
                found[place] = with_error(records[place], reason)
                bad.append(place)
        return bad


def with_error(record: Any, reason: str) -> Record:
    """A record for the bad output; what is no object is put into one."""
    return {**record, ERROR: reason} if isinstance(record, Mapping) else {RECORD: record, ERROR: reason}


def _column(values: Sequence[Any], data_type: str) -> NDArray[Any]:
    if data_type in {"double", "float", "integer"}:
        return np.array(values, np.float64)
    column = np.empty(len(values), object)
    column[:] = values
    return column


def predict_records(model: ScoringModel, mapping: FieldMapping) -> Callable[[Sequence[Any]], list[Any]]:
    """Predictions alone, one a record, None for a bad one."""
    scorer = RecordScorer(model, mapping)
    return lambda records: [record.get(PREDICTION) for record in scorer.score(records)[0]]


def _variables(mapping: FieldMapping) -> dict[str, str]:
    return {feed.target.name: f"v{place}" for place, feed in enumerate(mapping.feeds)}


def _decide(decisions: Decisions, mapping: FieldMapping) -> Callable[..., Record] | None:
    """A function from the values of the inputs, None for missing ones, to a prediction."""
    variables = _variables(mapping)
    lines = decisions.lines(variables, lambda place: f"return {_literal(decisions, place)}", missing=True)
    if lines is None:
        return None
    decide: Callable[..., Record] = _define(
        "decide", [f"def decide({', '.join(variables.values())}):", *_indented(lines, 1)]
    )
    return decide


def _fast_pass(decisions: Decisions, mapping: FieldMapping) -> tuple[Fast, FastOne] | None:
    """For records that are plainly right: a loop that gives the places of all others, and one by one."""
    if mapping.array_field is not None or mapping.reads_text:
        return None
    variables = _variables(mapping)

    def code(before: str, after: str) -> list[str] | None:
        return decisions.lines(
            variables,
            lambda place: f"{before}{{**r, {PREDICTION!r}: {_literal(decisions, place)}}}{after}",
            missing=False,
        )

    many, one, conditions = code("add(", ")"), code("return ", ""), _conditions(mapping, variables)
    if many is None or one is None or conditions is None:
        return None
    check = [
        "try:",
        *(f" {variables[f.target.name]} = r[{f.source!r}]" for f in mapping.feeds),
        f" fine = {conditions}",
        "except (LookupError, TypeError, OverflowError):",
        " fine = False",
        "if fine:",
    ]
    loop = [
        "def fast(records):",
        " found = []; add = found.append; left = []; skip = left.append",
        " for r in records:",
        *_indented(check, 2),
        *_indented(many, 3),
        "  else:",
        "   skip(len(found)); add(None)",
        " return found, left",
    ]
    single = ["def fast(r):", *_indented(check, 1), *_indented(one, 2), " return None"]
    return _define("fast", loop), _define("fast", single)


def _conditions(mapping: FieldMapping, variables: Mapping[str, str]) -> str | None:
    """What must hold for a record to be plainly right; None where that is not to be said in a line."""
    conditions, numbers = [], list[str]()
    for feed in mapping.feeds:
        name, target = variables[feed.target.name], feed.target
        if target.data_type == "double":
            numbers.append(name)
        elif target.data_type == "integer":
            conditions.append(f"type({name}) is int and -(1 << 53) < {name} < 1 << 53")
        elif target.data_type == "string":
            conditions.append(f"type({name}) is str")
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


def _literal(decisions: Decisions, place: int) -> str:
    return repr(dict(decisions.predictions[place]))


def _indented(lines: Sequence[str], depth: int) -> list[str]:
    return [" " * depth + line for line in lines]


def _define(name: str, lines: Sequence[str]) -> Any:
    """Compile a function. Its text holds names made here and ``repr`` of constants, nothing else."""
    space: dict[str, Any] = {}
    exec(compile("\n".join(lines), f"<{name}>", "exec"), {"__builtins__": _BUILTINS}, space)  # noqa: S102
    return space[name]


_BUILTINS = {
    "type": type, "float": float, "int": int, "str": str, "len": len,
    "LookupError": LookupError, "TypeError": TypeError, "OverflowError": OverflowError,
}  # fmt: skip
