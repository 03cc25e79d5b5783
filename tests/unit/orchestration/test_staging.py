"""What is staged comes back whole, or not at all."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.orchestration import staging
from foresight.orchestration.staging import Staged
from foresight.orchestration.telemetry.artifacts import matrix_table, values_of
from foresight.series import SeriesKey, SeriesMatrix

TABLE = pa.table({"name": ["a", None], "value": [1.5, float("nan")]})


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORESIGHT_STAGING", tmp_path.as_uri())


def test_a_table_comes_back_as_it_was() -> None:
    staged = Staged.of(staging.save("run", "table", TABLE).to_document())
    assert staging.load(staged).to_pydict()["name"] == ["a", None]
    assert staged.rows == 2


def test_a_step_that_runs_twice_writes_the_same_file(tmp_path: Path) -> None:
    assert staging.save("run", "table", TABLE) == staging.save("run", "table", TABLE)
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["table.parquet"]


def test_a_file_that_was_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    staged = staging.save("run", "table", TABLE)
    staging.save("run", "table", TABLE.slice(1))
    with pytest.raises(BadAnswer, match="not what was staged"):
        staging.load(staged)


def test_a_file_of_another_version_is_refused() -> None:
    staged = replace(staging.save("run", "table", TABLE), schema_version=staging.SCHEMA_VERSION + 1)
    with pytest.raises(BadAnswer, match="schema version"):
        staging.load(staged)


def test_a_file_that_is_gone_says_what_to_clear(tmp_path: Path) -> None:
    staged = staging.save("run", "table", TABLE)
    (tmp_path / "run" / "table.parquet").unlink()
    with pytest.raises(SourceUnavailable, match="clear the run"):
        staging.load(staged)


def test_a_run_id_of_any_characters_names_one_folder() -> None:
    assert staging.run_folder("dag", "manual__2026-11-22T12:30:00+00:00/../x") == (
        "dag/manual__2026-11-22T12_30_00_00_00_.._x-727747a8"
    )


@pytest.mark.parametrize(("one", "other"), [("a:1", "a_1"), ("a" * 249 + "b", "a" * 249 + "c")])
def test_every_run_has_a_folder_of_its_own(one: str, other: str) -> None:
    folders = [staging.run_folder("dag", run_id) for run_id in (one, other)]
    assert folders[0] != folders[1]
    assert all(len(folder) < 255 for folder in folders)


@pytest.mark.parametrize("n_series", [0, 1, 3])
def test_a_matrix_comes_back_bit_by_bit(n_series: int) -> None:
    grid = Grid(as_of=6000, n_slots=5)
    values = np.random.default_rng(0).standard_normal((n_series, 5))
    values[:, 2] = np.nan
    keys = tuple(SeriesKey.of("m", {"i": str(row)}) for row in range(n_series))
    table = matrix_table(SeriesMatrix(keys, grid, values), {"points": np.arange(n_series)})
    staged = staging.save("run", "matrix", table)
    assert values_of(staging.load(staged), grid).tobytes() == values.tobytes()
