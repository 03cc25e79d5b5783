"""Long windows on a real MySQL are those of the oracle, as they are on SQLite."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from foresight.grid import Grid
from foresight.sla.downtime import Maintenance
from foresight.store import Store
from foresight.store.tables import maintenance_change
from tests.integration.databases import fresh_store
from tests.unit.services.test_long_windows import AS_OF, HOUR, MINUTE, SLIS, World, fill
from tests.unit.store.rows import all_rows

pytestmark = pytest.mark.mysql


@pytest.fixture
def store(mysql_url: str) -> Iterator[Store]:
    with fresh_store(mysql_url) as opened:
        yield opened


def test_every_window_is_that_of_the_oracle_with_late_samples_and_downtime(store: Store) -> None:
    world = World(store, tuple(replace(sli, windows=(720, 1500)) for sli in SLIS))
    rng = np.random.default_rng(3)
    fill(world, Grid(AS_OF, 2400), rng)
    world.evaluate(AS_OF)
    assert world.differences(AS_OF) == []
    fill(world, Grid(AS_OF - 14 * HOUR, 400), rng)
    world.plan(Maintenance("w", AS_OF - 20 * HOUR - 7 * MINUTE, 3 * HOUR, "all"))
    world.evaluate(AS_OF - 14 * HOUR)
    world.evaluate(AS_OF)
    assert world.differences(AS_OF) == []
    assert [row[2] for row in all_rows(store, maintenance_change)] == ["added"]
