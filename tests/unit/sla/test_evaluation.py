"""Windows, budgets, burn rates and states of SLAs."""

from __future__ import annotations

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.grid import Grid
from foresight.matchers import Matcher
from foresight.series import SeriesKey, SeriesMatrix
from foresight.sla.definitions import Sla, Sli
from foresight.sla.matching import pair_up
from foresight.sla.risk_forecasts import RiskForecasts
from foresight.sla.states import Reason, State
from foresight.sla.status import SeriesStatus, SlaStatus, Violation
from foresight.sla.statuses import evaluate
from tests.unit.sla import oracle
from tests.unit.sla.strategies import AS_OF, METRIC, matrices, slas, slis

MINUTE = 60


def matrix_of(*rows: list[float], metric: str = METRIC, step: int = 60) -> SeriesMatrix:
    keys = tuple(SeriesKey.of(metric, {"host": str(at)}) for at in range(len(rows)))
    return SeriesMatrix(keys, Grid(AS_OF, len(rows[0]), step), np.array(rows, np.float64))


def one(matrix: SeriesMatrix, sli: Sli) -> SeriesStatus:
    worst = evaluate([Sla("a", (sli,))], matrix)[0].slis[0].worst
    assert worst is not None
    return worst


def load(lower: float | None, upper: float | None, objective: float = 0.9, *windows: int) -> Sli:
    return Sli("load", METRIC, lower, upper, objective, windows=windows or (10,))


