"""The PromQL expressions that definitions bring, each to be read from the source as a series of its own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from foresight.sla.definitions import Sla, Sli
from foresight.sla.matching import slis_of
from foresight.sla.ratios import DEFAULT_RATE_WINDOW, Expression


@dataclass(frozen=True, slots=True)
class WatchedExpression:
    """An expression, and the metric name that its stored series carry."""

    name: str
    query: str


def watched_expressions(slas: Iterable[Sla]) -> list[WatchedExpression]:
    """The expressions of all SLIs, by name, each once."""
    found = {
        part.series_metric(seconds): part.filled(seconds)
        for sli in slis_of(list(slas))
        for part, seconds in _parts(sli)
    }
    return [WatchedExpression(name, query) for name, query in sorted(found.items())]


def parts_of(sli: Sli) -> list[str]:
    """The metric names that the stored series of an SLI's expressions carry."""
    return [part.series_metric(seconds) for part, seconds in _parts(sli)]


def _parts(sli: Sli) -> Iterator[tuple[Expression, int]]:
    if sli.expression is not None:
        yield sli.expression, DEFAULT_RATE_WINDOW
    elif sli.ratio is not None:
        for part in sli.ratio.parts.values():
            yield part, sli.ratio.rate_window_seconds
