"""Targets: the raw prediction is clipped, rescaled, cast, or replaced where there is none."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.result import Result, classified
from foresight.scoring.pmml.values import Column, Floats
from foresight.scoring.pmml.xml import Element


def round_half_up(value: Any) -> Any:
    """The nearest whole number, the higher one of two."""
    return np.floor(value + 0.5)


_CASTS: Mapping[str, Callable[[Floats], Floats]] = {
    "round": round_half_up,
    "ceiling": np.ceil,
    "floor": np.floor,
}


@dataclass(frozen=True, slots=True)
class Target:
    """What happens to the prediction of one field."""

    name: str
    low: float
    high: float
    factor: float
    shift: float
    cast: str
    default: float | None
    priors: Mapping[str, float]
    displays: Mapping[str, str]

    def apply(self, result: Result) -> Result:
        """The result as the model means it."""
        if self.displays:
            result = replace(result, displays={**result.displays, **self.displays})
        if result.labels or result.value.is_text:
            return self._fill_classes(result)
        values = result.value.values
        if self.default is not None:
            values = np.where(np.isnan(values), self.default, values)
        values = np.clip(values, self.low, self.high) * self.factor + self.shift
        if self.cast:
            values = _CASTS[self.cast](values)
        return replace(result, value=Column(values, "integer" if self.cast else result.value.data_type))

    def _fill_classes(self, result: Result) -> Result:
        absent = result.value.missing
        if not self.priors or not absent.any():
            return result
        labels = result.labels or tuple(self.priors)
        prior = np.array([self.priors.get(label, math.nan) for label in labels])
        n = len(absent)
        mine = np.full((n, len(labels)), math.nan) if result.probability is None else result.probability
        probability = np.where(absent[:, None], prior, mine)
        filled = classified(probability, labels, result.value.data_type).value
        return replace(
            result, value=result.value.where(absent, filled), labels=labels, probability=probability
        )


def read_targets(element: Element) -> dict[str, Target]:
    """Each Target by the name of its field; one without a name has the empty text as its key."""
    found = element.first("Targets")
    targets = [] if found is None else [_read_target(target) for target in found.all("Target")]
    return {target.name: target for target in targets}


def _read_target(element: Element) -> Target:
    cast = element.get("castInteger")
    if cast and cast not in _CASTS:
        raise UnsupportedModel(f"Target castInteger={cast!r}")
    values = element.all("TargetValue")
    defaults = [value.number("defaultValue") for value in values if "defaultValue" in value.attributes]
    return Target(
        name=element.get("field"),
        low=element.number("min", -math.inf),
        high=element.number("max", math.inf),
        factor=element.number("rescaleFactor", 1.0),
        shift=element.number("rescaleConstant", 0.0),
        cast=cast,
        default=defaults[0] if defaults else None,
        priors={
            v.need("value"): v.number("priorProbability")
            for v in values
            if "priorProbability" in v.attributes
        },
        displays={
            v.attributes["value"]: v.attributes["displayValue"]
            for v in values
            if "value" in v.attributes and "displayValue" in v.attributes
        },
    )
