"""SLA files: our short form and OpenSLO v1, in one loader. Every mistake comes with file, line and field."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from foresight.documents import Document, parse_documents, read_documents
from foresight.errors import InvalidDocument, Mistake
from foresight.sla.definitions import DEFAULT_LONGEST_WINDOW, Sla
from foresight.sla.mentions import Limits, mistakes_across, short_form_mentions
from foresight.sla.openslo import is_openslo, read_openslo
from foresight.sla.short_form import SlaFile, SlaForm

YAML_SUFFIXES = frozenset({".yaml", ".yml"})


def load_slas(
    path: Path | Sequence[Path],
    known_metrics: Collection[str] | None = None,
    *,
    step_seconds: int = 60,
    longest_minutes: int = DEFAULT_LONGEST_WINDOW,
) -> list[Sla]:
    """The SLAs of one or several files, ordered by name; a folder stands for its YAML files.

    A metric that is not in ``known_metrics`` is a mistake, as is a window that is no multiple of the step or
    longer than the samples that a run holds. Raises ``InvalidDocument`` with every mistake of every file.
    """
    documents: list[Document] = []
    mistakes: list[Mistake] = []
    for file in _files([path] if isinstance(path, Path) else path):
        try:
            documents += read_documents(file)
        except InvalidDocument as error:
            mistakes += error.mistakes
    return _definitions(documents, mistakes, Limits(known_metrics, step_seconds, longest_minutes))


def parse_slas(text: str, file: str, known_metrics: Collection[str] | None = None) -> list[Sla]:
    """The SLAs in ``text``, whose mistakes are reported as those of ``file``; else as ``load_slas``."""
    return _definitions(parse_documents(text, file), [], Limits(known_metrics))


def _files(paths: Sequence[Path]) -> list[Path]:
    return [
        file
        for path in paths
        for file in (
            sorted(f for f in path.iterdir() if f.suffix in YAML_SUFFIXES) if path.is_dir() else [path]
        )
    ]


def _definitions(documents: list[Document], mistakes: list[Mistake], limits: Limits) -> list[Sla]:
    reading = read_openslo([document for document in documents if is_openslo(document)], limits)
    mistakes += reading.mistakes
    mentions = list(reading.mentions)
    forms: list[SlaForm] = []
    for document in documents:
        if is_openslo(document):
            continue
        mentions += short_form_mentions(document)
        if document.data is None:
            continue
        if not isinstance(document.data, dict):
            mistakes.append(document.mistake((), "neither a mapping with the key slas, nor OpenSLO"))
            continue
        try:
            forms += document.parse(SlaFile).slas
        except InvalidDocument as error:
            mistakes += error.mistakes
    mistakes += mistakes_across(mentions, limits)
    if mistakes:
        raise InvalidDocument(mistakes)
    return sorted([*reading.slas, *(form.definition() for form in forms)], key=lambda sla: sla.name)
