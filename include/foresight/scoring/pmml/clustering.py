"""ClusteringModel: the nearest, or the most similar, centre."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml import arrays
from foresight.scoring.pmml.frame import Compute, Frame
from foresight.scoring.pmml.result import Result, Subject, labels_column, winners
from foresight.scoring.pmml.single import Single
from foresight.scoring.pmml.single_expressions import reference
from foresight.scoring.pmml.transformations import read_derived
from foresight.scoring.pmml.values import Flags, Floats, cast
from foresight.scoring.pmml.xml import Element

_DISTANCES = {"euclidean", "squaredEuclidean", "chebychev", "cityBlock", "minkowski"}
_SIMILARITIES = {"simpleMatching", "jaccard", "tanimoto", "binarySimilarity"}
_COMPARES = {"absDiff", "gaussSim", "delta", "equal", "table"}
Compare = Callable[[Floats, Floats], Floats]


@dataclass(frozen=True, slots=True)
class Clusters:
    """Centres ``[k, m]`` over m fields, how a field is compared and how the fields are put together."""

    ids: tuple[str, ...]
    names: dict[str, str]
    centres: Floats
    fields: tuple[Compute, ...]
    weights: Floats
    adjust: Floats
    compares: tuple[Compare, ...]
    measure: str
    power: float
    is_distance: bool
    binary: tuple[float, ...]
    target_type: str
    singles: tuple[Single | None, ...]
    is_plain: bool

    def evaluate(self, frame: Frame) -> Result:
        """The cluster of each record with its affinities; missing where every field is."""
        scores = self.scores(
            np.column_stack([cast(compute(frame), "double").values for compute in self.fields])
        )
        best = winners(-scores if self.is_distance else scores)
        value = labels_column(best, self.ids, "string")
        return Result(
            value if self.target_type == "string" else cast(value, self.target_type),
            self.ids,
            affinity=scores,
            nearest_first=self.is_distance,
            entity=value,
            displays=self.names,
        )

    def scores(self, x: Floats) -> Floats:
        """How far points ``[n, m]`` are from each centre, or how similar to it; missing where all of x is."""
        known = ~np.isnan(x)
        with np.errstate(invalid="ignore", divide="ignore"):
            if self.is_distance:
                scores = self._distance(x, known)
            else:
                scores = np.column_stack([self._similarity(x == 1, centre == 1) for centre in self.centres])
        scores[~known.any(axis=1)] = math.nan
        if not self.is_distance:
            scores[~known.all(axis=1)] = math.nan
        return scores

    def _distance(self, x: Floats, known: Floats) -> Floats:
        """Summed over the fields that are there, scaled up for those that are not."""
        out = np.empty((len(x), len(self.centres)))
        present = known @ self.adjust
        scale = np.where(present > 0, self.adjust.sum() / present, math.nan)
        for k, centre in enumerate(self.centres):
            parts = np.zeros_like(x)
            for j, compare in enumerate(self.compares):
                c = np.nan_to_num(compare(x[:, j], centre[j]))
                parts[:, j] = np.where(known[:, j], self._part(c) * self.weights[j], 0.0)
            if self.measure == "chebychev":
                out[:, k] = parts.max(axis=1) * scale
            elif self.measure in {"euclidean", "minkowski"}:
                out[:, k] = (parts.sum(axis=1) * scale) ** (1.0 / self.power)
            else:
                out[:, k] = parts.sum(axis=1) * scale
        return out

    def _part(self, c: Floats) -> Floats:
        if self.measure in {"euclidean", "squaredEuclidean"}:
            return c * c
        return c if self.measure in {"chebychev", "cityBlock"} else np.abs(c) ** self.power

    def _similarity(self, x: Flags, centre: Flags) -> Floats:
        a11, a10 = (x & centre).sum(axis=1), (x & ~centre).sum(axis=1)
        a01, a00 = (~x & centre).sum(axis=1), (~x & ~centre).sum(axis=1)
        if self.measure == "simpleMatching":
            return np.asarray((a11 + a00) / (a11 + a10 + a01 + a00))
        if self.measure == "jaccard":
            return np.asarray(a11 / (a11 + a10 + a01))
        if self.measure == "tanimoto":
            return np.asarray((a11 + a00) / (a11 + 2 * (a10 + a01) + a00))
        c11, c10, c01, c00, d11, d10, d01, d00 = self.binary
        above = c11 * a11 + c10 * a10 + c01 * a01 + c00 * a00
        return np.asarray(above / (d11 * a11 + d10 * a10 + d01 * a01 + d00 * a00))


def read(element: Element, subject: Subject) -> Clusters:
    """A ClusteringModel element."""
    if element.get("modelClass", "centerBased") != "centerBased":
        raise UnsupportedModel(f"ClusteringModel modelClass={element.get('modelClass')!r}")
    measure = element.child("ComparisonMeasure")
    kind = measure.child(*_DISTANCES, *_SIMILARITIES)
    is_distance = measure.need("kind") == "distance"
    if is_distance != (kind.tag in _DISTANCES):
        raise measure.broken(f"{kind.tag} is no {measure.get('kind')}")
    fields = [f for f in element.all("ClusteringField") if f.flag("isCenterField", default=True)]
    if not fields:
        raise element.broken("has no ClusteringField")
    computes = _center_fields(element, subject, fields)
    clusters = element.all("Cluster")
    element.bound_table(len(clusters), len(computes))
    ids = tuple(cluster.get("id", str(place)) for place, cluster in enumerate(clusters, start=1))
    centres = np.array(
        [
            arrays.dense(c.child("Array", "REAL-SparseArray", "INT-SparseArray"), len(computes))
            for c in clusters
        ]
    )
    if centres.ndim != 2 or centres.shape[1] != len(computes):
        raise element.broken("its clusters and its fields do not fit")
    missing = element.first("MissingValueWeights")
    adjust = np.ones(len(computes)) if missing is None else arrays.numbers(missing.child("Array"))
    return Clusters(
        ids=ids,
        names={i: c.attributes["name"] for i, c in zip(ids, clusters, strict=True) if "name" in c.attributes},
        centres=centres,
        fields=tuple(computes),
        weights=np.array([field.number("fieldWeight", 1.0) for field in fields]),
        adjust=adjust,
        compares=tuple(read_compare(field, measure) for field in fields),
        measure=kind.tag,
        power=read_power(kind),
        is_distance=is_distance,
        binary=tuple(
            kind.number(f"{letter}{pair}-parameter") for letter in "cd" for pair in ("11", "10", "01", "00")
        )
        if kind.tag == "binarySimilarity"
        else (),
        target_type=subject.target_type.data_type if subject.target else "string",
        singles=tuple(reference(name, subject.scope) for name in _center_names(element, fields)),
        is_plain=_is_plain(kind, measure, fields, adjust),
    )


def _is_plain(kind: Element, measure: Element, fields: list[Element], adjust: Floats) -> bool:
    """Whether a distance is Euclid's, or its square, over fields of equal weight."""
    compares = {field.get("compareFunction", measure.get("compareFunction", "absDiff")) for field in fields}
    weighs = any(field.number("fieldWeight", 1.0) != 1.0 for field in fields) or bool(np.any(adjust != 1.0))
    return kind.tag in {"euclidean", "squaredEuclidean"} and compares == {"absDiff"} and not weighs


