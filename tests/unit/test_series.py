"""The identity of a series, and how it is spelled."""

from __future__ import annotations

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresight.series import SeriesKey, escape


@pytest.mark.parametrize(
    ("value", "spelled"),
    [
        ('a"b\\c\nd', r"a\"b\\c\nd"),
        ("\ufffd", r"\ufffd"),
        ("\x00\t\x7f\x85", r"\u0000\u0009\u007f\u0085"),
        ("ü€ 🜁", "ü€ 🜁"),
    ],
)
def test_what_promql_cannot_read_between_quotes_is_escaped(value: str, spelled: str) -> None:
    assert spelled == escape(value)


# Python and Go read these escapes alike.
@given(st.text(st.characters(codec="utf-8")))
def test_an_escaped_value_reads_as_itself(value: str) -> None:
    spelled = f'"{escape(value)}"'
    assert value == ast.literal_eval(spelled)
    assert not any(character < " " or character in "\x7f\ufffd" for character in spelled)


def test_a_series_is_spelled_on_one_line() -> None:
    assert str(SeriesKey.of("up", {"b": "\ufffd", "a": "\r\n"})) == r'up{a="\u000d\n",b="\ufffd"}'
