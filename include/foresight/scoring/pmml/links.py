"""Inverse links: from a linear predictor to a mean or a probability."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from scipy import special

from foresight.scoring.pmml.values import Floats

INVERSE: dict[str, Callable[[Floats], Floats]] = {
    "none": lambda y: y,
    "identity": lambda y: y,
    "logit": special.expit,
    "softmax": special.expit,
    "exp": np.exp,
    "log": np.exp,
    "logc": lambda y: 1.0 - np.exp(y),
    "probit": special.ndtr,
    "cloglog": lambda y: -np.expm1(-np.exp(y)),
    "loglog": lambda y: np.exp(-np.exp(-y)),
    "cauchit": lambda y: 0.5 + np.arctan(y) / math.pi,
}


def raised(x: Any, exponent: Any) -> Any:
    """A power that is missing where its base is, also the 0th."""
    return np.where(np.isnan(x), x, x**exponent)


def parametric(name: str, parameter: float) -> Callable[[Floats], Floats] | None:
    """Inverse links with a parameter: negbin, oddspower, power; None for others."""
    if name == "negbin":
        return lambda y: 1.0 / (parameter * (np.exp(-y) - 1.0))
    if name == "oddspower":
        if parameter == 0:
            return special.expit  # type: ignore[no-any-return]
        return lambda y: 1.0 / (1.0 + (1.0 + parameter * y) ** (-1.0 / parameter))
    if name == "power":
        return np.exp if parameter == 0 else lambda y: y ** (1.0 / parameter)
    return None


def softmax(scores: Floats) -> Floats:
    """Rows that sum to one; a row with a missing score is missing."""
    if scores.shape[1] == 0:
        return scores
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def simplemax(scores: Floats) -> Floats:
    """Rows divided by their sum; missing where that is zero."""
    total = scores.sum(axis=1, keepdims=True)
    return np.asarray(np.divide(scores, total, out=np.full_like(scores, math.nan), where=total != 0))
