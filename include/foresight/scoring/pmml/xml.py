"""XML from strangers: a small tree of elements, read with expat under limits.

No document type, so no entities of its own and none from outside; bounded bytes, elements, depth and
length of a tag or text. What breaks a limit is refused as soon as it is seen, before it is kept.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

from foresight.scoring.errors import InvalidModel, UnsupportedModel

MAX_BYTES = 256 * 1024 * 1024
MAX_ELEMENTS = 2_000_000
MAX_DEPTH = 256
MAX_TOKEN_BYTES = 1024 * 1024
"""Longest start tag, with all its attributes."""
MAX_TEXT_CHARACTERS = 16 * 1024 * 1024
MAX_CELLS = 20_000_000
"""Numbers of a table that a few words of a document may ask for."""
_CHUNK = 64 * 1024
_INCLUSION = "http://www.w3.org/2001/XInclude "
_SKIPPED = frozenset({"Extension", "ModelStats", "ModelExplanation", "Header"})
"""Elements that never change a prediction: counted against the limits and not kept."""


@dataclass(slots=True)
class Element:
    """One element, without its name space; ``line`` is 1-based."""

    tag: str
    attributes: dict[str, str]
    line: int
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def get(self, name: str, default: str = "") -> str:
        """An attribute, or ``default``."""
        return self.attributes.get(name, default)

    def need(self, name: str) -> str:
        """An attribute that must be there."""
        if name not in self.attributes:
            raise self.broken(f"attribute {name} is missing")
        return self.attributes[name]

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number in an attribute; raises ``InvalidModel`` for anything else."""
        text = self.attributes.get(name)
        if text is None:
            if default is None:
                raise self.broken(f"attribute {name} is missing")
            return default
        return self.finite(text, name)

    def optional(self, name: str) -> float | None:
        """A finite number in an attribute, or None where the attribute is not given."""
        text = self.attributes.get(name)
        return None if text is None else self.finite(text, name)

    def flag(self, name: str, *, default: bool) -> bool:
        """A truth value in an attribute; raises ``InvalidModel`` for anything else."""
        text = self.attributes.get(name, str(default)).strip().lower()
        if text not in {"true", "false", "1", "0"}:
            raise self.broken(f"{name} {text[:40]!r} is neither true nor false")
        return text in {"true", "1"}

    def finite(self, text: str, what: str) -> float:
        """``text`` as a finite number."""
        try:
            value = float(text)
        except ValueError as error:
            raise self.broken(f"{what} {text[:40]!r} is not a number") from error
        if not math.isfinite(value):
            raise self.broken(f"{what} {text[:40]!r} is not a finite number")
        return value

    def first(self, *tags: str) -> Element | None:
        """The first child of one of these names."""
        return next((child for child in self.children if child.tag in tags), None)

    def child(self, *tags: str) -> Element:
        """The first child of one of these names, which must be there."""
        found = self.first(*tags)
        if found is None:
            raise self.broken(f"has no {' or '.join(tags)}")
        return found

    def all(self, *tags: str) -> list[Element]:
        """The children of these names, in order."""
        return [child for child in self.children if child.tag in tags]

    def walk(self) -> Iterator[Element]:
        """This element and all below it."""
        stack = [self]
        while stack:
            element = stack.pop()
            yield element
            stack.extend(reversed(element.children))

    @property
    def is_single(self) -> bool:
        """Whether a model asks to be computed in single precision; raises ``UnsupportedModel`` for others."""
        context = self.get("x-mathContext", "double")
        if context not in {"double", "float"}:
            raise UnsupportedModel(f"{self.tag} x-mathContext={context[:80]!r}")
        return context == "float"

    def bound_table(self, *sizes: int) -> None:
        """Raise ``InvalidModel`` for a table that is much larger than what was written of it."""
        cells = math.prod(sizes)
        if cells > MAX_CELLS:
            raise self.broken(f"makes a table of {cells} numbers, more than the {MAX_CELLS} allowed")

    def broken(self, reason: str) -> InvalidModel:
        """The error for something wrong in this element."""
        return InvalidModel(f"line {self.line}: {self.tag}: {reason}")


class _Builder:
    """Receives expat's events; keeps the tree and the limits."""

    def __init__(self, parser: expat.XMLParserType) -> None:
        self.root: Element | None = None
        self._parser = parser
        self._stack: list[Element] = []
        self._texts: list[list[str]] = []
        self._depth = self._count = self._text = 0
        self._skip_from = 0
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._data
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.EntityDeclHandler = self._refuse_doctype
        parser.buffer_text = True
        parser.buffer_size = 1024 * 1024

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        self._count += 1
        if self._depth > MAX_DEPTH:
            raise InvalidModel(
                f"line {self._parser.CurrentLineNumber}: nested deeper than {MAX_DEPTH} elements"
            )
        if self._count > MAX_ELEMENTS:
            raise InvalidModel(f"more than {MAX_ELEMENTS} elements")
        if name.startswith(_INCLUSION):
            raise InvalidModel("XInclude is not allowed in a model: it must be complete in itself")
        tag = name.rpartition(" ")[2]
        # R writes the continuous inputs of a NaiveBayesModel into an Extension.
        kept = tag == "Extension" and self._stack and self._stack[-1].tag == "BayesInputs"
        if self._skip_from or (tag in _SKIPPED and not kept):
            self._skip_from = self._skip_from or self._depth
            return
        plain = {key: value for key, value in attributes.items() if " " not in key}
        element = Element(tag, plain, self._parser.CurrentLineNumber)
        if self._stack:
            self._stack[-1].children.append(element)
        else:
            self.root = element
        self._stack.append(element)
        self._texts.append([])

    def _end(self, _name: str) -> None:
        if not self._skip_from:
            self._stack.pop().text = "".join(self._texts.pop())
        elif self._skip_from == self._depth:
            self._skip_from = 0
        self._depth -= 1

    def _data(self, text: str) -> None:
        self._text += len(text)
        if self._text > MAX_TEXT_CHARACTERS:
            raise InvalidModel(f"more than {MAX_TEXT_CHARACTERS} characters of text")
        if self._stack and not self._skip_from:
            self._texts[-1].append(text)

    def _refuse_doctype(self, *_: object) -> None:
        raise InvalidModel("a document type (DOCTYPE) and entities are not allowed in a model")


def read_xml(source: bytes | Path) -> Element:
    """The root element of a document; raises ``InvalidModel`` for anything broken or beyond the limits."""
    size = source.stat().st_size if isinstance(source, Path) else len(source)
    if size > MAX_BYTES:
        raise InvalidModel(f"{size} bytes, more than the {MAX_BYTES} allowed")
    data = source.read_bytes() if isinstance(source, Path) else source
    parser = expat.ParserCreate(namespace_separator=" ")
    builder = _Builder(parser)
    try:
        for start in range(0, len(data), _CHUNK):
            parser.Parse(data[start : start + _CHUNK], False)
            # expat keeps an unfinished token and says where it began.
            if start + _CHUNK - max(parser.CurrentByteIndex, 0) > MAX_TOKEN_BYTES:
                raise InvalidModel(f"a tag or an attribute longer than {MAX_TOKEN_BYTES} bytes")
        parser.Parse(b"", True)
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise InvalidModel(f"not well-formed XML: {error}") from error
    if builder.root is None:
        raise InvalidModel("the document has no element")
    return builder.root
