"""NeuralNetwork: layers of neurons as matrices."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.expressions import interpolate, read_norm_points
from foresight.scoring.pmml.frame import Compute, Frame
from foresight.scoring.pmml.links import simplemax, softmax
from foresight.scoring.pmml.result import (
    Result,
    Subject,
    classified,
    labels_column,
    number_result,
    winners,
)
from foresight.scoring.pmml.single import Single
from foresight.scoring.pmml.single_expressions import find_single
from foresight.scoring.pmml.transformations import read_typed
from foresight.scoring.pmml.values import Floats, cast
from foresight.scoring.pmml.xml import Element

_ACTIVATIONS: dict[str, Callable[[Floats], Floats]] = {
    "logistic": special.expit,
    "tanh": np.tanh,
    "identity": lambda z: z,
    "exponential": np.exp,
    "reciprocal": lambda z: 1.0 / z,
    "square": np.square,
    "Gauss": lambda z: np.exp(-z * z),
    "sine": np.sin,
    "cosine": np.cos,
    "Elliott": lambda z: z / (1.0 + np.abs(z)),
    "arctan": lambda z: 2.0 * np.arctan(z) / math.pi,
    "rectifier": lambda z: np.maximum(z, 0.0),
}
_NORMALISATIONS = {"none", "simplemax", "softmax"}


@dataclass(frozen=True, slots=True)
class Layer:
    """Neurons over earlier values: weights ``[n_inputs, n_neurons]`` into the columns ``inputs``."""

    inputs: tuple[int, ...]
    weights: Floats
    bias: Floats
    activation: str
    threshold: float
    width: Floats
    altitude: Floats
    used: Floats
    normalisation: str

    def evaluate(self, values: Floats) -> Floats:
        """The values of the neurons from those of all neurons before them."""
        return self.activate(values[:, self.inputs])

    def activate(self, x: Floats) -> Floats:
        """The values of the neurons from those of ``inputs``."""
        if self.activation == "radialBasis":
            return self._radial(x)
        z = x @ self.weights + self.bias
        if self.activation == "threshold":
            out = np.where(np.isnan(z), math.nan, z > self.threshold)
        else:
            out = _ACTIVATIONS[self.activation](z)
        if self.normalisation == "softmax":
            return softmax(out)
        return simplemax(out) if self.normalisation == "simplemax" else out

    def _radial(self, x: Floats) -> Floats:
        columns = []
        for j in range(self.weights.shape[1]):
            mine = self.used[:, j] > 0
            squared = ((x[:, mine] - self.weights[mine, j]) ** 2).sum(axis=1)
            fan_in = mine.sum()
            exponent = fan_in * math.log(self.altitude[j]) - squared / (2.0 * self.width[j] ** 2)
            columns.append(np.exp(exponent))
        return np.column_stack(columns)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the network says of one target: columns of all its values, with their classes or an inverse."""

    target: str | None
    columns: tuple[int, ...]
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    inverse: Callable[[Floats], Floats]
    target_type: str

    def result(self, values: Floats) -> Result:
        """The answer from the values of all neurons."""
        found = values[:, self.columns]
        if not self.labels:
            return number_result(self.inverse(found[:, 0]))
        if len(self.columns) == 1 and len(self.labels) == 2:
            found = np.column_stack([found, 1.0 - found])
        # With one output neuron for two classes, it answers for both.
        ids = self.ids * len(self.labels) if len(self.ids) == 1 else self.ids
        entity = labels_column(winners(found), ids, "string")
        return replace(classified(found, self.labels, self.target_type), entity=entity)


@dataclass(frozen=True, slots=True)
class Network:
    """Inputs, layers, and an answer for each target."""

    inputs: tuple[Compute, ...]
    layers: tuple[Layer, ...]
    answers: tuple[Answer, ...]
    singles: tuple[Single | None, ...]

    @property
    def width(self) -> int:
        """How many values a record has on its way."""
        return len(self.inputs) + sum(len(layer.bias) for layer in self.layers)

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record; missing where an input is."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            values = np.column_stack([cast(compute(frame), "double").values for compute in self.inputs])
            blank = np.isnan(values).any(axis=1)
            for layer in self.layers:
                values = np.column_stack([values, layer.evaluate(values)])
            values[blank] = math.nan
            first, *others = [answer.result(values) for answer in self.answers]
        first.targets = {str(answer.target): r for answer, r in zip(self.answers[1:], others, strict=True)}
        return first


def read(element: Element, subject: Subject) -> Network:
    """A NeuralNetwork element."""
    places: dict[str, int] = {}
    inputs, singles = [], []
    for part in element.child("NeuralInputs").all("NeuralInput"):
        places[part.need("id")] = len(places)
        compute, kind = read_typed(part.child("DerivedField"), subject.scope)
        inputs.append(compute)
        singles.append(find_single(part.child("DerivedField"), subject.scope, kind))
    layers = [_read_layer(part, element, places) for part in element.all("NeuralLayer")]
    return Network(tuple(inputs), tuple(layers), _read_answers(element, subject, places), tuple(singles))


