"""Dead letters: the original intact, its origin beside it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.messaging import Received, dead_letter
from foresight.messaging.deadletters import MAX_LETTER_BYTES

maybe_bytes = st.none() | st.binary(max_size=50)
headers = st.lists(st.tuples(st.text(max_size=5), maybe_bytes), max_size=4).map(tuple)
received = st.builds(
    Received,
    topic=st.text("abc", min_size=1),
    partition=st.integers(0, 99),
    offset=st.integers(0, 2**62),
    timestamp_ms=st.none() | st.integers(0, 2**42),
    key=maybe_bytes,
    value=maybe_bytes,
    headers=headers,
)


@settings(deadline=None, max_examples=50)
@given(received, st.text())
def test_a_letter_keeps_the_original_and_names_its_origin(original: Received, reason: str) -> None:
    letter = dead_letter(original, reason)
    facts = dict(letter.headers[len(original.headers) :])
    assert (letter.key, letter.value) == (original.key, original.value)
    assert letter.headers[: len(original.headers)] == original.headers
    assert letter.id == original.origin
    assert facts["dead-letter.reason"] == reason.encode()
    assert facts["dead-letter.topic"] == original.topic.encode()
    assert facts["dead-letter.partition"] == b"%d" % original.partition
    assert facts["dead-letter.offset"] == b"%d" % original.offset
    assert ("dead-letter.timestamp-ms" in facts) == (original.timestamp_ms is not None)
    assert "dead-letter.cut-from" not in facts


def test_a_value_that_no_topic_might_take_is_cut_and_says_so() -> None:
    original = Received("pm", 0, 7, None, None, bytes(MAX_LETTER_BYTES + 1))
    letter = dead_letter(original, "too deep")
    assert MAX_LETTER_BYTES - 5_000 < len(letter.value or b"") < MAX_LETTER_BYTES
    assert dict(letter.headers)["dead-letter.cut-from"] == b"%d" % (MAX_LETTER_BYTES + 1)


@settings(deadline=None, max_examples=50)
@given(
    st.integers(0, 2_000_000), st.integers(0, 2_000_000), st.lists(st.integers(0, 500_000), max_size=40),
    st.integers(0, 100_000),
)  # fmt: skip
def test_a_whole_letter_is_never_larger_than_topics_take(
    key: int, value: int, header_sizes: list[int], reason: int
) -> None:
    headers = tuple((f"h{at}", bytes(size)) for at, size in enumerate(header_sizes))
    original = Received("pm", 0, 7, None, bytes(key), bytes(value), headers)
    letter = dead_letter(original, "ä" * reason)
    assert letter.size <= MAX_LETTER_BYTES
    facts = dict(letter.headers)
    assert ("dead-letter.key-cut-from" in facts) == (letter.key != original.key)
    assert ("dead-letter.cut-from" in facts) == (letter.value != original.value)
    kept = tuple(header for header in letter.headers if not header[0].startswith("dead-letter."))
    assert kept == headers[: len(kept)]
    assert ("dead-letter.headers-cut-from" in facts) == (len(kept) < len(headers))
