"""YAML that people write: loaded safely, checked against a model, every mistake with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from yaml.constructor import SafeConstructor
from yaml.reader import Reader, ReaderError

from foresight.errors import InvalidDocument, Mistake
from foresight.reasons import reason_of

MAX_BYTES = 64 * 1024 * 1024
"""A document larger than this is refused before it is parsed."""

MAX_DEPTH = 100
"""A document nested deeper is refused before it is composed: composing recurses, in C without a guard."""

MAX_NODES = 300_000
"""A text with more keys, values, lists and mappings is refused before it is composed: each takes 1 KB."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same loader five times as fast, where PyYAML was built with libyaml."""

_TEXT, _NUMBERS = "tag:yaml.org,2002:str", {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
_NOT_DECIMAL = re.compile(r"[-+]?0[0-9_xb][^.]*|.*:.*")
"""Numbers that YAML 1.1 reads to another base: 010 to 8, 0x10 and 0b10 to 16 and 2, 1:30 to 60."""

Model = TypeVar("Model", bound=BaseModel)
Location = Sequence[str | int]


class Document:
    """One YAML document with the line of each of its fields."""

    def __init__(self, file: str, root: yaml.Node) -> None:
        self.file = file
        self._root = root
        self.data: Any = _construct(root)

    def members(self) -> list[Document]:
        """The documents in a sequence of mappings, which is how some tools write several; else this one."""
        root = self._root
        items = root.value if isinstance(root, yaml.SequenceNode) else []
        if not items or not all(isinstance(node, yaml.MappingNode) for node in items):
            return [self]
        return [Document(self.file, node) for node in items]

    def line(self, location: Location) -> int:
        """The 1-based line of a field, or of the nearest enclosing one that is there."""
        node, line = self._root, self._root.start_mark.line
        for step in location:
            child = _child(node, step)
            if child is None:
                break
            line, node = child
        return line + 1

    def mistake(self, location: Location, reason: str) -> Mistake:
        """A mistake at ``location``, with its line."""
        return Mistake(self.file, self.line(location), _dotted(location), reason)

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
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InvalidDocument([Mistake(str(path), 0, "", f"not UTF-8: {error}")]) from error
    return parse_documents(text, str(path))


def parse_documents(text: str, file: str) -> list[Document]:
    """Every YAML document in ``text``, reported as ``file``. Raises ``InvalidDocument``."""
    try:
        _check_shape(text, file)
        roots = [
            root
            for root in yaml.compose_all(text, Loader=_LOADER)
            if root.start_mark.index < root.end_mark.index
        ]
        mistakes = [mistake for root in roots for mistake in _structure_mistakes(root, file)]
        if mistakes:
            raise InvalidDocument(mistakes)
        return [Document(file, root) for root in roots]
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        reason = f"not valid YAML: {error.problem or error.context}"
        raise InvalidDocument([Mistake(file, line, "", reason)]) from error
    except ReaderError as error:
        # Its position counts bytes or characters, as PyYAML was built.
        found = Reader.NON_PRINTABLE.search(text)
        line = text.count("\n", 0, found.start()) + 1 if found else 0
        raise InvalidDocument([Mistake(file, line, "", f"not valid YAML: {error.reason}")]) from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InvalidDocument([Mistake(file, 0, "", f"not valid YAML: {error}")]) from error


def _check_shape(text: str, file: str) -> None:
    """Bounds what composing takes, from the events of the parser, which come one at a time."""
    depth = n_nodes = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.NodeEvent):
            n_nodes += 1
            if n_nodes > MAX_NODES:
                line = event.start_mark.line + 1 if event.start_mark else 0
                reason = f"more than {MAX_NODES} keys and values in one file: split it"
                raise InvalidDocument([Mistake(file, line, "", reason)])
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else 0
                raise InvalidDocument([Mistake(file, line, "", f"nested deeper than {MAX_DEPTH} levels")])
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _construct(root: yaml.Node) -> Any:
    """Plain values of a composed node, through the safe constructor only."""
    constructor = yaml.SafeLoader("")
    try:
        return constructor.construct_document(root)
    except (AttributeError, LookupError) as error:  # PyYAML on a tag that its value does not fit
        raise yaml.YAMLError(f"a value does not fit its tag: {error}") from error
    finally:
        constructor.dispose()


def _structure_mistakes(root: yaml.Node, file: str) -> Iterator[Mistake]:
    """Keys given twice (YAML keeps the last without a word), keys that are no plain text, values that are not
    what they look like, and aliases (a small file can grow huge).
    """
    seen: set[int] = set()
    stack: list[tuple[yaml.Node, Location]] = [(root, ())]
    while stack:
        node, location = stack.pop()
        if id(node) in seen:
            yield Mistake(file, node.start_mark.line + 1, "", "anchors and aliases are not allowed here")
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            stack.extend((value, (*location, number)) for number, value in enumerate(node.value))
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                stack.append((value, (*location, getattr(key, "value", ""))))
                if reason := _key_mistake(key, names):
                    field = key.value if isinstance(key, yaml.ScalarNode) else ""
                    yield Mistake(file, key.start_mark.line + 1, field, reason)
        elif reason := _value_mistake(node):
            yield Mistake(file, node.start_mark.line + 1, _dotted(location), reason)


def _key_mistake(key: yaml.Node, names: set[str]) -> str | None:
    """Why this cannot be a key next to these, to which it is added."""
    if not isinstance(key, yaml.ScalarNode):
        return "a mapping or a list cannot be a key"
    if key.value in names:
        return "given twice"
    names.add(key.value)
    if key.tag != _TEXT:
        return f"a key is text, and YAML reads this one as {_kind(key)}: quote it"
    return None


def _value_mistake(node: yaml.Node) -> str | None:
    """Why this is no value, or another one than it looks."""
    if node.tag == _TEXT:
        return None
    try:
        value = SafeConstructor().construct_object(node)
    except yaml.MarkedYAMLError as error:
        return f"not valid YAML: {error.problem}"
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return f"not valid YAML: {node.value!r} is no {_kind(node)}: {error}"
    if node.tag in _NUMBERS and _NOT_DECIMAL.fullmatch(node.value):
        return (
            f"YAML reads {node.value} as {value}: write a number in decimal digits, "
            "a length of time with its unit, such as 12h, and text in quotes"
        )
    return None


def _kind(node: yaml.Node) -> str:
    return str(node.tag).rpartition(":")[2]


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line, value
    elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


def _dotted(location: Location) -> str:
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)
    return text.removeprefix(".")
