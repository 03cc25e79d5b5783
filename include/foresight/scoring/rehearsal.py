"""A model scores records made from its signature before anybody relies on it.

A record must get the same answer alone, beside others, in any order, and every time. Many models that do not
keep to this load without a complaint: one that subtracts the mean of the bundle, one whose batch is fixed.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import InvalidModel
from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import InputField, ScoringModel
from foresight.scoring.outcome import ERROR, PREDICTION
from foresight.scoring.records import RecordScorer
from foresight.scoring.rows import LIST_OF, ListField

MOST_ALONE: Final = 48
"""Most records scored one by one; enough for every declared value of a usual field."""
LEAST_ALONE: Final = 16
BUNDLE: Final = 1_000
MAX_VALUES: Final = 1_000_000
"""Most values that the bundle holds, inputs and outputs together."""
MAX_ANSWER_BYTES: Final = 128 * 1024
"""Longest prediction of one record as JSON: a bundle of 1,000 then fits into memory many times."""
RELATIVE: Final = 5e-3
"""Bundles may be computed in another order of additions, in half precision even."""

Prediction = dict[str, Any]


def rehearse(model: ScoringModel) -> None:
    """Raises ``InvalidModel`` with the reason where the model cannot be relied on."""
    scorer = RecordScorer(model, read_mapping(None, model.signature))
    records = covering(model.signature.inputs)
    alone = [_attempt(scorer, [record]) for record in records]
    fine = [
        (record, found[0]) for record, found in zip(records, alone, strict=True) if isinstance(found, list)
    ]
    if not fine:
        raise InvalidModel(f"it scores none of {len(records)} records made from its signature: {alone[0]}")
    _check_answers([answer for _, answer in fine])
    width = len(model.signature.inputs) + len(model.signature.outputs)
    n = max(2, min(BUNDLE, MAX_VALUES // width))
    pairs = list(islice(cycle(fine), n))
    order = np.random.default_rng(1).permutation(n)
    for shuffled in (pairs, [pairs[place] for place in order], pairs):
        found = _attempt(scorer, [record for record, _ in shuffled])
        if not isinstance(found, list):
            raise InvalidModel(
                f"it scores records one by one, but not {n} at once: {found}; leave the first dimension "
                "of its inputs and outputs free, or fix it to 1"
            )
        _compare([answer for _, answer in shuffled], found)


def _attempt(scorer: RecordScorer, records: Sequence[Any]) -> list[Prediction] | str:
    """The predictions, or why there are none."""
    try:
        found, bad = scorer.score(records)
    except MemoryError:
        raise
    except Exception as error:  # noqa: BLE001 (a model may raise anything)
        return (
            f"the model failed: {error!s:.300}" if str(error) else f"the model failed: {type(error).__name__}"
        )
    if bad:
        return str(found[bad[0]][ERROR])
    return [record[PREDICTION] for record in found]


def _check_answers(answers: Sequence[Prediction]) -> None:
    longest = max(len(json.dumps(answer, default=str)) for answer in answers)
    if longest > MAX_ANSWER_BYTES:
        raise InvalidModel(
            f"its prediction of one record takes {longest} bytes, at most {MAX_ANSWER_BYTES} are allowed: "
            "give the model fewer or shorter outputs"
        )


def _compare(alone: Sequence[Prediction], together: Sequence[Prediction]) -> None:
    """Raises ``InvalidModel`` where an answer depends on its neighbours, or on chance."""
    scales = _scales(alone)
    for one, other in zip(alone, together, strict=True):
        name = _difference(one, other, scales)
        if name is not None:
            raise InvalidModel(
                f"its output {name} is {_short(one.get(name))} for a record alone and "
                f"{_short(other.get(name))} for the same record beside others: "
                "each row must be computed by itself, and without chance"
            )


def _scales(answers: Sequence[Prediction]) -> dict[str, float]:
    """The largest finite number of each output."""
    scales: dict[str, float] = {}
    for answer in answers:
        for name, value in answer.items():
            if _is_number(value) and abs(value) < float("inf"):
                scales[name] = max(scales.get(name, 0.0), abs(value))
    return scales


def _difference(one: Prediction, other: Prediction, scales: Mapping[str, float]) -> str | None:
    """The first output that differs by more than rounding."""
    numbers = [name for name, value in one.items() if _is_number(value)]
    for name in numbers:
        value = other.get(name)
        if not _is_number(value):
            return name
        allowed = RELATIVE * max(abs(one[name]), scales.get(name, 0.0))
        if one[name] != value and not abs(one[name] - value) <= allowed:
            return name
    # Where scores are equal but for rounding, either class is right; without scores, none is excused.
    rest = [name for name in one if name not in numbers]
    return None if numbers else next((name for name in rest if one[name] != other.get(name)), None)


def _is_number(value: Any) -> bool:
    return isinstance(value, float)


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else f"{value!r:.60}"


def covering(inputs: Sequence[InputField]) -> list[dict[str, Any]]:
    """Records that cover a signature: zeros, declared values, ends of bounds, optional fields left out."""
    n = min(MOST_ALONE, max([LEAST_ALONE, *(len(field.values) for field in inputs)]))
    rng = np.random.default_rng(1)
    columns = {field.name: _values(field, n, rng) for field in inputs}
    records = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    optional = [field.name for field in inputs if not field.is_mandatory]
    if optional:
        records += [{**record, **dict.fromkeys(optional)} for record in records[:2]]
    return records or [{}]


_NUMBERS: Final = (0.0, 1.0, 2.0, -1.0, 0.5, 3.0, 10.0, -2.5, 5.0, 100.0, 0.25, 4.0)
_WHOLE: Final = (0, 1, 2, 3, 1, 0, 4, 5, 10, 2)
_TEXTS: Final = ("", "a", "b", "Some words, and more", "0", "1", "text")


def _values(field: InputField, n: int, rng: np.random.Generator) -> list[Any]:
    """The first is the plainest; then every other has its turn, in an order of the field's own."""
    first, *others = _palette(field)
    mixed = [others[place] for place in rng.permutation(len(others))] or [first]
    return [first, *islice(cycle([*mixed, first]), n - 1)]


def _palette(field: InputField) -> list[Any]:
    if field.values:
        return list(field.values)
    if isinstance(field, ListField):
        return lists(field)
    if field.data_type == "boolean":
        return [False, True]
    whole = field.data_type == "integer"
    if field.data_type not in {"double", "float", "integer"}:
        return (
            list(_TEXTS)
            if field.data_type == "string"
            else [*_TEXTS[1:4], "2026-01-02", "2026-01-02T03:04:05"]
        )
    found: list[float] = [*map(float, _WHOLE)] if whole else list(_NUMBERS)
    if field.bounds:
        ends = [end for bounds in field.bounds for end in (bounds.low, bounds.high)]
        found += [end for end in ends if abs(end) < float("inf")]
        found += [sum(ends[place : place + 2]) / 2 for place in range(0, len(ends), 2)]
        found = [value for value in found if any(bounds.hold(value) for bounds in field.bounds)]
    if whole:
        return [
            int(value) for value in found if value == value and abs(value) < 2**62 and value.is_integer()
        ] or [0]
    return found or [0.0]


def lists(field: ListField) -> list[Any]:
    """A few lists of the shape of a field, of different lengths."""
    item = InputField(field.name, field.data_type.removeprefix(LIST_OF))
    rng = np.random.default_rng(1)
    made = []
    for length in (1, 2, 3, 5, 1, 3):
        shape = [length if size is None else size for size in field.shape]
        values = _values(item, math.prod(shape), rng)
        made.append(np.array(values, object).reshape(shape).tolist())
    return made
