"""Sloth's files in: a service is an SLA, each of its SLOs an SLI that counts events.

They come as ``prometheus/v1``, with keys such as ``error_query``, and as objects of Kubernetes, where the
same key is ``errorQuery``. What has no counterpart here is named in a note; what would change the meaning
is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from foresight.documents import Document
from foresight.reasons import shown
from foresight.sla import rules
from foresight.sla.definitions import Budget, Notes, Sla, Sli
from foresight.sla.openslo import Read
from foresight.sla.parts import Part
from foresight.sla.ratios import Expression, Ratio
from foresight.sla.references import Reference

VERSION: Final = "prometheus/v1"
GROUP: Final = "sloth.slok.dev/"
OBJECT_VERSION: Final = f"{GROUP}v1"
KIND: Final = "PrometheusServiceLevel"
WINDOWS: Final = (*rules.DEFAULT_WINDOWS, 30 * 24 * 60)
"""Minutes: the usual windows, and the 30 days that Sloth's SLOs are over."""
OWNER_LABEL: Final = "owner"
Spelling = Callable[[str], str]
"""How a key is spelled in a document."""


def is_sloth(document: Document) -> bool:
    """Whether a document says that it is Sloth's."""
    data = document.data
    if not isinstance(data, dict):
        return False
    return _is_object(document) or ("version" in data and "apiVersion" not in data)


def _is_object(document: Document) -> bool:
    return str(document.data.get("apiVersion", "")).startswith(GROUP)


def read_sloth(documents: Sequence[Document]) -> Read:
    """The SLAs of Sloth's files; files of one service are one SLA."""
    found = Read()
    members: dict[str, list[Sli]] = {}
    heads: dict[str, tuple[Notes, Document]] = {}
    for document in documents:
        part = Part.of(document)
        body, spell = _body(part)
        service, notes, slis = ("", Notes(), []) if body is None else _read(body, spell, found)
        found.mistakes += part.mistakes
        if part.mistakes or body is None:
            continue
        heads.setdefault(service, (notes, document))
        for at, sli in enumerate(slis):
            members.setdefault(service, []).append(sli)
            place = (*body.location, "slos", at, "name")
            found.references.append(Reference("sli", document, place, sli.name, service))
    for service, slis in members.items():
        notes, document = heads[service]
        unique = {
            sli.name: sli for sli in slis
        }  # of two with one name, which is reported on its own, the last
        found.slas.append(
            Sla(service, tuple(unique.values()), dict(notes.labels).get(OWNER_LABEL, ""), notes=notes)
        )
        place = ("spec", "service") if _is_object(document) else ("service",)
        found.references.append(Reference("sla", document, place, service))
    return found


def _body(part: Part) -> tuple[Part | None, Spelling]:
    """What a document says of a service, and how its keys are spelled; None where it is of another kind."""
    if not _is_object(part.document):
        part.choice("version", (VERSION,))
        return (None if part.mistakes else part), str
    part.choice("apiVersion", (OBJECT_VERSION,))
    part.choice("kind", (KIND,))
    part.ignore("metadata", "status")
    if part.mistakes:
        return None, _camel
    spec = part.needed("spec")
    part.finish()
    return spec, _camel


def _camel(key: str) -> str:
    first, *others = key.split("_")
    return first + "".join(map(str.capitalize, others))


def _read(part: Part, spell: Spelling, found: Read) -> tuple[str, Notes, list[Sli]]:
    service = part.name("service")
    labels = tuple(part.texts("labels", as_written=True).items())
    _note(part, found, spell("slo_plugins"), "plugins of Sloth are not run")
    slos = part.parts("slos")
    if not slos and not part.has("slos"):
        part.wrong("slos", "slos is needed")
    elif not slos and not part.mistakes:
        part.wrong("slos", "at least one SLO is needed")
    part.finish()
    return service, Notes(labels=labels), [sli for slo in slos for sli in _sli(slo, spell, found)]


def _sli(slo: Part, spell: Spelling, found: Read) -> Iterator[Sli]:
    before = len(slo.mistakes)
    name, description = slo.name(), slo.text("description", "")
    labels = tuple(slo.texts("labels", as_written=True).items())
    if not slo.has("objective"):
        slo.wrong("objective", "objective is needed")
    percent = slo.number("objective", rule=_percent_mistake)
    part = slo.needed("sli")
    ratio = None if part is None else _ratio(part, spell)
    _alerting(slo, spell, found)
    _note(slo, found, "plugins", "plugins of Sloth are not run")
    _note(slo, found, "interval", "every SLI is counted once a minute")
    slo.finish()
    if len(slo.mistakes) > before or ratio is None or percent is None:
        return
    try:
        yield Sli(
            name, objective=round(percent / 100, 12), windows=WINDOWS, description=description,
            notes=Notes(labels=labels), ratio=ratio, budget=Budget("occurrences"),
        )  # fmt: skip
    except ValueError as error:
        slo.wrong((), str(error))


def _ratio(sli: Part, spell: Spelling) -> Ratio | None:
    kinds = [kind for kind in ("events", "raw", "plugin") if sli.has(kind)]
    sli.finish()
    if kinds == ["plugin"]:
        sli.wrong("plugin", "plugins of Sloth are not run: write the queries out as events or raw")
        return None
    if len(kinds) != 1:
        sli.wrong((), f"exactly one of events and raw is needed, got {' and '.join(kinds) or 'none'}")
        return None
    [kind] = kinds
    part = sli.part(kind)
    if part is None:
        return None
    before = len(part.mistakes)
    keys = ("error_query", "total_query") if kind == "events" else ("error_ratio_query",)
    queries = [part.text(spell(key), rule=_query_mistake) for key in keys]
    part.finish()
    if len(part.mistakes) > before:
        return None
    if kind == "raw":
        return Ratio(raw=Expression(queries[0]), raw_is="bad")
    return Ratio(bad=Expression(queries[0]), total=Expression(queries[1]))


def _alerting(slo: Part, spell: Spelling, found: Read) -> None:
    """Sloth's burn-rate alerts are those that every SLI has; what is said about them is named."""
    alerting = slo.part("alerting")
    if alerting is None:
        return
    alerting.text("name", "")
    _note(alerting, found, "labels", "alerts carry the labels of the SLO, and none of their own")
    _note(alerting, found, "annotations", "alerts have no annotations")
    for key in ("page_alert", "ticket_alert"):
        alert = alerting.part(spell(key))
        if alert is None:
            continue
        if alert.flag("disable", default=False):
            place = (*alert.location, "disable")
            found.notes.append(alert.document.mistake(place, "left out: burn rates are always judged"))
        _note(alert, found, "labels", "alerts carry the labels of the SLO, and none of their own")
        _note(alert, found, "annotations", "alerts have no annotations")
        alert.finish()
    alerting.finish()


def _note(part: Part, found: Read, key: str, reason: str) -> None:
    if part.has(key):
        found.notes.append(part.document.mistake((*part.location, key), f"left out: {reason}"))


def _percent_mistake(percent: float) -> str | None:
    if 0 < percent < 100:
        return None
    return f"an objective is a percentage between 0 and 100, both excluded, got {shown(percent)}"


def _query_mistake(query: str) -> str | None:
    if reason := rules.query_mistake(query):
        return reason
    return None if rules.has_window(query) else "the query does not use {{.window}}"
