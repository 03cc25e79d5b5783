"""A whole document over one record: fields, derived fields, models, targets and outputs, to a prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from foresight.scoring.pmml.compiler import Document, Model
from foresight.scoring.pmml.mining import Ensemble
from foresight.scoring.pmml.outputs import OutputField
from foresight.scoring.pmml.predicates import Always
from foresight.scoring.pmml.result import Result, Subject, labels_column, same_label
from foresight.scoring.pmml.single import Answer, NotPlain, Row, Steps, caster, plain_label, reader, steps
from foresight.scoring.pmml.single_models import single_algorithm
from foresight.scoring.pmml.targets import Target, round_half_up
from foresight.scoring.pmml.values import Column, cast

Predict = Callable[[Sequence[Any]], dict[str, Any]]
Get = Callable[[Answer, Row], Any]
_JOINS = {"sum", "weightedSum", "x-weightedSum", "average", "weightedAverage"}


@dataclass(slots=True)
class Labels:
    """The classes of an answer: as values of their type, and as callers get them."""

    texts: tuple[str, ...]
    column: Column

    def handed_out(self, data_type: str) -> list[Any]:
        """The classes as another type, as callers get them."""
        return plain_label(cast(self.column, data_type or self.column.data_type))


@dataclass(slots=True)
class Runner:
    """One model over one row: ``run`` gives its answer and enters its outputs into the row."""

    steps: Steps | None
    algorithm: Callable[[Row], Answer]
    finish: Callable[[Answer], Answer] | None
    outputs: list[tuple[str, Get]]

    def run(self, row: Row) -> Answer:
        """The answer; raises where the row is for the columns."""
        if self.steps is not None:
            self.steps.run(row)
        answer = self.algorithm(row)
        if self.finish is not None:
            answer = self.finish(answer)
        for name, get in self.outputs:
            row[name] = get(answer, row)
        return answer


def single_document(document: Document, target: str, names: Sequence[str], empty: Result) -> Predict | None:
    """From the values of the inputs, in their order, to a prediction with ``names``.

    None where some part of the document is left to the columns; ``empty`` is the answer for no record. The
    function raises, whatever it may be, for a record that is not plainly right.
    """
    fields, model = document.inputs, document.model
    readers = [reader(field) for field in fields]
    texts = frozenset(field.name for field in fields if field.data_type == "string")
    labels = _labels(empty)
    runner = _runner(model, texts, labels)
    getters = _getters(model, target, names, labels, empty)
    if runner is None or getters is None or None in readers or empty.targets:
        return None
    outer = [(name, document.singles[name]) for name in document.needed if name in document.singles]
    first = steps(outer, texts)
    known = [(field.name, read) for field, read in zip(fields, readers, strict=True)]

    def predict(values: Sequence[Any]) -> dict[str, Any]:
        row = {name: read(value) for (name, read), value in zip(known, values, strict=True)}  # type: ignore[misc]
        first.run(row)
        answer = runner.run(row)
        return {name: get(answer, row) for name, get in getters}

    return predict


def _labels(empty: Result) -> Labels | None:
    if not empty.labels:
        return None
    kind = empty.value.data_type
    return Labels(empty.labels, labels_column(np.arange(len(empty.labels)), empty.labels, kind))


def _runner(model: Model, texts: frozenset[str], labels: Labels | None) -> Runner | None:
    """``labels`` are the classes of the whole document's answer, None for a number."""
    scope = model.subject.scope
    if any(name not in scope.singles for name in model.derived):
        return None
    own = steps([(name, scope.singles[name]) for name in model.derived], texts) if model.derived else None
    algorithm = (
        _ensemble(model.algorithm, texts, labels)
        if isinstance(model.algorithm, Ensemble)
        else single_algorithm(model.algorithm, texts)
    )
    target = model.targets.get(model.subject.target or "") or model.targets.get("")
    outputs = [(out.name, _output(out, model.subject, labels)) for out in model.outputs]
    if algorithm is None or any(get is None for _, get in outputs):
        return None
    finish = None if target is None or labels is not None else _finisher(target)
    if labels is None and model.subject.target_type.data_type not in {"double", "integer", "float"}:
        return None
    return Runner(own, algorithm, finish, [(name, get) for name, get in outputs if get is not None])


def _finisher(target: Target) -> Callable[[Answer], Answer]:
    cast_to: Mapping[str, Callable[[float], float]] = {
        "": lambda v: v,
        "round": round_half_up,
        "ceiling": math.ceil,
        "floor": math.floor,
    }
    low, high, factor, shift, rounded = (
        target.low,
        target.high,
        target.factor,
        target.shift,
        cast_to[target.cast],
    )

    def finish(answer: Answer) -> Answer:
        value = min(max(answer.value, low), high) * factor + shift
        if value != value:
            raise NotPlain
        return Answer(float(rounded(value)), entity=answer.entity)

    return finish


