"""A run of scoring: from topics and files into topics and files, each record once whatever breaks."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest

from foresight.errors import BrokerUnavailable, NotFound
from foresight.messaging import Publishers, drain, ensure_topic
from foresight.messaging.connection import Connection
from foresight.messaging.embedded import start_broker
from foresight.orchestration.scoring import steps as scoring_steps
from foresight.scoring.errors import InvalidMapping
from foresight.services.scoring import streams as scoring_streams
from foresight.services.scoring.places import TopicSource
from foresight.services.scoring.scorers import Scoring
from foresight.store.models import Change
from foresight.store.scoring import find_run
from foresight.wiring.connections import open_results
from tests.unit import registry as models
from tests.unit.iris import FLOWER, IRIS

ME = Change("me", 1_700_000_040)
PARAMS = {
    "deployment": "iris", "source": "kafka:in", "good": "kafka:good", "bad": "kafka:bad",
    "field_mapping": None, "bundle_size": 7, "workers": 3, "queue_size": None, "batch_size": 40,
    "minutes": 5, "stream": None,
}  # fmt: skip
Json = dict[str, Any]


@pytest.fixture(scope="module")
def broker() -> Iterator[str]:
    owner, servers = start_broker()
    yield servers
    del owner


@pytest.fixture
def kafka(broker: str, home: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Json:
    """Settings of the connection; topics of the test's own."""
    config = {"bootstrap.servers": broker}
    monkeypatch.setenv("AIRFLOW_CONN_KAFKA", json.dumps({"conn_type": "kafka", "extra": config}))
    return config


@pytest.fixture(autouse=True)
def _deployed(home: Path) -> None:
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME)


def context(run: str = "r1", **params: Any) -> Json:
    due = datetime(2026, 1, 1, tzinfo=UTC)
    return {
        "dag_run": SimpleNamespace(dag_id="batch_scoring", run_id=run, run_after=due),
        "params": PARAMS | params,
    }


def topics(request: pytest.FixtureRequest) -> Json:
    """Places of the test's own."""
    name = "".join(letter for letter in request.node.name if letter.isalnum())[-60:]
    return {kind: f"kafka:{name}.{kind}" for kind in ("source", "good", "bad")}


def flower(place: int) -> Json:
    width = {0: None, 1: "wide"}.get(place % 10, 0.2 + place % 3)
    return {**FLOWER, "petal_width": width, "place": place}


def send(config: Json, place: str, values: list[bytes | None], key: bytes | None = b"k") -> None:
    topic = place.removeprefix("kafka:")
    ensure_topic(config, topic)
    producer = Connection(config).producer()
    for value in values:
        producer.produce(topic, value, key, headers=[("from", b"test"), ("id", b"theirs")])
    assert producer.flush(20) == 0


def received(config: Json, place: str) -> list[Json]:
    messages = drain(config, place.removeprefix("kafka:"), {}).messages
    return [orjson.loads(message.value or b"") for message in messages]


def run_row(run: str = "r1") -> Any:
    return open_results().read(lambda connection: find_run(connection, "batch_scoring", run))


def test_a_topic_is_scored_into_two_topics_each_in_its_order(
    kafka: Json, request: pytest.FixtureRequest
) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(place)) for place in range(100)])
    found = scoring_steps.score_batches(context(**places))
    assert (found["read"], found["good"], found["bad"]) == (100, 80, 20)
    good, bad = received(kafka, places["good"]), received(kafka, places["bad"])
    assert [record["place"] for record in good] == [n for n in range(100) if n % 10 > 1]
    assert [record["place"] for record in bad] == [n for n in range(100) if n % 10 <= 1]
    assert all("PredictedValue" in record["Prediction"] for record in good)
    assert all("petal_width" in record["PredictionError"] for record in bad)
    row = run_row()
    assert (row.n_batches, row.n_read, row.state, row.version) == (3, 100, "done", 1)


