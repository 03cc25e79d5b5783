"""NearestNeighborModel: the training records nearest to a record say what it is."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.clustering import Compare, read_compare, read_power
from foresight.scoring.pmml.frame import Compute, FieldType, Frame, Problems, frame_of
from foresight.scoring.pmml.result import Codes, Result, Subject, classified, number_result
from foresight.scoring.pmml.values import Column, Floats, cast, encode, parse_constant, text_column
from foresight.scoring.pmml.xml import Element

_MEASURES: Final = ("euclidean", "squaredEuclidean", "chebychev", "cityBlock", "minkowski")
_CONTINUOUS: Final = {"average", "weightedAverage", "median"}
_CATEGORICAL: Final = {"majorityVote", "weightedMajorityVote"}
MAX_VALUES: Final = 50_000_000
"""Numbers that the training records may hold, and that are compared at a time."""


@dataclass(frozen=True, slots=True)
class Target:
    """One field that the neighbors tell: numbers, or places in ``labels``."""

    name: str
    values: Floats
    labels: tuple[str, ...]
    data_type: str


@dataclass(frozen=True, slots=True)
class Neighbors:
    """Training records ``[k, m]`` over m inputs, how they are compared, and what they tell."""

    inputs: tuple[Compute, ...]
    points: Floats
    weights: Floats
    compares: tuple[Compare, ...]
    measure: str
    power: float
    count: int
    ids: Column
    targets: tuple[Target, ...]
    continuous: str
    categorical: str
    threshold: float

    def evaluate(self, frame: Frame) -> Result:
        """The answers for each record; missing where an input is."""
        x = np.column_stack([cast(compute(frame), "double").values for compute in self.inputs])
        blank = np.isnan(x).any(axis=1)
        x[blank] = 0.0
        near, far = np.empty((2, len(x), self.count))
        step = max(MAX_VALUES // (16 * max(self.points.size, 1)), 1)
        for start in range(0, len(x), step):
            distance = self._distances(x[start : start + step])
            order = np.argsort(distance, axis=1, kind="stable")[:, : self.count]
            near[start : start + step] = order
            far[start : start + step] = np.take_along_axis(distance, order, axis=1)
        found = near.astype(np.intp)
        first, *others = [self._answer(target, found, far, blank) for target in self.targets]
        first.targets = {t.name: result for t, result in zip(self.targets[1:], others, strict=True)}
        first.entity = self.ids.take(np.where(blank, len(self.points), found[:, 0]))
        first.neighbors = [self.ids.take(np.where(blank, len(self.points), column)) for column in found.T]
        return first

    def _distances(self, x: Floats) -> Floats:
        total = np.zeros((len(x), len(self.points)))
        for j, compare in enumerate(self.compares):
            c = compare(x[:, j, None], self.points[None, :, j])
            if self.measure in {"euclidean", "squaredEuclidean"}:
                total += self.weights[j] * c * c
            elif self.measure == "chebychev":
                total = np.maximum(total, self.weights[j] * c)
            elif self.measure == "cityBlock":
                total += self.weights[j] * c
            else:
                total += self.weights[j] * np.abs(c) ** self.power
        return total ** (1.0 / self.power) if self.measure in {"euclidean", "minkowski"} else total

    def _answer(self, target: Target, near: Codes, far: Floats, blank: Any) -> Result:
        said = target.values[near]
        method = self.categorical if target.labels else self.continuous
        weights = 1.0 / (far + self.threshold) if method.startswith("weighted") else np.ones_like(far)
        if not target.labels:
            if method == "median":
                value = np.median(said, axis=1)
            else:
                value = (said * weights).sum(axis=1) / weights.sum(axis=1)
            value[blank] = math.nan
            return number_result(value)
        votes = np.zeros((len(near), len(target.labels)))
        for codes, weight in zip(said.T.astype(np.intp), weights.T, strict=True):
            votes[np.arange(len(near)), codes] += weight
        share = votes / votes.sum(axis=1, keepdims=True)
        share[blank] = math.nan
        return classified(share, target.labels, target.data_type)


def read(element: Element, subject: Subject) -> Neighbors:
    """A NearestNeighborModel element."""
    columns = _read_instances(element.child("TrainingInstances"))
    inputs = element.child("KNNInputs").all("KNNInput")
    if not inputs:
        raise element.broken("has no KNNInput")
    names = [part.need("field") for part in inputs]
    if not element.child("TrainingInstances").flag("isTransformed", default=False):
        columns |= _derived([name for name in names if name not in columns], columns, subject)
    points = np.column_stack([_numbers(element, name, columns) for name in names])
    count = int(element.number("numberOfNeighbors"))
    if not 1 <= count <= len(points):
        raise element.broken(f"{count} neighbors of {len(points)} training records")
    measure = element.child("ComparisonMeasure")
    if measure.need("kind") != "distance":
        raise UnsupportedModel(f"ComparisonMeasure kind={measure.get('kind')[:40]!r} in a {element.tag}")
    kind = measure.child(*_MEASURES)
    targets = [_read_target(name, subject, columns, element) for name in _targets(element, subject, columns)]
    subject.others.update(
        {target.name: FieldType(target.data_type, "", target.labels) for target in targets[1:]}
    )
    identity = element.get("instanceIdVariable")
    if identity and identity not in columns:
        raise element.broken(f"there is no column of {identity[:40]!r}")
    ids = columns[identity] if identity else [str(place + 1) for place in range(len(points))]
    return Neighbors(
        inputs=tuple(_input(part.need("field"), subject) for part in inputs),
        points=points,
        weights=np.array([part.number("fieldWeight", 1.0) for part in inputs]),
        compares=tuple(_read_compare(part, measure) for part in inputs),
        measure=kind.tag,
        power=read_power(kind),
        count=count,
        ids=text_column([*ids, None]),
        targets=tuple(targets),
        continuous=_choice(element, "continuousScoringMethod", "average", _CONTINUOUS),
        categorical=_choice(element, "categoricalScoringMethod", "majorityVote", _CATEGORICAL),
        threshold=element.number("threshold", 0.001),
    )


def _read_compare(field: Element, measure: Element) -> Compare:
    if field.get("compareFunction", measure.get("compareFunction")) == "table":
        raise UnsupportedModel("KNNInput compareFunction='table'")
    return read_compare(field, measure)


def _choice(element: Element, name: str, default: str, allowed: set[str]) -> str:
    value = element.get(name, default)
    if value not in allowed:
        raise UnsupportedModel(f"{element.tag} {name}={value[:40]!r}")
    return value


def _input(name: str, subject: Subject) -> Compute:
    subject.scope.find(name)
    return lambda frame: frame.column(name)


def _read_instances(element: Element) -> dict[str, list[str]]:
    """The training records, as the texts of each field."""
    fields = element.child("InstanceFields").all("InstanceField")
    pairs = [(f.need("field"), f.get("column", f.need("field")).rpartition(":")[2]) for f in fields]
    rows = [{c.tag: c.text for c in row.children} for row in element.child("InlineTable").all("row")]
    if not rows or len(rows) * len(pairs) > MAX_VALUES:
        raise element.broken("has no or too many training records")
    for name, column in pairs:
        if any(column not in row for row in rows):
            raise element.broken(f"a row has no {name[:40]!r}")
    return {name: [row[column] for row in rows] for name, column in pairs}


def _derived(names: list[str], columns: dict[str, list[str]], subject: Subject) -> dict[str, list[str]]:
    """Derived fields of training records that hold what those are made of."""
    given = {
        name: encode(np.array(texts, object), subject.scope.find(name).data_type).column
        for name, texts in columns.items()
    }
    frame = frame_of(subject.scope, Problems(), given, len(next(iter(columns.values()))))
    found = {name: cast(frame.column(name), "double").values for name in names}
    return {name: [repr(value) for value in values.tolist()] for name, values in found.items()}


def _numbers(element: Element, name: str, columns: dict[str, list[str]]) -> Floats:
    if name not in columns:
        raise element.broken(f"there is no column of {name[:40]!r} among the training records")
    return np.array([element.finite(text, name) for text in columns[name]])


def _targets(element: Element, subject: Subject, columns: dict[str, list[str]]) -> list[str]:
    names = [name for name in subject.targets if name in columns]
    if not names:
        raise element.broken("none of its training records brings a target")
    if names[0] != subject.target:
        raise element.broken(f"no training record brings {subject.target}")
    return names


def _read_target(name: str, subject: Subject, columns: dict[str, list[str]], element: Element) -> Target:
    kind = subject.dictionary[name].type
    numeric: Callable[[str], float] = lambda text: float(parse_constant(text, "double", name))  # noqa: E731
    if kind.optype == "continuous" and not (subject.is_classification and name == subject.target):
        return Target(name, np.array([numeric(text) for text in columns[name]]), (), kind.data_type)
    labels = tuple(dict.fromkeys([*kind.values, *columns[name]]))
    if len(labels) > 10_000:
        raise element.broken(f"{len(labels)} classes of {name[:40]!r}")
    places = {label: float(place) for place, label in enumerate(labels)}
    return Target(name, np.array([places[text] for text in columns[name]]), labels, kind.data_type)
