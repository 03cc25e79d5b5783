"""Evaluates SLAs at one as-of from what is stored."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.analysis import AnalysisParameters
from foresight.errors import FinalError
from foresight.forecasting.parameters import ForecastParameters
from foresight.grid import STEP_SECONDS, WINDOW_SECONDS, Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.services.history import Scene, history_of
from foresight.services.maintenance import read_downtime
from foresight.services.parameters import LEAST_COVERAGE, LEAST_OBSERVED
from foresight.services.slas import read_active
from foresight.sla.definitions import Sla
from foresight.sla.downtime import Maintenance
from foresight.sla.evaluation import evaluate
from foresight.sla.matching import pair_up, slis_of
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.sla.rows import status_rows
from foresight.sla.status import SlaStatus
from foresight.sla.watching import watched_expressions
from foresight.store import Store, StoredSeries, find_series, latest_as_of, save_statuses
from foresight.store.columns import to_arrow
from foresight.store.limits import analysis_limits
from foresight.store.retention import has_lost_samples
from foresight.store.tables import analysed_interval, metadata

log = logging.getLogger(__name__)
Found = TypeVar("Found")

"""How much history an SLA is evaluated on."""
DEFAULT_LIMITS = (30, 0.5)
"""Observed slots, and their share, that a series needs to be forecast where its own limits are not stored."""
ENOUGH = AnalysisParameters(min_observed=LEAST_OBSERVED, min_coverage=LEAST_COVERAGE)
"""What the forecast itself demands: the limits of each series were applied before."""
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
    downtime = store.read(read_downtime)
    return _in_halves(slas, lambda some: _storable(_evaluated(store, some, as_of, downtime)))


def _in_halves(
    slas: Sequence[Sla], work: Callable[[Sequence[Sla]], list[Found]]
) -> tuple[list[Found], dict[str, str]]:
    """What ``work`` finds, and why it cannot for some: what fails together is tried in halves.

    An error of ours is about these SLAs and must not keep the others back. Any other one is a fault of the
    program, or the world failed: then nothing is said of any.
    """
    try:
        return work(slas), {}
    except FinalError as error:
        if len(slas) <= 1:
            log.exception("set aside: %s", [sla.name for sla in slas])
            reason = f"{type(error).__name__}: {error}"[:REASON_LENGTH]
            return [], {sla.name: reason for sla in slas}
    middle = len(slas) // 2
    first, some = _in_halves(slas[:middle], work)
    second, others = _in_halves(slas[middle:], work)
    return first + second, some | others


def _storable(statuses: Iterator[SlaStatus]) -> list[SlaStatus]:
    """The same; raises ``FinalError`` where a figure fits into no column."""
    found = list(statuses)
    for name, columns in status_rows(found).items():
        try:
            to_arrow(metadata.tables[name], columns)
        except ValueError as error:
            raise FinalError(str(error)) from error
    return found


def _evaluated(
    store: Store, slas: Sequence[Sla], as_of: int, downtime: Sequence[Maintenance]
) -> Iterator[SlaStatus]:
    """The statuses, with one forecast for each horizon that the SLAs ask for."""
    enough = ForecastParameters(enough=ENOUGH)
    by_horizon = sorted(slas, key=lambda sla: sla.horizon_minutes)
    for minutes, group in groupby(by_horizon, key=lambda sla: sla.horizon_minutes):
        alike = list(group)

        stored = store.read(partial(_stored_series, slas=alike))
        scene = Scene(store, alike, as_of, partial(_alive, stored), downtime)
        grid = _grid(as_of)
        tracks = scene.tracks(grid, _matched(alike, _alive(stored, _looked_at(alike, grid))))
        history = history_of(scene, tracks)
        matrix, is_default = _with_enough(store, tracks.at_risk())
        ahead = RiskForecasts.of(matrix, tracks.pairs, minutes * 60 // STEP_SECONDS, enough)
        ahead = replace(ahead, has_default_limits=is_default)
        yield from evaluate(alike, tracks.matrix, tracks=tracks, forecasts=ahead, history=history)


def _with_enough(store: Store, matrix: SeriesMatrix) -> tuple[SeriesMatrix, NDArray[np.bool_]]:
    """The matrix without the series that have less than their catalogue entry demanded.

    So a risk rests on exactly the series whose forecast is stored. The second answer marks the rows that were
    held against the defaults of an entry, because no limits are stored with them at this as-of.
    """
    limits = store.read(lambda connection: analysis_limits(connection, matrix.ids, matrix.grid.as_of))
    is_default = np.array([series_id not in limits for series_id in matrix.ids.tolist()], np.bool_)
    demanded = np.array([limits.get(series_id, DEFAULT_LIMITS) for series_id in matrix.ids.tolist()])
    demanded = demanded.reshape(-1, 2)
    n_observed = (~np.isnan(matrix.values)).sum(axis=1)
    is_short = (n_observed < demanded[:, 0]) | (n_observed < demanded[:, 1] * matrix.grid.n_slots)
    values = np.where(is_short[:, None], np.nan, matrix.values)
    return SeriesMatrix(matrix.keys, matrix.grid, values), is_default


def _looked_at(slas: Sequence[Sla], grid: Grid) -> Grid:
    """The grid, made as long as the longest window: a series that ended before it may count still."""
    longest = max((sli.longest_minutes for sli in slis_of(slas)), default=0)
    return Grid(grid.as_of, max(grid.n_slots, longest), grid.step_seconds)


def _stored_series(connection: Connection, slas: Sequence[Sla]) -> list[StoredSeries]:
    """The series of the SLAs' metrics and expressions."""
    metrics = {sli.series_metric for sli in slis_of(slas) if sli.ratio is None}
    metrics |= {entry.name for entry in watched_expressions(slas)}
    return [row for metric in sorted(metrics) for row in find_series(connection, metric)]


def _alive(stored: Sequence[StoredSeries], grid: Grid) -> list[SeriesKey]:
    """Those that may hold a value within the grid."""
    return [
        row.key
        for row in stored
        if row.first_seen is not None and row.first_seen <= grid.as_of and (row.last_seen or 0) > grid.start
    ]


def _matched(slas: Sequence[Sla], keys: Sequence[SeriesKey]) -> list[SeriesKey]:
    """Those that an SLI is judged on, or that a ratio is counted from."""
    rows = pair_up(slas, keys).row
    events = {entry.name for entry in watched_expressions(slas)}
    counted = [row for row, key in enumerate(keys) if key.metric in events]
    return [keys[row] for row in np.unique(np.concatenate([rows, np.array(counted, np.intp)]))]


def _grid(as_of: int) -> Grid:
    return Grid(as_of, WINDOW_SECONDS // STEP_SECONDS, STEP_SECONDS)


def utc(as_of: int) -> str:
    """An as-of for people."""
    return Grid(as_of, 1).as_of_utc.strftime("%Y-%m-%d %H:%M")
