"""librdkafka's own broker, in this process, and a topic for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from foresight.messaging import ensure_topic
from foresight.messaging.embedded import start_broker

_numbers = itertools.count()


@pytest.fixture(scope="session")
def config() -> Iterator[dict[str, str]]:
    """Settings of a connection to the embedded broker."""
    owner, servers = start_broker()
    yield {"bootstrap.servers": servers}
    del owner


@pytest.fixture
def topic(config: dict[str, str]) -> str:
    """An empty topic of its own for this test."""
    name = f"topic-{next(_numbers)}"
    ensure_topic(config, name)
    return name
