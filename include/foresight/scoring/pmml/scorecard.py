"""Scorecard: points by attribute, and reason codes ranked by how far the points lie from a baseline."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.expressions import Expression, find_expression
from foresight.scoring.pmml.frame import Compute, Frame
from foresight.scoring.pmml.predicates import Predicate, find_predicate
from foresight.scoring.pmml.result import Codes, Result, Subject
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
    """Characteristics, in order; the first attribute that is true counts. No ``codes``, no reasons."""

    initial: float
    characteristics: tuple[tuple[Attribute, ...], ...]
    codes: tuple[str, ...]
    points_above: bool

    def evaluate(self, frame: Frame) -> Result:
        """The score of each record; missing where a characteristic has no true attribute."""
        total = np.full(frame.n, self.initial)
        reasons = _Reasons(self.codes, frame.n)
        for attributes in self.characteristics:
            points, distance, chosen = self._characteristic(attributes, frame)
            total += points
            for place, attribute in enumerate(attributes):
                here = np.flatnonzero(chosen == place)
                if self.codes and len(here):
                    reasons.add(attribute.reason, here, distance[here])
        return Result(Column(total, "double"), reasons=reasons.ranked(total))

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


class _Reasons:
    """How far each code lies from its baseline, and when each record first met it."""

    def __init__(self, codes: tuple[str, ...], n: int) -> None:
        self._codes = codes
        self._distance = np.full((n, len(codes)), math.nan)
        self._turn = np.zeros((n, len(codes)))
        self._next = 0

    def add(self, code: str, rows: Codes, distance: Floats) -> None:
        """Points of one code from several characteristics add up."""
        place = self._codes.index(code)
        known = self._distance[rows, place]
        self._turn[rows, place] = np.where(np.isnan(known), self._next, self._turn[rows, place])
        self._distance[rows, place] = np.nan_to_num(known) + distance
        self._next += 1

    def ranked(self, total: Floats) -> list[Column]:
        """The codes by falling distance; equal ones in the order in which the card came to them."""
        distance = self._distance
        # Points on the good side of the baseline explain nothing, nor any where there is no score.
        distance[np.isnan(total)] = math.nan
        distance[distance < 0] = math.nan
        order = np.lexsort((self._turn, -distance), axis=1)
        known = ~np.isnan(np.take_along_axis(distance, order, axis=1))
        return [
            Column(np.where(known[:, rank], order[:, rank], -1).astype(np.int32), "string", self._codes)
            for rank in range(len(self._codes))
        ]


def read(element: Element, subject: Subject) -> Card:
    """A Scorecard element."""
    with_reasons = element.flag("useReasonCodes", default=True)
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
    codes = dict.fromkeys(a.reason for part in characteristics for a in part) if with_reasons else ()
    return Card(initial, characteristics, tuple(codes), algorithm == "pointsAbove")


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
