"""Verification of predictions: what was stored, joined with what happened, hour by hour.

Only stored predictions and stored samples are read. An hour is judged one hour after the longest horizon of
its predictions is over, and again when samples of it have changed since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from foresight.analysis.arrays import Flags, Integers, Matrix, Vector
from foresight.forecasting.outcomes import Outcomes, outcomes_of
from foresight.forecasting.verification import bin_of, log_losses
from foresight.grid import STEP_SECONDS, Grid
from foresight.services.maintenance import read_downtime
from foresight.services.sla_history import stored_history
from foresight.services.slas import read_active
from foresight.services.verified_bands import judge_bands
from foresight.sla.definitions import Sla
from foresight.sla.downtime import Maintenance, excluded_slots
from foresight.sla.tracks import grid_with_lead, tracks_of
from foresight.sla.windows import is_one_by_one
from foresight.store import Store
from foresight.store.samples import load_values
from foresight.store.verification import (
    HOUR,
    VERIFICATION_LOCK,
    count_features,
    load_predictions,
    metrics_of,
    present_share,
    save_verified,
    settle_features,
    thin_features,
    unjudged_hours,
)

LONGEST_HORIZON: Final = 60
"""Minutes: no prediction looks farther."""
SETTLED_SECONDS: Final = HOUR
"""How long after its horizon an outcome is final."""
LOOKED_BACK: Final = 48
"""Hours before the newest that are judged where they were not yet, or where samples have changed since."""
MOST_HOURS: Final = 12
"""Hours that one run judges; the others wait for the next."""
MOST_FEATURES: Final = 2_000_000
"""Sides in the sample that a refit learns from."""
DEFAULT_THRESHOLD: Final = 0.5

Columns = dict[str, Any]


@dataclass(frozen=True, slots=True)
class HourVerified:
    """What became of the predictions of one hour; ``hour`` is its end, epoch seconds. All but the first two
    add up to ``n_predicted``."""

    hour: int
    n_predicted: int
    n_judged: int
    n_unknown: int
    n_downtime: int
    n_outside: int
    n_silent: int
    n_late: int


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions as they were stored, as arrays; the order is theirs."""

    columns: Mapping[str, list[Any]]

    def __len__(self) -> int:
        return len(self.columns["as_of"])

    def _numbers(self, name: str, missing: float) -> Vector:
        return np.array([missing if value is None else value for value in self.columns[name]], np.float64)

    @cached_property
    def as_of(self) -> NDArray[np.int64]:
        """Epoch seconds."""
        return np.array(self.columns["as_of"], np.int64)

    @cached_property
    def series(self) -> NDArray[np.int64]:
        """0 where it is computed from several."""
        return np.array(self.columns["series_id"], np.int64)

    @cached_property
    def horizon(self) -> NDArray[np.int64]:
        """Minutes."""
        return np.array(self.columns["horizon_minutes"], np.int64)

    @cached_property
    def probability(self) -> Vector:
        """NaN where there is none."""
        return self._numbers("probability", np.nan)

    @cached_property
    def bounds(self) -> tuple[Vector, Vector]:
        """Lower and upper, infinite where open."""
        return self._numbers("lower_bound", -np.inf), self._numbers("upper_bound", np.inf)

    @cached_property
    def expected(self) -> Vector:
        """The expected first slot, epoch seconds; NaN without one."""
        return self._numbers("expected_first_slot", np.nan)

    @cached_property
    def is_outside(self) -> Flags:
        """Whether the newest sample was outside."""
        return np.array([bool(value) for value in self.columns["is_outside_now"]], np.bool_)

    @cached_property
    def is_late(self) -> Flags:
        """Whether it was computed when its horizon was over: then it is no prediction."""
        computed = np.array(self.columns["computed_at"], np.int64)
        return computed > self.as_of + self.horizon * STEP_SECONDS

    def name(self, at: int) -> tuple[str, str]:
        """SLA and SLI."""
        return self.columns["sla_name"][at], self.columns["sli_name"][at]

    def key(self, at: int) -> tuple[Any, ...]:
        """What tells its indicator, series and horizon from others."""
        names = ("sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes")
        return tuple(self.columns[name][at] for name in names)


