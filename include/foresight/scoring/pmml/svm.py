"""SupportVectorMachineModel: kernels over support vectors, one against one or against all."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import distance

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml import arrays
from foresight.scoring.pmml.frame import Compute, Frame, Scope
from foresight.scoring.pmml.functions import equal_where
from foresight.scoring.pmml.result import Result, Subject, labels_column, number_result, winners
from foresight.scoring.pmml.single import Single
from foresight.scoring.pmml.single_expressions import reference
from foresight.scoring.pmml.values import Column, Floats, cast, constant, parse_constant
from foresight.scoring.pmml.xml import Element

Kernel = Callable[[Floats, Floats], Floats]
_KERNELS = ("LinearKernelType", "PolynomialKernelType", "RadialBasisKernelType", "SigmoidKernelType")
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Machine:
    """One decision function ``kernel(x, vectors) @ weights + bias``."""

    target: str
    alternate: str
    vectors: Floats
    weights: Floats
    bias: float
    threshold: float | None
    target_is_one: bool = False

    def evaluate(self, x: Floats, kernel: Kernel) -> Floats:
        """Its value for each record; without vectors the weights belong to the fields."""
        if not len(self.vectors):
            return np.asarray(x @ self.weights + self.bias)
        out = np.empty(len(x))
        for start in range(0, len(x), _BLOCK):
            part = x[start : start + _BLOCK]
            out[start : start + _BLOCK] = kernel(part, self.vectors) @ self.weights + self.bias
        return out


@dataclass(frozen=True, slots=True)
class Machines:
    """The machines and how their values become an answer."""

    inputs: tuple[Compute, ...]
    kernel: Kernel
    machines: tuple[Machine, ...]
    labels: tuple[str, ...]
    method: str
    max_wins: bool
    threshold: float
    classes: bool
    target_type: str
    singles: tuple[Single | None, ...]
    gamma: float | None

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record; missing where an input is."""
        x = np.column_stack([cast(compute(frame), "double").values for compute in self.inputs])
        blank = np.isnan(x).any(axis=1)
        x[blank] = 0.0
        with np.errstate(over="ignore", invalid="ignore"):
            values = np.column_stack([machine.evaluate(x, self.kernel) for machine in self.machines])
        values[blank] = math.nan
        if not self.classes:
            return number_result(values[:, 0])
        votes = self.votes(values)
        value = labels_column(winners(votes), self.labels, self.target_type)
        share = None if self.method == "OneAgainstAll" else votes / len(self.machines)
        return Result(value, self.labels, probability=share, affinity=votes, nearest_first=False)

    def above_wins(self, machine: Machine) -> bool:
        """Whether a value above the threshold speaks for the target category of a machine."""
        # It is the one below the threshold, or where the answer is 0 or 1 the 1.
        return self.max_wins or machine.target_is_one

    def votes(self, values: Floats) -> Floats:
        """What the machines' values ``[n, machines]`` say of each class."""
        index = {label: place for place, label in enumerate(self.labels)}
        blank = np.isnan(values).any(axis=1)
        if self.method == "OneAgainstAll":
            scores = np.full((len(values), len(self.labels)), -math.inf)
            for j, machine in enumerate(self.machines):
                scores[:, index[machine.target]] = values[:, j] if self.max_wins else -values[:, j]
            scores[blank] = math.nan
            return scores
        votes = np.zeros((len(values), len(self.labels)))
        for j, machine in enumerate(self.machines):
            threshold = self.threshold if machine.threshold is None else machine.threshold
            first = values[:, j] > threshold if self.above_wins(machine) else values[:, j] < threshold
            votes[:, index[machine.target]] += first
            votes[:, index[machine.alternate]] += ~first
        votes[blank] = math.nan
        return votes


def read(element: Element, subject: Subject) -> Machines:
    """A SupportVectorMachineModel element."""
    method = element.get("classificationMethod", "OneAgainstAll")
    if method not in {"OneAgainstAll", "OneAgainstOne"}:
        raise UnsupportedModel(f"SupportVectorMachineModel classificationMethod={method!r}")
    dictionary = element.child("VectorDictionary")
    inputs = _read_inputs(dictionary.child("VectorFields"), subject)
    dictionary.bound_table(len(inputs), len(dictionary.all("VectorInstance")))
    vectors = {
        v.need("id"): arrays.dense(v.child("Array", "REAL-SparseArray"), len(inputs))
        for v in dictionary.all("VectorInstance")
    }
    if any(len(vector) != len(inputs) for vector in vectors.values()):
        raise dictionary.broken("a VectorInstance and the VectorFields do not fit")
    form = element.get("svmRepresentation", "SupportVectors")
    if form not in {"SupportVectors", "Coefficients"}:
        raise UnsupportedModel(f"SupportVectorMachineModel svmRepresentation={form[:40]!r}")
    by_vectors = form == "SupportVectors"
    held = [part.first("SupportVectors") for part in element.all("SupportVectorMachine")]
    element.bound_table(len(inputs), sum(len(part.children) for part in held if part is not None))
    machines = [
        _read_machine(part, element, subject, vectors, by_vectors=by_vectors, width=len(inputs))
        for part in element.all("SupportVectorMachine")
    ]
    if not machines:
        raise element.broken("has no SupportVectorMachine")
    if len(machines) > 1 and not subject.is_classification:
        raise element.broken("a regression has one SupportVectorMachine")
    if subject.is_classification and any(machine.alternate for machine in machines):
        method = "OneAgainstOne"
    if subject.is_classification and method == "OneAgainstOne" and not all(m.alternate for m in machines):
        raise element.broken("a SupportVectorMachine has no alternateTargetCategory")
    spoken = [label for machine in machines for label in (machine.target, machine.alternate) if label]
    labels = tuple(dict.fromkeys([*subject.target_type.values, *spoken]))
    radial = element.first("RadialBasisKernelType")
    return Machines(
        inputs=inputs,
        kernel=_read_kernel(element.child(*_KERNELS)),
        machines=tuple(machines),
        labels=labels if subject.is_classification else (),
        method=method,
        max_wins=element.flag("maxWins", default=False),
        threshold=element.number("threshold", _threshold(element)),
        classes=subject.is_classification,
        target_type=subject.target_type.data_type,
        singles=_single_inputs(dictionary.child("VectorFields"), subject.scope),
        gamma=None if radial is None else radial.number("gamma", 1.0),
    )


