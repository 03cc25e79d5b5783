"""Pyrra's ServiceLevelObjective in: an SLA with one SLI, both named as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from foresight.documents import Document
from foresight.durations import prometheus_milliseconds
from foresight.matchers import Matcher
from foresight.reasons import shown
from foresight.sla import rules
from foresight.sla.definitions import Budget, Notes, Sla, Sli
from foresight.sla.openslo import Read
from foresight.sla.parts import Part, notes_of
from foresight.sla.ratios import Expression, Ratio
from foresight.sla.references import Limits, Reference, window_mistake
from foresight.sla.selectors import parse_selector

GROUP: Final = "pyrra.dev/"
VERSION: Final = "pyrra.dev/v1alpha1"
KIND: Final = "ServiceLevelObjective"
KINDS: Final = ("ratio", "latency", "latencyNative", "bool_gauge")


_KEPT_BY_KUBERNETES: Final = (
    "creationTimestamp", "deletionTimestamp", "finalizers", "generateName", "generation", "managedFields",
    "ownerReferences", "resourceVersion", "selfLink", "uid",
)  # fmt: skip
_OFFSET: Final = re.compile(r"^(.*\S)\s+offset\s+(-?\s*[0-9][0-9a-z]*)\s*$", re.DOTALL | re.IGNORECASE)


def is_pyrra(document: Document) -> bool:
    """Whether a document says that it is Pyrra's."""
    data = document.data
    return isinstance(data, dict) and str(data.get("apiVersion", "")).startswith(GROUP)


def read_pyrra(documents: Sequence[Document]) -> Read:
    """The SLAs of Pyrra's documents."""
    found = Read()
    for document in documents:
        part = Part.of(document)
        sla = _sla(part, found)
        found.mistakes += part.mistakes
        if sla is not None and not part.mistakes:
            found.slas.append(sla)
            found.references.append(Reference("sla", document, ("metadata", "name"), sla.name))
    return found


def _sla(part: Part, found: Read) -> Sla | None:
    part.choice("apiVersion", (VERSION,))
    part.choice("kind", (KIND,))
    part.ignore("status")
    metadata, spec = part.needed("metadata"), part.needed("spec")
    part.finish()
    if metadata is None or spec is None:
        return None
    name, namespace = metadata.name(), metadata.text("namespace", "")
    notes = notes_of("", metadata, lambda key: key.startswith("kubectl.kubernetes.io/"))
    if kept := metadata.ignore(*_KEPT_BY_KUBERNETES):
        place = ("metadata", kept[0])
        found.notes.append(part.document.mistake(place, f"left out: Kubernetes keeps {', '.join(kept)}"))
    if namespace:
        notes = Notes("", (("namespace", namespace), *notes.labels), notes.annotations)
    metadata.finish()
    sli = _sli(spec, name, found)
    return None if sli is None else Sla(name, (sli,), notes=notes)


def _sli(spec: Part, name: str, found: Read) -> Sli | None:
    before = len(spec.mistakes)
    description = spec.text("description", "")
    objective, window = _objective(spec), _window(spec)
    indicator = spec.needed("indicator")
    kind, part = _kind(indicator) if indicator is not None else ("", None)
    for key, why in (
        ("alerting", "every SLI has the same burn-rate alerts"),
        ("performanceOverAccuracy", "it changes how Pyrra's rules are written"),
        ("rulenamespace", "it changes where Pyrra's rules are written"),
    ):
        if spec.has(key):
            found.notes.append(spec.document.mistake((*spec.location, key), f"left out: {why}"))
    spec.finish()
    measured = None if part is None else _measured(kind, part)
    if len(spec.mistakes) > before or measured is None or objective is None or window is None:
        return None
    windows = (*(minutes for minutes in rules.DEFAULT_WINDOWS if minutes < window), window)
    budget = Budget("occurrences")
    try:
        if isinstance(measured, Ratio):
            return Sli(
                name,
                objective=objective,
                windows=windows,
                description=description,
                ratio=measured,
                budget=budget,
            )
        return Sli(
            name, lower=1.0, objective=objective, windows=windows, description=description,
            expression=measured, budget=budget,
        )  # fmt: skip
    except ValueError as error:
        spec.wrong((), str(error))
        return None


