"""What a database error means: try the transaction again, the world failed, or the caller erred."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from foresight.errors import FinalError, StoreUnavailable

# https://dev.mysql.com/doc/mysql-errors/9.7/en/
_TRY_AGAIN: Final = {
    1020: "the row changed since it was read",
    1205: "waited too long for a lock",
    1213: "deadlock",
    1927: "the connection was killed",
    2006: "the server has gone away",
    2013: "the connection was lost during a query",
    2055: "the connection was lost",
    4031: "the server closed an idle connection",
}
_WORLD_FAILED: Final = {
    3: "a file cannot be written: the disk may be full",
    20: "the disk is full",
    1021: "the disk is full",
    1026: "a file cannot be written: the disk may be full",
    1030: "the storage engine failed: the disk may be full",
    1040: "too many connections",
    1053: "the server is shutting down",
    1114: "a table or the disk is full",
    1158: "the network failed",
    1159: "the network was too slow",
    1160: "the network failed",
    1161: "the network was too slow",
    1180: "the commit failed: the disk may be full",
    1203: "too many connections of this user",
    1290: "the server is read-only",
    1317: "the query was interrupted",
    1836: "the server is read-only",
    2002: "the server cannot be reached",
    2003: "the server cannot be reached",
    2005: "the server's host is unknown",
    3024: "the query took too long",
}
_TOO_LARGE: Final = 1153
"""The server closes the connection with it, so it has to be told from a lost one."""
_SQLITE_TRY_AGAIN: Final = ("database is locked", "database table is locked", "database schema is locked")
_SQLITE_WORLD_FAILED: Final = ("disk is full", "disk I/O error", "unable to open database file", "readonly")


class TryAgain(StoreUnavailable):
    """The transaction was rolled back as a whole, and the same transaction may succeed now."""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Errors of SQLAlchemy and its drivers as errors of ours; ``what`` names the database."""
    try:
        yield
    except DBAPIError as error:
        raise _meaning(error, what) from error
    except PoolTimeout as error:
        raise StoreUnavailable(f"{what}: no connection became free: {error}") from error
    except SQLAlchemyError as error:
        raise FinalError(f"{what}: {error}") from error
    except (ConnectionError, EOFError) as error:  # drivers let some of these through while a server dies
        raise TryAgain(f"{what}: the connection was lost: {error}") from error


def _meaning(error: DBAPIError, what: str) -> FinalError | StoreUnavailable:
    code = getattr(error.orig, "errno", None)
    text = str(error.orig)
    if code == _TOO_LARGE:
        return FinalError(f"{what}: a row is larger than the server's max_allowed_packet ({text})")
    if code in _TRY_AGAIN:
        return TryAgain(f"{what}: {_TRY_AGAIN[code]} ({text})")
    if code in _WORLD_FAILED:
        return StoreUnavailable(f"{what}: {_WORLD_FAILED[code]} ({text})")
    if any(part in text for part in _SQLITE_TRY_AGAIN):
        return TryAgain(f"{what}: {text}")
    if any(part in text for part in _SQLITE_WORLD_FAILED):
        return StoreUnavailable(f"{what}: {text}")
    if error.connection_invalidated:
        return TryAgain(f"{what}: the connection was lost ({text})")
    return FinalError(f"{what}: {text}")
