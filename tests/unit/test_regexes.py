"""Regular expressions: what is accepted can be run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foresight.errors import FinalError
from foresight.regexes import full_matches, regex_mistake


@pytest.mark.parametrize("expression", [r"\Qa", r"a)|(b", r"a)(?:b", "a\\", "(", "[", "a(?=b)"])
def test_an_expression_that_is_whole_only_with_or_without_what_is_put_around_it_is_refused(
    expression: str,
) -> None:
    assert regex_mistake(expression)


@pytest.mark.parametrize("expression", ["", "a|b", r"\Qa)\E", "a.b", r"\d+", "(?i)A", "a#"])
def test_an_expression_of_re2_is_accepted(expression: str) -> None:
    assert regex_mistake(expression) is None


@given(st.text(alphabet=r"\QEabz()[]|.*+?{}^$:si1,-", max_size=8))
def test_whatever_is_accepted_runs(expression: str) -> None:
    if regex_mistake(expression) is None:
        assert len(full_matches(expression, ["a", ""])) == 2


def test_one_that_is_not_accepted_is_an_error_of_ours() -> None:
    with pytest.raises(FinalError, match="Qa' cannot be run"):
        full_matches(r"\Qa", ["a"])
