"""The steps of ``telemetry_analysis`` on the recording: what each hands on, and what it stores."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from sqlalchemy import func, select

from foresight.conventions import TELEMETRY_TOPIC
from foresight.errors import BadAnswer
from foresight.forecasting.parameters import ForecastParameters
from foresight.messaging import drain
from foresight.orchestration.telemetry import reading
from foresight.orchestration.telemetry.artifacts import Artifact, load, load_matrix, load_shard
from foresight.orchestration.telemetry.checking import check_shards
from foresight.orchestration.telemetry.computing import analyse_shard, forecast_shard
from foresight.orchestration.telemetry.reading import extract_shard, plan_run
from foresight.orchestration.telemetry.results import persist_shard, publish_run, summarise_run
from foresight.services import slas
from foresight.services.parameters import analysis_parameters
from foresight.sla.matching import pair_up
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.store import Store
from foresight.store.tables import (
    aggregate,
    analysed_interval,
    forecast,
    publication,
    run,
    sample,
    series,
    sli_risk,
)
from foresight.wiring.connections import results
from foresight.wiring.settings import catalogue
from tests.unit.store.rows import all_rows

AS_OF = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)
CATALOGUE = """
metrics:
  - {name: smd_d01, metric: smd_d01}
  - {name: smd_d03, metric: smd_d03, curves: true}
  - {name: gone, metric: gone}
