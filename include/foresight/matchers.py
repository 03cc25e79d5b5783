"""Label matchers of PromQL, and which series they let through: the catalogue and SLAs share one meaning."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from foresight.regexes import full_matches, regex_mistake
from foresight.series import SeriesKey, escape

Operator = Literal["=", "!=", "=~", "!~"]
Rows = NDArray[np.intp]

MAX_VALUE: Final = 1024
"""The longest name or value of a label that a matcher takes, in characters."""

_PLAIN_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_LITERALS = re.compile(r"[\w:/@%, -]+(?:\|[\w:/@%, -]+)*", re.ASCII)


def label_mistake(label: str) -> str | None:
    """Why this cannot be a label's name (Prometheus 3 allows any UTF-8)."""
    if label == "__name__":
        return "the metric has a field of its own, and is not given as the label __name__"
    if not label or len(label) > MAX_VALUE or not label.isprintable():
        shown = repr(label if len(label) <= 60 else f"{label[:60]}…")
        return f"the name of a label is 1 to {MAX_VALUE} printable characters, got {shown}"
    return None


def value_mistake(op: str, value: str) -> str | None:
    """Why this operator and value do not make a matcher. Regular expressions are RE2's, as in Prometheus."""
    if op not in get_args(Operator):
        return f"{op!r} is no operator; there are {', '.join(get_args(Operator))}"
    if len(value) > MAX_VALUE:
        return f"longer than {MAX_VALUE} characters"
    return regex_mistake(value) if op in {"=~", "!~"} else None


@dataclass(frozen=True, slots=True, order=True)
class Matcher:
    """One label matcher; regular expressions match the whole value, and an absent label counts as ``""``.

    Raises ``ValueError`` for a label, operator or value that breaks a rule.
    """

    label: str
    op: Operator
    value: str

    def __post_init__(self) -> None:
        if mistake := label_mistake(self.label) or value_mistake(self.op, self.value):
            raise ValueError(mistake)

    @property
    def is_regex(self) -> bool:
        """Whether ``value`` is a regular expression."""
        return self.op in {"=~", "!~"}

    @property
    def is_negative(self) -> bool:
        """Whether a series passes when the value does *not* fit."""
        return self.op in {"!=", "!~"}

    def __str__(self) -> str:
        label = self.label if _PLAIN_LABEL.fullmatch(self.label) else f'"{escape(self.label)}"'
        return f'{label}{self.op}"{escape(self.value)}"'


def matching(keys: Sequence[SeriesKey], matchers: Iterable[Matcher]) -> Rows:
    """The rows of the keys that every matcher lets through, ascending."""
    return LabelIndex(keys).matching(matchers)


class LabelIndex:
    """Some series, with an index on each label that a matcher has asked for: for many questions."""

    def __init__(self, keys: Sequence[SeriesKey]) -> None:
        self._labels = [dict(key.labels) for key in keys]
        self._values: dict[str, _Values] = {}

    def matching(self, matchers: Iterable[Matcher]) -> Rows:
        """The rows that every matcher lets through, ascending."""
        rows = np.arange(len(self._labels), dtype=np.intp)
        for matcher in sorted(matchers, key=lambda m: (m.is_negative, m.is_regex)):
            if not len(rows):
                break
            rows = self._of(matcher.label).keep(rows, matcher)
        return rows

    def _of(self, label: str) -> _Values:
        if label not in self._values:
            self._values[label] = _Values.over([labels.get(label, "") for labels in self._labels])
        return self._values[label]


@dataclass(slots=True)
class _Values:
    """The values of one label: a code a series, and for each value its series."""

    codes: NDArray[np.int64]
    code_of: dict[str, int]
    order: Rows
    starts: NDArray[np.int64]
    fits: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @classmethod
    def over(cls, values: list[str]) -> _Values:
        code_of = {value: code for code, value in enumerate(dict.fromkeys(values))}
        codes = np.fromiter((code_of[value] for value in values), np.int64, len(values))
        order = np.argsort(codes, kind="stable")
        return cls(codes, code_of, order, np.searchsorted(codes[order], np.arange(len(code_of) + 1)))

    def keep(self, rows: Rows, matcher: Matcher) -> Rows:
        """The given rows that pass the matcher, in order."""
        literals = _literals(matcher.value) if matcher.is_regex else (matcher.value,)
        if literals is None:
            return rows[self._fitting(matcher.value)[self.codes[rows]] ^ matcher.is_negative]
        codes = [self.code_of[value] for value in literals if value in self.code_of]
        if matcher.is_negative:
            return rows[~np.isin(self.codes[rows], codes)]
        if len(rows) < len(self.codes):
            return rows[np.isin(self.codes[rows], codes)]
        chosen = [self.order[self.starts[code] : self.starts[code + 1]] for code in codes]
        return np.sort(np.concatenate([np.empty(0, np.intp), *chosen]))

    def _fitting(self, expression: str) -> NDArray[np.bool_]:
        """Which values the expression matches as a whole, through RE2 like Prometheus; ``[n_values]``."""
        if expression not in self.fits:
            self.fits[expression] = full_matches(expression, list(self.code_of))
        return self.fits[expression]


def _literals(expression: str) -> tuple[str, ...] | None:
    """The alternatives of an expression that is plain text such as ``a|b``; None where it is more."""
    return tuple(dict.fromkeys(expression.split("|"))) if _LITERALS.fullmatch(expression) else None
