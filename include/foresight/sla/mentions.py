"""Names, metrics and windows as they stand in documents: what can only be judged across all of them.

They are read from the raw data, so that a mistake in one place does not hide those in others.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from foresight.documents import Document, Location
from foresight.errors import Mistake
from foresight.sla import definitions as rules
from foresight.sla.durations import duration_seconds, duration_text

MAX_SUGGESTIONS = 20
"""Looking for a similar name is a walk over all known ones; later mistakes go without."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What definitions must fit: known metrics (None: any), the step, and the longest window of a run."""

    known_metrics: Collection[str] | None = None
    step_seconds: int = 60
    longest_minutes: int = rules.DEFAULT_LONGEST_WINDOW


@dataclass(frozen=True, slots=True)
class Mention:
    """A text at a place in a document; ``scope`` is what an SLI's name must be unique in."""

    kind: Literal["sla", "sli", "metric", "window"]
    document: Document
    location: Location
    text: str
    scope: str = ""

    def mistake(self, reason: str) -> Mistake:
        """A mistake at this place."""
        return self.document.mistake(self.location, reason)


def short_form_mentions(document: Document) -> Iterator[Mention]:
    """Everything that a document of the short form mentions, however broken the rest of it is."""
    for at, sla in _mappings(document.data, "slas"):
        place = ("slas", at)
        scope = f"{document.file}:{document.line(place)}"
        yield from _texts(document, place, sla, "name", "sla")
        yield from _windows(document, place, sla)
        for index, sli in _mappings(sla, "slis"):
            inner = (*place, "slis", index)
            yield from _texts(document, inner, sli, "name", "sli", scope)
            yield from _texts(document, inner, sli, "metric", "metric")
            yield from _windows(document, inner, sli)


def mistakes_across(mentions: Iterable[Mention], limits: Limits) -> list[Mistake]:
    """Names given twice, metrics that nothing provides, windows that no run can fill."""
    found: list[Mistake] = []
    first: dict[tuple[str, str, str], Mention] = {}
    for mention in mentions:
        if mention.kind in {"sla", "sli"}:
            before = first.setdefault((mention.kind, mention.scope, mention.text), mention)
            reason = None if before is mention else _twice(before)
        elif mention.kind == "metric":
            reason = _unknown(mention.text, limits.known_metrics, suggest=len(found) < MAX_SUGGESTIONS)
        else:
            reason = _bad_window(mention.text, limits)
        if reason:
            found.append(mention.mistake(reason))
    return found


def window_mistake(seconds: int, limits: Limits) -> str | None:
    """Why a run cannot fill this window."""
    if seconds % limits.step_seconds or seconds % 60:
        return f"a window must be a multiple of the step of {limits.step_seconds} s, got {seconds} s"
    if seconds > limits.longest_minutes * 60:
        held, asked = duration_text(limits.longest_minutes), duration_text(seconds // 60)
        return f"a run holds {held} of samples, the window is {asked}"
    return None


def _bad_window(text: str, limits: Limits) -> str | None:
    try:
        return window_mistake(duration_seconds(text), limits)
    except ValueError:
        return None  # the form says that it is no duration


def _twice(before: Mention) -> str:
    what = "SLA" if before.kind == "sla" else "SLI of this SLA"
    place = f"{before.document.file}:{before.document.line(before.location)}"
    return f"another {what} is named {before.text!r} too, at {place}"


def _unknown(metric: str, known: Collection[str] | None, *, suggest: bool) -> str | None:
    if known is None or metric in known:
        return None
    similar = difflib.get_close_matches(metric, known, n=1) if suggest else []
    hint = f"; did you mean {similar[0]}?" if similar else ""
    return f"no watched metric is called {metric[: rules.MAX_NAME]!r}{hint}"


def _mappings(parent: Any, field: str) -> Iterator[tuple[int, dict[str, Any]]]:
    items = parent.get(field) if isinstance(parent, dict) else None
    for at, item in enumerate(items if isinstance(items, list) else []):
        if isinstance(item, dict):
            yield at, item


def _texts(
    document: Document,
    place: tuple[str | int, ...],
    owner: dict[str, Any],
    field: str,
    kind: Literal["sla", "sli", "metric"],
    scope: str = "",
) -> Iterator[Mention]:
    if isinstance(text := owner.get(field), str):
        yield Mention(kind, document, (*place, field), text, scope)


def _windows(document: Document, place: tuple[str | int, ...], owner: dict[str, Any]) -> Iterator[Mention]:
    windows = owner.get("windows")
    for at, text in enumerate(windows if isinstance(windows, list) else []):
        if isinstance(text, str):
            yield Mention("window", document, (*place, "windows", at), text)
