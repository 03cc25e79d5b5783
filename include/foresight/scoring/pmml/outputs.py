"""Output: the named columns that a model hands out."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.expressions import Expression, read_expression
from foresight.scoring.pmml.frame import FieldType, Frame, Scope
from foresight.scoring.pmml.result import (
    Codes,
    Result,
    Subject,
    empty_like,
    labels_column,
    pick,
    same_label,
    winners,
)
from foresight.scoring.pmml.single import Single
from foresight.scoring.pmml.single_expressions import find_single
from foresight.scoring.pmml.values import Column, Floats, cast, constant, known_type
from foresight.scoring.pmml.xml import Element

_EXPRESSIONS = ("FieldRef", "Constant", "NormContinuous", "NormDiscrete", "Discretize", "MapValues", "Apply",
                "TextIndex", "Aggregate", "Lag")  # fmt: skip


@dataclass(frozen=True, slots=True)
class OutputField:
    """One output; ``data_type`` is empty where the document leaves it to the feature."""

    name: str
    feature: str
    value: str | None
    rank: int
    lowest_first: bool
    segment: str | None
    data_type: str
    is_final: bool
    expression: Expression | None
    target: str | None = None
    single: Single | None = None

    def column(self, result: Result, frame: Frame, subject: Subject) -> Column:
        """Its values for one result."""
        if self.expression is not None:
            found = self.expression.compute(frame)
        else:
            source = result if self.segment is None else result.segments[self.segment]
            source = source.targets.get(self.target or "", source)
            found = _FEATURES[self.feature](self, source, frame, subject)
        return cast(found, self.data_type) if self.data_type else found


def _code(out: OutputField, result: Result, subject: Subject) -> Codes | None:
    """Which label an output speaks of in each row; None where there are no labels."""
    if not result.labels:
        return None
    n = len(result.value.values)
    if out.value is not None:
        data_type = result.value.data_type if out.target in subject.others else subject.target_type.data_type
        return np.full(n, same_label(result.labels, out.value, data_type), np.intp)
    if out.rank > 1:
        return _ranked(out, result)
    return _winner(result)


def _winner(result: Result) -> Codes:
    if result.affinity is not None:
        return winners(-result.affinity if result.nearest_first else result.affinity)
    if result.value.is_text:
        place = {label: i for i, label in enumerate(result.labels)}
        return result.value.lookup(lambda level: place.get(level, -1), -1, np.intp)
    values = labels_column(np.arange(len(result.labels)), result.labels, result.value.data_type).values
    hit = result.value.values[:, None] == values[None, :]
    return np.where(hit.any(axis=1), hit.argmax(axis=1), -1)


def _ranked(out: OutputField, result: Result) -> Codes:
    table = result.affinity if result.affinity is not None else result.probability
    n = len(result.value.values)
    if table is None or out.rank > table.shape[1]:
        return np.full(n, -1, np.intp)
    ascending = (result.affinity is not None and result.nearest_first) != out.lowest_first
    order = np.argsort(table if ascending else -table, axis=1, kind="stable")
    return np.where(np.isnan(table).all(axis=1), -1, order[:, out.rank - 1])


def _predicted(out: OutputField, result: Result, _frame: Frame, _subject: Subject) -> Column:
    if out.rank > 1 and result.labels:
        return labels_column(_ranked(out, result), result.labels, result.value.data_type)
    return result.value


def _display(out: OutputField, result: Result, frame: Frame, subject: Subject) -> Column:
    texts = cast(_predicted(out, result, frame, subject), "string")
    return Column(texts.values, "string", tuple(result.displays.get(t, t) for t in texts.levels))


def _of(table: Floats | None, out: OutputField, result: Result, subject: Subject) -> Column:
    codes = _code(out, result, subject)
    if table is None or codes is None:
        return constant(None, "double", len(result.value.values))
    return Column(pick(table, codes), "double")


def _probability(out: OutputField, result: Result, _frame: Frame, subject: Subject) -> Column:
    return _of(result.probability, out, result, subject)


def _confidence(out: OutputField, result: Result, _frame: Frame, subject: Subject) -> Column:
    return _of(result.probability if result.confidence is None else result.confidence, out, result, subject)


def _affinity(out: OutputField, result: Result, _frame: Frame, subject: Subject) -> Column:
    return _of(result.affinity, out, result, subject)


def _entity(out: OutputField, result: Result, _frame: Frame, _subject: Subject) -> Column:
    if out.rank > 1 and result.affinity is not None:
        return labels_column(_ranked(out, result), result.labels, "string")
    if out.rank > 1:
        known = out.rank <= len(result.neighbors)
        return result.neighbors[out.rank - 1] if known else constant(None, "string", len(result.value.values))
    return empty_like(cast(result.value, "string")) if result.entity is None else result.entity


def _reason(out: OutputField, result: Result, frame: Frame, _subject: Subject) -> Column:
    return (
        result.reasons[out.rank - 1] if out.rank <= len(result.reasons) else constant(None, "string", frame.n)
    )


def _residual(out: OutputField, result: Result, frame: Frame, subject: Subject) -> Column:
    actual = result.actual
    if actual is None:
        return constant(None, "double", frame.n)
    if not result.labels:
        return Column(cast(actual, "double").values - result.value.values, "double")
    codes = _code(out, result, subject)
    assert codes is not None  # noqa: S101 (there are labels)
    spoken = cast(labels_column(codes, result.labels, actual.data_type), "string").texts()
    hit = (cast(actual, "string").texts() == spoken).astype(np.float64)
    p = np.full(frame.n, math.nan) if result.probability is None else pick(result.probability, codes)
    return Column(np.where(actual.missing, math.nan, hit - p), "double")


def _warning(_out: OutputField, _result: Result, frame: Frame, _subject: Subject) -> Column:
    return constant(None, "string", frame.n)


_FEATURES: dict[str, Callable[[OutputField, Result, Frame, Subject], Column]] = {
    "predictedValue": _predicted,
    "predictedDisplayValue": _display,
    "probability": _probability,
    "confidence": _confidence,
    "affinity": _affinity,
    "entityAffinity": _affinity,
    "clusterAffinity": _affinity,
    "entityId": _entity,
    "clusterId": _entity,
    "reasonCode": _reason,
    "residual": _residual,
    "warning": _warning,
}
_DEFAULT_TYPES = {"predictedDisplayValue": "string", "entityId": "string", "clusterId": "string",
                  "reasonCode": "string", "warning": "string"}  # fmt: skip


_NEEDS: dict[str, Callable[[Result], bool]] = {
    "probability": lambda result: result.probability is not None,
    "confidence": lambda result: result.probability is not None or result.confidence is not None,
    "affinity": lambda result: result.affinity is not None,
    "entityAffinity": lambda result: result.affinity is not None,
    "clusterAffinity": lambda result: result.affinity is not None,
    "entityId": lambda result: result.entity is not None,
    "clusterId": lambda result: result.entity is not None,
}


def check_outputs(outputs: Sequence[OutputField], tag: str, empty: Result) -> None:
    """Refuse an output that the model never gives; ``empty`` is its answer for no record."""
    for out in outputs:
        source = empty if out.segment is None else empty.segments[out.segment]
        source = source.targets.get(out.target or "", source)
        is_given = _NEEDS.get(out.feature)
        if is_given is not None and not is_given(source):
            raise UnsupportedModel(f"OutputField feature={out.feature!r}", f"is not given by this {tag}")


def read_outputs(element: Element, scope: Scope, subject: Subject) -> list[OutputField]:
    """The OutputFields, in order; each may use those before it. Their names go into ``scope``."""
    found = element.first("Output")
    fields: list[OutputField] = []
    for field in [] if found is None else found.all("OutputField"):
        out = _read_output(field, scope)
        _check_source(field, out, element, subject)
        data_type = out.data_type or _type_of(out, subject)
        scope.fields[out.name] = FieldType(data_type, field.get("optype", "continuous"))
        fields.append(out)
    return fields


def _check_source(field: Element, out: OutputField, model: Element, subject: Subject) -> None:
    """Refuse an output of a target or a segment that there is not."""
    known = {subject.target, *subject.others}
    if out.target is not None and subject.target is not None and out.target not in known:
        raise UnsupportedModel(f"OutputField targetField={out.target[:80]!r}")
    if out.segment is None:
        return
    if out.expression is not None:
        raise UnsupportedModel(f"OutputField feature={out.feature!r} segmentId={out.segment[:80]!r}")
    segmentation = model.first("Segmentation")
    parts = [] if segmentation is None else segmentation.all("Segment")
    if out.segment not in {part.get("id", str(place)) for place, part in enumerate(parts, start=1)}:
        raise field.broken(f"there is no Segment {out.segment[:40]!r}")


def _type_of(out: OutputField, subject: Subject) -> str:
    if out.expression is not None:
        return out.expression.data_type
    if out.feature == "predictedValue" and out.target in subject.others:
        return subject.others[str(out.target)].data_type
    if out.feature == "predictedValue":
        return subject.target_type.data_type
    return _DEFAULT_TYPES.get(out.feature, "double")


def _read_output(element: Element, scope: Scope) -> OutputField:
    holder = element.first("Decisions", *_EXPRESSIONS)
    feature = element.get("feature", "predictedValue" if holder is None else "transformedValue")
    expression = single = None
    if feature in {"transformedValue", "decision"}:
        expression = read_expression(element.child(*_EXPRESSIONS), scope)
        single = find_single(element, scope, element.get("dataType") or expression.data_type)
    elif feature not in _FEATURES:
        raise UnsupportedModel(f"OutputField feature={feature!r}")
    if element.get("rankOrder", "descending") not in {"ascending", "descending"}:
        raise element.broken(f"rankOrder {element.get('rankOrder')[:40]!r} is not known")
    given = element.get("dataType")
    rank = int(element.number("rank", 1.0))
    if rank < 1:
        raise element.broken("rank must be 1 or more")
    return OutputField(
        name=element.need("name"),
        feature=feature,
        value=element.attributes.get("value"),
        rank=rank,
        lowest_first=element.get("rankOrder", "descending") == "ascending",
        segment=element.attributes.get("segmentId"),
        data_type=known_type(given, "OutputField") if given else "",
        is_final=element.flag("isFinalResult", default=True),
        expression=expression,
        target=element.attributes.get("targetField"),
        single=single,
    )