def test_a_message_carries_its_origin_key_and_headers(kafka: Json, request: pytest.FixtureRequest) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(2))])
    scoring_steps.score_batches(context(**places))
    (message,) = drain(kafka, places["good"].removeprefix("kafka:"), {}).messages
    (origin,) = drain(kafka, places["source"].removeprefix("kafka:"), {}).messages
    headers = Counter(name for name, _ in message.headers)
    assert (message.key, headers) == (b"k", {"from": 1, "id": 1, "batch": 1})
    assert dict(message.headers)["id"] == origin.origin.encode()


def test_records_stay_in_their_partition_where_the_output_has_as_many(
    kafka: Json, request: pytest.FixtureRequest
) -> None:
    places = topics(request)
    topic = places["source"].removeprefix("kafka:")
    ensure_topic(kafka, topic)
    producer = Connection(kafka).producer()
    for place in range(2, 120):
        producer.produce(topic, orjson.dumps(flower(place)), partition=place % 4)
    assert producer.flush(20) == 0
    scoring_steps.score_batches(context(**places))
    for kind in ("good", "bad"):
        messages = drain(kafka, places[kind].removeprefix("kafka:"), {}).messages
        for partition in range(4):
            found = [orjson.loads(m.value or b"")["place"] for m in messages if m.partition == partition]
            assert found
            assert found == sorted(place for place in found if place % 4 == partition)


def test_the_next_run_goes_on_and_another_stream_begins_at_the_beginning(
    kafka: Json, request: pytest.FixtureRequest
) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(2))] * 5)
    assert scoring_steps.score_batches(context(**places))["read"] == 5
    assert scoring_steps.score_batches(context("r2", **places))["read"] == 0
    send(kafka, places["source"], [orjson.dumps(flower(0))] * 3)
    assert scoring_steps.score_batches(context("r3", **places))["bad"] == 3
    assert scoring_steps.score_batches(context("r4", **places, stream="again"))["read"] == 8
    assert len(received(kafka, places["good"])) == 10


def test_poison_is_a_bad_record_and_the_rest_is_scored(kafka: Json, request: pytest.FixtureRequest) -> None:
    places = topics(request)
    huge = orjson.dumps({**flower(2), "text": "x" * 950_000})
    poison = [b"{", b"\xff\xfe", None, b"NaN", b"[1]", b'{"petal_width": NaN}', b"[" * 100_000, huge]
    good = orjson.dumps(flower(2))
    send(kafka, places["source"], [value for bad in poison for value in (bad, good)])
    found = scoring_steps.score_batches(context(**places))
    assert (found["good"], found["bad"]) == (len(poison), len(poison))
    errors = [record["PredictionError"] for record in received(kafka, places["bad"])]
    for text, part in zip(errors[:3], ("not JSON", "not JSON", "no value"), strict=True):
        assert part in text
    assert "too many for a message" in errors[-1]


@pytest.mark.parametrize(
    "broken", ["before the batch is scored", "after the good ones", "before it is closed"]
)
def test_a_run_that_breaks_is_gone_on_with_and_nothing_is_lost_or_doubled(
    kafka: Json, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, broken: str
) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(place)) for place in range(100)])

    def fail(*_: Any, **__: Any) -> Any:
        raise BrokerUnavailable(broken)

    with monkeypatch.context() as patch:
        if broken.startswith("before the batch"):
            patch.setattr(Scoring, "version", fail)
        elif broken.startswith("before it"):
            patch.setattr(scoring_streams, "close_batch", fail)
        else:
            real = Publishers.enter

            def enter(publishers: Publishers, topic: str, name: str) -> Any:
                publisher = real(publishers, topic, name)
                return SimpleNamespace(publish=fail) if topic.endswith("bad") else publisher

            patch.setattr(Publishers, "enter", enter)
        with pytest.raises(BrokerUnavailable, match=broken):
            scoring_steps.score_batches(context(**places))
    send(kafka, places["source"], [orjson.dumps(flower(100))])
    found = scoring_steps.score_batches(context(**places))
    assert (found["read"], found["good"], found["bad"]) == (101, 80, 21)
    for kind, share in (("good", lambda n: n % 10 > 1), ("bad", lambda n: n % 10 <= 1)):
        got = [record["place"] for record in received(kafka, places[kind])]
        assert got == [n for n in range(101) if share(n)]


