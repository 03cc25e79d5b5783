from __future__ import annotations

from collections.abc import Iterator

import pytest

from foresight.store import Store, migrate, open_store
from tests.unit.retrieval.rooms import fill


@pytest.fixture(scope="package")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """Results that no test changes."""
    store = open_store(f"sqlite:///{tmp_path_factory.mktemp('retrieval') / 'results.db'}")
    migrate(store)
    fill(store)
    yield store
    store.close()