def _read_layer(element: Element, network: Element, places: dict[str, int]) -> Layer:
    neurons = element.all("Neuron")
    if not neurons:
        raise element.broken("has no Neuron")
    activation = element.get("activationFunction", network.get("activationFunction"))
    normalisation = element.get("normalizationMethod", network.get("normalizationMethod", "none"))
    if activation not in _ACTIVATIONS and activation not in {"threshold", "radialBasis"}:
        raise UnsupportedModel(f"NeuralLayer activationFunction={activation!r}")
    if normalisation not in _NORMALISATIONS:
        raise UnsupportedModel(f"NeuralLayer normalizationMethod={normalisation!r}")
    sources = list(dict.fromkeys(con.need("from") for neuron in neurons for con in neuron.all("Con")))
    for source in sources:
        if source not in places:
            raise element.broken(f"a Con comes from {source[:40]!r}, which is not an earlier neuron")
    element.bound_table(len(sources), len(neurons))
    rows = {source: row for row, source in enumerate(sources)}
    weights, used = np.zeros((len(sources), len(neurons))), np.zeros((len(sources), len(neurons)))
    for j, neuron in enumerate(neurons):
        for con in neuron.all("Con"):
            weights[rows[con.need("from")], j] = con.number("weight")
            used[rows[con.need("from")], j] = 1.0

    def given(name: str, default: float) -> Floats:
        shared = element.number(name, network.number(name, default))
        return np.array([neuron.number(name, shared) for neuron in neurons])

    layer = Layer(
        inputs=tuple(places[source] for source in sources),
        weights=weights,
        bias=np.array([neuron.number("bias", 0.0) for neuron in neurons]),
        activation=activation,
        threshold=element.number("threshold", network.number("threshold", 0.0)),
        width=given("width", 1.0),
        altitude=given("altitude", 1.0),
        used=used,
        normalisation=normalisation,
    )
    if activation == "radialBasis" and (np.any(layer.width == 0) or np.any(layer.altitude <= 0)):
        raise element.broken("radialBasis needs a width that is not 0 and an altitude above 0")
    for neuron in neurons:
        places[neuron.need("id")] = len(places)
    return layer


def _read_answers(element: Element, subject: Subject, places: dict[str, int]) -> tuple[Answer, ...]:
    """One answer for each target, that of the first target of the schema before all others."""
    parts: dict[str | None, list[Element]] = {}
    for part in element.child("NeuralOutputs").all("NeuralOutput"):
        norm = part.child("DerivedField").child("FieldRef", "NormDiscrete", "NormContinuous")
        name = norm.need("field")
        parts.setdefault(name if name in subject.targets else subject.target, []).append(part)
    if not parts:
        raise element.broken("has no NeuralOutput")
    if subject.target not in parts:
        raise element.broken(f"has no NeuralOutput for {subject.target}")
    answers = [_read_answer(parts.pop(subject.target), subject.target, subject, places)]
    for other, outputs in parts.items():
        subject.others[str(other)] = subject.dictionary[str(other)].type
        answers.append(_read_answer(outputs, other, subject, places))
    return tuple(answers)


def _read_answer(
    elements: list[Element], target: str | None, subject: Subject, places: dict[str, int]
) -> Answer:
    columns, labels = [], []
    inverse: Callable[[Floats], Floats] = lambda y: y  # noqa: E731 (replaced below for a scaled output)
    for part in elements:
        source = part.need("outputNeuron")
        if source not in places:
            raise part.broken(f"there is no neuron {source[:40]!r}")
        columns.append(places[source])
        norm = part.child("DerivedField").child("FieldRef", "NormDiscrete", "NormContinuous")
        if norm.tag == "NormDiscrete":
            labels.append(norm.need("value"))
        elif norm.tag == "NormContinuous":
            inverse = _inverse(sorted((to, at) for at, to in read_norm_points(norm)))
    kind = subject.target_type if target == subject.target else subject.others[str(target)]
    classes = subject.is_classification or (bool(labels) and subject.function == "mixed")
    if classes and len(labels) != len(columns):
        raise elements[0].broken("a classification needs a NormDiscrete for each NeuralOutput")
    if not classes and len(columns) > 1:
        raise elements[1].broken(f"another NeuralOutput gives the number of {target}")
    if classes and len(labels) == 1:
        labels += [value for value in kind.values if value not in labels][:1]
    names = list(places)
    return Answer(
        target, tuple(columns), tuple(names[place] for place in columns), tuple(labels) if classes else (),
        inverse, kind.data_type,
    )  # fmt: skip


def _inverse(points: list[tuple[float, float]]) -> Callable[[Floats], Floats]:
    return lambda y: interpolate(y, points, "asIs")
