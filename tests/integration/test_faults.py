"""Faults of many kinds in random order and timing: tables and topics equal an oracle.

``make faults-quick`` plays 200 rounds. FORESIGHT_FAULT_ROUNDS and FORESIGHT_FAULT_SEED say how many, and
which ones.
"""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from foresight.store import open_store
from tests.integration.databases import fresh_store
from tests.integration.faults import World, check, play
from tests.integration.kafka_topics import new_topic
from tests.servers.proxy import proxy_to

pytestmark = [pytest.mark.mysql, pytest.mark.kafka]
ROUNDS = int(os.environ.get("FORESIGHT_FAULT_ROUNDS", "25"))
SEED = int(os.environ.get("FORESIGHT_FAULT_SEED", "1"))


@pytest.mark.timeout(60 + 20 * ROUNDS)
def test_whatever_breaks_is_as_if_nothing_had(mysql_url: str, kafka_servers: str, tmp_path: Path) -> None:
    with fresh_store(mysql_url, pool_size=10) as direct, proxy_to(direct.engine.url.port or 0) as line:
        with direct.engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE flowers (id INT PRIMARY KEY, colour VARCHAR(9))")
        store = open_store(
            direct.engine.url.set(port=line.port),
            attempts=8, wait_seconds=0.05, connect_args={"ssl_disabled": True},
        )  # fmt: skip
        world = World(
            store, direct, line, kafka_servers,
            new_topic(kafka_servers, partitions=2), new_topic(kafka_servers, partitions=1), tmp_path,
            random.Random(SEED),  # noqa: S311 - faults, no secrets
        )  # fmt: skip
        try:
            play(world, ROUNDS)
            check(world)
        except BaseException:
            print(f"seed {SEED}, the last rounds: {world.log[-5:]}")
            raise
        finally:
            store.close()
    print(f"{ROUNDS} rounds, seed {SEED}, {line.n_cut} connections cut")
    assert line.n_cut > ROUNDS // 10
