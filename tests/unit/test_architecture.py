"""The walls of the house: who may import whom, as docs/architecture.md draws it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2] / "include" / "foresight"
SHARED = {
    "composing", "conventions", "documents", "durations", "errors", "files", "forms", "grid", "instants",
    "matchers", "reasons", "regexes", "series",
}  # fmt: skip
DOMAIN = {"analysis", "forecasting", "telemetry", "quality", "sla", "slices", "scoring"}
SERVICES = DOMAIN | {"store", "messaging"}
WIRING = SERVICES | {"services"}
ALLOWED = {
    "analysis": set(),
    "forecasting": {"analysis"},
    "telemetry": set(),
    "quality": set(),
    "sla": {"analysis", "forecasting"},
    "slices": set(),
    "scoring": set(),
    "store": set(),
    "messaging": set(),
    "services": SERVICES,
    "wiring": WIRING,
    "orchestration": WIRING | {"wiring"},
    "local": {"messaging", "wiring"},
    "demo": WIRING | {"wiring", "local"},
    "web": WIRING | {"wiring"},
    "retrieval": WIRING | {"wiring", "web"},
    "cli": WIRING | {"wiring", "local", "demo", "retrieval"},
}
WITH_AIRFLOW = {"orchestration", "wiring"}
"""Rooms that may import Airflow: ``wiring`` inside functions only."""
SEAMS = {"web/auth.py", "web/plugin.py"}
"""Files that may in rooms that may not: the only ones that touch what is internal to Airflow."""
MODULES = sorted(ROOT.rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: import by full name"
            module = node.module or ""
            found.update(
                f"{module}.{alias.name}" if module == "foresight" else module for alias in node.names
            )
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "foresight" and len(parts) > 1 else None


def test_every_room_is_known() -> None:
    rooms = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert rooms == set(ALLOWED)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_downward(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0].removesuffix(".py")
    may = SHARED | ALLOWED.get(room, set()) | {room, "__version__"}
    met = {room_of(module) for module in imported(path)} - {None}
    assert met <= may, f"{room} may not know {sorted(met - may)}"


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_airflow_is_known_where_it_is_needed_only(path: Path) -> None:
    within = path.relative_to(ROOT)
    if within.parts[0] not in WITH_AIRFLOW and within.as_posix() not in SEAMS:
        assert not {module for module in imported(path) if module.split(".")[0] == "airflow"}


@pytest.mark.parametrize("room", ["analysis", "forecasting", "sla"])
def test_the_core_has_no_clock_no_environment_and_no_network(room: str) -> None:
    banned = {"os", "time", "socket", "requests", "httpx", "sqlalchemy", "confluent_kafka", "random"}
    for path in (ROOT / room).rglob("*.py"):
        assert not {module.split(".")[0] for module in imported(path)} & banned, path
