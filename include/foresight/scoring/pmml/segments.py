"""Segments of a MiningModel: a model each, and the predicate that says where it applies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.frame import Frame, Scope
from foresight.scoring.pmml.predicates import TAGS, Always, Predicate, find_predicate
from foresight.scoring.pmml.result import Result, Subject, spread_result
from foresight.scoring.pmml.values import Flags
from foresight.scoring.pmml.xml import Element


@dataclass(frozen=True, slots=True)
class Segment:
    """One model of the ensemble."""

    id: str
    weight: float
    predicate: Predicate
    model: Any

    def evaluate(self, frame: Frame) -> tuple[Flags, Result | None]:
        """Where it applies, and its answer laid out over all records; None where it applies to none."""
        if isinstance(self.predicate, Always):
            use = np.full(frame.n, self.predicate.value)
        else:
            use, _ = self.predicate.test(frame)
        if use.all():
            return use, self.model.evaluate(frame)
        rows = np.flatnonzero(use)
        if not len(rows):
            return use, None
        return use, spread_result(self.model.evaluate(frame.subset(rows)), rows, frame.n)


def read_segments(element: Element, subject: Subject, *, chained: bool) -> tuple[Segment, ...]:
    """The Segments of a Segmentation; in a chain each may use what those before it hand out."""
    scope = Scope(parent=subject.scope) if chained else subject.scope
    segments: list[Segment] = []
    for place, part in enumerate(element.all("Segment"), start=1):
        inner = next((c for c in part.children if c.tag not in TAGS and c.tag != "VariableWeight"), None)
        if part.first("VariableWeight") is not None:
            raise UnsupportedModel("VariableWeight")
        if inner is None:
            raise part.broken("holds no model")
        predicate = find_predicate(part, scope)
        model = subject.compile(inner, scope)
        for out in model.outputs:
            kind = model.subject.scope.fields[out.name]
            if chained:
                scope.fields[out.name] = kind
            subject.scope.fields.setdefault(out.name, kind)
        segments.append(Segment(part.get("id", str(place)), part.number("weight", 1.0), predicate, model))
    if not segments:
        raise element.broken("has no Segment")
    return tuple(segments)
