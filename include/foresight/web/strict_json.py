"""JSON read strictly: what other readers take in silence is refused with its reason."""

from __future__ import annotations

import json
import re
from http import HTTPStatus
from typing import Any, Final

from foresight.web.errors import Problem

MAX_DEPTH: Final = 64
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""Tabs and line ends are text; other control characters and lone surrogates are not."""

_MAYBE_LARGE: Final = re.compile("[0-9.][eE]|[0-9]{300}")
"""Without an exponent and without that many digits no number is infinite."""
_TEXT: Final = re.compile('"[^"]*"')
_BRACKET: Final = re.compile(r"[\[\]{}]")


def loads(body: bytes) -> Any:
    """The document in a body.

    Raises ``Problem`` (400) for what is no UTF-8 or JSON, for NaN and infinities, keys given twice, control
    characters and lone surrogates, and for more than ``MAX_DEPTH`` levels.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise _bad(f"the body is not UTF-8: {error.reason} at byte {error.start}") from None
    is_plain = _is_plain(text)
    try:
        found = json.loads(
            text,
            object_pairs_hook=_pairs,
            parse_constant=_refuse,
            parse_float=None if is_plain else _number,
        )
    except json.JSONDecodeError as error:
        raise _bad(f"the body is not JSON: {error.msg} at line {error.lineno} column {error.colno}") from None
    except (ValueError, RecursionError) as error:
        raise _bad(f"the body is not JSON: {error}") from None
    if not is_plain:
        _check(found)
    return found


def _is_plain(text: str) -> bool:
    """Whether nothing that is looked for below can be in a text, told from its characters: so most are read
    at the pace of the parser."""
    if "\\" in text or _CONTROL.search(text):
        return False
    rest = _TEXT.sub("", text)
    depth = deepest = 0
    for bracket in _BRACKET.findall(rest):
        depth += 1 if bracket in "[{" else -1
        deepest = max(deepest, depth)
    return deepest < MAX_DEPTH and not _MAYBE_LARGE.search(rest)


def has_control(text: str) -> bool:
    """Whether a text holds a control character or a lone surrogate."""
    return _CONTROL.search(text) is not None


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice in one object")
    return found


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no number in JSON")


def _number(text: str) -> float:
    value = float(text)
    if value in {float("inf"), float("-inf")}:
        raise ValueError("a number is too large")
    return value


def _check(found: Any) -> None:
    """Refuses what is nested too deep and texts that hold no text, level by level."""
    level, depth = [found], 0
    while level:
        below: list[Any] = []
        for value in level:
            if isinstance(value, str):
                if has_control(value):
                    raise _bad("a text holds a control character or half a surrogate pair")
            elif isinstance(value, dict):
                below.extend(value)
                below.extend(value.values())
            elif isinstance(value, list):
                below.extend(value)
        level, depth = below, depth + 1
        if depth > MAX_DEPTH:
            raise _bad(f"the body is nested deeper than {MAX_DEPTH} levels")


def _bad(detail: str) -> Problem:
    return Problem(HTTPStatus.BAD_REQUEST, detail)
