"""Durations: Prometheus' grammar, and the texts that are none."""

from __future__ import annotations

import pytest

from foresight.durations import duration_seconds, duration_text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("10m", 600),
        ("12h", 43200),
        ("2d", 172800),
        (" 1w ", 604800),
        ("1h30m", 5400),
        ("1d12h", 129600),
        ("0h5m", 300),
    ],
)
def test_a_duration_has_units(text: str, seconds: int) -> None:
    assert duration_seconds(text) == seconds
    assert duration_seconds(text, may_be_bare=True) == seconds


@pytest.mark.parametrize(("given", "seconds"), [(90, 90), ("90", 90), (0, 0), ("0s", 0)])
def test_a_bare_number_counts_seconds_where_it_may(given: object, seconds: int) -> None:
    assert duration_seconds(given, may_be_bare=True) == seconds
    with pytest.raises(ValueError, match="a duration is a number with its unit"):
        duration_seconds(given)


@pytest.mark.parametrize(
    "given",
    ["", "m", "-1h", "1.5h", "30m1h", "1h1h", "1 h", "9999999m", "１h", True, None, "1e3", 1.5, "5ms"],
)
def test_anything_else_is_no_duration(given: object) -> None:
    for may_be_bare in (False, True):
        with pytest.raises(ValueError, match="a duration is a number with its unit"):
            duration_seconds(given, may_be_bare=may_be_bare)


@pytest.mark.parametrize(("text", "what"), [("1M", "month"), ("1Q", "quarter"), ("2Y", "year")])
def test_a_length_that_is_not_fixed_is_told_so(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=f"a {what} has no fixed length"):
        duration_seconds(text)


@pytest.mark.parametrize(
    ("minutes", "text"), [(1, "1m"), (60, "1h"), (90, "90m"), (720, "12h"), (1440, "1d")]
)
def test_windows_are_written_as_short_as_can_be(minutes: int, text: str) -> None:
    assert duration_text(minutes) == text
