"""The schema of the database: brought up to date, and compared with what this version expects."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from foresight.store.engine import Store
from foresight.store.migrations import VERSION_TABLE

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = "migrate"


def migrate(store: Store, revision: str = "head") -> None:
    """Brings the tables up to date; many processes may call this at once.

    MySQL commits each statement of a step by itself. A step that was cut off is run again by the next call,
    which steps over what is there already.

    Raises:
        StoreUnavailable: the database cannot be used now.
        FinalError: the database refuses, for want of a privilege for example.
    """

    def work(connection: Connection) -> None:
        command.upgrade(_config(connection), revision)

    store.transact(work, lock=_LOCK)


def stored_revision(connection: Connection) -> str | None:
    """The step that the database has reached; None before the first."""
    return MigrationContext.configure(
        connection, opts={"version_table": VERSION_TABLE}
    ).get_current_revision()


def expected_revision() -> str:
    """The step that this version of the code needs."""
    head = ScriptDirectory(str(_FOLDER)).get_current_head()
    assert head is not None  # noqa: S101 - the folder is part of the package
    return head


def _config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
