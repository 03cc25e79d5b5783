"""OpenSLO v1 in: its documents become SLAs and notification targets.

A service is an SLA and each objective of its SLOs one SLI. What OpenSLO has no field for rides in annotations
of ours. What cannot be evaluated is refused with its reason, never dropped. The way out is in
``openslo_export``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from foresight.documents import Document
from foresight.durations import duration_seconds
from foresight.errors import InvalidDocument, Mistake
from foresight.reasons import shown, similar
from foresight.sla import openslo_names as ours
from foresight.sla import rules
from foresight.sla.definitions import Notes, Sla, Sli
from foresight.sla.openslo_alerts import AlertDocuments
from foresight.sla.openslo_indicators import (
    COMPOSITE,
    Indicator,
    Objective,
    choices_of,
    indicator_of,
    objective_of,
    windows_of,
)
from foresight.sla.openslo_parts import (
    KINDS,
    PROMETHEUS,
    Head,
    head_of,
    is_foreign_source,
    joined,
    number,
)
from foresight.sla.parts import Part
from foresight.sla.references import Limits, Reference, mistakes_across

NAME = ("metadata", "name")
METHODS = ("Occurrences", "Timeslices")


@dataclass(slots=True)
class Read:
    """What documents of other tools define: SLIs by service, what is wrong, and what has no counterpart."""

    slas: list[Sla] = field(default_factory=list)
    references: list[Reference] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    notes: list[Mistake] = field(default_factory=list)
    alerts: AlertDocuments = field(default_factory=AlertDocuments)


def is_openslo(document: Document) -> bool:
    """Whether a document says that it is OpenSLO's, or leaves open whose it is."""
    return isinstance(document.data, dict) and ("apiVersion" in document.data or "kind" in document.data)


def from_openslo(documents: Sequence[Document], limits: Limits | None = None) -> list[Sla]:
    """The SLAs that OpenSLO documents describe, by name; raises ``InvalidDocument`` with every mistake."""
    limits = limits or Limits()
    read = read_openslo(documents, limits)
    mistakes = [*read.mistakes, *mistakes_across(read.references, limits)]
    if mistakes:
        raise InvalidDocument(mistakes)
    return sorted(read.slas, key=lambda sla: sla.name)


def read_openslo(documents: Sequence[Document], limits: Limits) -> Read:
    """What can be read of the documents, the names and metrics in them, and what is wrong."""
    return _Reader(limits).read(documents)


