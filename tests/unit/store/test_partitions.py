"""Which partitions a table should have, and how it gets there."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from foresight.store.partitions import EPOCH, Layout, add_days, drop_days, split_past
from foresight.store.tables import sample

DAY = timedelta(days=1)
days = st.dates(date(2026, 1, 1), date(2026, 3, 1))
TODAY = date(2026, 1, 10)


def test_a_new_table_starts_at_the_day_asked_for() -> None:
    layout, statements = add_days(sample, Layout(EPOCH, EPOCH), TODAY, TODAY + 2 * DAY)
    assert layout == Layout(TODAY, TODAY + 2 * DAY)
    assert statements == [
        "ALTER TABLE sample REORGANIZE PARTITION p_past, p_future INTO ("
        "PARTITION p_past VALUES LESS THAN ('2026-01-10'), "
        "PARTITION p20260110 VALUES LESS THAN ('2026-01-11'), "
        "PARTITION p20260111 VALUES LESS THAN ('2026-01-12'), "
        "PARTITION p_future VALUES LESS THAN (MAXVALUE))"
    ]


def test_days_are_added_after_the_last_one() -> None:
    layout, statements = add_days(sample, Layout(TODAY, TODAY + DAY), EPOCH, TODAY + 2 * DAY)
    assert layout == Layout(TODAY, TODAY + 2 * DAY)
    assert statements == [
        "ALTER TABLE sample REORGANIZE PARTITION p_future INTO ("
        "PARTITION p20260111 VALUES LESS THAN ('2026-01-12'), "
        "PARTITION p_future VALUES LESS THAN (MAXVALUE))"
    ]


def test_days_that_are_over_are_emptied_and_join_the_past() -> None:
    layout, statements = drop_days(sample, Layout(TODAY, TODAY + 3 * DAY), TODAY + DAY)
    assert layout == Layout(TODAY + DAY, TODAY + 3 * DAY)
    assert statements == [
        "ALTER TABLE sample TRUNCATE PARTITION p_past, p20260110",
        "ALTER TABLE sample REORGANIZE PARTITION p_past, p20260110 INTO ("
        "PARTITION p_past VALUES LESS THAN ('2026-01-11'))",
    ]


def test_a_past_that_reaches_beyond_the_cutoff_is_not_emptied() -> None:
    layout = Layout(TODAY, TODAY + DAY)
    assert drop_days(sample, layout, TODAY - DAY) == (layout, [])


def test_a_backfilled_past_is_split_from_the_cutoff_on() -> None:
    layout, statements = split_past(sample, Layout(TODAY, TODAY + DAY), TODAY - DAY)
    assert layout == Layout(TODAY - DAY, TODAY + DAY)
    assert statements == [
        "ALTER TABLE sample REORGANIZE PARTITION p_past INTO ("
        "PARTITION p_past VALUES LESS THAN ('2026-01-09'), "
        "PARTITION p20260109 VALUES LESS THAN ('2026-01-10'))"
    ]


@given(days, days, days, days)
def test_emptying_never_reaches_a_day_that_is_kept(a: date, b: date, cutoff: date, today: date) -> None:
    layout, _ = add_days(sample, Layout(min(a, b), max(a, b)), min(cutoff, today), today + DAY)
    after, statements = drop_days(sample, layout, cutoff)
    emptied = [name for name in (statements or [""])[0].split() if name.startswith("p2")]
    assert all(name.strip(",")[1:] < f"{cutoff:%Y%m%d}" for name in emptied)
    assert after.first >= layout.first
    assert after.end == layout.end
    assert not statements or after.first <= cutoff
