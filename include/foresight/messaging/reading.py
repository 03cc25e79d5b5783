"""Reads given spans of a topic's partitions: no group, nothing committed."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Final

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from foresight.errors import BrokerUnavailable
from foresight.messaging.connection import Connection
from foresight.messaging.topics import Span

_AT_ONCE: Final = 5000
_WAIT_SECONDS: Final = 0.05
_STOPS_READING: Final = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_PARTITION,
    KafkaError._UNKNOWN_TOPIC, KafkaError._AUTO_OFFSET_RESET, KafkaError._FATAL, KafkaError._AUTHENTICATION,
})  # fmt: skip
"""Any other error passes by itself: the client reconnects and asks again."""


class SpanReader:
    """Iterates over the messages of ``spans``, each partition in its order, for at most ``seconds``.

    Whoever stops in between may go on later: ``allow`` says for how long.

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
        self._spans = {number: span for number, span in spans.items() if span.start < span.end}
        self._committed = committed
        self.unfinished = set(self._spans)
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Reads for ``seconds`` from now."""
        self._deadline = time.monotonic() + seconds

    def __iter__(self) -> Iterator[Message]:
        return chain.from_iterable(self.lists())

    def lists(self) -> Iterator[list[Message]]:
        """The same messages, as many at once as are there."""
        if not self.unfinished:
            return
        consumer = self._connection.consumer(committed=self._committed)
        try:
            consumer.assign(
                [TopicPartition(self._topic, number, span.start) for number, span in self._spans.items()]
            )
            yield from self._read(consumer)
        except KafkaException as error:
            raise self._connection.failure(error, f"reading topic {self._topic}") from error
        finally:
            consumer.close()

    def _read(self, consumer: Consumer) -> Iterator[list[Message]]:
        ends: dict[int | None, int] = {number: span.end for number, span in self._spans.items()}
        while ends and time.monotonic() < self._deadline:
            found: list[Message] = []
            for message in _next(consumer):
                number, offset, error = message.partition(), message.offset(), message.error()
                if error is not None and error.code() != KafkaError._PARTITION_EOF:
                    self._judge(error)
                    continue
                end = ends.get(number)
                if end is None or number is None or offset is None:
                    continue  # fetched ahead, behind the end of its span
                if error is None and offset < end:
                    found.append(message)
                    offset += 1
                if offset >= end:
                    del ends[number]
                    self.unfinished.discard(number)
                    consumer.pause([TopicPartition(self._topic, number)])
            if found:
                yield found

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
