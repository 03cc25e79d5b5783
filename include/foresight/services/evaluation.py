"""Evaluates SLAs at one as-of from what is stored."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from sqlalchemy import Connection

from foresight.errors import FinalError
from foresight.forecasting.hysteresis import ENDS_AT, REMEMBERED
from foresight.grid import INTERVAL, STEP_SECONDS, WINDOW_SECONDS, Grid
from foresight.instants import minute_text
from foresight.services.calibrators import in_use
from foresight.services.history import Scene, with_long_windows
from foresight.services.indicator_risks import risks_of_tracks
from foresight.services.maintenance import read_downtime
from foresight.services.slas import read_active
from foresight.services.stored_series import StoredKeys
from foresight.sla.counted import Counted, counted_from, counted_held, counted_nothing, merged
from foresight.sla.definitions import Sla
from foresight.sla.downtime import Maintenance
from foresight.sla.evaluation import Figures, figures
from foresight.sla.matching import chosen
from foresight.sla.risk_forecasts import RiskColumns
from foresight.sla.rows import Columns, status_rows
from foresight.sla.tracks import COMPUTED
from foresight.store import Store, latest_as_of, save_statuses
from foresight.store.columns import to_arrow
from foresight.store.limits import analysis_limits
from foresight.store.retention import has_lost_samples
from foresight.store.risks import load_risks
from foresight.store.rollups import load_counts
from foresight.store.tables import analysed_interval, metadata

log = logging.getLogger(__name__)
Rows = dict[str, Columns]
"""Columns by the table that they go into."""

"""How much history an SLA is evaluated on."""
COMPUTED_AT_MOST = 500
"""SLIs whose risk an evaluation computes itself where none is stored."""
NOT_FORECAST = "not_forecast"
"""Why there is no probability where none is stored, and there are too many SLIs to compute it."""
INTERVAL_SECONDS = int(INTERVAL.total_seconds())
RISK_KEY = ("sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes")
RISK_COLUMNS = (
    "probability", "reason", "expected_first_slot", "expected_violated_minutes", "predicted", "components",
    "model", "mase", "calibrator", "has_default_limits",
)  # fmt: skip
SAFE_SECONDS = 24 * 3600
"""Retention takes whole days, at least one after they ended: what is younger is not even looked for."""
REASON_LENGTH = 200


class SamplesGone(FinalError):
    """An interval whose samples retention has removed: what was said of it then is kept."""


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
    active = store.read(lambda connection: read_active(connection, names)).readable
    parts, set_aside = _judge(store, active, as_of)
    columns = _joined(parts)
    save_statuses(store, as_of, names, columns["sla_status"], columns["sli_status"], columns["sli_window"])
    return Evaluated(dict(Counter(columns["sli_status"]["state"])), set_aside)


def _joined(parts: Sequence[Rows]) -> Rows:
    """Rows of parts of the SLAs, one after another."""
    if len(parts) == 1:
        return parts[0]
    whole = status_rows(figures([], counted_nothing(0)))
    return {
        table: {name: [value for part in parts for value in part[table][name]] for name in columns}
        for table, columns in whole.items()
    }


def check_kept(store: Store, as_of: int) -> None:
    """Raises ``SamplesGone`` where an evaluation at ``as_of`` would see less than there was."""
    if not is_kept(store, as_of):
        raise SamplesGone(
            f"samples of the {WINDOW_SECONDS // 3600} h before {minute_text(as_of)} are stored no more, and "
            "an evaluation without them would overwrite what was true: retention has removed them. "
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


def _judge(store: Store, slas: Sequence[Sla], as_of: int) -> tuple[list[Rows], dict[str, str]]:
    """The rows that can be stored, and by name why each other SLA was set aside."""
    downtime = store.read(read_downtime)
    return _in_halves(slas, lambda some: [_storable(store, some, as_of, downtime)] if some else [])


def _in_halves(
    slas: Sequence[Sla], work: Callable[[Sequence[Sla]], list[Rows]]
) -> tuple[list[Rows], dict[str, str]]:
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


def _storable(store: Store, slas: Sequence[Sla], as_of: int, downtime: Sequence[Maintenance]) -> Rows:
    """The rows of SLAs; raises ``FinalError`` where a figure fits into no column."""
    rows = status_rows(_evaluated(store, slas, as_of, downtime))
    for name, columns in rows.items():
        try:
            to_arrow(metadata.tables[name], columns)
        except ValueError as error:
            raise FinalError(str(error)) from error
    return rows


def _evaluated(store: Store, slas: Sequence[Sla], as_of: int, downtime: Sequence[Maintenance]) -> Figures:
    """The figures, from what the run that read the samples has counted and forecast.

    What it has not, because it ran before an SLI was applied or samples changed since, is counted from
    samples.
    """
    names = [sla.name for sla in slas]
    stored = store.read(lambda connection: load_counts(connection, as_of, names))
    scene = Scene(store, slas, as_of, StoredKeys(store, slas), downtime)
    numbers = {key: number for number, key in enumerate(scene.keys_of_counts)}
    counted, there = counted_from(numbers, as_of, STEP_SECONDS, stored)
    late = [number for number in range(len(scene.slis)) if number not in there]
    if late:
        counted = merged([(counted, range(len(scene.slis))), (_counted_late(scene, late), late)])
    counted = with_long_windows(scene, counted)
    return figures(slas, counted, _risks(scene, counted), scene.downtime_now())


def _counted_late(scene: Scene, numbers: Sequence[int]) -> Counted:
    """What the SLIs at these positions have, counted from samples."""
    mine = _part(scene, numbers)
    return counted_held(mine.slas, mine.tracks(_grid(scene.as_of)))


def _part(scene: Scene, numbers: Sequence[int]) -> Scene:
    """The scene with the SLIs at these positions alone."""
    names = {(sla.name, sli.name) for sla, sli in (scene.slis[number] for number in numbers)}
    slas = chosen(scene.slas, lambda sla, sli: (sla.name, sli.name) in names)
    return replace(scene, slas=slas, keys=StoredKeys(scene.store, slas))


def _risks(scene: Scene, counted: Counted) -> RiskColumns:
    """The stored risk of each track; of a few SLIs without one it is computed, of many it is not."""
    names = [sla.name for sla in scene.slas]
    stored = scene.store.read(
        lambda connection: load_risks(connection, scene.as_of, names, (*RISK_KEY, *RISK_COLUMNS))
    )
    place = _places(stored)
    tracks = _risk_keys(scene, counted)
    absent = sorted(
        {number for number, key in zip(counted.sli.tolist(), tracks, strict=True) if key not in place}
    )
    if 0 < len(absent) <= COMPUTED_AT_MOST:
        mine = _part(scene, absent)
        more = _computed(mine)
        start = len(stored["probability"])
        place = {key: start + at for key, at in _places(more).items()} | place
        stored = {name: [*stored[name], *more.get(name, ())] for name in stored}
    at = [place.get(key, -1) for key in tracks]
    columns: dict[str, list[Any]] = {
        name: [stored[name][each] if each >= 0 else None for each in at] for name in RISK_COLUMNS
    }
    columns["reason"] = [
        reason if each >= 0 else NOT_FORECAST for reason, each in zip(columns["reason"], at, strict=True)
    ]
    columns["recent"] = _recent(scene, columns["probability"], tracks)
    return columns


def _recent(
    scene: Scene, probabilities: Sequence[float | None], tracks: Sequence[tuple[Any, ...]]
) -> list[list[float]]:
    """The stored probabilities of each track at the five as-ofs before, oldest first; NaN: none.

    They are read only where they can matter: where a risk that had begun would not have ended yet.
    """
    found = np.full((len(tracks), REMEMBERED - 1), np.nan)
    begins = {
        (sla.name, sli.name): sli.choices.at_risk_probability or sla.at_risk_probability
        for sla, sli in scene.slis
    }
    open_tracks = {}
    for at, (key, said) in enumerate(zip(tracks, probabilities, strict=True)):
        begin = begins[key[:2]]
        if said is not None and ENDS_AT * begin <= said < begin:
            open_tracks[key] = at
    names = sorted({key[0] for key in open_tracks})
    for back in range(1, REMEMBERED if names else 1):
        as_of, columns = scene.as_of - back * INTERVAL_SECONDS, (*RISK_KEY, "probability")
        stored = scene.store.read(partial(load_risks, as_of=as_of, sla_names=names, names=columns))
        for key, said in zip(_places(stored), stored["probability"], strict=True):
            if key in open_tracks and said is not None:
                found[open_tracks[key], REMEMBERED - 1 - back] = said
    listed: list[list[float]] = found.tolist()
    return listed


def _places(columns: Mapping[str, Sequence[Any]]) -> dict[tuple[Any, ...], int]:
    keys = zip(*(columns.get(name, ()) for name in RISK_KEY), strict=True)
    return {key: at for at, key in enumerate(keys)}


def _risk_keys(scene: Scene, counted: Counted) -> list[tuple[Any, ...]]:
    """What the risk of each track is stored under."""
    pairs = zip(scene.slis, scene.countings, strict=True)
    slis = [(sla.name, sli.name, counting, sla.horizon_minutes) for (sla, sli), counting in pairs]
    keys = []
    for number, series in zip(counted.sli.tolist(), counted.series_id.tolist(), strict=True):
        sla, sli, revision, horizon = slis[number]
        keys.append((sla, sli, revision, series, horizon))
    return keys


def _computed(scene: Scene) -> Columns:
    """The risk of SLIs from samples."""
    tracks = scene.tracks(_grid(scene.as_of))
    ids = np.array([key.id for key in tracks.matrix.keys if key.metric != COMPUTED], np.int64)
    limits = scene.store.read(lambda connection: analysis_limits(connection, ids, scene.as_of))
    used = in_use(scene.store, scene.as_of)
    return risks_of_tracks(tracks, scene.slas, 0, limits, used).get("sli_risk", {})


def _grid(as_of: int) -> Grid:
    return Grid(as_of, WINDOW_SECONDS // STEP_SECONDS, STEP_SECONDS)
