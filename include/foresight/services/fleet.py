"""What an overview of all SLIs shows beside the list: counts by state, and the recent course of some."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import and_, func, or_, select

from foresight.grid import STEP_SECONDS, Grid
from foresight.store import Store
from foresight.store.samples import load_values
from foresight.store.tables import forecast, series, sli, sli_latest, sli_status

Pair = tuple[str, str]
RECENT_HOURS: Final = 6
QUANTILES: Final = ("q05", "q25", "q50", "q75", "q95", "joint_low", "joint_high")


@dataclass(frozen=True, slots=True)
class Overview:
    """How many SLIs are in each state at their newest as-of, and the newest as-of of all."""

    counts: dict[str, int]
    n_alerting: int
    as_of: datetime | None


def overview(store: Store) -> Overview:
    """Counts over every active SLI, read from the newest statuses."""
    table = sli_latest.c
    by_state = select(table.state, func.count()).group_by(table.state)
    alerting = select(func.count()).where(table.is_alerting.is_(True))
    newest = select(func.max(table.as_of))
    return store.read(
        lambda c: Overview(
            {state: int(n) for state, n in c.execute(by_state)},
            int(c.execute(alerting).scalar() or 0),
            c.execute(newest).scalar(),
        )
    )


def recent_probabilities(
    store: Store, pairs: Sequence[Pair], until: datetime | None
) -> dict[Pair, list[float | None]]:
    """The probabilities of some SLIs over the last ``RECENT_HOURS`` hours, the oldest first."""
    if not pairs or until is None:
        return {}
    table = sli_status.c
    mine = or_(*(and_(table.sla_name == one, table.sli_name == other) for one, other in pairs))
    query = (
        select(table.sla_name, table.sli_name, table.probability)
        .where(mine, table.as_of > until - timedelta(hours=RECENT_HOURS), table.as_of <= until)
        .order_by(table.as_of)
    )
    found: dict[Pair, list[float | None]] = {pair: [] for pair in pairs}
    for sla_name, sli_name, probability in store.read(lambda c: c.execute(query).all()):
        found[sla_name, sli_name].append(probability)
    return found


@dataclass(frozen=True, slots=True)
class Course:
    """Values of one series before an as-of, and its forecast after it.

    ``slots`` are epoch seconds, ``values`` the same length with None where missing; ``ahead`` holds a row for
    each step of the forecast with its slot and quantiles.
    """

    slots: list[int]
    values: list[float | None]
    ahead: list[dict[str, Any]]


def course(store: Store, series_id: int | None, as_of: datetime, minutes: int = 120) -> Course:
    """The recent values of a series and its forecast made at ``as_of``; both empty without a series."""
    if series_id is None:
        return Course([], [], [])
    at = int(as_of.timestamp())
    grid = Grid(at - at % STEP_SECONDS, minutes)
    table = forecast.c
    columns = [table[name] for name in ("slot", "mean", *QUANTILES) if name in table]
    query = select(*columns).where(table.series_id == series_id, table.as_of == as_of).order_by(table.slot)
    ids: NDArray[np.int64] = np.array([series_id], np.int64)
    values, ahead = store.read(lambda c: (load_values(c, ids, grid)[0], c.execute(query).mappings().all()))
    plain = [None if np.isnan(value) else float(value) for value in values]
    return Course(grid.ends.tolist(), plain, [dict(row) for row in ahead])


def sli_users(store: Store, series_id: int) -> list[dict[str, str]]:
    """The SLIs whose worst series this is now, by name: at most 20."""
    table = sli_status.c
    newest = and_(table.sla_name == sli_latest.c.sla_name, table.sli_name == sli_latest.c.sli_name)
    query = (
        select(table.sla_name, table.sli_name)
        .select_from(sli_latest.join(sli_status, and_(newest, table.as_of == sli_latest.c.as_of)))
        .join(sli, and_(sli.c.sla_name == table.sla_name, sli.c.name == table.sli_name))
        .join(series, series.c.metric == sli.c.metric)
        .where(series.c.series_id == series_id, table.worst_series_id == series_id)
        .order_by(table.sla_name, table.sli_name)
        .limit(20)
    )
    return [dict(row) for row in store.read(lambda c: c.execute(query).mappings().all())]
