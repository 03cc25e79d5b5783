"""The rules that every definition keeps, however it is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from foresight.matchers import Matcher
from foresight.regexes import full_matches
from foresight.sla.burn_rates import BURN_RULES
from foresight.sla.definitions import Sla, Sli

SLI = Sli("i", "up", 0.0, 1.0, matchers=(Matcher("a", "=", "1"), Matcher("b", "=~", "x.*")))
SLA = Sla("s", (SLI, replace(SLI, name="j")), owner="ann")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"lower": None, "upper": None}, "both open"),
        ({"lower": 2.0}, "above max"),
        ({"upper": float("nan")}, "finite"),
        ({"objective": 1.0}, "between 0 and 1"),
        ({"windows": ()}, "windows"),
        ({"windows": (60, 60)}, "ascending"),
        ({"windows": tuple(range(1, 12))}, "1 to 10 windows"),
        ({"name": "-x"}, "a name is"),
        ({"metric": "a\nb"}, "printable"),
        ({"matchers": (Matcher("a", "=", "1"),) * 33}, "more than 32"),
    ],
)
def test_an_indicator_that_breaks_a_rule_cannot_be_made(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(SLI, **change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"slis": ()}, "at least one SLI"),
        ({"slis": (SLI, SLI)}, "two SLIs of one name"),
        ({"at_risk_probability": 1.5}, "up to 1"),
        ({"horizon_minutes": 60}, "next 10 minutes"),
    ],
)
def test_an_sla_that_breaks_a_rule_cannot_be_made(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        replace(SLA, **change)


@pytest.mark.parametrize(
    ("label", "op", "value"),
    [
        ("a\n", "=", ""),
        ("", "=", ""),
        ("__name__", "=", "x"),
        ("a", "==", ""),
        ("a", "=~", "("),
        ("a", "=", "x" * 1025),
    ],
)
def test_a_matcher_that_breaks_a_rule_cannot_be_made(label: str, op: Any, value: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Matcher(label, op, value)


def test_the_revision_is_the_same_today_and_tomorrow() -> None:
    assert SLA.revision == "63f0d94e020c0ea3"


def test_the_order_of_indicators_and_matchers_is_not_part_of_the_revision() -> None:
    turned = replace(SLI, matchers=SLI.matchers[::-1])
    assert SLA.revision == replace(SLA, slis=(SLA.slis[1], turned)).revision


@pytest.mark.parametrize(
    "change",
    [
        {"owner": "bob"},
        {"at_risk_probability": 0.4},
        {"slis": (SLI,)},
        {"slis": (SLI, replace(SLI, name="j", upper=2.0))},
    ],
)
def test_any_other_difference_is_another_revision(change: dict[str, Any]) -> None:
    assert replace(SLA, **change).revision != SLA.revision


def test_a_selector_is_written_as_in_promql() -> None:
    assert SLI.selector == 'up{a="1",b=~"x.*"}'
    assert Sli("i", "up", 0.0, None).selector == "up"
    quoted = Sli("i", "odd name", 0.0, None, matchers=(Matcher("a", "!=", 'q"\\\n'),))
    assert quoted.selector == '{__name__="odd name",a!="q\\"\\\\\\n"}'


def test_burn_rate_factors_are_those_of_the_workbook() -> None:
    assert [rule.factor for rule in BURN_RULES] == [14.4, 6.0, 3.0, 1.0]
    assert BURN_RULES[0].formula == "2% × 720 h / 1 h = 14.4"


def test_expressions_match_many_values_at_once_and_none() -> None:
    values = [f"host-{at}" for at in range(100)]
    assert [value.endswith("7") for value in values] == full_matches(r"host-\d?7", values).tolist()
    assert full_matches("a", []).tolist() == []