def _ensemble(ensemble: Ensemble, texts: frozenset[str], labels: Labels | None) -> Any:
    always = all(isinstance(s.predicate, Always) and s.predicate.value for s in ensemble.segments)
    if (
        not always
        or ensemble.single
        or any(f.changes_values for s in ensemble.segments for f in s.model.fields)
    ):
        return None
    if ensemble.method == "modelChain":
        return _chain(ensemble, texts, labels)
    runners = [_runner(segment.model, texts, None) for segment in ensemble.segments]
    known = [runner for runner in runners if runner is not None]
    if ensemble.method not in _JOINS or ensemble.classes or len(known) < len(runners):
        return None
    weighted = ensemble.method not in {"sum", "average"}
    weights = [segment.weight if weighted else 1.0 for segment in ensemble.segments]
    divisor = sum(weights) if ensemble.method in {"average", "weightedAverage"} else 1.0

    def join(row: Row) -> Answer:
        total = 0.0
        for runner, weight in zip(known, weights, strict=True):
            total += weight * runner.run({**row}).value
        return Answer(total / divisor)

    return join


def _chain(ensemble: Ensemble, texts: frozenset[str], labels: Labels | None) -> Any:
    *before, last = ensemble.segments
    if any(segment.model.algorithm_is_class for segment in before):
        return None
    runners = [*(_runner(s.model, texts, None) for s in before), _runner(last.model, texts, labels)]
    known = [runner for runner in runners if runner is not None]
    if len(known) < len(runners):
        return None

    def chain(row: Row) -> Answer:
        for runner in known:
            answer = runner.run(row)
        return Answer(answer.value, answer.code, answer.shares, last.id, answer.affinity)

    return chain


def _output(out: OutputField, subject: Subject, labels: Labels | None) -> Get | None:
    """The value of an output as the row holds it: texts and floats."""
    if out.segment is not None or out.rank > 1 or out.target in subject.others:
        return None
    if out.feature == "predictedValue":
        return _predicted(out, labels)
    if out.feature in {"probability", "affinity", "clusterAffinity", "entityAffinity"} and labels is not None:
        return _share(out, labels)
    if out.feature in {"entityId", "clusterId"} and out.data_type in {"", "string"}:
        return lambda answer, _row: _there(answer.entity)
    if out.expression is not None and out.single is not None:
        compute = out.single.compute
        return lambda _answer, row: _number(compute(row))
    return None


def _predicted(out: OutputField, labels: Labels | None) -> Get | None:
    if labels is not None:
        column = cast(labels.column, out.data_type or labels.column.data_type)
        held = column.texts().tolist() if column.is_text else column.values.tolist()
        return lambda answer, _row: held[_class(answer)]
    change = caster("double", out.data_type or "double")
    return None if change is None else lambda answer, _row: _number(change(answer.value))


def _share(out: OutputField, labels: Labels) -> Get | None:
    if out.data_type not in {"", "double"}:
        return None
    by_affinity = out.feature != "probability"
    place = -1 if out.value is None else same_label(labels.texts, out.value, labels.column.data_type)
    if place < 0 and out.value is not None:
        return None

    def get(answer: Answer, _row: Row) -> float:
        shares = answer.affinity if by_affinity else answer.shares
        if shares is None:
            raise NotPlain
        return shares[_class(answer) if place < 0 else place]

    return get


def _class(answer: Answer) -> int:
    if answer.code < 0:
        raise NotPlain
    return answer.code


def _there(value: Any) -> Any:
    if value is None:
        raise NotPlain
    return value


def _number(value: Any) -> float:
    if value != value:
        raise NotPlain
    return float(value)


def _getters(
    model: Model, target: str, names: Sequence[str], labels: Labels | None, empty: Result
) -> list[tuple[str, Get]] | None:
    """How each part of a prediction is found, as callers get it; None where one cannot be."""
    finals, found = model.final_types, list[tuple[str, Get]]()
    mine = {out.name: out for out in model.outputs}
    for name in names:
        out = mine.get(name)
        if out is not None and out.feature == "predictedValue" and labels is not None:
            found.append((name, _of_class(labels.handed_out(out.data_type))))
        elif name in finals:
            change = _handed_out(finals[name].data_type)
            if change is None:
                return None
            found.append((name, change(name)))
        elif name == target and labels is not None:
            found.append((name, _of_class(labels.handed_out(""))))
        elif name == target:
            change = _handed_out(empty.value.data_type)
            if change is None:
                return None
            found.append((name, _of_value(whole=empty.value.data_type == "integer")))
        elif labels is not None and name.startswith("probability("):
            found.append((name, _of_share(labels.texts.index(name[len("probability(") : -1]))))
        else:
            return None
    return found


def _of_class(values: list[Any]) -> Get:
    return lambda answer, _row: values[_class(answer)]


def _of_value(*, whole: bool) -> Get:
    if whole:
        return lambda answer, _row: int(answer.value)
    return lambda answer, _row: _number(answer.value)


def _of_share(place: int) -> Get:
    return lambda answer, _row: _there(answer.shares)[place]


def _handed_out(data_type: str) -> Callable[[str], Get] | None:
    if data_type in {"double", "float", "string"}:
        return lambda name: lambda _answer, row: row[name]
    return (lambda name: lambda _answer, row: int(row[name])) if data_type == "integer" else None
