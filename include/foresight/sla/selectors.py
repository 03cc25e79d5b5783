"""Instant-vector selectors of PromQL: ``metric{label="value",…}``, and nothing around them."""

from __future__ import annotations

import re

from foresight.matchers import MAX_VALUE, Matcher, Operator
from foresight.sla import promql
from foresight.sla.rules import MAX_MATCHERS

_SELECTOR = re.compile(
    r"\s*(?P<metric>[a-zA-Z_:][a-zA-Z0-9_:]*)?\s*(?:\{(?P<inner>.*)\})?\s*", re.DOTALL | re.ASCII
)

MAX_SELECTOR = MAX_VALUE * MAX_MATCHERS


def parse_selector(text: str) -> tuple[str, tuple[Matcher, ...]]:
    """The metric and the matchers of a selector; raises ``ValueError`` for any other expression."""
    found = _parts(text)
    if found is None:
        raise ValueError(
            "only a metric with label matchers is understood here, "
            f'such as up{{job="host"}}, got {text[:80]!r}'
        )
    metric, matchers = "", []
    for label, op, value in found:
        if label != promql.NAME_LABEL:
            matchers.append(Matcher(label, op, value))
        elif metric or op != "=":
            raise ValueError("one metric is needed, given once and in full")
        else:
            metric = value
    if not metric:
        raise ValueError("the selector names no metric")
    return metric, tuple(matchers)


def is_selector(text: str) -> bool:
    """Whether a text has the form of a selector, and not of a larger expression."""
    return _parts(text) is not None


def _parts(text: str) -> list[tuple[str, Operator, str]] | None:
    """Label, operator and value of each matcher, the metric as ``__name__``; None for another expression."""
    match = _SELECTOR.fullmatch(text) if len(text) <= MAX_SELECTOR else None
    if match is None or (match["metric"] is None and match["inner"] is None):
        return None
    inner = promql.matchers(match["inner"] or "")
    if inner is None:
        return None
    return [(promql.NAME_LABEL, "=", match["metric"]), *inner] if match["metric"] else inner
