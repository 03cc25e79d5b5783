"""How to reach Kafka: a connection's settings, checked, and clients made of them with the house's defaults.

The settings are librdkafka's own, passed through as they are, so TLS, SASL and whatever else a cluster asks
for needs no code here. One is read in a sense of its own: ``transactional.id`` is what the transactional
ids of all batches begin with (``foresight.`` by default), and empty where a cluster allows no transactions.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any, Final, TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, Producer
from confluent_kafka.admin import AdminClient

from foresight.errors import (
    BrokerRefused,
    BrokerUnavailable,
    FinalError,
    ForesightError,
    InvalidDocument,
    Mistake,
    NotFound,
)

Client = TypeVar("Client", Producer, Consumer, AdminClient)
ClientConfig = Mapping[str, Any]
"""librdkafka settings by name, as an Airflow connection's extra holds them."""

TRANSACTIONAL_ID: Final = "transactional.id"
INSTALLATION: Final = "foresight.installation"
"""Under this name settings hold what tells installations on one cluster apart; no client gets to see it."""

_OURS: Final = frozenset({
    "acks", "auto.offset.reset", "delivery.report.only.error", "delivery.timeout.ms", "enable.auto.commit",
    "enable.auto.offset.store", "enable.gapless.guarantee", "enable.idempotence", "enable.partition.eof",
    "error_cb", "group.id", "group.instance.id", "group.protocol", "isolation.level", "message.timeout.ms",
    "on_commit", "on_delivery", "request.required.acks", "test.mock.num.brokers", "transaction.timeout.ms",
    TRANSACTIONAL_ID, INSTALLATION,
})  # fmt: skip
"""What the guarantees rest on: set here whatever the connection says, for Airflow's own Kafka operators and
triggers read the same connection and want settings of their own in it."""

_SECRET: Final = re.compile(r"password|secret|token|oauthbearer\.config|key\.pem|jaas|username", re.I)
_EVERY_CLIENT: Final[ClientConfig] = {
    "log_level": 2,  # a client logs each attempt to connect; our errors carry the last complaint instead
}
_PRODUCER: Final[ClientConfig] = {
    "compression.type": "lz4",
    "linger.ms": 20,
    "message.max.bytes": 10_000_000,  # the broker decides what is too large, not a default of the client
    "partitioner": "murmur2_random",  # as Java clients do it, so topics can be joined by key
    "queue.buffering.max.kbytes": 64 * 1024,
}
_CONSUMER: Final[ClientConfig] = {
    "fetch.queue.backoff.ms": 10,  # a reader that takes 100,000 at once empties what was fetched ahead
    "fetch.wait.max.ms": 50,
    "queued.max.messages.kbytes": 32 * 1024,
}
_FINAL_CODES: Final = frozenset({
    KafkaError.TOPIC_AUTHORIZATION_FAILED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    KafkaError.SASL_AUTHENTICATION_FAILED,
    KafkaError.INVALID_TRANSACTION_TIMEOUT,
    KafkaError.INVALID_CONFIG,
    KafkaError.POLICY_VIOLATION,
    KafkaError.TOPIC_EXCEPTION,
})  # fmt: skip
_UNKNOWN_TOPIC: Final = frozenset({
    KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC, KafkaError._UNKNOWN_PARTITION,
})  # fmt: skip

_log = logging.getLogger(__name__)
_library_log = logging.getLogger(f"{__name__}.librdkafka")


def client_config(extra: ClientConfig, connection: str) -> dict[str, Any]:
    """The settings of an Airflow connection of that name, checked. Raises ``InvalidDocument``."""
    mistakes = [_mistake(connection, name, value) for name, value in extra.items()]
    servers = extra.get("bootstrap.servers")
    if not isinstance(servers, str) or not servers.strip(" ,"):
        mistakes.append(Mistake(f"connection {connection}", 0, "bootstrap.servers", "needed: host:port, …"))
    found = [mistake for mistake in mistakes if mistake is not None]
    if found:
        raise InvalidDocument(found)
    return dict(extra)


