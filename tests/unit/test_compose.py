"""The composed services keep what they write when a container is made anew."""

from __future__ import annotations

from pathlib import Path

import yaml

COMPOSE = yaml.safe_load((Path(__file__).parents[2] / "docker-compose.yaml").read_text())
KEPT = {"models": "/opt/airflow/models", "files": "/opt/airflow/files"}


def mounts(service: dict[str, list[str]]) -> dict[str, str]:
    return dict(entry.split(":")[1::-1] for entry in service.get("volumes", []))


def test_every_container_of_airflow_shares_volumes_for_models_and_files() -> None:
    ours = {name: service for name, service in COMPOSE["services"].items() if "build" in service}
    assert len(ours) > 1
    for name, service in ours.items():
        found = mounts(service)
        assert {volume: path for path, volume in found.items() if volume in KEPT} == KEPT, name
    assert set(COMPOSE["volumes"]) >= set(KEPT)
