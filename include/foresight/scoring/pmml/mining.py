"""MiningModel: the methods that join the answers of segments."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml import forest
from foresight.scoring.pmml.frame import Frame
from foresight.scoring.pmml.joins import join, merge, nearest_median, strongest
from foresight.scoring.pmml.result import (
    Result,
    Subject,
    classified,
    number_result,
    spread_result,
)
from foresight.scoring.pmml.segments import Segment, read_segments
from foresight.scoring.pmml.values import Column, Flags, Floats, cast, constant
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
_CHAINS = {"modelChain", "x-multiModelChain"}
_PICKS = {"selectFirst", *_CHAINS}
_WEIGHTED = {
    "weightedMajorityVote",
    "weightedAverage",
    "weightedMedian",
    "x-weightedMedian",
    "weightedSum",
    "x-weightedSum",
}


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
    single: bool = False
    targets: tuple[str, ...] = ()

    @property
    def width(self) -> int:
        """About how many columns its segments hold at a time."""
        return sum(segment.model.width + len(self.labels) for segment in self.segments)

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record."""
        if self.method == "selectFirst":
            return self._first(frame)
        if self.method in _CHAINS:
            return self._chain(frame)
        answers = [segment.evaluate(frame) for segment in self.segments]
        use = np.array([used for used, _ in answers])
        results = [result for _, result in answers]
        found = {segment.id: result for segment, result in zip(self.segments, results, strict=True)}
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
            use, _ = segment.predicate.test(frame.subset(left))
            rows, left = left[use], left[~use]
            # One that applies to none has its say too: which types and classes there are is the same always.
            result = segment.model.evaluate(frame.subset(rows)) if len(rows) else segment.nothing(frame)
            found[segment.id] = spread_result(result, rows, frame.n)
            parts.append((rows, replace(result, entity=constant(segment.id, "string", len(rows)))))
        return replace(merge(parts, frame.n, self.target_type, self.labels), segments=found)

    def _chain(self, frame: Frame) -> Result:
        """The answer of the last segment, missing where that one does not apply; the outputs of all."""
        chain = frame.inner({})
        entity = constant(None, "string", frame.n)
        segments: dict[str, Result] = {}
        outputs: dict[str, Column] = {}
        targets: dict[str, Result] = {}
        for segment in self.segments:
            use, result = segment.evaluate(chain)
            for name, column in result.outputs.items():
                known = outputs.get(name)
                outputs[name] = column if known is None or use.all() else known.where(use, column)
            chain.columns.update(outputs)
            segments[segment.id] = result
            entity = entity.where(use, constant(segment.id, "string", frame.n))
            targets.update(result.targets)
            if segment.model.subject.target in self.targets:
                targets[segment.model.subject.target] = result
        for name, column in chain.columns.items():
            frame.columns.setdefault(name, column)
        result = targets.pop(self.targets[0], result) if self.targets else result
        return replace(result, entity=entity, segments=segments, outputs=outputs, targets=targets)

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

    def _vote(self, results: Sequence[Result], use: Flags, weights: Floats) -> Result:
        n = use.shape[1]
        texts = [cast(result.value, "string") for result in results]
        index = {label: i for i, label in enumerate(self.labels)}
        for result in results:
            for label in result.labels:
                index.setdefault(label, len(index))
        for column in texts:
            for level in column.levels:
                index.setdefault(level, len(index))
        votes = np.zeros((n, len(index)))
        absent = np.array([column.missing for column in texts])
        counted, too_many = self._absent(absent, use)
        for column, here, weight in zip(texts, counted, weights, strict=True):
            rows = np.flatnonzero(here)
            votes[rows, column.lookup(index.__getitem__, 0, np.intp)[rows]] += weight
        with np.errstate(invalid="ignore"):
            share = votes / votes.sum(axis=1, keepdims=True)
        if self.missing == "continue":
            lost = ((absent & use) * weights[:, None]).sum(axis=0)
            too_many = too_many | (lost > votes.max(axis=1, initial=0.0))
        share[too_many] = math.nan
        return classified(share, tuple(index), self.target_type)

    def _number(self, results: Sequence[Result], use: Flags, weights: Floats) -> Result:
        n = use.shape[1]
        if self.classes:
            return number_result(np.full(n, math.nan))
        values = np.array([cast(result.value, "double").values for result in results])
        counted, too_many = self._absent(np.isnan(values), use)
        joined = join(self.method, values, counted, weights, single=self.single)
        return number_result(np.where(too_many | ~counted.any(axis=0), math.nan, joined))

    def _probability(self, results: Sequence[Result], use: Flags, weights: Floats, n: int) -> Result:
        labels = list(dict.fromkeys([*self.labels, *(label for r in results for label in r.labels)]))
        stack = np.full((len(results), n, len(labels)), math.nan)
        for place, result in enumerate(results):
            if result.probability is not None:
                stack[place] = np.where(np.isnan(result.probability).any(axis=1), math.nan, 0.0)[:, None]
                stack[place][:, [labels.index(label) for label in result.labels]] = result.probability
        counted, too_many = self._absent(np.isnan(stack).any(axis=2), use)
        if self.method == "max":
            joined = strongest(np.where(counted[:, :, None], stack, math.nan))
        elif self.method == "median":
            with np.errstate(invalid="ignore"):
                joined = nearest_median(stack, counted)
        else:
            joined = np.column_stack(
                [
                    join(self.method, stack[:, :, k], counted, weights, single=self.single)
                    for k in range(len(labels))
                ]
            )
        joined[too_many | ~counted.any(axis=0)] = math.nan
        return classified(joined, tuple(labels), self.target_type)


