"""A real Kafka that dies, comes back, and asks for a password."""

from __future__ import annotations

import os
import threading
from collections import Counter
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from foresight.errors import BrokerUnavailable, FinalError
from foresight.messaging import Message, Publication, drain, end_offsets, ensure_topic, publish
from tests.integration.kafka_topics import ids_on, new_topic
from tests.integration.publish_and_die import batch_of
from tests.servers.kafka import SASL_PASSWORD, KafkaServer, kafka_broker
from tests.servers.process import Unavailable

pytestmark = pytest.mark.kafka

BATCH = batch_of(2000)


@pytest.fixture(scope="module")
def broker() -> Iterator[KafkaServer]:
    try:
        with kafka_broker() as server:
            yield server
    except Unavailable as reason:
        if os.environ.get("CI"):
            pytest.fail(f"in CI every server must be there: {reason}")
        pytest.skip(str(reason))


def interrupted(server: KafkaServer, *, comes_back: bool) -> Iterator[Message]:
    """The batch; in its middle the broker is killed."""
    for number, message in enumerate(BATCH):
        if number == len(BATCH) // 2:
            server.kill()
            if comes_back:
                server.start()
        yield message


def test_a_broker_that_restarts_in_the_middle_loses_and_doubles_nothing(broker: KafkaServer) -> None:
    config = {"bootstrap.servers": broker.bootstrap}
    topic = new_topic(broker.bootstrap)
    publication = Publication("restart", end_offsets(config, topic))
    delivered = publish(config, topic, interrupted(broker, comes_back=True), publication)
    assert delivered.total == len(BATCH)
    assert ids_on(broker.bootstrap, topic) == Counter(message.id for message in BATCH)


@pytest.mark.parametrize("head_start", [0.0, 0.01])
def test_a_broker_killed_while_a_batch_is_committed_has_it_once_in_the_end(
    broker: KafkaServer, monkeypatch: pytest.MonkeyPatch, head_start: float
) -> None:
    def restart() -> None:
        broker.kill()
        broker.start()

    restarting = threading.Thread(target=restart)

    class Unlucky(Producer):
        def commit_transaction(self, timeout: float = -1) -> None:
            if restarting.ident is None:
                restarting.start()
                restarting.join(head_start)
            super().commit_transaction(timeout)

    config = {"bootstrap.servers": broker.bootstrap}
    topic = new_topic(broker.bootstrap)
    publication = Publication("commit", end_offsets(config, topic))
    monkeypatch.setattr("foresight.messaging.connection.Producer", Unlucky)
    try:
        publish(config, topic, BATCH, publication)
    except BrokerUnavailable:  # either answer is right, as long as a resumed batch is there once
        restarting.join()
        publish(config, topic, BATCH, publication)
    restarting.join()
    assert ids_on(broker.bootstrap, topic) == Counter(message.id for message in BATCH)


def test_a_broker_that_stays_away_is_reported_and_the_batch_is_resumed_later(broker: KafkaServer) -> None:
    config = {"bootstrap.servers": broker.bootstrap}
    topic = new_topic(broker.bootstrap)
    publication = Publication("away", end_offsets(config, topic))
    with pytest.raises(BrokerUnavailable, match="2000 of 2000 messages not confirmed"):
        publish(config, topic, interrupted(broker, comes_back=False), publication, seconds=4)
    broker.start()
    assert publish(config, topic, BATCH, publication).total == len(BATCH)
    assert ids_on(broker.bootstrap, topic) == Counter(message.id for message in BATCH)


def test_a_listener_that_asks_for_a_password_gets_it_from_the_connection(broker: KafkaServer) -> None:
    topic = "behind-a-password"
    ensure_topic(broker.sasl_config, topic)
    publication = Publication("secret", end_offsets(broker.sasl_config, topic))
    publish(broker.sasl_config, topic, BATCH[:7], publication)
    assert len(drain(broker.sasl_config, topic, {}).messages) == 7


def test_a_wrong_password_is_said_but_not_shown(broker: KafkaServer) -> None:
    wrong = {**broker.sasl_config, "sasl.password": f"not the {SASL_PASSWORD}"}
    with pytest.raises((BrokerUnavailable, FinalError), match=r"[Aa]uthentication failed") as raised:
        publish(wrong, "any", BATCH[:1], Publication("secret", {}), seconds=4)
    assert SASL_PASSWORD not in str(raised.value)