@dataclass(frozen=True, slots=True, eq=False)
class _Judged:
    """Predictions with what happened; arrays of shape ``[n]``."""

    outcomes: Outcomes
    above: Flags
    """A sample was above the upper bound."""
    below: Flags
    kind: NDArray[np.int64]
    """Place in :data:`KINDS`."""


KINDS: Final = ("judged", "unknown", "downtime", "outside", "silent", "late")


def newest_final(as_of: int) -> int:
    """The end of the newest hour whose outcomes are final at an instant, epoch seconds."""
    return (as_of - SETTLED_SECONDS - LONGEST_HORIZON * STEP_SECONDS) // HOUR * HOUR


def verify_due(store: Store, as_of: int) -> list[HourVerified]:
    """Judges the newest hour that is final at ``as_of``, and those before it that were not judged.

    Whoever changes samples forgets that an hour was judged on them, so that it is judged again.
    """
    newest = newest_final(as_of)
    missing = store.read(lambda c: unjudged_hours(c, newest - LOOKED_BACK * HOUR, newest - HOUR))
    return [verify_hour(store, hour) for hour in [newest, *missing[: MOST_HOURS - 1]]]


def _outcome_time(hour: int) -> tuple[int, int]:
    """The slots that the outcomes of an hour's predictions may come from."""
    return hour - HOUR, hour + LONGEST_HORIZON * STEP_SECONDS


