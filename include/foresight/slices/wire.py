"""From the bytes of a Kafka message to events: JSON as gateways really send it, within fixed bounds.

A message is an event, or a list of events; each may be wrapped once more as a JSON string, and may come
without its outer ``event``. Nesting is bounded by the interpreter, size by ``MAX_BYTES``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from foresight.slices.measurements import Reason

MAX_BYTES: Final = 4 * 1024 * 1024
"""Four times what a broker accepts by default; a larger message is refused unread."""

_EXCERPT: Final = 120
Json = dict[str, Any]


class Doubled:
    """The value of a field that was given twice: of no type that any reader takes."""

    def __repr__(self) -> str:
        return "given twice"


class Unreadable(ValueError):
    """A message or a part of it that is no event; it never leaves this room."""

    def __init__(self, reason: Reason, path: str, found: object) -> None:
        super().__init__(f"{reason}: {path}")
        self.reason, self.path, self.found = reason, path, found


def excerpt(found: object) -> str:
    """What was found, short and printable: text of any sender ends up in logs and tables."""
    if isinstance(found, dict | list):
        return f"{type(found).__name__} of {len(found)}"
    text = found if isinstance(found, str) else repr(found)
    return ascii(text[:_EXCERPT])[1:-1][:_EXCERPT]


def events(message: bytes | None) -> Iterator[tuple[str, Json] | Unreadable]:
    """Each event of a message with its path in it, or why that part is none."""
    if not message:
        yield Unreadable(Reason.EMPTY_MESSAGE, "", message)
        return
    if len(message) > MAX_BYTES:
        yield Unreadable(Reason.TOO_LARGE, "", f"{len(message)} bytes, at most {MAX_BYTES}")
        return
    try:
        document = _unwrapped(_decoded(message), "")
    except Unreadable as error:
        yield error
        return
    if not isinstance(document, list):
        yield _event(document, "")
    elif not document:
        yield Unreadable(Reason.NOT_AN_EVENT, "", document)
    else:
        yield from (_event(item, f"[{i}]") for i, item in enumerate(document))


def _event(item: object, path: str) -> tuple[str, Json] | Unreadable:
    try:
        found = _unwrapped(item, path)
    except Unreadable as error:
        return error
    if isinstance(found, dict) and isinstance(found.get("event"), dict):
        return f"{path}.event", found["event"]
    if isinstance(found, dict) and "perf3gppFields" in found:
        return path, found
    return Unreadable(Reason.NOT_AN_EVENT, path, found)


def _unwrapped(item: object, path: str) -> object:
    return _parsed(item, path) if isinstance(item, str) else item


def _decoded(message: bytes) -> str:
    try:
        return message.decode(json.detect_encoding(message)).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise Unreadable(Reason.NOT_JSON, "", str(error)) from error


def _parsed(text: str, path: str) -> object:
    try:
        # NaN and Infinity become their names: the one value is bad then, not all of the message.
        return json.loads(text, object_pairs_hook=_with_marks, parse_constant=str)
    except (ValueError, RecursionError) as error:
        raise Unreadable(Reason.NOT_JSON, path, str(error)) from error


def _with_marks(pairs: list[tuple[str, Any]]) -> Json:
    """An object; a field given two values holds a mark: nobody knows which of them is meant."""
    found = dict(pairs)
    if len(found) != len(pairs):
        for name, value in pairs:
            if found[name] != value:
                found[name] = Doubled()
    return found
