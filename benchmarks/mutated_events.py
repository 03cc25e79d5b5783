"""Spoilt performance events by the million: each is stored or set aside with its reason, and counts add up.

    python -m benchmarks.mutated_events [--json] [--events 1000000] [--stored 100000]

Events are spoilt at random in bits, fields, types, order, duplicates and encodings. All of them are read;
``--stored`` further ones go through a real Kafka into a real MySQL, and every row and every dead letter there
is compared with what reading says.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from confluent_kafka import Producer
from sqlalchemy import make_url
from tests.servers.kafka import kafka_server
from tests.servers.mysql import mysql_server
from tests.unit.orchestration.accounts import check_accounts, kind_of
from tests.unit.slices.mutations import spoilt

from foresight.conventions import PERFORMANCE_DEAD_LETTER_TOPIC, PERFORMANCE_TOPIC
from foresight.local.standalone import connection_variables
from foresight.messaging import drain
from foresight.services.publications import publish_pending
from foresight.services.slices import events as slice_events
from foresight.slices.events import read_message
from foresight.store import migrate
from foresight.wiring.connections import kafka_config, open_results

AT_ONCE = 25_000
START = 1_767_225_600
OTHER_SEED = 1_000_000


def read_part(seed: int, n: int) -> Counter[str]:
    """Reads ``n`` spoilt events; how many were what, and how often each reason was given."""
    found: Counter[str] = Counter()
    for message in spoilt(seed, n):
        reading = read_message(message)
        found[kind_of(reading)] += 1
        found["values"] += reading.values
        found["values_stored"] += reading.stored_values
        for part in reading.rejected + reading.ignored:
            found[f"reason_{part.reason}"] += 1
            found["values_aside"] += part.values
    return found


def read_all(n: int) -> dict[str, Any]:
    """All events through the reader, on every core."""
    started, found = time.perf_counter(), Counter[str]()
    sizes = [min(AT_ONCE, n - first) for first in range(0, n, AT_ONCE)]
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for done, part in enumerate(pool.map(read_part, range(len(sizes)), sizes), 1):
            found += part
            print(f"{min(n, done * AT_ONCE):,} of {n:,} read", file=sys.stderr, flush=True)
    kinds = ("stored", "dead_lettered", "dead_lettered_in_part", "left_out_by_intent")
    assert sum(found[name] for name in kinds) == n
    assert found["values"] == found["values_stored"] + found["values_aside"]
    return {
        "events": n,
        **dict(sorted(found.items())),
        "read_seconds": round(time.perf_counter() - started, 1),
    }


def store_all(n: int) -> dict[str, Any]:
    """Events through a real broker into a real database; nothing may be there that reading does not say."""
    with kafka_server() as servers, mysql_server() as url:
        _connect(servers, url)
        store, config = open_results(), kafka_config()
        migrate(store)
        producer = Producer({"bootstrap.servers": servers, "queue.buffering.max.messages": n + 1})
        for message in spoilt(OTHER_SEED, n):
            producer.produce(PERFORMANCE_TOPIC, message)
        assert producer.flush(60) == 0
        started = time.perf_counter()
        counts = slice_events.receive(store, config, START)
        seconds = time.perf_counter() - started
        publish_pending(
            store,
            config,
            PERFORMANCE_DEAD_LETTER_TOPIC,
            lambda as_of: slice_events.letter_messages(store, as_of),
        )
        sent = drain(config, PERFORMANCE_TOPIC, {}, max_messages=n + 1)
        assert counts["messages"] == len(sent.messages) == n
        told = drain(config, PERFORMANCE_DEAD_LETTER_TOPIC, {}, max_messages=n + 1).messages
        n_rows, n_letters = check_accounts(store, sent.messages, sent.offsets, told)
        store.close()
    found = {"stored_events": n, "stored_rows": n_rows, "stored_letters": n_letters}
    return found | {"store_seconds": round(seconds, 1)}


def _connect(servers: str, url: str) -> None:
    at = make_url(url)
    results = {
        "conn_type": "mysql",
        "host": at.host,
        "port": at.port,
        "login": at.username,
        "schema": at.database,
    }
    kafka = {"conn_type": "kafka", "extra": {"bootstrap.servers": servers}}
    os.environ |= connection_variables({"results": results, "kafka": kafka})


def main() -> None:
    """Reads, stores, compares; the last line is one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print the JSON line alone")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--stored", type=int, default=100_000)
    given = parser.parse_args()
    figures = read_all(given.events) | (store_all(given.stored) if given.stored else {})
    if not given.json:
        for name, value in figures.items():
            print(f"{name:>32} {value}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
