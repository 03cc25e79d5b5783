"""What ``foresight doctor`` says about the rights of a database account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlalchemy import Connection, Executable, false, select, text
from sqlalchemy.exc import DBAPIError

from foresight.store import Store
from foresight.store.failures import translated
from foresight.store.tables import run

_NOTHING: Final = select(run.c.dag_id).where(false())
_STATEMENTS: Final[dict[str, Executable]] = {
    "SELECT": _NOTHING,
    "INSERT": run.insert().from_select(["dag_id"], _NOTHING),
    "UPDATE": run.update().values(dag_id=run.c.dag_id).where(false()),
    "DELETE": run.delete().where(false()),
    "CREATE TEMPORARY TABLES": text("CREATE TEMPORARY TABLE foresight_doctor (a INT)"),
}
"""Statements that change nothing, by the right that each of them needs."""
_DENIED: Final = frozenset({1044, 1045, 1142, 1143, 1227})
"""How MySQL and MariaDB refuse for want of a right."""


_UPKEEP: Final = (
    "SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"
)  # fmt: skip
"""What it takes to change tables: to migrate, and to move their partitions."""


def missing_upkeep_rights(store: Store) -> list[str]:
    """The rights to change tables that the account lacks; none where a role may grant them, or on SQLite."""
    return store.read(_missing_upkeep) if store.is_mysql else []


def _missing_upkeep(connection: Connection) -> list[str]:
    user, schema, role = connection.execute(text("SELECT CURRENT_USER(), DATABASE(), CURRENT_ROLE()")).one()
    if role not in {None, "", "NONE"}:
        return []  # what a role grants is listed nowhere that is the same on MySQL and MariaDB
    name, _, host = str(user).rpartition("@")
    if not (name or host):
        return []  # a server that asks nobody for rights
    mine = f"'{name}'@'{host}'"
    rows = connection.execute(
        text(
            "SELECT grantee, NULL, privilege_type FROM information_schema.user_privileges "
            "UNION ALL SELECT grantee, table_schema, privilege_type FROM information_schema.schema_privileges"
        )
    ).all()
    granted = {
        str(right).upper()
        for grantee, pattern, right in rows
        if str(grantee) == mine and (pattern is None or _is_like(str(schema), str(pattern)))
    }
    return [right for right in _UPKEEP if right not in granted]


def _is_like(schema: str, pattern: str) -> bool:
    """Whether a grant on schemas of this pattern, as of LIKE, is on this schema."""
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    spelled = {"%": ".*", "_": "."}
    expression = "".join(spelled.get(part) or re.escape(part.removeprefix("\\") or part) for part in parts)
    return re.fullmatch(expression, schema, re.DOTALL) is not None


def missing_rights(store: Store) -> list[str]:
    """The rights that a run needs and the account lacks. On SQLite there are none to lack."""
    if not store.is_mysql:
        return []
    # Not ``Store.transact``: it writes a marker of its own before it commits, and there is nothing to commit.
    with translated(store.name), store.engine.connect() as connection:
        return _missing(connection)


def takes_infile(store: Store) -> bool:
    """Whether the server takes LOAD DATA LOCAL, which writes many rows several times as fast."""
    if not store.is_mysql:
        return True
    return bool(store.read(lambda connection: connection.execute(text("SELECT @@local_infile")).scalar()))


def _missing(connection: Connection) -> list[str]:
    found = list(_refused(connection))
    if "CREATE TEMPORARY TABLES" not in found:
        connection.execute(text("DROP TEMPORARY TABLE foresight_doctor"))
    return found


def _refused(connection: Connection) -> Iterator[str]:
    for right, statement in _STATEMENTS.items():
        try:
            connection.execute(statement)
        except DBAPIError as error:
            if getattr(error.orig, "errno", None) not in _DENIED:
                raise
            yield right
