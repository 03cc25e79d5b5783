"""What is wrong with a connection is told with its name, key and value: to runs and to the doctor."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foresight.errors import BadAnswer, FinalError, NotFound
from foresight.services import diagnosis
from foresight.telemetry import PrometheusSource, RecordingSource
from foresight.wiring.airflow_connections import InvalidConnection
from foresight.wiring.connections import (
    database_url,
    kafka_config,
    open_slice_configuration,
    open_telemetry,
)
from foresight.wiring.installation import this_installation


def define(monkeypatch: pytest.MonkeyPatch, name: str, text: str | None = None, **given: Any) -> None:
    monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(given) if text is None else text)


@pytest.mark.parametrize(
    ("extra", "complaint"),
    [
        ({"timeout_seconds": "abc"}, "extra timeout_seconds: .*valid number.*got 'abc'"),
        ({"timeout_seconds": 0}, "extra timeout_seconds: .*greater than 0, got 0"),
        ({"attempts": "x"}, "extra attempts: .*valid integer.*got 'x'"),
        ({"attempts": 0}, "extra attempts: .*greater than or equal to 1, got 0"),
        ({"attempts": True}, "extra attempts: a number is wanted, got True"),
        ({"backoff_seconds": "x"}, "extra backoff_seconds: .*got 'x'"),
        ({"points_per_query": 0}, "extra points_per_query: .*got 0"),
        ({"max_reply_bytes": "1G"}, "extra max_reply_bytes: .*got '1G'"),
        ({"headers": "abc"}, "extra headers: .*dictionary, got str$"),
        ({"headers": {"X": 7}}, r"extra headers\.X: .*string, got int$"),
        ({"headers": {"X": "s3cret\n"}}, r"extra headers\.X: .*got str$"),
        ({"headers": {"X Y": "s3cret"}}, r"extra headers\.X Y: .*got str$"),
        ({"bearer_token": "s3crét"}, "extra bearer_token: .*got str$"),
        ({"verify": "/no/such/file"}, "extra verify: true, false, or the path .*got '/no/such/file'"),
        ({"cert": ["/no/such/file", "/no/such/key"]}, "extra cert: the path of a file that is there, got"),
        ({"surprise": 1}, "extra surprise is not known; there are bearer_token, headers, "),
        ([1], "extra must be a JSON object, got list"),
        ("{", "extra is not JSON"),
    ],
)
def test_a_wrong_extra_of_a_prometheus_is_refused_for_good(
    monkeypatch: pytest.MonkeyPatch, extra: object, complaint: str
) -> None:
    define(monkeypatch, "telemetry", conn_type="http", host="127.0.0.1", port=9, extra=extra)
    with pytest.raises(FinalError, match=f"^connection telemetry: {complaint}") as caught:
        open_telemetry()
    assert "s3cr" not in str(caught.value)


def test_every_mistake_of_an_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "telemetry", conn_type="http", extra={"attempts": 0, "compress": "perhaps"})
    with pytest.raises(InvalidConnection) as caught:
        open_telemetry()
    assert len(str(caught.value).splitlines()) == 2


def test_an_extra_may_come_as_text_as_from_a_uri(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    define(monkeypatch, "telemetry", f"http://prometheus:9090/?attempts=2&verify={authorities}&compress=true")
    source = open_telemetry()
    assert isinstance(source, PrometheusSource)
    assert (source._attempts, source._session.verify) == (2, str(authorities))
    define(monkeypatch, "telemetry", "recording://smd/?last_row=7&last_slot_at=1700000040")
    assert open_telemetry() == RecordingSource("smd", 7, 1_700_000_040)


@pytest.mark.parametrize(
    ("host", "port"),
    [
        ("[::1", None),
        ("http://x:99999999", None),
        ("::1", 9090),
        ("http://", None),
        ("https://u:s3cret@[::1", None),
    ],
)
def test_a_host_that_makes_no_address_is_refused(
    monkeypatch: pytest.MonkeyPatch, host: str, port: int | None
) -> None:
    for name, opened in (("telemetry", open_telemetry), ("slice_config", open_slice_configuration)):
        define(monkeypatch, name, conn_type="http", host=host, port=port)
        with pytest.raises(InvalidConnection, match=f"connection {name}: .* is no address") as caught:
            opened()
        assert "s3cret" not in str(caught.value)


def test_a_login_that_http_cannot_carry_is_refused_for_good(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "telemetry", conn_type="http", host="127.0.0.1", port=9, login="€")
    with pytest.raises(BadAnswer, match="can't encode character"):
        open_telemetry().describe()


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "host must be the name of a recording"),
        ({"host": "smd", "extra": {"last_row": "x"}}, "extra last_row: .*got 'x'"),
        ({"host": "smd", "extra": {"last_slot_at": 1.5}}, "extra last_slot_at: epoch seconds, or .*got 1.5"),
    ],
)
def test_a_wrong_recording_is_refused(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], complaint: str
) -> None:
    define(monkeypatch, "telemetry", conn_type="recording", **given)
    with pytest.raises(InvalidConnection, match=f"^connection telemetry: {complaint}"):
        open_telemetry()


@pytest.mark.parametrize("path", ["", ":memory:", "{}", "{}/no/such/folder/results.db"])
def test_a_results_file_must_be_a_file_in_a_folder_that_is_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str
) -> None:
    define(monkeypatch, "results", conn_type="sqlite", host=path.format(tmp_path))
    with pytest.raises(InvalidConnection, match=r"^connection results: "):
        database_url("results")
    assert not list(tmp_path.iterdir())


def test_what_goes_to_the_driver_of_mysql_is_checked_and_nothing_else_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    define(monkeypatch, "results", conn_type="mysql", extra={"ssl_disabled": "true", "charset": "utf8"})
    assert database_url("results")[1] == {"ssl_disabled": True}
    define(monkeypatch, "results", conn_type="mysql", extra={"ssl_ca": "/no/such/file"})
    with pytest.raises(InvalidConnection, match="extra ssl_ca: the path of a file that is there"):
        database_url("results")


def test_the_extra_of_kafka_must_be_an_object(monkeypatch: pytest.MonkeyPatch) -> None:
    define(monkeypatch, "kafka", conn_type="kafka", extra=[1])
    with pytest.raises(InvalidConnection, match=r"^connection kafka: extra must be a JSON object"):
        kafka_config()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"conn_type": "http", "password": "s3cret"', "its JSON is broken: .*column"),
        ('{"conn_type": "http", "surprise": "s3cret"}', "has the unknown keys surprise; it may have"),
        ('{"conn_type": "http", "port": "s3cret"}', "port must be a number"),
        ("http://user:s3cret@[::1", "its host or port cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["telemetry", "slice_config"])
def test_a_variable_that_airflow_cannot_read_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, name: str, text: str, complaint: str
) -> None:
    define(monkeypatch, name, text)
    opened = {"telemetry": open_telemetry, "slice_config": open_slice_configuration}[name]
    with pytest.raises(InvalidConnection, match=complaint) as caught:
        opened()
    assert str(caught.value).startswith(f"AIRFLOW_CONN_{name.upper()} is no connection: ")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("text", [None, "", " "])
def test_a_connection_that_is_not_there_is_told_as_such(
    monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_TELEMETRY", raising=False)
    if text is not None:
        define(monkeypatch, "telemetry", text)
    with pytest.raises(NotFound, match="'telemetry' is not defined"):
        open_telemetry()
    assert open_slice_configuration() is None


def test_whatever_a_check_of_the_doctor_breaks_at_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> Any:
        raise KeyError("no such thing")

    monkeypatch.setattr(diagnosis, "CHECKS", {"first": broken, "versions": diagnosis.CHECKS["versions"]})
    found = diagnosis.diagnose(this_installation(), datetime.now(UTC))
    assert found[0] == diagnosis.Finding("first", diagnosis.Verdict.WRONG, "KeyError: 'no such thing'")
    assert [each.verdict for each in found[1:]] == [diagnosis.Verdict.RIGHT]
