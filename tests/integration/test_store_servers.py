"""MySQL and MariaDB keep the store's contract, through LOAD DATA and through INSERT alike."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from foresight.store import Store, bulk
from tests.integration.databases import fresh_store
from tests.unit.store.contract import StoreContract, WritingContract
from tests.unit.store.rows import clear


class OnServer:
    """One migrated database, emptied before each claim."""

    url_fixture: str
    load_from_rows: int

    @pytest.fixture(scope="class")
    @classmethod
    def migrated(cls, request: pytest.FixtureRequest) -> Iterator[Store]:
        with fresh_store(request.getfixturevalue(cls.url_fixture)) as store:
            yield store

    @pytest.fixture
    def store(self, migrated: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
        monkeypatch.setattr(bulk, "LOAD_FROM_ROWS", self.load_from_rows)
        clear(migrated)
        return migrated


@pytest.mark.mysql
class TestMySqlLoad(OnServer, StoreContract):
    """LOAD DATA LOCAL for every row."""

    url_fixture = "mysql_url"
    load_from_rows = 1


@pytest.mark.mysql
class TestMySqlInsert(OnServer, WritingContract):
    """INSERT for every row."""

    url_fixture = "mysql_url"
    load_from_rows = 10**9


@pytest.mark.mysql
class TestMariaDbLoad(OnServer, StoreContract):
    """LOAD DATA LOCAL for every row."""

    url_fixture = "mariadb_url"
    load_from_rows = 1


@pytest.mark.mysql
class TestMariaDbInsert(OnServer, WritingContract):
    """INSERT for every row."""

    url_fixture = "mariadb_url"
    load_from_rows = 10**9
