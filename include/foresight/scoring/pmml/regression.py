"""RegressionModel: linear, logistic and ordinal regression from one table a class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.frame import Frame, Scope
from foresight.scoring.pmml.functions import equal_where
from foresight.scoring.pmml.links import INVERSE, raised, simplemax, softmax
from foresight.scoring.pmml.result import Result, Subject, classified, number_result
from foresight.scoring.pmml.values import Floats, Value, cast, constant, parse_constant
from foresight.scoring.pmml.xml import Element

_METHODS = {"none", "simplemax", "softmax", "logit", "probit", "cloglog", "exp", "loglog", "cauchit"}
_TWO_CLASSES = {"probit", "cloglog", "loglog", "cauchit"}
"""Without an order, these methods say what the probabilities are of two classes only."""
_MAX_EXPONENT = 1000


@dataclass(frozen=True, slots=True)
class Table:
    """One linear predictor."""

    category: str
    intercept: float
    numeric: tuple[tuple[str, float, float], ...]
    categorical: tuple[tuple[str, Value, float], ...]
    terms: tuple[tuple[tuple[str, ...], float], ...]

    def evaluate(self, frame: Frame, number: type[np.floating[Any]] = np.float64) -> Floats:
        """Its value for each record, computed in ``number``; missing where a number that it needs is."""
        total = np.full(frame.n, self.intercept, number)
        for name, exponent, weight in self.numeric:
            x = cast(frame.column(name), "double").values.astype(number, copy=False)
            total += number(weight) * (x if exponent == 1 else raised(x, number(exponent)))
        for name, value, weight in self.categorical:
            column = frame.column(name)
            # A missing category is no category: it adds nothing.
            total += number(weight) * equal_where(column, constant(value, column.data_type, frame.n))
        for names, weight in self.terms:
            product = np.full(frame.n, weight, number)
            for name in names:
                product *= cast(frame.column(name), "double").values.astype(number, copy=False)
            total += product
        return total


@dataclass(frozen=True, slots=True)
class Regression:
    """The tables and how their values become an answer."""

    tables: tuple[Table, ...]
    method: str
    ordinal: bool
    classes: bool
    target_type: str
    single: bool = False

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record."""
        number = np.float32 if self.single else np.float64
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            if not self.classes:
                found = INVERSE[self.method](self.tables[0].evaluate(frame, number))
                return number_result(found.astype(np.float64, copy=False))
            scores = np.column_stack([table.evaluate(frame, number) for table in self.tables])
            probability = self.shares(scores).astype(np.float64, copy=False)
        # One table that cannot be computed leaves no answer.
        probability[np.isnan(scores).any(axis=1)] = np.nan
        return classified(probability, tuple(t.category for t in self.tables), self.target_type)

    @property
    def inverse(self) -> Callable[[Any], Any]:
        """From the value of the one table of a regression to the answer."""
        return INVERSE[self.method]

    def shares(self, scores: Floats) -> Floats:
        """The shares of the classes from the values of their tables ``[n, k]``."""
        if self.method == "softmax":
            return softmax(scores)
        if self.method == "simplemax":
            return simplemax(scores)
        values = INVERSE[self.method](scores)
        if self.method == "none" and (self.ordinal or scores.shape[1] == 2):
            values = np.clip(values, 0.0, 1.0)
        if self.ordinal:
            values[:, -1] = 1.0
            return np.diff(values, axis=1, prepend=0.0)
        if self.method == "logit" and scores.shape[1] > 2:
            # One against the rest: no single answer follows from the specification but by dividing.
            return simplemax(values)
        values[:, -1] = 1.0 - values[:, :-1].sum(axis=1)
        return values


def read(element: Element, subject: Subject) -> Regression:
    """A RegressionModel element."""
    method = element.get("normalizationMethod", "none")
    if method not in _METHODS or (method == "simplemax" and not subject.is_classification):
        raise UnsupportedModel(f"RegressionModel normalizationMethod={method!r}")
    if method == "exp" and subject.is_classification:
        raise UnsupportedModel("RegressionModel normalizationMethod='exp' for classification")
    tables = [_read_table(table, subject.scope) for table in element.all("RegressionTable")]
    if not tables or (subject.is_classification and len(tables) < 2):
        raise element.broken("has too few RegressionTable")
    if len(tables) > 1 and not subject.is_classification:
        raise element.broken("a regression has one RegressionTable")
    ordinal = subject.target_type.optype == "ordinal" and method not in {"softmax", "simplemax"}
    if len(tables) > 2 and not ordinal and method in _TWO_CLASSES:
        raise UnsupportedModel(f"RegressionModel normalizationMethod={method!r} for more than two classes")
    return Regression(
        tuple(tables), method, ordinal, subject.is_classification, subject.target_type.data_type,
        element.is_single,
    )  # fmt: skip


def _read_table(element: Element, scope: Scope) -> Table:
    numeric, categorical, terms = [], [], []
    for predictor in element.all("NumericPredictor"):
        name = predictor.need("name")
        scope.find(name)
        exponent = predictor.number("exponent", 1.0)
        if abs(exponent) > _MAX_EXPONENT:
            raise predictor.broken("exponent is too large")
        numeric.append((name, exponent, predictor.number("coefficient")))
    for predictor in element.all("CategoricalPredictor"):
        name = predictor.need("name")
        kind = scope.find(name).data_type
        value = parse_constant(predictor.need("value"), kind, f"line {predictor.line}: CategoricalPredictor")
        categorical.append((name, value, predictor.number("coefficient")))
    for term in element.all("PredictorTerm"):
        names = tuple(ref.need("field") for ref in term.all("FieldRef"))
        for name in names:
            scope.find(name)
        terms.append((names, term.number("coefficient")))
    intercept = element.number("intercept", 0.0)
    return Table(element.get("targetCategory"), intercept, tuple(numeric), tuple(categorical), tuple(terms))
