"""What a database error means: the caller erred, or the world failed and the same may succeed later.

Servers have thousands of error codes and get new ones with each release. So the short list is that of the
errors that no retry can mend; a code that is not on it counts as a failure of the world.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import (
    DataError,
    DBAPIError,
    IntegrityError,
    NotSupportedError,
    ProgrammingError,
    SQLAlchemyError,
    StatementError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout

from foresight.errors import FinalError, StoreUnavailable

# https://dev.mysql.com/doc/mysql-errors/9.7/en/
_FINAL: Final = frozenset({
    # Databases, users and rights: somebody has to change something first.
    1044, 1045, 1046, 1049, 1130, 1131, 1133, 1141, 1142, 1143, 1147, 1227, 1370, 1396, 1410, 1524, 1698,
    1820, 1862, 2054, 2059, 2061, 2068, 2069, 3118, 3159, 3530, 3552, 3554, 3955,
    # Statements that the server does not understand, or names that it does not know.
    1051, 1052, 1054, 1055, 1056, 1063, 1064, 1065, 1066, 1093, 1103, 1109, 1110, 1111, 1113, 1115, 1120,
    1122, 1128, 1136, 1139, 1140, 1146, 1149, 1176, 1193, 1210, 1221, 1222, 1228, 1229, 1230, 1231, 1232,
    1234, 1235, 1237, 1238, 1239, 1241, 1242, 1247, 1248, 1250, 1251, 1253, 1267, 1270, 1271, 1273, 1286,
    1288, 1291, 1294, 1298, 1300, 1301, 1305, 1318, 1327, 1347, 1348, 1356, 1425, 1426, 1427, 1471, 1582,
    1583, 1584, 1630, 1701, 3065, 3087, 3500, 3573, 3579, 3593, 3594, 3730,
    # Tables that cannot be made as asked.
    1007, 1008, 1050, 1059, 1060, 1061, 1067, 1068, 1069, 1070, 1071, 1072, 1073, 1074, 1075, 1090, 1091,
    1101, 1117, 1118, 1121, 1162, 1163, 1164, 1166, 1167, 1170, 1171, 1172, 1173, 1214, 1215, 1252, 1439,
    1470, 1479, 1480, 1481, 1484, 1486, 1487, 1488, 1490, 1491, 1492, 1493, 1494, 1495, 1496, 1497, 1499,
    1502, 1503, 1505, 1506, 1507, 1508, 1509, 1510, 1512, 1513, 1514, 1515, 1516, 1517, 1519, 1520, 1521,
    1562, 1563, 1564, 1653, 1654, 1659, 1697, 1709, 1735, 1736, 1748, 1831, 1846, 3161, 3502, 3750, 3780,
    3813, 3819, 3822, 3823,
    # Values that do not fit.
    1048, 1062, 1138, 1153, 1169, 1216, 1217, 1261, 1262, 1263, 1264, 1265, 1292, 1364, 1365, 1366, 1367,
    1369, 1406, 1411, 1416, 1441, 1442, 1451, 1452, 1525, 1526, 1557, 1586, 1690, 1761, 1762, 2032, 2036,
    3020, 3069, 3105, 3140, 3141, 3142, 3143, 3144, 3146, 3147, 3149, 3150, 3151, 3155, 3156, 3157, 3158,
    3903, 3904, 3907,
    # MariaDB's own: constraint, types that do not go together, unknown type.
    4025, 4078, 4161,
})  # fmt: skip
"""MySQL and MariaDB: what the same statement meets again however often it is tried."""

_FINAL_IN_SQLITE: Final = frozenset({1, 3, 11, 18, 19, 20, 21, 23, 24, 25, 26})
"""Primary result codes: error in SQL, no permission, corrupt, too big, constraint, mismatch, misuse,
no authorisation, format, range, not a database."""

_FINAL_WITHOUT_CODE: Final = (DataError, IntegrityError, NotSupportedError, ProgrammingError)

_AT_ONCE_IS_TOO_SOON: Final = {
    3: "a file cannot be written: the disk may be full",
    20: "the disk is full",
    1021: "the disk is full",
    1026: "a file cannot be written: the disk may be full",
    1030: "the storage engine failed: the disk may be full",
    1040: "too many connections",
    1053: "the server is shutting down",
    1114: "a table or the disk is full",
    1129: "the server blocks this host after too many failed connections",
    1158: "the network failed",
    1159: "the network was too slow",
    1160: "the network failed",
    1161: "the network was too slow",
    1180: "the commit failed: the disk may be full",
    1203: "too many connections of this user",
    1226: "this user has exceeded a limit of the server",
    2002: "the server cannot be reached",
    2003: "the server cannot be reached",
    2005: "the server's host is unknown",
    3024: "the query took too long",
}
"""The world failed, and longer than a transaction is tried: the task tries again later."""

_WORDS: Final = {
    1020: "the row changed since it was read",
    1205: "waited too long for a lock",
    1213: "deadlock",
    1290: "the server is read-only",
    1317: "the query was interrupted",
    1412: "the table changed since the transaction began",
    1615: "a prepared statement became stale",
    1792: "the server is read-only",
    1836: "the server is read-only",
    1927: "the connection was killed",
    2006: "the server has gone away",
    2012: "the server broke off the handshake",
    2013: "the connection was lost during a query",
    2026: "the encrypted connection failed",
    2055: "the connection was lost",
    3058: "deadlock of named locks",
    3100: "the replication group refused the commit for now",
    3101: "the replication group rolled the transaction back: somebody else changed the same rows",
    3572: "a row is locked",
    4031: "the server closed an idle connection",
} | _AT_ONCE_IS_TOO_SOON

_READ_ONLY: Final = frozenset({1290, 1792, 1836})
"""What a server says that has become a replica."""

_SQLITE_TOO_SOON: Final = ("disk is full", "disk I/O error", "unable to open database file", "readonly")


class TryAgain(StoreUnavailable):
    """The transaction was rolled back as a whole, and the same transaction may succeed now."""


class ConnectionFailed(Exception):
    """The driver let an error of the operating system through while the connection failed."""


def judge_connection(context: ExceptionContext) -> Exception | None:
    """A listener for ``handle_error``: tells errors of the driver from those of the caller's Python.

    It is called for errors inside the driver only. A server that has become read-only keeps none of the
    pooled connections: they all lead to it, and the address may name another server now.
    """
    error = context.original_exception
    if getattr(error, "errno", None) in _READ_ONLY and isinstance(context.sqlalchemy_exception, DBAPIError):
        context.is_disconnect = context.invalidate_pool_on_disconnect = True
    if isinstance(error, OSError | EOFError):
        context.is_disconnect = True
        return ConnectionFailed(f"{type(error).__name__}: {error}")
    return None


@contextmanager
def translated(what: str, driver_error: type[Exception] = DBAPIError) -> Iterator[None]:
    """Errors of SQLAlchemy and its drivers as errors of ours; ``what`` names the database.

    SQLAlchemy lets some errors of the driver through: ``driver_error`` is what those are, too.
    Errors of Python pass as they are, also those that a value raises on its way into a statement.
    """
    try:
        yield
    except DBAPIError as error:
        raise _meaning(error, what) from error
    except ConnectionFailed as error:
        raise TryAgain(f"{what}: the connection was lost ({error})") from error
    except PoolTimeout as error:
        raise StoreUnavailable(f"{what}: no connection became free: {error}") from error
    except StatementError as error:
        if error.orig is None:
            raise FinalError(f"{what}: {error}") from error
        raise error.orig from error
    except SQLAlchemyError as error:
        raise FinalError(f"{what}: {error}") from error
    except driver_error as error:
        raise _meaning(DBAPIError.instance("", None, error, driver_error), what) from error  # type: ignore[arg-type] # typed for statements


def _meaning(error: DBAPIError, what: str) -> FinalError | StoreUnavailable:
    code, text = code_of(error), str(error.orig)
    if code == 1153:  # the server closes the connection with it, so it has to be told from a lost one
        return FinalError(f"{what}: a row is larger than the server's max_allowed_packet ({text})")
    if not error.connection_invalidated and _is_final(error, code):
        return FinalError(f"{what}: {text}")
    words = _WORDS.get(code or 0)
    told = f"{words} ({text})" if words else text
    if code in _AT_ONCE_IS_TOO_SOON or any(part in text for part in _SQLITE_TOO_SOON):
        return StoreUnavailable(f"{what}: {told}")
    if error.connection_invalidated and not words:
        told = f"the connection was lost ({text})"
    return TryAgain(f"{what}: {told}")


def _is_final(error: DBAPIError, code: int | None) -> bool:
    in_sqlite = getattr(error.orig, "sqlite_errorcode", None)
    if in_sqlite is not None:
        return in_sqlite & 0xFF in _FINAL_IN_SQLITE
    return isinstance(error, _FINAL_WITHOUT_CODE) if code is None else code in _FINAL


def code_of(error: DBAPIError) -> int | None:
    """The server's or the driver's own number of an error; None where there is none."""
    code: Any = getattr(error.orig, "errno", None)
    return code if isinstance(code, int) and code > 0 else None
