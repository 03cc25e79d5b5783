"""Tables as sources and sinks on a real MySQL."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import make_url

from foresight.store.models import Change
from tests.integration.databases import fresh_database
from tests.unit import registry as models
from tests.unit.iris import IRIS
from tests.unit.table_scenario import check_table_to_table

pytestmark = pytest.mark.mysql


def test_a_table_is_scored_into_two_and_the_next_run_goes_on(
    mysql_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with fresh_database(mysql_url) as fresh:
        url = make_url(fresh)
        results = {
            "conn_type": "mysql", "host": url.host, "port": url.port, "login": url.username,
            "password": url.password, "schema": url.database,
        }  # fmt: skip
        monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(results))
        monkeypatch.setenv("FORESIGHT_MODELS", (tmp_path / "models").as_uri())
        models.prepared_results()
        models.add("iris", str(IRIS), Change("test", 0))
        models.deploy("iris", Change("test", 0))
        check_table_to_table()
