"""What is wrong with a connection is told with its name, key and value: to runs and to the doctor."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from foresight.errors import FinalError, NotFound
from foresight.services import diagnosis
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.recording import RecordingSource
from foresight.telemetry.sign_in import ClientCredentials, SigV4
from foresight.wiring.airflow_connections import InvalidConnection
from foresight.wiring.connections import (
    database_of,
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
        ({"zzz": 1}, "extra zzz is not known; there are bearer_token, bearer_token_file, oauth2, "),
        ({"timeout_second": 1}, r"extra timeout_second is not known; did you mean timeout_seconds\?"),
        ({"tokenfile": "x"}, r"extra tokenfile is not known; did you mean bearer_token_file\?"),
        (
            {"oauth2": {"token_url": "http://x", "client": "me", "client_id": "me", "client_secret": "s"}},
            r"extra oauth2.client is not known; did you mean client_id\?",
        ),
        ({"oauth2": {"client_id": "me", "client_secret": "s"}}, "extra oauth2.token_url: Field required$"),
        (
            {"oauth2": {"token_url": "http://x", "client_id": "me"}},
            "extra oauth2: give client_secret or client_secret_file",
        ),
        (
            {"sigv4": {"region": "r", "access_key": "a"}},
            "extra sigv4: give access_key and secret_key, or credentials_file",
        ),
        ({"method": "PUT"}, "extra method: .*got 'PUT'"),
        ({"settle_seconds": 601}, "extra settle_seconds: .*600.*got 601"),
        ({"bearer_token_file": "/no/such"}, "extra bearer_token_file: the path of a file that is there"),
        ({"tenant": "a\nb"}, "extra tenant"),
        ({"query_parameters": {"dedup": []}}, "extra query_parameters.dedup: text, a number, true or false"),
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


def test_every_setting_of_a_prometheus_reaches_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("s3cret")
    settings = {
        "oauth2": {
            "token_url": "http://127.0.0.1:9/token",
            "client_id": "me",
            "client_secret_file": str(file),
            "scopes": ["read"],
            "parameters": {"audience": "mimir"},
        },
        "tenant": ["a", "b"],
        "query_parameters": {"partial_response": False, "max_source_resolution": "5m"},
        "method": "GET",
        "settle_seconds": 45,
        "deadline_seconds": 9,
    }
    define(monkeypatch, "telemetry", conn_type="http", host="127.0.0.1", port=9, extra=settings)
    source = open_telemetry()
    assert isinstance(source, PrometheusSource)
    session = source._api.session
    assert source.settle_seconds == 45
    assert session.headers["X-Scope-OrgID"] == "a|b"
    assert session.sends_get
    assert session._parameters == {"partial_response": "false", "max_source_resolution": "5m"}
    assert isinstance(session.sign_in, ClientCredentials)
    assert session.sign_in.scopes == ("read",)
    sigv4 = {"sigv4": {"region": "eu-central-1", "access_key": "a", "secret_key": "b"}}
    define(monkeypatch, "telemetry", conn_type="http", host="127.0.0.1", port=9, extra=sigv4)
    source = open_telemetry()
    assert isinstance(source, PrometheusSource)
    assert isinstance(source._api.session.sign_in, SigV4)


def test_a_secret_in_a_wrong_extra_is_not_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    for extra in ({"oauth2": {"client_secret": 5, "client_id": "s3cret"}}, {"sigv4": "s3cret"}):
        define(monkeypatch, "telemetry", conn_type="http", host="127.0.0.1", extra=extra)
        with pytest.raises(InvalidConnection) as caught:
            open_telemetry()
        assert "s3cret" not in str(caught.value)


def test_an_extra_may_come_as_text_as_from_a_uri(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    authorities = tmp_path / "ca.pem"
    authorities.touch()
    define(monkeypatch, "telemetry", f"http://prometheus:9090/?attempts=2&verify={authorities}&compress=true")
    source = open_telemetry()
    assert isinstance(source, PrometheusSource)
    assert (source._api._attempts, source._api.session.verify) == (2, str(authorities))
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


def test_connections_that_lead_to_one_database_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.db").symlink_to(tmp_path / "results.db")
    given = {
        "a": {"conn_type": "mysql", "host": "127.0.0.1", "schema": "foresight", "login": "reader"},
        "b": {"conn_type": "mysql", "host": "LOCALHOST", "port": 3306, "schema": "foresight"},
        "c": {"conn_type": "mysql", "host": "localhost", "port": 3307, "schema": "foresight"},
        "d": {"conn_type": "sqlite", "host": str(tmp_path / "results.db")},
        "e": {"conn_type": "sqlite", "host": str(tmp_path / "link.db")},
    }
    for name, connection in given.items():
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(connection))
    a, b, c, d, e = map(database_of, given)
    assert (a == b, a == c, d == e, a == d) == (True, False, True, False)
