"""Retention and checksums: claims about any store."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from foresight.errors import FinalError
from foresight.store import (
    Store,
    checksum,
    maintain,
    migrate,
    open_store,
)
from foresight.store.retention import LargeDrop, has_lost_samples
from foresight.store.tables import (
    commit_marker,
    metadata,
    sample,
    sample_window,
    series,
    series_analysis,
    slice_configuration,
    slice_measurement,
)
from tests.unit.store.rows import (
    T0,
    analysis_columns,
    clear,
    column,
    evaluate,
    keys,
    matrix,
    persist,
    sample_columns,
    write,
)

DAY = 86_400


class RetentionContract:
    """What is over goes, and nothing else, whenever and however often somebody cleans up."""

    NOW = T0 - T0 % DAY + 5 * 3600

    def fill_days(self, store: Store, days: range) -> list[int]:
        slots = [self.NOW - self.NOW % DAY + day * DAY + second for day in days for second in (0, DAY - 60)]
        write(store, sample, sample_columns(1.0, [1] * len(slots), slots))
        return slots

    def kept(self, store: Store) -> list[int]:
        return [int(slot.timestamp()) for slot in column(store, sample, "slot")]

    def clean(self, store: Store, later_days: int = 0, **days: int) -> Any:
        """As when data go on to come until then."""
        now = self.NOW + later_days * DAY
        self.measure(store, now)
        return maintain(store, now, days, allow_large_drop=True)

    def measure(self, store: Store, at: int) -> None:
        write(store, slice_measurement, {
            "snssai": "01-A", "cu": "a", "cell": "1", "period_start": [at], "granularity_seconds": 900,
            "sharing": "measured", "is_suspect": False, "source": "x", "sent_as": "01-A", "counters": [{}],
        })  # fmt: skip

    def test_rows_are_kept_by_whole_days(self, store: Store) -> None:
        slots = self.fill_days(store, range(-9, 2))
        self.clean(store, sample=3)
        first = self.NOW - self.NOW % DAY - 3 * DAY
        assert [slot for slot in slots if slot >= first] == self.kept(store)

    def test_cleaning_up_twice_is_cleaning_up_once(self, store: Store) -> None:
        self.fill_days(store, range(-9, 2))
        self.clean(store, sample=3)
        before = self.kept(store)
        self.clean(store, sample=3)
        assert before == self.kept(store)

    def test_a_late_backfill_is_kept_and_goes_in_its_turn(self, store: Store) -> None:
        self.clean(store, sample=5)
        slots = self.fill_days(store, range(-8, 1))
        self.clean(store, sample=5)
        today = self.NOW - self.NOW % DAY
        assert [slot for slot in slots if slot >= today - 5 * DAY] == self.kept(store)
        self.clean(store, later_days=3, sample=5)
        assert [slot for slot in slots if slot >= today - 2 * DAY] == self.kept(store)

    def test_a_store_that_nobody_cleaned_for_long_catches_up(self, store: Store) -> None:
        self.clean(store, sample=2)
        slots = self.fill_days(store, range(-1, 40))
        self.clean(store, later_days=39, sample=2)
        today = self.NOW - self.NOW % DAY + 39 * DAY
        assert [slot for slot in slots if slot >= today - 2 * DAY] == self.kept(store)

    def test_everything_may_be_over(self, store: Store) -> None:
        self.fill_days(store, range(-3, 1))
        self.clean(store, sample=2)
        self.clean(store, later_days=30, sample=2)
        assert self.kept(store) == []
        slots = self.fill_days(store, range(29, 31))
        assert slots == self.kept(store)

    def test_a_table_that_is_not_named_keeps_everything(self, store: Store) -> None:
        slots = self.fill_days(store, range(-900, -895))
        self.clean(store, sli_status=1)
        assert slots == self.kept(store)

    def test_a_series_without_a_value_goes_once_no_run_has_looked_at_it_for_long(self, store: Store) -> None:
        persist(store, matrix([[np.nan, np.nan], [1.0, 2.0]]))
        both = set(column(store, series, "series_id"))
        self.clean(store, later_days=2, sample_window=3, series=3)
        assert both == set(column(store, series, "series_id"))
        self.clean(store, later_days=5, sample_window=3)
        self.clean(store, later_days=5, series=30)
        assert [keys(2)[1].id] == column(store, series, "series_id")

    def test_a_limit_that_holds_stays_and_those_before_it_go(self, store: Store) -> None:
        today = self.NOW - self.NOW % DAY
        write(store, slice_configuration, {
            "snssai": "01-A", "cu": "", "cell": ["1", "1", "1", "2"], "since": [today - 9 * DAY,
            today - 8 * DAY, today - DAY, today - 9 * DAY], "connections": [100, 110, 120, 90],
            "read_at": today, "source": "limits.csv",
        })  # fmt: skip
        for _ in range(2):
            self.clean(store, slice_configuration=3)
            assert sorted(column(store, slice_configuration, "connections")) == [90, 110, 120]

    def test_a_clock_that_runs_ahead_deletes_nothing(self, store: Store) -> None:
        persist(store, matrix([[1.0] * 10], self.NOW))
        write(store, series_analysis, analysis_columns(self.NOW))
        slots = self.kept(store)
        everything = {table.name: 3 for table in metadata.sorted_tables if table.info["kept_by"]}
        for later_days in (120, 150):
            maintain(store, self.NOW + later_days * DAY, everything)
        assert slots == self.kept(store)
        assert len(column(store, series, "series_id")) == len(column(store, sample_window, "as_of")) == 1
        assert len(column(store, series_analysis, "as_of")) == 1

    def test_samples_alone_bound_what_goes_too(self, store: Store) -> None:
        slots = self.fill_days(store, range(-3, 1))
        write(store, sample, sample_columns(None, 1, self.NOW + 119 * DAY))
        maintain(store, self.NOW + 120 * DAY, {"sample": 5})
        assert slots == self.kept(store)[:-1]

    def test_more_than_half_of_what_was_kept_does_not_go_without_a_word(self, store: Store) -> None:
        slots = self.fill_days(store, range(-29, 1))
        maintain(store, self.NOW, {"sample": 30, "sli_status": 30})
        later = self.NOW + 40 * DAY
        self.measure(store, later)
        with pytest.raises(LargeDrop, match=r"sample \(40 days.*allow_large_drop"):
            maintain(store, later, {"sample": 30, "sli_status": 30})
        assert slots == self.kept(store)
        with pytest.raises(LargeDrop):
            maintain(store, self.NOW, {"sample": 5})
        maintain(store, self.NOW, {"sample": 5}, allow_large_drop=True)
        assert self.kept(store) == [slot for slot in slots if slot >= slots[-1] - 6 * DAY + 60]

    def test_a_window_whose_samples_have_begun_to_go_is_written_anew(self, store: Store) -> None:
        values = np.ones((2, 2 * 1440))
        old = matrix(values, self.NOW - 2 * DAY)
        persist(store, old)
        persist(store, matrix(values[:1], self.NOW))
        self.clean(store, sample=2, sample_window=9)
        n_kept = len(self.kept(store))
        assert n_kept < 4 * 1440
        assert [int(at.timestamp()) for at in column(store, sample_window, "as_of")] == [self.NOW]
        persist(store, old)
        assert not store.read(lambda connection: has_lost_samples(connection, old.grid))

    @pytest.mark.parametrize("given", [{"sla": 3}, {"nothing": 3}, {"sample": 0}, {"sample": 99_999}])
    def test_a_retention_that_makes_no_sense_is_refused(self, store: Store, given: dict[str, int]) -> None:
        with pytest.raises(FinalError, match=next(iter(given))):
            self.clean(store, **given)


class ChecksumContract:
    """Equal tables have equal checksums, on whatever database."""

    def fill(self, store: Store, order: int = 1) -> None:
        persist(store, matrix(np.random.default_rng(7).normal(size=(5, 30))))
        for as_of in (T0, T0 + 600)[::order]:
            evaluate(store, as_of, {"x": "violated" if as_of == T0 else "ok", "y": "ok"})

    def sums(self, store: Store) -> dict[str, str]:
        tables = [table for table in metadata.sorted_tables if table is not commit_marker]
        return store.read(lambda connection: {table.name: checksum(connection, table) for table in tables})

    def test_the_order_of_writes_does_not_show(self, store: Store) -> None:
        self.fill(store, 1)
        before = self.sums(store)
        clear(store)
        assert before != self.sums(store)
        self.fill(store, -1)
        assert before == self.sums(store)

    def test_one_bit_shows(self, store: Store) -> None:
        self.fill(store)
        before = self.sums(store)
        write(store, sample, sample_columns([np.nextafter(1.0, 2)], [1]))
        after = self.sums(store)
        assert {"sample"} == {name for name in before if before[name] != after[name]}

    def test_sqlite_has_the_same_checksums(self, store: Store, tmp_path: Any) -> None:
        other = open_store(f"sqlite:///{tmp_path}/other.db")
        migrate(other)
        self.fill(store)
        self.fill(other)
        assert self.sums(other) == self.sums(store)
        other.close()
