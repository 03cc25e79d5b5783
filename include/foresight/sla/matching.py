"""Which series each indicator means: Prometheus' label matching over many indicators and many series."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from foresight.regexes import full_matches
from foresight.series import SeriesKey
from foresight.sla.definitions import Matcher, Sla, Sli

Rows = NDArray[np.intp]

_LITERALS = re.compile(r"[\w:/@%, -]+(?:\|[\w:/@%, -]+)*", re.ASCII)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Every (indicator, series) pair to evaluate, indicators in order, series in the order of their rows.

    ``sli`` and ``row`` are ``[n_pairs]`` indices; ``lower`` and ``upper`` the bounds, infinite where open.
    """

    sli: Rows
    row: Rows
    lower: NDArray[np.float64]
    upper: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.sli)


def slis_of(slas: Sequence[Sla]) -> list[Sli]:
    """All indicators of all SLAs, in order: what ``Pairs.sli`` counts."""
    return [sli for sla in slas for sli in sla.slis]


def chosen(slas: Sequence[Sla], is_wanted: Callable[[Sla, Sli], bool]) -> list[Sla]:
    """The SLAs with only the SLIs that are wanted; those without any are left out."""
    found = []
    for sla in slas:
        slis = tuple(sli for sli in sla.slis if is_wanted(sla, sli))
        if slis:
            found.append(sla if len(slis) == len(sla.slis) else replace(sla, slis=slis))
    return found


def pair_up(slas: Sequence[Sla], keys: Sequence[SeriesKey]) -> Pairs:
    """Each indicator with each series that it matches."""
    slis = slis_of(slas)
    rows = resolve(slis, keys)
    counts = [len(found) for found in rows]
    lower = np.array([-np.inf if sli.lower is None else sli.lower for sli in slis], np.float64)
    upper = np.array([np.inf if sli.upper is None else sli.upper for sli in slis], np.float64)
    return Pairs(
        np.repeat(np.arange(len(slis), dtype=np.intp), counts),
        np.concatenate([np.empty(0, np.intp), *rows]),
        np.repeat(lower, counts),
        np.repeat(upper, counts),
    )


def resolve(slis: Sequence[Sli], keys: Sequence[SeriesKey]) -> list[Rows]:
    """The rows in ``keys`` that each indicator matches, ascending; empty where it matches none."""
    members: defaultdict[str, list[int]] = defaultdict(list)
    for row, key in enumerate(keys):
        members[key.metric].append(row)
    indexes = {
        metric: _MetricIndex(np.array(members[metric], np.intp), [keys[row] for row in members[metric]])
        for metric in {sli.series_metric for sli in slis} & members.keys()
    }
    empty = np.empty(0, np.intp)
    return [
        indexes[sli.series_metric].matching(sli.matchers) if sli.series_metric in indexes else empty
        for sli in slis
    ]


class _MetricIndex:
    """The series of one metric, with an index on each label that a matcher has asked for."""

    def __init__(self, rows: Rows, keys: list[SeriesKey]) -> None:
        self._rows = rows
        self._labels = [dict(key.labels) for key in keys]
        self._by_label: dict[str, _LabelIndex] = {}

    def matching(self, matchers: tuple[Matcher, ...]) -> Rows:
        places = np.arange(len(self._rows))
        for matcher in sorted(matchers, key=lambda m: (m.is_negative, m.is_regex)):
            if not len(places):
                break
            places = self._index(matcher.label).keep(places, matcher)
        return self._rows[places]

    def _index(self, label: str) -> _LabelIndex:
        if label not in self._by_label:
            self._by_label[label] = _LabelIndex.over([labels.get(label, "") for labels in self._labels])
        return self._by_label[label]


@dataclass(slots=True)
class _LabelIndex:
    """One label over the series of a metric: a code a series, and for each value its series."""

    codes: NDArray[np.int64]
    code_of: dict[str, int]
    order: NDArray[np.intp]
    starts: NDArray[np.int64]
    regex: dict[str, NDArray[np.bool_]] = field(default_factory=dict)

    @classmethod
    def over(cls, values: list[str]) -> _LabelIndex:
        code_of = {value: code for code, value in enumerate(dict.fromkeys(values))}
        codes = np.fromiter((code_of[value] for value in values), np.int64, len(values))
        order = np.argsort(codes, kind="stable")
        return cls(codes, code_of, order, np.searchsorted(codes[order], np.arange(len(code_of) + 1)))

    def keep(self, places: NDArray[np.intp], matcher: Matcher) -> NDArray[np.intp]:
        """The given places that pass the matcher, in order."""
        literals = _literals(matcher.value) if matcher.is_regex else (matcher.value,)
        if literals is None:
            fits = self._fits(matcher.value)
            return places[fits[self.codes[places]] ^ matcher.is_negative]
        codes = [self.code_of[value] for value in literals if value in self.code_of]
        if matcher.is_negative:
            return places[~np.isin(self.codes[places], codes)]
        if len(places) < len(self.codes):
            return places[np.isin(self.codes[places], codes)]
        chosen = [self.order[self.starts[code] : self.starts[code + 1]] for code in codes]
        return np.sort(np.concatenate([np.empty(0, np.intp), *chosen]))

    def _fits(self, expression: str) -> NDArray[np.bool_]:
        """Which values the expression matches as a whole, through RE2 like Prometheus; ``[n_values]``."""
        if expression not in self.regex:
            self.regex[expression] = full_matches(expression, list(self.code_of))
        return self.regex[expression]


def _literals(expression: str) -> tuple[str, ...] | None:
    """The alternatives of an expression that is plain text such as ``a|b``; None where it is more."""
    return tuple(dict.fromkeys(expression.split("|"))) if _LITERALS.fullmatch(expression) else None
