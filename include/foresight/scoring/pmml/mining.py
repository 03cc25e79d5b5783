"""MiningModel: the methods that join the answers of segments."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml import forest
from foresight.scoring.pmml.frame import Frame
from foresight.scoring.pmml.joins import join, merge, merge_last, nearest_median, strongest
from foresight.scoring.pmml.result import (
    Result,
    Subject,
    classified,
    number_result,
    spread_result,
    take_result,
)
from foresight.scoring.pmml.segments import Segment, read_segments
from foresight.scoring.pmml.values import Flags, Floats, cast, constant
from foresight.scoring.pmml.xml import Element

_VOTES = {"majorityVote", "weightedMajorityVote"}
_NUMBERS = {
    "average",
    "weightedAverage",
    "median",
    "weightedMedian",
    "x-weightedMedian",
    "max",
    "sum",
    "weightedSum",
    "x-weightedSum",
}
_PICKS = {"selectFirst", "selectAll", "modelChain"}
_WEIGHTED = {
    "weightedMajorityVote",
    "weightedAverage",
    "weightedMedian",
    "x-weightedMedian",
    "weightedSum",
    "x-weightedSum",
}
_EMBEDDED = {"Regression", "DecisionTree"}


@dataclass(frozen=True, slots=True)
class Ensemble:
    """Segments, joined by one method."""

    method: str
    segments: tuple[Segment, ...]
    labels: tuple[str, ...]
    target_type: str
    classes: bool
    missing: str
    threshold: float

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record."""
        if self.method == "selectFirst":
            return self._first(frame)
        if self.method == "modelChain":
            return self._chain(frame)
        answers = [(segment, *segment.evaluate(frame)) for segment in self.segments]
        found = {segment.id: result for segment, _, result in answers if result is not None}
        if self.method == "selectAll":
            return replace(self._first_of(answers, frame.n), segments=found)
        use = np.array([used for _, used, _ in answers])
        results = [result for _, _, result in answers]
        weights = np.array([s.weight if self.method in _WEIGHTED else 1.0 for s in self.segments])
        joined = self._vote(results, use, weights) if self._votes() else self._number(results, use, weights)
        if self.classes and not self._votes():
            joined = self._probability(results, use, weights, frame.n)
        return replace(joined, segments=found)

    def _votes(self) -> bool:
        return self.method in _VOTES

    def _first(self, frame: Frame) -> Result:
        left = np.arange(frame.n)
        parts: list[tuple[Any, Result]] = []
        found: dict[str, Result] = {}
        for segment in self.segments:
            if not len(left):
                break
            use, _ = segment.predicate.test(frame.subset(left))
            rows, left = left[use], left[~use]
            if len(rows):
                result = segment.model.evaluate(frame.subset(rows))
                found[segment.id] = spread_result(result, rows, frame.n)
                parts.append((rows, replace(result, entity=constant(segment.id, "string", len(rows)))))
        return replace(merge(parts, frame.n, self.target_type, self.labels), segments=found)

    def _first_of(self, answers: list[tuple[Segment, Flags, Result | None]], n: int) -> Result:
        """For each record the answer of the first segment that applies to it."""
        left = np.ones(n, bool)
        parts: list[tuple[Any, Result]] = []
        for _, use, result in answers:
            rows = np.flatnonzero(left & use)
            if result is not None and len(rows):
                parts.append((rows, take_result(result, rows)))
            left &= ~use
        return merge(parts, n, self.target_type, self.labels)

    def _chain(self, frame: Frame) -> Result:
        chain = frame.inner({})
        last: Result | None = None
        segments: dict[str, Result] = {}
        for segment in self.segments:
            use, result = segment.evaluate(chain)
            if result is None:
                continue
            for name, column in result.outputs.items():
                known = chain.columns.get(name)
                chain.columns[name] = column if known is None or use.all() else known.where(use, column)
            segments[segment.id] = result
            here = constant(None, "string", frame.n).where(use, constant(segment.id, "string", frame.n))
            result = replace(result, entity=here)
            last = result if last is None or use.all() else merge_last(last, result, use)
        if last is None:
            last = number_result(np.full(frame.n, math.nan))
        for name, column in chain.columns.items():
            frame.columns.setdefault(name, column)
        return replace(last, segments=segments)

    def _absent(self, absent: Flags, use: Flags) -> tuple[Flags, Flags]:
        """Which answers count, and which records have none because too many are missing."""
        weights = np.array([segment.weight for segment in self.segments])[:, None]
        gone = absent & use
        if self.missing == "returnMissing":
            return use & ~gone, np.asarray(gone.any(axis=0))
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (weights * gone).sum(axis=0) / (weights * use).sum(axis=0)
        too_many = share > self.threshold
        if self.missing == "continue" and not self._votes():
            too_many = too_many | gone.any(axis=0)
        return use & ~gone, np.asarray(too_many)

    def _vote(self, results: list[Result | None], use: Flags, weights: Floats) -> Result:
        n = use.shape[1]
        texts = [None if r is None else cast(r.value, "string") for r in results]
        index = {label: i for i, label in enumerate(self.labels)}
        for column in texts:
            for level in () if column is None else column.levels:
                index.setdefault(level, len(index))
        votes = np.zeros((n, len(index)))
        absent = np.array([np.zeros(n, bool) if c is None else c.missing for c in texts])
        counted, too_many = self._absent(absent, use)
        for column, here, weight in zip(texts, counted, weights, strict=True):
            if column is not None:
                rows = np.flatnonzero(here)
                votes[rows, column.lookup(index.__getitem__, 0, np.intp)[rows]] += weight
        with np.errstate(invalid="ignore"):
            share = votes / votes.sum(axis=1, keepdims=True)
        if self.missing == "continue":
            lost = ((absent & use) * weights[:, None]).sum(axis=0)
            too_many = too_many | (lost > votes.max(axis=1, initial=0.0))
        share[too_many] = math.nan
        return classified(share, tuple(index), self.target_type)

    def _number(self, results: list[Result | None], use: Flags, weights: Floats) -> Result:
        n = use.shape[1]
        if self.classes:
            return number_result(np.full(n, math.nan))
        values = np.array(
            [np.full(n, math.nan) if r is None else cast(r.value, "double").values for r in results]
        )
        counted, too_many = self._absent(np.isnan(values), use)
        joined = join(self.method, values, counted, weights)
        return number_result(np.where(too_many | ~counted.any(axis=0), math.nan, joined))

    def _probability(self, results: list[Result | None], use: Flags, weights: Floats, n: int) -> Result:
        labels = list(self.labels)
        for result in results:
            labels += [label for label in (result.labels if result else ()) if label not in labels]
        stack = np.full((len(results), n, len(labels)), math.nan)
        for place, result in enumerate(results):
            if result is not None and result.probability is not None:
                stack[place] = 0.0
                stack[place][:, [labels.index(label) for label in result.labels]] = result.probability
        counted, too_many = self._absent(np.isnan(stack).any(axis=2), use)
        if self.method == "max":
            joined = strongest(np.where(counted[:, :, None], stack, math.nan))
        elif self.method == "median":
            with np.errstate(invalid="ignore"):
                joined = nearest_median(stack, counted)
        else:
            joined = np.column_stack(
                [join(self.method, stack[:, :, k], counted, weights) for k in range(len(labels))]
            )
        joined[too_many | ~counted.any(axis=0)] = math.nan
        return classified(joined, tuple(labels), self.target_type)


