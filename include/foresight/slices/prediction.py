"""One batched prediction of all cells, with the features that the model was trained on."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from foresight.slices.features import Features, History, Outcome, features
from foresight.slices.network import Model
from foresight.slices.targets import Floats


@dataclass(frozen=True, slots=True)
class Prediction:
    """``connections`` float64 ``[n_cells]``, NaN where ``features.outcome`` is not ``READY``."""

    features: Features
    connections: Floats


def predict(
    model: Model,
    past: History,
    configured: ArrayLike,
    *,
    as_of: int | None = None,
    late_periods: float = 1.0,
    seasonal: Floats | None = None,
) -> Prediction:
    """What ``model`` answers for each cell now; ``configured`` and ``seasonal`` as for ``features``.

    A cell with an input outside the range that the model was trained on has no answer: ``OUT_OF_RANGE``.
    """
    found = features(
        past,
        configured,
        model.card.target,
        as_of=as_of,
        late_periods=late_periods,
        failure_bound=model.card.failure_bound,
        seasonal=seasonal if model.is_seasonal else None,
    )
    ready = np.flatnonzero(found.is_ready)
    outside = ready[model.is_outside(found.inputs[ready])]
    if len(outside):
        outcome = found.outcome.copy()
        outcome[outside] = Outcome.OUT_OF_RANGE
        found = replace(found, outcome=outcome)
    answers = np.full(len(found.inputs), np.nan)
    answers[found.is_ready] = model.predict(found.inputs[found.is_ready])
    return Prediction(found, answers)