class TestWindows:
    @settings(deadline=None)
    @given(matrix=matrices(), sli=slis())
    def test_every_figure_equals_that_of_the_slot_by_slot_oracle(
        self, matrix: SeriesMatrix, sli: Sli
    ) -> None:
        status = evaluate([Sla("a", (sli,))], matrix)[0].slis[0]
        for series in status.series:
            row = matrix.keys.index(series.key)
            values, ends = matrix.values[row].tolist(), matrix.grid.ends.tolist()
            for window in series.windows:
                expected = oracle.window(values, ends, sli, window.minutes)
                assert (expected.observed, expected.missing, expected.violated) == (
                    window.observed,
                    window.missing,
                    window.violated,
                )
                assert expected.violations == [(v.start, v.end, v.worst) for v in window.violations]

    @settings(deadline=None)
    @given(matrix=matrices(), sli=slis())
    def test_counts_add_up_and_runs_cover_exactly_the_violated_slots(
        self, matrix: SeriesMatrix, sli: Sli
    ) -> None:
        for series in evaluate([Sla("a", (sli,))], matrix)[0].slis[0].series:
            for window in series.windows:
                assert window.minutes == window.observed + window.missing
                assert 0 <= window.violated <= window.observed
                slots = window.slots()
                assert window.violated == len(slots) == len(set(slots))
                assert sorted(slots) == slots
                between = zip(window.violations, window.violations[1:], strict=False)
                assert all(first.end + MINUTE < second.start for first, second in between)
                assert all(AS_OF - window.minutes * MINUTE < slot <= AS_OF for slot in slots)

    @settings(deadline=None)
    @given(matrix=matrices(), sli=slis(), data=st.data())
    def test_one_more_violation_never_raises_the_good_share_or_the_budget_left(
        self, matrix: SeriesMatrix, sli: Sli, data: st.DataObject
    ) -> None:
        row = data.draw(st.integers(0, len(matrix) - 1))
        slot = data.draw(st.integers(0, matrix.grid.n_slots - 1))
        values = matrix.values.copy()
        values[row, slot] = 1e12 if sli.upper is not None else -1e12
        worse = SeriesMatrix(matrix.keys, matrix.grid, values)
        key = matrix.keys[row]

        def windows(m: SeriesMatrix) -> dict[int, tuple[float, float]]:
            status = evaluate([Sla("a", (sli,))], m)[0].slis[0]
            series = next(series for series in status.series if series.key == key)
            return {
                w.minutes: (1.0 if w.good_share is None else w.good_share, w.budget_left)
                for w in series.windows
            }

        after = windows(worse)
        for minutes, (share, left) in windows(matrix).items():
            assert after[minutes][0] <= share
            assert after[minutes][1] <= left

    def test_a_value_on_a_bound_is_inside_and_the_next_one_outside(self) -> None:
        low, high = 1e10, 5e10
        edge = [low, high, math.nextafter(low, 0), math.nextafter(high, math.inf)]
        window = one(matrix_of(edge), load(low, high)).windows[0]
        assert window.slots() == [AS_OF - MINUTE, AS_OF]

    @pytest.mark.parametrize("objective", [1 - 1e-10, 1 - 2**-53, 0.9999999996, 5e-324])
    def test_any_objective_between_0_and_1_has_a_budget_and_a_finite_burn_rate(
        self, objective: float
    ) -> None:
        good, bad = (one(matrix_of(values), load(None, 1.0, objective, 4)) for values in ([0.0], [9.0]))
        share = float(1 - Fraction(repr(objective)))
        assert good.windows[0].budget_allowed == pytest.approx(share * 4)
        assert good.windows[0].budget_left > 0
        assert bad.windows[0].burn_rate == pytest.approx(1 / share)
        assert (good.state, bad.state) == (State.OK, State.VIOLATED)

    @settings(deadline=None)
    @given(
        objective=st.floats(0, 1, exclude_min=True, exclude_max=True), minutes=st.sampled_from([1, 60, 720])
    )
    def test_a_budget_is_that_of_exact_arithmetic(self, objective: float, minutes: int) -> None:
        window = one(matrix_of([9.0]), load(None, 1.0, objective, minutes)).windows[0]
        share = 1 - Fraction(repr(objective))
        assert window.budget_allowed == pytest.approx(float(share * minutes), rel=1e-11)
        assert window.burn_rate == pytest.approx(float(1 / share), rel=1e-11, abs=1e-9)

    def test_zero_is_a_bound_like_any_other(self) -> None:
        assert one(matrix_of([0.0, -1e-9]), load(0.0, None)).windows[0].violated == 1
        assert one(matrix_of([0.0, 1e-9]), load(None, 0.0)).windows[0].violated == 1

    def test_a_missing_slot_breaks_a_run_and_is_neither_good_nor_bad(self) -> None:
        window = one(matrix_of([0.0, 5.0, math.nan, 6.0]), load(None, 1.0, 0.9, 4)).windows[0]
        assert (3, 1, 2, pytest.approx(1 / 3)) == (
            window.observed,
            window.missing,
            window.violated,
            window.good_share,
        )
        assert [
            Violation(AS_OF - 2 * MINUTE, AS_OF - 2 * MINUTE, 5.0),
            Violation(AS_OF, AS_OF, 6.0),
        ] == list(window.violations)

    def test_an_infinite_sample_is_missing(self) -> None:
        window = one(matrix_of([math.inf, -math.inf, 0.5]), load(0.0, 1.0, 0.9, 3)).windows[0]
        assert (window.observed, window.missing, window.violated) == (1, 2, 0)

    def test_a_run_that_began_before_the_window_is_cut_at_its_edge(self) -> None:
        status = one(matrix_of([9.0, 2.0, 3.0, 0.0]), load(None, 1.0, 0.9, 3, 4))
        assert Violation(AS_OF - 2 * MINUTE, AS_OF - MINUTE, 3.0) == status.windows[0].violations[0]
        assert Violation(AS_OF - 3 * MINUTE, AS_OF - MINUTE, 9.0) == status.windows[1].violations[0]

    def test_the_worst_value_of_a_run_is_the_one_farthest_outside_on_either_side(self) -> None:
        window = one(matrix_of([2.0, -7.0, 5.0]), load(0.0, 1.0)).windows[0]
        assert [Violation(AS_OF - 2 * MINUTE, AS_OF, -7.0)] == list(window.violations)

    def test_a_window_longer_than_the_samples_counts_what_is_before_them_as_missing(self) -> None:
        window = one(matrix_of([0.5] * 5), load(0.0, 1.0, 0.9, 60)).windows[0]
        assert (window.observed, window.missing) == (5, 55)

    def test_slots_of_two_minutes_count_minutes_of_budget(self) -> None:
        window = one(matrix_of([5.0] * 5, step=120), load(None, 1.0, 0.5, 10)).windows[0]
        assert (window.observed, window.violated, window.budget_used) == (5, 5, 10.0)

    def test_a_window_that_is_no_multiple_of_the_step_is_refused(self) -> None:
        with pytest.raises(ValueError, match="5 minutes is no multiple of the step of 120 s"):
            one(matrix_of([5.0], step=120), load(None, 1.0, 0.5, 5))


