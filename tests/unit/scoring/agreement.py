"""One model, every way to ask it: alone, in a bundle and as columns it gives the same answers.

For tests of runtimes: draw records, call ``check``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from foresight.scoring.mapping import read_mapping
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import ERROR, PREDICTION
from foresight.scoring.records import RecordScorer


def optional(model: ScoringModel) -> RecordScorer:
    """A scorer that leaves every missing value to the model, as columns do."""
    entries = [
        {"model_field": field.name, "tuple_field": field.name, "is_mandatory": False}
        for field in model.signature.inputs
    ]
    return RecordScorer(model, read_mapping(entries, model.signature))


def same(one: Any, other: Any, tolerance: float) -> bool:
    """Whether two values are the same, numbers within a relative tolerance."""
    if isinstance(one, float) and isinstance(other, float):
        return one == other or math.isclose(one, other, rel_tol=tolerance, abs_tol=tolerance)
    return type(one) is type(other) and one == other


def alike(one: Mapping[str, Any], other: Mapping[str, Any], tolerance: float) -> bool:
    """Whether two scored records say the same."""
    if ERROR in one or ERROR in other:
        return one.get(ERROR) == other.get(ERROR)
    mine, theirs = one[PREDICTION], other[PREDICTION]
    return mine.keys() == theirs.keys() and all(same(mine[k], theirs[k], tolerance) for k in mine)


def check(scorer: RecordScorer, records: Sequence[Mapping[str, Any]], tolerance: float = 1e-12) -> None:
    """Raise ``AssertionError`` where two ways disagree over a record."""
    alone = [scorer.score_one(record) for record in records]
    together, bad = scorer.score(records)
    assert bad == [place for place, record in enumerate(alone) if ERROR in record]
    backwards = scorer.score(records[::-1])[0][::-1]
    columns = _columns(scorer.model, records)
    for record, one, many, turned, column in zip(records, alone, together, backwards, columns, strict=True):
        for other in (many, turned, column):
            assert alike(one, other, tolerance), f"{record}: {one} or {other}"


def _columns(model: ScoringModel, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    columns = {"": np.full(len(records), None)}
    for field in model.signature.inputs:
        columns[field.name] = np.empty(len(records), object)
        columns[field.name][:] = [record.get(field.name) for record in records]
    scored = model.predict(columns)
    predictions = scored.records([out.name for out in model.signature.outputs])
    return [
        {ERROR: scored.errors[place]} if place in scored.errors else {PREDICTION: prediction}
        for place, prediction in enumerate(predictions)
    ]
