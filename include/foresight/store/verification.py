"""Predictions as they were stored, and the sums of what became of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table, bindparam, delete, func, insert, select, update

from foresight.store.bulk import upsert
from foresight.store.column_types import Instant
from foresight.store.columns import Columns
from foresight.store.reading import epoch, read_columns
from foresight.store.tables import (
    band_hour,
    forecast,
    risk_day,
    risk_feature,
    risk_hour,
    series,
    series_analysis,
    sli_risk,
    verified_hour,
)
from foresight.store.windows import IDS_AT_ONCE, chunks

VERIFICATION_LOCK: Final = "verification"
"""Whoever writes sums, or thins the sample, holds this lock."""
HOUR, DAY = 3600, 86_400
PREDICTION: Final = (
    "as_of", "sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes", "probability",
    "expected_first_slot", "is_outside_now", "lower_bound", "upper_bound", "model", "calibrator",
    "computed_at",
)  # fmt: skip
_KEY: Final = ("as_of", "sla_name", "sli_name", "sli_revision", "series_id", "horizon_minutes")
_NAMES_AT_ONCE: Final = 500
_SUMS: Final = (
    "n", "n_violated", "sum_said", "sum_brier", "sum_log_loss", "n_minutes", "sum_minutes_off", "n_begun",
    "n_foretold", "sum_lead_minutes",
)  # fmt: skip
_SUM_KEY: Final = (
    "sla_name", "sli_name", "sli_revision", "horizon_minutes", "model", "calibrator", "bin",
)  # fmt: skip


def load_predictions(
    connection: Connection, after: int, until: int, sla_names: Sequence[str] | None = None
) -> dict[str, list[Any]]:
    """The columns :data:`PREDICTION` of ``sli_risk`` of the as-ofs in ``(after, until]``."""
    found: dict[str, list[Any]] = {name: [] for name in PREDICTION}
    columns = [_plain(sli_risk.c[name]) for name in PREDICTION]
    some = [None] if sla_names is None else list(_chunked(sla_names))
    for as_of in _instants(connection, sli_risk, after, until):
        query = select(*columns).where(sli_risk.c.as_of == as_of)
        for names in some:
            mine = query if names is None else query.where(sli_risk.c.sla_name.in_(names))
            for name, values in zip(PREDICTION, read_columns(connection, mine), strict=True):
                found[name].extend(values)
    return found


def metrics_of(connection: Connection, ids: NDArray[np.int64]) -> dict[int, str]:
    """The metric of each series."""
    found: dict[int, str] = {}
    for chunk in chunks(np.sort(ids)):
        query = select(series.c.series_id, series.c.metric).where(series.c.series_id.in_(chunk))
        found |= dict(zip(*read_columns(connection, query), strict=True))
    return found


def load_bands(connection: Connection, as_of: int, at_most: int) -> dict[str, list[Any]]:
    """The forecasts of an as-of, a row a series and step, of the series with the ``at_most`` lowest ids.

    Ids are hashes, so these are as good as drawn, and the same at every as-of.
    """
    about = select(series_analysis.c.series_id, series_analysis.c.model).where(
        series_analysis.c.as_of == as_of, series_analysis.c.model.is_not(None)
    )
    ids, models = read_columns(connection, about.order_by(series_analysis.c.series_id).limit(at_most))
    names = ("series_id", "step", "mean", "q05", "q25", "q50", "q75", "q95", "joint_low", "joint_high")
    found: dict[str, list[Any]] = {name: [] for name in names}
    for start in range(0, len(ids), IDS_AT_ONCE // 4):
        some = ids[start : start + IDS_AT_ONCE // 4]
        query = select(*(forecast.c[name] for name in names)).where(
            forecast.c.series_id.in_(some), forecast.c.as_of == as_of
        )
        for name, values in zip(names, read_columns(connection, query), strict=True):
            found[name].extend(values)
    model = dict(zip(ids, models, strict=True))
    return found | {"model": [model[one] for one in found["series_id"]]}


def save_verified(
    connection: Connection,
    hour: int,
    sums: Columns,
    bands: Columns | None,
    counts: Mapping[str, Any],
) -> None:
    """Replaces what is said of an hour, and sums its day up anew."""
    connection.execute(delete(risk_hour).where(risk_hour.c.hour == hour))
    if len(sums["n"]):
        upsert(connection, risk_hour, {**sums, "hour": hour})
    connection.execute(delete(band_hour).where(band_hour.c.as_of > hour - HOUR, band_hour.c.as_of <= hour))
    if bands is not None and len(bands["as_of"]):
        upsert(connection, band_hour, bands)
    upsert(connection, verified_hour, {"hour": hour, **counts})
    day = (hour - 1) // DAY * DAY
    connection.execute(delete(risk_day).where(risk_day.c.day == day))
    key = [risk_hour.c[name] for name in _SUM_KEY]
    added = [func.sum(risk_hour.c[name]) for name in _SUMS]
    query = select(_instant(day), *key, func.max(risk_hour.c.metric), *added)
    query = query.where(risk_hour.c.hour > day, risk_hour.c.hour <= day + DAY).group_by(*key)
    connection.execute(insert(risk_day).from_select(["day", *_SUM_KEY, "metric", *_SUMS], query))


def unjudged_hours(connection: Connection, after: int, until: int) -> list[int]:
    """The ends of the hours in ``(after, until]`` that have predictions and were not judged; newest first."""
    table = verified_hour.c
    query = select(epoch(table.hour).label("hour")).where(table.hour > after, table.hour <= until)
    judged = set(read_columns(connection, query)[0])
    found = []
    for hour in range(until, after, -HOUR):
        here = select(sli_risk.c.as_of).where(sli_risk.c.as_of > hour - HOUR, sli_risk.c.as_of <= hour)
        if hour not in judged and connection.execute(here.limit(1)).first() is not None:
            found.append(hour)
    return found


def forget_verified(connection: Connection, first: int, last: int) -> None:
    """Forgets that hours were judged whose outcomes may come from slots from ``first`` to ``last``."""
    table = verified_hour
    # The outcomes of an hour come from its own slots and those of the longest horizon, an hour.
    touched = (table.c.hour >= first - HOUR, table.c.hour < last + HOUR)
    connection.execute(delete(table).where(*touched))


def settle_features(connection: Connection, hour: int, left: Columns, unknown: Columns, share: float) -> None:
    """Keeps of the features of an hour what a refit learns from.

    All sides that were left stay; of the others a ``share``, whose weight makes up for the rest. Those whose
    outcome is not known go.

    Args:
        connection: inside a transaction that holds the lock.
        hour: end of the hour.
        left: keys and ``side`` of the sides that were left.
        unknown: keys of predictions that were not judged.
        share: what of the others stays, above 0.
    """
    table = risk_feature
    here = (table.c.as_of > hour - HOUR, table.c.as_of <= hour)
    # Whoever stays is decided by its draw, so that a second judgement keeps the same.
    connection.execute(
        update(table).where(*here, table.c.draw < share).values(is_left=False, weight=1 / share)
    )
    beyond = update(table).where(*here, table.c.draw >= share).values(is_left=None, weight=None)
    connection.execute(beyond)
    for columns, statement in (
        (left, update(table).values(is_left=True, weight=1.0)),
        (unknown, delete(table)),
    ):
        names = [name for name in (*_KEY, "side") if name in columns]
        statement = statement.where(*(table.c[name] == bindparam(f"k_{name}") for name in names))
        rows = [
            {f"k_{name}": value for name, value in zip(names, row, strict=True)}
            for row in zip(*(columns[name] for name in names), strict=True)
        ]
        for start in range(0, len(rows), 1000):
            connection.execute(statement, rows[start : start + 1000])
    connection.execute(delete(table).where(*here, table.c.is_left.is_(None)))


def count_features(connection: Connection) -> tuple[int, int]:
    """How many sides of the sample are stored, and how many of them were left."""
    table = risk_feature.c
    query = select(func.count(), func.sum(table.is_left)).where(table.is_left.is_not(None))
    n, n_left = connection.execute(query).one()
    return int(n), int(n_left or 0)


def thin_features(connection: Connection, share: float) -> None:
    """Lowers the share of the sides that were not left, over the whole sample."""
    table = risk_feature
    others = table.c.is_left.is_(False)
    connection.execute(delete(table).where(others, table.c.draw >= share))
    connection.execute(update(table).where(others).values(weight=1 / share))


def present_share(connection: Connection) -> float:
    """The share of the sides that were not left that the sample holds; 1 where it holds none."""
    table = risk_feature.c
    weight = connection.execute(select(func.max(table.weight)).where(table.is_left.is_(False))).scalar()
    return 1.0 / float(weight) if weight else 1.0


def load_features(connection: Connection, after: int, until: int, below: float = 1.0) -> dict[str, list[Any]]:
    """The judged sample of the as-ofs in ``(after, until]``; of sides not left, those that drew ``below``."""
    names = ("as_of", "sla_name", "sli_name", "series_id", "features", "is_left", "weight")
    table = risk_feature.c
    found: dict[str, list[Any]] = {name: [] for name in names}
    for as_of in _instants(connection, risk_feature, after, until):
        query = select(*(_plain(table[name]) for name in names)).where(table.as_of == as_of)
        query = query.where(table.is_left.is_not(None), table.is_left.is_(True) | (table.draw < below))
        for name, values in zip(names, read_columns(connection, query), strict=True):
            found[name].extend(values)
    return found


def sum_by(connection: Connection, since: int, until: int, names: Sequence[str]) -> dict[str, list[Any]]:
    """The sums over the days that begin in ``[since, until)``, by some columns of ``risk_day``; those, then
    the sums. ``day`` is epoch seconds."""
    by = [_plain(risk_day.c[name]) for name in names]
    added = [func.sum(risk_day.c[name]).label(name) for name in _SUMS]
    query = select(*by, *added).where(risk_day.c.day >= since, risk_day.c.day < until)
    query = query.group_by(*(risk_day.c[name] for name in names))
    found: dict[str, list[Any]] = {}
    columns = read_columns(connection, query)
    for name, values in zip((*names, *_SUMS), columns, strict=True):
        # MySQL sums integers to decimals.
        found[name] = values if name in names else [float(value) for value in values]
    return found


def sum_bands(connection: Connection, after: int, until: int) -> list[dict[str, Any]]:
    """The rows of ``band_hour`` of the as-ofs in ``(after, until]``."""
    table = band_hour
    query = select(table).where(table.c.as_of > after, table.c.as_of <= until)
    return [dict(row) for row in connection.execute(query).mappings()]


def sum_counts(connection: Connection, after: int, until: int) -> dict[str, int]:
    """The counts of ``verified_hour`` over the hours in ``(after, until]``."""
    columns = [str(column.name) for column in verified_hour.c]  # plain, not SQLAlchemy's own text
    names = [name for name in columns if name.startswith("n_")]
    query = select(*(func.sum(verified_hour.c[name]) for name in names))
    query = query.where(verified_hour.c.hour > after, verified_hour.c.hour <= until)
    row = connection.execute(query).one()
    return {name: int(value or 0) for name, value in zip(names, row, strict=True)}


def held_bands(connection: Connection, after: int, until: int) -> list[tuple[int, int]]:
    """Paths judged, and those that stayed in their joint band, at each as-of in ``(after, until]``."""
    table = band_hour.c
    query = select(func.sum(table.n_paths), func.sum(table.n_held)).group_by(table.as_of)
    query = query.where(table.as_of > after, table.as_of <= until).order_by(table.as_of)
    return [(int(n_paths), int(n_held)) for n_paths, n_held in connection.execute(query)]


def _instants(connection: Connection, table: Table, after: int, until: int) -> list[Any]:
    column = table.c.as_of
    query = select(column).where(column > after, column <= until).distinct().order_by(column)
    return list(connection.execute(query).scalars())


def _instant(seconds: int) -> Any:
    return bindparam(None, seconds, type_=Instant())


def _plain(column: Any) -> Any:
    return epoch(column).label(column.name) if isinstance(column.type, Instant) else column


def _chunked(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), _NAMES_AT_ONCE):
        yield names[start : start + _NAMES_AT_ONCE]