class TestBudgets:
    def test_a_budget_is_the_share_that_may_be_bad_in_minutes(self) -> None:
        window = one(matrix_of([5.0] * 3 + [0.0] * 717), load(None, 1.0, 0.99, 720)).windows[0]
        assert (window.budget_allowed, window.budget_used, window.budget_left) == (7.2, 3.0, 4.2)
        assert not window.below_one_slot

    def test_a_missing_slot_uses_no_budget(self) -> None:
        values = [math.nan] * 50 + [5.0] * 2 + [0.0] * 8
        window = one(matrix_of(values), load(None, 1.0, 0.9, 60)).windows[0]
        assert (window.budget_allowed, window.budget_used, window.budget_left) == (6.0, 2.0, 4.0)
        assert pytest.approx(0.2 / 0.1) == window.burn_rate

    def test_a_budget_used_to_the_last_minute_is_not_overspent(self) -> None:
        status = one(matrix_of([5.0] * 6 + [0.0] * 54), load(None, 1.0, 0.9, 60))
        assert status.windows[0].budget_left == 0
        assert Reason.BUDGET_SPENT not in status.reasons

    def test_a_budget_below_one_slot_says_so(self) -> None:
        window = one(matrix_of([0.0] * 720), load(None, 1.0, 0.999, 720)).windows[0]
        assert (window.budget_allowed, window.below_one_slot) == (0.72, True)

    def test_without_samples_there_is_no_share_and_no_burn_rate(self) -> None:
        window = one(matrix_of([math.nan] * 10), load(None, 1.0)).windows[0]
        assert (window.good_share, window.burn_rate, window.budget_left) == (None, None, 1.0)


class TestAlerts:
    def burning(self, minutes: int, objective: float = 0.99) -> SeriesStatus:
        values = [0.0] * (720 - minutes) + [5.0] * minutes
        return one(matrix_of(values), load(None, 1.0, objective, 60, 720))

    def test_an_alert_fires_when_both_windows_burn_over_the_factor(self) -> None:
        fast, slow = self.burning(9).alerts
        assert (
            fast.name,
            fast.factor,
            fast.long_burn_rate,
            fast.short_burn_rate,
            fast.fires,
        ) == ("fast", 14.4, 15.0, 100.0, True)
        assert (slow.factor, slow.fires) == (6.0, False)

    def test_it_ends_when_the_short_window_is_good_again(self) -> None:
        values = [0.0] * 700 + [5.0] * 14 + [0.0] * 6
        fast = one(matrix_of(values), load(None, 1.0, 0.99, 60)).alerts[0]
        assert fast.long_burn_rate is not None
        assert fast.long_burn_rate > fast.factor
        assert (fast.short_burn_rate, fast.fires) == (0.0, False)

    def test_a_factor_that_no_burn_rate_can_reach_is_marked(self) -> None:
        assert [alert.can_fire for alert in self.burning(0).alerts] == [True, True]
        assert [alert.can_fire for alert in self.burning(0, 0.9).alerts] == [False, True]

    def test_only_rules_that_fit_into_the_samples_and_the_windows_are_judged(self) -> None:
        assert list(one(matrix_of([0.0] * 59), load(None, 1.0, 0.9, 60)).alerts) == []
        assert [a.name for a in one(matrix_of([0.0] * 720), load(None, 1.0, 0.9, 60)).alerts] == ["fast"]
        longest = one(matrix_of([0.0] * 4320), load(None, 1.0, 0.9, 4320)).alerts
        assert [alert.factor for alert in longest] == [14.4, 6.0, 3.0, 1.0]


