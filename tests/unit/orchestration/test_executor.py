"""What a warm executor has imported, and what tasks then still import."""

from __future__ import annotations

import json
import subprocess
import sys

SCRIPT = """
import json, pkgutil, sys
from importlib import import_module
from foresight.orchestration.executor import warm_up
warm_up()
warm = set(sys.modules)
import foresight.orchestration as rooms, foresight.quality.check
for module in pkgutil.walk_packages(rooms.__path__, "foresight.orchestration."):
    if module.name != "foresight.orchestration.celery_worker":  # for workers of Celery, which load Celery
        import_module(module.name)
rooms_of = lambda modules: sorted({name.partition(".")[0] for name in modules})
print(json.dumps({"warm": rooms_of(warm), "late": rooms_of(set(sys.modules) - warm)}))
"""
LIGHT = {"airflow", "asgiref", "foresight", "orjson", "pydantic"}
"""What is left for a task to import: hundredths of a second."""


def test_tasks_of_a_warm_executor_import_foresight_and_little_else() -> None:
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert set(found["late"]) <= LIGHT | set(sys.stdlib_module_names)
    assert {"great_expectations", "pandas", "scipy"} <= set(found["warm"])
    assert "tensorflow" not in found["warm"], "it does not survive a fork"
