"""Hostile and broken documents are refused, early and small."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from foresight.scoring.errors import InvalidModel
from foresight.scoring.pmml import xml
from foresight.scoring.pmml.xml import read_xml

BOMB = (
    b'<!DOCTYPE a [<!ENTITY l "lol">'
    + b"".join(
        b'<!ENTITY l%d "%s">' % (i, b"&l;" * 10 if i == 1 else b"&l%d;" % (i - 1) * 10) for i in range(1, 10)
    )
    + b"]><a>&l9;</a>"
)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BOMB, "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "DOCTYPE"),
        (b'<!DOCTYPE a SYSTEM "http://127.0.0.1/x.dtd"><a/>', "DOCTYPE"),
        (b'<!DOCTYPE a [<!ENTITY % p SYSTEM "file:///etc/passwd"> %p;]><a/>', "DOCTYPE"),
        (b"<a>" * 1_000_000, "deeper"),
        (
            b'<a><b:include xmlns:b="http://www.w3.org/2001/XInclude" href="file:///etc/passwd"/></a>',
            "XInclude",
        ),
        (b"<a>&nothing;</a>", "well-formed"),
        (b"", "well-formed"),
        (b"<a>", "well-formed"),
        (b"<a/><b/>", "well-formed"),
        (b"\x00\x01\x02", "well-formed"),
        (b'<?xml version="1.0" encoding="no-such"?><a/>', "well-formed"),
        (b"<a \xff='1'/>", "well-formed"),
    ],
    ids=lambda value: value[:24] if isinstance(value, bytes) else None,
)
def test_a_hostile_document_is_refused(text: bytes, reason: str) -> None:
    with pytest.raises(InvalidModel, match=reason):
        read_xml(text)


def test_an_external_entity_is_not_read(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    with pytest.raises(InvalidModel) as caught:
        read_xml(f'<!DOCTYPE a [<!ENTITY x SYSTEM "{secret.as_uri()}">]><a>&x;</a>'.encode())
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("start", [b'<a b="', b"<", b"<a><!--", b"<a><![CDATA["])
def test_a_token_without_an_end_is_refused_without_keeping_all_of_it(start: bytes) -> None:
    text = start + b"x" * (64 * 1024 * 1024)
    tracemalloc.start()
    try:
        with pytest.raises(InvalidModel):
            read_xml(text)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 40 * 1024 * 1024


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "large.pmml"
    with path.open("wb") as file:
        file.truncate(xml.MAX_BYTES + 1)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("it was read"))
    with pytest.raises(InvalidModel, match="bytes"):
        read_xml(path)


def test_too_many_elements_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_ELEMENTS", 100)
    with pytest.raises(InvalidModel, match="more than 100"):
        read_xml(b"<a>" + b"<b/>" * 100 + b"</a>")


def test_too_much_text_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml, "MAX_TEXT_CHARACTERS", 1000)
    with pytest.raises(InvalidModel, match="text"):
        read_xml(b"<a>" + b"x" * 2000 + b"</a>")


def test_elements_lose_their_name_space_and_keep_their_line() -> None:
    root = read_xml(b'<p:A xmlns:p="u" b="1" p:c="2">\n<p:B>x<!-- y -->z</p:B></p:A>')
    assert (root.tag, root.attributes) == ("A", {"b": "1"})
    assert (root.children[0].tag, root.children[0].text, root.children[0].line) == ("B", "xz", 2)


def test_extensions_do_not_reach_a_model() -> None:
    root = read_xml(b"<A><Extension><B/></Extension><C><Extension/>t</C></A>")
    assert [child.tag for child in root.children] == ["C"]
    assert root.children[0].text == "t"


@pytest.mark.parametrize("text", ["NaN", "INF", "-Infinity", "1e999", "", "x", "1_0 0"])
def test_a_number_must_be_finite(text: str) -> None:
    with pytest.raises(InvalidModel, match="number"):
        read_xml(f'<a b="{text}"/>'.encode()).number("b")
