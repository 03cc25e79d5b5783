"""A real MySQL 9.7: Debian's package in a private folder, an empty database, gone afterwards."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

import mysql.connector

from tests.servers.debian import command, give_to_server, system_user, unpacked
from tests.servers.process import Server, free_port, run

DATABASE = "foresight"


class MysqlServer(Server):
    """One server on a fixed port and a folder of its own."""

    def __init__(self, home: Path, *options: str) -> None:
        root = unpacked("mysql-server-core", "unstable")
        start = command(root, "usr/sbin/mysqld", "usr/lib/mysql/private")
        share, user = root / "usr/share/mysql", system_user(root)
        home.chmod(0o755)
        give_to_server(home, user=user)
        common = [
            "--no-defaults",
            *user,
            f"--basedir={root / 'usr'}",
            f"--datadir={home / 'data'}",
            f"--lc-messages-dir={share}",
            f"--character-sets-dir={share / 'charsets'}",
            "--secure-file-priv=NULL",
        ]
        run([*start, *common, "--initialize-insecure"])
        self.port = free_port()
        self.url = f"mysql+mysqlconnector://root@127.0.0.1:{self.port}/{DATABASE}"
        listen = [*start, *common, *listening(home, self.port), "--mysqlx=OFF", *options]
        super().__init__(listen, log=home / "output.log", ready=lambda: answers(self.port))


@contextlib.contextmanager
def mysql_database(*options: str) -> Iterator[MysqlServer]:
    """A running MySQL with an empty database and its handle, for tests that kill it.

    ``options`` are further ones of ``mysqld``. Raises ``Unavailable`` with the reason.
    """
    with (
        tempfile.TemporaryDirectory(prefix="foresight-mysql-") as home,
        MysqlServer(Path(home), *options) as server,
    ):
        make_database(server.port)
        yield server


@contextlib.contextmanager
def mysql_server(*options: str) -> Iterator[str]:
    """SQLAlchemy URL of an empty database on a MySQL of its own."""
    with mysql_database(*options) as server:
        yield server.url


def listening(home: Path, port: int) -> list[str]:
    """Options that MySQL and MariaDB share: loopback only, small, LOAD DATA LOCAL allowed."""
    return [
        "--local-infile=ON",
        "--bind-address=127.0.0.1",
        f"--port={port}",
        f"--socket={home / 'server.sock'}",
        f"--pid-file={home / 'server.pid'}",
        "--innodb-buffer-pool-size=256M",
    ]


def answers(port: int) -> bool:
    """Whether the server there takes a connection of its root."""
    with contextlib.suppress(mysql.connector.Error):
        _connect(port).close()
        return True
    return False


def make_database(port: int) -> None:
    """Creates the empty database that tests are given."""
    with contextlib.closing(_connect(port)) as connection:
        connection.cursor().execute(f"CREATE DATABASE {DATABASE}")


def _connect(port: int) -> mysql.connector.abstracts.MySQLConnectionAbstract:
    return mysql.connector.connect(
        host="127.0.0.1", port=port, user="root", connection_timeout=5, collation="utf8mb4_bin"
    )
