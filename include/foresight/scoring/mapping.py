"""Which field of a record feeds which field of a model, and what is wrong with a record before scoring.

A mapping is a list of ``{model_field, tuple_field, is_mandatory, default}``, or that list as JSON text.
Fields of the model that it does not name are fed by the field of the same name; fields of the record that
it does not name pass through untouched. ``{"model_field": "__array__", "tuple_field": f}`` feeds all inputs,
in the order of the signature, from the list in ``f``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from foresight.scoring.errors import InvalidMapping
from foresight.scoring.model import InputField, Signature
from foresight.scoring.plain_values import from_text, kind_of, shown, typed

ARRAY = "__array__"
__all__ = ["ARRAY", "Feed", "FieldMapping", "allowed", "check_value", "from_text", "read_mapping"]


class MappingEntry(BaseModel):
    """One line of a mapping as a person writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, protected_namespaces=())

    model_field: str
    tuple_field: str
    is_mandatory: bool | None = None
    default: Any = None


@dataclass(frozen=True, slots=True)
class Feed:
    """One input of the model: where its value comes from and what it must be."""

    source: str
    target: InputField
    is_mandatory: bool
    default: Any = None
    name: str = ""

    def __post_init__(self) -> None:
        same = self.source == self.target.name
        object.__setattr__(self, "name", self.source if same else f"{self.source} ({self.target.name})")


@dataclass(frozen=True, slots=True)
class FieldMapping:
    """A mapping, checked against the signature of a model.

    ``reads_text`` says that the source knows only text (CSV): then a text that spells a number is one, and
    an empty one is missing.
    """

    feeds: tuple[Feed, ...]
    array_field: str | None = None
    reads_text: bool = False

    def values(self, record: Any) -> tuple[list[Any], list[str]]:
        """The value of each input (None for a missing one), and everything that is wrong, by field."""
        if not isinstance(record, Mapping):
            return [], [f"the record is {kind_of(record)}, not an object"]
        found, wrong = self._raw(record)
        if wrong:
            return [], wrong
        values: list[Any] = []
        for place, (feed, raw) in enumerate(zip(self.feeds, found, strict=True)):
            value, reason = self._one(feed, raw)
            values.append(value)
            if reason:
                name = (
                    feed.name
                    if self.array_field is None
                    else f"{self.array_field}[{place}] ({feed.target.name})"
                )
                wrong.append(f"{name} {reason}")
        return values, wrong

    def _raw(self, record: Mapping[str, Any]) -> tuple[list[Any], list[str]]:
        if self.array_field is None:
            return [record.get(feed.source) for feed in self.feeds], []
        given = record.get(self.array_field)
        if given is None:
            return [], [f"{self.array_field} is missing"]
        if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
            return [], [f"{self.array_field} is {kind_of(given)}, not a list of {len(self.feeds)} values"]
        if len(given) != len(self.feeds):
            return [], [f"{self.array_field} holds {len(given)} values, not {len(self.feeds)}"]
        return list(given), []

    def _one(self, feed: Feed, raw: Any) -> tuple[Any, str]:
        if self.reads_text and isinstance(raw, str):
            raw = from_text(raw, feed.target.data_type)
        value, reason = (None, "") if raw is None else check_value(raw, feed.target)
        if value is not None or reason:
            return value, reason
        if feed.default is not None:
            return feed.default, ""
        if feed.is_mandatory and raw is not None:
            return None, f"= {shown(raw)} is not a finite number"
        return None, "is missing" if feed.is_mandatory or not feed.target.allows_missing else ""


def check_value(raw: Any, target: InputField) -> tuple[Any, str]:
    """A value as the model wants it, None for a missing one, or the reason why it cannot be; never both."""
    checked = target.check(raw)
    if checked is not None:
        return checked
    value, reason = typed(raw, target.data_type)
    if reason:
        return None, f"= {shown(raw)} {reason}"
    if value is None or (not target.values and not target.bounds) or value in target.values:
        return value, ""
    if not isinstance(value, str) and any(bounds.hold(value) for bounds in target.bounds):
        return value, ""
    return None, f"= {shown(raw)} is not {allowed(target)}"


def allowed(target: InputField) -> str:
    """The values that a field may have, in words."""
    parts = [f"one of {', '.join(map(str, target.values[:8]))}{', …' * (len(target.values) > 8)}"] * bool(
        target.values
    )
    parts += [
        f"in {'(' if b.low_open else '['}{b.low:g}, {b.high:g}{')' if b.high_open else ']'}"
        for b in target.bounds
    ]
    return " or ".join(parts)


def read_mapping(
    given: str | Sequence[Mapping[str, Any]] | None, signature: Signature, *, reads_text: bool = False
) -> FieldMapping:
    """A mapping from a list or JSON text, None for equal names; ``InvalidMapping`` holds every mistake."""
    entries = _entries(given)
    inputs = {target.name: target for target in signature.inputs}
    arrays = [entry for entry in entries if entry.model_field == ARRAY]
    if arrays:
        if len(entries) > 1:
            raise InvalidMapping(f"{ARRAY} stands for all fields, so it must be the only entry")
        feeds = tuple(Feed(name, target, target.is_mandatory) for name, target in inputs.items())
        return FieldMapping(feeds, arrays[0].tuple_field, reads_text)
    by_model: dict[str, MappingEntry] = {}
    mistakes = []
    for place, entry in enumerate(entries):
        if entry.model_field not in inputs:
            known = ", ".join(inputs)
            mistakes.append(f"entry {place + 1}: the model has no field {entry.model_field!r}, only {known}")
        if entry.model_field in by_model:
            mistakes.append(f"entry {place + 1}: {entry.model_field!r} is mapped twice")
        by_model[entry.model_field] = entry
    feeds_found = []
    for name, target in inputs.items():
        entry = by_model.get(name) or MappingEntry(model_field=name, tuple_field=name)
        mandatory = target.is_mandatory if entry.is_mandatory is None else entry.is_mandatory
        default = entry.default
        if default is not None:
            default, reason = check_value(default, target)
            if reason:
                mistakes.append(f"default of {name} {reason}")
        feeds_found.append(Feed(entry.tuple_field, target, mandatory, default))
    if mistakes:
        raise InvalidMapping("; ".join(mistakes))
    return FieldMapping(tuple(feeds_found), None, reads_text)


def _entries(given: str | Sequence[Mapping[str, Any]] | None) -> list[MappingEntry]:
    if given is None:
        return []
    if isinstance(given, str):
        try:
            given = json.loads(given)
        except (ValueError, RecursionError) as error:
            raise InvalidMapping(f"the field mapping is not JSON: {error}") from error
    try:
        return TypeAdapter(list[MappingEntry]).validate_python(given)
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, e['loc'])) or 'mapping'}: {e['msg']}" for e in error.errors()]
        raise InvalidMapping("; ".join(wrong)) from error