"""


@pytest.fixture(autouse=True)
def _home(home: Path, broker: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    anchor = {"last_row": 18_510, "last_slot_at": AS_OF.isoformat()}
    telemetry = {"conn_type": "recording", "host": "smd", "extra": anchor}
    (home / "catalogue.yaml").write_text(CATALOGUE)
    monkeypatch.setenv("FORESIGHT_CONFIG", str(home))
    monkeypatch.setenv("FORESIGHT_STAGING", (home / "staging").as_uri())
    monkeypatch.setenv("AIRFLOW_CONN_TELEMETRY", json.dumps(telemetry))


def context(**params: Any) -> dict[str, Any]:
    dag_run = SimpleNamespace(
        dag_id="telemetry_analysis", run_id="one", run_type=SimpleNamespace(value="scheduled"),
        run_after=AS_OF, data_interval_end=AS_OF, partition_key=None, start_date=AS_OF,
    )  # fmt: skip
    given = {
        "as_of": None, "metrics": None, "publish": "auto", "hp_lambda": None, "lags": None,
        "series_per_shard": 2,
    }  # fmt: skip
    return {"dag_run": dag_run, "params": given | params, "ti": SimpleNamespace(try_number=1, max_tries=3)}


def checked(**params: Any) -> list[Artifact]:
    given = context(**params)
    return check_shards(given, [extract_shard(given, shard) for shard in plan_run(given)])


def persisted(**params: Any) -> list[Artifact]:
    given = context(**params)
    return [
        persist_shard(given, analyse_shard(given, dict(shard)), forecast_shard(given, dict(shard)))
        for shard in checked(**params)
    ]


def n_rows(store: Store, table: Any) -> int:
    return store.read(lambda c: int(c.execute(select(func.count()).select_from(table)).scalar_one()))


def test_plan_deals_the_series_to_shards_and_names_what_matches_nothing() -> None:
    shards = plan_run(context())
    planned = [load_shard(shard) for shard in shards]
    assert sum(len(shard) for shard in planned) == shards[0]["about"]["n_planned"] == 4
    assert all(len(shard) <= 2 for shard in planned)
    assert shards[0]["about"]["unmatched"] == ["gone"]
    assert {shard.grid.as_of for shard in planned} == {int(AS_OF.timestamp())}


def test_plan_refuses_a_catalogue_that_matches_nothing(home: Path) -> None:
    (home / "catalogue.yaml").write_text("metrics: [{name: gone, metric: gone}]")
    with pytest.raises(BadAnswer, match="no entry of the catalogue matches any series"):
        plan_run(context())


def test_extract_stages_the_matrix_of_its_shard() -> None:
    given = context()
    for planned in plan_run(given):
        artifact = extract_shard(given, planned)
        matrix, beside = load_matrix(load_shard(artifact), artifact["matrix"])
        assert artifact["is_complete"]
        assert matrix.values.shape == (len(load_shard(artifact)), 720)
        assert not beside.column("is_missing").to_numpy(zero_copy_only=False).any()
        assert np.isfinite(matrix.values).any(axis=1).all()


def test_extract_goes_on_with_a_partial_answer_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    given = context()
    [first, *_] = plan_run(given)
    whole = reading.open_telemetry().extract(load_shard(first))
    source = SimpleNamespace(extract=lambda _: replace(whole, missing=whole.matrix.keys[:1]))
    monkeypatch.setattr(reading, "open_telemetry", lambda: source)
    artifact = extract_shard(given, first)
    _, beside = load_matrix(load_shard(artifact), artifact["matrix"])
    assert not artifact["is_complete"]
    assert beside.column("is_missing").to_pylist() == [True, False]


def test_analyse_stages_a_row_for_every_series_and_curves_where_they_are_wanted() -> None:
    for shard in checked():
        tables = analyse_shard(context(), dict(shard))["tables"]
        entries = load_shard(shard).entries
        assert len(load(tables["series_analysis"])) == len(entries)
        assert len(load(tables["aggregate"])) == 3 * len(entries)
        assert len(load(tables["curve"])) == 720 * sum(entry.curves for entry in entries)


def test_analyse_takes_the_lags_of_the_run_before_those_of_the_catalogue() -> None:
    [shard] = checked(metrics=["smd_d03"])
    table = load(analyse_shard(context(lags=5), dict(shard))["tables"]["autocorrelation"])
    assert max(table.column("lag_slots").to_pylist()) == 5


def test_forecast_stages_ten_ordered_steps_for_each_series() -> None:
    for shard in checked():
        found = load(forecast_shard(context(), dict(shard))["tables"]["forecast"]).to_pydict()
        assert sorted(set(found["step"])) == list(range(1, 11))
        assert all(low <= high for low, high in zip(found["q05"], found["q95"], strict=True))
        assert len(found["step"]) == 10 * len(load_shard(shard))


def test_persist_stores_what_was_handed_over_and_twice_changes_nothing() -> None:
    store = results()
    first = persisted()
    rows = {table.name: all_rows(store, table) for table in (series, sample, aggregate, forecast)}
    assert (len(rows["series"]), len(rows["forecast"])) == (4, 40)
    assert sum(shard["n_series"] for shard in first) == 4
    assert sum(shard["rows"]["sample"] for shard in first) == len(rows["sample"])
    persisted()
    assert rows == {table.name: all_rows(store, table) for table in (series, sample, aggregate, forecast)}


def test_summarise_completes_the_interval_and_counts_add_up() -> None:
    store, given = results(), context()
    summary = summarise_run(given, persisted())
    assert summary == {"as_of": int(AS_OF.timestamp()), "scope": "catalogue", "series": 4, "quarantined": 0}
    [interval] = store.read(lambda c: c.execute(select(analysed_interval)).all())
    assert (interval.n_planned, interval.n_stored, interval.n_quarantined) == (4, 4, 0)
    [trace] = store.read(lambda c: c.execute(select(run)).all())
    assert trace.counts["series"] == 4
    assert {"extract", "check", "analyse", "forecast", "persist"} <= set(trace.stage_seconds)


def test_publish_announces_each_series_once_and_a_backfill_nothing(broker: dict[str, str]) -> None:
    given = context()
    given["dag_run"].run_type.value = "backfill"
    summarise_run(given, persisted())
    assert publish_run(given) == {}
    assert [row.state for row in results().read(lambda c: c.execute(select(publication)).all())] == [
        "skipped"
    ]
    summarise_run(context(), persisted())
    assert list(publish_run(context()).values()) == [4]
    assert publish_run(context()) == {}
    messages = drain(broker, TELEMETRY_TOPIC, {}).messages
    assert len({message.key for message in messages}) == len(messages) == 4
    as_of = {json.loads(message.value or b"")["as_of"] for message in messages}
    assert len(as_of) == 1


def test_the_next_interval_adds_only_what_is_new() -> None:
    store = results()
    persisted()
    before = n_rows(store, sample)
    given = context()
    given["dag_run"].run_after = given["dag_run"].data_interval_end = AS_OF + timedelta(minutes=10)
    for shard in check_shards(given, [extract_shard(given, shard) for shard in plan_run(given)]):
        persist_shard(given, analyse_shard(given, dict(shard)), forecast_shard(given, dict(shard)))
    assert n_rows(store, sample) == before + 4 * 10


def test_the_risk_of_active_slis_is_stored_with_the_samples_it_rests_on(home: Path) -> None:
    store = results()
    apply_slas(home, "smd_d01", "smd_d03")
    persisted()
    rows = {(row.sla_name, row.sli_name): row for row in _rows(store, sli_risk)}
    assert len(_rows(store, sli_risk)) == 6, "each metric has two series"
    assert {row.sla_name: row.horizon_minutes for row in rows.values()} == {"a": 10, "b": 10}
    assert {row.as_of for row in rows.values()} == {AS_OF}
    [sla] = slas.list_slas(store).choose(["a"])
    for sli in sla.slis:
        row = rows["a", sli.name]
        assert row.sli_revision == sli.counting
        assert (row.reason is None) == (row.probability is not None)
        assert (row.lower_bound, row.upper_bound) == (sli.lower, sli.upper)
    first = [(row.sli_name, row.series_id, row.probability) for row in _rows(store, sli_risk)]
    persisted()
    assert first == [(row.sli_name, row.series_id, row.probability) for row in _rows(store, sli_risk)]


def test_the_stored_risk_is_that_of_each_series_alone(home: Path) -> None:
    apply_slas(home, "smd_d01", "smd_d03")
    persisted()
    [sla] = slas.list_slas(results()).choose(["a"])
    for shard in checked():
        planned = load_shard(shard)
        matrix, _ = load_matrix(planned, shard["matrix"])
        for at, key in enumerate(matrix.keys):
            [sli] = [sli for sli in sla.slis if sli.metric == key.metric]
            alone = matrix.take(np.array([at]))
            pairs = pair_up([replace(sla, slis=(sli,))], alone.keys)
            parameters = ForecastParameters(enough=analysis_parameters(planned.entries[at]))
            expected = RiskForecasts.of(alone, pairs, 10, parameters).columns(matrix.grid)
            [row] = [r for r in _rows(results(), sli_risk) if (r.sla_name, r.series_id) == ("a", key.id)]
            assert row.probability == pytest.approx(expected["probability"][0])
            assert row.predicted == expected["predicted"][0]


def apply_slas(home: Path, *metrics: str) -> None:
    """An SLI on each metric, and another SLA."""
    lines = [f"      - {{name: {metric}, metric: {metric}, max: 0.5}}\n" for metric in metrics]
    file = home / "slas.yaml"
    file.write_text(
        "slas:\n  - name: a\n    slis:\n" + "".join(lines)
        + "  - {name: b, slis: [{name: i, metric: smd_d01, max: 0.5}]}\n"
    )  # fmt: skip
    slas.apply(results(), catalogue(), [file], by="me", at=1)


def _rows(store: Store, table: Any) -> list[Any]:
    query = select(table).order_by(*table.primary_key)
    return store.read(lambda connection: connection.execute(query).all())
