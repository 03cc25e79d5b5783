"""What the doctor says about the account on a real server, and that a command prints its data alone there."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine, make_url

from foresight.errors import ForesightError
from foresight.services.database_checks import missing_rights, missing_upkeep_rights, takes_infile
from foresight.services.diagnosis import CHECKS, Verdict
from foresight.store import Store, open_store
from foresight.wiring.installation import this_installation
from tests.integration.databases import fresh_store

pytestmark = pytest.mark.mysql

ACCOUNT, PASSWORD = "reader", "only reads"
NEEDED = "SELECT, INSERT, UPDATE, DELETE, CREATE TEMPORARY TABLES"


@pytest.fixture(params=["mysql_url", "mariadb_url"])
def server_url(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(request.param))


@pytest.fixture
def store(server_url: str) -> Iterator[Store]:
    with fresh_store(server_url) as store:
        yield store


def as_account(store: Store, rights: str) -> Store:
    """The same database, seen by an account with these rights on it."""
    url = make_url(store.engine.url.render_as_string(hide_password=False))
    root = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"collation": "utf8mb4_bin"})
    with root.connect() as connection:
        connection.exec_driver_sql(f"DROP USER IF EXISTS '{ACCOUNT}'@'%%'")
        connection.exec_driver_sql(f"CREATE USER '{ACCOUNT}'@'%%' IDENTIFIED BY '{PASSWORD}'")
        connection.exec_driver_sql(f"GRANT {rights} ON {url.database}.* TO '{ACCOUNT}'@'%%'")
    root.dispose()
    return open_store(url.set(username=ACCOUNT, password=PASSWORD))


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        (NEEDED, []),
        ("SELECT", ["INSERT", "UPDATE", "DELETE", "CREATE TEMPORARY TABLES"]),
        ("SELECT, INSERT, UPDATE, DELETE", ["CREATE TEMPORARY TABLES"]),
        ("SELECT, INSERT, UPDATE, CREATE TEMPORARY TABLES", ["DELETE"]),
    ],
)
def test_the_rights_that_an_account_lacks_are_named(mysql_url: str, rights: str, missing: list[str]) -> None:
    with fresh_store(mysql_url) as store:
        account = as_account(store, rights)
        try:
            assert missing_rights(account) == missing
            assert missing_rights(account) == missing
        finally:
            account.close()


ALL_BUT = "SELECT, INSERT, UPDATE, DELETE, CREATE, ALTER, INDEX, REFERENCES"


@pytest.mark.parametrize(
    ("rights", "missing"),
    [
        ("ALL PRIVILEGES", []),
        (f"{ALL_BUT}, DROP", []),
        (ALL_BUT, ["DROP"]),
        (NEEDED, ["CREATE", "ALTER", "DROP", "INDEX", "REFERENCES"]),
    ],
)
def test_the_rights_to_change_tables_that_an_account_lacks_are_named(
    mysql_url: str, rights: str, missing: list[str]
) -> None:
    with fresh_store(mysql_url) as store:
        account = as_account(store, rights)
        given = replace(this_installation(), upkeep=lambda: account)
        try:
            assert missing_upkeep_rights(account) == missing
            found = list(CHECKS["upkeep"](given, datetime.now(UTC)))
            assert [finding.verdict for finding in found] == [Verdict.WRONG] * bool(missing)
            assert all(", ".join(missing) in finding.text for finding in found)
        finally:
            account.close()


def test_a_schema_that_is_not_there_is_told_with_its_name(server_url: str) -> None:
    store = open_store(make_url(server_url).set(database="nowhere"))
    try:
        with pytest.raises(ForesightError, match="nowhere"):
            list(CHECKS["results"](replace(this_installation(), store=lambda: store), datetime.now(UTC)))
    finally:
        store.close()


def test_whether_the_server_takes_files_from_its_clients_is_told(store: Store) -> None:
    url = store.engine.url
    root = create_engine(url, isolation_level="AUTOCOMMIT", connect_args={"collation": "utf8mb4_bin"})
    with root.connect() as connection:
        before = connection.exec_driver_sql("SELECT @@GLOBAL.local_infile").scalar()
        try:
            for setting in (0, 1):
                connection.exec_driver_sql(f"SET GLOBAL local_infile = {setting}")
                assert takes_infile(store) == bool(setting)
        finally:
            connection.exec_driver_sql(f"SET GLOBAL local_infile = {int(bool(before))}")
    root.dispose()


@pytest.mark.parametrize("command", [["sla", "status", "--json"], ["sla", "export"]])
def test_a_command_prints_its_data_alone(store: Store, command: list[str]) -> None:
    url = store.engine.url
    connection = {
        "conn_type": "mysql",
        "host": url.host,
        "port": url.port,
        "login": url.username,
        "password": url.password or "",
        "schema": url.database,
    }
    environment = os.environ | {"AIRFLOW_CONN_RESULTS": json.dumps(connection)}
    # Airflow first: it makes every library log to standard output.
    program = f"import airflow, sys; sys.argv[1:] = {command!r}; from foresight.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    # Without any status yet, `status` says so on standard error.
    assert (done.returncode, done.stdout.strip()) == (2 if "--json" in command else 0, "")
    assert "mysql.connector" in done.stderr