def read_power(kind: Element) -> float:
    """The power of a measure, 2 but for minkowski."""
    power = kind.number("p-parameter") if kind.tag == "minkowski" else 2.0
    if power <= 0:
        raise kind.broken("p-parameter must be above 0")
    return power


def _center_names(element: Element, fields: list[Element]) -> list[str]:
    center = element.first("CenterFields")
    derived = [] if center is None else [field.need("name") for field in center.all("DerivedField")]
    return derived or [field.need("field") for field in fields]


def _center_fields(element: Element, subject: Subject, fields: list[Element]) -> list[Compute]:
    center = element.first("CenterFields")
    if center is not None:
        read_derived(center.all("DerivedField"), subject.scope)
    names = _center_names(element, fields)
    for name in names:
        subject.scope.find(name)

    def compute(name: str) -> Compute:
        return lambda frame: frame.column(name)

    return [compute(name) for name in names]


def read_compare(field: Element, measure: Element) -> Compare:
    """How two values of a field are compared."""
    name = field.get("compareFunction", measure.get("compareFunction", "absDiff"))
    if name not in _COMPARES:
        raise UnsupportedModel(f"ClusteringField compareFunction={name!r}")
    if name == "absDiff":
        return lambda x, y: np.abs(x - y)
    if name == "gaussSim":
        scale = field.number("similarityScale")
        return lambda x, y: np.exp(-math.log(2.0) * (x - y) ** 2 / (scale * scale))
    if name in {"delta", "equal"}:
        return lambda x, y: (x != y).astype(np.float64) if name == "delta" else (x == y).astype(np.float64)
    comparisons = field.child("Comparisons").child("Matrix")
    table = arrays.matrix(comparisons)

    def look_up(x: Floats, y: Floats) -> Floats:
        rows = np.clip(np.nan_to_num(x), 0, len(table) - 1).astype(np.intp)
        return np.asarray(table[rows, int(min(max(float(y), 0), table.shape[1] - 1))])

    return look_up
