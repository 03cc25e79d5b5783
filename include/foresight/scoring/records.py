"""Records in, records out: mapping, checks and model in one pass.

A good record comes out with ``Prediction: {field: value}``, a bad one with ``PredictionError: text``. For a
model that is a few questions the whole pass is written out as Python code once, and common records never
leave it; every other record, and every other model, goes through the mapping and the columns of the model.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.bulk import bulk_pass
from foresight.scoring.mapping import FieldMapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import ERROR, PREDICTION, BadRecord, Record, with_error, with_prediction
from foresight.scoring.plain_values import NUMBERS, from_text
from foresight.scoring.record_code import Fast, One, decide, fast_pass, gather_pass

_EXACT: Final = 2**53
"""Whole numbers below are exact in float64."""


class RecordScorer:
    """A model behind a mapping; safe to use from several threads."""

    def __init__(self, model: ScoringModel, mapping: FieldMapping) -> None:
        self.model, self.mapping = model, mapping
        self._names = [out.name for out in model.signature.outputs]
        fast = fast_pass(model.decisions, mapping, self._score_one) if model.decisions else None
        self._fast: Fast | None = fast[0] if fast else None
        self.score_one: Callable[[Any], Record] = fast[1] if fast else self._score_one
        """One record with its prediction or its error."""
        self._one = _one_by_one(model, mapping, self._score_one)
        if fast is None and self._one is not None:
            self.score_one = self._one
        self._decide = decide(model.decisions, mapping) if model.decisions else None
        self._gather = gather_pass(mapping)
        self._bulk = bulk_pass(mapping) if fast is None and self._decide is None else None

    def score(self, records: Sequence[Any]) -> tuple[list[Record], list[int]]:
        """Each record with its prediction or its error, in order, and the places of the bad ones."""
        if self._fast is not None:
            found, left = self._fast(records)
            return found, self._score_rest(records, found, left) if left else []
        found, left, bad = [None] * len(records), list(range(len(records))), []
        matrix = self._bulk(records) if self._bulk is not None and len(records) > 1 else None
        if matrix is not None:
            return found, self._predict(records, found, left, list(matrix), is_plain=True)
        if self._gather is not None and self._decide is None:
            columns, places, left = self._gather(records)
            bad = self._predict(records, found, places, columns, is_plain=True)
        if left:
            bad += self._score_rest(records, found, left)
            bad.sort()
        return found, bad

    def _score_one(self, record: Any) -> Record:
        rest: list[Any] = [None]
        self._score_rest([record], rest, [0])
        return rest[0]  # type: ignore[no-any-return]

    def _score_rest(self, records: Sequence[Any], found: list[Any], left: list[int]) -> list[int]:
        """Fill in the records that the fast pass left; gives the places of the bad ones."""
        bad: list[int] = []
        waiting: list[int] = []
        inputs: list[list[Any]] = []
        for place in left:
            record = records[place]
            if isinstance(record, BadRecord):
                found[place] = with_error(record.record, record.reason)
                bad.append(place)
                continue
            values, wrong = self.mapping.values(record)
            if wrong:
                found[place] = with_error(record, "; ".join(wrong))
                bad.append(place)
            elif self._decide is not None:
                found[place] = with_prediction(record, self._decide(*values))
            else:
                waiting.append(place)
                inputs.append(values)
        if waiting:
            bad += self._predict(records, found, waiting, [*zip(*inputs, strict=True)])
            bad.sort()
        return bad

    def _predict(
        self,
        records: Sequence[Any],
        found: list[Any],
        places: list[int],
        inputs: Sequence[Sequence[Any]],
        *,
        is_plain: bool = False,
    ) -> list[int]:
        """Score the records at ``places`` from the values of each input; gives the places of the bad ones.

        ``is_plain`` says that numbers are Python's own, and whole ones exact as float64.
        """
        if not places:
            return []
        columns = {
            feed.target.name: _column(values, feed.target.data_type, is_plain=is_plain)
            for feed, values in zip(self.mapping.feeds, inputs, strict=True)
        }
        if not columns:
            columns[""] = np.full(
                len(places), None
            )  # a model without inputs is told how many records there are
        scored = self.model.predict(columns)
        for place, prediction in zip(places, scored.records(self._names), strict=True):
            made = found[place] = {**records[place], PREDICTION: prediction}
            made.pop(ERROR, None)
        for row, reason in scored.errors.items():
            found[places[row]] = with_error(records[places[row]], reason)
        return [places[row] for row in sorted(scored.errors)]


def _one_by_one(model: ScoringModel, mapping: FieldMapping, rest: One) -> One | None:
    """A model's short way for single records that are plainly right; others are handed on."""
    predict = getattr(model, "predict_one", None)
    if predict is None or mapping.array_field is not None:
        return None
    sources = [feed.source for feed in mapping.feeds]
    types = [feed.target.data_type for feed in mapping.feeds]
    may_miss = not any(feed.is_mandatory or feed.default is not None for feed in mapping.feeds)
    reads_text = mapping.reads_text

    def score_one(record: Any) -> Record:
        try:
            values = [record[source] for source in sources]
            if reads_text:
                values = [
                    from_text(value, kind) if type(value) is str else value
                    for value, kind in zip(values, types, strict=True)
                ]
            if may_miss or None not in values:
                return with_prediction(record, predict(values))
        except Exception:  # noqa: BLE001, S110 (the general way says what is wrong, if anything is)
            pass
        return rest(record)

    return score_one


def _column(values: Sequence[Any], data_type: str, *, is_plain: bool) -> NDArray[Any]:
    """Numbers as float64, missing ones as NaN; as objects what that cannot hold without loss."""
    if data_type in NUMBERS and (is_plain or all(map(_is_exact, values))):
        return np.array(values, np.float64)
    objects = np.empty(len(values), object)
    objects[:] = values
    return objects


def _is_exact(value: Any) -> bool:
    kind = type(value)
    return kind is float or value is None or (kind is int and -_EXACT < value < _EXACT)
