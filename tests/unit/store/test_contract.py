"""The embedded default keeps the contract."""

from __future__ import annotations

from tests.unit.store.contract import StoreContract


class TestSqlite(StoreContract):
    """On a file."""
