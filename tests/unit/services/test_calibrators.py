"""Refit, promotion, refusal and roll-back, on outcomes that went through the live services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sqlalchemy import select
from training.replay import BAD, WORSE, Replay

from foresight.errors import FinalError
from foresight.forecasting.calibrator import shipped
from foresight.forecasting.fleet import FleetCalibrator
from foresight.forecasting.refit import Correction
from foresight.services import calibrators
from foresight.services.risk_features import decoded, encoded
from foresight.services.verification_report import report
from foresight.store import Store, migrate, open_store, upsert
from foresight.store.tables import band_hour, calibrator, forecast, risk_feature, sli_risk
from foresight.store.verification import thin_features

N_SERIES, HOURS = 6, 6


def regime(n_series: int, n_slots: int) -> np.ndarray:
    """Noise that never left its bounds, until the replay begins: from then on one minute in twenty does."""
    rng = np.random.default_rng(7)
    values = 10 + rng.standard_normal((n_series, n_slots))
    spiking = rng.random(values.shape) < 0.05
    spiking[:, :720] = rng.random((n_series, 720)) < 0.002
    return np.where(spiking, 40.0, values)


@pytest.fixture(scope="module")
def replayed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    """Hours in which the shipped calibrator says far too little."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('replay')}/results.db")
    migrate(store)
    values = regime(N_SERIES, 720 + HOURS * 60)
    replay = Replay(store, values, [[(-np.inf, 25.0)]] * N_SERIES)
    for _ in range(6):
        replay.predict()
    replay.arrive(2 * 3600)
    yield replay
    store.close()


def test_a_replayed_hour_promotes_a_refit_refuses_a_worse_one_and_takes_a_bad_one_back(
    replayed: Replay,
) -> None:
    store = replayed.store
    hours, decisions = replayed.judge()
    assert [each.n_judged > 0 for each in hours] == [True]
    [promoted] = [each for each in decisions if each.action == "promoted"]
    assert promoted.gain > 0
    assert promoted.skill_after > promoted.skill_before
    assert calibrators.calibrator_in_use(store).version == promoted.version
    refused = calibrators.consider(store, WORSE, replayed.now, by="me")
    assert (refused.action, refused.in_use) == ("refused", promoted.version)
    calibrators.promote_by_hand(store, BAD, replayed.now, by="me", reason="planted")
    assert calibrators.watch(store, replayed.now, by="me") is None  # no outcome of it is known yet
    planted_at = replayed.now
    for _ in range(6):
        replayed.predict()
    used = store.read(
        lambda c: c.execute(select(sli_risk.c.calibrator).where(sli_risk.c.as_of > planted_at).distinct())
        .scalars().all()
    )  # fmt: skip
    assert used == [BAD.version]
    replayed.arrive(2 * 3600)
    [taken_back] = [each for each in replayed.judge()[1] if each.action == "rolled_back"]
    assert (taken_back.version, taken_back.in_use) == (BAD.version, promoted.version)
    assert calibrators.calibrator_in_use(store).version == promoted.version
    lines = {line.name: line for line in report(store, replayed.now, grouping="calibrator").lines}
    assert set(lines) == {shipped().version, BAD.version}
    actions = [each.action for each in calibrators.history(store)[0]]
    assert actions[:3] == ["rolled_back", "promoted", "refused"]


def test_what_a_refit_learns_is_what_was_known_when_it_was_predicted(replayed: Replay) -> None:
    """The features that are stored are those of the window up to as-of: later samples do not change them."""
    rows = replayed.store.read(
        lambda c: c.execute(select(risk_feature.c.as_of, risk_feature.c.is_left, risk_feature.c.weight)).all()
    )
    judged = [row for row in rows if row.is_left is not None]
    assert judged
    assert max(row.as_of.timestamp() for row in judged) <= replayed.now - 2 * 3600
    assert {row.weight for row in judged} == {1.0}


def test_bands_are_judged_and_the_factor_follows_from_them(replayed: Replay) -> None:
    found = report(replayed.store, replayed.now)
    [whole] = [each for each in found.bands if not each.metric]
    assert whole.n_paths > 0
    assert 0 <= whole.joint_coverage <= 1
    assert len(whole.coverage) == 10
    factor = calibrators.band_factor(replayed.store, replayed.now)
    assert (factor > 1) == (whole.joint_coverage < 0.9)
    assert replayed.store.read(lambda c: c.execute(select(forecast.c.step)).first()) is not None


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    yield opened
    opened.close()


def promote(store: Store, slope: float, at: int) -> str:
    candidate = FleetCalibrator(shipped(), Correction(slope, 0.0))
    return calibrators.promote_by_hand(store, candidate, at, by="me", reason="a test").version


def test_without_outcomes_nothing_is_fitted_and_the_shipped_one_is_in_use(store: Store) -> None:
    assert calibrators.refit(store, 86_400, by="me") == []
    assert calibrators.watch(store, 86_400, by="me") is None
    assert calibrators.calibrator_in_use(store) is shipped()
    with pytest.raises(FinalError, match="there is nothing to go back to: shipped-"):
        calibrators.roll_back(store, 86_400, by="me", reason="no")


