"""Makes Airflow's settings and connections of plain secrets, then becomes the command that was given.

A secret may hold any character: this file, and no other, quotes it for the URL or the JSON that it goes into.
What is set already stays, so an installation with servers of its own sets the connection instead.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote


def settings(secrets: Mapping[str, str]) -> dict[str, str]:
    """The environment of Airflow, from the secrets of ``make env`` that are there."""
    made = {
        "AIRFLOW_CONN_TELEMETRY": json.dumps({"conn_type": "http", "host": "prometheus", "port": 9090}),
        "AIRFLOW_CONN_KAFKA": json.dumps(
            {"conn_type": "kafka", "extra": {"bootstrap.servers": "kafka:9092"}}
        ),
    }
    if password := secrets.get("FORESIGHT_POSTGRES_PASSWORD"):
        at = f"airflow:{quote(password, safe='')}@postgres/airflow"
        made["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = f"postgresql+psycopg2://{at}"
        made["AIRFLOW__CELERY__RESULT_BACKEND"] = f"db+postgresql://{at}"
    if password := secrets.get("FORESIGHT_REDIS_PASSWORD"):
        made["AIRFLOW__CELERY__BROKER_URL"] = f"redis://:{quote(password, safe='')}@redis:6379/0"
    for variable, connection, login in (
        ("FORESIGHT_MYSQL_PASSWORD", "RESULTS", "foresight"),
        ("FORESIGHT_MYSQL_UPKEEP_PASSWORD", "RESULTS_UPKEEP", "foresight_upkeep"),
    ):
        if password := secrets.get(variable):
            made[f"AIRFLOW_CONN_{connection}"] = json.dumps({
                "conn_type": "mysql", "host": "mysql", "schema": "foresight", "login": login,
                "password": password, "extra": {"client": "mysql-connector-python"},
            })  # fmt: skip
    return {name: value for name, value in made.items() if name not in secrets}


def main() -> None:
    """Sets the environment and hands over to the entry point of Airflow's image."""
    made = settings(os.environ)
    password = os.environ.get("FORESIGHT_ADMIN_PASSWORD")
    file = os.environ.get("AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE")
    if password and file:
        Path(file).touch(mode=0o600)
        Path(file).write_text(json.dumps({"admin": password}))
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_PASSWORD")}
    command = ["/entrypoint", *sys.argv[1:]]
    os.execve(command[0], command, kept | made)  # noqa: S606 - this is what an entry point is for


if __name__ == "__main__":
    main()
