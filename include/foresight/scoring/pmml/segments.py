"""Segments of a MiningModel: a model each, and the predicate that says where it applies."""

from __future__ import annotations

from dataclasses import dataclass, field
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
    _none: list[Result] = field(default_factory=list, compare=False)

    def nothing(self, frame: Frame) -> Result:
        """Its answer for no record: it says of which type an answer is, whatever records there are."""
        if not self._none:
            self._none.append(self.model.evaluate(frame.subset(np.empty(0, np.intp))))
        return self._none[0]

    def evaluate(self, frame: Frame) -> tuple[Flags, Result]:
        """Where it applies, and its answer laid out over all records, missing where it does not."""
        if isinstance(self.predicate, Always):
            use = np.full(frame.n, self.predicate.value)
        else:
            use, _ = self.predicate.test(frame)
        if use.all():
            return use, self.model.evaluate(frame)
        rows = np.flatnonzero(use)
        found = self.model.evaluate(frame.subset(rows)) if len(rows) else self.nothing(frame)
        return use, spread_result(found, rows, frame.n)


def read_segments(
    element: Element, subject: Subject, *, chained: bool, hands_on: bool
) -> tuple[Segment, ...]:
    """The Segments of a Segmentation; in a chain each may use what those before it hand out."""
    scope = Scope(parent=subject.scope) if chained else subject.scope
    segments: list[Segment] = []
    for place, part in enumerate(element.all("Segment"), start=1):
        inner = next((c for c in part.children if c.tag not in TAGS and c.tag != "VariableWeight"), None)
        if part.first("VariableWeight") is not None:
            raise UnsupportedModel("VariableWeight")
        if inner is None:
            raise part.broken("holds no model")
        if part.get("id", str(place)) in {segment.id for segment in segments}:
            raise part.broken(f"there is another Segment {part.get('id', str(place))[:40]!r}")
        predicate = find_predicate(part, scope)
        model = subject.compile(inner, scope)
        for name, kind in model.output_types.items():
            if chained:
                scope.fields[name] = kind
            subject.scope.fields.setdefault(name, kind)
        if hands_on:
            subject.handed_on.update(model.final_types)
        segments.append(Segment(part.get("id", str(place)), part.number("weight", 1.0), predicate, model))
    if not segments:
        raise element.broken("has no Segment")
    return tuple(segments)
