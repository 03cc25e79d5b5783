"""The two database users of the composed stack, on a real MySQL: one changes tables, one only rows."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import create_engine, make_url, select, text

from foresight.errors import ForesightError
from foresight.store import migrate, open_store
from foresight.store.tables import sla
from tests.servers.mysql import mysql_server

SCRIPT = Path(__file__).parents[2] / "deploy" / "mysql" / "users.sh"
PASSWORDS = {
    "foresight": 'it\'s \\ a "$HOME" `id` ü;--',
    "foresight_upkeep": "\\\\'; DROP DATABASE foresight; --",
}


def test_the_users_have_the_rights_they_need_and_no_other() -> None:
    wanted = {
        "FORESIGHT_MYSQL_PASSWORD": PASSWORDS["foresight"],
        "FORESIGHT_MYSQL_UPKEEP_PASSWORD": PASSWORDS["foresight_upkeep"],
    }
    printing = f"docker_process_sql() {{ cat; }}; export -f docker_process_sql; bash {SCRIPT}"
    made = subprocess.run(
        ["bash", "-c", printing], env=os.environ | wanted, capture_output=True, text=True, check=True
    )
    with mysql_server("--local-infile=ON") as root:
        engine = create_engine(root)
        with engine.begin() as connection:
            for statement in made.stdout.split(";\n"):
                if statement.strip():
                    connection.exec_driver_sql(statement)
        engine.dispose()
        at = make_url(root)
        urls = {
            user: str(at.set(username=user, password=password).render_as_string(hide_password=False))
            for user, password in PASSWORDS.items()
        }
        upkeep, runs = open_store(urls["foresight_upkeep"]), open_store(urls["foresight"])
        with pytest.raises(ForesightError, match="denied"):
            migrate(runs)
        migrate(upkeep)
        assert runs.read(lambda connection: connection.execute(select(sla)).all()) == []
        with pytest.raises(ForesightError, match="denied"):
            runs.transact(lambda connection: connection.execute(text("DROP TABLE sla")))
        upkeep.close()
        runs.close()
