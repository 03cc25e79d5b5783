"""What an SLI makes of vanished series, several series, silence, and alerts of its own."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from foresight.grid import Grid
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.burn_rates import Alert
from foresight.sla.definitions import Budget, Choices, Sla, Sli
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.sla.rows import status_rows
from foresight.sla.states import Reason, State
from foresight.sla.status import SliStatus
from foresight.sla.statuses import evaluate, figures_of
from foresight.sla.tracks import tracks_of
from tests.unit.sla.strategies import AS_OF, METRIC

NAN = math.nan
USUAL = Sli("load", METRIC, 0.0, 1.0, 0.9, windows=(10, 60))


def matrix_of(*rows: list[float]) -> SeriesMatrix:
    keys = tuple(SeriesKey.of(METRIC, {"host": str(at)}) for at in range(len(rows)))
    return SeriesMatrix(keys, Grid(AS_OF, len(rows[0])), np.array(rows, np.float64))


def status(sli: Sli, *rows: list[float]) -> SliStatus:
    return evaluate([Sla("a", (sli,))], matrix_of(*rows))[0].slis[0]


def test_a_series_that_ended_is_left_out_while_another_one_reports() -> None:
    ended, alive = [0.5] * 40 + [NAN] * 20, [0.5] * 60
    assert status(USUAL, ended, alive).state is State.NO_DATA
    leaving = replace(USUAL, choices=Choices(vanished="leave_out"))
    assert status(leaving, ended, alive).state is State.OK
    assert len(status(leaving, ended, alive).series) == 1
    assert status(leaving, ended, ended).state is State.NO_DATA


@pytest.mark.parametrize(
    ("no_data", "counts", "state"),
    [("ignore", (50, 0), State.NO_DATA), ("good", (60, 0), State.OK), ("bad", (60, 10), State.VIOLATED)],
)
def test_silence_is_ignored_good_or_bad(no_data: str, counts: tuple[int, int], state: State) -> None:
    sli = replace(USUAL, choices=Choices(no_data=no_data))  # type: ignore[arg-type]
    found = status(sli, [0.5] * 50 + [NAN] * 10)
    assert counts == (found.windows[-1].observed, found.windows[-1].violated)
    assert found.state is state


@pytest.mark.parametrize(("across", "violated"), [("worst", 60), ("mean", 0), ("sum", 60)])
def test_several_series_are_judged_one_by_one_or_as_one(across: str, violated: int) -> None:
    sli = replace(USUAL, choices=Choices(across=across))  # type: ignore[arg-type]
    found = status(sli, [0.1] * 60, [1.5] * 60)
    assert found.windows[-1].violated == violated


def test_the_share_of_series_inside_is_held_against_the_slice_target() -> None:
    sli = replace(USUAL, choices=Choices(across="share"), budget=Budget(slice_target=0.6))
    two_of_three = status(sli, [0.1] * 60, [0.1] * 60, [1.5] * 60)
    assert (two_of_three.windows[-1].violated, two_of_three.windows[-1].good) == (0, 120.0)
    assert status(sli, [0.1] * 60, [1.5] * 60, [1.5] * 60).windows[-1].violated == 60


def test_an_alert_of_the_definition_fires_over_its_own_windows() -> None:
    alert = Alert("mine", "page", 1.5, 30, 5, targets=("on-call",))
    sli = replace(USUAL, objective=0.5, alerts=(alert,))
    firing = status(sli, [0.5] * 30 + [2.0] * 29 + [0.5])
    assert [each.fires for each in firing.alerts if each.name == "mine"] == [True]
    assert firing.reasons == (Reason.BURN_RATE,)
    recovered = status(sli, [0.5] * 30 + [2.0] * 25 + [0.5] * 5)
    assert [each.fires for each in recovered.alerts if each.name == "mine"] == [False]


def test_at_a_threshold_only_an_alert_with_or_equal_fires() -> None:
    burning = [0.5] * 30 + [2.0] * 30
    for or_equal in (False, True):
        alert = Alert("mine", "page", 2.0, 30, 0, or_equal=or_equal)
        found = status(replace(USUAL, objective=0.5, alerts=(alert,)), burning)
        assert [each.fires for each in found.alerts if each.name == "mine"] == [or_equal]


def test_the_cost_of_a_violated_minute_ranks_what_is_expected() -> None:
    rng = np.random.default_rng(1)
    matrix = matrix_of((0.9 + 0.2 * rng.normal(size=720)).tolist())
    slas = [Sla("a", (replace(USUAL, choices=Choices(cost_per_minute=12.0)), replace(USUAL, name="free")))]
    tracks = tracks_of(slas, matrix)
    figures = figures_of(
        slas, matrix, tracks=tracks, forecasts=RiskForecasts.of(tracks.at_risk(), tracks.pairs)
    )
    columns = status_rows(figures)["sli_status"]
    minutes = columns["expected_violated_minutes"]
    assert 0 < minutes[0] == minutes[1] <= 10
    assert columns["expected_cost"] == [pytest.approx(12 * minutes[0]), None]
