"""Stored risks: claims about any store."""

from __future__ import annotations

from typing import Any

from foresight.store import Store
from foresight.store.columns import Columns
from foresight.store.risks import load_risks, save_risks
from tests.unit.store.rows import T0


def risk_columns(probabilities: dict[str, float | None], as_of: int = T0, horizon: int = 10) -> Columns:
    return {
        "as_of": as_of,
        "sla_name": "shop",
        "sli_name": list(probabilities),
        "sli_revision": "r1",
        "series_id": -7,
        "horizon_minutes": horizon,
        "probability": list(probabilities.values()),
        "reason": [None if p is not None else "stale" for p in probabilities.values()],
        "expected_first_slot": [None if p is None else as_of + 120 for p in probabilities.values()],
        "predicted": [[{"slot": "2026-01-01T00:00:00Z", "value": 1.5}] for _ in probabilities],
        "components": [{"paths": 0.25, "alike": None} for _ in probabilities],
        "is_outside_now": [False for _ in probabilities],
        "calibrator": "shipped-1",
        "computed_at": as_of + 5,
    }


class RiskContract:
    """A risk is one row a key; the last one written counts."""

    def load(self, store: Store, **chosen: Any) -> dict[str, list[Any]]:
        found = store.read(lambda connection: load_risks(connection, T0, ["shop", "other"], **chosen))
        order = sorted(range(len(found["sli_name"])), key=lambda at: [found[name][at] for name in KEY])
        return {name: [values[at] for at in order] for name, values in found.items()}

    def test_what_was_written_last_is_read(self, store: Store) -> None:
        for columns in (
            risk_columns({"x": 0.9, "y": 0.5}),
            risk_columns({"x": 0.1 + 0.2, "y": None}),
            risk_columns({"x": 0.75}, horizon=30),
            risk_columns({"x": 1.0}, as_of=T0 + 600),
        ):
            store.transact(lambda connection, given=columns: save_risks(connection, given))
        found = self.load(store)
        assert found["probability"] == [0.1 + 0.2, 0.75, None]
        assert found["reason"] == [None, None, "stale"]
        assert found["expected_first_slot"] == [T0 + 120, T0 + 120, None]
        assert found["predicted"] == [[{"slot": "2026-01-01T00:00:00Z", "value": 1.5}]] * 3
        assert found["components"] == [{"paths": 0.25, "alike": None}] * 3
        assert found["is_outside_now"] == [False] * 3

    def test_one_horizon_and_some_columns_are_read(self, store: Store) -> None:
        for horizon in (10, 30):
            columns = risk_columns({"x": horizon / 100}, horizon=horizon)
            store.transact(lambda connection, given=columns: save_risks(connection, given))
        found = self.load(store, names=(*KEY, "probability"), horizon_minutes=30)
        assert found == {"sli_name": ["x"], "horizon_minutes": [30], "probability": [0.3]}


KEY = ("sli_name", "horizon_minutes")
