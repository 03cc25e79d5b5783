"""NaiveBayesModel: counts, and Gaussian or Poisson densities, summed as logarithms."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.frame import Compute, Frame
from foresight.scoring.pmml.functions import equal_where
from foresight.scoring.pmml.links import softmax
from foresight.scoring.pmml.result import Result, Subject, classified
from foresight.scoring.pmml.transformations import read_typed
from foresight.scoring.pmml.values import Floats, Value, cast, constant, parse_constant
from foresight.scoring.pmml.xml import Element

Density = Callable[[Floats], Floats]
"""The logarithm of a density: the density itself is too small a number far from the mean."""


@dataclass(frozen=True, slots=True)
class Counted:
    """An input whose values were counted: for each value the probabilities ``[k]`` of it in each class."""

    compute: Compute
    rows: tuple[tuple[Value, Floats], ...]

    def logarithms(self, frame: Frame, k: int) -> Floats:
        """What the input adds for each class; zero where the value is missing or was never counted."""
        column = self.compute(frame)
        out = np.zeros((frame.n, k))
        with np.errstate(divide="ignore"):
            for value, probability in self.rows:
                hit = equal_where(column, constant(value, column.data_type, frame.n)) & ~column.missing
                out[hit] = np.log(probability)
        return out


@dataclass(frozen=True, slots=True)
class Continuous:
    """An input with a density for each class."""

    compute: Compute
    densities: tuple[tuple[int, Density], ...]
    threshold: float

    def logarithms(self, frame: Frame, k: int) -> Floats:
        """What the input adds for each class; no density counts for less than the threshold."""
        x = cast(self.compute(frame), "double").values
        out = np.zeros((frame.n, k))
        with np.errstate(divide="ignore", invalid="ignore"):
            for place, density in self.densities:
                out[:, place] = np.maximum(density(x), np.log(self.threshold))
        return np.where(np.isnan(x)[:, None], 0.0, out)


@dataclass(frozen=True, slots=True)
class Bayes:
    """The classes with their counts, and the inputs."""

    labels: tuple[str, ...]
    priors: Floats
    inputs: tuple[Counted | Continuous, ...]
    target_type: str

    def evaluate(self, frame: Frame) -> Result:
        """The probabilities of the classes for each record."""
        with np.errstate(divide="ignore", invalid="ignore"):
            total = np.tile(np.log(self.priors), (frame.n, 1))
            for part in self.inputs:
                total += part.logarithms(frame, len(self.labels))
            return classified(softmax(total), self.labels, self.target_type)


def read(element: Element, subject: Subject) -> Bayes:
    """A NaiveBayesModel element."""
    threshold = element.number("threshold")
    counts = element.child("BayesOutput").child("TargetValueCounts").all("TargetValueCount")
    labels = tuple(count.need("value") for count in counts)
    inputs = element.child("BayesInputs")
    parts = [*inputs.all("BayesInput"), *(b for e in inputs.all("Extension") for b in e.all("BayesInput"))]
    return Bayes(
        labels=labels,
        priors=np.array([count.number("count") for count in counts]),
        inputs=tuple(_read_input(part, subject, labels, threshold) for part in parts),
        target_type=subject.target_type.data_type,
    )


def _read_input(
    element: Element, subject: Subject, labels: tuple[str, ...], threshold: float
) -> Counted | Continuous:
    name = element.need("fieldName")
    data_type = subject.scope.find(name).data_type
    compute: Compute = lambda frame: frame.column(name)  # noqa: E731 (replaced below for a derived input)
    stats = element.first("TargetValueStats")
    if stats is not None:
        densities = [
            (labels.index(s.need("value")), _read_density(s))
            for s in stats.all("TargetValueStat")
            if s.get("value") in labels
        ]
        return Continuous(compute, tuple(densities), threshold)
    derived = element.first("DerivedField")
    if derived is not None:
        compute, data_type = read_typed(derived, subject.scope)
    pairs = element.all("PairCounts")
    counts = np.array([_counts(pair, labels) for pair in pairs]).reshape(len(pairs), len(labels))
    total = counts.sum(axis=0)
    shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
    shares[counts == 0] = threshold
    values = [parse_constant(pair.need("value"), data_type, "PairCounts") for pair in pairs]
    return Counted(compute, tuple(zip(values, shares, strict=True)))


def _counts(pair: Element, labels: tuple[str, ...]) -> list[float]:
    given = {
        c.need("value"): c.number("count") for c in pair.child("TargetValueCounts").all("TargetValueCount")
    }
    return [given.get(label, 0.0) for label in labels]


def _read_density(element: Element) -> Density:
    found = element.child(
        "GaussianDistribution", "PoissonDistribution", "AnyDistribution", "UniformDistribution"
    )
    mean = found.number("mean", 0.0)
    if found.tag == "GaussianDistribution":
        variance = found.number("variance")
        if variance <= 0:
            raise found.broken("variance must be above 0")
        factor = math.log(2 * math.pi * variance) / 2
        return lambda x: -((x - mean) ** 2) / (2 * variance) - factor
    if found.tag == "PoissonDistribution":
        if mean <= 0:
            raise found.broken("mean must be above 0")
        return lambda x: x * math.log(mean) - mean - special.gammaln(x + 1)
    raise UnsupportedModel(found.tag, "is not supported in a NaiveBayesModel")
