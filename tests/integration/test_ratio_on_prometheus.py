"""A ratio on a real Prometheus, from the plan to the stored status, held against the events written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from sqlalchemy import select

from foresight.orchestration.sla.steps import evaluate_shard, plan_evaluations, summarise_evaluations
from foresight.orchestration.telemetry.checking import check_shards
from foresight.orchestration.telemetry.computing import analyse_shard, forecast_shard
from foresight.orchestration.telemetry.indicators import count_indicators
from foresight.orchestration.telemetry.reading import extract_shard, plan_run
from foresight.orchestration.telemetry.results import persist_shard, summarise_run
from foresight.services import slas
from foresight.store import migrate
from foresight.store.tables import sli_count, sli_risk, sli_status, sli_window
from foresight.wiring.connections import open_results, results
from foresight.wiring.settings import catalogue
from tests.servers.prometheus import prometheus_server

pytestmark = pytest.mark.prometheus

AS_OF = 1_700_000_040
N_SLOTS = 13 * 60
SLAS = """
slas:
  - name: shop
    slis:
      - name: answers
        objective: 0.9
        windows: [1h, 3h]
        budgeting: occurrences
        ratio:
          good: {metric: http_requests_total, matchers: {code: "200"}}
          total: {metric: http_requests_total}
"""


def requests() -> dict[str, np.ndarray]:
    """Requests by their code at the end of each minute, as counters; that of errors starts anew once."""
    rng = np.random.default_rng(8)
    good, bad = (np.cumsum(rng.integers(0, most, N_SLOTS)) for most in (20, 3))
    bad[-30:] -= bad[-30]
    return {"200": good, "500": bad}


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    lines = ["# TYPE http_requests counter"]
    for code, values in requests().items():
        slots = range(AS_OF - 60 * (N_SLOTS - 1), AS_OF + 1, 60)
        lines += [
            f'http_requests_total{{code="{code}",job="shop"}} {value} {slot}'
            for slot, value in zip(slots, values.tolist(), strict=True)
        ]
    with prometheus_server("\n".join([*lines, "# EOF\n"])) as address:
        yield address


@pytest.fixture(autouse=True)
def _connections(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    parts, home = urlsplit(url), tmp_path
    stored = {"conn_type": "sqlite", "host": str(home / "results.db")}
    monkeypatch.setenv("AIRFLOW_CONN_RESULTS", json.dumps(stored))
    monkeypatch.setenv("FORESIGHT_FILES", str(home))
    migrate(open_results())
    telemetry = {"conn_type": "http", "host": parts.hostname, "port": parts.port}
    (home / "catalogue.yaml").write_text("metrics: [{name: none, metric: nothing_at_all}]\n")
    (home / "slas.yaml").write_text(SLAS)
    monkeypatch.setenv("FORESIGHT_CONFIG", str(home))
    monkeypatch.setenv("FORESIGHT_STAGING", (home / "staging").as_uri())
    monkeypatch.setenv("AIRFLOW_CONN_TELEMETRY", json.dumps(telemetry))
    slas.apply(results(), catalogue(), [home / "slas.yaml"], by="me", at=1)


def context(dag_id: str, **params: Any) -> dict[str, Any]:
    at = datetime.fromtimestamp(AS_OF, UTC)
    run = SimpleNamespace(
        dag_id=dag_id, run_id="one", run_type=SimpleNamespace(value="manual"), run_after=at,
        data_interval_end=at, partition_key=None, start_date=at,
    )  # fmt: skip
    return {"dag_run": run, "params": params, "ti": SimpleNamespace(try_number=1, max_tries=3)}


def test_a_ratio_is_counted_from_what_prometheus_holds() -> None:
    given = context(
        "telemetry_analysis", as_of=None, metrics=None, publish="never", hp_lambda=None, lags=None,
        series_per_shard=10,
    )  # fmt: skip
    checked = check_shards(given, [extract_shard(given, shard) for shard in plan_run(given)])
    stored = [
        persist_shard(given, analyse_shard(given, dict(each)), forecast_shard(given, dict(each)))
        for each in checked
    ]
    assert count_indicators(given, stored)["n_slis"] == 1
    summarise_run(given, stored)
    evaluation = context("sla_evaluation", as_of=None, slas=None, publish="never")
    shards = [evaluate_shard(evaluation, shard) for shard in plan_evaluations(evaluation)]
    summarise_evaluations(evaluation, shards)

    def rows(table: Any) -> list[Any]:
        return results().read(lambda connection: connection.execute(select(table)).all())

    events = {code: np.diff(values) for code, values in requests().items()}
    events = {code: np.where(new < 0, requests()[code][1:], new) for code, new in events.items()}
    for window in rows(sli_window):
        good, bad = (float(events[code][-window.window_minutes :].sum()) for code in ("200", "500"))
        assert (window.good_events, window.total_events) == (good, good + bad)
        assert window.budget_used_events == pytest.approx(bad)
    [status], [risk], [count] = rows(sli_status), rows(sli_risk), rows(sli_count)
    assert (status.probability, status.n_series, count.newest_age) == (risk.probability, 1, 0)
    assert status.probability is not None
    assert status.current_value == pytest.approx(events["200"][-1] / (events["200"][-1] + events["500"][-1]))
