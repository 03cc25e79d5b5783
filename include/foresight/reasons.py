"""Why a document does not fit its form, in our own words: what is wrong, and what is allowed."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel

MAX_SHOWN = 80
"""A value is shown up to that many characters."""
MAX_LISTED = 30
"""Most allowed keys that a reason lists."""

_KINDS = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "dict": "a mapping of keys",
    "model": "a mapping of keys",
    "list": "a list",
    "tuple": "a list",
}
_MEMBER = re.compile(r"<\w+(?:\.\w+)*: ('[^']*')>")
_VALUE = r"\1"
"""A member of an enumeration is shown by its value."""
_LIMITS = {
    "greater_than": ("gt", "above"),
    "greater_than_equal": ("ge", "at least"),
    "less_than": ("lt", "below"),
    "less_than_equal": ("le", "at most"),
    "multiple_of": ("multiple_of", "a multiple of"),
}


def reason_of(error: Mapping[str, Any], model: type[BaseModel]) -> str:
    """The reason for one error that a model reports about a document."""
    kind, given, context = error["type"], error.get("input"), error.get("ctx") or {}
    if kind == "missing":
        return "is needed"
    if kind == "extra_forbidden":
        return unknown_key(str(error["loc"][-1]), _keys_beside(model, error["loc"]))
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "literal_error":
        return f"{_expected(str(context['expected']))}, got {shown(given)}"
    if kind in _LIMITS:
        name, word = _LIMITS[kind]
        return f"must be {word} {context[name]:g}, got {shown(given)}"
    return f"{_of_kind(kind, context)}, got {shown(given)}{_quoting(kind, given)}"


def unknown_key(key: str, known: Collection[str]) -> str:
    """Why a key is refused, with the one that may be meant, or with all that are allowed."""
    if meant := similar(key, known):
        return f"there is no such key; did you mean {meant}?"
    listed = sorted(known)
    if not listed:
        return "there is no such key"
    if len(listed) == 1:
        return f"there is no such key; there is only {listed[0]}"
    more = ", …" if len(listed) > MAX_LISTED else ""
    return f"there is no such key; there are {', '.join(listed[:MAX_LISTED])}{more}"


def no_such(what: str, name: str, known: Collection[str], has: str = "there are") -> str:
    """Why a name leads nowhere, and the one that may be meant, or, behind ``has``, those that there are."""
    meant = similar(name, known)
    if meant is not None:
        return f"{what} {shown(name)}; did you mean {meant}?"
    listed = sorted(known)
    more = f" and {len(listed) - MAX_LISTED} more" if len(listed) > MAX_LISTED else ""
    return f"{what} {shown(name)}; {has} {', '.join(listed[:MAX_LISTED]) or 'none'}{more}"


def similar(name: str, known: Collection[str]) -> str | None:
    """The known name that is most like one that is not known; None where none is."""
    if len(name) > MAX_SHOWN:
        return None
    by_plain = {_plain(each): each for each in known}
    if (same := by_plain.get(_plain(name))) is not None:
        return same
    found = difflib.get_close_matches(name, known, n=1)
    return found[0] if found else None


def shown(value: Any) -> str:
    """A value for a message: short, and a mapping or list by its kind only."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}…"


def _plain(name: str) -> str:
    return name.replace("-", "").replace("_", "").lower()


def _expected(choices: str) -> str:
    return f"must be {_MEMBER.sub(_VALUE, choices)}"


def _of_kind(kind: str, context: Mapping[str, Any]) -> str:
    stem = kind.split("_")[0]
    if kind in {"string_too_long", "too_long"}:
        what = "characters" if stem == "string" else "items"
        return f"at most {context['max_length']} {what} are allowed"
    if kind in {"string_too_short", "too_short"}:
        what = "characters" if stem == "string" else "items"
        return f"at least {context['min_length']} {what} are needed"
    if kind == "string_pattern_mismatch":
        return f"must match {context['pattern']}"
    if kind == "finite_number":
        return "a finite number is needed"
    if kind == "none_required":
        return "nothing is allowed here"
    if kind == "int_from_float":
        return "a whole number is needed"
    if stem == "string" and kind != "string_type":
        return "text is needed"
    return f"{_KINDS.get(stem, 'another value')} is needed"


def _quoting(kind: str, given: Any) -> str:
    is_plain = given is not None and not isinstance(given, dict | list)
    return ": quote it" if kind == "string_type" and is_plain else ""


def _keys_beside(model: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """The keys that are allowed at the last step of a location."""
    schema = _schema(model)
    places = [schema]
    for step in location[:-1]:
        following = [inner for place in places for inner in _inside(place, step, schema)]
        places = following or places  # a step that only names a choice of a union
    return sorted({key for place in places for key in place.get("properties", {})})


def _inside(place: Mapping[str, Any], step: str | int, root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    if isinstance(step, int):
        found = [place.get("items"), *place.get("prefixItems", [])]
    else:
        found = [place.get("properties", {}).get(step) or place.get("additionalProperties")]
    return [option for each in found if isinstance(each, dict) for option in _options(each, root)]


def _options(place: Mapping[str, Any], root: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """A part of a schema with its references followed and its choices spread."""
    if "$ref" in place:
        return _options(root["$defs"][place["$ref"].rpartition("/")[2]], root)
    choices = [*place.get("anyOf", []), *place.get("oneOf", []), *place.get("allOf", [])]
    return [option for choice in choices for option in _options(choice, root)] or [place]


@lru_cache(maxsize=64)
def _schema(model: type[BaseModel]) -> Mapping[str, Any]:
    schema = model.model_json_schema(by_alias=True)
    [top] = _options(schema, schema)
    return {**top, "$defs": schema.get("$defs", {})}
