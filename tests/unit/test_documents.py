"""YAML that people write: whatever it holds, it loads or is refused with file and line."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from foresight import composing
from foresight.composing import MAX_DEPTH
from foresight.documents import parse_documents, read_documents
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


@pytest.mark.parametrize("tag", ["set", "omap", "python/object:a.B"])
def test_a_collection_with_a_tag_of_its_own_is_refused(tag: str) -> None:
    assert mistakes(f"a:\n  b: !!{tag} {{c}}") == [(2, "a.b", f"not valid here: the tag {tag!r}")]


def test_a_key_given_twice_is_refused() -> None:
    assert mistakes("a:\n  b: 1\n  b: 2\n") == [(3, "b", "given twice")]


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_what_pyyaml_writes_is_read_as_it_was_aliases_too(one: object, other: object) -> None:
    text = yaml.dump([one, {"a": other, "b": one}, other], Dumper=composing.Dumper, allow_unicode=True)
    [document] = parse_documents(text, "a.yaml")
    assert document.data == yaml.safe_load(text) == [one, {"a": other, "b": one}, other]


@pytest.mark.parametrize(
    "text",
    [
        "a: &x {b: 1, c: 2}\nd: {<<: *x, c: 3}\n",
        "a: &x {b: 1, c: 2}\nd: {c: 3, <<: *x}\n",
        "- &x {b: 1}\n- &y {b: 2, e: 3}\n- {<<: [*x, *y], f: 4}\n",
        "- &x {b: 1}\n- &y {<<: *x, c: 2}\n- {<<: *y}\n",
        "- {'<<': 1}\n",
        "- &x a\n- {*x : *x}\n",
    ],
)
def test_aliases_and_merged_mappings_are_read_as_pyyaml_reads_them(text: str) -> None:
    [document] = parse_documents(text, "a.yaml")
    assert document.data == yaml.safe_load(text)


def test_a_mistake_in_what_an_alias_repeats_has_the_line_of_the_anchor() -> None:
    [document] = parse_documents("a: &x\n  b: 1\nc: *x\nd:\n  <<: *x\n  e: 1\n", "a.yaml")
    assert [document.line(("c", "b")), document.line(("d", "b")), document.line(("d", "e"))] == [2, 2, 6]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: *x\n", "there is no anchor &x"),
        ("a: &x [1]\n---\na: *x\n", "there is no anchor &x"),
        ("a: &x [*x]\n", "*x stands within what it refers to"),
        ("a: &x {<<: *x}\n", "*x stands within what it refers to"),
        ("- &x {b: 1}\n- {<<: *x, <<: *x}\n", "given twice"),
        ("a: {<<: 1}\n", "a mapping is needed, or a list of them"),
        ("a: &x [1]\nb: {*x : 1}\n", "a mapping or a list cannot be a key"),
    ],
)
def test_an_alias_that_leads_nowhere_is_refused_once(text: str, reason: str) -> None:
    assert [reason for _, _, reason in mistakes(text)] == [reason]


def test_a_small_text_cannot_grow_huge() -> None:
    layers = "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 12))
    [(_, _, reason)] = mistakes("a0: &a0 [x]\n" + layers)
    assert "keys and values in one file" in reason


@pytest.mark.parametrize("written", ["1e9", "1.5e3", "-2E-3", ".5e1", "1.e2"])
def test_numbers_of_json_are_numbers(written: str) -> None:
    assert parse_documents(f"a: {written}", "a.yaml")[0].data == {"a": float(written)}
    assert parse_documents(f"a: '{written}'", "a.yaml")[0].data == {"a": written}


@pytest.mark.parametrize(
    ("given", "line", "words"),
    [
        (b"a: 1\nb: \xe9\n", 2, "not UTF-8: save it"),
        ("a: 1\n".encode("utf-16"), 1, "not UTF-8 but UTF-16"),
        (b"a:\n\tb: 1\n", 2, "a tab indents this line"),
    ],
)
def test_a_text_that_is_no_utf8_or_indented_by_tabs_is_told_in_our_words(
    given: bytes, line: int, words: str, tmp_path: Path
) -> None:
    (tmp_path / "a.yaml").write_bytes(given)
    with pytest.raises(InvalidDocument) as caught:
        read_documents(tmp_path / "a.yaml")
    [mistake] = caught.value.mistakes
    assert mistake.line == line
    assert words in mistake.reason
    assert "codec" not in mistake.reason


@pytest.mark.parametrize(
    "value", ["!!bool a", "!!int x", "!!int ''", "!!timestamp x", "!!binary x", "2020-13-45"]
)
def test_a_value_that_does_not_fit_its_tag_is_refused(value: str) -> None:
    [(_, _, reason)] = mistakes(f"a: {value}")
    assert reason.startswith("not valid YAML")


@pytest.mark.parametrize("value", ["!!int x", "!!binary x", "2020-13-45", "!!float " + "1:" * 300 + "1"])
def test_it_is_refused_where_it_stands(value: str) -> None:
    [(line, field, reason)] = mistakes(f"a:\n  - 1\n  - b: {value}\n")
    assert (line, field) == (3, "a[1].b")
    assert reason.startswith("not valid YAML")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("010", "8"),
        ("-010", "-8"),
        ("0_10", "8"),
        ("0x10", "16"),
        ("0b10", "2"),
        ("1:30", "90"),
        ("12:30:45", "45045"),
        ("1:30.5", "90.5"),
    ],
)
def test_a_number_that_yaml_reads_to_another_base_is_refused_with_what_it_would_be(
    written: str, read: str
) -> None:
    [(line, field, reason)] = mistakes(f"a: 1\nb: {{c: {written}}}\n")
    assert (line, field) == (2, "b.c")
    assert reason.startswith(f"YAML reads {written} as {read}: ")


def test_decimal_numbers_and_quoted_ones_load_as_they_are_written() -> None:
    [document] = parse_documents(
        "[0, -0, 10, -1, +2, 1_000, 0.5, 010.5, 1.5e+3, 1e10, '010', '1:30']", "a.yaml"
    )
    assert document.data == [0, 0, 10, -1, 2, 1000, 0.5, 10.5, 1500.0, 1e10, "010", "1:30"]


@pytest.mark.parametrize(("key", "kind"), [("no", "bool"), ("on", "bool"), ("5", "int"), ("~", "null")])
def test_a_key_that_yaml_does_not_read_as_text_is_refused_with_what_to_do(key: str, kind: str) -> None:
    reason = f"a key is text, and YAML reads this one as {kind}: quote it"
    assert mistakes(f"a: 1\nb: {{{key}: 2}}\n") == [(2, key, reason)]
    assert parse_documents(f"'{key}': 2", "a.yaml")[0].data == {key: 2}


@pytest.mark.parametrize("before", ["", "ü: 1\r\n"])
def test_a_control_character_is_refused_with_its_line(before: str) -> None:
    [(line, _, reason)] = mistakes(before + "a: 1\nb: \x07\n")
    assert line == before.count("\n") + 2
    assert "\n" not in reason


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


@pytest.mark.parametrize("one", ["- 1\n", "- []\n", "- {}\n", "--- 1\n", "-\n", "- *a\n"])
def test_too_many_nodes_are_refused_while_they_are_read(one: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "MAX_NODES", 50)
    assert [reason for _, _, reason in mistakes(one * 60)] == [
        "more than 50 keys and values in one file: split it"
    ]


def test_as_many_nodes_as_are_allowed_load(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(composing, "MAX_NODES", 51)
    assert parse_documents("- 1\n" * 50, "a.yaml")[0].data == [1] * 50


def test_nesting_up_to_the_limit_loads() -> None:
    [document] = parse_documents("[" * MAX_DEPTH + "]" * MAX_DEPTH + "\n---\n", "a.yaml")
    assert yaml.safe_dump(document.data, default_flow_style=True).count("[") == MAX_DEPTH
    assert mistakes("[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))


@given(st.text(st.sampled_from("ab:?-[]{}!&*<|>'\"#%@, \n\t1"), max_size=40))
def test_whatever_is_written_loads_or_is_refused(text: str) -> None:
    with suppress(InvalidDocument):
        parse_documents(text, "a.yaml")
