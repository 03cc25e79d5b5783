"""A connection's settings: checked, kept secret, and never able to weaken the guarantees."""

from __future__ import annotations

import pytest

from foresight.errors import FinalError, InvalidDocument
from foresight.messaging import client_config, redacted
from foresight.messaging.connection import Connection

SECURE = {
    "bootstrap.servers": "broker-1:9093,broker-2:9093",
    "security.protocol": "SASL_SSL",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "forecaster",
    "sasl.password": "hunter2",
    "ssl.key.password": "hunter3",
    "ssl.ca.location": "/etc/ssl/ca.pem",
}


def test_settings_of_a_secured_cluster_are_passed_through_as_they_are() -> None:
    assert client_config(SECURE, "kafka") == SECURE


@pytest.mark.parametrize(
    "extra", [{}, {"bootstrap.servers": ""}, {"bootstrap.servers": " , "}, {"bootstrap.servers": 9092}]
)
def test_a_connection_without_servers_is_refused(extra: dict[str, object]) -> None:
    with pytest.raises(InvalidDocument, match=r"connection kafka:0: bootstrap\.servers: needed"):
        client_config(extra, "kafka")


def test_a_setting_that_is_neither_text_nor_number_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidDocument, match=r"sasl\.password: must be a text.* got dict") as raised:
        client_config({"bootstrap.servers": "x:1", "sasl.password": {"vault": "hunter2"}}, "kafka")
    assert "hunter2" not in str(raised.value)


def test_what_may_be_logged_holds_no_secret() -> None:
    shown = redacted(SECURE)
    assert shown["bootstrap.servers"] == SECURE["bootstrap.servers"]
    assert shown["ssl.ca.location"] == SECURE["ssl.ca.location"]
    assert not {"hunter2", "hunter3", "forecaster"} & set(shown.values())


def test_an_unknown_setting_is_named() -> None:
    with pytest.raises(FinalError, match=r"bootstrap\.sreverS"):
        Connection({"bootstrap.sreverS": "x:1"}).producer()


def test_a_wrong_secret_is_not_repeated_in_the_error() -> None:
    with pytest.raises(FinalError) as raised:
        Connection(
            {"bootstrap.servers": "x:1", "security.protocol": "SSL", "ssl.key.pem": "hunter4"}
        ).producer()
    assert "hunter4" not in str(raised.value)


def test_settings_for_airflows_own_operators_do_not_weaken_the_clients() -> None:
    hostile = {
        "bootstrap.servers": "127.0.0.1:1",
        "acks": "0",
        "enable.idempotence": False,
        "enable.auto.commit": True,
        "group.id": "somebody-elses",
        "isolation.level": "read_uncommitted",
        "transactional.id": "somebody-elses",
        "delivery.report.only.error": True,
    }
    connection = Connection(hostile)
    producer = connection.producer(message_timeout_ms=50)
    connection.consumer().close()
    reports: list[object] = []
    producer.produce("topic", b"value", on_delivery=lambda error, _: reports.append(error))
    producer.flush(5)
    assert len(reports) == 1


@pytest.mark.parametrize(
    ("extra", "expected"),
    [({}, "foresight."), ({"transactional.id": "team-a."}, "team-a."), ({"transactional.id": ""}, "")],
)
def test_transactional_ids_begin_as_the_connection_says(extra: dict[str, str], expected: str) -> None:
    assert Connection({"bootstrap.servers": "x:1", **extra}).transaction_prefix == expected


def test_names_of_transactions_carry_the_installation() -> None:
    prefixes = [
        Connection({"bootstrap.servers": "x", **more}).transaction_prefix
        for more in (
            {},
            {"foresight.installation": "east"},
            {"transactional.id": "", "foresight.installation": "e"},
        )
    ]
    assert prefixes == ["foresight.", "foresight.east:", ""]
