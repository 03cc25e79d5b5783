"""Recorded or simulated performance data of many cells, and the events it came in or could have come in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from math import isnan
from typing import Any, Final, Self

import numpy as np
import orjson
from numpy.typing import NDArray

from foresight.slices.targets import FAILURES, REQUESTS, SUCCESSES, Floats

GRANULARITY_SECONDS: Final = 900
PERIODS_A_DAY: Final = 86_400 // GRANULARITY_SECONDS

# Requests a period as multiples of the configured connections, off peak and at peak, by area.
_AREAS: Final = (((2.2, 3.3), (3.3, 4.4)), ((7.0, 8.4), (8.4, 9.8)))
_SUCCESS: Final = (0.60, 0.75)  # of requests
_FAILED: Final = (0.90, 0.95)  # of requests - successes: 5 to 10 % below the difference


@dataclass(frozen=True, slots=True)
class CellKey:
    """What a row of a recording belongs to; a cell id is unique within its gNB-CU only."""

    snssai: str
    cu: str
    cell: str


@dataclass(frozen=True, slots=True)
class Recording:
    """Counters ``[n_cells, n_periods, 3]`` and configured ``[n_cells, n_periods]``, NaN where missing.

    Period ``j`` starts at ``start + j * granularity_seconds`` (epoch seconds); ``start`` is 0 where nobody
    said when it was made.
    """

    keys: tuple[CellKey, ...]
    start: int
    counters: Floats
    configured: Floats
    granularity_seconds: int = GRANULARITY_SECONDS

    @property
    def starts(self) -> NDArray[np.int64]:
        """The start of each period, ``[n_periods]``."""
        return self.start + self.granularity_seconds * np.arange(self.counters.shape[1], dtype=np.int64)

    def ending(self, at: int) -> Self:
        """The same with its last period ending at ``at``, floored to a whole period (epoch seconds)."""
        seconds = self.granularity_seconds
        return replace(self, start=at // seconds * seconds - seconds * self.counters.shape[1])


def simulate(
    n_cells: int,
    n_periods: int,
    seed: int = 0,
    *,
    daily: bool = False,
    start: int = 0,
    snssai: str = "01-B989BD",
) -> Recording:
    """Performance data after the published simulator's law, ten cells a gNB-CU.

    Requests are a share of the configured connections by area and peak, successes 60 to 75 % of requests,
    failures 5 to 10 % below the difference. As published, every draw is white noise. With ``daily``, the same
    ranges are walked through over the day, peak in the evening, and the more requests, the fewer succeed.
    """
    rng = np.random.default_rng(seed)
    shape = n_cells, n_periods
    configured = rng.integers(100, 135, n_cells).astype(np.float64)[:, None]
    areas = np.array(_AREAS)[rng.integers(0, len(_AREAS), n_cells)]
    low, high = areas[:, 0, 0, None], areas[:, 1, 1, None]
    if daily:
        load = _daily_load(rng, shape, start)
        success = _SUCCESS[1] - (_SUCCESS[1] - _SUCCESS[0]) * np.clip(load + rng.normal(0, 0.05, shape), 0, 1)
    else:
        peak = rng.integers(0, 2, shape)
        within = rng.uniform(0, 1, shape)
        load = (peak + within) / 2.0
        success = rng.uniform(*_SUCCESS, shape)
    requests = np.rint(configured * (low + (high - low) * load))
    successes = np.rint(requests * success)
    failures = np.rint((requests - successes) * rng.uniform(*_FAILED, shape))
    keys = tuple(CellKey(snssai, f"cucpserver{i // 10 + 1}", str(13_999 + i)) for i in range(n_cells))
    counters = np.stack([requests, successes, failures], axis=-1)
    return Recording(keys, start, counters, np.repeat(configured, n_periods, axis=1))


def _daily_load(rng: np.random.Generator, shape: tuple[int, int], start: int) -> Floats:
    """Where in its range each cell's load lies, 0 to 1: an evening peak, plus noise with a memory."""
    n_cells, n_periods = shape
    seconds = start + GRANULARITY_SECONDS * np.arange(n_periods)
    phase = 2 * np.pi * (seconds / 86_400 - rng.normal(20 / 24, 0.04, (n_cells, 1)))
    shocks = rng.normal(0, 0.05, shape)
    wander = np.zeros(n_cells)
    load = np.empty(shape)
    for period in range(n_periods):
        wander = 0.8 * wander + shocks[:, period]
        load[:, period] = 0.5 + 0.38 * np.cos(phase[:, period]) + wander
    return np.clip(load, 0.0, 1.0)


def messages(recording: Recording) -> Iterator[tuple[int, str, bytes]]:
    """The recording as VES events: ``(period, gNB-CU, message)``, in the order of time, one a CU and period.

    A cell with nothing measured in a period is left out of its event.
    """
    order = sorted(range(len(recording.keys)), key=lambda i: (recording.keys[i].cu, recording.keys[i].snssai))
    units = [(cu, list(rows)) for cu, rows in groupby(order, key=lambda i: recording.keys[i].cu)]
    for period, start in enumerate(recording.starts.tolist()):
        for cu, rows in units:
            blocks = [
                _block(recording, snssai, list(part), period)
                for snssai, part in groupby(rows, key=lambda i: recording.keys[i].snssai)
            ]
            blocks = [block for block in blocks if block["measValuesList"]]
            if blocks:
                event = _event(cu, start, recording.granularity_seconds, blocks)
                yield period, cu, orjson.dumps(event)


def _block(recording: Recording, snssai: str, rows: list[int], period: int) -> dict[str, Any]:
    """The values of one slice: failures are counted a cell, so they stand in the slice's own block."""
    cells = []
    for row in rows:
        values = recording.counters[row, period].tolist()
        results = [{"p": p, "sValue": f"{v:.15g}"} for p, v in enumerate(values, 1) if not isnan(v)]
        if results:
            cell = {"measObjInstId": recording.keys[row].cell, "suspectFlag": "false", "measResults": results}
            cells.append(cell)
    names = {REQUESTS: f"Req.{snssai}", SUCCESSES: f"Succ.{snssai}", FAILURES: "Fail.0"}
    types = [f"SM.PDUSessionSetup{names[counter]}" for counter in sorted(names)]
    return {
        "measInfoId": {"sMeasInfoId": "slices"},
        "measTypes": {"sMeasTypesList": types},
        "measValuesList": cells,
    }


def _event(cu: str, start: int, granularity_seconds: int, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "event": {
            "commonEventHeader": {
                "domain": "perf3gpp",
                "eventId": f"{cu}-{start}",
                "sequence": 0,
                "eventName": "perf3gpp_RnNode-Slicing_pmMeasResult",
                "sourceName": cu,
                "reportingEntityName": "",
                "priority": "Normal",
                "startEpochMicrosec": start * 1_000_000,
                "lastEpochMicrosec": (start + granularity_seconds) * 1_000_000,
                "version": "4.0",
                "vesEventListenerVersion": "7.1",
                "timeZoneOffset": "UTC+00:00",
            },
            "perf3gppFields": {
                "perf3gppFieldsVersion": "1.0",
                "measDataCollection": {
                    "granularityPeriod": granularity_seconds,
                    "measuredEntityUserName": "",
                    "measuredEntityDn": cu,
                    "measuredEntitySoftwareVersion": "",
                    "measInfoList": blocks,
                },
            },
        }
    }
