"""What a model says of n records, and what a model needs to know to be compiled."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.pmml.dictionary import DataField
from foresight.scoring.pmml.frame import FieldType, Frame, Scope
from foresight.scoring.pmml.values import Column, Floats, constant, parse_constant
from foresight.scoring.pmml.xml import Element

Codes = NDArray[np.intp]


@dataclass(slots=True)
class Result:
    """The answer for n records.

    ``labels`` are the classes, or the ids of clusters; ``probability``, ``confidence`` and ``affinity`` are
    ``[n, len(labels)]``. ``entity`` is the id of the node, rule or cluster that answered; ``reasons`` the
    reason codes of each record, most important first. ``actual`` is the target where the records bring it;
    ``targets`` are the answers for the other targets of a model that has several; ``neighbors`` the ids of
    the nearest training records, the nearest first.
    """

    value: Column
    labels: tuple[str, ...] = ()
    probability: Floats | None = None
    confidence: Floats | None = None
    affinity: Floats | None = None
    nearest_first: bool = True
    entity: Column | None = None
    reasons: list[Column] = field(default_factory=list)
    displays: Mapping[str, str] = field(default_factory=dict)
    segments: dict[str, Result] = field(default_factory=dict)
    outputs: dict[str, Column] = field(default_factory=dict)
    actual: Column | None = None
    targets: dict[str, Result] = field(default_factory=dict)
    neighbors: list[Column] = field(default_factory=list)


class Algorithm(Protocol):
    """One type of model, compiled."""

    def evaluate(self, frame: Frame) -> Result:
        """The answer for each record of a frame."""
        ...


@dataclass(slots=True)
class Subject:
    """What a reader of one type of model gets: its names, its function and its targets.

    The reader enters the targets beyond the first that the model answers (``others``) and the outputs of
    models inside that it hands on (``handed_on``).
    """

    scope: Scope
    function: str
    target: str | None
    target_type: FieldType
    dictionary: Mapping[str, DataField]
    compile: Callable[[Element, Scope], Any]
    targets: tuple[str, ...] = ()
    others: dict[str, FieldType] = field(default_factory=dict)
    handed_on: dict[str, FieldType] = field(default_factory=dict)

    @property
    def displays(self) -> Mapping[str, str]:
        """How the values of the target are shown."""
        field = self.dictionary.get(self.target or "")
        return {} if field is None else field.displays

    @property
    def is_classification(self) -> bool:
        """Whether the answer is one of several classes."""
        return self.function == "classification"


def labels_column(codes: Codes, labels: tuple[str, ...], data_type: str) -> Column:
    """Classes as values of the target's type; -1 is missing."""
    if data_type == "string":
        return Column(codes.astype(np.int32), data_type, labels)
    values = [parse_constant(label, data_type, "class") for label in labels]
    return Column(np.array([*values, math.nan], np.float64)[codes], data_type)


def winners(scores: Floats) -> Codes:
    """The column of the highest score of each row, the first of equals; -1 where all are missing."""
    if scores.shape[1] == 0:
        return np.full(len(scores), -1, np.intp)
    bare = np.where(np.isnan(scores), -math.inf, scores)
    return np.where(np.isnan(scores).all(axis=1), -1, bare.argmax(axis=1))


def classified(probability: Floats, labels: tuple[str, ...], data_type: str) -> Result:
    """The class with the highest probability."""
    value = labels_column(winners(probability), labels, data_type)
    return Result(value, labels, probability=probability)


def number_result(values: Floats) -> Result:
    """A prediction that is a number."""
    return Result(Column(values, "double"))


def pick(table: Floats, codes: Codes) -> Floats:
    """One column for each row; NaN where the code is -1."""
    if table.shape[1] == 0:
        return np.full(len(codes), math.nan)
    found = table[np.arange(len(codes)), codes]
    return np.where(codes < 0, math.nan, found)


def same_label(labels: tuple[str, ...], wanted: str, data_type: str) -> int:
    """The place of a class, written here in one way and there in another (1 and 1.0); -1 if none."""
    if wanted in labels:
        return labels.index(wanted)
    if data_type != "string":
        try:
            value = parse_constant(wanted, data_type, "class")
            return [parse_constant(label, data_type, "class") for label in labels].index(value)
        except ValueError:
            return -1
    return -1


def empty_like(column: Column) -> Column:
    """The same type, every value missing."""
    return constant(None, column.data_type, len(column.values))


def take_result(result: Result, rows: NDArray[np.intp]) -> Result:
    """The answers of these rows, in this order."""

    def table(values: Floats | None) -> Floats | None:
        return None if values is None else values[rows]

    return Result(
        value=result.value.take(rows),
        labels=result.labels,
        probability=table(result.probability),
        confidence=table(result.confidence),
        affinity=table(result.affinity),
        nearest_first=result.nearest_first,
        entity=None if result.entity is None else result.entity.take(rows),
        reasons=[reason.take(rows) for reason in result.reasons],
        displays=result.displays,
        segments={name: take_result(part, rows) for name, part in result.segments.items()},
        outputs={name: column.take(rows) for name, column in result.outputs.items()},
        targets={name: take_result(part, rows) for name, part in result.targets.items()},
        neighbors=[neighbor.take(rows) for neighbor in result.neighbors],
    )


def spread(column: Column, rows: NDArray[np.intp], n: int) -> Column:
    """A column of some rows laid out over n records, missing elsewhere."""
    if column.is_text:
        codes = np.full(n, -1, np.int32)
        codes[rows] = column.values
        return Column(codes, "string", column.levels)
    values = np.full(n, math.nan)
    values[rows] = column.values
    return Column(values, column.data_type)


def spread_table(table: Floats | None, rows: NDArray[np.intp], n: int) -> Floats | None:
    """The same for a table."""
    if table is None:
        return None
    out = np.full((n, table.shape[1]), math.nan)
    out[rows] = table
    return out


def spread_result(result: Result, rows: NDArray[np.intp], n: int) -> Result:
    """An answer for some rows as one for n records."""
    return Result(
        value=spread(result.value, rows, n),
        labels=result.labels,
        probability=spread_table(result.probability, rows, n),
        confidence=spread_table(result.confidence, rows, n),
        affinity=spread_table(result.affinity, rows, n),
        nearest_first=result.nearest_first,
        entity=None if result.entity is None else spread(result.entity, rows, n),
        reasons=[spread(reason, rows, n) for reason in result.reasons],
        displays=result.displays,
        segments={name: spread_result(part, rows, n) for name, part in result.segments.items()},
        outputs={name: spread(column, rows, n) for name, column in result.outputs.items()},
        targets={name: spread_result(part, rows, n) for name, part in result.targets.items()},
        neighbors=[spread(neighbor, rows, n) for neighbor in result.neighbors],
    )
