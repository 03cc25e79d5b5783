"""The messages of topic ``prometheusdata``, made of rows as the store has them: one a series and as-of.

What is in them is said by ``schemas/prometheusdata.v1.json``. Columns come in by table and name, as NumPy
arrays, lists or Arrow columns; rows in any order. NaN and NULL become null. The same rows give the same
bytes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from foresight.grid import STEP_SECONDS
from foresight.instants import iso
from foresight.messaging.messages import Message
from foresight.series import SeriesKey

SCHEMA_VERSION: Final = 1

Columns = Mapping[str, Any]

_AGGREGATE: Final = ("window_minutes", "maximum", "minimum", "mean", "std", "n_observed")
_QUANTILES: Final = ("q05", "q25", "q50", "q75", "q95")
_STEP: Final = ("step", "mean", *_QUANTILES, "joint_low", "joint_high")
_STATIONARITY: Final = {
    "adf_statistic": "statistic",
    "adf_p": "p_value",
    "adf_lags": "lags",
    "adf_n_observations": "n_observations",
    "adf_critical_1": "critical_1",
    "adf_critical_5": "critical_5",
    "adf_critical_10": "critical_10",
    "is_stationary": "is_stationary",
}
_FORECAST: Final = {
    "model": "model",
    "model_reason": "model_reason",
    "mase": "mase",
    "forecast_maximum": "maximum",
    "forecast_minimum": "minimum",
    "forecast_mean": "mean",
}
_COUNTS: Final = ("n_observed", "n_missing", "n_nonfinite", "period_slots")
_PLAIN: Final = ("outcome", "reason", *_COUNTS)
_WHOLE: Final = frozenset({"adf_lags", "adf_n_observations", "window_minutes", "step", *_COUNTS})
_TRACE: Final = ("data_hash", "code_version")


def telemetry_messages(
    as_of: int,
    interval_seconds: int,
    *,
    series: Columns,
    analysis: Columns,
    aggregates: Columns,
    forecasts: Columns,
    step_seconds: int = STEP_SECONDS,
) -> Iterator[Message]:
    """One message for each row of ``analysis``, in its order.

    Args:
        as_of: end of the interval, epoch seconds.
        interval_seconds: its length.
        series: columns of ``series``; holds at least every series of ``analysis``.
        analysis: columns of ``series_analysis``, all of this as-of; likewise the two that follow.
        aggregates: columns of ``aggregate``.
        forecasts: columns of ``forecast``.
        step_seconds: the length of a slot.
    """
    ids = _integers(analysis["series_id"])
    identities = _identities(series)
    windows = _Groups(ids, aggregates, _AGGREGATE, order_by="window_minutes")
    steps = _Groups(ids, forecasts, _STEP, order_by="step")
    slots = _Slots(as_of, step_seconds)
    head = {
        "schema_version": SCHEMA_VERSION,
        "as_of": iso(as_of),
        "interval": {"start": iso(as_of - interval_seconds), "end": iso(as_of)},
    }
    plain, trace = _rows(analysis, _PLAIN, len(ids)), _rows(analysis, _TRACE, len(ids))
    stationarity = _rows(analysis, _STATIONARITY, len(ids))
    summary = _rows(analysis, _FORECAST, len(ids))
    for row, series_id in enumerate(ids.tolist()):
        key, identity = identities[series_id]
        ahead = [{**step, "slot": slots[step["step"]]} for step in steps[row]]
        body = {
            **head,
            "series": identity,
            **plain[row],
            "aggregates": windows[row],
            "stationarity": stationarity[row],
            "forecast": {**summary[row], "steps": ahead} if ahead else None,
            **trace[row],
        }
        yield Message(f"{series_id}:{as_of}", key, orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY))


class _Groups:
    """Rows of a table by series: ``groups[i]`` are those of ``ids[i]`` as dicts, ordered."""

    def __init__(self, ids: NDArray[np.int64], columns: Columns, names: Sequence[str], order_by: str) -> None:
        owners = _integers(columns["series_id"])
        order = np.lexsort((_integers(columns[order_by]), owners))
        self._rows = _rows(columns, names, len(owners))
        self._order = order.tolist()
        self._first = np.searchsorted(owners[order], ids, side="left").tolist()
        self._last = np.searchsorted(owners[order], ids, side="right").tolist()

    def __getitem__(self, row: int) -> list[dict[str, Any]]:
        return [self._rows[index] for index in self._order[self._first[row] : self._last[row]]]


class _Slots(dict[int, str]):
    """The end of the slot so many steps ahead, as text; made once."""

    def __init__(self, as_of: int, step_seconds: int) -> None:
        super().__init__()
        self._as_of = as_of
        self._step_seconds = step_seconds

    def __missing__(self, step: int) -> str:
        self[step] = iso(self._as_of + step * self._step_seconds)
        return self[step]


def _identities(series: Columns) -> dict[int, tuple[bytes, dict[str, Any]]]:
    """By series id: the message key (``metric{label="value"}``), and the identity as it is written."""
    found = {}
    columns = (_values(series[name], name) for name in ("series_id", "metric", "labels", "partition_name"))
    for series_id, metric, text, partition in zip(*columns, strict=True):
        labels = orjson.loads(text)
        key = SeriesKey.of(metric, labels)
        identity = {"id": str(series_id), "metric": metric, "labels": labels, "partition": partition}
        found[series_id] = str(key).encode(), identity
    return found


def _rows(columns: Columns, names: Mapping[str, str] | Sequence[str], n_rows: int) -> list[dict[str, Any]]:
    """The named columns row by row, under the names they are written with; a column left out is null."""
    shown = list(names.values()) if isinstance(names, Mapping) else names
    values = [_values(columns[name], name) if name in columns else [None] * n_rows for name in names]
    return [dict(zip(shown, row, strict=True)) for row in zip(*values, strict=True)]


def _values(column: Any, name: str) -> list[Any]:
    """A column as plain Python values; whole numbers stay whole where gaps have made the column float."""
    values = column.tolist() if isinstance(column, np.ndarray) else column
    values = values.to_pylist() if hasattr(values, "to_pylist") else list(values)
    if name in _WHOLE and any(isinstance(value, float) for value in values):
        return [None if value is None or value != value else int(value) for value in values]  # != : NaN
    return values


def _integers(column: Any) -> NDArray[np.int64]:
    return np.asarray(column, dtype=np.int64)
