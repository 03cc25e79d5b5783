"""YAML text to plain values with the line of each, in one pass over the events of PyYAML's parser.

PyYAML's own tree of nodes takes a kilobyte a value and several times as long. An alias is what its anchor
holds, counted again wherever it stands, so that a small text cannot grow huge.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import yaml
from yaml.constructor import SafeConstructor
from yaml.resolver import Resolver

from foresight.errors import InvalidDocument, Mistake

MAX_DEPTH = 100
"""A text nested deeper is refused."""

MAX_NODES = 5_000_000
"""A text with more keys, values, lists and mappings is refused: each takes a few hundred bytes."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same parser several times as fast, where PyYAML was built with libyaml."""

_TAG = "tag:yaml.org,2002:"
_TEXT, _MERGE = f"{_TAG}str", f"{_TAG}merge"
_NUMBERS = {f"{_TAG}int", f"{_TAG}float"}
_COLLECTIONS = {None, "!", f"{_TAG}map", f"{_TAG}seq"}
_NOT_DECIMAL = re.compile(r"[-+]?0[0-9_xb][^.]*|.*:.*")
"""Numbers that YAML 1.1 reads to another base: 010 to 8, 0x10 and 0b10 to 16 and 2, 1:30 to 60."""
_POWER: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)[eE][-+]?[0-9]+")
"""Numbers of YAML 1.2 and JSON that YAML 1.1 takes for text, such as 1e9."""

Lines = dict[str, tuple[int, Any]] | list[tuple[int, Any]] | str | None
"""The 0-based line of each member and what is within it. A value that is no text: as it is written."""


@dataclass(frozen=True, slots=True)
class Composed:
    """One document: its plain value, the lines within it, and the 0-based line where it begins."""

    data: Any
    lines: Lines
    line: int


@dataclass(slots=True)
class _Open:
    """A mapping or a list whose end has not come."""

    line: int
    anchor: str | None
    n_before: int
    data: Any
    lines: Any
    key: str | None = None
    key_line: int = 0
    has_key: bool = False
    merged: list[tuple[Any, Lines]] = field(default_factory=list)

    @property
    def is_mapping(self) -> bool:
        return isinstance(self.data, dict)


def composed(text: str, file: str) -> Iterator[Composed]:
    """Every document in the text that is not empty.

    Raises ``InvalidDocument`` with every mistake of the text at its end, at once for what is too large or too
    deep, and PyYAML's errors for what is no YAML.
    """
    reader = _Reader(file)
    for event in yaml.parse(text, Loader=_LOADER):
        found = reader.take(event)
        if found is not None:
            yield found
    if reader.mistakes:
        raise InvalidDocument(sorted(reader.mistakes))


