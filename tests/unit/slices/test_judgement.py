"""Judgement: a model is promoted when it beats every rival beyond chance, and drift is seen, not imagined."""

from __future__ import annotations

import numpy as np
import pytest

from foresight.slices.dataset import Dataset, split_by_time, split_stacked
from foresight.slices.drift import has_drifted, has_worsened, input_drift, profile
from foresight.slices.features import INPUTS, PERIODS
from foresight.slices.judgement import BASELINES, CONSTANT, baselines, judge
from foresight.slices.recording import Recording, simulate
from foresight.slices.targets import Target
from tests.unit.slices.reference import recording

RNG = np.random.default_rng(1)
ANSWERS = RNG.normal(100, 10, (5, 400))


def off(spread: float, seed: int = 2) -> np.ndarray:
    return ANSWERS + np.random.default_rng(seed).normal(0, spread, ANSWERS.shape)


def test_what_beats_every_rival_beyond_chance_is_promoted() -> None:
    verdict = judge(ANSWERS, off(1), {"configured": off(2, 3), "in_use": off(1.5, 4)})
    assert verdict.is_promoted
    assert verdict.score.low < verdict.score.rmse < verdict.score.high
    assert verdict.score.rmse == pytest.approx(1, rel=0.05)
    assert "beats configured" in verdict.reason


def test_one_rival_that_is_as_good_is_enough_to_refuse_and_is_named() -> None:
    verdict = judge(ANSWERS, off(1), {"configured": off(2, 3), "in_use": off(1.001, 4)})
    assert not verdict.is_promoted
    assert verdict.reason.startswith("a tie with in_use")
    assert [rival.is_beaten for rival in verdict.rivals] == [True, False]


def test_a_rival_that_is_better_beyond_chance_wins_and_one_that_is_not_ties() -> None:
    assert judge(ANSWERS, off(2), {"ridge": off(1, 3)}).reason.startswith("ridge wins")
    rivals = {"configured": off(4, 3), "ridge": off(1.001, 4)}
    verdict = judge(ANSWERS, off(1), rivals, to_beat=("configured",))
    assert (verdict.is_promoted, "the best of all; a tie with ridge" in verdict.reason) == (True, True)
    assert not judge(
        ANSWERS, off(2), {"configured": off(4, 3), "ridge": off(1, 4)}, to_beat=("configured",)
    ).is_promoted


def test_what_does_not_beat_a_constant_share_is_called_noise() -> None:
    assert "look like noise" in judge(ANSWERS, off(1), {CONSTANT: off(1, 3)}).reason


def test_equal_models_are_almost_never_promoted() -> None:
    wins = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        answers = np.zeros((3, 200))
        wins += judge(answers, rng.normal(size=(3, 200)), {"in_use": rng.normal(size=(3, 200))}).is_promoted
    assert wins <= 14  # 2.5 % are expected


def test_too_few_held_out_periods_promote_nothing() -> None:
    verdict = judge(ANSWERS[:, :8], ANSWERS[:, :8], {"configured": off(5)[:, :8]})
    assert not verdict.is_promoted
    assert "too few" in verdict.reason


def test_windows_without_an_answer_are_left_out_for_all() -> None:
    holed = ANSWERS.copy()
    holed[:, ::3] = np.nan
    verdict = judge(holed, np.where(np.isnan(holed), 1e9, off(1)), {"configured": off(2, 3)})
    assert verdict.is_promoted


def test_the_baselines_reach_their_published_errors_on_the_stacked_rows() -> None:
    counters, configured = recording()
    data = Dataset.of(Recording((), 0, counters, configured), Target.REFERENCE)
    n = data.answers.size
    last = np.arange(n).reshape(data.answers.shape) >= int(n * 0.9)
    found = baselines(data, ~last)
    rmse = {name: float(np.sqrt(np.mean((found[name] - data.answers)[last] ** 2))) for name in found}
    assert round(rmse["ridge"], 2) == 3.10
    assert round(rmse["configured"], 2) == 6.69
    assert set(BASELINES) < set(found)


