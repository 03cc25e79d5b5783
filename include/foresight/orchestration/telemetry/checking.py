"""Holding what was read against the suite: one task for all shards, for the import takes longest."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from foresight.orchestration.telemetry.artifacts import Artifact, Folder, load_matrix, load_shard, timed
from foresight.quality.check import CheckReport, check
from foresight.quality.profile import profile
from foresight.quality.suite import load_suite
from foresight.telemetry.source import Extraction
from foresight.wiring import settings

log = logging.getLogger(__name__)
Context = Mapping[str, Any]


def check_shards(context: Context, shards: Sequence[Artifact]) -> list[Artifact]:
    """Holds every series against the suite, all shards as one batch, and stages its outcome and reason."""
    shards = sorted(shards, key=lambda artifact: int(artifact["number"]))
    folder, suite = Folder.of(context), load_suite(settings.config_folder() / "expectations")
    profiles = [_profile(artifact) for artifact in shards]
    batch = pd.concat(profiles, ignore_index=True)
    batch["row"] = np.arange(len(batch))
    with timed(shards[0], "check"):
        report = check(batch, suite, docs_folder=settings.data_docs_folder())
    log.info("outcomes: %s", report.results["outcomes"])
    stops = np.cumsum([len(profiled) for profiled in profiles]).tolist()
    return [
        _staged(folder, artifact, report.part(stop - len(profiled), stop), profiled)
        for artifact, profiled, stop in zip(shards, profiles, stops, strict=True)
    ]


def _staged(folder: Folder, artifact: Artifact, report: CheckReport, profiled: pd.DataFrame) -> Artifact:
    """A shard with what was found about its series."""
    checked = {
        "outcome": [str(outcome) for outcome in report.outcomes],
        "reason": list(report.reasons),
        "n_nonfinite": profiled["n_infinite"].to_numpy(),
    }
    staged = folder.save(f"{artifact['number']}-checked", pa.table(checked))
    results = folder.save(f"{artifact['number']}-expectations", _results(report))
    return {**artifact, "checked": staged, "expectations": results}


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


def _profile(artifact: Artifact) -> pd.DataFrame:
    shard = load_shard(artifact)
    matrix, extracted = load_matrix(shard, artifact["matrix"])
    missing = extracted.column("is_missing").to_pylist()
    return profile(
        matrix,
        {name: extracted.column(name).to_numpy() for name in Extraction.COUNTS},
        missing=[key for key, is_missing in zip(shard.keys, missing, strict=True) if is_missing],
        minimum=[-np.inf if entry.minimum is None else entry.minimum for entry in shard.entries],
        maximum=[np.inf if entry.maximum is None else entry.maximum for entry in shard.entries],
        min_coverage=[entry.coverage for entry in shard.entries],
        min_slots=[entry.min_slots for entry in shard.entries],
    )
