"""How selections are spelled in PromQL."""

from __future__ import annotations

import re

from foresight.series import escape
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.source import Selection

_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_META = str.maketrans({character: f"\\{character}" for character in r"\.+*?()|[]{}^$"})


def selector(entry: WatchedMetric, narrowed: tuple[tuple[str, tuple[str, ...]], ...] = ()) -> str:
    """The instant vector selector of an entry that names a metric, narrowed to some label values."""
    assert entry.metric is not None  # noqa: S101 - callers hold an entry without a query
    conditions = [f'__name__="{escape(entry.metric)}"']
    conditions += [
        f'{_label(label)}{matcher.operator}"{escape(matcher.value)}"'
        for label, matcher in entry.matchers.items()
    ]
    conditions += [_one_of(label, values) for label, values in narrowed]
    return f"{{{','.join(conditions)}}}"


def samples_of(selection: Selection, step_seconds: int, *, closed: bool) -> str:
    """The expression whose value at the end of a slot is the sample of that slot.

    For a metric that is the mean of the slot; a query is taken as it stands.
    """
    if selection.entry.query is not None:
        return selection.entry.query
    of = selector(selection.entry, selection.narrowed)
    return f"avg_over_time({of}[{_range(step_seconds, closed=closed)}])"


def anything_within(entry: WatchedMetric, window_seconds: int, *, closed: bool) -> str:
    """The expression that answers, at the end of the window, with every series that holds anything in it."""
    within = _range(window_seconds, closed=closed)
    if entry.query is not None:
        # On a line of its own, the bracket closes behind a comment too.
        return f"last_over_time(({entry.query}\n)[{within}:{entry.step_seconds}s])"
    return f"last_over_time({selector(entry)}[{within}])"


def _range(seconds: int, *, closed: bool) -> str:
    """A range that holds ``(t - seconds, t]``.

    Prometheus before 3 includes both ends of a range: a sample on the border of two slots would count in
    both. Its clock has milliseconds, so one less leaves the earlier border out and loses nothing else.
    """
    return f"{seconds * 1000 - 1}ms" if closed else f"{seconds}s"


def _one_of(label: str, values: tuple[str, ...]) -> str:
    if len(values) == 1:
        return f'{_label(label)}="{escape(values[0])}"'
    alternatives = "|".join(value.translate(_META) for value in values)
    return f'{_label(label)}=~"{escape(alternatives)}"'


def _label(name: str) -> str:
    """A label name; those beyond letters, digits and underscores are quoted, as Prometheus 3 wants them."""
    return name if _NAME.fullmatch(name) else f'"{escape(name)}"'
