"""SLA files: our short form, OpenSLO, Sloth and Pyrra, in one loader. A mistake has file, line and field."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from foresight.documents import Document, parse_documents, read_documents
from foresight.errors import InvalidDocument, Mistake
from foresight.grid import STEP_SECONDS
from foresight.reasons import similar
from foresight.sla.definitions import Definitions, Sla
from foresight.sla.openslo import Read, is_openslo, read_openslo
from foresight.sla.pyrra import is_pyrra, read_pyrra
from foresight.sla.references import Limits, mistakes_across, short_form_references
from foresight.sla.rules import DEFAULT_LONGEST_WINDOW
from foresight.sla.short_form import SlaFile, SlaForm
from foresight.sla.sloth import is_sloth, read_sloth

YAML_SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Lint:
    """What files define, what is wrong with them, and what in them has no counterpart here."""

    definitions: Definitions
    mistakes: tuple[Mistake, ...]
    notes: tuple[Mistake, ...]


def load_slas(
    path: Path | Sequence[Path],
    known_metrics: Collection[str] | None = None,
    *,
    step_seconds: int = STEP_SECONDS,
    longest_minutes: int = DEFAULT_LONGEST_WINDOW,
) -> list[Sla]:
    """The SLAs of one or several files, ordered by name; a folder stands for its YAML files.

    A metric that is not in ``known_metrics`` is a mistake, as is a window that is no multiple of the step or
    too long. Raises ``InvalidDocument`` with every mistake of every file.
    """
    return list(load_definitions(path, Limits(known_metrics, step_seconds, longest_minutes)).definitions.slas)


def load_definitions(path: Path | Sequence[Path], limits: Limits) -> Lint:
    """The same with targets and notes. Raises ``InvalidDocument`` with every mistake of every file."""
    found = lint(path, limits)
    if found.mistakes:
        raise InvalidDocument(list(found.mistakes))
    return found


def lint(path: Path | Sequence[Path], limits: Limits | None = None) -> Lint:
    """The same without raising: what can be read of the files, and everything that is wrong with them."""
    documents: list[Document] = []
    mistakes: list[Mistake] = []
    for file in _files([path] if isinstance(path, Path) else path):
        try:
            documents += read_documents(file)
        except InvalidDocument as error:
            mistakes += error.mistakes
    return _definitions(documents, mistakes, limits or Limits())


def parse_slas(text: str, file: str, known_metrics: Collection[str] | None = None) -> list[Sla]:
    """The SLAs in ``text``, whose mistakes are reported as those of ``file``; else as ``load_slas``."""
    return list(parse_definitions(text, file, Limits(known_metrics)).definitions.slas)


def parse_definitions(text: str, file: str, limits: Limits | None = None) -> Lint:
    """The same with targets and notes."""
    found = _definitions(parse_documents(text, file), [], limits or Limits())
    if found.mistakes:
        raise InvalidDocument(list(found.mistakes))
    return found


def _files(paths: Sequence[Path]) -> list[Path]:
    return [
        file
        for path in paths
        for file in (
            sorted(f for f in path.iterdir() if f.suffix in YAML_SUFFIXES) if path.is_dir() else [path]
        )
    ]


def _definitions(documents: Sequence[Document], mistakes: list[Mistake], limits: Limits) -> Lint:
    ours: list[Document] = []
    sloth: list[Document] = []
    pyrra: list[Document] = []
    openslo: list[Document] = []
    for document in (each for whole in documents for each in _members(whole)):
        if is_sloth(document):
            sloth.append(document)
        elif is_pyrra(document):
            pyrra.append(document)
        elif is_openslo(document):
            openslo.append(document)
        else:
            ours.append(document)
    reads = [_read_short(ours), read_sloth(sloth), read_pyrra(pyrra), read_openslo(openslo, limits)]
    targets = {target.name: target for read in reads for target in read.alerts.targets.values()}
    mistakes = [
        *mistakes,
        *(mistake for read in reads for mistake in read.mistakes),
        *mistakes_across([reference for read in reads for reference in read.references], limits),
        *_unknown_targets(reads[0], {*targets, *limits.known_targets}),
    ]
    slas = sorted((sla for read in reads for sla in read.slas), key=lambda sla: sla.name)
    return Lint(
        Definitions(tuple(slas), tuple(sorted(targets.values(), key=lambda target: target.name))),
        tuple(sorted(mistakes)),
        tuple(sorted(note for read in reads for note in read.notes)),
    )


def _members(document: Document) -> list[Document]:
    """The documents in a sequence, or in a list object of Kubernetes; else this one."""
    data = document.data
    if not isinstance(data, dict) or not str(data.get("kind", "")).endswith("List"):
        return document.members()
    items = data.get("items")
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return [document]
    return document.within("items").members() if items else []


def _read_short(documents: Sequence[Document]) -> Read:
    found = Read()
    for document in documents:
        found.references += short_form_references(document)
        if document.data is None:
            continue
        if not _is_short(document.data):
            found.mistakes.append(
                document.mistake(
                    (), "a mapping with the key slas is needed, or a document of OpenSLO, Sloth or Pyrra"
                )
            )
            continue
        try:
            form = document.parse(SlaFile)
        except InvalidDocument as error:
            found.mistakes += error.mistakes
            continue
        for at, sla in enumerate(form.slas):
            try:
                found.slas.append(sla.definition())
            except ValueError:
                found.mistakes += _mistakes_of(document, at, sla)
        for target in form.targets:
            found.alerts.targets[target.name] = target.definition()
    return found


def _is_short(data: object) -> bool:
    """Whether a document has a key of the short form, be it misspelt; else it is something else."""
    keys = set(SlaFile.model_fields)
    return isinstance(data, dict) and any(similar(key, keys) for key in data)


def _mistakes_of(document: Document, at: int, sla: SlaForm) -> Iterator[Mistake]:
    """Why an SLA cannot be made: the SLIs whose parts do not go together. Names that are given twice are
    reported with both places."""
    for index, sli in enumerate(sla.slis):
        try:
            sli.definition(sla)
        except ValueError as error:
            yield document.mistake(("slas", at, "slis", index), str(error))


def _unknown_targets(short: Read, known: Collection[str]) -> list[Mistake]:
    """Targets that alerts of the short form name and nothing defines."""
    return [
        reference.mistake(f"there is no target {reference.text!r}")
        for reference in short.references
        if reference.kind == "alert-target" and reference.text not in known
    ]
