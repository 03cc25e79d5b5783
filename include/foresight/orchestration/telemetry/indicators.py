"""Counting SLIs once all shards are stored: some of them are computed from the series of several shards."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from foresight.orchestration.telemetry.artifacts import (
    Artifact,
    load,
    load_in_use,
    load_matrix,
    load_shard,
    load_slas,
)
from foresight.quality.outcomes import Outcome
from foresight.series import SeriesMatrix
from foresight.services.indicators import note_indicators
from foresight.services.stored_series import matched
from foresight.wiring.connections import results

log = logging.getLogger(__name__)
Context = Mapping[str, Any]


def count_indicators(context: Context, shards: Sequence[Artifact]) -> dict[str, int]:
    """Counts the SLIs of a run over the whole catalogue, and stores what their evaluation reads."""
    if context["params"]["metrics"]:
        log.info("a run over some metrics counts no SLIs: their evaluation reads samples")
        return {}
    slas = load_slas(shards[0])
    parts = [_watched(artifact, slas) for artifact in sorted(shards, key=lambda shard: int(shard["number"]))]
    keys = tuple(key for matrix, _ in parts for key in matrix.keys)
    grid = parts[0][0].grid
    matrix = SeriesMatrix(keys, grid, np.vstack([matrix.values for matrix, _ in parts]))
    is_aside = np.concatenate([aside for _, aside in parts])
    fit = SeriesMatrix(keys, grid, np.where(is_aside[:, None], np.nan, matrix.values))
    found = note_indicators(results(), slas, matrix, fit, int(time.time()), load_in_use(shards[0]))
    log.info("%d SLIs counted, %d rows of hours, %d risks", found.n_slis, found.n_hours, found.n_risks)
    return asdict(found)


def _watched(
    artifact: Artifact, slas: Sequence[Any]
) -> tuple[SeriesMatrix, np.ndarray[Any, np.dtype[np.bool_]]]:
    """The series of a shard that SLIs are about, and which of them were set aside."""
    matrix, _ = load_matrix(load_shard(artifact), artifact["matrix"])
    outcomes = load(artifact["checked"]).column("outcome").to_pylist()
    aside = np.array([Outcome(outcome).is_quarantined for outcome in outcomes], np.bool_)
    mine = set(matched(slas, matrix.keys))
    rows = np.array([row for row, key in enumerate(matrix.keys) if key in mine], np.intp)
    return matrix.take(rows), aside[rows]
