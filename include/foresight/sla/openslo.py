"""OpenSLO v1 in: documents of kinds Service, SLO, SLI and AlertPolicy become SLAs.

A service is an SLA and each of its SLOs one SLI. An SLO has one window and one bound; a second bound and
more windows ride in annotations of ours. What cannot be carried is refused with its reason, never dropped.
The way out is in ``openslo_export``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ParamSpec, TypeVar

from foresight.documents import Document
from foresight.errors import InvalidDocument, Mistake
from foresight.sla import openslo_names as ours
from foresight.sla.definitions import Sla, Sli
from foresight.sla.mentions import Limits, Mention, mistakes_across
from foresight.sla.openslo_forms import (
    REFUSED_KINDS,
    PolicyDocument,
    ServiceDocument,
    SliDocument,
    SloDocument,
)
from foresight.sla.openslo_meaning import check_policy, sla_of, sli_of, wrong

NAME = ("metadata", "name")

Named = TypeVar("Named", ServiceDocument, SliDocument, PolicyDocument)
Result = TypeVar("Result")
Arguments = ParamSpec("Arguments")


def is_openslo(document: Document) -> bool:
    """Whether a document says that it is OpenSLO's."""
    return isinstance(document.data, dict) and "apiVersion" in document.data


def from_openslo(documents: Sequence[Document], limits: Limits | None = None) -> list[Sla]:
    """The SLAs that OpenSLO documents describe, by name; raises ``InvalidDocument`` with every mistake."""
    limits = limits or Limits()
    reading = read_openslo(documents, limits)
    mistakes = [*reading.mistakes, *mistakes_across(reading.mentions, limits)]
    if mistakes:
        raise InvalidDocument(mistakes)
    return sorted(reading.slas, key=lambda sla: sla.name)


def read_openslo(documents: Sequence[Document], limits: Limits) -> Reading:
    """What can be read of the documents, the names and metrics in them, and what is wrong."""
    reading = Reading()
    for document in documents:
        reading.attempt(reading.place, document)
    for document, policy in reading.policies.values():
        reading.attempt(check_policy, document, policy)
    reading.join(limits)
    reading.report_unused()
    return reading


class Reading:
    """Documents by kind and name, the SLAs they make, and what is wrong with them."""

    def __init__(self) -> None:
        self.slos: list[tuple[Document, SloDocument]] = []
        self.services: dict[str, tuple[Document, ServiceDocument]] = {}
        self.indicators: dict[str, tuple[Document, SliDocument]] = {}
        self.policies: dict[str, tuple[Document, PolicyDocument]] = {}
        self.slas: list[Sla] = []
        self.mentions: list[Mention] = []
        self.mistakes: list[Mistake] = []

    def attempt(
        self, step: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Do one step; note its mistakes, so that others are found too."""
        try:
            return step(*args, **kwargs)
        except InvalidDocument as error:
            self.mistakes += error.mistakes
            return None

    def place(self, document: Document) -> None:
        """Check a document's form and put it with its kind."""
        data: dict[str, Any] = document.data
        if data.get("apiVersion") != ours.API_VERSION:
            raise wrong(document, ("apiVersion",), f"only {ours.API_VERSION} is read")
        match data.get("kind"):
            case "SLO":
                self.slos.append((document, document.parse(SloDocument)))
            case "Service":
                _by_name(self.services, document, document.parse(ServiceDocument))
            case "SLI":
                _by_name(self.indicators, document, document.parse(SliDocument))
            case "AlertPolicy":
                _by_name(self.policies, document, document.parse(PolicyDocument))
            case kind:
                reason = REFUSED_KINDS.get(str(kind), "a kind is one of Service, SLO, SLI and AlertPolicy")
                raise wrong(document, ("kind",), reason)

    def join(self, limits: Limits) -> None:
        """Make the SLAs of the SLOs, service by service."""
        members: dict[str, dict[str, Sli]] = {}
        first: dict[str, Document] = {}
        indicators = {name: form for name, (_, form) in self.indicators.items()}
        for document, slo in self.slos:
            service = slo.spec.service
            sli = self.attempt(sli_of, document, slo, indicators, self.policies.keys(), limits)
            if sli is not None:
                # Of two with one name, which is reported on its own, the last.
                members.setdefault(service, {})[sli.name] = sli
                first.setdefault(service, document)
                self.mentions.append(Mention("sli", document, NAME, sli.name, service))
                self.mentions.append(Mention("metric", document, ("spec",), sli.metric))
        for service, slis in members.items():
            found = self.services.get(service)
            sla = self.attempt(sla_of, found, service, tuple(slis.values()))
            if sla is not None:
                self.slas.append(sla)
                place = (found[0], NAME) if found else (first[service], ("spec", "service"))
                self.mentions.append(Mention("sla", *place, sla.name))

    def report_unused(self) -> None:
        """Note services and indicators without an SLO: they would be lost without a word."""
        served = {slo.spec.service for _, slo in self.slos}
        used = {slo.spec.indicator_ref for _, slo in self.slos}
        for name, (document, _) in self.services.items():
            if name not in served:
                self.mistakes.append(document.mistake(NAME, "no SLO is of this service"))
        for name, (document, _) in self.indicators.items():
            if name not in used:
                self.mistakes.append(document.mistake(NAME, "no SLO refers to this indicator"))


def _by_name(shelf: dict[str, tuple[Document, Named]], document: Document, form: Named) -> None:
    before, _ = shelf.setdefault(form.metadata.name, (document, form))
    if before is not document:
        reason = f"another {form.kind} has this name, at {before.file}:{before.line(NAME)}"
        raise wrong(document, NAME, reason)
