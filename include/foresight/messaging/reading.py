"""Reads given spans of a topic's partitions: no group, nothing committed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from foresight.errors import BrokerUnavailable
from foresight.messaging.connection import Connection
from foresight.messaging.topics import Span

_AT_ONCE: Final = 1000
_WAIT_SECONDS: Final = 0.05
_STOPS_READING: Final = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC, KafkaError._AUTO_OFFSET_RESET, KafkaError._FATAL, KafkaError._AUTHENTICATION,
})  # fmt: skip
"""Any other error passes by itself: the client reconnects and asks again."""


class SpanReader:
    """Iterates over the messages of ``spans``, each partition in its order, for at most ``seconds``.

    Aborted messages are left out, and open transactions waited for, unless ``committed`` is False.

    ``unfinished`` holds the partitions that were not read to the end of their span. The last offsets of a
    span may belong to transaction markers or compacted messages, which never arrive: a partition is done when
    a message at or behind the span's last offset is seen, or the end of the log.
    """

    def __init__(
        self,
        connection: Connection,
        topic: str,
        spans: Mapping[int, Span],
        seconds: float,
        *,
        committed: bool = True,
    ) -> None:
        self._connection = connection
        self._topic = topic
        self._ends = {number: span.end for number, span in spans.items()}
        self._starts = {number: span.start for number, span in spans.items() if span.start < span.end}
        self._seconds = seconds
        self._committed = committed
        self.unfinished = set(self._starts)

    def __iter__(self) -> Iterator[Message]:
        if not self.unfinished:
            return
        consumer = self._connection.consumer(committed=self._committed)
        try:
            consumer.assign([TopicPartition(self._topic, *start) for start in self._starts.items()])
            yield from self._read(consumer)
        except KafkaException as error:
            raise self._connection.failure(error, f"reading topic {self._topic}") from error
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> Iterator[Message]:
        deadline = time.monotonic() + self._seconds
        while self.unfinished and time.monotonic() < deadline:
            for message in _next(consumer):
                number, offset = message.partition(), message.offset()
                error = message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    self._judge(error)
                    continue
                if number is None or offset is None or number not in self.unfinished:
                    continue
                if error is None and offset < self._ends[number]:
                    yield message
                if offset + (error is None) >= self._ends[number]:
                    self.unfinished.discard(number)
                    consumer.pause([TopicPartition(self._topic, number)])

    def _judge(self, error: KafkaError) -> None:
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise BrokerUnavailable(
                f"topic {self._topic}: messages were deleted while they were being read: {error.str()}"
            )
        if error.code() in _STOPS_READING:
            raise self._connection.failure(error, f"reading topic {self._topic}")


def _next(consumer: Consumer) -> list[Message]:
    """What is there, or the first that comes; ``consume`` by itself would wait until its list is full."""
    there = consumer.consume(_AT_ONCE, 0)
    if there:
        return there
    first = consumer.poll(_WAIT_SECONDS)
    return [] if first is None else [first]
