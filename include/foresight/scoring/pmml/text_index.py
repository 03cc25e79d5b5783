"""TextIndex: how often a term stands in a text, and what that counts for."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.frame import Compute, Frame
from foresight.scoring.pmml.text_functions import split_words
from foresight.scoring.pmml.values import Column, cast
from foresight.scoring.pmml.xml import Element

_WEIGHTS: dict[str, Callable[[float], float]] = {
    "termFrequency": lambda count: count,
    "binary": lambda count: float(count > 0),
    "logarithmic": lambda count: math.log10(1.0 + count),
}
_ONLY = {"maxLevenshteinDistance": "0", "countHits": "allHits", "tokenize": "true"}


def read_text_index(element: Element, term: Compute) -> Compute:
    """The weight of ``term`` in each text of a field, missing where either is.

    Words are what stands between separators, without punctuation around them; a term of several words
    is found where they follow each other. Raises ``UnsupportedModel`` for what goes beyond.
    """
    weights = element.get("localTermWeights", "termFrequency")
    if weights not in _WEIGHTS:
        raise UnsupportedModel(f"TextIndex localTermWeights={weights!r}")
    for name, only in _ONLY.items():
        if element.get(name, only) != only:
            raise UnsupportedModel(f"TextIndex {name}={element.get(name)!r}")
    if element.first("TextIndexNormalization") is not None:
        raise UnsupportedModel("TextIndexNormalization")
    field, weigh = element.need("textField"), _WEIGHTS[weights]
    separator = element.get("wordSeparatorCharacterRE", r"\s+")
    folds = element.get("isCaseSensitive", "false") != "true"

    @lru_cache(maxsize=4096)
    def words(text: str) -> tuple[str, ...]:
        return tuple(split_words(text.lower() if folds else text, separator))

    def weight(text: Any, wanted: Any) -> float:
        if text is None or wanted is None:
            return math.nan
        return weigh(float(_occurrences(words(wanted), words(text))))

    def compute(frame: Frame) -> Column:
        texts, terms = (cast(c, "string").texts().tolist() for c in (frame.column(field), term(frame)))
        pairs = list(zip(texts, terms, strict=True))
        answers = {pair: weight(*pair) for pair in dict.fromkeys(pairs)}
        return Column(np.array([answers[pair] for pair in pairs], np.float64), "double")

    return compute


def _occurrences(term: tuple[str, ...], words: tuple[str, ...]) -> int:
    if len(term) == 1:
        return words.count(term[0])
    places = range(len(words) - len(term) + 1) if term else ()
    return sum(words[place : place + len(term)] == term for place in places)