class TestStates:
    def state(self, values: list[float], objective: float = 0.9) -> tuple[State, tuple[Reason, ...]]:
        status = one(matrix_of(values), load(None, 1.0, objective, 10, 60))
        return status.state, status.reasons

    def test_inside_is_ok(self) -> None:
        assert self.state([0.0] * 60) == (State.OK, ())

    def test_the_current_sample_outside_is_violated(self) -> None:
        assert self.state([0.0] * 59 + [2.0]) == (State.VIOLATED, (Reason.OUTSIDE_NOW,))

    def test_a_sample_of_five_minutes_ago_is_current_and_one_of_six_is_not(self) -> None:
        assert State.VIOLATED is self.state([0.0] * 54 + [2.0] + [math.nan] * 5)[0]
        assert self.state([0.0] * 53 + [2.0] + [math.nan] * 6) == (State.STALE, (Reason.SILENT,))

    def test_a_silent_series_is_stale_unless_its_past_is_worse_by_itself(self) -> None:
        assert self.state([0.0] * 30 + [math.nan] * 6) == (State.STALE, (Reason.SILENT,))
        assert self.state([0.0] * 30 + [math.nan] * 5) == (State.OK, ())
        spent = self.state([2.0] * 7 + [0.0] * 46 + [math.nan] * 7)
        assert spent == (State.VIOLATED, (Reason.SILENT, Reason.BUDGET_SPENT))
        burning = one(
            matrix_of([math.nan] * 1380 + [0.0] * 39 + [5.0] * 13 + [math.nan] * 8),
            load(None, 1.0, 0.99, 60, 1440),
        )
        assert (burning.state, burning.reasons) == (State.AT_RISK, (Reason.SILENT, Reason.BURN_RATE))

    def test_an_overspent_budget_is_violated_although_the_present_is_good(self) -> None:
        assert self.state([2.0] * 7 + [0.0] * 53) == (State.VIOLATED, (Reason.BUDGET_SPENT,))

    def test_nothing_observed_in_the_shortest_window_is_no_data(self) -> None:
        state, reasons = self.state([0.0] * 50 + [math.nan] * 10)
        assert (state, reasons) == (State.NO_DATA, (Reason.NOTHING_OBSERVED,))

    def test_a_host_that_crashes_with_its_budget_overspent_looks_no_better(self) -> None:
        before, _ = self.state([2.0] * 60)
        after, reasons = self.state([2.0] * 50 + [math.nan] * 10)
        assert (before, after) == (State.VIOLATED, State.VIOLATED)
        assert reasons == (Reason.NOTHING_OBSERVED, Reason.BUDGET_SPENT)

    def test_a_firing_alert_is_at_risk(self) -> None:
        values = [0.0] * 1430 + [5.0] * 9 + [0.0]
        status = one(matrix_of(values), load(None, 1.0, 0.99, 60, 1440))
        assert (status.state, status.reasons) == (State.AT_RISK, (Reason.BURN_RATE,))

    def test_the_current_sample_names_its_slot_and_its_age(self) -> None:
        current = one(matrix_of([0.5, 0.25, math.nan]), load(0.0, 1.0)).current
        assert current is not None
        assert (current.value, current.slot, current.age_slots) == (0.25, AS_OF - MINUTE, 1)

    def test_no_series_is_no_data_with_every_slot_missing(self) -> None:
        status = evaluate([Sla("a", (replace(load(0.0, 1.0), metric="other"),))], matrix_of([0.5]))[0]
        sli = status.slis[0]
        assert (sli.state, sli.reasons, sli.series) == (State.NO_DATA, (Reason.NO_SERIES,), ())
        assert sli.worst is None
        assert [(w.observed, w.missing) for w in sli.windows] == [(0, 10)]

    def test_of_several_series_each_is_shown_and_the_worst_counts(self) -> None:
        matrix = matrix_of([0.5] * 10, [0.5] * 9 + [2.0], [math.nan] * 10)
        status = evaluate([Sla("a", (load(0.0, 1.0),))], matrix)[0].slis[0]
        assert State.VIOLATED is status.state
        assert [dict(series.key.labels)["host"] for series in status.series] == ["1", "2", "0"]
        assert status.windows == status.series[0].windows

    def test_an_sla_is_as_bad_as_its_worst_indicator(self) -> None:
        good, bad = load(0.0, 1.0), replace(load(0.0, 0.1), name="tight")
        assert State.VIOLATED is evaluate([Sla("a", (good, bad))], matrix_of([0.5] * 10))[0].state

    def test_states_are_ordered_from_ok_over_no_data_and_at_risk_to_violated(self) -> None:
        ordered = sorted(State, key=lambda state: state.severity)
        assert [state.value for state in ordered] == [
            "ok", "no_traffic", "maintenance", "stale", "no_data", "at_risk", "violated",
        ]  # fmt: skip


