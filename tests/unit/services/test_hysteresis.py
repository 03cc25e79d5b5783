"""The state of a risk from stored probabilities: it does not flap, in any order of evaluations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from foresight.series import SeriesKey
from foresight.services.evaluation import evaluate_stored
from foresight.store import Store, migrate, open_store, upsert
from foresight.store.tables import sli_risk, sli_status
from tests.unit.services.sla_scene import AS_OF, SLA, fill

SAID = (0.1, 0.6, 0.4, 0.45, 0.2, 0.4, 0.55)
STATES = ("ok", "at_risk", "at_risk", "at_risk", "ok", "ok", "at_risk")
"""From .5 on it begins, below .3 it ends."""
INSTANTS = [AS_OF - 600 * back for back in reversed(range(len(SAID)))]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    fill(opened, 10 + np.random.default_rng(0).standard_normal((1, 1000)))
    key = SeriesKey.of("load", {"host": "h0"})
    for sli in SLA.slis:
        rows = {
            "as_of": INSTANTS, "sla_name": "shop", "sli_name": sli.name, "sli_revision": sli.counting,
            "series_id": key.id, "horizon_minutes": 10,
            "probability": list(SAID) if sli.name == "load" else [0.0] * len(SAID),
            "components": [{}] * len(SAID),
            "predicted": [[]] * len(SAID), "expected_violated_minutes": 0.0, "model": "naive",
            "is_outside_now": False, "calibrator": "c", "has_default_limits": False, "computed_at": INSTANTS,
        }  # fmt: skip
        opened.transact(lambda connection, rows=rows: upsert(connection, sli_risk, rows))  # type: ignore[misc]
    yield opened
    opened.close()


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_risk_goes_on_until_it_falls_below_its_end_in_any_order_of_evaluations(
    store: Store, seed: int
) -> None:
    for at in np.random.default_rng(seed).permutation(len(INSTANTS)):
        evaluate_stored(store, ["shop"], INSTANTS[at])
    query = select(sli_status.c.sli_name, sli_status.c.state).order_by(sli_status.c.as_of)
    rows = store.read(lambda connection: connection.execute(query).all())
    assert tuple(row.state for row in rows if row.sli_name == "load") == STATES
    assert {row.state for row in rows if row.sli_name == "wide"} == {"ok"}
