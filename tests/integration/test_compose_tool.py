"""Debian's docker-compose reads the stack. Nothing is started: that needs a container engine."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.servers.debian import unpacked
from tests.servers.process import Unavailable

PROJECT = Path(__file__).parents[2]


def test_docker_compose_finds_no_fault_and_fills_in_every_secret(tmp_path: Path) -> None:
    try:
        root = unpacked("docker-compose")
    except Unavailable as error:
        pytest.skip(str(error))
    environment = tmp_path / ".env"
    subprocess.run([sys.executable, str(PROJECT / "deploy" / "make_env.py"), str(environment)], check=True)
    command = ["/usr/bin/python3", str(root / "usr/bin/docker-compose"), "--env-file", str(environment)]
    packages = os.pathsep.join(str(path) for path in root.glob("usr/lib/python3*/dist-packages"))
    found = subprocess.run(
        [*command, "--file", str(PROJECT / "docker-compose.yaml"), "config"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": packages, "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    assert found.stderr == ""
    services = yaml.safe_load(found.stdout)["services"]
    assert services["worker"]["environment"]["FORESIGHT_MYSQL_UPKEEP_PASSWORD"]
    assert "FORESIGHT_MYSQL_UPKEEP_PASSWORD" not in services["api-server"]["environment"]
