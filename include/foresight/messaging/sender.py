"""The producer behind a name: sends in transactions and knows what became of every message."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Final, Self

from confluent_kafka import KafkaError, KafkaException, Producer
from confluent_kafka import Message as Record

from foresight.errors import BrokerUnavailable, ForesightError, MessageRejected
from foresight.messaging.connection import Connection
from foresight.messaging.messages import BATCH_HEADER, ID_HEADER, Message

TRANSACTION_MESSAGES: Final = 100_000
"""Messages of one transaction: a batch up to this size is seen by readers as a whole or not at all."""
_ABORT_SECONDS: Final = 5.0
_PROGRESS_SECONDS: Final = 5.0
_REASONS: Final = 3
_LOOK_EVERY: Final = 500
_TAKEN_OVER: Final = frozenset({
    KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH,
})  # fmt: skip

Header = tuple[str, str | bytes | None]

_log = logging.getLogger(__name__)


class Sender:
    """Sends batches to ``topic``. Entering it shuts out every earlier sender of that name.

    ``seconds`` is how long one message or one transaction may take.
    """

    def __init__(self, connection: Connection, topic: str, name: str, seconds: float) -> None:
        self._connection = connection
        self._topic = topic
        self._name = name
        self._what = f"topic {topic}, batch {name}"
        self._seconds = seconds
        self._transactional = bool(connection.transaction_prefix)
        self._in_transaction = False
        self._producer = self._open()
        self._accepted = self._failed = 0
        self._reasons: list[KafkaError] = []
        self._too_large: Message | None = None
        self._progress_due = time.monotonic() + _PROGRESS_SECONDS
        self.confirmed = 0

    def _open(self) -> Producer:
        milliseconds = int(self._seconds * 1000)
        # Every report is still looked at, but Python is called for what failed only.
        settings: dict[str, Any] = {
            "message_timeout_ms": milliseconds,
            "delivery_report_only_error": True,
        }
        if self._transactional:
            # No topic has a slash in its name, so a topic and a batch never read as another pair of both.
            settings["transactional_id"] = f"{self._connection.transaction_prefix}{self._topic}/{self._name}"
            settings["transaction_timeout_ms"] = milliseconds
        return self._connection.producer(**settings)

    def __enter__(self) -> Self:
        if self._transactional:
            try:
                self._retry(self._producer.init_transactions, "registering the batch")
            except BaseException:
                self._close()
                raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._in_transaction:
            self._abort()
        self._close()

    def send_transaction(self, messages: Iterator[Message], batch: str) -> None:
        """Sends the next messages, as many as fit a transaction, and returns when all are confirmed."""
        until = time.monotonic() + self._seconds / 2
        batch_header = (BATCH_HEADER, batch.encode())
        self._begin()
        produce, topic, report = self._producer.produce, self._topic, self._report
        for number, message in enumerate(itertools.islice(messages, TRANSACTION_MESSAGES), 1):
            name, key, value, headers, partition = message
            marked: list[Header] = [(ID_HEADER, name.encode()), batch_header]
            if headers:
                marked = [*headers, *marked]
            while True:
                try:
                    produce(topic, value, key, partition, headers=marked, on_delivery=report)
                    break
                except (BufferError, KafkaException) as error:
                    self._make_room(error, message)
            self._accepted = number
            if number % _LOOK_EVERY == 0 and (self._has_failed() or time.monotonic() > until):
                break
        self._commit()

    def _begin(self) -> None:
        self._accepted = 0
        if self._transactional:
            self._retry(lambda _: self._producer.begin_transaction(), "beginning a transaction")
        self._in_transaction = self._transactional

    def _make_room(self, error: BufferError | KafkaException, message: Message) -> None:
        """Waits until a message that was not taken can be; raises why it cannot."""
        if isinstance(error, BufferError):  # as much as we want to hold is on its way
            self._serve(self._producer.poll, 0.1)
            return
        if error.args[0].code() == KafkaError.MSG_SIZE_TOO_LARGE:
            raise self._rejected(message) from error
        # A broken transaction only says "erroneous state" here; why it broke is in the reports.
        left = self._serve(self._producer.flush, _ABORT_SECONDS)
        if self._failed:
            raise self._undelivered(left) from error
        raise self._translated(error, f"sending message {message.id}") from error

    def _has_failed(self) -> bool:
        """Looks at the reports that are there: what was delivered leaves its memory to what follows."""
        self._serve(self._producer.poll, 0)
        self._say_progress()
        return self._failed > 0

    def _report(self, error: KafkaError | None, record: Record) -> None:
        """librdkafka's word on a message that was not delivered."""
        assert error is not None  # noqa: S101 (the producer is told to report nothing else)
        self._failed += 1
        if len(self._reasons) < _REASONS and error not in self._reasons:
            self._reasons.append(error)
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            # A refused request may hold small messages too; the largest one is to blame.
            refused = Message("", record.key(), record.value())
            self._too_large = max(refused, self._too_large or refused, key=lambda message: message.size)

    def _commit(self) -> None:
        left = self._serve(self._producer.flush, self._seconds)
        if self._too_large is not None:
            raise self._rejected(self._too_large)
        if self._failed or left:
            raise self._undelivered(left)
        if self._in_transaction:
            self._retry(self._producer.commit_transaction, "committing the batch")
        self._in_transaction = False
        self.confirmed += self._accepted

    def _serve(self, step: Callable[[float], int], seconds: float) -> int:
        """Polls or flushes, which hands over delivery reports and raises fatal errors."""
        try:
            return step(seconds)
        except KafkaException as error:
            raise self._translated(error, "sending") from error
        except SystemError as error:
            # A fatal error came between two reports and was lost; the transaction's next step says it again.
            self._in_transaction = False
            if self._transactional:
                self._retry(self._producer.abort_transaction, "sending")
            raise self._undelivered(len(self._producer)) from error

    def _retry(self, step: Callable[[float], None], doing: str) -> None:
        """Takes a step of a transaction until it succeeds or ``seconds`` are over."""
        deadline = time.monotonic() + self._seconds
        while True:
            try:
                return step(max(deadline - time.monotonic(), 0.0))
            except KafkaException as error:
                if not error.args[0].retriable() or time.monotonic() >= deadline:
                    with suppress(KafkaException):  # a fatal error comes here once more
                        self._producer.poll(0)  # hands over what librdkafka complained of meanwhile
                    raise self._translated(error, doing) from error

    def _abort(self) -> None:
        """Takes the open transaction back, so that readers need not wait for it to time out."""
        self._in_transaction = False
        try:
            self._producer.abort_transaction(_ABORT_SECONDS)
        except KafkaException as error:
            _log.warning(
                "%s: the broker will have to end the transaction: %s", self._what, error.args[0].str()
            )

    def _close(self) -> None:
        # close() would wait for what is under way and complain of an unfinished step; letting go does not.
        self._producer.purge()
        del self._producer

    def _translated(self, error: KafkaException, doing: str) -> ForesightError:
        if error.args[0].code() in _TAKEN_OVER:
            return BrokerUnavailable(f"{self._what}: another process has taken this batch over")
        return self._connection.failure(error, f"{self._what}: {doing}")

    def _undelivered(self, left: int) -> ForesightError:
        lost = min(self._failed + left, self._accepted)
        reasons = "; ".join(error.str() for error in self._reasons) or f"no answer within {self._seconds:g} s"
        taken_over = any(error.code() in _TAKEN_OVER for error in self._reasons)
        if taken_over:
            reasons = "another process has taken this batch over"
        text = f"{self._what}: {lost} of {self._accepted} messages not confirmed, {left} still waiting"
        if self._reasons and not taken_over:
            return self._connection.failure(self._reasons[0], text)
        return BrokerUnavailable(f"{text}: {reasons}")

    def _rejected(self, message: Message) -> MessageRejected:
        return MessageRejected(
            f"{self._what}: the message with key {_shown(message.key)} of {message.size} bytes is larger "
            "than the broker takes; raise the topic's max.message.bytes",
            (message.key, message.value),
        )

    def _say_progress(self) -> None:
        now = time.monotonic()
        if now >= self._progress_due:
            self._progress_due = now + _PROGRESS_SECONDS
            _log.info(
                "%s: %d messages confirmed by now",
                self._what,
                self.confirmed + self._accepted - len(self._producer),
            )


def _shown(key: bytes | None) -> str:
    return "none" if key is None else repr(key.decode(errors="replace")[:200])
