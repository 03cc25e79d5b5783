"""Names of batches: each later than the one before, and none from a time when a clock was wrong."""

from __future__ import annotations

from foresight.store import Store, save_publication
from foresight.store.slices import next_batch
from tests.unit.store.rows import T0


def taken(store: Store, *as_ofs: int) -> None:
    for as_of in as_ofs:
        fields = {"state": "published", "n_messages": 1, "updated_at": T0}
        store.transact(lambda c, at=as_of, f=fields: save_publication(c, "t", at, "p", **f))


def test_a_batch_is_named_behind_those_that_are_there(store: Store) -> None:
    assert store.read(lambda connection: next_batch(connection, ["t"], T0)) == T0
    taken(store, T0, T0 + 5)
    assert store.read(lambda connection: next_batch(connection, ["t"], T0)) == T0 + 6
    assert store.read(lambda connection: next_batch(connection, ["t"], T0 + 60)) == T0 + 60


def test_batches_of_a_clock_that_ran_ahead_do_not_name_those_that_follow(store: Store) -> None:
    taken(store, T0, T0 + 120 * 86_400)
    assert store.read(lambda connection: next_batch(connection, ["t"], T0)) == T0 + 1
