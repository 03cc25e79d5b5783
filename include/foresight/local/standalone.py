"""A whole Airflow on this machine: standalone, LocalExecutor, SQLite, on loopback, in a folder of its own.

``make demo`` and ``make up`` run it, and so do the end-to-end tests and the pipeline benchmark: what they
see is what a user has. Nothing here is for production; ``docker-compose.yaml`` is.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from tenacity import retry, retry_if_exception_type, stop_after_delay, wait_random_exponential

from foresight.errors import ForesightError, NotFound, SourceUnavailable

PROJECT = Path(__file__).parents[3]
"""The checkout: ``dags/``, ``plugins/`` and ``include/`` lie in it."""

FINISHED = ("success", "failed")


class Unfinished(ForesightError):
    """A run did not end as it was expected to."""


class _Busy(Unfinished):
    """Airflow answered with an error of its own, 5xx, and rolled back: what was asked did not happen.

    On SQLite its API now and then writes in two places that wait for each other: one gives up after 5 s.
    """


def free_port() -> int:
    """A TCP port on loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connection_variables(connections: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """Connections, by id and in Airflow's JSON form, as the environment variables that Airflow reads."""
    return {f"AIRFLOW_CONN_{name.upper()}": json.dumps(value) for name, value in connections.items()}


@dataclass
class Standalone:
    """One Airflow with its own home; a context manager that stops all that it started.

    ``connections`` maps connection ids to connections in Airflow's JSON form; ``settings`` are further
    environment variables. The home is kept, so starting again goes on where it stopped.
    """

    home: Path
    connections: Mapping[str, Mapping[str, Any]]
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    parallelism: int = 4
    process: subprocess.Popen[bytes] | None = field(default=None, init=False, repr=False)
    _client: httpx.Client | None = field(default=None, init=False, repr=False)

    @property
    def url(self) -> str:
        """Where the UI and the REST API are."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def password(self) -> str:
        """The password of user ``admin``; made once for each home, readable by its owner only."""
        return str(json.loads((self.home / "passwords.json").read_text())["admin"])

    @property
    def environment(self) -> dict[str, str]:
        """What every process of this Airflow sees."""
        core = {
            "CORE__DAGS_FOLDER": str(PROJECT / "dags"),
            "CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
            "CORE__LOAD_EXAMPLES": "False",
            "CORE__EXECUTOR": "foresight.orchestration.executor.WarmLocalExecutor",
            "CORE__PARALLELISM": str(self.parallelism),
            "CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin",
            "CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self.home / "passwords.json"),
            "CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "API__HOST": "127.0.0.1",
            "API__PORT": str(self.port),
            "API__BASE_URL": self.url,
            "API__WORKERS": "1",
            "API__SECRET_KEY": self._secret("api"),
            "API_AUTH__JWT_SECRET": self._secret("jwt"),
            "DAG_PROCESSOR__REFRESH_INTERVAL": "10",
            "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
            "LOGGING__LOGGING_LEVEL": "INFO",
        }
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            "AIRFLOW_HOME": str(self.home),
            "FORESIGHT_STAGING": (self.home / "staging").as_uri(),
            "FORESIGHT_FILES": str(self.files),
            "PYTHONWARNINGS": "ignore",
            **{f"AIRFLOW__{name}": value for name, value in core.items()},
            **connection_variables(self.connections),
            **self.settings,
        }

    @property
    def files(self) -> Path:
        """The folder whose files runs may name."""
        return self.home / "files"

    def put_file(self, file: Path) -> str:
        """Copies a file to where runs may read it; answers what they call it."""
        self.files.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copyfile(file, self.files / file.name)
        (self.files / file.name).chmod(0o600)
        return file.name

    def _secret(self, name: str) -> str:
        """A secret of this home, made when first asked for."""
        path = self.home / f"{name}.secret"
        if not path.exists():
            _write_private(path, secrets.token_urlsafe(48))
        return path.read_text()

    def __enter__(self) -> Standalone:
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home.chmod(0o700)  # logs and databases tell what was measured
        if not (self.home / "passwords.json").exists():
            _write_private(self.home / "passwords.json", json.dumps({"admin": secrets.token_urlsafe(12)}))
        with (self.home / "standalone.log").open("ab") as log:
            os.chmod(log.fileno(), 0o600)
            self.process = subprocess.Popen(
                [sys.executable, "-m", "airflow", "standalone"],
                env=self.environment,
                cwd=PROJECT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                umask=0o077,
            )
        try:
            self._client = self._sign_in()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends every process of the session, tasks in process groups of their own included."""
        if self._client:
            self._client.close()
        if self.process:
            stop_session(self.process)

    def _sign_in(self, seconds: float = 600) -> httpx.Client:
        """A client that carries a token, once the API and the scheduler answer."""
        client = httpx.Client(base_url=self.url, timeout=30)

        def ready() -> bool:
            client.get("/execution/health")  # the tasks' API is built when first asked, in about 5 s
            health = client.get("/api/v2/monitor/health").json()
            return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler"))

        self._await(ready, seconds, "Airflow did not come up")
        answer = client.post("/auth/token", json={"username": "admin", "password": self.password})
        answer.raise_for_status()
        client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
        return client

    def _await(self, holds: Callable[[], bool], seconds: float, otherwise: str) -> None:
        deadline = time.monotonic() + seconds
        while True:
            with contextlib.suppress(httpx.TransportError, json.JSONDecodeError, KeyError):
                if holds():
                    return
            if self.process is None or self.process.poll() is not None:
                raise SourceUnavailable(f"{otherwise}: it stopped; see {self.home / 'standalone.log'}")
            if time.monotonic() > deadline:
                raise SourceUnavailable(f"{otherwise} within {seconds:.0f} s; see {self.home}")
            time.sleep(0.3)

    @retry(
        retry=retry_if_exception_type(_Busy),
        wait=wait_random_exponential(0.5, max=5),
        stop=stop_after_delay(60),
        reraise=True,
    )
    def call(self, method: str, path: str, **arguments: Any) -> Any:
        """One REST call below ``/api/v2``; what Airflow refuses is raised with its words."""
        if self._client is None:
            raise SourceUnavailable("this Airflow is not running")
        answer = self._client.request(method, f"/api/v2/{path}", **arguments)
        if answer.status_code == httpx.codes.NOT_FOUND:
            raise NotFound(f"{method} {path}: {answer.text}")
        if answer.is_error:
            error = _Busy if answer.is_server_error else Unfinished
            raise error(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if answer.content else None

    def unpause(self, *dag_ids: str, seconds: float = 120) -> None:
        """Switches DAGs on, as soon as they have been parsed."""
        for dag_id in dag_ids:
            self._await(lambda dag_id=dag_id: self._has_dag(dag_id), seconds, f"DAG {dag_id} was not parsed")  # type: ignore[misc]
            self.call("PATCH", f"dags/{dag_id}", json={"is_paused": False})

    def _has_dag(self, dag_id: str) -> bool:
        with contextlib.suppress(NotFound):
            self.call("GET", f"dags/{dag_id}")
            return True
        errors = self.call("GET", "importErrors")["import_errors"]
        if errors:
            raise Unfinished("\n".join(f"{e['filename']}: {e['stack_trace']}" for e in errors))
        return False

    def trigger(
        self, dag_id: str, conf: Mapping[str, Any] | None = None, logical_date: str | None = None
    ) -> str:
        """Starts a run by hand; answers its run id."""
        body = {"logical_date": logical_date, "conf": dict(conf or {})}
        return str(self.call("POST", f"dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """Every run of a DAG, newest first."""
        answer = self.call("GET", f"dags/{dag_id}/dagRuns", params={"limit": 100, "order_by": "-run_after"})
        return list(answer["dag_runs"])

    def wait(self, dag_id: str, run_id: str, seconds: float = 300) -> dict[str, Any]:
        """The run, once it has ended, whatever its state."""
        found: dict[str, Any] = {}

        def ended() -> bool:
            found.update(self.call("GET", f"dags/{dag_id}/dagRuns/{run_id}"))
            return found["state"] in FINISHED

        self._await(ended, seconds, f"{dag_id} {run_id} did not end")
        return found

    def wait_for(self, what: str, find: Callable[[], Any], seconds: float = 180) -> Any:
        """The first answer of ``find`` that is not None."""
        found: list[Any] = []

        def holds() -> bool:
            answer = find()
            if answer is not None:
                found.append(answer)
            return bool(found)

        self._await(holds, seconds, f"waited in vain for {what}")
        return found[0]

    def succeed(self, dag_id: str, run_id: str, seconds: float = 300) -> dict[str, Any]:
        """The run, which has to end well; else the log of the first task that failed is raised."""
        run = self.wait(dag_id, run_id, seconds)
        if run["state"] != "success":
            raise Unfinished(f"{dag_id} {run_id} is {run['state']}\n{self.failure(dag_id, run_id)}")
        return run

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """Every task instance of a run."""
        path = f"dags/{dag_id}/dagRuns/{run_id}/taskInstances"
        return list(self.call("GET", path, params={"limit": 1000})["task_instances"])

    def log(self, task: Mapping[str, Any], try_number: int | None = None) -> str:
        """What a task instance logged in a try, the last one by default."""
        path = f"dags/{task['dag_id']}/dagRuns/{task['dag_run_id']}/taskInstances/{task['task_id']}"
        number = try_number or max(task["try_number"], 1)
        answer = self.call("GET", f"{path}/logs/{number}", params={"map_index": task["map_index"]})
        return "\n".join(
            line if isinstance(line, str) else json.dumps(line, default=str) for line in answer["content"]
        )

    def failure(self, dag_id: str, run_id: str) -> str:
        """The end of the log of the first task that failed."""
        for task in self.tasks(dag_id, run_id):
            if task["state"] == "failed":
                return f"{task['task_id']}[{task['map_index']}]\n{self.log(task)[-6000:]}"
        return "no task failed"


def _write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


def stop_session(process: subprocess.Popen[bytes], seconds: float = 15) -> None:
    """Ends every process of the session that ``process`` leads: first asked, then killed.

    Airflow gives each task a process group of its own, so stopping one group would leave tasks behind.
    """
    deadline = time.monotonic() + seconds
    for sign in (signal.SIGTERM, signal.SIGKILL):
        while members := list(_session_members(process.pid)):
            for member in members:
                with contextlib.suppress(psutil.NoSuchProcess):
                    member.send_signal(sign)
            process.poll()
            if sign == signal.SIGTERM and time.monotonic() > deadline:
                break
            time.sleep(0.5)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)


def _session_members(session: int) -> Iterator[psutil.Process]:
    for member in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess, PermissionError):
            if os.getsid(member.pid) == session and member.status() != psutil.STATUS_ZOMBIE:
                yield member
