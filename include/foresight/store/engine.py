"""The open results database: how it is connected to, and transactions that happen whole or not at all."""

from __future__ import annotations

import hashlib
import logging
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import orjson
from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from tenacity import (
    Retrying,
    before_sleep_log,
    retry_if_exception_type,
    stop_after_attempt,
    wait_random_exponential,
)

from foresight.errors import FinalError
from foresight.store.column_types import MYSQL_FAMILY
from foresight.store.commits import was_committed, write_marker
from foresight.store.failures import ConnectionFailed, TryAgain, judge_connection, translated

logger = logging.getLogger(__name__)
Result = TypeVar("Result")

INFILE_FOLDER = "infile_folder"
"""Under this name ``Connection.info`` holds the only folder that LOAD DATA LOCAL may read from, if any."""
PACKET_BYTES = "packet_bytes"
"""Under this name ``Connection.info`` holds the longest statement that MySQL takes on this connection."""

_READ_ONLY = "foresight_read_only"
LOCK_WAIT_SECONDS: Final = 60
"""How long a statement of ours waits for one that changes the table it needs."""
_MYSQL_SESSION = (
    "SET SESSION time_zone = '+00:00', innodb_lock_wait_timeout = 30, "
    f"lock_wait_timeout = {LOCK_WAIT_SECONDS}, "
    "group_concat_max_len = 1073741824, "
    "sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,NO_ZERO_DATE,NO_ZERO_IN_DATE,"
    "ERROR_FOR_DIVISION_BY_ZERO'"
)
_LOCK_SECONDS: Final = 120
_LOCK_NAME_LENGTH: Final = 64


@dataclass(frozen=True, slots=True)
class Store:
    """The results database.

    ``attempts`` is how often a transaction is tried when it meets a deadlock or loses its connection;
    ``wait_seconds`` the longest pause between two of them. ``installation`` is part of the names of locks,
    which all databases of a MySQL server share; empty where one installation has the server to itself.
    """

    engine: Engine
    attempts: int = 5
    wait_seconds: float = 5.0
    installation: str = ""

    @property
    def name(self) -> str:
        """The address without its password."""
        return self.engine.url.render_as_string(hide_password=True)

    @property
    def is_mysql(self) -> bool:
        """Whether this is MySQL or MariaDB."""
        return self.engine.dialect.name in MYSQL_FAMILY

    @property
    def driver_error(self) -> type[Exception]:
        """What the driver's own errors are."""
        found: type[Exception] = self.engine.dialect.loaded_dbapi.Error
        return found

    def transact(self, work: Callable[[Connection], Result], *, lock: str | None = None) -> Result:
        """What ``work`` returns, run in one transaction and committed.

        After a deadlock or a lost connection the whole of ``work`` runs again, so it must not change anything
        but the database. It does not run again after a commit: where the answer to that was lost, the store
        finds out what became of it (see ``foresight.store.commits``).

        Args:
            work: reads and writes through the connection it is given.
            lock: name of a lock that is held until the commit, so that nobody else with this name is between
                start and commit; SQLite has one writer at a time anyway.

        Raises:
            StoreUnavailable: the database cannot be used now. Nothing was changed, unless the message says
                that it is not known whether the last commit succeeded.
            FinalError: the database refuses what was asked; nothing was changed.
        """
        result: Result = self._retrying()(_Transaction(self, work, lock).attempt)
        return result

    def read(self, work: Callable[[Connection], Result], *, at_one_moment: bool = True) -> Result:
        """What ``work`` returns, by default all of it as it was at one moment. Raises as ``transact`` does.

        Without ``at_one_moment`` each statement sees what is committed when it begins, and a locking read
        locks no more than the rows that it finds.
        """

        def once() -> Result:
            with translated(self.name, self.driver_error), self.engine.connect() as connection:
                connection.execution_options(**{_READ_ONLY: True})
                with connection.begin():
                    if at_one_moment and self.is_mysql:
                        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    return work(connection)

        result: Result = self._retrying()(once)
        return result

    def close(self) -> None:
        """Gives all connections back."""
        self.engine.dispose()

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(TryAgain),
            stop=stop_after_attempt(self.attempts),
            wait=wait_random_exponential(multiplier=0.05, max=self.wait_seconds),
            before_sleep=before_sleep_log(logger, logging.WARNING),
            reraise=True,
        )


class _Transaction(Generic[Result]):
    """One call of ``Store.transact``: run again until it is committed, and once only."""

    def __init__(self, store: Store, work: Callable[[Connection], Result], lock: str | None) -> None:
        self._store, self._work = store, work
        self._lock = None if lock is None else lock_name(store.installation, lock)
        self._in_doubt: tuple[str, Result] | None = None

    def attempt(self) -> Result:
        try:
            with translated(self._store.name, self._store.driver_error):
                return self._once()
        except TryAgain as error:
            if self._in_doubt is not None:
                raise TryAgain(f"{error}; whether the last commit succeeded is not known") from error
            raise

    def _once(self) -> Result:
        with (
            self._store.engine.connect() as connection,
            _named_lock(connection, self._lock),
            connection.begin() as transaction,
        ):
            if self._in_doubt is not None:
                marker, result = self._in_doubt
                if was_committed(connection, marker):
                    transaction.rollback()
                    return result
                self._in_doubt = None
            result = self._work(connection)
            marker_now = write_marker(connection)
            if marker_now is not None:
                self._in_doubt = marker_now, result
            transaction.commit()
            self._in_doubt = None
            return result