def _single_inputs(element: Element, scope: Scope) -> tuple[Single | None, ...]:
    names = [part.get("field") if part.tag == "FieldRef" else "" for part in element.children]
    return tuple(reference(name, scope) if name else None for name in names)


def _threshold(element: Element) -> float:
    # Where the other class is named once, the answer is 0 for it and 1 for the target category.
    return 0.5 if "alternateBinaryTargetCategory" in element.attributes else 0.0


def _read_inputs(element: Element, subject: Subject) -> tuple[Compute, ...]:
    def numeric(name: str) -> Compute:
        return lambda frame: frame.column(name)

    def indicator(name: str, text: str, coefficient: float) -> Compute:
        kind = subject.scope.find(name).data_type
        value = parse_constant(text, kind, "CategoricalPredictor")

        def compute(frame: Frame) -> Column:
            column = frame.column(name)
            hit = equal_where(column, constant(value, kind, frame.n)) * coefficient
            return Column(np.where(column.missing, math.nan, hit), "double")

        return compute

    found = []
    for part in element.children:
        if part.tag == "FieldRef":
            subject.scope.find(part.need("field"))
            found.append(numeric(part.need("field")))
        elif part.tag == "CategoricalPredictor":
            name = part.need("name")
            found.append(indicator(name, part.need("value"), part.number("coefficient", 1.0)))
        else:
            raise UnsupportedModel(part.tag, "is not supported in VectorFields")
    return tuple(found)


def _read_machine(
    element: Element,
    model: Element,
    subject: Subject,
    vectors: dict[str, Floats],
    *,
    by_vectors: bool,
    width: int,
) -> Machine:
    coefficients = element.child("Coefficients")
    weights = np.array([c.number("value", 0.0) for c in coefficients.all("Coefficient")])
    mine = np.empty((0, width))
    if by_vectors:
        ids = [v.need("vectorId") for v in element.child("SupportVectors").all("SupportVector")]
        absent = next((i for i in ids if i not in vectors), None)
        if absent is not None:
            raise element.broken(f"there is no VectorInstance {absent[:40]!r}")
        mine = np.array([vectors[i] for i in ids]).reshape(len(ids), width)
    if len(weights) != (len(mine) if by_vectors else width):
        raise element.broken("its coefficients and its vectors do not fit")
    target = element.get("targetCategory")
    alternate = element.get("alternateTargetCategory", model.get("alternateBinaryTargetCategory"))
    if subject.is_classification and not alternate and len(model.all("SupportVectorMachine")) == 1:
        alternate = next((v for v in subject.target_type.values if v != target), "")
    if subject.is_classification and not target:
        raise element.broken("has no targetCategory")
    bias = coefficients.number("absoluteValue", 0.0)
    if by_vectors and not len(mine):
        # No vectors: the machine is its bias alone.
        mine, weights = np.zeros((1, width)), np.zeros(1)
    target_is_one = "alternateBinaryTargetCategory" in model.attributes
    return Machine(target, alternate, mine, weights, bias, element.optional("threshold"), target_is_one)


def _read_kernel(element: Element) -> Kernel:
    if element.tag == "LinearKernelType":
        return lambda x, v: np.asarray(x @ v.T)
    gamma = element.number("gamma", 1.0)
    if element.tag == "RadialBasisKernelType":
        return lambda x, v: np.exp(-gamma * _squared(x, v))
    shift = element.number("coef0", 1.0)
    if element.tag == "SigmoidKernelType":
        return lambda x, v: np.tanh(gamma * (x @ v.T) + shift)
    degree = element.number("degree", 1.0)
    return lambda x, v: (gamma * (x @ v.T) + shift) ** degree


def _squared(x: Floats, v: Floats) -> Floats:
    """Squared distances by their definition: the shortcut through dot products loses digits."""
    return np.asarray(distance.cdist(x, v, "sqeuclidean"))
