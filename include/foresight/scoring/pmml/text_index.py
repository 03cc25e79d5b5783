"""TextIndex: how often a term occurs in a text, and what that counts for."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml.frame import Compute, Frame
from foresight.scoring.pmml.text_functions import Pattern, compile_pattern, find_words, split_words
from foresight.scoring.pmml.text_functions import replace as replace_text
from foresight.scoring.pmml.values import Column, cast
from foresight.scoring.pmml.xml import Element

_WEIGHTS: dict[str, Callable[[float], float]] = {
    "termFrequency": lambda count: count,
    "binary": lambda count: float(count > 0),
    "logarithmic": lambda count: math.log10(1.0 + count),
}
_HITS = {"allHits", "bestHits"}
MAX_STEPS = 20
"""How often a recursive normalization may go through its table for one text."""
Words = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reading:
    """How a text becomes words, and how many letters of a word may be wrong.

    Words are the texts between matches of ``separator``, without punctuation around them, or, where there
    is a pattern ``word``, what that one matches.
    """

    separator: Pattern
    word: Pattern | None
    folds: bool
    distance: int
    tokenizes: bool

    def words(self, text: str) -> Words:
        """The words of a text."""
        text = text.lower() if self.folds else text
        if self.word is not None:
            return find_words(text, self.word)
        return split_words(text, self.separator) if self.tokenizes else (text,)


@dataclass(frozen=True, slots=True)
class Normalization:
    """Rows that replace one text by another, in order; ``recursive`` ones are used until nothing changes."""

    rows: tuple[tuple[str, str, bool], ...]
    reading: Reading
    recursive: bool

    def apply(self, text: str) -> str:
        """The text after all replacements."""
        for _ in range(MAX_STEPS if self.recursive else 1):
            before = text
            for old, new, is_pattern in self.rows:
                text = self._replaced(text, old, new, is_pattern=is_pattern)
            if text == before:
                return text
        if self.recursive:
            raise InvalidModel(f"a TextIndexNormalization is not at its end after {MAX_STEPS} steps")
        return text

    def _replaced(self, text: str, old: str, new: str, *, is_pattern: bool) -> str:
        if is_pattern:
            return replace_text(text, f"(?i:{old})" if self.reading.folds else old, new)
        words = split_words(text, self.reading.separator, trims=False)
        folded = tuple(word.lower() for word in words) if self.reading.folds else words
        term = self.reading.words(old)
        places = _places(term, folded, self.reading.distance)
        if not places:
            return text
        kept, last = list[str](), 0
        for place, _ in places:
            if place >= last:
                kept += [*words[last:place], new]
                last = place + len(term)
        return " ".join(part for part in [*kept, *words[last:]] if part)


def read_text_index(element: Element, term: Compute) -> Compute:
    """The weight of ``term`` in each text of a field, missing where either is.

    A term of several words is found where they follow each other, each with no more wrong letters than
    allowed. ``bestHits`` counts only those that are nearest.
    """
    weights, hits = element.get("localTermWeights", "termFrequency"), element.get("countHits", "allHits")
    if weights not in _WEIGHTS:
        raise UnsupportedModel(f"TextIndex localTermWeights={weights!r}")
    if hits not in _HITS:
        raise UnsupportedModel(f"TextIndex countHits={hits!r}")
    field, weigh = element.need("textField"), _WEIGHTS[weights]
    reading = _read_reading(element, None)
    steps = [_read_normalization(part, reading) for part in element.all("TextIndexNormalization")]

    @lru_cache(maxsize=4096)
    def words(text: str, *, is_term: bool) -> Words:
        for step in () if is_term else steps:
            text = step.apply(text)
        return reading.words(text)

    def weight(text: Any, wanted: Any) -> float:
        if text is None or wanted is None:
            return math.nan
        found = _places(words(wanted, is_term=True), words(text, is_term=False), reading.distance)
        best = min((wrong for _, wrong in found), default=0)
        return weigh(float(sum(hits == "allHits" or wrong == best for _, wrong in found)))

    def compute(frame: Frame) -> Column:
        texts, terms = (cast(c, "string").texts().tolist() for c in (frame.column(field), term(frame)))
        pairs = list(zip(texts, terms, strict=True))
        answers = {pair: weight(*pair) for pair in dict.fromkeys(pairs)}
        return Column(np.array([answers[pair] for pair in pairs], np.float64), "double")

    return compute


def _read_reading(element: Element, default: Reading | None) -> Reading:
    """The attributes of a TextIndex, or of a normalization, which has those of its TextIndex by default."""
    start = default or Reading(compile_pattern(r"\s+"), None, folds=True, distance=0, tokenizes=True)
    given = element.attributes
    distance = element.number("maxLevenshteinDistance", float(start.distance))
    if distance < 0 or not distance.is_integer():
        raise element.broken("maxLevenshteinDistance must be a whole number from 0 on")
    if "wordSeparatorCharacterRE" in given:
        start = replace(start, separator=compile_pattern(given["wordSeparatorCharacterRE"]))
    if "x-wordRE" in given:
        start = replace(start, word=compile_pattern(given["x-wordRE"]))
    return replace(
        start,
        folds=not element.flag("isCaseSensitive", default=not start.folds),
        distance=int(distance),
        tokenizes=element.flag("tokenize", default=start.tokenizes),
    )


def _read_normalization(element: Element, reading: Reading) -> Normalization:
    old, new = element.get("inField", "string"), element.get("outField", "stem")
    by_pattern = element.get("regexField", "regex")
    rows = []
    for row in element.child("InlineTable").all("row"):
        cells = {cell.tag: cell.text for cell in row.children}
        if old not in cells or new not in cells:
            raise row.broken(f"has no {old if old not in cells else new}")
        is_pattern = cells.get(by_pattern, "false").strip().lower() in {"true", "1"}
        if is_pattern:
            compile_pattern(cells[old])
        rows.append((cells[old], cells[new], is_pattern))
    recursive = element.flag("recursive", default=False)
    return Normalization(tuple(rows), _read_reading(element, reading), recursive)


def _places(term: Words, words: Words, distance: int) -> list[tuple[int, int]]:
    """Where a term occurs among words, with how many wrong letters in all its words."""
    if not term:
        return []
    found = []
    for place in range(len(words) - len(term) + 1):
        wrong = 0
        for wanted, word in zip(term, words[place : place + len(term)], strict=True):
            wrong += 0 if word == wanted else _distance(wanted, word, distance - wrong)
            if wrong > distance:
                break
        else:
            found.append((place, wrong))
    return found


def _distance(one: str, other: str, limit: int) -> int:
    """The Levenshtein distance of two words, or any number above ``limit`` where it is above."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    row: Sequence[int] = range(len(other) + 1)
    for i, a in enumerate(one, start=1):
        new = [i]
        for j, b in enumerate(other, start=1):
            new.append(min(row[j] + 1, new[-1] + 1, row[j - 1] + (a != b)))
        row = new
        if min(row) > limit:
            return limit + 1
    return row[-1]
