"""Checking the shards of a run: one batch, an outcome for each series."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.orchestration.telemetry.artifacts import Artifact, Folder, load, matrix_table
from foresight.orchestration.telemetry.checking import check_shards
from foresight.series import SeriesKey, SeriesMatrix
from foresight.telemetry.catalogue import WatchedMetric
from foresight.telemetry.source import Extraction, Selection, Shard

N_SLOTS = 100
CONTEXT: Mapping[str, Any] = {"dag_run": SimpleNamespace(dag_id="telemetry_analysis", run_id="one")}
ENTRY = WatchedMetric(name="a", metric="a", window_seconds=N_SLOTS * 60)


@pytest.fixture(autouse=True)
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESIGHT_STAGING", tmp_path.as_uri())
    monkeypatch.setenv("FORESIGHT_CONFIG", str(tmp_path))


def extracted(number: int, answered: list[bool]) -> Artifact:
    """A shard as ``extract`` hands it over."""
    keys = tuple(SeriesKey.of("a", {"shard": str(number), "i": str(i)}) for i in range(len(answered)))
    shard = Shard(number, Grid(N_SLOTS * 60, N_SLOTS), (Selection(ENTRY, keys),))
    came = np.array(answered)
    values = np.where(came[:, np.newaxis], np.arange(N_SLOTS, dtype=np.float64), np.nan)
    counts = {name: np.zeros(len(keys), np.int64) for name in Extraction.COUNTS}
    counts["points"] = np.where(came, N_SLOTS, 0)
    table = matrix_table(SeriesMatrix(keys, shard.grid, values), {**counts, "is_missing": ~came})
    folder = Folder.of(CONTEXT)
    return {
        "number": number,
        "name": f"shard {number}",
        "shard": folder.save(f"{number}-shard", shard.to_table()),
        "matrix": folder.save(f"{number}-matrix", table),
    }


def outcomes(artifact: Artifact) -> list[str]:
    return load(artifact["checked"]).column("outcome").to_pylist()  # type: ignore[no-any-return]


def n_missing(artifact: Artifact) -> int:
    lines = load(artifact["expectations"]).to_pylist()
    return sum(line["found"] for line in lines if line["otherwise"] == "missing")


def test_a_shard_of_which_nothing_came_is_missing_and_the_others_go_on() -> None:
    shards = [extracted(1, [False] * 3), extracted(0, [True, False])]
    first, second = check_shards(CONTEXT, shards)
    assert (first["number"], outcomes(first), n_missing(first)) == (0, ["ok", "missing"], 1)
    assert (second["number"], outcomes(second), n_missing(second)) == (1, ["missing"] * 3, 3)


def test_a_run_of_which_nothing_came_is_refused() -> None:
    with pytest.raises(BadAnswer, match="4 series were asked for, and nothing came back"):
        check_shards(CONTEXT, [extracted(0, [False] * 3), extracted(1, [False])])
