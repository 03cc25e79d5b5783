"""YAML that people write: whatever it holds, it loads or is refused with file and line."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from foresight.documents import MAX_DEPTH, parse_documents
from foresight.errors import InvalidDocument


def mistakes(text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidDocument) as caught:
        parse_documents(text, "a.yaml")
    return [(mistake.line, mistake.field, mistake.reason) for mistake in caught.value.mistakes]


def test_documents_load_in_order_and_empty_ones_are_left_out() -> None:
    assert [each.data for each in parse_documents("a: 1\n---\n---\n- b\n", "a.yaml")] == [{"a": 1}, ["b"]]


@pytest.mark.parametrize("key", ["[a]", "{a: 1}", "? {a: 1}\n", "? - a\n"])
def test_a_key_that_is_no_plain_value_is_refused_with_its_line(key: str) -> None:
    assert mistakes(f"b: 1\n{key}: 2\n") == [(2, "", "a mapping or a list cannot be a key")]


def test_such_a_key_is_refused_in_a_set_too() -> None:
    assert mistakes("a: !!set {[b]}") == [(1, "", "a mapping or a list cannot be a key")]


def test_a_key_given_twice_is_refused() -> None:
    assert mistakes("a:\n  b: 1\n  b: 2\n") == [(3, "b", "given twice")]


def test_aliases_are_refused() -> None:
    assert mistakes("a: &x [1]\nb: *x\n") == [(1, "", "anchors and aliases are not allowed here")]


@pytest.mark.parametrize(
    "value", ["!!bool a", "!!int x", "!!int ''", "!!timestamp x", "!!binary x", "2020-13-45"]
)
def test_a_value_that_does_not_fit_its_tag_is_refused(value: str) -> None:
    [(_, _, reason)] = mistakes(f"a: {value}")
    assert reason.startswith("not valid YAML")


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? ", "- ? "])
def test_deep_nesting_is_refused_and_not_fatal(opening: str) -> None:
    # In a process of its own, for it would take this one with it.
    program = f"""
from foresight.documents import parse_documents
from foresight.errors import InvalidDocument
try:
    parse_documents("a: 1\\n---\\n" + {opening!r} * 200_000, "a.yaml")
except InvalidDocument as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (
        0,
        f"a.yaml:3: document: nested deeper than {MAX_DEPTH} levels",
    )


def test_nesting_up_to_the_limit_loads() -> None:
    [document] = parse_documents("[" * MAX_DEPTH + "]" * MAX_DEPTH + "\n---\n", "a.yaml")
    assert yaml.safe_dump(document.data, default_flow_style=True).count("[") == MAX_DEPTH
    assert mistakes("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@given(st.text(st.sampled_from("ab:?-[]{}!&*<|>'\"#%@, \n\t1"), max_size=40))
def test_whatever_is_written_loads_or_is_refused(text: str) -> None:
    with suppress(InvalidDocument):
        parse_documents(text, "a.yaml")
