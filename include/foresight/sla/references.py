"""Names, metrics and windows as they stand in documents: what can only be judged across all of them.

They are read from the raw data, so that a mistake in one place does not hide those in others.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from foresight.documents import Document, Location
from foresight.durations import duration_seconds, duration_text
from foresight.errors import Mistake
from foresight.grid import STEP_SECONDS
from foresight.reasons import similar
from foresight.sla import rules

MAX_SUGGESTIONS = 20
"""Looking for a similar name is a walk over all known ones; later mistakes go without."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What definitions must fit: known metrics (None: any), the step, the longest window, stored targets."""

    known_metrics: Collection[str] | None = None
    step_seconds: int = STEP_SECONDS
    longest_minutes: int = rules.DEFAULT_LONGEST_WINDOW
    known_targets: Collection[str] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """A text at a place in a document; ``scope`` is what an SLI's name must be unique in."""

    kind: Literal["sla", "sli", "metric", "window", "target", "alert-target"]
    document: Document
    location: Location
    text: str
    scope: str = ""

    def mistake(self, reason: str) -> Mistake:
        """A mistake at this place."""
        return self.document.mistake(self.location, reason)


def short_form_references(document: Document) -> Iterator[Reference]:
    """Every name, metric and window in a document of the short form, however broken the rest of it is."""
    for at, sla in _mappings(document.data, "slas"):
        place = ("slas", at)
        scope = f"{document.file}:{document.line(place)}:{at}"
        yield from _texts(document, place, sla, "name", "sla")
        yield from _windows(document, place, sla)
        for index, sli in _mappings(sla, "slis"):
            inner = (*place, "slis", index)
            yield from _texts(document, inner, sli, "name", "sli", scope)
            yield from _texts(document, inner, sli, "metric", "metric")
            yield from _windows(document, inner, sli)
            yield from _alert_targets(document, inner, sli)
    for at, target in _mappings(document.data, "targets"):
        yield from _texts(document, ("targets", at), target, "name", "target")


def mistakes_across(references: Iterable[Reference], limits: Limits) -> list[Mistake]:
    """Names given twice, metrics that nothing provides, windows that no run can fill."""
    found: list[Mistake] = []
    first: dict[tuple[str, str, str], Reference] = {}
    for reference in references:
        if reference.kind in {"sla", "sli", "target"}:
            before = first.setdefault((reference.kind, reference.scope, reference.text), reference)
            reason = None if before is reference else _twice(before)
        elif reference.kind == "metric":
            reason = unknown_metric(
                reference.text, limits.known_metrics, suggest=len(found) < MAX_SUGGESTIONS
            )
        else:
            reason = _bad_window(reference.text, limits) if reference.kind == "window" else None
        if reason:
            found.append(reference.mistake(reason))
    return found


def window_mistake(seconds: int, limits: Limits) -> str | None:
    """Why a run cannot fill this window."""
    if seconds % limits.step_seconds or seconds % 60:
        return f"a window must be a multiple of the step of {limits.step_seconds} s, got {seconds} s"
    if seconds > limits.longest_minutes * 60:
        held, asked = duration_text(limits.longest_minutes), duration_text(seconds // 60)
        return f"a window is at most {held} long, got {asked}"
    return None


def _bad_window(text: str, limits: Limits) -> str | None:
    try:
        return window_mistake(duration_seconds(text), limits)
    except ValueError:
        return None  # the form says that it is no duration


def _twice(before: Reference) -> str:
    what = {"sla": "SLA", "sli": "SLI of this SLA"}.get(before.kind, "target")
    place = f"{before.document.file}:{before.document.line(before.location)}"
    return f"another {what} is named {before.text!r} too, at {place}"


def unknown_metric(metric: str, known: Collection[str] | None, *, suggest: bool) -> str | None:
    if known is None or metric in known:
        return None
    near = similar(metric, known) if suggest else None
    hint = f"; did you mean {near}?" if near else ""
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
    kind: Literal["sla", "sli", "metric", "target"],
    scope: str = "",
) -> Iterator[Reference]:
    if isinstance(text := owner.get(field), str):
        yield Reference(kind, document, (*place, field), text, scope)


def _windows(document: Document, place: tuple[str | int, ...], owner: dict[str, Any]) -> Iterator[Reference]:
    windows = owner.get("windows")
    for at, text in enumerate(windows if isinstance(windows, list) else []):
        if isinstance(text, str):
            yield Reference("window", document, (*place, "windows", at), text)


def _alert_targets(
    document: Document, place: tuple[str | int, ...], sli: dict[str, Any]
) -> Iterator[Reference]:
    for at, alert in _mappings(sli, "alerts"):
        names = alert.get("targets")
        for number, name in enumerate(names if isinstance(names, list) else []):
            if isinstance(name, str):
                yield Reference("alert-target", document, (*place, "alerts", at, "targets", number), name)