class _Reader:
    """What has been read of a text so far."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.mistakes: list[Mistake] = []
        self._n_nodes = 0
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, Lines, int]] = {}

    def take(self, event: Any) -> Composed | None:
        """The document that ends with this event, if one does and it is not empty."""
        kind = type(event)
        line = event.start_mark.line
        if kind is yaml.ScalarEvent:
            self._count(1, line)
            data, lines = self._scalar(event, line)
            return self._place(data, lines, line, event.anchor, 1, is_empty=_is_empty(event))
        if kind in {yaml.MappingStartEvent, yaml.SequenceStartEvent}:
            self._begin(event, line, kind is yaml.MappingStartEvent)
        elif kind in {yaml.MappingEndEvent, yaml.SequenceEndEvent}:
            done = self._open.pop()
            if done.merged:
                done.data, done.lines = _merged(done)
            n_nodes = self._n_nodes - done.n_before
            return self._place(done.data, done.lines, done.line, done.anchor, n_nodes)
        elif kind is yaml.AliasEvent:
            return self._alias(event.anchor, line)
        elif kind is yaml.DocumentStartEvent:
            self._anchors.clear()
        return None

    def _begin(self, event: Any, line: int, is_mapping: bool) -> None:
        self._count(1, line)
        if len(self._open) == MAX_DEPTH:
            raise InvalidDocument([self._at(line, f"nested deeper than {MAX_DEPTH} levels")])
        parent = self._open[-1] if self._open else None
        if parent is not None and parent.is_mapping and not parent.has_key:
            self._wrong(line, "", "a mapping or a list cannot be a key")
        elif event.tag not in _COLLECTIONS:
            self._wrong(line, self._dotted(), f"not valid here: the tag {event.tag.removeprefix(_TAG)!r}")
        if event.anchor:
            self._anchors.pop(event.anchor, None)
        made: Any = {} if is_mapping else []
        self._open.append(_Open(line, event.anchor, self._n_nodes - 1, made, type(made)()))

    def _scalar(self, event: Any, line: int) -> tuple[Any, Lines]:
        text, tag = event.value, event.tag
        if tag in {None, "!"}:
            if tag == "!" or not event.implicit[0]:
                return text, None
            tag, value, reason = _plain(text)
        else:
            value, reason = _constructed(tag, text)
        if tag == _TEXT:
            return text, None
        owner = self._open[-1] if self._open else None
        if owner is not None and owner.is_mapping and not owner.has_key:
            if tag != _MERGE:
                kind = tag.rpartition(":")[2]
                self._wrong(line, text, f"a key is text, and YAML reads this one as {kind}: quote it")
            return text, tag
        if reason:
            self._wrong(line, self._dotted(), reason)
        return value, text

    def _alias(self, anchor: str, line: int) -> Composed | None:
        found = self._anchors.get(anchor)
        if found is None:
            self._count(1, line)
            is_inside = any(each.anchor == anchor for each in self._open)
            reason = (
                f"*{anchor} stands within what it refers to" if is_inside else f"there is no anchor &{anchor}"
            )
            self._wrong(line, self._dotted(), reason)
            return self._place({}, {}, line, None, 1)
        data, lines, n_nodes = found
        self._count(n_nodes, line)
        owner = self._open[-1] if self._open else None
        if owner is not None and owner.is_mapping and not owner.has_key and not isinstance(data, str):
            self._wrong(line, "", "a mapping or a list cannot be a key")
            data = None
        return self._place(data, lines, line, None, n_nodes)

    def _place(
        self, data: Any, lines: Lines, line: int, anchor: str | None, n_nodes: int, *, is_empty: bool = False
    ) -> Composed | None:
        """Puts a whole value where it stands: into what is open, or out as a document."""
        if anchor:
            self._anchors[anchor] = data, lines, n_nodes
        if not self._open:
            return None if is_empty else Composed(data, lines, line)
        owner = self._open[-1]
        if not owner.is_mapping:
            owner.data.append(data)
            owner.lines.append((line, lines))
        elif not owner.has_key:
            self._take_key(owner, data, lines, line)
        else:
            self._take_value(owner, data, lines, line)
        return None

    def _take_key(self, owner: _Open, data: Any, lines: Lines, line: int) -> None:
        owner.has_key, owner.key_line = True, line
        owner.key = data if isinstance(data, str) else None
        if lines == _MERGE:
            if owner.merged:
                self._wrong(line, "<<", "given twice")
            owner.key = None
            owner.key_line = -1
        elif owner.key is not None and owner.key in owner.lines:
            self._wrong(line, owner.key, "given twice")

    def _take_value(self, owner: _Open, data: Any, lines: Lines, line: int) -> None:
        owner.has_key = False
        if owner.key is not None:
            owner.data[owner.key] = data
            owner.lines[owner.key] = owner.key_line, lines
        elif owner.key_line < 0:
            parts: list[tuple[Any, tuple[int, Any]]] = [(data, (line, lines))]
            if isinstance(data, list) and isinstance(lines, list):
                parts = list(zip(data, lines, strict=True))
            for part, (_, inner) in parts:
                if isinstance(part, dict):
                    owner.merged.append((part, inner))
                else:
                    self._wrong(line, "<<", "a mapping is needed, or a list of them")

    def _count(self, n_nodes: int, line: int) -> None:
        self._n_nodes += n_nodes
        if self._n_nodes > MAX_NODES:
            reason = f"more than {MAX_NODES} keys and values in one file: split it"
            raise InvalidDocument([self._at(line, reason)])

    def _wrong(self, line: int, place: str, reason: str) -> None:
        self.mistakes.append(Mistake(self.file, line + 1, place, reason))

    def _at(self, line: int, reason: str) -> Mistake:
        return Mistake(self.file, line + 1, "", reason)

    def _dotted(self) -> str:
        """Where the value that comes next stands."""
        return dotted([each.key or "" if each.is_mapping else len(each.data) for each in self._open])


def dotted(location: Any) -> str:
    """A location as users read it, such as ``slas[0].name``."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return text.removeprefix(".")


def _merged(owner: _Open) -> tuple[Any, Any]:
    """A mapping with what it merges; its own keys win, then those of the earlier part."""
    data: dict[str, Any] = {}
    lines: dict[str, Any] = {}
    for part, inner in (*reversed(owner.merged), (owner.data, owner.lines)):
        data |= part
        lines |= inner
    return data, lines


def _is_empty(event: Any) -> bool:
    return bool(event.start_mark.index == event.end_mark.index)


@lru_cache(maxsize=4096)
def _plain(text: str) -> tuple[str, Any, str | None]:
    """Tag and value of a plain scalar, and why it is none or another one than it looks."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))
    if tag == _TEXT:
        if not _POWER.fullmatch(text):
            return tag, text, None
        tag = f"{_TAG}float"
    return tag, *_constructed(tag, text)


def _constructed(tag: str, text: str) -> tuple[Any, str | None]:
    """The value of a scalar with a tag, and why it is none or another one than it looks."""
    if tag in {_TEXT, _MERGE}:
        return text, None
    kind = tag.rpartition(":")[2]
    try:
        value = SafeConstructor().construct_object(yaml.ScalarNode(tag, text))
    except yaml.MarkedYAMLError as error:
        return None, f"not valid YAML: {error.problem}"
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return None, f"not valid YAML: {text!r} is no {kind}: {error}"
    if tag in _NUMBERS and _NOT_DECIMAL.fullmatch(text):
        return None, (
            f"YAML reads {text} as {value}: write a number in decimal digits, "
            "a length of time with its unit, such as 12h, and text in quotes"
        )
    return value, None


_RESOLVER: Any = Resolver()


class Dumper(getattr(yaml, "CSafeDumper", yaml.SafeDumper)):  # type: ignore[misc] # whichever there is
    """Writes plain values so that they are read back here: text that looks like 1e9 stands in quotes."""


Dumper.add_implicit_resolver(f"{_TAG}float", _POWER, list("-+.0123456789"))