def open_store(
    url: str | URL,
    *,
    attempts: int = 5,
    wait_seconds: float = 5.0,
    installation: str = "",
    connect_args: dict[str, Any] | None = None,
    **engine_options: Any,
) -> Store:
    """The store at ``url``; nothing is connected yet.

    Args:
        url: ``mysql+mysqlconnector://…``, ``mariadb+mysqlconnector://…`` or ``sqlite:///path``. A MySQL URL
            without a driver gets mysqlconnector, the one whose statements carry many rows.
        attempts: see ``Store``.
        wait_seconds: see ``Store``.
        installation: see ``Store``.
        connect_args: for the driver, such as ``ssl_ca`` and ``ssl_verify_identity``.
        engine_options: for ``sqlalchemy.create_engine``, such as ``pool_size``.

    Raises:
        FinalError: the URL names no database that is known here.
    """
    try:
        parsed = make_url(url)
        if parsed.drivername in MYSQL_FAMILY:
            parsed = parsed.set(drivername=f"{parsed.drivername}+mysqlconnector")
        if parsed.get_backend_name() not in MYSQL_FAMILY | {"sqlite"}:
            raise FinalError(f"results are kept in MySQL, MariaDB or SQLite, not {parsed.get_backend_name()}")
        options = _options(parsed, connect_args or {}) | engine_options
        engine = create_engine(parsed, **options)
    except ArgumentError as error:
        raise FinalError("the address of the results database is not a SQLAlchemy URL") from error
    _listen(engine)
    return Store(engine, attempts, wait_seconds, installation)


def to_json(value: Any) -> str:
    """The one spelling of a document that is stored: names sorted, NaN and infinities as null."""
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | orjson.OPT_SERIALIZE_NUMPY).decode()


def is_mysql(connection: Connection) -> bool:
    """Whether the connection leads to MySQL or MariaDB."""
    return connection.dialect.name in MYSQL_FAMILY


def _options(url: URL, connect_args: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {
        "json_serializer": to_json,
        "json_deserializer": orjson.loads,
        "hide_parameters": True,  # label values are none of a log's business
        "connect_args": connect_args,
    }
    if url.get_backend_name() == "sqlite":
        if url.database and url.database != ":memory:":
            Path(url.database).parent.mkdir(parents=True, exist_ok=True)
        options["connect_args"] = {"timeout": 30} | connect_args
        return options
    options |= {"pool_pre_ping": True, "pool_recycle": 1800, "isolation_level": "READ COMMITTED"}
    if url.get_driver_name() == "mysqlconnector":
        ours = {
            "charset": "utf8mb4",
            "collation": "utf8mb4_bin",
            "connection_timeout": 10,
            "allow_local_infile_in_path": str(_infile_folder()),
        }
        options["connect_args"] = ours | connect_args
    return options


def _infile_folder() -> Path:
    """A folder of this user alone: a server that asks for any other file is refused by the driver.

    It stays, for task processes end without a chance to tidy up; files in it go as soon as they are loaded.
    """
    folder = Path(tempfile.gettempdir()) / f"foresight-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not found.st_mode & 0o077:
        return folder
    raise FinalError(
        f"{folder} is not a folder of this user alone: remove it, or set TMPDIR to another place"
    )


def _listen(engine: Engine) -> None:
    event.listen(engine, "handle_error", judge_connection)
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _prepare_mysql)


def _prepare_sqlite(dbapi_connection: Any, _record: Any) -> None:
    dbapi_connection.isolation_level = None  # pysqlite would begin late and commit before DDL
    cursor = dbapi_connection.cursor()
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A transaction that starts as a reader and then writes fails at once when somebody else wrote meanwhile.
    read_only = connection.get_execution_options().get(_READ_ONLY)
    connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")


def _prepare_mysql(dbapi_connection: Any, record: Any) -> None:
    cursor = dbapi_connection.cursor()
    cursor.execute(_MYSQL_SESSION)
    cursor.execute("SELECT @@local_infile, @@max_allowed_packet")
    local_infile, record.info[PACKET_BYTES] = cursor.fetchone()
    cursor.close()
    folder = getattr(dbapi_connection, "_allow_local_infile_in_path", None)
    record.info[INFILE_FOLDER] = Path(folder) if local_infile and folder else None


def lock_name(installation: str, name: str) -> str:
    """What MySQL calls a lock of ours: 64 characters at most, for all databases of the server together."""
    # No name of a lock has a colon, so an installation and a lock never read as another pair of both.
    whole = f"foresight.{installation}:{name}" if installation else f"foresight.{name}"
    if len(whole) <= _LOCK_NAME_LENGTH:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return f"foresight.{digest}"[:_LOCK_NAME_LENGTH]


@contextmanager
def _named_lock(connection: Connection, name: str | None) -> Iterator[None]:
    """Holds MySQL's lock of that name; it belongs to the connection, so it goes when the connection does."""
    if name is None or not is_mysql(connection):
        yield
        return
    given = {"name": name, "seconds": _LOCK_SECONDS}
    taken = connection.execute(text("SELECT GET_LOCK(:name, :seconds)"), given).scalar()
    connection.commit()
    if taken != 1:
        raise TryAgain(f"somebody else held the lock {name!r} for {_LOCK_SECONDS} s")
    try:
        yield
    finally:
        _release(connection, name)


def _release(connection: Connection, name: str) -> None:
    """Gives a lock back. What was done under it is done: an error here is none of the work's."""
    if connection.invalidated:
        return
    try:
        connection.execute(text("SELECT RELEASE_LOCK(:name)"), {"name": name})
        connection.commit()
    except (SQLAlchemyError, ConnectionFailed) as error:
        logger.warning("the lock %r goes with its connection: %s", name, error)
        connection.invalidate()
