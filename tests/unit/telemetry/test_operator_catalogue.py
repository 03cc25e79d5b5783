"""The operator's guide to the catalogue says what the code does."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from foresight.quality.outcomes import Outcome
from foresight.quality.profile import COLUMNS
from foresight.telemetry.catalogue import Retention, WatchedMetric, load_catalogue
from foresight.telemetry.prometheus import PrometheusSource

GUIDE = (Path(__file__).parents[3] / "docs" / "operator-catalogue.md").read_text(encoding="utf-8")
FIRST_COLUMN = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.*?) \|", GUIDE, re.MULTILINE))))


def test_every_key_of_an_entry_is_explained() -> None:
    assert {
        field.alias or name for name, field in WatchedMetric.model_fields.items() if not field.exclude
    } <= FIRST_COLUMN


def test_every_option_of_a_connection_is_explained() -> None:
    options = set(inspect.signature(PrometheusSource).parameters) - {"url", "user", "password"}
    assert options <= FIRST_COLUMN


def test_every_outcome_is_explained() -> None:
    assert {str(outcome) for outcome in Outcome} <= FIRST_COLUMN


@pytest.mark.parametrize("column", COLUMNS)
def test_every_column_of_the_profile_is_explained_in_its_own_words(column: str) -> None:
    assert f"| `{column}` | {COLUMNS[column]} |" in GUIDE


def test_the_example_loads(tmp_path: Path) -> None:
    [example] = re.findall(r"```yaml\n(metrics:.*?)```", GUIDE, re.DOTALL)
    (tmp_path / "catalogue.yaml").write_text(example)
    catalogue = load_catalogue(tmp_path / "catalogue.yaml")
    assert [entry.name for entry in catalogue.metrics] == ["filesystem_free", "request_errors"]
    assert catalogue.retention_days == Retention()
