"""Which series each indicator means: Prometheus' label matching over many indicators and many series."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from foresight.matchers import LabelIndex, Rows
from foresight.series import SeriesKey
from foresight.sla.definitions import Sla, Sli


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
        metric: (np.array(members[metric], np.intp), LabelIndex([keys[row] for row in members[metric]]))
        for metric in {sli.series_metric for sli in slis} & members.keys()
    }
    return [_matched(indexes.get(sli.series_metric), sli) for sli in slis]


def _matched(index: tuple[Rows, LabelIndex] | None, sli: Sli) -> Rows:
    if index is None:
        return np.empty(0, np.intp)
    rows, labels = index
    return rows[labels.matching(sli.matchers)]
