"""DataDictionary and MiningSchema: which values a field may have, and what happens to others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.plain_values import NUMBERS, is_nan, shown, typed
from foresight.scoring.pmml.frame import FieldType, Frame
from foresight.scoring.pmml.values import (
    Column,
    Flags,
    Value,
    constant,
    encode,
    known_type,
    parse_constant,
    read_value,
)
from foresight.scoring.pmml.xml import Element


@dataclass(frozen=True, slots=True)
class Interval:
    """Numbers between two margins; ``closure`` such as openClosed says which margins belong to it."""

    left: float
    right: float
    closure: str

    @property
    def text(self) -> str:
        """As it is written in mathematics."""
        opened = "(" if self.closure.startswith("open") else "["
        return f"in {opened}{self.left:g}, {self.right:g}{')' if self.closure.endswith('Open') else ']'}"

    def holds(self, values: Any) -> Any:
        """Where a value lies inside; of one number, whether it does."""
        above = values > self.left if self.closure.startswith("open") else values >= self.left
        below = values < self.right if self.closure.endswith("Open") else values <= self.right
        return above & below


NOT_VALID = "is not a valid value"
"""The reason for a value of the right type that the dictionary does not allow."""


def read_interval(element: Element, data_type: str = "double") -> Interval:
    """An Interval element over values of a type; an absent margin is infinite."""
    closure = element.get("closure", "closedClosed")
    if closure not in {"openOpen", "openClosed", "closedOpen", "closedClosed"}:
        raise element.broken(f"closure {closure!r} is not known")
    left, right = element.get("leftMargin", "-INF"), element.get("rightMargin", "INF")
    return Interval(_margin(element, left, data_type), _margin(element, right, data_type), closure)


def _margin(element: Element, text: str, data_type: str) -> float:
    # A margin is rounded as the values are, or the margin itself would lie outside.
    kind = "double" if data_type == "string" else data_type
    return float(parse_constant(text, kind, f"line {element.line}: Interval"))


@dataclass(frozen=True)
class DataField:
    """One entry of the DataDictionary.

    ``blanks`` are the texts declared to mean a missing value though they spell none of the type, such as
    NULL for a number, and NaN.
    """

    name: str
    data_type: str
    optype: str
    valid: tuple[str, ...]
    invalid: tuple[str, ...]
    missing: tuple[str, ...]
    displays: Mapping[str, str]
    intervals: tuple[Interval, ...]
    blanks: frozenset[str] = frozenset()

    @property
    def allowed(self) -> str:
        """Its valid values, in words."""
        parts = [f"one of {', '.join(self.valid[:8])}{', …' * (len(self.valid) > 8)}"] * bool(self.valid)
        parts += [interval.text for interval in self.intervals]
        return " or ".join(parts) or "a valid value"

    @property
    def type(self) -> FieldType:
        """What a compiler needs to know of it."""
        return FieldType(self.data_type, self.optype, self.valid)

    def check(self, raw: Sequence[Any] | NDArray[Any]) -> tuple[Column, Flags | None, Mapping[int, str]]:
        """The column, where a value is invalid, and by place why one is not even of the type."""
        column, reasons = encode(raw, self.data_type, self.blanks)
        if not (reasons or self.missing or self.invalid or self.valid or self.intervals):
            return column, None, reasons
        unreadable = np.zeros(len(column.values), bool)
        unreadable[list(reasons)] = True
        if self.missing:
            column = _blank(column, self._among(column, self.missing))
        invalid = unreadable | self._among(column, self.invalid) if self.invalid else unreadable.copy()
        if self.valid or self.intervals:
            fine = self._among(column, self.valid)
            for interval in self.intervals:
                fine |= interval.holds(column.values)
            invalid |= ~fine & ~column.missing
        return column, invalid, reasons

    def check_one(self, raw: Any) -> tuple[Value | None, str]:
        """The same for a single value: the value, None for a missing one, and what is wrong with it."""
        if isinstance(raw, str) and raw in self.blanks:
            return None, ""
        value, reason = read_value(raw, self.data_type)
        if reason or value is None or value in self.missing_values:
            return None, reason
        if value in self.invalid_values:
            return value, NOT_VALID
        if (self.valid or self.intervals) and value not in self.valid_values:
            inside = not isinstance(value, str) and any(i.holds(value) for i in self.intervals)
            return value, "" if inside else NOT_VALID
        return value, ""

    def declares_missing(self, raw: Any) -> bool:
        """Whether a value is one that the dictionary declares to mean a missing one."""
        if is_nan(raw):
            return "NaN" in self.blanks
        if isinstance(raw, str) and raw in self.blanks:
            return True
        return bool(self.missing) and read_value(raw, self.data_type)[0] in self.missing_values

    @cached_property
    def valid_values(self) -> frozenset[Value]:
        """The valid values of its type."""
        return self._parsed(self.valid)

    @cached_property
    def invalid_values(self) -> frozenset[Value]:
        """The values of its type that are declared invalid."""
        return self._parsed(self.invalid)

    @cached_property
    def missing_values(self) -> frozenset[Value]:
        """The values of its type that are declared to mean a missing one."""
        return self._parsed(self.missing)

    def _parsed(self, texts: tuple[str, ...]) -> frozenset[Value]:
        return frozenset(parse_constant(text, self.data_type, self.name) for text in texts)

    def _among(self, column: Column, texts: tuple[str, ...]) -> Flags:
        if column.is_text:
            return column.lookup(set(texts).__contains__, False, np.bool_)
        return np.isin(column.values, np.array([*self._parsed(texts)], np.float64))


def read_dictionary(element: Element) -> dict[str, DataField]:
    """Every DataField by name."""
    return {field.need("name"): _read_field(field) for field in element.all("DataField")}


def _read_field(element: Element) -> DataField:
    name = element.need("name")
    data_type = known_type(element.get("dataType", "string"), f"DataField {name[:80]!r}")
    optype = element.get("optype", "categorical" if data_type == "string" else "continuous")
    by_property: dict[str, list[str]] = {"valid": [], "invalid": [], "missing": []}
    displays = {}
    blanks = set[str]()
    for value in element.all("Value"):
        text = value.need("value")
        kind = value.get("property", "valid")
        if kind not in by_property:
            raise value.broken(f"property {kind!r} is not known")
        if kind != "valid" and data_type != "string" and read_value(text, data_type)[0] is None:
            # It spells no value of the type: to be missing is more than it would be, to be invalid is not.
            if kind == "missing":
                blanks.add("NaN" if text.strip().lower() == "nan" else text)
            elif text.strip().lower() == "nan":
                raise UnsupportedModel(f"DataField {name[:80]!r}", "declares NaN to be invalid, not missing")
            continue
        parse_constant(text, data_type, f"DataField {name[:80]!r}")
        by_property[kind].append(text)
        if "displayValue" in value.attributes:
            displays[text] = value.attributes["displayValue"]
    kept = {kind: tuple(dict.fromkeys(texts)) for kind, texts in by_property.items()}
    intervals = tuple(read_interval(interval, data_type) for interval in element.all("Interval"))
    if data_type == "string" and intervals:
        raise element.broken("an Interval holds numbers, and the field is a string")
    return DataField(
        name, data_type, optype, kept["valid"], kept["invalid"], kept["missing"], displays, intervals,
        frozenset(blanks),
    )  # fmt: skip


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
        column, invalid, reasons = self.data.check(raw)
        if invalid is not None and invalid.any():
            column, refused = self._treat_invalid(column, invalid, reasons, raw, frame)
            return self.treat(column, frame, refused)
        return self.treat(column, frame)

    def check_one(self, raw: Any) -> tuple[Any, str]:
        """What ``prepare`` makes of a single value: none the worse, None where it is missing, or the reason.

        A value that the dictionary declares to mean a missing one is not None: it was given.
        """
        assert self.data is not None  # noqa: S101 (the reader of the schema made sure)
        value, reason = self.data.check_one(raw)
        if isinstance(raw, str) and value is not None and self.data.data_type in {*NUMBERS, "boolean"}:
            # A column of texts is read as a CSV file is; the record of a program holds numbers.
            return None, f"= {shown(raw)} {typed(raw, self.data.data_type)[1]}"
        if reason == NOT_VALID and self.invalid_treatment == "asIs":
            reason = ""
        if reason and self.invalid_treatment in {"returnInvalid", "asIs"}:
            return None, self._why(raw, reason)
        if value is not None and not reason and self.data.data_type in {*NUMBERS, "string"}:
            return value, ""
        return (raw if reason or value is not None or self.data.declares_missing(raw) else None), ""

    def _why(self, raw: Any, reason: str) -> str:
        assert self.data is not None  # noqa: S101 (the reader of the schema made sure)
        if isinstance(raw, float) and raw.is_integer():
            raw = int(raw)  # a column has made 7.0 of a record's 7
        return f"= {shown(raw)} {reason if reason != NOT_VALID else f'is not {self.data.allowed}'}"

    def treat(self, column: Column, frame: Frame, refused: Flags | None = None) -> Column:
        """Outliers and missing values of a column of its type; ``refused`` ones are reported already."""
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
            frame.report(missing if refused is None else missing & ~refused, f"{self.name} is missing")
        elif self.missing_replacement is not None:
            return column.where(missing, constant(self.missing_replacement, column.data_type, frame.n))
        return column

    def _treat_invalid(
        self, column: Column, invalid: Flags, reasons: Mapping[int, str], raw: Any, frame: Frame
    ) -> tuple[Column, Flags | None]:
        if self.invalid_treatment == "asMissing":
            return _blank(column, invalid), None
        if self.invalid_treatment == "asValue" and self.invalid_replacement is not None:
            return column.where(invalid, constant(self.invalid_replacement, column.data_type, frame.n)), None
        if self.invalid_treatment == "asIs":
            invalid = np.zeros(frame.n, bool)
            invalid[list(reasons)] = True
        for row in np.flatnonzero(invalid).tolist():
            frame.report_one(row, f"{self.name} {self._why(raw[row], reasons.get(row, NOT_VALID))}")
        return _blank(column, invalid), invalid


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