def test_a_batch_under_way_is_finished_with_the_model_that_it_was_begun_with(
    kafka: Json, request: pytest.FixtureRequest, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(2))] * 3)

    def fail(*_: Any) -> Any:
        raise BrokerUnavailable("broken")

    with monkeypatch.context() as patch:
        patch.setattr(scoring_streams, "close_batch", fail)
        with pytest.raises(BrokerUnavailable):
            scoring_steps.score_batches(context(**places))
    (home / "two.pmml").write_text(IRIS.read_text().replace("virginica", "iris"))
    models.add("iris", str(home / "two.pmml"), ME)
    models.deploy("iris", ME)
    send(kafka, places["source"], [orjson.dumps(flower(2))])
    scoring_steps.score_batches(context(**places))
    species = [record["Prediction"]["PredictedValue"] for record in received(kafka, places["good"])]
    assert species == ["virginica"] * 3 + ["iris"]
    assert run_row().version == 2


def test_a_run_that_another_one_overtakes_reads_on_by_itself(
    kafka: Json, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(place)) for place in range(100)])
    overtaken, reading = iter([True, False, True]), threading.Lock()
    open_batch, take = scoring_streams.open_batch, TopicSource.take

    def open_late(*given: Any) -> bool:
        return not next(overtaken, False) and open_batch(*given)

    def take_alone(*given: Any) -> Any:
        assert reading.acquire(blocking=False), "two read at once"
        try:
            time.sleep(0.05)
            return take(*given)
        finally:
            reading.release()

    monkeypatch.setattr(scoring_streams, "open_batch", open_late)
    monkeypatch.setattr(TopicSource, "take", take_alone)
    assert scoring_steps.score_batches(context(**places))["read"] == 100
    assert [record["place"] for record in received(kafka, places["good"])] == [
        n for n in range(100) if n % 10 > 1
    ]


def test_one_output_takes_all_in_the_order_of_the_input(kafka: Json, request: pytest.FixtureRequest) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(place)) for place in range(30)])
    found = scoring_steps.score_batches(context(**places | {"bad": None}))
    assert (found["good"], found["bad"]) == (24, 6)
    assert [record["place"] for record in received(kafka, places["good"])] == list(range(30))


def test_a_topic_is_scored_into_numbered_files(
    kafka: Json, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(place)) for place in range(100)])
    files = {kind: str(tmp_path / f"{kind}.jsonl") for kind in ("good", "bad")}
    scoring_steps.score_batches(context(**places | files))
    names = sorted(path.name for path in tmp_path.glob("good*"))
    assert names == ["good.000001.jsonl", "good.000002.jsonl", "good.000003.jsonl"]
    lines = [json.loads(line) for name in names for line in (tmp_path / name).read_text().splitlines()]
    assert [line["place"] for line in lines] == [n for n in range(100) if n % 10 > 1]


@pytest.mark.parametrize("to_file", ["good", "bad"])
def test_one_output_may_be_a_topic_and_the_other_a_file(
    kafka: Json, request: pytest.FixtureRequest, tmp_path: Path, to_file: str
) -> None:
    places = topics(request)
    send(kafka, places["source"], [orjson.dumps(flower(place)) for place in range(30)])
    file = tmp_path / "some.jsonl"
    scoring_steps.score_batches(context(**places | {to_file: str(file), "batch_size": 100}))
    lines = [json.loads(line) for line in (tmp_path / "some.000001.jsonl").read_text().splitlines()]
    (to_topic,) = {"good", "bad"} - {to_file}
    found = {to_file: lines, to_topic: received(kafka, places[to_topic])}
    assert [record["place"] for record in found["good"]] == [n for n in range(30) if n % 10 > 1]
    assert [record["place"] for record in found["bad"]] == [n for n in range(30) if n % 10 <= 1]
    assert all("Prediction" in record for record in found["good"])
    assert all("PredictionError" in record for record in found["bad"])


