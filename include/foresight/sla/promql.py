"""As much of PromQL as can be told without a server: quotes, brackets, and label matchers between braces.

Prometheus 3 also writes names beyond letters, digits and underscores:
``{"metric.name","label.name"="value"}``.
"""

from __future__ import annotations

import re

from foresight.matchers import Operator

NAME_LABEL = "__name__"

_TEXT = r"""(?:"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`[^`]*`)"""
_MATCHER = re.compile(
    rf"\s*(?:(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)|(?P<quoted>{_TEXT}))\s*"
    rf"(?:(?P<op>=~|!~|!=|=)\s*(?P<value>{_TEXT}))?\s*(?:,|\Z)",
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{3}|.)", re.DOTALL)
_ESCAPED = {
    "n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v",
    "\\": "\\", '"': '"', "'": "'",
}  # fmt: skip
_OPERATORS: dict[str, Operator] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}
_CLOSES = {")": "(", "]": "[", "}": "{"}


def matchers(inner: str) -> list[tuple[str, Operator, str]] | None:
    """Label, operator and value of each matcher between braces; a quoted name alone is the metric's.

    None where there is something else.
    """
    found: list[tuple[str, Operator, str]] = []
    at = 0
    while inner[at:].strip():
        part = _MATCHER.match(inner, at)
        item = _matcher(part) if part else None
        if part is None or item is None:
            return None
        found.append(item)
        at = part.end()
    return found


def mistake(query: str) -> str | None:
    """Why this can be no expression of an instant: a quote or bracket is open, braces hold no matchers, or
    it is a range."""
    inside, at = list[tuple[str, int]](), 0
    while at < len(query):
        character = query[at]
        if character in "\"'`":
            end = _closing_quote(query, at)
            if end is None:
                return f"a quote {character} is never closed"
            at = end
        elif character == "#":
            at = query.find("\n", at)
            if at < 0:
                break
        elif character in "([{":
            inside.append((character, at))
        elif character in _CLOSES:
            opened, start = inside.pop() if inside else ("", 0)
            if opened != _CLOSES[character]:
                return f"a bracket {character} closes nothing"
            if character == "}" and matchers(query[start + 1 : at]) is None:
                return f"these are no label matchers: {query[start : at + 1][:80]}"
        at += 1
    if inside:
        return f"a bracket {inside[-1][0]} is never closed"
    if query.rstrip().endswith("]"):
        return "a range alone has no value: put a function around it, such as rate(…)"
    return None


def _matcher(part: re.Match[str]) -> tuple[str, Operator, str] | None:
    label = part["label"] or _unquoted(part["quoted"])
    if part["op"] is None:
        return (NAME_LABEL, "=", label) if part["quoted"] and label else None
    value = _unquoted(part["value"])
    return None if label is None or value is None else (label, _OPERATORS[part["op"]], value)


def _unquoted(text: str) -> str | None:
    """A quoted text as it is meant; None for an escape that is not understood."""
    inner = text[1:-1]
    if text[0] == "`":
        return inner
    try:
        return _ESCAPE.sub(lambda match: _character(match[1]), inner)
    except (KeyError, ValueError, OverflowError):
        return None


def _character(escape: str) -> str:
    if escape[0] in "xuU" and len(escape) > 1:
        return chr(int(escape[1:], 16))
    return chr(int(escape, 8)) if escape.isdecimal() and len(escape) == 3 else _ESCAPED[escape]


def _closing_quote(query: str, start: int) -> int | None:
    at = start + 1
    while at < len(query):
        if query[at] == "\\" and query[start] != "`":
            at += 1
        elif query[at] == query[start]:
            return at
        at += 1
    return None
