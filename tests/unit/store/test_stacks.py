"""A registry's changes, replayed: what is in use, and what was before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from foresight.store.stacks import Move, stack_of


def test_going_back_twice_goes_back_by_two() -> None:
    put: list[tuple[Move, int, None]] = [("put", 1, None), ("put", 2, None), ("put", 3, None)]
    assert stack_of([*put, ("back", 2, None)])[-2:] == [(1, None), (2, None)]
    assert stack_of([*put, ("back", 2, None), ("back", 1, None)]) == [(1, None)]


def test_other_details_replace_those_of_the_top_and_an_end_takes_all_away() -> None:
    assert stack_of([("put", 1, "a"), ("put", 2, "b"), ("amend", 2, "c")]) == [(1, "a"), (2, "c")]
    assert stack_of([("put", 1, "a"), ("clear", 1, None)]) == []
    assert stack_of([("put", 1, "a"), ("clear", 1, None), ("put", 4, "d")]) == [(4, "d")]


@given(st.lists(st.integers(1, 9), min_size=2, unique=True), st.data())
def test_putting_and_going_back_leaves_what_was_there(versions: list[int], data: st.DataObject) -> None:
    moves: list[tuple[Move, int, None]] = [("put", version, None) for version in versions]
    n_back = data.draw(st.integers(1, len(versions) - 1))
    moves += [("back", version, None) for version in versions[-2 : -2 - n_back : -1]]
    assert stack_of(moves) == [(version, None) for version in versions[:-n_back]]