class TestManyAtOnce:
    @settings(max_examples=40, deadline=None)
    @given(matrix=matrices(), definitions=slas)
    def test_many_slas_at_once_are_each_one_by_one(
        self, matrix: SeriesMatrix, definitions: list[Sla]
    ) -> None:
        together = evaluate(definitions, matrix)
        alone = [evaluate([sla], matrix)[0] for sla in definitions]
        assert alone == together

    def test_pairs_beyond_one_chunk_keep_their_own_figures(self) -> None:
        rng = np.random.default_rng(7)
        values = rng.normal(size=(1500, 80))
        values[rng.random(values.shape) < 0.1] = np.nan
        keys = tuple(SeriesKey.of(METRIC, {"host": f"{at:04}"}) for at in range(len(values)))
        matrix = SeriesMatrix(keys, Grid(AS_OF, 80), values)
        status = evaluate([Sla("a", (load(-1.0, 1.0, 0.9, 10, 80),))], matrix)[0].slis[0]
        assert len(keys) == len(status.series)
        for series in status.series[::97]:
            row = keys.index(series.key)
            expected = oracle.window(values[row].tolist(), matrix.grid.ends.tolist(), status.sli, 80)
            assert expected.violations == [(v.start, v.end, v.worst) for v in series.windows[1].violations]

    def test_the_order_of_the_series_changes_nothing(self) -> None:
        rng = np.random.default_rng(1)
        matrix = matrix_of(*rng.normal(size=(6, 30)).round(1).tolist())
        backwards = matrix.take(np.arange(5, -1, -1))
        sla = Sla("a", (load(-1.0, 1.0, 0.5, 30),))
        assert evaluate([sla], matrix) == evaluate([sla], backwards)

    def test_no_slas_and_no_series_are_legal(self) -> None:
        assert evaluate([], matrix_of([1.0])) == []
        nothing = SeriesMatrix((), Grid(AS_OF, 5), np.empty((0, 5)))
        assert State.NO_DATA is evaluate([Sla("a", (load(0.0, 1.0),))], nothing)[0].state


