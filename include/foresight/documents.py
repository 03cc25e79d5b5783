"""YAML that people write: loaded safely, checked against a model, every mistake with file and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.reader import Reader, ReaderError

from foresight.composing import Lines, composed, dotted
from foresight.errors import InvalidDocument, Mistake
from foresight.reasons import reason_of

MAX_BYTES = 64 * 1024 * 1024
"""A document larger than this is refused before it is parsed."""

Model = TypeVar("Model", bound=BaseModel)
Location = Sequence[str | int]


class Document:
    """One YAML document: plain values, and the line of each of its fields."""

    def __init__(self, file: str, data: Any, lines: Lines, first_line: int) -> None:
        self.file = file
        self.data = data
        self._lines, self._first_line = lines, first_line

    def members(self) -> list[Document]:
        """The documents in a sequence of mappings, which is how some tools write several; else this one."""
        if not isinstance(self.data, list) or not isinstance(self._lines, list):
            return [self]
        if not self.data or not all(isinstance(item, dict) for item in self.data):
            return [self]
        return [
            Document(self.file, item, lines, line)
            for item, (line, lines) in zip(self.data, self._lines, strict=True)
        ]

    def within(self, key: str) -> Document:
        """What stands under a key, as a document of its own."""
        line, lines = self._lines[key] if isinstance(self._lines, dict) else (self._first_line, None)
        return Document(self.file, self.data[key], lines, line)

    def line(self, location: Location) -> int:
        """The 1-based line of a field, or of the nearest enclosing one that is there."""
        return self._found(location)[0] + 1

    def written(self, location: Location) -> str:
        """A value that is no text, as it is written there."""
        found = self._found(location)[1]
        return found if isinstance(found, str) else ""

    def _found(self, location: Location) -> tuple[int, Lines]:
        line, lines = self._first_line, self._lines
        for step in location:
            if isinstance(lines, dict) and str(step) in lines:
                line, lines = lines[str(step)]
            elif isinstance(lines, list) and isinstance(step, int) and step < len(lines):
                line, lines = lines[step]
            else:
                break
        return line, lines

    def mistake(self, location: Location, reason: str) -> Mistake:
        """A mistake at ``location``, with its line."""
        return Mistake(self.file, self.line(location), dotted(location), reason)

    def parse(self, model: type[Model]) -> Model:
        """The document as ``model``; raises ``InvalidDocument`` with every mistake."""
        try:
            return model.model_validate(self.data)
        except ValidationError as error:
            # Discriminated unions put the chosen tag into the location; `line` steps over what is not there.
            mistakes = [
                self.mistake(e["loc"], reason_of(dict(e), model)) for e in error.errors(include_url=False)
            ]
            raise InvalidDocument(mistakes) from error


def read_documents(path: Path) -> list[Document]:
    """Every YAML document in a file; empty ones are left out. Raises ``InvalidDocument``."""
    if not path.is_file():
        raise InvalidDocument([Mistake(str(path), 0, "", "there is no such file")])
    if path.stat().st_size > MAX_BYTES:
        raise InvalidDocument([Mistake(str(path), 0, "", f"larger than {MAX_BYTES} bytes")])
    given = path.read_bytes()
    try:
        return parse_documents(given.decode(), str(path))
    except UnicodeDecodeError as error:
        line = given.count(b"\n", 0, error.start) + 1
        kind = " but UTF-16" if given[:2] in {b"\xff\xfe", b"\xfe\xff"} else ""
        reason = f"the text is not UTF-8{kind}: save it as UTF-8"
        raise InvalidDocument([Mistake(str(path), line, "", reason)]) from error


def parse_documents(text: str, file: str) -> list[Document]:
    """Every YAML document in ``text``, reported as ``file``. Raises ``InvalidDocument``."""
    try:
        return [Document(file, each.data, each.lines, each.line) for each in composed(text, file)]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise InvalidDocument([Mistake(file, line, "", _syntax_reason(error, text, line))]) from error
    except ReaderError as error:
        # Its position counts bytes or characters, as PyYAML was built.
        found = Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 0
        raise InvalidDocument([Mistake(file, line, "", f"not valid YAML: {error.reason}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidDocument([Mistake(file, 0, "", f"not valid YAML: {error}")]) from error


def _syntax_reason(error: yaml.MarkedYAMLError, text: str, line: int) -> str:
    written = text.split("\n", line)[line - 1 : line] if line else []
    if any(row[: len(row) - len(row.lstrip())].count("\t") for row in written):
        return "not valid YAML: a tab indents this line, where YAML allows blanks only"
    return f"not valid YAML: {error.problem or error.context}"
