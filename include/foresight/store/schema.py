"""The schema of the database: brought up to date, and compared with what this version expects.

Only ``foresight migrate``, the demo and set-up change the schema. Everybody else compares revisions. Alembic
takes a third of a second to load, so it is loaded only where there is something to do.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, inspect, text

from foresight import __version__
from foresight.errors import FinalError
from foresight.store.engine import Store
from foresight.store.migrations import VERSION_TABLE

if TYPE_CHECKING:
    from alembic.config import Config

_FOLDER: Final = Path(__file__).parent / "migrations"
_LOCK: Final = "migrate"


class SchemaMismatch(FinalError):
    """The tables are of another version than the code, or there are none."""


def check_schema(store: Store) -> None:
    """Raises ``SchemaMismatch`` where the tables are not those that this version of the code needs."""
    stored, expected = store.read(stored_revision), expected_revision()
    if stored == expected:
        return
    if stored is None:
        raise SchemaMismatch(f"{store.name} has no tables yet: `foresight migrate` makes them")
    what = f"the tables of {store.name} are at revision {stored}, Foresight {__version__} needs {expected}"
    if stored < expected:
        raise SchemaMismatch(f"{what}: `foresight migrate` brings them up to date")
    raise SchemaMismatch(f"{what}: use the version that made them, or a later one")


def migrate(store: Store, revision: str = "head") -> None:
    """Brings the tables up to date; many processes may call this at once.

    MySQL commits each statement of a step by itself. A step that was cut off is run again by the next call,
    which steps over what is there already.

    Raises:
        StoreUnavailable: the database cannot be used now.
        FinalError: the database refuses, for want of a privilege for example.
    """
    if revision == "head" and store.read(stored_revision) == expected_revision():
        return
    from alembic import command

    def work(connection: Connection) -> None:
        command.upgrade(_config(connection), revision)

    store.transact(work, lock=_LOCK)


def stored_revision(connection: Connection) -> str | None:
    """The step that the database has reached; None before the first."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()  # noqa: S608 - a name of ours
    return None if found is None else str(found)


def expected_revision() -> str:
    """The step that this version of the code needs: the last one, as steps are numbered."""
    return max(file.name.partition("_")[0] for file in (_FOLDER / "versions").glob("[0-9]*.py"))


def _config(connection: Connection) -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_FOLDER).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config
