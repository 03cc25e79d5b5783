from __future__ import annotations

import pytest

from foresight.store import Store
from foresight.telemetry.catalogue import Catalogue
from foresight.web.app import create_app
from foresight.web.context import Doors
from foresight.wiring.scoring import scoring
from foresight.wiring.settings import catalogue
from tests.unit.web.door import Door, RoleGate

NOW = 1_790_000_000


@pytest.fixture
def gate() -> RoleGate:
    return RoleGate()


@pytest.fixture
def doors(store: Store, gate: RoleGate) -> Doors:
    return Doors(
        gate=gate,
        open_store=lambda: store,
        open_scoring=scoring,
        open_catalogue=lambda: _catalogue(),
        clock=lambda: NOW,
        own_origins=frozenset({"https://airflow.example.org"}),
    )


@pytest.fixture
def door(doors: Doors) -> Door:
    return Door(create_app(doors))


def _catalogue() -> Catalogue:
    return catalogue()
