"""Documents of other tools, read key by key: what is there, what is wrong with it, and what nobody read."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterator
from datetime import date
from typing import Any, Final

from foresight.documents import Document, Location
from foresight.durations import duration_seconds
from foresight.errors import Mistake
from foresight.reasons import shown, similar, unknown_key
from foresight.sla import rules
from foresight.sla.definitions import Notes

NEEDED: Final = "is needed"
ONE_OF: Final = ("give either", "exactly one of")
"""How a reason begins that is about several keys of a mapping."""
Rule = Callable[[Any], str | None]


class Part:
    """A mapping within a document. A reader asks for each key it knows; ``finish`` notes all other keys.

    A mistake is noted once with its place, and reading goes on with None, so that other mistakes are found.
    """

    def __init__(self, document: Document, location: Location, data: Any, mistakes: list[Mistake]) -> None:
        self.document = document
        self.location = tuple(location)
        self.mistakes = mistakes
        self._known: set[str] = set()
        self.data: dict[str, Any] = data if isinstance(data, dict) else {}
        if not isinstance(data, dict):
            self.wrong((), f"a mapping of keys is needed, got {shown(data)}")

    @classmethod
    def of(cls, document: Document) -> Part:
        """The whole document."""
        return cls(document, (), document.data, [])

    def wrong(self, key: str | tuple[str | int, ...], reason: str) -> None:
        """Note a mistake at a key, or at the path of one."""
        steps = (key,) if isinstance(key, str) else key
        self.mistakes.append(self.document.mistake((*self.location, *steps), reason))

    def has(self, key: str) -> bool:
        """Whether the key is there with a value."""
        self._known.add(key)
        return self.data.get(key) is not None

    def ignore(self, *keys: str) -> list[str]:
        """Keys that are known and mean nothing here; answers which of them are there."""
        return [key for key in keys if self.has(key)]

    def text(self, key: str, default: str | None = None, *, rule: Rule | None = None) -> str:
        """A text; without a default it is needed."""
        if not self.has(key):
            if default is None:
                self._missing(key)
            return default or ""
        given = self.data[key]
        if not isinstance(given, str):
            self.wrong(key, f"text is needed, got {shown(given)}: quote it")
            return default or ""
        if len(given) > rules.MAX_QUERY:
            self.wrong(key, f"at most {rules.MAX_QUERY} characters are allowed")
        elif rule is not None and (reason := rule(given)):
            self.wrong(key, reason)
        return given

    def name(self, key: str = "name") -> str:
        """A name, as SLAs and SLIs have one."""
        return self.text(key, rule=rules.name_mistake)

    def choice(self, key: str, options: Collection[str], default: str | None = None) -> str:
        """One of several texts."""
        given = self.text(key, default)
        if given and given not in options and self.data.get(key) is not None:
            self.wrong(key, f"must be one of {', '.join(options)}, got {shown(given)}")
        return given

    def number(self, key: str, *, rule: Rule | None = None) -> float | None:
        """A finite number; None where it is absent or wrong."""
        if not self.has(key):
            return None
        given = self.data[key]
        if isinstance(given, bool) or not isinstance(given, int | float) or not _is_finite(given):
            self.wrong(key, f"a finite number is needed, got {shown(given)}")
            return None
        if rule is not None and (reason := rule(given)):
            self.wrong(key, reason)
            return None
        return given

    def flag(self, key: str, *, default: bool) -> bool:
        """True or false."""
        if not self.has(key):
            return default
        given = self.data[key]
        if not isinstance(given, bool):
            self.wrong(key, f"true or false is needed, got {shown(given)}")
            return default
        return given

    def duration(self, key: str, *, bare_is_minutes: bool = False) -> int | None:
        """Seconds of a duration; None where it is absent or wrong."""
        if not self.has(key):
            return None
        given = self.data[key]
        if bare_is_minutes and type(given) is int and 0 < given <= rules.DEFAULT_LONGEST_WINDOW:
            return given * 60
        try:
            return duration_seconds(given if isinstance(given, str) else repr(given))
        except ValueError as error:
            self.wrong(key, str(error))
            return None

    def part(self, key: str) -> Part | None:
        """A mapping within this one; None where it is absent."""
        return (
            Part(self.document, (*self.location, key), self.data[key], self.mistakes)
            if self.has(key)
            else None
        )

    def needed(self, key: str) -> Part | None:
        """The same, and a mistake where it is absent."""
        if not self.has(key):
            self._missing(key)
            return None
        return self.part(key)

    def items(self, key: str) -> list[Any]:
        """A list; empty where it is absent."""
        if not self.has(key):
            return []
        given = self.data[key]
        if not isinstance(given, list):
            self.wrong(key, f"a list is needed, got {shown(given)}")
            return []
        return given

    def parts(self, key: str) -> list[Part]:
        """A list of mappings."""
        place = (*self.location, key)
        return [
            Part(self.document, (*place, at), item, self.mistakes) for at, item in enumerate(self.items(key))
        ]

    def texts(self, key: str, *, as_written: bool = False) -> dict[str, str]:
        """A mapping of texts; ``as_written``, of anything that is one line, as it stands there."""
        inner = self.part(key)
        if inner is None:
            return {}
        return {name: inner.written(name) if as_written else inner.text(name, "") for name in inner.data}

    def written(self, key: str) -> str:
        """A text, or a number or flag as it is written."""
        given = self.data[key]
        if given is None or isinstance(given, str | list | dict):
            return self.text(key, "")
        self._known.add(key)
        return self.document.written((*self.location, key))

    def labels(self, key: str = "labels") -> Iterator[tuple[str, str]]:
        """Labels, each with one text or a list of them."""
        inner = self.part(key)
        for name in inner.data if inner is not None else ():
            given = inner.data[name] if inner is not None else None
            for value in given if isinstance(given, list) else [given]:
                if isinstance(value, str):
                    yield name, value
                elif inner is not None:
                    inner.wrong(name, f"text is needed, got {shown(value)}: quote it")

    def finish(self) -> None:
        """Note every key that nobody asked for; the key that is meant is then not missing too."""
        unknown = [key for key in self.data if key not in self._known]
        for key in unknown:
            if meant := similar(key, self._known - self.data.keys()):
                self._forget_missing(meant)
            self.wrong(key, unknown_key(key, self._known))

    def _forget_missing(self, key: str) -> None:
        here, there = (self.document.mistake((*self.location, *step), "").field for step in ((), (key,)))
        self.mistakes[:] = [
            mistake
            for mistake in self.mistakes
            if not (mistake.field == there and mistake.reason.endswith(NEEDED))
            and not (mistake.field == here and mistake.reason.startswith(ONE_OF))
        ]

    def _missing(self, key: str) -> None:
        self.wrong(key, f"{key} {NEEDED}")


def instant_text(part: Part, key: str) -> str:
    """A local time, which YAML may have read as an instant already, as text."""
    given = part.data.get(key)
    if isinstance(given, date):
        part.has(key)
        return given.strftime("%Y-%m-%d %H:%M:%S")
    return part.text(key)


def notes_of(display_name: str, metadata: Part, skip: Callable[[str], bool] = lambda _: False) -> Notes:
    """Labels and annotations of a document, for people."""
    annotations = metadata.texts("annotations")
    kept = tuple((key, text) for key, text in annotations.items() if not skip(key))
    return Notes(display_name, tuple(dict.fromkeys(metadata.labels())), kept)


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:
        return False
