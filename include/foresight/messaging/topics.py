"""What a topic is like now: whether it is there, and which offsets each of its partitions holds."""

from __future__ import annotations

import logging
import time
from typing import Final, NamedTuple

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined] # not in __all__
from confluent_kafka.cimpl import NewTopic

from foresight.errors import BrokerUnavailable, NotFound
from foresight.messaging.connection import ClientConfig, Connection

REQUEST_SECONDS: Final = 15.0
"""How long one question to the cluster may take."""

ID_LENGTH: Final = 64
"""Longest identity of a topic, in characters."""
_PAUSE_SECONDS: Final = 0.1
_PASSING: Final = frozenset({
    KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.OFFSET_NOT_AVAILABLE,
})  # fmt: skip
"""What a broker says of a partition while its leader changes, or just after the topic was made."""

_log = logging.getLogger(__name__)


class Span(NamedTuple):
    """Offsets ``start <= offset < end`` of one partition."""

    start: int
    end: int


def ensure_topic(
    config: ClientConfig, topic: str, *, partitions: int = 3, seconds: float = REQUEST_SECONDS
) -> None:
    """Makes the topic if it is missing, with the cluster's default replication.

    Where creating is not allowed or not known (the embedded broker), the broker may still make it itself
    when asked for it. Raises ``NotFound`` when it is not there in the end.
    """
    connection = Connection(config)
    admin = connection.admin()
    try:
        metadata = admin.list_topics(timeout=seconds)
        if topic in metadata.topics:
            return
        # A broker that knows no controller cannot create topics, and would let us wait for one.
        if metadata.controller_id in metadata.brokers:
            _create(admin, topic, partitions, seconds)
        _wait_until_there(connection, admin, topic, seconds)
    except KafkaException as error:
        admin.poll(0)  # hands over what librdkafka complained of meanwhile
        raise connection.failure(error, f"creating topic {topic}") from error


def _create(admin: AdminClient, topic: str, partitions: int, seconds: float) -> None:
    order = NewTopic(topic, num_partitions=partitions)
    try:
        admin.create_topics([order], operation_timeout=seconds, request_timeout=seconds)[topic].result()
        _log.info("topic %s created with %d partitions", topic, partitions)
    except KafkaException as error:
        if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
            _log.warning("topic %s cannot be created: %s", topic, error.args[0].str())