class _Reader:
    """Documents by kind and name, and what is made of them."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.found = Read(alerts=AlertDocuments(known_targets=frozenset(limits.known_targets)))
        self.by_kind: dict[str, dict[str, Document]] = {kind: {} for kind in KINDS}
        self.slos: list[Document] = []
        self.sources: dict[str, str] = {}
        self.unsound: set[int] = set()
        """Documents (by id) with a mistake of their own: nothing more is said of them."""
        self.used: set[tuple[str, str]] = set()
        self.members: dict[str, dict[str, Sli]] = {}
        self.first: dict[str, Document] = {}

    def read(self, documents: Sequence[Document]) -> Read:
        for document in documents:
            self._place(document)
        self._read_sources()
        self._read_targets()
        self.found.alerts.policies = self.by_kind["AlertPolicy"]
        self.found.alerts.conditions = self.by_kind["AlertCondition"]
        for document in self.slos:
            self._read_slo(document)
        self._read_services()
        self.found.mistakes += self.found.alerts.mistakes()
        self._report_unused()
        return self.found

    def _place(self, document: Document) -> None:
        data = document.data
        version, kind = data.get("apiVersion"), data.get("kind")
        if version != ours.API_VERSION:
            reason = _version_reason(version)
            return self._wrong(document, ("apiVersion",), reason)
        if kind not in KINDS:
            near = similar(kind, KINDS) if isinstance(kind, str) else None
            hint = f"did you mean {near}?" if near else f"there are {', '.join(KINDS)}"
            reason = f"there is no kind {shown(kind)}; {hint}" if kind else "kind is needed"
            return self._wrong(document, ("kind",), reason)
        if kind == "SLO":
            return self.slos.append(document)
        metadata = data.get("metadata")
        name = metadata.get("name") if isinstance(metadata, dict) else None
        if not isinstance(name, str):
            return self._wrong(
                document, NAME, "name is needed" if name is None else "text is needed: quote it"
            )
        before = self.by_kind[kind].setdefault(name, document)
        if before is not document:
            place = f"{before.file}:{before.line(NAME)}"
            self._wrong(document, NAME, f"another {kind} has this name, at {place}")
        return None

    def _read_sources(self) -> None:
        for name, document in self.by_kind["DataSource"].items():
            part = _document(document)
            head_of(part, "DataSource")
            spec = part.needed("spec")
            part.finish()
            if spec is not None:
                spec.text("description", "")
                kind = spec.text("type")
                given = spec.ignore("connectionDetails")
                spec.finish()
                if kind and kind.lower() != PROMETHEUS:
                    spec.wrong("type", f"metrics come from Prometheus, got {shown(kind)}")
                elif given and not part.mistakes:
                    self.found.notes.append(
                        document.mistake(
                            ("spec", "connectionDetails"),
                            "not used: the connection `telemetry` says where metrics come from",
                        )
                    )
                self.sources[name] = kind
            self._settle(part)

    def _read_targets(self) -> None:
        for document in self.by_kind["AlertNotificationTarget"].values():
            part = Part.of(document)
            target = self.found.alerts.target(part)
            if target is not None:
                self.found.alerts.add_target(part, target)
            self._settle(part)

    def _read_slo(self, document: Document) -> None:
        part = _document(document)
        head, spec = head_of(part, "SLO"), part.needed("spec")
        part.finish()
        slis = [] if spec is None else list(self._slis(part, head, spec))
        self._settle(part)
        if part.mistakes or spec is None:
            return
        service = spec.data["service"]
        for sli in slis:
            # Of two with one name, which is reported on its own, the last.
            self.members.setdefault(service, {})[sli.name] = sli
            self.first.setdefault(service, document)
            self.found.references.append(Reference("sli", document, NAME, sli.name, service))
            if sli.metric:
                self.found.references.append(Reference("metric", document, ("spec",), sli.metric))

    def _slis(self, part: Part, head: Head, spec: Part) -> Iterator[Sli]:
        description = spec.text("description", "")
        service = spec.name("service")
        self.used.add(("Service", service))
        indicator = self._indicator(spec, head)
        if any(is_foreign_source(mistake) for mistake in part.mistakes):
            return  # nothing else in it matters
        method = spec.choice("budgetingMethod", METHODS)
        windows, calendar = windows_of(spec, head, self.limits)
        alerts = tuple(self.found.alerts.alerts_of(spec))
        objectives = spec.parts("objectives")
        if not objectives and not isinstance(spec.data.get("objectives"), dict | str | int):
            spec.wrong("objectives", "at least one objective is needed")
        spec.finish()
        found = [
            objective_of(each, method, is_ratio=indicator.ratio is not None, slo=head, limits=self.limits)
            for each in (objectives if indicator.is_known and method in METHODS else ())
        ]
        try:
            choices = choices_of(head)
        except ValueError as error:
            head.metadata.wrong("annotations", str(error))
            return
        if part.mistakes:
            return
        read = [objective for objective in found if objective is not None]
        names = _names(head, read)
        for objective, name in zip(read, names, strict=True):
            try:
                yield Sli(
                    name=name, metric=indicator.metric, lower=objective.lower, upper=objective.upper,
                    objective=objective.share, matchers=indicator.matchers, windows=windows,
                    description=joined(description, indicator.description),
                    notes=_merged(head.notes, objective.display_name, indicator.notes),
                    expression=indicator.expression, ratio=indicator.ratio, budget=objective.budget,
                    choices=choices, alerts=alerts, calendar=calendar,
                )  # fmt: skip
            except ValueError as error:
                spec.wrong((), str(error))
                return

    def _indicator(self, spec: Part, head: Head) -> Indicator:
        if spec.has("indicator") == spec.has("indicatorRef"):
            at = _composite_objective(spec)
            if at is None or spec.has("indicator"):
                spec.wrong((), "give either indicator or indicatorRef")
            else:
                spec.wrong(("objectives", at), COMPOSITE)
            return Indicator()
        inline = spec.part("indicator")
        if inline is not None:
            inline.ignore("apiVersion", "kind")
            inner_head, inner = head_of(inline, "SLI"), inline.needed("spec")
            inline.finish()
            return Indicator() if inner is None else indicator_of(inner, inner_head, self.sources, head)
        name = spec.text("indicatorRef")
        self.used.add(("SLI", name))
        known = self.by_kind["SLI"]
        if name not in known:
            near = similar(name, known)
            hint = f"; did you mean {near}?" if near else ""
            spec.wrong("indicatorRef", f"there is no SLI {shown(name)}{hint}")
            return Indicator()
        return self._read_indicator(known[name], head, into=None)

    def _read_indicator(self, document: Document, slo: Head, into: list[Mistake] | None) -> Indicator:
        """The indicator of a document; its mistakes are noted once, when all documents have been read."""
        part = _document(document)
        head, spec = head_of(part, "SLI"), part.needed("spec")
        part.finish()
        found = Indicator() if spec is None else indicator_of(spec, head, self.sources, slo)
        if into is not None:
            into += part.mistakes
        return found

    def _read_services(self) -> None:
        for service, slis in self.members.items():
            document = self.by_kind["Service"].get(service)
            if document is None:
                self.found.slas.append(Sla(service, tuple(slis.values())))
                place = (self.first[service], ("spec", "service"))
                self.found.references.append(Reference("sla", *place, service))
        for name, document in self.by_kind["Service"].items():
            part = _document(document)
            sla = _sla(part, tuple(self.members.get(name, {}).values()))
            self._settle(part)
            if sla is not None:
                self.found.slas.append(sla)
                self.found.references.append(Reference("sla", document, NAME, sla.name))

    def _report_unused(self) -> None:
        """Services, SLIs and data sources that nothing uses would be lost without a word."""
        for document in self.by_kind["SLI"].values():
            mistakes: list[Mistake] = []
            self._read_indicator(document, Head("", Notes(), {}, Part.of(document)), mistakes)
            self.found.mistakes += mistakes
            if mistakes:
                self.unsound.add(id(document))
        sources = {
            source
            for kind in (self.slos, self.by_kind["SLI"].values())
            for document in kind
            for source in _source_references(document.data)
        }
        self.used |= {("DataSource", name) for name in sources}
        for kind, verb in (("Service", "is of"), ("SLI", "refers to"), ("DataSource", "reads from")):
            noun = {"SLI": "indicator", "DataSource": "data source"}.get(kind, "service")
            for name, document in self.by_kind[kind].items():
                if (kind, name) not in self.used and id(document) not in self.unsound:
                    self.found.mistakes.append(document.mistake(NAME, f"no SLO {verb} this {noun}"))

    def _wrong(self, document: Document, place: tuple[str, ...], reason: str) -> None:
        self.found.mistakes.append(document.mistake(place, reason))
        self.unsound.add(id(document))

    def _settle(self, part: Part) -> None:
        self.found.mistakes += part.mistakes
        if part.mistakes:
            self.unsound.add(id(part.document))


def _document(document: Document) -> Part:
    part = Part.of(document)
    part.ignore("apiVersion", "kind")
    return part


def _sla(part: Part, slis: tuple[Sli, ...]) -> Sla | None:
    """The SLA of a Service document; None without SLIs, or where it is wrong."""
    head, spec = head_of(part, "Service"), part.part("spec")
    description = "" if spec is None else spec.text("description", "")
    if spec is not None:
        spec.finish()
    part.finish()
    horizon = head.read(ours.HORIZON, duration_seconds, rules.DEFAULT_HORIZON * 60)
    at_risk = head.read(ours.AT_RISK, number, rules.DEFAULT_AT_RISK)
    if part.mistakes or not slis:
        return None
    try:
        return Sla(
            head.read(ours.NAME, str, head.name), slis, head.read(ours.OWNER, str, ""), description,
            horizon // 60, at_risk, head.notes,
        )  # fmt: skip
    except ValueError as error:
        head.metadata.wrong("annotations", str(error))
        return None


def _names(head: Head, objectives: Sequence[Objective]) -> list[str]:
    """A name for the SLI of each objective: that of the SLO, and what tells several apart."""
    base = head.read(ours.NAME, str, head.name)
    if len(objectives) == 1:
        return [base]
    names: list[str] = []
    for at, objective in enumerate(objectives, start=1):
        slug = re.sub(r"[^a-z0-9]+", "-", objective.display_name.lower()).strip("-") or str(at)
        name = f"{base[: rules.MAX_NAME - 1 - len(slug[:20])]}-{slug[:20]}".rstrip("-")
        names.append(name if name not in names else f"{base[:50]}-{at}")
    return names


def _merged(slo: Notes, objective_name: str, indicator: Notes) -> Notes:
    """What people gave to read, from every part of an SLO."""
    return Notes(
        joined(slo.display_name, objective_name, indicator.display_name),
        tuple(dict.fromkeys((*slo.labels, *indicator.labels))),
        tuple(dict.fromkeys((*slo.annotations, *indicator.annotations))),
    )


def _version_reason(version: object) -> str:
    if not version:
        return "apiVersion is needed"
    if str(version).startswith("openslo"):
        return f"must be {ours.API_VERSION}, got {shown(version)}"
    return (
        f"objects of {shown(version)} are not read here: there are {ours.API_VERSION}, sloth.slok.dev/v1 and "
        "pyrra.dev/v1alpha1"
    )


def _composite_objective(spec: Part) -> int | None:
    """The first objective with an indicator of its own."""
    objectives = spec.data.get("objectives")
    for at, each in enumerate(objectives if isinstance(objectives, list) else []):
        if isinstance(each, dict) and {"indicator", "indicatorRef", "compositeWeight"} & each.keys():
            return at
    return None


def _source_references(data: object) -> Iterator[str]:
    """Every ``metricSourceRef`` within a document, however broken the rest of it is."""
    if isinstance(data, dict):
        if isinstance(name := data.get("metricSourceRef"), str):
            yield name
        for value in data.values():
            yield from _source_references(value)
    elif isinstance(data, list):
        for value in data:
            yield from _source_references(value)
