"""Whether a transaction was committed whose answer was lost on the way.

A connection may break after the server has taken a COMMIT and before its answer is here. To repeat the work
then would do twice what is relative to the stored state, such as going back one version. So each transaction
writes a marker, a row of ``commit_marker`` with a random name, as the last thing before its commit; and
whoever lost the answer looks for the marker first.
"""

from __future__ import annotations

import time
import uuid
from typing import Final

from sqlalchemy import Connection, insert
from sqlalchemy.exc import DBAPIError, IntegrityError

from foresight.store.column_types import MYSQL_FAMILY
from foresight.store.failures import code_of
from foresight.store.tables import commit_marker

_NO_SUCH_TABLE: Final = 1146


def write_marker(connection: Connection) -> str | None:
    """Marks the transaction that is about to be committed, and answers the marker.

    None where the answer to a commit cannot be lost (SQLite), or where there is no such table: a database
    that is not migrated yet, or one of other people's.
    """
    if connection.dialect.name not in MYSQL_FAMILY:
        return None
    marker = uuid.uuid4().hex
    return marker if _insert(connection, marker) else None


def was_committed(connection: Connection, marker: str) -> bool:
    """Whether the transaction of that marker was committed; it cannot be any more after the answer no.

    The marker is inserted once more: that waits for a commit that is still under way on the server.
    """
    try:
        return not _insert(connection, marker)
    except IntegrityError:
        return True


def _insert(connection: Connection, marker: str) -> bool:
    try:
        connection.execute(insert(commit_marker).values(marker=marker, written_at=int(time.time())))
    except DBAPIError as error:
        if code_of(error) == _NO_SUCH_TABLE:
            return False
        raise
    return True
