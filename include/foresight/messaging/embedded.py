"""librdkafka's built-in broker as a process: ``python -m foresight.messaging.embedded --announce FILE``.

A Kafka for demos and small tests. It keeps the last few megabytes of a partition in memory, forgets
everything when it ends, and knows transactions by name only. It ends on SIGTERM or SIGINT, and with the
process that started it.
"""

from __future__ import annotations

import argparse
import logging
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from confluent_kafka import Producer

_ENDS: Final = {signal.SIGTERM, signal.SIGINT}
_PARENT_CHECK_SECONDS: Final = 0.5

_log = logging.getLogger(__name__)


def start_broker(topics: Sequence[str] = ()) -> tuple[Producer, str]:
    """A broker that lives as long as the returned client, and its bootstrap servers."""
    owner = Producer(
        {"bootstrap.servers": "embedded", "test.mock.num.brokers": 1, "log_level": 3}, logger=_log
    )
    brokers = owner.list_topics(timeout=10).brokers.values()
    for topic in topics:
        owner.list_topics(topic, timeout=10)
    return owner, ",".join(f"{broker.host}:{broker.port}" for broker in brokers)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a broker until it gets the order to end."""
    parser = argparse.ArgumentParser(prog="python -m foresight.messaging.embedded", description=__doc__)
    parser.add_argument("--announce", type=Path, required=True, help="file for the bootstrap servers")
    parser.add_argument("--topics", nargs="*", default=[], help="topics to make at once")
    options = parser.parse_args(arguments)
    parent = os.getppid()
    signal.pthread_sigmask(
        signal.SIG_BLOCK, _ENDS
    )  # before any thread starts, so that all of them inherit it
    owner, servers = start_broker(options.topics)
    _announce(options.announce, servers)
    print(f"broker at {servers}", file=sys.stderr, flush=True)
    try:
        while os.getppid() == parent and signal.sigtimedwait(_ENDS, _PARENT_CHECK_SECONDS) is None:
            pass
    finally:
        options.announce.unlink(missing_ok=True)
        del owner
    return 0


def _announce(file: Path, servers: str) -> None:
    """Whole or not at all: whoever waits for the file may read it the moment it is there."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    aside.write_text(servers)
    aside.replace(file)


if __name__ == "__main__":
    sys.exit(main())
