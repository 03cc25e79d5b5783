"""Which series an indicator means."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.matchers import Matcher, Operator
from foresight.series import SeriesKey
from foresight.sla.definitions import Sla, Sli
from foresight.sla.matching import pair_up, resolve

VALUES = ["", "a", "b", "ab", "a.b", "a\nb", 'q"', "ä"]
EXPRESSIONS = ["", "a", "a|b", "a.*", ".*", ".+", "[ab]", "a.b", "(?i)A", "b$", "^a", "ä?", "a|ab|b"]
OPERATORS: list[Operator] = ["=", "!=", "=~", "!~"]

keys = st.lists(
    st.builds(
        SeriesKey.of,
        st.sampled_from(["up", "load"]),
        st.dictionaries(st.sampled_from(["x", "y"]), st.sampled_from(VALUES[1:])),
    ),
    max_size=12,
    unique=True,
)
matchers = st.sampled_from(OPERATORS).flatmap(
    lambda op: st.builds(
        Matcher,
        st.sampled_from(["x", "y", "z"]),
        st.just(op),
        st.sampled_from(EXPRESSIONS if "~" in op else VALUES),
    )
)


def indicator(*given: Matcher, metric: str = "up", name: str = "i") -> Sli:
    return Sli(name, metric, 0.0, None, matchers=given)


def passes(key: SeriesKey, matcher: Matcher) -> bool:
    """What Prometheus' documentation says of one matcher and one series."""
    value = dict(key.labels).get(matcher.label, "")
    if matcher.is_regex:
        fits = re.fullmatch(matcher.value, value, re.DOTALL) is not None
    else:
        fits = value == matcher.value
    return fits != matcher.is_negative


@settings(deadline=None)
@given(keys=keys, given_matchers=st.lists(st.lists(matchers, max_size=4), max_size=5))
def test_many_indicators_match_what_one_by_one_comparison_says(
    keys: list[SeriesKey], given_matchers: list[list[Matcher]]
) -> None:
    slis = [indicator(*some) for some in given_matchers]
    for sli, rows in zip(slis, resolve(slis, keys), strict=True):
        expected = [
            row
            for row, key in enumerate(keys)
            if key.metric == sli.metric and all(passes(key, matcher) for matcher in sli.matchers)
        ]
        assert expected == rows.tolist()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [("web", ["web"]), ("web-.", ["web-1"]), ("web.*", ["web", "web-1"]), ("(web|db)", ["web", "db"])],
)
def test_a_regular_expression_must_match_the_whole_value(expression: str, expected: list[str]) -> None:
    hosts = ["web", "web-1", "db"]
    series = [SeriesKey.of("up", {"host": host}) for host in hosts]
    [rows] = resolve([indicator(Matcher("host", "=~", expression))], series)
    assert expected == [hosts[row] for row in rows]


def test_an_absent_label_is_the_empty_text() -> None:
    series = [SeriesKey.of("up"), SeriesKey.of("up", {"host": "a"})]
    empty, some = resolve([indicator(Matcher("host", "=", "")), indicator(Matcher("host", "!=", ""))], series)
    assert (empty.tolist(), some.tolist()) == ([0], [1])


def test_an_expression_that_backtracking_engines_never_finish_is_answered_at_once() -> None:
    series = [SeriesKey.of("up", {"host": "a" * 1000})]
    [rows] = resolve([indicator(Matcher("host", "=~", "(a+)+b"))], series)
    assert rows.tolist() == []


def test_labels_and_metrics_are_case_sensitive() -> None:
    series = [SeriesKey.of("up", {"host": "A"}), SeriesKey.of("Up", {"host": "a"})]
    assert resolve([indicator(Matcher("host", "=", "a"))], series)[0].tolist() == []


def test_pairs_name_each_indicator_with_each_of_its_series_and_its_bounds() -> None:
    series = [SeriesKey.of("up", {"host": "a"}), SeriesKey.of("load"), SeriesKey.of("up", {"host": "b"})]
    slas = [
        Sla("one", (Sli("i", "up", 0.0, None), Sli("j", "none", 1.0, 2.0))),
        Sla("two", (Sli("i", "load", None, 7.0),)),
    ]
    pairs = pair_up(slas, series)
    assert pairs.sli.tolist() == [0, 0, 2]
    assert pairs.row.tolist() == [0, 2, 1]
    assert [0.0, 0.0, -np.inf] == pairs.lower.tolist()
    assert [np.inf, np.inf, 7.0] == pairs.upper.tolist()


def test_nothing_to_match_gives_no_pairs() -> None:
    assert len(pair_up([], [SeriesKey.of("up")])) == 0
    assert len(pair_up([Sla("a", (indicator(),))], [])) == 0
