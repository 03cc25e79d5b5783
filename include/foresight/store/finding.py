"""Finding stored series by their labels, as PromQL does."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import orjson
from sqlalchemy import Connection, select

from foresight.errors import FinalError
from foresight.series import SeriesKey
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import series
from foresight.store.windows import chunks

Operator = Literal["=", "!=", "=~", "!~"]
Matcher = tuple[str, Operator, str]
"""Label, operator, value, as in PromQL."""

Test = Callable[[Mapping[str, str]], bool]


@dataclass(frozen=True, slots=True)
class StoredSeries:
    """One series as stored; first and last seen in epoch seconds, None while it has no value."""

    key: SeriesKey
    partition_name: str
    first_seen: int | None
    last_seen: int | None


def find_series(
    connection: Connection, metric: str, matchers: Iterable[Matcher] = (), limit: int | None = None
) -> list[StoredSeries]:
    """The stored series of a metric whose labels match, sorted by identity, at most ``limit`` of them.

    As in PromQL a label that is absent is the empty string, and an expression has to match all of the value.

    Raises:
        FinalError: a matcher holds no regular expression or an operator that PromQL does not have.
    """
    tests = [_test(matcher) for matcher in matchers]
    (ids,) = read_columns(connection, select(series.c.series_id).where(series.c.metric == metric))
    query = select(
        series.c.labels,
        series.c.partition_name,
        epoch(series.c.first_seen).label("first_seen"),
        epoch(series.c.last_seen).label("last_seen"),
    )
    found = []
    for chunk in chunks(np.array(ids, dtype=np.int64)):
        columns = read_columns(connection, query.where(series.c.series_id.in_(chunk)))
        for text, *others in zip(*columns, strict=True):
            labels = orjson.loads(text)
            if all(test(labels) for test in tests):
                found.append(StoredSeries(SeriesKey.of(metric, labels), *others))
    return sorted(found, key=lambda one: one.key)[:limit]


def _test(matcher: Matcher) -> Test:
    label, operator, value = matcher
    if operator in {"=", "!="}:
        return lambda labels: (labels.get(label, "") == value) == (operator == "=")
    if operator not in {"=~", "!~"}:
        raise FinalError(f"{label}{operator}{value!r}: a matcher is one of =, !=, =~, !~")
    try:
        pattern = re.compile(value, re.DOTALL)
    except re.error as error:
        raise FinalError(f"{label}{operator}{value!r} is no regular expression: {error}") from error
    return lambda labels: (pattern.fullmatch(labels.get(label, "")) is not None) == (operator == "=~")
