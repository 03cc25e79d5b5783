"""A real MySQL behind a line that breaks: what was committed is done once, whatever answer was lost."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, make_url, select

from foresight.errors import FinalError, StoreUnavailable
from foresight.store import Store, count_rows, models, open_store
from foresight.store.engine import lock_name
from foresight.store.models import MODELS_LOCK, Change
from foresight.store.tables import commit_marker, model_change, sample
from tests.integration.databases import fresh_store
from tests.servers.proxy import Proxy, proxy_to
from tests.unit.store.rows import T0, all_rows, clear, sample_columns, write

pytestmark = pytest.mark.mysql
COMMIT = rb"COMMIT$"
ME = Change("me", T0, "why")


@pytest.fixture(scope="module", params=["mysql_url", "mariadb_url"])
def direct(request: pytest.FixtureRequest) -> Iterator[Store]:
    with fresh_store(request.getfixturevalue(request.param)) as store:
        yield store


@pytest.fixture
def line(direct: Store) -> Iterator[Proxy]:
    with proxy_to(direct.engine.url.port or 0) as proxy:
        yield proxy


@pytest.fixture
def store(direct: Store, line: Proxy) -> Iterator[Store]:
    clear(direct)
    url = direct.engine.url.set(port=line.port)
    # Names of locks are the server's: with an installation of its own, nobody else holds them.
    opened = open_store(
        url,
        wait_seconds=0.1,
        installation=direct.engine.url.database or "",
        connect_args={"ssl_disabled": True},  # the line has to be read
    )
    three_versions(opened)
    yield opened
    opened.close()


def three_versions(store: Store) -> None:
    def work(connection: Connection) -> None:
        for sha in "abc":
            fields = {
                "name": "iris",
                "kind": "pmml",
                "sha256": sha,
                "size_bytes": 7,
                "signature": {},
                "uri": "u",
            }
            version, _ = models.add_version(connection, fields, ME)
            models.deploy(connection, "iris", version, "champion", {}, ME)

    store.transact(work, lock=MODELS_LOCK)


def done(store: Store, work: Any, *arguments: Any) -> Any:
    return store.transact(lambda connection: work(connection, *arguments), lock=MODELS_LOCK)


def actions(store: Store) -> list[str]:
    query = select(model_change.c.action).order_by(model_change.c.number)
    return list(store.read(lambda connection: connection.execute(query).scalars().all()))[6:]


@pytest.mark.parametrize("word", [COMMIT, b"RELEASE_LOCK"])
def test_a_lost_answer_goes_back_one_version_and_not_two(store: Store, line: Proxy, word: bytes) -> None:
    # Taking the lock commits as well: the second cut is that of the work.
    line.cut(word, after_answer=True, times=2)
    assert done(store, models.roll_back, "iris", "champion", ME) == (3, 2)
    assert line.n_cut >= 1
    assert actions(store) == ["rolled_back"]


@pytest.mark.parametrize("after_answer", [True, False])
@pytest.mark.parametrize("n_cut", [1, 2, 3])
def test_undeploying_and_deleting_are_told_as_done(
    store: Store, line: Proxy, n_cut: int, after_answer: bool
) -> None:
    line.cut(COMMIT, after_answer=after_answer, times=n_cut)
    assert done(store, models.undeploy, "iris", "champion", ME) == 3
    line.cut(COMMIT, after_answer=after_answer, times=n_cut)
    assert done(store, models.delete_versions, "iris", 2, ME) == [(2, "b")]
    assert actions(store) == ["undeployed", "deleted"]


def test_work_is_done_once_even_without_a_lock(store: Store, line: Proxy) -> None:
    runs = []

    def more(connection: Connection) -> int:
        runs.append(1)
        n_rows = count_rows(connection, sample)
        connection.execute(sample.insert().values(series_id=n_rows, slot=T0, value=1.0))
        return n_rows

    line.cut(COMMIT, after_answer=True)
    assert store.transact(more) == 0
    assert len(runs) == 1
    assert len(all_rows(store, sample)) == 1


def test_a_commit_that_the_server_never_heard_of_is_made_again(store: Store, line: Proxy) -> None:
    line.cut(COMMIT, after_answer=False)
    assert write(store, sample, sample_columns([1.0])) == 1
    assert len(all_rows(store, sample)) == 1


def test_a_line_that_stays_broken_says_that_the_end_is_not_known(store: Store, line: Proxy) -> None:
    line.cut(COMMIT, after_answer=True, times=100)
    with pytest.raises(StoreUnavailable, match="whether the last commit succeeded is not known"):
        write(store, sample, sample_columns([1.0]))
    line.disarm()


def test_a_failed_work_is_told_although_its_lock_cannot_be_given_back(store: Store, line: Proxy) -> None:
    def work(_: Connection) -> None:
        line.cut(b"RELEASE_LOCK", after_answer=False)
        raise FinalError("mine")

    with pytest.raises(FinalError, match="mine"):
        store.transact(work, lock="x")
    assert store.transact(lambda _: 1, lock="x") == 1


def test_each_commit_leaves_one_marker(store: Store) -> None:
    before = store.read(lambda connection: count_rows(connection, commit_marker))
    write(store, sample, sample_columns([1.0]))
    assert store.read(lambda connection: count_rows(connection, commit_marker)) == before + 1


def test_installations_do_not_wait_for_each_other(direct: Store) -> None:
    url = make_url(direct.engine.url)
    with_names = [open_store(url, installation=name) for name in ("east", "west")]

    def inner(_: Connection) -> int:
        return with_names[1].transact(lambda _: 2, lock="models")

    assert with_names[0].transact(inner, lock="models") == 2
    for one in with_names:
        one.close()


def test_names_of_locks_fit_and_differ() -> None:
    names = [
        lock_name("", "models"),
        lock_name("a", "models"),
        lock_name("a" * 80, "models"),
        lock_name("a" * 80, "x"),
    ]
    assert names[0] == "foresight.models"
    assert len(set(names)) == 4
    assert max(map(len, names)) <= 64
