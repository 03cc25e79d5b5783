"""What the doctor says of parts that are wrong by themselves."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.services.diagnosis import CHECKS, Verdict
from foresight.telemetry import Description, WatchedMetric, load_catalogue
from foresight.wiring.installation import this_installation

CATALOGUE = "metrics: [{name: broken, query: 'sum(('}, {name: gone, metric: gone}, {name: up, metric: up}]"


class Picky:
    """A source that refuses one entry and knows another."""

    def describe(self) -> Description:
        return Description("picky", "here", "1", ())

    def discover(self, entry: WatchedMetric, grid: Grid) -> tuple[SeriesKey, ...]:
        if entry.name == "broken":
            raise BadAnswer("parse error")
        return (SeriesKey.of(entry.name, {}),) if entry.name == "up" else ()


def test_an_entry_that_the_source_refuses_is_named_and_the_others_are_looked_at(
    tmp_path: Path,
) -> None:
    (tmp_path / "catalogue.yaml").write_text(CATALOGUE)
    catalogue = load_catalogue(tmp_path / "catalogue.yaml")
    given = replace(this_installation(), catalogue=lambda: catalogue, source=Picky)
    found = list(CHECKS["telemetry"](given, datetime(2026, 1, 1, tzinfo=UTC)))
    assert [finding.verdict for finding in found] == [Verdict.RIGHT, Verdict.NOTE, Verdict.NOTE]
    assert "broken is left out of every run: parse error" in found[1].text
    assert "gone matches nothing" in found[2].text