def verify_hour(store: Store, hour: int) -> HourVerified:
    """Judges the predictions of the hour that ends at ``hour``, and stores their sums anew.

    The same whatever was stored of it before, and in whatever order hours are judged.
    """
    predictions = Predictions(store.read(lambda c: load_predictions(c, hour - HOUR, hour)))
    active = store.read(read_active).readable
    downtime = store.read(read_downtime)
    after, until = _outcome_time(hour)
    grid = Grid(until, (until - after) // STEP_SECONDS, STEP_SECONDS)
    judged = _judge(store, predictions, active, downtime, grid)
    counts = {f"n_{name}": int((judged.kind == at).sum()) for at, name in enumerate(KINDS)}
    leads = _leads(store, predictions, judged, active, hour)
    ids = np.unique(predictions.series[predictions.series != 0])
    metrics = store.read(lambda connection: metrics_of(connection, ids))
    sums = _sums(predictions, judged, leads, metrics)
    bands = judge_bands(store, hour)
    left, unknown = _sides(predictions, judged)

    def work(connection: Connection) -> None:
        save_verified(connection, hour, sums, bands, {"n_predicted": len(predictions), **counts})
        share = present_share(connection)
        settle_features(connection, hour, left, unknown, share)
        n, n_left = count_features(connection)
        while n > MOST_FEATURES and n > n_left and share > 1e-6:
            share /= 2
            thin_features(connection, share)
            n, n_left = count_features(connection)

    store.transact(work, lock=VERIFICATION_LOCK)
    return HourVerified(hour, len(predictions), **counts)


def _judge(
    store: Store,
    predictions: Predictions,
    active: Sequence[Sla],
    downtime: Sequence[Maintenance],
    grid: Grid,
) -> _Judged:
    n = len(predictions)
    samples, row = _samples(store, predictions, active, grid)
    lower, upper = predictions.bounds
    happened, first = np.full(n, np.nan), np.full(n, np.nan)
    above, below, excluded = (np.zeros(n, np.bool_) for _ in range(3))
    masks = _masks(predictions, active, downtime, grid)
    start = (predictions.as_of - grid.start) // STEP_SECONDS
    for minutes in np.unique(predictions.horizon).tolist():
        mine = np.flatnonzero(predictions.horizon == minutes)
        slots = start[mine, None] + np.arange(minutes * 60 // STEP_SECONDS)
        ahead = samples[row[mine, None], slots]
        down = masks[1][masks[0][mine, None], slots]
        found = outcomes_of(ahead, lower[mine], upper[mine], down)
        happened[mine], first[mine] = found.happened, found.first_slot
        excluded[mine] = down.any(axis=1)
        with np.errstate(invalid="ignore"):
            above[mine] = (ahead > upper[mine, None]).any(axis=1)
            below[mine] = (ahead < lower[mine, None]).any(axis=1)
    kind = np.select(
        [predictions.is_late, np.isnan(predictions.probability), predictions.is_outside, excluded,
         np.isnan(happened)],
        [KINDS.index(name) for name in ("late", "silent", "outside", "downtime", "unknown")],
        KINDS.index("judged"),
    )  # fmt: skip
    return _Judged(Outcomes(happened, first), above, below, kind)


def _samples(
    store: Store, predictions: Predictions, active: Sequence[Sla], grid: Grid
) -> tuple[Matrix, Integers]:
    """The samples that outcomes come from, ``[n_rows, n_slots]``, and the row of each prediction.

    Stored series come first, then rows that are computed from several, then one without any sample.
    """
    ids = np.unique(predictions.series[predictions.series != 0])
    stored = store.read(lambda connection: load_values(connection, ids, grid))
    row = np.searchsorted(ids, predictions.series)
    computed, place = _computed(store, predictions, active, grid)
    nothing = len(ids) + len(computed)
    for at in np.flatnonzero(predictions.series == 0).tolist():
        found = place.get((*predictions.name(at), predictions.columns["sli_revision"][at]))
        row[at] = nothing if found is None else len(ids) + found
    return np.concatenate([stored, computed, np.full((1, grid.n_slots), np.nan)]), row


def _computed(
    store: Store, predictions: Predictions, active: Sequence[Sla], grid: Grid
) -> tuple[Matrix, dict[tuple[str, str, str], int]]:
    """Rows of SLIs that are judged on what is computed from several series, and which is whose.

    A prediction of another revision than the active one has no row: its outcome is not known.
    """
    names = {predictions.name(at) for at in np.flatnonzero(predictions.series == 0).tolist()}
    wanted = [
        sla
        for sla in active
        if any((sla.name, sli.name) in names and not is_one_by_one(sli) for sli in sla.slis)
    ]
    if not wanted:
        return np.empty((0, grid.n_slots)), {}
    matrix = stored_history(store)(wanted, grid_with_lead(grid))
    tracks = tracks_of(wanted, matrix, has_lead=True)
    owners = [(sla, sli) for sla in wanted for sli in sla.slis]
    samples = tracks.at_risk().values
    rows: list[Vector] = []
    place: dict[tuple[str, str, str], int] = {}
    for track, number in enumerate(tracks.pairs.sli.tolist()):
        sla, sli = owners[number]
        if not is_one_by_one(sli):
            place[sla.name, sli.name, sli.counting] = len(rows)
            rows.append(samples[tracks.pairs.row[track]])
    return np.array(rows).reshape(-1, grid.n_slots), place


def _masks(
    predictions: Predictions, active: Sequence[Sla], downtime: Sequence[Maintenance], grid: Grid
) -> tuple[Integers, Flags]:
    """The slots of planned downtime, a row an SLA that has some, and the row of each prediction; the first
    row has none."""
    rows, place = [np.zeros(grid.n_slots, np.bool_)], {}
    for sla in active:
        mine = [window for window in downtime if window.covers(sla)]
        if mine and (mask := excluded_slots(mine, grid)).any():
            place[sla.name] = len(rows)
            rows.append(mask)
    row = np.array([place.get(name, 0) for name in predictions.columns["sla_name"]], np.int64)
    return row, np.array(rows)


def _leads(
    store: Store, predictions: Predictions, judged: _Judged, active: Sequence[Sla], hour: int
) -> dict[int, float]:
    """By prediction, the last one before a violation began: for how many minutes an alert had stood; 0: none.

    An alert stands while neighbouring predictions reach the threshold; those of the hour before count too.
    """
    thresholds = {
        (sla.name, sli.name): sli.choices.at_risk_probability or sla.at_risk_probability
        for sla in active
        for sli in sla.slis
    }
    begins: dict[tuple[Any, ...], int] = {}
    for at in np.flatnonzero((judged.kind == 0) & (judged.outcomes.happened == 1)).tolist():
        slot = int(predictions.as_of[at] + judged.outcomes.first_slot[at] * STEP_SECONDS)
        key = (*predictions.key(at), slot)
        if key not in begins or predictions.as_of[at] > predictions.as_of[begins[key]]:
            begins[key] = at
    if not begins:
        return {}
    names = sorted({key[0] for key in begins})
    before = Predictions(store.read(lambda c: load_predictions(c, hour - 2 * HOUR, hour - HOUR, names)))
    said: dict[tuple[Any, ...], dict[int, float]] = {}
    for some in (before, predictions):
        wanted = {key[:-1] for key in begins}
        for at in range(len(some)):
            if (key := some.key(at)) in wanted:
                said.setdefault(key, {})[int(some.as_of[at])] = float(some.probability[at])
    return {
        at: _stood(said[key[:-1]], int(predictions.as_of[at]), key[-1], thresholds.get(predictions.name(at)))
        for key, at in begins.items()
    }


def _stood(said: Mapping[int, float], as_of: int, slot: int, threshold: float | None) -> float:
    """Minutes from the first of the neighbouring predictions at the threshold to a slot; 0 without any."""
    limit = DEFAULT_THRESHOLD if threshold is None else threshold
    since = None
    for instant in sorted((at for at in said if at <= as_of), reverse=True):
        if not said[instant] >= limit:
            break
        since = instant
    return 0.0 if since is None else (slot - since) / 60


def _sums(
    predictions: Predictions, judged: _Judged, leads: Mapping[int, float], metrics: Mapping[int, str]
) -> Columns:
    """Rows of ``risk_hour``: the judged predictions by SLI, horizon, forecaster, calibrator and bin."""
    chosen = np.flatnonzero(judged.kind == 0)
    said = predictions.probability[chosen]
    happened = judged.outcomes.happened[chosen] == 1
    slot = predictions.as_of[chosen] + judged.outcomes.first_slot[chosen] * STEP_SECONDS
    off = np.abs(predictions.expected[chosen] - slot) / 60
    lead = np.array([leads.get(at, np.nan) for at in chosen.tolist()], np.float64)
    figures = {
        "n": np.ones(len(chosen)),
        "n_violated": happened.astype(np.float64),
        "sum_said": said,
        "sum_brier": (said - happened) ** 2,
        "sum_log_loss": log_losses(said, happened),
        "n_minutes": np.isfinite(off).astype(np.float64),
        "sum_minutes_off": np.nan_to_num(off),
        "n_begun": np.isfinite(lead).astype(np.float64),
        "n_foretold": (lead > 0).astype(np.float64),
        "sum_lead_minutes": np.nan_to_num(lead),
    }
    names = ("sla_name", "sli_name", "sli_revision", "horizon_minutes", "model", "calibrator")
    columns = [[predictions.columns[name][at] for at in chosen.tolist()] for name in names]
    first, group = _grouped([*columns, bin_of(said).tolist()])
    rows = chosen[first]
    found: Columns = {name: [column[at] for at in first] for name, column in zip(names, columns, strict=True)}
    found |= {
        "bin": bin_of(said)[first],
        "metric": [metrics.get(one) for one in predictions.series[rows].tolist()],
    }
    for name, values in figures.items():
        total = np.bincount(group, values, minlength=len(first))
        found[name] = total if name.startswith("sum") else total.astype(np.int64)
    return found


def _grouped(columns: Sequence[Sequence[Any]]) -> tuple[list[int], Integers]:
    """The first row of each group of equal rows, and the group of each row."""
    places: dict[tuple[Any, ...], int] = {}
    first: list[int] = []
    group = np.empty(len(columns[0]), np.int64)
    for at, row in enumerate(zip(*columns, strict=True)):
        found = places.setdefault(row, len(first))
        if found == len(first):
            first.append(at)
        group[at] = found
    return first, group


def _sides(predictions: Predictions, judged: _Judged) -> tuple[Columns, Columns]:
    """The sides that were left, and the predictions that were not judged, by their keys."""
    names = ("as_of", "sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes")

    def keys(chosen: Any) -> Columns:
        return {name: [predictions.columns[name][at] for at in chosen.tolist()] for name in names}

    is_judged = judged.kind == 0
    parts = [(1, np.flatnonzero(is_judged & judged.above)), (-1, np.flatnonzero(is_judged & judged.below))]
    left = keys(np.concatenate([rows for _, rows in parts]))
    return left | {"side": [side for side, rows in parts for _ in rows]}, keys(np.flatnonzero(~is_judged))


def plain_hours(hours: Sequence[HourVerified]) -> list[dict[str, int]]:
    """The same as JSON values."""
    return [asdict(hour) for hour in hours]
