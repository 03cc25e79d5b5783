"""The schema of the database: brought up to date, and compared with what this version expects."""

from __future__ import annotations

from foresight.store.engine import Store
from foresight.store.tables import metadata


def migrate(store: Store) -> None:
    """Brings the tables up to date; safe to call from many processes at once."""
    store.transact(metadata.create_all, lock="migrate")
