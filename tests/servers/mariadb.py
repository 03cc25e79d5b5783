"""A real MariaDB of this machine's own Debian release, in a private folder, gone afterwards."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.servers.debian import command, give_to_server, system_user, unpacked
from tests.servers.mysql import DATABASE, answers, listening, make_database
from tests.servers.process import Server, Unavailable, free_port

_SYSTEM_TABLES = ("mysql_system_tables.sql", "mysql_performance_tables.sql", "mysql_system_tables_data.sql")


@contextlib.contextmanager
def mariadb_server() -> Iterator[str]:
    """SQLAlchemy URL of an empty database on a MariaDB of its own; raises ``Unavailable`` with the reason."""
    root = unpacked("mariadb-server-core")
    start = command(root, "usr/sbin/mariadbd")
    share, user = root / "usr/share/mysql", system_user(root)
    with tempfile.TemporaryDirectory(prefix="foresight-mariadb-") as name:
        home, port = Path(name), free_port()
        home.chmod(0o755)
        (home / "data").mkdir()
        give_to_server(home, home / "data", user=user)
        common = [
            "--no-defaults",
            *user,
            f"--basedir={root / 'usr'}",
            f"--datadir={home / 'data'}",
            f"--lc-messages-dir={share / 'english'}",
            f"--character-sets-dir={share / 'charsets'}",
        ]
        _initialise([*start, *common, "--bootstrap"], share)
        server = [*start, *common, *listening(home, port), "--skip-grant-tables"]
        with Server(server, log=home / "output.log", ready=lambda: answers(port)):
            make_database(port)
            yield f"mariadb+mysqlconnector://root@127.0.0.1:{port}/{DATABASE}"


def _initialise(bootstrap: list[str], share: Path) -> None:
    """Creates the system tables; MariaDB's own script for it needs programs of other packages."""
    sql = "CREATE DATABASE mysql;\nUSE mysql;\n"
    sql += "\n".join((share / name).read_text(encoding="utf-8") for name in _SYSTEM_TABLES)
    done = subprocess.run(bootstrap, input=sql, capture_output=True, text=True, check=False)
    if done.returncode:
        tail = " | ".join(done.stderr.strip().splitlines()[-3:])
        raise Unavailable(f"mariadbd --bootstrap failed with {done.returncode}: {tail}")