class TestRiskForecasts:
    @pytest.mark.parametrize(("n_missing", "is_foretold"), [(0, True), (5, True), (6, False), (55, False)])
    def test_nothing_is_foretold_from_a_value_that_is_not_current(
        self, n_missing: int, is_foretold: bool
    ) -> None:
        values = np.where(np.arange(720) % 100 == 99, 10.0, 5.0)
        values[-n_missing - 3 :] = 10.0
        values[720 - n_missing :] = np.nan
        matrix = matrix_of(values.tolist())
        slas = [Sla("a", (load(None, 9.0, 0.01, 60, 720),))]
        pairs = pair_up(slas, matrix.keys)
        series = evaluate(slas, matrix, pairs, RiskForecasts.of(matrix, pairs))[0].slis[0].worst
        assert series is not None
        assert is_foretold == (series.risk is not None)
        assert series.state == (State.VIOLATED if is_foretold else State.STALE)

    def status(self, at_risk: float = 0.5, share: float = 0.7) -> SlaStatus:
        """A series that is above 9 in ``share`` of its minutes, though not now, and one that never is."""
        rng = np.random.default_rng(3)
        restless = np.where(rng.random(720) < share, 10.0, 5.0)
        restless[-1] = 5.0
        matrix = matrix_of(restless.tolist(), (5 + 0.3 * rng.normal(size=720)).tolist())
        by_host = tuple(
            Sli(f"host-{host}", METRIC, None, 9.0, 0.05, (Matcher("host", "=", host),), (60,))
            for host in "01"
        )
        sla = Sla("a", by_host, at_risk_probability=at_risk)
        pairs = pair_up([sla], matrix.keys)
        return evaluate([sla], matrix, pairs, RiskForecasts.of(matrix, pairs))[0]

    def test_a_likely_violation_puts_an_indicator_at_risk_and_says_when(self) -> None:
        restless, resting = self.status().slis
        assert (restless.state, restless.reasons) == (State.AT_RISK, (Reason.PROBABILITY,))
        assert restless.worst is not None
        risk = restless.worst.risk
        assert risk is not None
        assert risk.probability >= 0.5
        assert risk.first_slot is not None
        assert AS_OF < risk.first_slot <= AS_OF + 10 * MINUTE
        assert {"paths", "alike", "climate"} <= {name for name, _ in risk.components}
        assert risk.model
        assert risk.calibrator.startswith("shipped-")
        assert State.OK is resting.state

    def test_predicted_minutes_come_with_value_and_interval(self) -> None:
        worst = self.status().slis[0].worst
        assert worst is not None
        assert worst.risk is not None
        coming = [AS_OF + step * MINUTE for step in range(1, 11)]
        assert coming == [minute.slot for minute in worst.risk.predicted]
        for minute in worst.risk.predicted:
            assert minute.low <= minute.value <= minute.high
            assert 0.5 <= minute.probability <= worst.risk.probability

    def test_the_threshold_is_the_slas(self) -> None:
        assert State.AT_RISK is self.status(at_risk=0.2, share=0.05).slis[0].state
        assert State.OK is self.status(at_risk=0.9, share=0.05).slis[0].state

    def test_a_series_too_short_to_forecast_has_no_risk(self) -> None:
        matrix = matrix_of([0.5] * 3)
        sla = Sla("a", (load(0.0, 1.0),))
        pairs = pair_up([sla], matrix.keys)
        status = evaluate([sla], matrix, pairs, RiskForecasts.of(matrix, pairs))[0]
        assert status.slis[0].worst is not None
        assert status.slis[0].worst.risk is None

    def test_forecasts_of_other_pairs_are_refused(self) -> None:
        matrix = matrix_of([0.5] * 60, [0.5] * 60)
        sla = Sla("a", (load(0.0, 1.0),))
        pairs = pair_up([sla], matrix.keys)
        other = pair_up(
            [Sla("a", (replace(load(0.0, 1.0), matchers=(Matcher("host", "=", "1"),)),))], matrix.keys
        )
        with pytest.raises(ValueError, match="not those of these tracks"):
            evaluate([sla], matrix, pairs, RiskForecasts.of(matrix, other))
