"""How selections are spelled in PromQL."""

from __future__ import annotations

import re
from typing import Literal

from foresight.grid import STEP_SECONDS
from foresight.series import escape
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.source import Selection

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
Spelling = Literal["quoted", "escaped"]
"""How a server wants label names beyond letters, digits and underscores: Prometheus 3 in quotes,
VictoriaMetrics with backslashes."""

_ESCAPED = re.compile(r"^(?=[0-9])|(?=[^a-zA-Z0-9_:])")
_META = str.maketrans({character: f"\\{character}" for character in r"\.+*?()|[]{}^$"})


def is_classic(entry: WatchedMetric, narrowed: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> bool:
    """Whether the selector of an entry has only label names that every server can parse."""
    return all(_NAME.fullmatch(label) for label in (*entry.matchers, *(label for label, _ in narrowed)))


def selector(
    entry: WatchedMetric,
    narrowed: tuple[tuple[str, tuple[str, ...]], ...] = (),
    spelling: Spelling = "quoted",
) -> str:
    """The instant vector selector of an entry that names a metric, narrowed to some label values."""
    assert entry.metric is not None  # noqa: S101 - callers hold an entry without a query
    conditions = [f'__name__="{escape(entry.metric)}"']
    conditions += [
        f'{_label(matcher.label, spelling)}{matcher.op}"{escape(matcher.value)}"'
        for matcher in entry.conditions
    ]
    conditions += [_one_of(_label(label, spelling), values) for label, values in narrowed]
    return f"{{{','.join(conditions)}}}"


def samples_of(
    selection: Selection, step_seconds: int, *, closed: bool, spelling: Spelling = "quoted"
) -> str:
    """The expression whose value at the end of a slot is the sample of that slot.

    For a metric that is the mean of the slot; a query is taken unchanged.
    """
    if selection.entry.query is not None:
        return selection.entry.query
    of = selector(selection.entry, selection.narrowed, spelling)
    return f"avg_over_time({of}[{_range(step_seconds, closed=closed)}])"


def anything_within(
    entry: WatchedMetric,
    window_seconds: int,
    *,
    closed: bool,
    spelling: Spelling = "quoted",
    is_scalar: bool = False,
) -> str:
    """The expression that answers, at the end of the window, with every series that holds anything in it.

    ``is_scalar`` says that the query of the entry is a scalar, which has no subqueries but as a vector.
    """
    within = _range(window_seconds, closed=closed)
    if entry.query is not None:
        # On a line of its own, the bracket closes behind a comment too.
        query = f"vector({entry.query}\n)" if is_scalar else entry.query
        return f"last_over_time(({query}\n)[{within}:{STEP_SECONDS}s])"
    return f"last_over_time({selector(entry, (), spelling)}[{within}])"


def _range(seconds: int, *, closed: bool) -> str:
    """A range that holds ``(t - seconds, t]``.

    Prometheus before 3 includes both ends of a range: a sample on the border of two slots would count in
    both. Its clock has milliseconds, so one less leaves the earlier border out and loses nothing else.
    """
    return f"{seconds * 1000 - 1}ms" if closed else f"{seconds}s"


def _one_of(label: str, values: tuple[str, ...]) -> str:
    if len(values) == 1:
        return f'{label}="{escape(values[0])}"'
    alternatives = "|".join(value.translate(_META) for value in values)
    return f'{label}=~"{escape(alternatives)}"'


def _label(name: str, spelling: Spelling) -> str:
    """A label name as the server can parse it."""
    if _NAME.fullmatch(name):
        return name
    return f'"{escape(name)}"' if spelling == "quoted" else _ESCAPED.sub(r"\\", name)
