"""What tests need of Kafka besides our own code: fresh topics, other people's transactions, an oracle."""

from __future__ import annotations

import itertools
import os
import time
from collections import Counter
from collections.abc import Iterable, Iterator

from confluent_kafka import Consumer, IsolationLevel, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic, OffsetSpec  # type: ignore[attr-defined] # not in __all__

_numbers = itertools.count()


def new_topic(servers: str, partitions: int = 3, **settings: str) -> str:
    """A topic that nobody else uses; ``settings`` are spelled with ``_`` for ``.``."""
    name = f"test-{os.getpid()}-{next(_numbers)}"
    new_topic_named(servers, name, partitions, **settings)
    return name


def new_topic_named(servers: str, name: str, partitions: int = 1, **settings: str) -> None:
    """A topic of that name."""
    config = {setting.replace("_", "."): value for setting, value in settings.items()}
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(name, partitions, config=config)], operation_timeout=20)[name].result(30)


def make_anew(servers: str, topic: str, partitions: int = 1) -> None:
    """Deletes a topic and makes another one of its name."""
    admin = AdminClient({"bootstrap.servers": servers})
    admin.delete_topics([topic], operation_timeout=20)[topic].result(30)
    while topic in admin.list_topics(timeout=20).topics:
        time.sleep(0.1)
    while True:
        try:
            admin.create_topics([NewTopic(topic, partitions)], operation_timeout=20)[topic].result(30)
        except KafkaException as error:  # it is being deleted still
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
            time.sleep(0.1)
        else:
            return


def delete_records(servers: str, topic: str, before: int) -> None:
    """What retention does, at once: partition 0 begins at ``before``."""
    admin = AdminClient({"bootstrap.servers": servers})
    for answer in admin.delete_records([TopicPartition(topic, 0, before)], request_timeout=20).values():
        answer.result(30)


def stranger(servers: str, transactional_id: str) -> Producer:
    """Another producer of the same topic, ready to begin a transaction."""
    producer = Producer({"bootstrap.servers": servers, "transactional.id": transactional_id})
    producer.init_transactions(30)
    return producer


def ids_on(servers: str, topic: str) -> Counter[str]:
    """How often each message id is there for a reader of committed messages, read the plain way."""
    return Counter(dict(headers)["id"].decode() for headers in _headers(servers, topic))


def _headers(servers: str, topic: str) -> Iterator[list[tuple[str, bytes]]]:
    consumer = Consumer({
        "bootstrap.servers": servers,
        "group.id": "oracle",
        "isolation.level": "read_committed",
        "enable.partition.eof": True,
        "enable.auto.commit": False,
    })  # fmt: skip
    ends = _log_ends(servers, topic, consumer.list_topics(topic, timeout=20).topics[topic].partitions)
    consumer.assign([TopicPartition(topic, number, 0) for number in ends])
    while ends:
        record = consumer.poll(30)
        assert record is not None, f"nothing more came, and partitions {sorted(ends)} are not at their ends"
        error = record.error()
        if error is None:
            yield record.headers()  # type: ignore[misc]
            continue
        assert error.code() == KafkaError._PARTITION_EOF, error
        # A commit is confirmed before its markers are in every partition: until then a reader of committed
        # messages sees an end that is not the end of the log.
        if record.offset() >= ends[record.partition()]:
            del ends[record.partition()]
    consumer.close()


def _log_ends(servers: str, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """The offset behind the last message of each partition, committed or not."""
    wanted = {TopicPartition(topic, number): OffsetSpec.latest() for number in partitions}
    admin = AdminClient({"bootstrap.servers": servers})
    answers = admin.list_offsets(wanted, isolation_level=IsolationLevel.READ_UNCOMMITTED)
    return {found.partition: answer.result(30).offset for found, answer in answers.items()}