def _mistake(connection: str, name: str, value: object) -> Mistake | None:
    """What is wrong with one setting; its value is never repeated, it may be a secret."""
    if callable(value) or isinstance(value, str | int | float):
        return None
    reason = f"must be a text, a number or true/false, got {type(value).__name__}"
    return Mistake(f"connection {connection}", 0, name, reason)


def redacted(config: ClientConfig) -> dict[str, Any]:
    """The settings as they may be logged: secrets and user names are starred out."""
    return {name: "***" if _SECRET.search(name) else value for name, value in config.items()}


class Connection:
    """Makes clients of one set of settings and says in words why they failed."""

    def __init__(self, config: ClientConfig) -> None:
        self._config = {name: value for name, value in config.items() if name not in _OURS}
        prefix, installation = str(config.get(TRANSACTIONAL_ID, "foresight.")), config.get(INSTALLATION)
        # No topic has a colon in its name, so an installation and a topic never read as another pair of both.
        self.transaction_prefix = f"{prefix}{installation}:" if prefix and installation else prefix
        """What transactional ids begin with; empty: no transactions."""
        self._complaint = ""

    @property
    def servers(self) -> str:
        """Where the brokers are, for messages."""
        return str(self._config.get("bootstrap.servers", "nowhere"))

    def producer(self, **settings: Any) -> Producer:
        """An idempotent producer; ``settings`` are spelled with ``_`` for ``.`` and always win."""
        return self._make(Producer, _PRODUCER, {"enable.idempotence": True, **_dotted(settings)})

    def consumer(self, *, committed: bool = True) -> Consumer:
        """A consumer for assigned partitions: joins no group, commits nothing.

        If ``committed``, it sees no message of a transaction that is open or was taken back.
        """
        return self._make(
            Consumer,
            _CONSUMER,
            {
                "group.id": "foresight",  # librdkafka insists on a name; without subscribe() it is not used
                "enable.auto.commit": False,
                "enable.auto.offset.store": False,
                "enable.partition.eof": True,
                "isolation.level": "read_committed" if committed else "read_uncommitted",
                "auto.offset.reset": "error",
            },
        )

    def admin(self) -> AdminClient:
        """A client for questions about topics and offsets."""
        return self._make(AdminClient, {}, {})

    def failure(self, error: KafkaException | KafkaError, doing: str) -> ForesightError:
        """The error of ours that ``error`` means while ``doing`` something (``reading topic x``)."""
        cause = error.args[0] if isinstance(error, KafkaException) else error
        code = cause.code() if isinstance(cause, KafkaError) else None
        words = cause.str() if isinstance(cause, KafkaError) else str(cause)
        text = f"{doing} at {self.servers}: {words}"
        if self._complaint and self._complaint not in text:
            text += f" (last complaint: {self._complaint})"
        if code in _UNKNOWN_TOPIC:
            return NotFound(text)
        if code == KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
            text += f"; allow ids that begin with {self.transaction_prefix}, or make {TRANSACTIONAL_ID} empty"
        return BrokerRefused(text) if code in _FINAL_CODES else BrokerUnavailable(text)

    def _make(self, kind: type[Client], defaults: ClientConfig, ours: ClientConfig) -> Client:
        settings = {**_EVERY_CLIENT, **defaults, **self._config, **ours, "error_cb": self._complain}
        try:
            return kind(settings, logger=_library_log)
        except (KafkaException, ValueError, TypeError) as error:
            words = str(error)
            for name, value in self._config.items():
                if _SECRET.search(name) and value:
                    words = words.replace(str(value), "***")
            raise FinalError(f"Kafka settings are not usable: {words}") from None

    def _complain(self, error: KafkaError) -> None:
        self._complaint = error.str()
        _log.debug("%s: %s", self.servers, self._complaint)


def _dotted(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "."): value for name, value in settings.items()}


def topic_of_ours(config: ClientConfig, topic: str) -> str:
    """What a topic that goes out is called on a cluster that several installations may share."""
    installation = config.get(INSTALLATION)
    return f"{installation}.{topic}" if installation else topic
