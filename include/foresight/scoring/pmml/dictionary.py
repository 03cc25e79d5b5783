"""DataDictionary and MiningSchema: which values a field may have, and what happens to others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.frame import FieldType, Frame
from foresight.scoring.pmml.values import (
    Column,
    Flags,
    Floats,
    Value,
    constant,
    encode,
    known_type,
    parse_constant,
)
from foresight.scoring.pmml.xml import Element


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers between two margins; ``closure`` such as openClosed says which margins belong to it."""

    left: float
    right: float
    closure: str

    def holds(self, values: Floats) -> Flags:
        """Where a value lies inside."""
        above = values > self.left if self.closure.startswith("open") else values >= self.left
        below = values < self.right if self.closure.endswith("Open") else values <= self.right
        return above & below


def read_interval(element: Element) -> Interval:
    """An Interval element; an absent margin is infinite."""
    closure = element.get("closure", "closedClosed")
    if closure not in {"openOpen", "openClosed", "closedOpen", "closedClosed"}:
        raise element.broken(f"closure {closure!r} is not known")
    left, right = element.get("leftMargin", "-INF"), element.get("rightMargin", "INF")
    return Interval(_margin(element, left), _margin(element, right), closure)


def _margin(element: Element, text: str) -> float:
    value = parse_constant(text, "double", f"line {element.line}: Interval")
    return float(value)


@dataclass(frozen=True, slots=True)
class DataField:
    """One entry of the DataDictionary."""

    name: str
    data_type: str
    optype: str
    valid: tuple[str, ...]
    invalid: tuple[str, ...]
    missing: tuple[str, ...]
    displays: Mapping[str, str]
    intervals: tuple[Interval, ...]

    @property
    def type(self) -> FieldType:
        """What a compiler needs to know of it."""
        return FieldType(self.data_type, self.optype, self.valid)

    def check(self, raw: Sequence[Any] | NDArray[Any]) -> tuple[Column, Flags, Flags]:
        """The column, where a value is invalid, and where it is not even of the type."""
        column, unreadable = encode(raw, self.data_type)
        if self.missing:
            column = _blank(column, self._among(column, self.missing))
        invalid = unreadable | self._among(column, self.invalid) if self.invalid else unreadable.copy()
        if self.valid or self.intervals:
            fine = self._among(column, self.valid)
            for interval in self.intervals:
                fine |= interval.holds(column.values)
            invalid |= ~fine & ~column.missing
        return column, invalid, unreadable

    def _among(self, column: Column, texts: tuple[str, ...]) -> Flags:
        if column.is_text:
            return column.lookup(set(texts).__contains__, False, np.bool_)
        values = [parse_constant(text, self.data_type, self.name) for text in texts]
        return np.isin(column.values, np.array(values, np.float64))


def read_dictionary(element: Element) -> dict[str, DataField]:
    """Every DataField by name."""
    return {field.need("name"): _read_field(field) for field in element.all("DataField")}


def _read_field(element: Element) -> DataField:
    name = element.need("name")
    data_type = known_type(element.get("dataType", "string"), f"DataField {name[:80]!r}")
    optype = element.get("optype", "categorical" if data_type == "string" else "continuous")
    by_property: dict[str, list[str]] = {"valid": [], "invalid": [], "missing": []}
    displays = {}
    for value in element.all("Value"):
        text = value.need("value")
        kind = value.get("property", "valid")
        if kind not in by_property:
            raise value.broken(f"property {kind!r} is not known")
        if kind == "missing" and data_type != "string" and _is_not_a(text, data_type):
            continue  # such a text is no number, so it never was a value
        parse_constant(text, data_type, f"DataField {name[:80]!r}")
        by_property[kind].append(text)
        if "displayValue" in value.attributes:
            displays[text] = value.attributes["displayValue"]
    kept = {kind: tuple(dict.fromkeys(texts)) for kind, texts in by_property.items()}
    intervals = tuple(read_interval(interval) for interval in element.all("Interval"))
    return DataField(
        name, data_type, optype, kept["valid"], kept["invalid"], kept["missing"], displays, intervals
    )


def _is_not_a(text: str, data_type: str) -> bool:
    return bool(encode([text], data_type)[1][0])


def _blank(column: Column, where: Flags) -> Column:
    return column.where(where, constant(None, column.data_type, len(where))) if where.any() else column