def test_no_period_of_the_test_is_in_a_training_window() -> None:
    data = Dataset.of(simulate(3, 200, seed=1), Target.FORWARD)
    split = split_by_time(data)
    ends = [np.flatnonzero(part.any(axis=0)) for part in (split.train, split.validation, split.test)]
    assert ends[1].min() - ends[0].max() > PERIODS
    assert ends[2].min() - ends[1].max() > PERIODS
    assert not (split.train & split.validation | split.validation & split.test).any()


def test_the_stacked_split_judges_the_last_tenth_of_all_rows() -> None:
    data = Dataset.of(simulate(11, 300, seed=1), Target.REFERENCE)
    split = split_stacked(data)
    assert split.test.ravel()[int(0.9 * split.test.size) :].all()
    assert split.test.sum() == split.test.size - int(0.9 * split.test.size)
    for part in (split.train, split.validation):
        assert part.any()
        assert not (part & split.test).any()
    cell = np.flatnonzero(split.test.any(axis=1))[0]
    assert np.flatnonzero(split.test[cell]).min() - np.flatnonzero(split.train[cell]).max() > PERIODS


def test_a_history_too_short_to_split_is_refused() -> None:
    with pytest.raises(ValueError, match="too few"):
        split_by_time(Dataset.of(simulate(3, 15, seed=1), Target.REFERENCE))


def test_the_data_hash_changes_with_any_training_row_and_with_no_other() -> None:
    data = Dataset.of(simulate(2, 100, seed=1), Target.REFERENCE)
    split = split_by_time(data)
    before = data.sha256(split.train)
    answers = data.answers.copy()
    answers[split.test] += 1
    assert Dataset(data.inputs, answers, data.starts, data.target, 0.1).sha256(split.train) == before
    answers[0, 0] += 1
    assert Dataset(data.inputs, answers, data.starts, data.target, 0.1).sha256(split.train) != before


def test_rows_from_the_training_range_do_not_drift_and_moved_ones_do() -> None:
    rng = np.random.default_rng(5)
    trained = profile(rng.normal(100, 10, (5000, 24)))
    same = input_drift(trained, rng.normal(100, 10, (300, 24)))
    moved_rows = rng.normal(100, 10, (300, 24))
    moved_rows[:, INPUTS.index("failures[t]")] += 15
    moved = input_drift(trained, moved_rows)
    assert set(same) == {"requests[t]", "successes[t]", "failures[t]", "configured[t]"}
    assert not any(has_drifted(index, 300) for index in same.values())
    assert [name for name, index in moved.items() if has_drifted(index, 300)] == ["failures[t]"]


def test_a_column_of_one_value_drifts_when_another_appears() -> None:
    trained = profile(np.full((1000, 24), 110.0))
    assert not has_drifted(input_drift(trained, np.full((200, 24), 110.0))["configured[t]"], 200)
    assert has_drifted(input_drift(trained, np.full((200, 24), 120.0))["configured[t]"], 200)


def test_a_few_rows_say_nothing_about_drift() -> None:
    trained = profile(np.random.default_rng(6).normal(size=(1000, 24)))
    assert all(np.isnan(index) for index in input_drift(trained, np.ones((50, 24))).values())
    assert not has_drifted(np.nan, 50)


@pytest.mark.parametrize(
    ("spread", "n", "worse"), [(1.0, 5000, False), (1.1, 5000, False), (1.6, 5000, True), (9, 50, False)]
)
def test_errors_have_worsened_only_when_they_are_larger_beyond_chance(
    spread: float, n: int, worse: bool
) -> None:
    errors = np.random.default_rng(7).normal(0, spread, n)
    errors[::7] = np.nan
    assert has_worsened(errors, judged_high=1.05) is worse
