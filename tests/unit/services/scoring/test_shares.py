"""Partitions dealt to tasks, and the rows that say how far each of them was scored."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection

from foresight.services.scoring.shares import deal
from foresight.store import Store
from foresight.store.scoring import SOURCE, close_batch, find_stream, open_batch
from foresight.store.scoring_parts import find_parts, join_stream, part_name, split_stream

NAME = "kafka:t%>iris@champion"


@given(
    st.dictionaries(st.integers(0, 40), st.integers(0, 10_000), min_size=1, max_size=30),
    st.integers(1, 12),
    st.integers(1, 5_000),
)
def test_every_partition_is_dealt_once(backlog: dict[int, int], tasks: int, least: int) -> None:
    shares = deal(backlog, tasks, least)
    assert sorted(number for share in shares for number in share) == sorted(backlog)
    assert 1 <= len(shares) <= tasks
    assert len(shares) == 1 or sum(backlog.values()) >= len(shares) * least
    loads = [sum(backlog[number] for number in share) for share in shares]
    assert max(loads) - min(loads) <= max(backlog.values())


def test_a_large_partition_has_a_task_of_its_own() -> None:
    assert deal({0: 10, 1: 900, 2: 20, 3: 30}, 2, 100) == [[1], [3, 2, 0]]
    assert deal({0: 10, 1: 20}, 4, 100) == [[1, 0]]


def opened(connection: Connection, stream: str, number: int, offsets: Any, until: Any) -> bool:
    fields = {
        "offsets": offsets, "until": until, "model_name": "iris", "model_version": 1, "plan": {},
        "topic_ids": {SOURCE: "one"},
    }  # fmt: skip
    return open_batch(connection, stream, number, fields, 1)


def test_a_stream_goes_on_in_its_parts_and_they_in_it(store: Store) -> None:
    store.transact(lambda c: opened(c, NAME, 1, {}, {"0": 5, "2": 7}))
    assert not store.transact(lambda c: split_stream(c, NAME, [0, 1, 2], 2))
    store.transact(lambda c: close_batch(c, NAME, 1, 3))
    assert store.transact(lambda c: split_stream(c, NAME, [0, 1, 2], 4))
    parts = store.read(lambda c: find_parts(c, NAME))
    assert {n: (row.number, row.offsets) for n, row in parts.items()} == {
        0: (2, {"0": 5}), 1: (2, {}), 2: (2, {"2": 7}),
    }  # fmt: skip
    assert store.read(lambda c: find_stream(c, NAME)) is None
    store.transact(lambda c: opened(c, part_name(NAME, 1), 2, {}, {"1": 9}))
    assert not store.transact(lambda c: join_stream(c, NAME, "one", 5))
    store.transact(lambda c: close_batch(c, part_name(NAME, 1), 2, 6))
    assert store.transact(lambda c: join_stream(c, NAME, "one", 7))
    held = store.read(lambda c: find_stream(c, NAME))
    assert held is not None
    assert (held.number, held.offsets, held.until) == (3, {"0": 5, "1": 9, "2": 7}, None)
    assert store.read(lambda c: find_parts(c, NAME)) == {}


def test_a_new_partition_begins_at_its_beginning(store: Store) -> None:
    store.transact(lambda c: split_stream(c, NAME, [0], 1))
    store.transact(lambda c: opened(c, part_name(NAME, 0), 1, {}, {"0": 4}))
    store.transact(lambda c: close_batch(c, part_name(NAME, 0), 1, 2))
    store.transact(lambda c: split_stream(c, NAME, [0, 1], 3))
    parts = store.read(lambda c: find_parts(c, NAME))
    assert {n: (row.number, row.offsets) for n, row in parts.items()} == {0: (2, {"0": 4}), 1: (1, {})}


def test_offsets_in_a_topic_that_is_gone_are_not_taken_over(store: Store) -> None:
    store.transact(lambda c: split_stream(c, NAME, [0], 1))
    store.transact(lambda c: opened(c, part_name(NAME, 0), 1, {}, {"0": 4}))
    store.transact(lambda c: close_batch(c, part_name(NAME, 0), 1, 2))
    store.transact(lambda c: join_stream(c, NAME, "another", 3))
    held = store.read(lambda c: find_stream(c, NAME))
    assert held is not None
    assert (held.offsets, held.topic_ids) == ({}, {SOURCE: "another"})


def test_parts_of_other_streams_are_left_alone(store: Store) -> None:
    for name in (NAME.replace("%", "_"), NAME.replace("%", "x"), f"{NAME}#r/1"):
        store.transact(lambda c, name=name: split_stream(c, name, [0], 1))
    assert store.read(lambda c: find_parts(c, NAME)) == {}
