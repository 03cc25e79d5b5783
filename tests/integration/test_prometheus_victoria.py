"""A real VictoriaMetrics: what was written comes back, though it is no Prometheus."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.planning import plan
from foresight.telemetry.prometheus import PrometheusSource
from tests.servers.process import Unavailable
from tests.servers.prometheus import NEWEST, Sample, history, history_value
from tests.servers.victoria import victoria_server

pytestmark = pytest.mark.prometheus

AS_OF = 1_700_000_040
BORDER = AS_OF - 600
N_HOSTS = 30
HOSTS = [f"host-{i:04d}" for i in range(N_HOSTS)]


def written_samples() -> Iterator[Sample]:
    yield from history(AS_OF, n_series=N_HOSTS)
    for epoch, value in [(0, 1.0), (0.001, 10.0), (30, 20.0), (60, 30.0), (119.999, 5.0)]:
        yield "border", BORDER + epoch, value
    for name in HOSTS:
        yield f'opentelemetry{{host.name="{name}",1st="x"}}', AS_OF, 1.0


@pytest.fixture(scope="module", params=[None, NEWEST], ids=["of this Debian", "newest"])
def source(request: pytest.FixtureRequest) -> Iterator[PrometheusSource]:
    try:
        with victoria_server(written_samples(), suite=request.param) as address:
            yield PrometheusSource(address, query_parameters={"nocache": 1}, points_per_query=10_000)
    except Unavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


def watched(metric: str, **more: object) -> WatchedMetric:
    return WatchedMetric.model_validate({"name": metric, "metric": metric} | more)


def read(source: PrometheusSource, entry: WatchedMetric, **more: int) -> dict[SeriesKey, np.ndarray]:
    found = {}
    for shard in plan(Catalogue(metrics=(entry,)), source, AS_OF, **more).shards:
        extraction = source.extract(shard)
        assert extraction.is_complete, extraction.partial
        found |= dict(zip(extraction.matrix.keys, extraction.matrix.values, strict=True))
    return found


@pytest.mark.parametrize("size", [1000, 7])
def test_every_sample_comes_back_in_its_slot(source: PrometheusSource, size: int) -> None:
    found = read(source, watched("test_load"), max_series_per_shard=size)
    ends = Grid(AS_OF, 720).ends
    expected = [[history_value(host, epoch) for epoch in ends] for host in range(N_HOSTS)]
    assert np.allclose(np.array([found[key] for key in sorted(found)]), expected, rtol=1e-12)


def test_a_sample_on_the_border_of_two_slots_counts_in_the_earlier_one_only(source: PrometheusSource) -> None:
    [row] = read(source, watched("border", window="1h")).values()
    slot = (BORDER - Grid(AS_OF, 60).start) // 60 - 1
    assert row[slot : slot + 3].tolist() == [1.0, 20.0, 5.0]
    assert np.isnan(np.delete(row, [slot, slot + 1, slot + 2])).all()


def test_label_names_with_dots_are_read_narrowed_and_matched(source: PrometheusSource) -> None:
    found = read(source, watched("opentelemetry", window="1h"), max_series_per_shard=7)
    assert sorted(found) == [SeriesKey.of("opentelemetry", {"host.name": name, "1st": "x"}) for name in HOSTS]
    one = watched("opentelemetry", window="1h", matchers={"host.name": HOSTS[3], "1st": {"regex": "x|y"}})
    assert len(read(source, one)) == 1


@pytest.mark.parametrize("query", ["2 * 3", "scalar(sum(test_load))", "sum(rate(test_load[5m]))"])
def test_queries_and_scalars_are_read(source: PrometheusSource, query: str) -> None:
    [row] = read(source, WatchedMetric(name="a", query=query, window_seconds=3600)).values()
    assert np.isfinite(row[-1])


def test_a_mistake_in_a_query_is_refused_with_the_query_as_it_was_written(source: PrometheusSource) -> None:
    with pytest.raises(BadAnswer, match=r"status 422 .*asked for sum\(\($"):
        source.discover(WatchedMetric(name="a", query="sum(("), Grid(AS_OF, 60))
