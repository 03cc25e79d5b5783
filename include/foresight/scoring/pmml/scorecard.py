"""Scorecard: points by attribute, and reason codes ranked by how far the points lie from a baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.expressions import Expression, find_expression
from foresight.scoring.pmml.frame import Compute, Frame
from foresight.scoring.pmml.predicates import Predicate, find_predicate
from foresight.scoring.pmml.result import Result, Subject
from foresight.scoring.pmml.values import Column, Floats, cast
from foresight.scoring.pmml.xml import Element


@dataclass(frozen=True, slots=True)
class Attribute:
    """One case of a characteristic and its points."""

    predicate: Predicate
    points: float | Compute
    reason: str
    baseline: float


@dataclass(frozen=True, slots=True)
class Card:
    """Characteristics, in order; the first attribute that is true counts."""

    initial: float
    characteristics: tuple[tuple[Attribute, ...], ...]
    with_reasons: bool
    points_above: bool

    def evaluate(self, frame: Frame) -> Result:
        """The score of each record; missing where a characteristic has no true attribute."""
        total = np.full(frame.n, self.initial)
        reasons: dict[str, Floats] = {}
        for attributes in self.characteristics:
            points, distance, chosen = self._characteristic(attributes, frame)
            total += points
            for place, attribute in enumerate(attributes):
                here = chosen == place
                if self.with_reasons and here.any():
                    known = reasons.setdefault(attribute.reason, np.full(frame.n, math.nan))
                    # Points of one reason from several characteristics add up.
                    known[here] = np.nan_to_num(known[here]) + distance[here]
        ranked = _rank(reasons, total) if self.with_reasons else []
        return Result(Column(total, "double"), reasons=ranked)

    def _characteristic(
        self, attributes: tuple[Attribute, ...], frame: Frame
    ) -> tuple[Floats, Floats, Floats]:
        points, distance = np.full(frame.n, math.nan), np.full(frame.n, math.nan)
        chosen = np.full(frame.n, -1.0)
        free = np.ones(frame.n, bool)
        for place, attribute in enumerate(attributes):
            true, _ = attribute.predicate.test(frame)
            here = free & true
            free &= ~true
            if not here.any():
                continue
            if isinstance(attribute.points, float):
                value = np.full(frame.n, attribute.points)
            else:
                value = cast(attribute.points(frame), "double").values
            away = value - attribute.baseline if self.points_above else attribute.baseline - value
            points, distance = np.where(here, value, points), np.where(here, away, distance)
            chosen = np.where(here, place, chosen)
        return points, distance, chosen


def _rank(reasons: dict[str, Floats], total: Floats) -> list[Column]:
    """The codes by falling distance; equal ones in the order of the card."""
    codes = tuple(reasons)
    if not codes:
        return []
    stack = np.column_stack([reasons[code] for code in codes])
    stack[np.isnan(total)] = math.nan
    # Points on the good side of the baseline explain nothing.
    stack[stack < 0] = math.nan
    order = np.argsort(-stack, axis=1, kind="stable")
    known = ~np.isnan(np.take_along_axis(stack, order, axis=1))
    return [
        Column(np.where(known[:, rank], order[:, rank], -1).astype(np.int32), "string", codes)
        for rank in range(len(codes))
    ]


def read(element: Element, subject: Subject) -> Card:
    """A Scorecard element."""
    with_reasons = element.get("useReasonCodes", "true") != "false"
    algorithm = element.get("reasonCodeAlgorithm", "pointsBelow")
    if algorithm not in {"pointsBelow", "pointsAbove"}:
        raise UnsupportedModel(f"Scorecard reasonCodeAlgorithm={algorithm!r}")
    characteristics = tuple(
        _read_characteristic(part, element, subject, with_reasons=with_reasons)
        for part in element.child("Characteristics").all("Characteristic")
    )
    if not characteristics:
        raise element.broken("has no Characteristic")
    initial = element.number("initialScore", 0.0)
    return Card(initial, characteristics, with_reasons, algorithm == "pointsAbove")


def _read_characteristic(
    element: Element, card: Element, subject: Subject, *, with_reasons: bool
) -> tuple[Attribute, ...]:
    found = []
    for part in element.all("Attribute"):
        reason = part.get("reasonCode", element.get("reasonCode"))
        baselines = [
            e.attributes["baselineScore"] for e in (part, element, card) if "baselineScore" in e.attributes
        ]
        if with_reasons and (not reason or not baselines):
            raise part.broken("reason codes need a reasonCode and a baselineScore")
        baseline = part.finite(baselines[0], "baselineScore") if baselines else 0.0
        complex_score = part.first("ComplexPartialScore")
        points: float | Compute
        if complex_score is not None:
            expression: Expression = find_expression(complex_score, subject.scope)
            points = expression.compute
        else:
            points = part.number("partialScore")
        found.append(Attribute(find_predicate(part, subject.scope), points, reason, baseline))
    if not found:
        raise element.broken("has no Attribute")
    return tuple(found)
