"""Instant-vector selectors of PromQL: ``metric{label="value",…}``, and nothing around them."""

from __future__ import annotations

import re

from foresight.sla.definitions import MAX_MATCHERS, MAX_VALUE, Matcher, Operator

_SELECTOR = re.compile(
    r"\s*(?P<metric>[a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(?P<inner>.*)\})?\s*", re.DOTALL | re.ASCII
)
_MATCHER = re.compile(
    r"""\s*(?P<label>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<op>=~|!~|!=|=)\s*"""
    r"""(?P<quote>["'])(?P<value>(?:\\.|(?!(?P=quote))[^\\\n])*)(?P=quote)\s*(?:,|\Z)""",
    re.ASCII,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}

MAX_SELECTOR = MAX_VALUE * MAX_MATCHERS


def parse_selector(text: str) -> tuple[str, tuple[Matcher, ...]]:
    """The metric and the matchers of a selector; raises ``ValueError`` for any other expression."""
    match = _SELECTOR.fullmatch(text) if len(text) <= MAX_SELECTOR else None
    found = _matchers(match["inner"] or "") if match else None
    if match is None or found is None:
        raise ValueError(
            'only a metric with label matchers is understood here, such as up{job="host"}: '
            f"give an expression a name in the catalogue and use that, got {text[:80]!r}"
        )
    metric = match["metric"] or ""
    matchers = []
    for label, op, value in found:
        if label != "__name__":
            matchers.append(Matcher(label, op, value))
        elif metric or op != "=":
            raise ValueError("one metric is needed, given once and in full")
        else:
            metric = value
    if not metric:
        raise ValueError("the selector names no metric")
    return metric, tuple(matchers)


def _matchers(inner: str) -> list[tuple[str, Operator, str]] | None:
    """Label, operator and value of each matcher; None where something else is found."""
    found, at = [], 0
    while inner[at:].strip():
        match = _MATCHER.match(inner, at)
        if match is None:
            return None
        value = _unescape(match["value"])
        if value is None:
            return None
        found.append((match["label"], _OPERATORS[match["op"]], value))
        at = match.end()
    return found


_OPERATORS: dict[str, Operator] = {"=": "=", "!=": "!=", "=~": "=~", "!~": "!~"}


def _unescape(text: str) -> str | None:
    """A quoted value as it is meant; None for an escape that is not understood."""
    if any(match[1] not in _ESCAPED for match in _ESCAPE.finditer(text)):
        return None
    return _ESCAPE.sub(lambda match: _ESCAPED[match[1]], text)
