"""GeneralRegressionModel: linear, generalised linear, multinomial, ordinal and Cox models."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml import arrays
from foresight.scoring.pmml.frame import Frame, Scope
from foresight.scoring.pmml.functions import equal_where
from foresight.scoring.pmml.links import INVERSE, parametric, raised, softmax
from foresight.scoring.pmml.result import Result, Subject, classified, number_result
from foresight.scoring.pmml.values import Floats, Value, cast, constant, parse_constant
from foresight.scoring.pmml.xml import Element

Factor = Callable[[Frame], Floats]
SingleFactor = Callable[[dict[str, Any]], float]
"""The same for a row of values by name."""
_TYPES = {
    "regression",
    "generalLinear",
    "multinomialLogistic",
    "ordinalMultinomial",
    "generalizedLinear",
    "CoxRegression",
}
_CLASSES = {"multinomialLogistic", "ordinalMultinomial"}
_LINKS = {"cloglog", "identity", "log", "logc", "logit", "loglog", "negbin", "oddspower", "power", "probit"}
_CUMULATIVE = {"logit", "probit", "cloglog", "loglog", "cauchit"}


@dataclass(frozen=True, slots=True)
class Baseline:
    """Cumulative baseline hazard as steps in time; nothing is known beyond ``last``."""

    times: Floats
    hazards: Floats
    last: float

    def at(self, time: Floats) -> Floats:
        """Zero before the first step, missing beyond the last time."""
        place = np.searchsorted(self.times, time, side="right")
        found = np.concatenate([[0.0], self.hazards])[place]
        return np.where((time > self.last) | np.isnan(time), math.nan, found)


@dataclass(frozen=True, slots=True)
class GeneralRegression:
    """Coefficients by class and parameter, and what a parameter is multiplied with."""

    kind: str
    labels: tuple[str, ...]
    target_type: str
    weights: dict[str | None, list[tuple[str, float]]]
    factors: dict[str | None, dict[str, list[Factor]]]
    reference: dict[str, float]
    inverse: Callable[[Floats], Floats]
    offset: str | float
    trials: str | float
    classes: bool
    end_time: str = ""
    strata: str = ""
    baselines: tuple[tuple[Value | None, Baseline], ...] = ()
    single_factors: dict[str, list[SingleFactor | None]] = field(default_factory=dict)

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if self.kind == "CoxRegression":
                return number_result(self._hazard(frame))
            if not self.classes:
                eta = self._linear(frame, None, self.weights.get(None, []))
                if self.kind != "generalizedLinear":
                    return number_result(eta)
                mean = self.inverse(eta + _number(frame, self.offset))
                return number_result(mean * _number(frame, self.trials))
            return classified(self._probability(frame), self.labels, self.target_type)

    def _linear(self, frame: Frame, category: str | None, weights: list[tuple[str, float]]) -> Floats:
        factors = self.factors.get(category) or self.factors.get(None, {})
        total = np.zeros(frame.n)
        for parameter, beta in weights:
            product = np.full(frame.n, beta)
            for factor in factors.get(parameter, []):
                product = product * factor(frame)
            total += product
        return total

    def _probability(self, frame: Frame) -> Floats:
        labels, shared = self.labels, self.weights.get(None, [])
        first = labels[:-1]
        if self.kind == "multinomialLogistic":
            etas = [
                self._linear(frame, c, self.weights.get(c) or (shared if len(labels) == 2 else []))
                for c in first
            ]
            # The class of reference has 0; where none is left out, each has its own.
            last = self._linear(frame, labels[-1], self.weights.get(labels[-1], []))
            return softmax(np.column_stack([*etas, np.where(np.isnan(etas[0]), np.nan, last)]))
        offset = _number(frame, self.offset)
        if self.kind == "generalizedLinear":
            p = self.inverse(self._linear(frame, first[0], self.weights.get(first[0]) or shared) + offset)
            return np.column_stack([p, 1.0 - p])
        below = [
            self.inverse(self._linear(frame, c, [*self.weights.get(c, []), *shared]) + offset) for c in first
        ]
        upto = np.column_stack([*below, np.where(np.isnan(below[0]), np.nan, 1.0)])
        return np.diff(upto, axis=1, prepend=0.0)

    def _hazard(self, frame: Frame) -> Floats:
        weights = self.weights.get(None, [])
        centre = sum(beta * self.reference.get(parameter, 0.0) for parameter, beta in weights)
        risk = np.exp(self._linear(frame, None, weights) - centre)
        time = cast(frame.column(self.end_time), "double").values
        base = np.full(frame.n, math.nan)
        for value, baseline in self.baselines:
            here = np.ones(frame.n, bool)
            if value is not None:
                column = frame.column(self.strata)
                here = equal_where(column, constant(value, column.data_type, frame.n)) & ~column.missing
            base = np.where(here, baseline.at(time), base)
        return base * risk


def _number(frame: Frame, what: str | float) -> Floats | float:
    return cast(frame.column(what), "double").values if isinstance(what, str) else what


def read(element: Element, subject: Subject) -> GeneralRegression:
    """A GeneralRegressionModel element."""
    kind = element.need("modelType")
    if kind not in _TYPES:
        raise UnsupportedModel(f"GeneralRegressionModel modelType={kind!r}")
    _check_function(element, subject, kind)
    weights: dict[str | None, list[tuple[str, float]]] = {}
    for cell in element.child("ParamMatrix").all("PCell"):
        category = cell.attributes.get("targetCategory")
        weights.setdefault(category, []).append((cell.need("parameterName"), cell.number("beta")))
    parameters = element.child("ParameterList").all("Parameter")
    classes = subject.is_classification
    labels = _labels(element, subject, weights) if classes else ()
    named = next((category for category in weights if category is not None), None)
    if named is not None and not classes:
        raise UnsupportedModel(f"PCell targetCategory={named[:80]!r} in a {kind}")
    cox = _read_cox(element, subject.scope) if kind == "CoxRegression" else ("", "", ())
    return GeneralRegression(
        kind=kind,
        labels=labels,
        target_type=subject.target_type.data_type,
        weights=weights,
        factors=_read_factors(element, subject.scope),
        single_factors=_read_single_factors(element, subject.scope),
        reference={p.need("name"): p.number("referencePoint", 0.0) for p in parameters},
        inverse=_read_link(element, kind),
        offset=_variable(element, "offset", subject.scope, 0.0),
        trials=_variable(element, "trials", subject.scope, 1.0),
        classes=classes,
        end_time=cox[0],
        strata=cox[1],
        baselines=cox[2],
    )


def _check_function(element: Element, subject: Subject, kind: str) -> None:
    """Refuse a type of model that the function, or an offset or number of trials, does not go with."""
    classes = subject.is_classification
    if kind != "generalizedLinear" and classes != (kind in _CLASSES):
        function = subject.function
        raise UnsupportedModel(f"GeneralRegressionModel modelType={kind!r} with functionName={function!r}")
    takes_offset = kind in {"generalizedLinear", "ordinalMultinomial"}
    for name, taken, neutral in (
        ("offset", takes_offset, 0.0),
        ("trials", kind == "generalizedLinear" and not classes, 1.0),
    ):
        given = f"{name}Variable" in element.attributes or element.number(f"{name}Value", neutral) != neutral
        if given and not taken:
            raise UnsupportedModel(f"GeneralRegressionModel {name} with modelType={kind!r}")


def _labels(
    element: Element, subject: Subject, weights: dict[str | None, list[tuple[str, float]]]
) -> tuple[str, ...]:
    named = [category for category in weights if category is not None]
    labels = list(subject.target_type.values) or named
    reference = element.attributes.get("targetReferenceCategory")
    if reference is None and element.get("modelType") != "ordinalMultinomial":
        reference = next((label for label in labels if named and label not in named), None)
    if reference is not None:
        labels = [label for label in labels if label != reference] + [reference]
    if len(labels) < 2 or (element.get("modelType") == "generalizedLinear" and len(labels) != 2):
        raise element.broken(f"cannot tell its classes: {labels[:5]}")
    return tuple(labels)


def _variable(element: Element, name: str, scope: Scope, default: float) -> str | float:
    field = element.attributes.get(f"{name}Variable")
    if field is not None:
        scope.find(field)
        return field
    return element.number(f"{name}Value", default)


def _read_link(element: Element, kind: str) -> Callable[[Floats], Floats]:
    if kind == "ordinalMultinomial":
        name, allowed = element.get("cumulativeLink", "logit"), _CUMULATIVE
    elif kind == "generalizedLinear":
        name, allowed = element.need("linkFunction"), _LINKS
    else:
        return INVERSE["identity"]
    if name not in allowed:
        raise UnsupportedModel(f"GeneralRegressionModel link {name!r}")
    if name in {"negbin", "oddspower", "power"}:
        parameter = element.number("distParameter" if name == "negbin" else "linkParameter")
        found = parametric(name, parameter)
        assert found is not None  # noqa: S101 (the names are its own)
        return found
    return INVERSE[name]


def _read_factors(element: Element, scope: Scope) -> dict[str | None, dict[str, list[Factor]]]:
    factors, covariates = element.first("FactorList"), element.first("CovariateList")
    categorical = {p.need("name"): p for p in ([] if factors is None else factors.all("Predictor"))}
    numeric = {p.need("name") for p in ([] if covariates is None else covariates.all("Predictor"))}
    found: dict[str | None, dict[str, list[Factor]]] = {}
    matrix = element.first("PPMatrix")
    contrasts: dict[tuple[str | None, str, str], list[Element]] = {}
    for cell in [] if matrix is None else matrix.all("PPCell"):
        name, parameter = cell.need("predictorName"), cell.need("parameterName")
        scope.find(name)
        category = cell.attributes.get("targetCategory")
        into = found.setdefault(category, {}).setdefault(parameter, [])
        if name in numeric or name not in categorical:
            into.append(_power(name, cell.number("value")))
        elif categorical[name].first("Matrix") is not None:
            contrasts.setdefault((category, parameter, name), []).append(cell)
        else:
            into.append(
                _equals(name, parse_constant(cell.need("value"), scope.find(name).data_type, "PPCell"))
            )
    for (category, parameter, name), cells in contrasts.items():
        found[category][parameter].append(_contrast(categorical[name], cells, scope))
    return found


def _read_single_factors(element: Element, scope: Scope) -> dict[str, list[SingleFactor | None]]:
    """Of each parameter its factors over a row, None for one that is left to the columns."""
    factors, covariates = element.first("FactorList"), element.first("CovariateList")
    categorical = {p.need("name"): p for p in ([] if factors is None else factors.all("Predictor"))}
    numeric = {p.need("name") for p in ([] if covariates is None else covariates.all("Predictor"))}
    matrix = element.first("PPMatrix")
    found: dict[str, list[SingleFactor | None]] = {}
    for cell in [] if matrix is None else matrix.all("PPCell"):
        name, into = cell.need("predictorName"), found.setdefault(cell.need("parameterName"), [])
        if "targetCategory" in cell.attributes:
            into.append(None)
        elif name in numeric or name not in categorical:
            into.append(_single_power(name, cell.number("value")))
        elif categorical[name].first("Matrix") is not None:
            into.append(None)
        else:
            kind = scope.find(name).data_type
            into.append(_single_equals(name, parse_constant(cell.need("value"), kind, "PPCell")))
    return found


def _single_power(name: str, exponent: float) -> SingleFactor | None:
    if exponent == 1:
        return operator.itemgetter(name)
    return (lambda row: float(row[name] ** int(exponent))) if exponent.is_integer() else None


def _single_equals(name: str, value: Value) -> SingleFactor:
    def factor(row: dict[str, Any]) -> float:
        found = row[name]
        return math.nan if found is None else 1.0 if found == value else 0.0

    return factor


def _power(name: str, exponent: float) -> Factor:
    def factor(frame: Frame) -> Floats:
        x = cast(frame.column(name), "double").values
        return x if exponent == 1 else raised(x, exponent)

    return factor


def _equals(name: str, value: Value) -> Factor:
    def factor(frame: Frame) -> Floats:
        column = frame.column(name)
        hit = equal_where(column, constant(value, column.data_type, frame.n)).astype(np.float64)
        return np.where(column.missing, math.nan, hit)

    return factor


def _contrast(predictor: Element, cells: list[Element], scope: Scope) -> Factor:
    """The product of the contrasts of a record's category with each category of the cells."""
    name = predictor.need("name")
    kind = scope.find(name).data_type
    texts = [category.need("value") for category in predictor.child("Categories").all("Category")]
    table = arrays.matrix(predictor.child("Matrix"))
    if len(table) != len(texts):
        raise predictor.broken("its Matrix and Categories do not fit")
    weight = np.ones(len(texts))
    for cell in cells:
        if cell.need("value") not in texts:
            raise cell.broken("names no Category")
        weight = weight * table[:, texts.index(cell.need("value"))]
    values = [parse_constant(text, kind, "Category") for text in texts]

    def factor(frame: Frame) -> Floats:
        column = frame.column(name)
        result = np.where(column.missing, math.nan, 0.0)
        for value, contrast in zip(values, weight, strict=True):
            hit = equal_where(column, constant(value, column.data_type, frame.n)) & ~column.missing
            result = np.where(hit, contrast, result)
        return result

    return factor


def _read_cox(element: Element, scope: Scope) -> tuple[str, str, tuple[tuple[Value | None, Baseline], ...]]:
    end_time, strata = element.need("endTimeVariable"), element.get("baselineStrataVariable")
    tables = element.child("BaseCumHazardTables")
    scope.find(end_time)
    if not strata:
        return end_time, "", ((None, _read_baseline(tables)),)
    kind = scope.find(strata).data_type
    found = [
        (parse_constant(stratum.need("value"), kind, "BaselineStratum"), _read_baseline(stratum))
        for stratum in tables.all("BaselineStratum")
    ]
    return end_time, strata, tuple(found)


def _read_baseline(element: Element) -> Baseline:
    cells = sorted((cell.number("time"), cell.number("cumHazard")) for cell in element.all("BaselineCell"))
    if not cells:
        raise element.broken("has no BaselineCell")
    times, hazards = np.array(cells).T
    return Baseline(times, hazards, element.number("maxTime", float(times[-1])))
