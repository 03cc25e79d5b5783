"""How instants become whole seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from foresight.grid import whole_seconds


@pytest.mark.parametrize(("microseconds", "seconds"), [(0, 0), (999_999, 0), (-1, -1), (1_000_000, 1)])
def test_an_instant_is_rounded_down_on_either_side_of_the_epoch(microseconds: int, seconds: int) -> None:
    assert seconds == whole_seconds(datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds))


def test_an_instant_is_the_same_in_every_zone() -> None:
    instant = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert whole_seconds(instant) == whole_seconds(instant.astimezone(timezone(timedelta(hours=5.5))))


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        whole_seconds(datetime(2026, 3, 1))  # noqa: DTZ001