def _objective(spec: Part) -> float | None:
    text = spec.text("target")
    if not text:
        return None
    try:
        percent = float(text)
    except ValueError:
        percent = -1.0
    if 0 < percent < 100:
        return round(percent / 100, 12)
    spec.wrong("target", f"a target is a percentage between 0 and 100, both excluded, got {shown(text)}")
    return None


def _window(spec: Part) -> int | None:
    text = spec.text("window")
    if not text:
        return None
    try:
        seconds = prometheus_milliseconds(text) / 1000
    except ValueError as error:
        spec.wrong("window", str(error))
        return None
    if reason := window_mistake(int(seconds) if seconds >= 1 else 1, Limits()):
        spec.wrong("window", reason)
        return None
    return int(seconds) // 60


def _kind(indicator: Part) -> tuple[str, Part | None]:
    kinds = [kind for kind in KINDS if indicator.has(kind)]
    before = len(indicator.mistakes)
    indicator.finish()
    if len(kinds) == 1:
        return kinds[0], indicator.part(kinds[0])
    if len(indicator.mistakes) == before:
        listed = ", ".join(KINDS)
        indicator.wrong((), f"exactly one of {listed} is needed, got {' and '.join(kinds) or 'none'}")
    return "", None


def _measured(kind: str, part: Part) -> Ratio | Expression | None:
    before = len(part.mistakes)
    measured = _READERS[kind](part)
    if part.has("grouping") and part.items("grouping"):
        part.wrong(
            "grouping", "grouping makes an SLO of each label value: write them one by one, with a matcher"
        )
    part.finish()
    return measured if len(part.mistakes) == before else None


def _ratio(part: Part) -> Ratio | None:
    bad, total = _counter(part, "errors"), _counter(part, "total")
    if bad and total and bad == total:
        part.wrong("errors", "errors and total are the same metric, so that everything is an error")
        return None
    return Ratio(bad=bad, total=total) if bad and total else None


def _latency(part: Part) -> Ratio | None:
    good, total = _counter(part, "success"), _counter(part, "total")
    if good and not any(each.label == "le" and each.op == "=" for each in _selected(good.query)[1]):
        part.part("success").wrong("metric", 'one bucket is needed, which is chosen by its border: le="0.1"')  # type: ignore[union-attr] # it was read
        return None
    return Ratio(good=good, total=total) if good and total else None


def _latency_native(part: Part) -> Ratio | None:
    total = _selector(part.needed("total"))
    text = part.text("latency")
    if not (text and total):
        return None
    try:
        seconds = prometheus_milliseconds(text) / 1000
    except ValueError as error:
        part.wrong("latency", str(error))
        return None
    rate = f"sum(rate({total}[{{{{.window}}}}]))"
    count = f"histogram_count({rate})"
    return Ratio(
        good=Expression(f"histogram_fraction(0, {seconds:g}, {rate}) * {count}"), total=Expression(count)
    )


def _bool_gauge(part: Part) -> Expression | None:
    text = _metric(part)
    return Expression(text) if text else None


_READERS = {"ratio": _ratio, "latency": _latency, "latencyNative": _latency_native, "bool_gauge": _bool_gauge}


def _counter(part: Part, key: str) -> Expression | None:
    text = _selector(part.needed(key))
    return Expression(text, counter=True) if text else None


def _selector(part: Part | None) -> str:
    if part is None:
        return ""
    text = _metric(part)
    part.finish()
    return text


def _metric(part: Part) -> str:
    text = part.text("metric").strip()
    if not text:
        return ""
    try:
        _selected(text)
    except ValueError as error:
        part.wrong("metric", str(error))
        return ""
    return text


def _selected(text: str) -> tuple[str, tuple[Matcher, ...]]:
    """Metric and matchers of a selector, which may have an offset."""
    shifted = _OFFSET.match(text)
    if shifted is not None:
        prometheus_milliseconds(shifted[2].removeprefix("-"))
    return parse_selector(shifted[1] if shifted else text)
