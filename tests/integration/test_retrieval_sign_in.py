"""Airflow's own tokens open the retrieval service, and nothing else does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def test_a_token_of_airflow_and_its_right_are_wanted(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    environment |= {
        "AIRFLOW_HOME": str(tmp_path),
        "AIRFLOW__API_AUTH__JWT_SECRET": "s" * 64,
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONWARNINGS": "ignore",
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.sign_in_and_call"],
        env=environment, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert json.loads(done.stdout.splitlines()[-1]) == {
        "viewer": "OK",
        "nobody": "PERMISSION_DENIED",
        "expired": "UNAUTHENTICATED",
        "forged": "PERMISSION_DENIED",
        "basic": "UNAUTHENTICATED",
        "none": "UNAUTHENTICATED",
    }