def csv_file(path: Path, n: int) -> str:
    rows = (",".join("" if v is None else str(v) for v in flower(place).values()) for place in range(n))
    path.write_text("\n".join([",".join([*FLOWER, "place"]), *rows]) + "\n")
    return str(path)


def test_a_file_is_scored_into_topics_once_a_run(
    kafka: Json, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    places = topics(request) | {"source": csv_file(tmp_path / "in.csv", 100)}
    for _ in range(2):
        assert scoring_steps.score_batches(context(**places))["read"] == 100
    got = sorted(int(record["place"]) for record in received(kafka, places["good"]))
    assert got == [n for n in range(100) if n % 10 > 1]
    assert scoring_steps.score_batches(context("r2", **places))["read"] == 100
    assert len(received(kafka, places["bad"])) == 40


@pytest.mark.parametrize("ending", [".jsonl", ".parquet", ".csv"])
def test_a_file_is_scored_into_files_and_repeating_changes_nothing(tmp_path: Path, ending: str) -> None:
    files = {kind: str(tmp_path / f"{kind}{ending}") for kind in ("good", "bad")}
    source = csv_file(tmp_path / "in.csv", 100)
    seen = []
    for _ in range(2):
        found = scoring_steps.score_batches(context(source=source, **files))
        assert (found["read"], found["good"], found["bad"]) == (100, 80, 20)
        seen.append([Path(path).read_bytes() for path in files.values()])
    assert seen[0] == seen[1]
    assert (run_row().n_read, run_row().state) == (100, "done")


@pytest.mark.parametrize(
    ("params", "error", "complaint"),
    [
        ({"deployment": "iris@next"}, NotFound, "no deployment 'next'"),
        ({"good": "kafka:in"}, InvalidMapping, "different places"),
        ({"bundle_size": 0}, InvalidMapping, "bundle_size"),
        ({"field_mapping": "{"}, InvalidMapping, "not JSON"),
        ({"source": "nowhere.csv", "good": "a.csv", "bad": None}, InvalidMapping, "no file"),
        ({"source": "x.xlsx", "good": "a.csv", "bad": None}, InvalidMapping, "ending must be one of"),
        ({"source": "s3://a/b.csv", "good": "a.csv", "bad": None}, InvalidMapping, "use kafka:TOPIC"),
        ({"source": "/etc/passwd.csv", "good": "a.csv", "bad": None}, InvalidMapping, "FORESIGHT_FILES"),
        ({"source": "x.csv", "good": "./x.csv", "bad": None}, InvalidMapping, "the same place"),
        ({"source": "table:other_db/users"}, InvalidMapping, "FORESIGHT_CONNECTIONS"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_read(
    kafka: Json, params: Json, error: type[Exception], complaint: str
) -> None:
    with pytest.raises(error, match=complaint):
        scoring_steps.score_batches(context(**params))


def test_a_model_is_added_and_deployed_by_a_run(tmp_path: Path) -> None:
    path = tmp_path / "two.pmml"
    path.write_text(IRIS.read_text() + "<!-- 2 -->")
    params = {"name": "iris", "file": str(path), "kind": "pmml", "alias": "next", "note": None}
    given = context() | {"params": params}
    version = scoring_steps.add_model(given)
    assert (version, scoring_steps.deploy_model(given, version)) == (2, "deployed")
    assert scoring_steps.deploy_model(given, scoring_steps.add_model(given)) == "unchanged"
