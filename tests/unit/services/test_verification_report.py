"""The report against scores of the predictions themselves, whatever it is told apart by."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from foresight.errors import FinalError, NotFound
from foresight.forecasting.verification import Sums, bin_of, log_losses, score
from foresight.services.verification_plots import report_picture
from foresight.services.verification_report import GROUPINGS, PRIOR, report
from foresight.store import Store, migrate, open_store, upsert
from foresight.store.tables import band_hour, risk_day, verified_hour

DAY = 86_400
N_DAYS = 4


def drawn() -> list[dict[str, Any]]:
    """Predictions of three SLIs over some days, each with its outcome."""
    rng = np.random.default_rng(1)
    found = []
    for at in range(600):
        said = float(rng.random() ** 3)
        found.append({
            "day": int(rng.integers(N_DAYS)) * DAY, "sla_name": f"s{at % 2}", "sli_name": f"i{at % 3}",
            "sli_revision": "r", "horizon_minutes": (10, 60)[at % 5 == 0],
            "model": ("naive", "median")[at % 4 == 0],
            "calibrator": ("shipped", "fleet")[at % 7 == 0], "metric": f"m{at % 2}", "said": said,
            "happened": bool(rng.random() < said),
        })  # fmt: skip
    return found


def stored_sums(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    names = (
        "day", "sla_name", "sli_name", "sli_revision", "horizon_minutes", "model", "calibrator", "metric",
    )  # fmt: skip
    sums: dict[tuple[Any, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        place = int(bin_of(np.array([row["said"]]))[0])
        sums[(*(row[name] for name in names), place)].append(row)
    found: dict[str, list[Any]] = defaultdict(list)
    for key, members in sums.items():
        said = np.array([row["said"] for row in members])
        happened = np.array([row["happened"] for row in members])
        values = dict(zip((*names, "bin"), key, strict=True)) | {
            "n": len(said), "n_violated": int(happened.sum()), "sum_said": said.sum(),
            "sum_brier": ((said - happened) ** 2).sum(), "sum_log_loss": log_losses(said, happened).sum(),
            "n_minutes": 2, "sum_minutes_off": 3.0, "n_begun": 4, "n_foretold": 2, "sum_lead_minutes": 12.0,
        }  # fmt: skip
        for name, value in values.items():
            found[name].append(value)
    return found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def filled(store: Store) -> Store:
    counts = {"n_judged": 600, "n_unknown": 1, "n_downtime": 2, "n_outside": 3, "n_silent": 4, "n_late": 5}
    band = {
        "as_of": [DAY], "metric": ["m"], "model": ["naive"], "n_paths": [10], "n_held": [9],
        "n_steps": [[10, 10]], "n_inside": [[9, 8]], "n_scaled": [20], "sum_width": [40.0],
        "sum_error": [20.0], "sum_crps": [10.0],
    }  # fmt: skip

    def work(connection: Any) -> None:
        upsert(connection, risk_day, stored_sums(drawn()))
        hour = {"hour": [DAY], "n_predicted": [615], **{name: [n] for name, n in counts.items()}}
        upsert(connection, verified_hour, hour)
        upsert(connection, band_hour, band)

    store.transact(work)
    return store


@pytest.mark.parametrize("grouping", list(GROUPINGS))
def test_scores_are_those_of_the_predictions_themselves(filled: Store, grouping: Any) -> None:
    found = report(filled, N_DAYS * DAY - 1, days=N_DAYS, grouping=grouping)
    column = GROUPINGS[grouping]
    rows = drawn()
    groups: dict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups["" if column is None else row[column], row["horizon_minutes"]].append(row)
    assert {(line.name, line.horizon_minutes) for line in found.lines} == set(groups)
    for line in found.lines:
        mine = groups[line.name, line.horizon_minutes]
        said = np.array([row["said"] for row in mine])
        happened = np.array([row["happened"] for row in mine])
        exact = score(said, happened)
        for name in ("n", "base_rate", "brier", "skill", "log_loss", "ece", "ece05"):
            assert getattr(line.scores, name) == pytest.approx(getattr(exact, name)), name
        assert line.scores.auc == pytest.approx(exact.auc, abs=0.02)
        assert line.scores.average_precision == pytest.approx(exact.average_precision, abs=0.05)
        own = sum((row["happened"] - own_past(rows, row)) ** 2 for row in mine)
        assert line.scores.skill_own_past == pytest.approx(1 - exact.brier * exact.n / own)
        near = [row["happened"] for row in mine if 0.25 <= row["said"] < 0.35]
        assert line.said_03 == pytest.approx(np.mean(near)) if near else math.isnan(line.said_03)
        assert (line.first_minute_error, line.foretold, line.lead_minutes) == (1.5, 0.5, 6.0)


def own_past(rows: list[dict[str, Any]], row: dict[str, Any]) -> float:
    """How often this SLI was violated on the days before."""
    same = ("sla_name", "sli_name", "sli_revision", "horizon_minutes")
    before = [
        other["happened"]
        for other in rows
        if other["day"] < row["day"] and all(other[name] == row[name] for name in same)
    ]
    return (sum(before) + PRIOR) / (len(before) + 1)


def test_auc_and_precision_from_bins_are_those_of_probabilities_rounded_to_their_bins() -> None:
    rng = np.random.default_rng(4)
    said = rng.random(500) ** 2
    happened = rng.random(500) < said
    rounded = score(bin_of(said) / 100.0, happened)
    found = Sums.of(said, happened).scores()
    assert found.auc == pytest.approx(rounded.auc)
    assert found.average_precision == pytest.approx(rounded.average_precision)


def test_the_report_is_plain_json_with_bands_counts_and_a_picture(filled: Store) -> None:
    found = report(filled, N_DAYS * DAY - 1, days=N_DAYS)
    plain = orjson.loads(orjson.dumps(found.plain()))
    assert plain["counts"]["n_predicted"] == 615
    [band] = [each for each in plain["bands"] if each["metric"]]
    assert band["coverage"] == [0.9, 0.8]
    assert (band["joint_coverage"], band["width"], band["mase"], band["crps"]) == (0.9, 2.0, 1.0, 0.5)
    assert len(plain["daily"]["10"]) == N_DAYS
    assert report_picture(found)[:4] == b"\x89PNG"


def test_what_cannot_be_reported_is_refused_in_words(store: Store) -> None:
    with pytest.raises(NotFound, match="no prediction of that time was judged yet"):
        report(store, DAY)
    with pytest.raises(
        FinalError, match="a report is by horizon, sla, metric, model, calibrator, not by 'sli'"
    ):
        report(store, DAY, grouping="sli")  # type: ignore[arg-type]
    with pytest.raises(FinalError, match="1 to 400 days, got 0"):
        report(store, DAY, days=0)


@pytest.mark.parametrize("happened", [True, False])
def test_outcomes_of_one_kind_have_no_skill_and_no_auc(happened: bool) -> None:
    found = Sums.of(np.array([0.2, 0.4]), np.array([happened, happened])).scores(1.0)
    assert math.isnan(found.skill)
    assert math.isnan(found.auc)
    assert not math.isnan(found.brier)
