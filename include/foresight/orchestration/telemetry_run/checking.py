"""Holding what was read against the suite: one task for all shards, for the import takes longest."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from foresight.orchestration import settings
from foresight.orchestration.telemetry_run.handover import Folder, Handed, load_matrix, load_shard, timed
from foresight.quality import CheckReport, check, load_suite, profile
from foresight.series import SeriesMatrix
from foresight.telemetry import Extraction, Shard

log = logging.getLogger(__name__)
Context = Mapping[str, Any]


def check_shards(context: Context, shards: Sequence[Handed]) -> list[Handed]:
    """Holds every series of every shard against the suite, and stages its outcome and reason."""
    folder, suite = Folder.of(context), load_suite(settings.config_folder() / "expectations")
    handed_over, counts = [], Counter[str]()
    for handed in sorted(shards, key=lambda handed: int(handed["number"])):
        shard = load_shard(handed)
        matrix, extracted = load_matrix(shard, handed["matrix"])
        with timed(handed, "check"):
            profiled = _profile(shard, matrix, extracted)
            report = check(profiled, suite, docs_folder=settings.data_docs_folder())
        outcomes = [str(outcome) for outcome in report.outcomes]
        counts.update(outcomes)
        checked = {
            "outcome": outcomes,
            "reason": list(report.reasons),
            "n_nonfinite": profiled["n_infinite"].to_numpy(),
        }
        staged = folder.save(f"{handed['number']}-checked", pa.table(checked))
        results = folder.save(f"{handed['number']}-expectations", _results(report))
        handed_over.append({**handed, "checked": staged, "expectations": results})
    log.info("outcomes: %s", dict(counts))
    return handed_over


def _results(report: CheckReport) -> pa.Table:
    """What each expectation of the suite found."""
    lines = [
        {
            "expectation": f"{one['type']} {one['kwargs']}",
            "otherwise": one["otherwise"],
            "found": one["unexpected"],
        }
        for one in report.results["expectations"]
    ]
    return pa.Table.from_pylist(lines)


def _profile(shard: Shard, matrix: SeriesMatrix, extracted: pa.Table) -> pd.DataFrame:
    missing = extracted.column("is_missing").to_pylist()
    return profile(
        matrix,
        {name: extracted.column(name).to_numpy() for name in Extraction.COUNTS},
        missing=[key for key, is_missing in zip(shard.keys, missing, strict=True) if is_missing],
        minimum=[-np.inf if entry.minimum is None else entry.minimum for entry in shard.entries],
        min_coverage=[entry.coverage for entry in shard.entries],
        min_slots=[entry.min_slots for entry in shard.entries],
    )