def read(element: Element, subject: Subject) -> Any:
    """A MiningModel element."""
    segmentation = element.child("Segmentation")
    method = segmentation.need("multipleModelMethod")
    if method not in _VOTES | _NUMBERS | _PICKS:
        raise UnsupportedModel(f"Segmentation multipleModelMethod={method!r}")
    missing = segmentation.get("missingPredictionTreatment", "continue")
    if missing not in {"returnMissing", "skipSegment", "continue"}:
        raise UnsupportedModel(f"Segmentation missingPredictionTreatment={missing!r}")
    if method in _VOTES and not (subject.is_classification or subject.function == "clustering"):
        raise segmentation.broken(f"{method} needs classes, and the function is {subject.function}")
    if method in _NUMBERS and subject.function == "clustering":
        raise segmentation.broken(f"{method} needs numbers or classes, and the function is clustering")
    chained = method in _CHAINS
    segments = read_segments(
        segmentation, subject, chained=chained, hands_on=chained or method == "selectFirst"
    )
    targets = _take_targets(segmentation, subject, segments, method)
    ensemble = Ensemble(
        method=method,
        segments=segments,
        labels=subject.target_type.values,
        target_type=subject.target_type.data_type,
        classes=subject.is_classification,
        missing=missing,
        threshold=segmentation.number("missingThreshold", 1.0),
        single=element.is_single,
        targets=targets,
    )
    if any("segmentId" in out.attributes for out in _outputs(element)):
        return ensemble  # a forest knows of no single tree
    return forest.of(ensemble, subject) or ensemble


def _outputs(element: Element) -> list[Element]:
    found = element.first("Output")
    return [] if found is None else found.all("OutputField")


def _take_targets(
    element: Element, subject: Subject, segments: tuple[Segment, ...], method: str
) -> tuple[str, ...]:
    """The targets that segments of a chain answer, the first one before all others; none where it has one."""
    inner = [segment.model.subject for segment in segments]
    if method not in _CHAINS:
        if any(part.others for part in inner):
            raise UnsupportedModel(f"Segmentation multipleModelMethod={method!r}", "of several targets")
        return ()
    for part in inner:
        subject.others.update(part.others)
    if method == "modelChain" and subject.target is None:
        subject.target_type = inner[-1].target_type
    if method != "modelChain":
        if any(part.target is None for part in inner) or len({part.target for part in inner}) < len(inner):
            raise element.broken(f"{method} needs a target of its own in each Segment")
        subject.target, subject.target_type = inner[0].target, inner[0].target_type
    elif len(subject.targets) < 2:
        return ()
    answered = {str(part.target): part.target_type for part in inner}
    wanted = list(answered) if method != "modelChain" else [t for t in subject.targets if t in answered]
    subject.others.update({name: answered[name] for name in wanted if name != subject.target})
    return (str(subject.target), *(name for name in wanted if name != subject.target))