def read(element: Element, subject: Subject) -> Any:
    """A MiningModel element."""
    embedded = element.first(*_EMBEDDED)
    if embedded is not None:
        raise UnsupportedModel(f"{embedded.tag} inside MiningModel")
    segmentation = element.child("Segmentation")
    method = segmentation.need("multipleModelMethod")
    if method not in _VOTES | _NUMBERS | _PICKS:
        raise UnsupportedModel(f"Segmentation multipleModelMethod={method!r}")
    missing = segmentation.get("missingPredictionTreatment", "continue")
    if missing not in {"returnMissing", "skipSegment", "continue"}:
        raise UnsupportedModel(f"Segmentation missingPredictionTreatment={missing!r}")
    if method in _VOTES and not (subject.is_classification or subject.function == "clustering"):
        raise segmentation.broken(f"{method} needs classes, and the function is {subject.function}")
    segments = read_segments(segmentation, subject, chained=method == "modelChain")
    if method in {"modelChain"} and subject.target is None:
        subject.target_type = segments[-1].model.subject.target_type
    ensemble = Ensemble(
        method=method,
        segments=segments,
        labels=subject.target_type.values,
        target_type=subject.target_type.data_type,
        classes=subject.is_classification,
        missing=missing,
        threshold=segmentation.number("missingThreshold", 1.0),
    )
    return forest.of(ensemble, subject) or ensemble