@dataclass(frozen=True, slots=True)
class MiningField:
    """How a model wants one field; ``data`` is None for fields that are not in the dictionary."""

    name: str
    usage: str
    optype: str
    data: DataField | None
    data_type: str
    outliers: str
    low: float
    high: float
    missing_replacement: Value | None
    missing_treatment: str
    invalid_treatment: str
    invalid_replacement: Value | None

    @property
    def is_input(self) -> bool:
        """Whether a record should bring it."""
        return self.usage == "active"

    @property
    def changes_values(self) -> bool:
        """Whether inside another model it does anything to what that model has prepared."""
        return (
            self.missing_replacement is not None
            or self.outliers != "asIs"
            or self.invalid_treatment in {"asMissing", "asValue"}
            or self.missing_treatment == "returnInvalid"
        )

    def prepare(self, raw: Sequence[Any] | NDArray[Any], frame: Frame) -> Column:
        """The column that the model sees; records that it must not see are reported."""
        assert self.data is not None  # noqa: S101 (the reader of the schema made sure)
        column, invalid, unreadable = self.data.check(raw)
        if invalid.any():
            column = self._treat_invalid(column, invalid, unreadable, raw, frame)
        return self.treat(column, frame)

    def treat(self, column: Column, frame: Frame) -> Column:
        """Outliers and missing values of a column that holds values of the right type."""
        if self.outliers != "asIs" and not column.is_text:
            outside = (column.values < self.low) | (column.values > self.high)
            if self.outliers == "asExtremeValues":
                column = Column(np.clip(column.values, self.low, self.high), column.data_type)
            else:
                column = _blank(column, outside)
        if not column.has_missing:
            return column
        missing = column.missing
        if self.missing_treatment == "returnInvalid":
            frame.report(missing, f"{self.name} is missing")
        elif self.missing_replacement is not None:
            return column.where(missing, constant(self.missing_replacement, column.data_type, frame.n))
        return column

    def _treat_invalid(
        self, column: Column, invalid: Flags, unreadable: Flags, raw: Any, frame: Frame
    ) -> Column:
        if self.invalid_treatment == "asMissing":
            return _blank(column, invalid)
        if self.invalid_treatment == "asValue" and self.invalid_replacement is not None:
            return column.where(invalid, constant(self.invalid_replacement, column.data_type, frame.n))
        refused = unreadable if self.invalid_treatment == "asIs" else invalid
        for row in np.flatnonzero(refused).tolist():
            one = np.zeros(frame.n, bool)
            one[row] = True
            frame.report(one, f"{self.name} = {_shown(raw[row])} is not a valid value")
        return _blank(column, refused)


def _shown(value: Any) -> str:
    text = repr(value.item() if isinstance(value, np.generic) else value)
    return text if len(text) <= 60 else text[:57] + "..."


_USAGES = {
    "active",
    "predicted",
    "target",
    "supplementary",
    "group",
    "order",
    "frequencyWeight",
    "analysisWeight",
}
_OUTLIERS = {"asIs", "asMissingValues", "asExtremeValues"}
_MISSING = {"asIs", "asMean", "asMode", "asMedian", "asValue", "returnInvalid"}
_INVALID = {"returnInvalid", "asIs", "asMissing", "asValue"}


def read_schema(element: Element, dictionary: Mapping[str, DataField], types: Any) -> list[MiningField]:
    """The MiningFields; ``types`` gives the FieldType of a name that is not in the dictionary."""
    return [_read_mining_field(field, dictionary, types) for field in element.all("MiningField")]


def _read_mining_field(element: Element, dictionary: Mapping[str, DataField], types: Any) -> MiningField:
    name = element.need("name")
    data = dictionary.get(name)
    data_type = data.data_type if data else types(name).data_type
    low, high = element.optional("lowValue"), element.optional("highValue")
    outliers = _choice(element, "outliers", "asIs", _OUTLIERS)
    if outliers == "asExtremeValues" and (low is None or high is None):
        raise element.broken(f"{name!r}: asExtremeValues needs lowValue and highValue")

    def replacement(attribute: str) -> Value | None:
        text = element.attributes.get(attribute)
        return None if text is None else parse_constant(text, data_type, f"{name} {attribute}")

    return MiningField(
        name=name,
        usage=_choice(element, "usageType", "active", _USAGES),
        optype=element.get("optype", data.optype if data else ""),
        data=data,
        data_type=data_type,
        outliers=outliers,
        low=-math.inf if low is None else low,
        high=math.inf if high is None else high,
        missing_replacement=replacement("missingValueReplacement"),
        missing_treatment=_choice(element, "missingValueTreatment", "asIs", _MISSING),
        invalid_treatment=_choice(element, "invalidValueTreatment", "returnInvalid", _INVALID),
        invalid_replacement=replacement("invalidValueReplacement"),
    )


def _choice(element: Element, name: str, default: str, allowed: set[str]) -> str:
    # Writers put an x- before what a later version of the standard allows.
    value = element.get(name, default).removeprefix("x-")
    if value not in allowed:
        raise UnsupportedModel(f"{element.tag} {name}={value!r}")
    return value
