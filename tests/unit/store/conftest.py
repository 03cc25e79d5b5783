"""A results database on SQLite for each test; the tables are made once and copied."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from foresight.store import Store, migrate, open_store


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "results.db"
    store = open_store(f"sqlite:///{path}")
    migrate(store)
    store.close()
    return path


@pytest.fixture
def store(tmp_path: Path, migrated_file: Path) -> Iterator[Store]:
    path = tmp_path / "results.db"
    shutil.copy(migrated_file, path)
    opened = open_store(f"sqlite:///{path}", wait_seconds=0.05)
    yield opened
    opened.close()