def test_rolling_back_goes_back_one_by_one_to_the_shipped_one(store: Store) -> None:
    first, second = (promote(store, slope, 600 * at) for at, slope in enumerate((1.1, 1.2), 1))
    with pytest.raises(FinalError, match=f"in use is {second}, not {first}: nothing was changed"):
        calibrators.roll_back(store, 1800, by="me", reason="no", expected=first)
    assert calibrators.roll_back(store, 1800, by="me", reason="no", expected=second).in_use == first
    assert calibrators.roll_back(store, 2400, by="me", reason="no").in_use == shipped().version
    with pytest.raises(FinalError, match="nothing to go back to"):
        calibrators.roll_back(store, 3000, by="me", reason="no")
    third = promote(store, 1.3, 3600)
    assert calibrators.calibrator_in_use(store).version == third
    assert calibrators.roll_back(store, 4200, by="me", reason="no").in_use == shipped().version


def test_a_calibrator_of_another_release_or_cut_gives_way_to_the_shipped_one(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    version = promote(store, 1.1, 600)
    document = FleetCalibrator(shipped(), Correction(1.1, 0.0)).document()
    for changed in (document | {"shipped": "shipped-00000000"}, {"format": 1}):
        row = {
            "version": [version], "kind": ["correction"], "shipped": ["x"], "fitted_at": [600],
            "document": [changed],
        }  # fmt: skip
        store.transact(lambda c, row=row: upsert(c, calibrator, row))  # type: ignore[misc]
        assert calibrators.calibrator_in_use(store) is shipped()
        assert "cannot be used, the shipped one is" in caplog.text


def seeded(store: Store, happened: np.ndarray[Any, Any], n_series: int = 10) -> None:
    """A judged sample of random sides, ten as-ofs."""
    rng = np.random.default_rng(0)
    n = len(happened)
    rows = {
        "as_of": (np.arange(n) % 10 + 1) * 600, "sla_name": ["s"] * n, "sli_name": ["i"] * n,
        "sli_revision": ["r"] * n, "series_id": np.arange(n) % n_series, "horizon_minutes": np.arange(n) + 1,
        "side": 1, "draw": rng.random(n), "features": encoded(rng.normal(0, 1, (n, 67)).astype(np.float32)),
        "is_left": happened.tolist(), "weight": 1.0,
    }  # fmt: skip
    store.transact(lambda connection: upsert(connection, risk_feature, rows))


@pytest.mark.parametrize("kind", [True, False])
def test_outcomes_of_one_kind_only_teach_nothing(store: Store, kind: bool) -> None:
    seeded(store, np.full(200, kind))
    assert calibrators.refit(store, 86_400, by="me") == []


def test_a_model_of_the_fleet_needs_150_violations(store: Store) -> None:
    seeded(store, np.arange(400) % 4 == 0)
    decisions = calibrators.refit(store, 86_400, by="me")
    assert len(decisions) == 1  # 70 violations in the first 70 %: only a correction
    assert calibrators.refit_due(store, 90_000, by="me") == []
    assert len(calibrators.refit_due(store, 2 * 86_400, by="me")) == 1


def test_a_refit_on_two_thousand_sides_tries_both_and_records_each(store: Store) -> None:
    seeded(store, np.arange(2000) % 4 == 0)
    decisions = calibrators.refit(store, 86_400, by="me")
    assert len(decisions) == 2
    changes, _ = calibrators.history(store)
    assert {each.version for each in changes} == {each.version for each in decisions}
    assert [each.action for each in decisions].count("promoted") <= 1


def test_a_sample_that_is_too_large_is_read_in_part_and_weighted_up(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeded(store, np.arange(4000) % 40 == 0)
    store.transact(lambda connection: thin_features(connection, 0.5))
    whole = calibrators._sample(store, 0, 86_400)
    monkeypatch.setattr(calibrators, "MOST_FITTED", 600)
    part = calibrators._sample(store, 0, 86_400)
    assert part.happened.sum() == whole.happened.sum() == 100
    assert 400 < len(part) < 800 < len(whole)
    assert set(part.weight[part.happened]) == {1.0}
    assert whole.weight.sum() == pytest.approx(4000, rel=0.1)
    assert part.weight.sum() == pytest.approx(4000, rel=0.2)


def test_features_survive_their_packing_to_half_precision() -> None:
    values = np.random.default_rng(1).normal(0, 3, (50, 67)).astype(np.float32)
    np.testing.assert_allclose(decoded(encoded(values)), values, rtol=1e-3, atol=1e-3)
    assert decoded([]).shape == (0, 67)


def test_the_factor_of_the_bands_does_not_depend_on_the_order_of_judging(store: Store) -> None:
    def band(as_of: int, n_held: int) -> dict[str, list[Any]]:
        return {
            "as_of": [as_of], "metric": ["m"], "model": ["naive"], "n_paths": [10], "n_held": [n_held],
            "n_steps": [[10] * 10], "n_inside": [[9] * 10], "n_scaled": [10], "sum_width": [1.0],
            "sum_error": [1.0], "sum_crps": [1.0],
        }  # fmt: skip

    rows = [(600 * at, 10 if at % 3 else 4) for at in range(1, 30)]
    factors = []
    for order in (rows, rows[::-1]):
        for as_of, held in order:
            row = band(as_of, held)
            store.transact(lambda c, row=row: upsert(c, band_hour, row))  # type: ignore[misc]
        factors.append(calibrators.band_factor(store, 86_400))
    assert factors[0] == factors[1] > 1


def test_the_planted_ones_differ_from_what_is_shipped() -> None:
    assert len({WORSE.version, BAD.version, shipped().version, replace(BAD).version}) == 3