def _wait_until_there(connection: Connection, admin: AdminClient, topic: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        found = admin.list_topics(topic, timeout=seconds).topics[topic]
        if found.error is None and all(part.leader >= 0 for part in found.partitions.values()):
            return
        if time.monotonic() > deadline:
            raise NotFound(
                f"topic {topic} is not at {connection.servers} and could not be created; "
                "create it, or allow this client to"
            )
        time.sleep(_PAUSE_SECONDS)


def topic_id(config: ClientConfig, topic: str, *, seconds: float = REQUEST_SECONDS) -> str | None:
    """What tells a topic from another one that had its name before; None where that is not known.

    The cluster's own id of the topic. The embedded broker gives none and forgets everything when it ends, so
    there it is the broker that is named. Raises ``NotFound`` for an unknown topic.
    """
    return identity_of(Connection(config), topic, seconds=seconds)


def identity_of(connection: Connection, topic: str, *, seconds: float = REQUEST_SECONDS) -> str | None:
    """What ``topic_id`` says."""
    admin = connection.admin()
    try:
        metadata = admin.list_topics(timeout=seconds)
        # A broker that knows no controller describes no topics, and would let us wait for one.
        if metadata.controller_id not in metadata.brokers or str(metadata.cluster_id).startswith("mock"):
            ports = sorted(broker.port for broker in metadata.brokers.values())
            return f"{metadata.cluster_id}:{'-'.join(map(str, ports))}"[:ID_LENGTH]
        answer = admin.describe_topics(TopicCollection([topic]), request_timeout=seconds)
        return str(answer[topic].result().topic_id)
    except KafkaException as error:
        failure = connection.failure(error, f"asking for the id of topic {topic}")
        if isinstance(failure, NotFound):
            raise failure from error
        _log.warning("topic %s: its id is not known: %s", topic, failure)
        return None


def is_another(stored: str | None, found: str | None) -> bool:
    """Whether a topic is another one than before; an id that is not known says nothing."""
    return stored is not None and found is not None and stored != found


def end_offsets(config: ClientConfig, topic: str, *, seconds: float = REQUEST_SECONDS) -> dict[int, int]:
    """Where the next message of each partition goes, transactions in flight included.

    Store these before a publication's first message. Raises ``NotFound`` for an unknown topic.
    """
    spans = offset_spans(Connection(config), topic, committed=False, seconds=seconds)
    return {partition: span.end for partition, span in spans.items()}


def offset_spans(
    connection: Connection, topic: str, *, committed: bool, seconds: float = REQUEST_SECONDS
) -> dict[int, Span]:
    """What each partition holds now; up to the first open transaction if ``committed``."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return _ask(connection, topic, committed, seconds)
        except KafkaException as error:
            passing = error.args[0].code() in _PASSING
            if not passing or time.monotonic() > deadline:
                raise connection.failure(error, f"asking for the offsets of topic {topic}") from error
        time.sleep(_PAUSE_SECONDS)


class TopicWatch:
    """Asks again and again where a topic ends, with clients that stay; they are made anew after an error."""

    def __init__(self, config: ClientConfig, topic: str) -> None:
        self._connection, self._topic = Connection(config), topic
        self._clients: tuple[AdminClient, Consumer] | None = None

    def ends(self, *, seconds: float = REQUEST_SECONDS) -> dict[int, int]:
        """What ``end_offsets`` says."""
        if self._clients is None:
            self._clients = self._connection.admin(), self._connection.consumer()
        try:
            spans = _asked(self._connection, self._clients, self._topic, committed=False, seconds=seconds)
        except KafkaException as error:
            self.close()
            raise self._connection.failure(error, f"asking for the ends of topic {self._topic}") from error
        except BaseException:
            self.close()
            raise
        return {partition: span.end for partition, span in spans.items()}

    def close(self) -> None:
        """Lets go of the clients."""
        if self._clients is not None:
            self._clients[1].close()
        self._clients = None


def _ask(connection: Connection, topic: str, committed: bool, seconds: float) -> dict[int, Span]:
    clients = connection.admin(), connection.consumer()
    try:
        return _asked(connection, clients, topic, committed=committed, seconds=seconds)
    finally:
        clients[1].close()


def _asked(
    connection: Connection,
    clients: tuple[AdminClient, Consumer],
    topic: str,
    *,
    committed: bool,
    seconds: float,
) -> dict[int, Span]:
    admin, consumer = clients
    isolation = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    partitions = _partitions(connection, consumer, topic, seconds)
    answers = [
        admin.list_offsets(
            {TopicPartition(topic, number): spec for number in partitions},
            isolation_level=isolation,
            request_timeout=seconds,
        )
        for spec in (OffsetSpec.earliest(), OffsetSpec.latest())  # type: ignore[no-untyped-call] # as shipped
    ]
    low, high = ({key.partition: answer.result().offset for key, answer in end.items()} for end in answers)
    return {number: Span(low[number], high[number]) for number in sorted(partitions)}


def _partitions(connection: Connection, consumer: Consumer, topic: str, seconds: float) -> list[int]:
    """The topic's partitions. A consumer asks: unlike other clients it does not create what it asks for."""
    found = consumer.list_topics(topic, timeout=seconds).topics[topic]
    if found.error is not None:
        raise KafkaException(found.error)
    if not found.partitions:
        raise BrokerUnavailable(f"topic {topic} at {connection.servers} shows no partitions yet")
    return list(found.partitions)
