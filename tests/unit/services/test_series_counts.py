"""Who applies an SLA is told how many series it matches now, and why it is none."""

from __future__ import annotations

from itertools import count

import pytest

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.matchers import matching
from foresight.series import SeriesKey
from foresight.services import series_counts
from foresight.services.series_counts import SeriesCount, count_series
from foresight.sla.files import parse_slas
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.source import Description, Discovery, Extraction, Shard

NOW = 1_700_000_000
CATALOGUE = Catalogue(
    metrics=tuple(
        WatchedMetric.model_validate({"name": name, "metric": name, "matchers": {"job": "host"}})
        for name in ("up", "down", "bad")
    )
)
SLAS = parse_slas(
    """
slas:
  - name: shop
    slis:
      - {name: all, metric: up, min: 1}
      - {name: one, metric: up, matchers: {i: a}, min: 1}
      - {name: none, metric: up, matchers: {i: z}, min: 1}
      - {name: other-job, metric: down, min: 1}
      - {name: refused, metric: bad, min: 1}
      - {name: written, expression: "sum(up)", min: 1}
      - {name: share, ratio: {bad: 'rate(e[{{.window}}])', total: 'rate(t[{{.window}}])'}}
""",
    "f",
)


class Held:
    """A source with two series of up, and series of down under another job."""

    settle_seconds = 0.0
    asked = 0

    def describe(self) -> Description:
        raise NotImplementedError

    def extract(self, shard: Shard) -> Extraction:
        raise NotImplementedError

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        self.asked += 1
        assert (grid.as_of, grid.n_slots) == (NOW // 60 * 60, 5)
        if entry.metric == "bad":
            raise BadAnswer("parse error")
        if entry.query is not None:
            return Discovery((SeriesKey.of(entry.name, {}),))
        job = "host" if entry.metric == "up" else "node"
        keys = tuple(SeriesKey.of(str(entry.metric), {"job": job, "i": i}) for i in ("a", "b"))
        return Discovery(tuple(keys[row] for row in matching(keys, entry.conditions)))


def test_each_sli_is_counted_and_what_matches_nothing_says_why() -> None:
    found = count_series(Held(), CATALOGUE, SLAS, NOW)
    assert found.lacking == ""
    assert {name: given for (_, name), given in found.counts.items()} == {
        "all": SeriesCount(2),
        "one": SeriesCount(1),
        "none": SeriesCount(0, "exists with i=a, i=b, not i=z"),
        "other-job": SeriesCount(0, "exists with job=node, not job=host"),
        "refused": SeriesCount(0, "parse error"),
        "written": SeriesCount(1),
        "share": SeriesCount(1),
    }


class Away(Held):
    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        raise SourceUnavailable("nothing answers")


def test_a_source_that_does_not_answer_is_said_and_nothing_fails() -> None:
    found = count_series(Away(), CATALOGUE, SLAS, NOW)
    assert (found.counts, found.lacking) == ({}, "nothing answers")


def test_a_slow_source_is_not_waited_for() -> None:
    clock = count(0, series_counts.PATIENCE_SECONDS)
    source = Held()
    found = count_series(source, CATALOGUE, SLAS, NOW, clock=lambda: float(next(clock)))
    assert found.lacking == "4 of 5 metrics and expressions took too long"
    assert source.asked < 4


@pytest.mark.parametrize("n_slis", [3, 40])
def test_lines_begin_with_what_matches_nothing(n_slis: int) -> None:
    from foresight.cli.sla_table import count_lines

    usual = "{name: n%d, metric: up, matchers: {i: %s}, min: 1}"
    slis = ", ".join(usual % (number, "z" if number == 2 else "a") for number in range(n_slis))
    slas = parse_slas(f"slas: [{{name: s, slis: [{slis}]}}]", "f")
    lines = list(count_lines(slas, count_series(Held(), CATALOGUE, slas, NOW)))
    assert lines[0].startswith("  s/n2 matches nothing now: exists with i=")
    assert lines[1] == "  s/n0 matches 1 series now"
    assert len(lines) == min(n_slis, 21)
    assert n_slis < 20 or lines[-1] == "  s: 20 more SLIs, 0 of them match nothing now"
