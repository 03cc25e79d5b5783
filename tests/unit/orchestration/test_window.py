"""Every way a run can start names one interval."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresight.orchestration.window import INTERVAL, InvalidWindow, Window, resolve_window

DUE = datetime(2026, 11, 22, 12, 34, 56, 789, tzinfo=UTC)
BOUNDARY = datetime(2026, 11, 22, 12, 30, tzinfo=UTC)


def context(**changes: Any) -> dict[str, Any]:
    run = {"run_id": "a run", "run_after": DUE, "data_interval_end": None, "partition_key": None}
    params = changes.pop("params", {"as_of": None})
    return {"dag_run": SimpleNamespace(**(run | changes)), "params": params}


def test_a_run_without_any_date_is_about_the_minutes_before_it_was_due() -> None:
    end = datetime(2026, 11, 22, 12, 34, tzinfo=UTC)
    assert Window(end - INTERVAL, end) == resolve_window(context())


def test_a_scheduled_run_is_about_its_data_interval() -> None:
    assert resolve_window(context(data_interval_end=BOUNDARY)).end == BOUNDARY


def test_a_partitioned_run_is_about_its_partition() -> None:
    assert resolve_window(context(partition_key="2026-11-22T12:30:00+00:00")).end == BOUNDARY


def test_an_explicit_instant_goes_before_everything_else() -> None:
    found = resolve_window(
        context(
            params={"as_of": "2026-11-22T11:15:59+01:00"},
            data_interval_end=BOUNDARY,
            partition_key="2026-11-22T12:20:00+00:00",
        )
    )
    assert found.end == datetime(2026, 11, 22, 10, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("as_of", "complaint"),
    [
        ("yesterday", "not an ISO 8601 instant"),
        ("2026-11-22T12:30:00", "no time zone"),
        ("2026-11-22T12:35:00Z", "after the run was due"),
        ("0001-01-01T00:00:00Z", "before 1970"),
        ("0001-01-01T00:00:00+05:00", "beyond the calendar"),
        ("9999-12-31T23:59:59-10:00", "beyond the calendar"),
        ("1969-12-31T23:59:59Z", "before 1970"),
        (5, "parameter as_of 5 is not an ISO 8601 instant"),
        (0, "parameter as_of 0 is not an ISO 8601 instant"),
        (["2026-11-22T12:30:00Z"], "not an ISO 8601 instant"),
    ],
)
def test_an_instant_that_cannot_be_meant_is_refused(as_of: object, complaint: str) -> None:
    with pytest.raises(InvalidWindow, match=complaint):
        resolve_window(context(params={"as_of": as_of}))


def test_the_first_instant_of_epoch_seconds_is_one() -> None:
    assert resolve_window(context(params={"as_of": "1970-01-01T00:00:59Z"})).as_of == 0


def test_a_partition_or_an_interval_before_epoch_seconds_is_refused_too() -> None:
    early = datetime(1900, 1, 1, tzinfo=UTC)
    for change in ({"partition_key": early.isoformat()}, {"data_interval_end": early}):
        with pytest.raises(InvalidWindow, match="before 1970"):
            resolve_window(context(**change))


@given(
    due=st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1)),  # noqa: DTZ001 - zones come from below
    hours=st.integers(-12, 14),
)
def test_a_window_ends_on_a_minute_and_never_after_the_run_was_due(due: datetime, hours: int) -> None:
    local = due.replace(tzinfo=timezone(timedelta(hours=hours)))
    found = resolve_window(context(run_after=local))
    assert timedelta(0) <= local - found.end < timedelta(minutes=1)
    assert found.as_of % 60 == 0
    assert found.end - found.start == INTERVAL
