"""Evaluates SLAs at one as-of from what is stored."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TypeVar

import numpy as np
from sqlalchemy import Connection

from foresight.analysis import AnalysisParameters
from foresight.errors import FinalError
from foresight.forecasting import ForecastParameters
from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.slas import read_active
from foresight.sla import Outlooks, Sla, SlaStatus, evaluate, pair_up, slis_of
from foresight.sla.rows import status_rows
from foresight.store import Store, find_series, latest_as_of, load_matrix, save_statuses
from foresight.store.columns import to_arrow
from foresight.store.retention import has_lost_samples
from foresight.store.tables import analysed_interval, metadata

log = logging.getLogger(__name__)
Found = TypeVar("Found")

STEP_SECONDS = 60
WINDOW_SECONDS = 12 * 3600
"""How much history an SLA is evaluated on."""
ENOUGH = AnalysisParameters(min_observed=30, min_coverage=0.5)
"""What a series needs to be forecast: the defaults of a catalogue entry."""
SAFE_SECONDS = 24 * 3600
"""Retention takes whole days, at least one after they ended: what is younger is not even looked for."""
REASON_LENGTH = 200


class SamplesGone(FinalError):
    """An interval whose samples retention has removed: what was said of it then stands."""


@dataclass(frozen=True, slots=True)
class Evaluated:
    """What an evaluation stored: SLIs by state, and by name why SLAs were set aside."""

    states: dict[str, int]
    set_aside: dict[str, str]


def evaluate_stored(store: Store, names: Sequence[str], as_of: int) -> Evaluated:
    """Evaluates some SLAs at one as-of from what is stored, and stores their statuses in one transaction.

    An SLA that cannot be evaluated is set aside with its reason. Raises ``SamplesGone``.
    """
    check_kept(store, as_of)
    wanted = set(names)
    active = store.read(read_active).readable
    statuses, set_aside = _judge(store, [sla for sla in active if sla.name in wanted], as_of)
    columns = status_rows(statuses)
    save_statuses(store, as_of, names, columns["sla_status"], columns["sli_status"], columns["sli_window"])
    states = Counter(str(sli.state) for status in statuses for sli in status.slis)
    return Evaluated(dict(states), set_aside)


def check_kept(store: Store, as_of: int) -> None:
    """Raises ``SamplesGone`` where an evaluation at ``as_of`` would see less than there was."""
    if not is_kept(store, as_of):
        raise SamplesGone(
            f"samples of the {WINDOW_SECONDS // 3600} h before {utc(as_of)} are stored no more, and an "
            "evaluation without them would overwrite what was true: retention has removed them. "
            "To evaluate it all the same, run telemetry_analysis for it first, which reads them anew"
        )


def is_kept(store: Store, as_of: int) -> bool:
    """Whether all samples are stored still that an evaluation at ``as_of`` looks at."""
    grid = _grid(as_of)

    def work(connection: Connection) -> bool:
        newest = latest_as_of(connection, analysed_interval)
        is_young = newest is None or grid.start > newest - SAFE_SECONDS
        return is_young or not has_lost_samples(connection, grid)

    return store.read(work)


def _judge(store: Store, slas: Sequence[Sla], as_of: int) -> tuple[list[SlaStatus], dict[str, str]]:
    """The statuses that can be stored, and by name why each other SLA was set aside."""
    grid = _grid(as_of)
    keys = store.read(lambda connection: _alive(connection, slas, grid))
    rows, unmatched = _in_halves(slas, lambda some: [pair_up(some, keys).row])
    matched = [keys[row] for row in np.unique(np.concatenate([np.empty(0, np.intp), *rows]))]
    matrix = store.read(lambda connection: load_matrix(connection, matched, grid))
    observed = matrix.take(np.flatnonzero((~np.isnan(matrix.values)).any(axis=1)))
    rest = [sla for sla in slas if sla.name not in unmatched]
    statuses, set_aside = _in_halves(rest, lambda some: _storable(_evaluated(some, observed)))
    return statuses, unmatched | set_aside


def _in_halves(
    slas: Sequence[Sla], work: Callable[[Sequence[Sla]], list[Found]]
) -> tuple[list[Found], dict[str, str]]:
    """What ``work`` finds, and why it cannot for some: what fails together is tried in halves.

    ``work`` asks nothing of the world, so whatever it raises is about these SLAs, and must not keep the
    others back.
    """
    try:
        return work(slas), {}
    except Exception as error:
        if len(slas) <= 1:
            log.exception("set aside: %s", [sla.name for sla in slas])
            reason = f"{type(error).__name__}: {error}"[:REASON_LENGTH]
            return [], {sla.name: reason for sla in slas}
    middle = len(slas) // 2
    first, some = _in_halves(slas[:middle], work)
    second, others = _in_halves(slas[middle:], work)
    return first + second, some | others


def _storable(statuses: Iterator[SlaStatus]) -> list[SlaStatus]:
    """The same; raises ``ValueError`` where a figure fits into no column."""
    found = list(statuses)
    for name, columns in status_rows(found).items():
        to_arrow(metadata.tables[name], columns)
    return found


def _alive(connection: Connection, slas: Sequence[Sla], grid: Grid) -> list[SeriesKey]:
    """The series of the SLAs' metrics that may hold a value within the grid."""
    return [
        row.key
        for metric in sorted({sli.metric for sli in slis_of(slas)})
        for row in find_series(connection, metric)
        if row.first_seen is not None and row.first_seen <= grid.as_of and (row.last_seen or 0) > grid.start
    ]


def _evaluated(slas: Sequence[Sla], matrix: SeriesMatrix) -> Iterator[SlaStatus]:
    """The statuses, with one forecast for each horizon that the SLAs ask for."""
    enough = ForecastParameters(enough=ENOUGH)
    by_horizon = sorted(slas, key=lambda sla: sla.horizon_minutes)
    for minutes, group in groupby(by_horizon, key=lambda sla: sla.horizon_minutes):
        alike = list(group)
        pairs = pair_up(alike, matrix.keys)
        ahead = Outlooks.of(matrix, pairs, minutes * 60 // STEP_SECONDS, enough)
        yield from evaluate(alike, matrix, pairs, ahead)


def _grid(as_of: int) -> Grid:
    return Grid(as_of, WINDOW_SECONDS // STEP_SECONDS, STEP_SECONDS)


def utc(as_of: int) -> str:
    """An as-of for people."""
    return Grid(as_of, 1).as_of_utc.strftime("%Y-%m-%d %H:%M")
