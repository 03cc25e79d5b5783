"""The reference, the rules, the dashboard and the documents of the doors say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml
from fastapi import FastAPI

from foresight.services.metrics import exposition
from foresight.store import Store
from foresight.web.reference import reference_of
from foresight.web.rights import RULES

DOCS = Path(__file__).parents[3] / "docs"
NAME = re.compile(r"foresight_[a-z_]+")


def test_the_reference_is_up_to_date(app: FastAPI) -> None:
    assert (DOCS / "rest-reference.md").read_text() == reference_of(app)


def test_rules_and_dashboard_name_metrics_that_there_are(store: Store) -> None:
    known = set(re.findall(r"# TYPE (\S+)", exposition(store)))
    for name in ("foresight-rules.yaml", "grafana-dashboard.json"):
        named = set(NAME.findall((DOCS / "monitoring" / name).read_text()))
        assert named
        assert named <= known


def test_every_alert_says_how_severe_it_is_and_what_to_do() -> None:
    groups = yaml.safe_load((DOCS / "monitoring" / "foresight-rules.yaml").read_text())["groups"]
    alerts = {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}
    assert set(alerts) == {
        "ForesightViolationLikely",
        "ForesightViolated",
        "ForesightSilent",
        "ForesightStale",
    }
    for rule in alerts.values():
        assert rule["labels"]["severity"]
        assert set(rule["annotations"]) == {"summary", "runbook_url"}
    recorded = {rule["record"] for group in groups for rule in group["rules"] if "record" in rule}
    assert recorded == {
        "slo:objective:ratio", "slo:error_budget:ratio", "slo:current_burn_rate:ratio",
        "slo:period_error_budget_remaining:ratio", "sloth_slo_info",
    }  # fmt: skip


def test_alertmanager_and_dashboard_can_be_read() -> None:
    example = yaml.safe_load((DOCS / "monitoring" / "alertmanager.yaml").read_text())
    assert example["inhibit_rules"][0]["equal"] == ["sla", "sli"]
    panels = json.loads((DOCS / "monitoring" / "grafana-dashboard.json").read_text())["panels"]
    assert len({panel["title"] for panel in panels}) == len(panels) > 5


def test_what_airflow_is_asked_for_each_right_is_told() -> None:
    told = (DOCS / "rest.md").read_text()
    for right in {rule.right for rule in RULES.values()}:
        for demand in right.value:
            assert demand.method in told
            assert (demand.dag or "Airflow's variables") in told
