"""A real Prometheus: what was written comes back, each sample in its slot."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from foresight.errors import BadAnswer
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import Catalogue, WatchedMetric, load_catalogue
from foresight.telemetry.planning import plan
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.source import Selection, Shard
from tests.servers.process import Unavailable, free_port
from tests.servers.prometheus import (
    NEWEST,
    history,
    history_value,
    node_exporter_server,
    prometheus_server,
    scraping_prometheus,
    write_openmetrics,
)

pytestmark = pytest.mark.prometheus

AS_OF = 1_700_000_040
N_HOSTS = 60
HOSTILE = [
    '"',
    "\\",
    'a"b\\c',
    "ü€\u2028",
    "line\nbreak",
    '{x=~".*"}',
    "a.b|c",
    "]]}",
    '"values":[[',
    "  ",
    "\ufffd",
    "\t\x07\x7f",
]
BORDER = AS_OF - 600
WEEK = 12_000
"""More slots than Prometheus answers at once."""


def spelled(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def hostile_lines() -> Iterator[str]:
    for number, value in enumerate(HOSTILE):
        yield f'hostile{{text="{spelled(value)}"}} {number} {AS_OF - 60}'


def border_lines() -> Iterator[str]:
    for epoch, value in [(0, 1), (0.001, 10), (30, 20), (60, 30), (119.999, 5), (240, "NaN"), (300, "+Inf")]:
        yield f"border {value} {BORDER + epoch}"


def many_labels() -> str:
    labels = ",".join(f'label{i:05d}="{i}"' for i in range(10_000))
    return f"many_labels{{{labels}}} 1 {AS_OF}"


@pytest.fixture(scope="module", params=[None, NEWEST], ids=["Prometheus 2", "Prometheus 3"])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with regular history of 60 hosts, and everything odd that this file asks for."""
    file = tmp_path_factory.mktemp("history") / "history.txt"
    samples = list(history(AS_OF, n_series=N_HOSTS, hours=13))
    samples += [("week", AS_OF - 60 * 60 * hour, float(hour)) for hour in range(WEEK // 60, -1, -1)]
    write_openmetrics(file, samples)
    text = file.read_text(encoding="utf-8").removesuffix("# EOF\n")
    lines = [
        *hostile_lines(),
        *border_lines(),
        f"long_gone 1 {AS_OF - 12 * 3600}",
        many_labels(),
        "# EOF",
        "",
    ]
    file.write_text(text + "\n".join(lines), encoding="utf-8")
    try:
        with prometheus_server(file, suite=request.param) as address:
            yield address
    except Unavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


@pytest.fixture(scope="module")
def source(written: str) -> PrometheusSource:
    return PrometheusSource(written, points_per_query=10_000)


def watched(metric: str, **more: object) -> WatchedMetric:
    return WatchedMetric.model_validate({"name": metric, "metric": metric} | more)


def read_all(source: PrometheusSource, entry: WatchedMetric) -> np.ndarray:
    [shard] = plan(Catalogue(metrics=(entry,)), source, AS_OF).shards
    extraction = source.extract(shard)
    assert extraction.is_complete
    assert not extraction.unexpected
    return extraction.matrix.values


def test_every_sample_comes_back_to_the_last_bit_in_its_slot(source: PrometheusSource) -> None:
    values = read_all(source, watched("test_load"))
    ends = Grid(AS_OF, 720).ends
    expected = [[history_value(host, epoch) for epoch in ends] for host in range(N_HOSTS)]
    assert np.array_equal(values, np.array(expected))


def test_shards_together_give_what_one_gives(source: PrometheusSource) -> None:
    entry = watched("test_load")
    whole = plan(Catalogue(metrics=(entry,)), source, AS_OF).shards
    parts = plan(Catalogue(metrics=(entry,)), source, AS_OF, max_series_per_shard=7).shards
    assert (len(whole), len(parts)) == (1, 9)
    rows = {}
    for shard in parts:
        extraction = source.extract(Shard.from_table(shard.to_table()))
        assert extraction.is_complete
        assert not extraction.unexpected
        rows |= dict(zip(extraction.matrix.keys, extraction.matrix.values, strict=True))
    together = source.extract(whole[0]).matrix
    assert sorted(rows) == list(together.keys)
    assert np.array_equal(np.array([rows[key] for key in together.keys]), together.values)


def test_a_sample_on_the_border_of_two_slots_counts_in_the_earlier_one_only(source: PrometheusSource) -> None:
    [shard] = plan(Catalogue(metrics=(watched("border", window="1h"),)), source, AS_OF).shards
    extraction = source.extract(shard)
    slot = (BORDER - shard.grid.start) // 60 - 1
    row = extraction.matrix.values[0]
    assert row[slot : slot + 3].tolist() == [1.0, 20.0, 5.0]
    assert np.isnan(np.delete(row, [slot, slot + 1, slot + 2])).all()
    assert {name: int(counts[0]) for name, counts in extraction.counts.items() if counts[0]} == {
        "points": 5,
        "nan": 1,
        "infinite": 1,
    }


def test_a_window_longer_than_one_answer_may_be_is_read_in_parts(written: str) -> None:
    source = PrometheusSource(written, points_per_query=1_000_000)
    values = read_all(source, watched("week", window=f"{WEEK}m", coverage=0))
    assert values.shape == (1, WEEK)
    hours = values[0, 59::60]
    assert hours.tolist() == [float(hour) for hour in range(WEEK // 60 - 1, -1, -1)]
    assert np.isnan(values).sum() == WEEK - WEEK // 60


def test_a_longer_step_is_the_mean_of_its_samples(source: PrometheusSource) -> None:
    entry = watched("test_load", matchers={"instance": "host-0003"})
    # A catalogue has no such step: it stands for the many samples that a minute of a real series holds.
    grid = Grid(AS_OF - AS_OF % 600, 72, 600)
    shard = Shard(0, grid, (Selection(entry, source.discover(entry, grid)),))
    minutes = np.array([history_value(3, epoch) for epoch in Grid(grid.as_of, 720).ends])
    assert np.allclose(
        source.extract(shard).matrix.values[0], minutes.reshape(72, 10).mean(axis=1), rtol=1e-12
    )


def test_hostile_labels_survive_discovery_narrowing_and_extraction(source: PrometheusSource) -> None:
    planned = plan(Catalogue(metrics=(watched("hostile"),)), source, AS_OF, max_series_per_shard=3)
    found = {}
    for shard in planned.shards:
        extraction = source.extract(shard)
        assert extraction.is_complete
        assert not extraction.unexpected
        found |= dict(zip(extraction.matrix.keys, extraction.matrix.values[:, -2].tolist(), strict=True))
    assert found == {SeriesKey.of("hostile", {"text": text}): float(i) for i, text in enumerate(HOSTILE)}
    assert len(planned.shards) == 4


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_matcher_finds_its_series(source: PrometheusSource, value: str) -> None:
    assert len(source.discover(watched("hostile", matchers={"text": value}), Grid(AS_OF, 60))) == 1


def test_a_series_with_ten_thousand_labels_is_read(source: PrometheusSource) -> None:
    [shard] = plan(Catalogue(metrics=(watched("many_labels"),)), source, AS_OF).shards
    assert len(shard.keys[0].labels) == 10_000
    assert source.extract(shard).matrix.values[0, -1] == 1.0


def test_only_series_with_samples_in_the_window_are_discovered(source: PrometheusSource) -> None:
    assert not source.discover(watched("long_gone"), Grid(AS_OF, 720))
    assert len(source.discover(watched("long_gone"), Grid(AS_OF, 721))) == 1
    assert not source.discover(watched("never_was"), Grid(AS_OF, 720))


def test_matchers_choose(source: PrometheusSource) -> None:
    entry = watched("test_load", matchers={"job": "test", "instance": {"regex": "host-000[1-3]"}})
    assert len(source.discover(entry, Grid(AS_OF, 60))) == 3


def test_a_query_is_evaluated_at_the_ends_of_the_slots(source: PrometheusSource) -> None:
    query = "sum by (job) (test_load) # as one for each job"
    entry = WatchedMetric(name="loads", query=query, window_seconds=3600)
    [shard] = plan(Catalogue(metrics=(entry,)), source, AS_OF).shards
    assert shard.keys == (SeriesKey.of("loads", {"job": "test"}),)
    extraction = source.extract(shard)
    expected = [sum(history_value(host, epoch) for host in range(N_HOSTS)) for epoch in shard.grid.ends]
    assert np.allclose(extraction.matrix.values[0], expected, rtol=1e-12)


def test_a_query_whose_series_cannot_be_told_apart_is_a_bad_answer(source: PrometheusSource) -> None:
    entry = WatchedMetric(name="a", query='{__name__=~"week|border"}')
    with pytest.raises(BadAnswer, match="more than once"):
        source.discover(entry, Grid(AS_OF, 720))


def test_a_mistake_in_a_query_is_named_with_address_and_query(source: PrometheusSource, written: str) -> None:
    with pytest.raises(BadAnswer) as caught:
        source.discover(WatchedMetric(name="a", query="sum(("), Grid(AS_OF, 720))
    message = str(caught.value)
    assert written in message
    assert "sum((" in message
    assert "status 400" in message
    assert "invalid parameter" in message


@pytest.mark.parametrize("query", ["1 + 1", "scalar(sum(week)) # of one", "vector(2)"])
def test_a_scalar_is_read_as_one_series_without_labels(source: PrometheusSource, query: str) -> None:
    entry = WatchedMetric(name="a", query=query, window_seconds=3600)
    [shard] = plan(Catalogue(metrics=(entry,)), source, AS_OF).shards
    assert shard.keys == (SeriesKey.of("a"),)
    extraction = source.extract(shard)
    assert extraction.is_complete
    assert np.isfinite(extraction.matrix.values[0, -1])


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("week[5m]", "a range of samples .wrap it in"),
        ('"week"', "answers with a text"),
        ("sum((", r"status 400 .*; asked for sum\(\($"),
        ("# nothing", "no expression found in input; asked for # nothing"),
        ("rate(week)", "asked for rate"),
    ],
)
def test_a_query_that_gives_no_numbers_is_refused_in_words(
    source: PrometheusSource, query: str, words: str
) -> None:
    with pytest.raises(BadAnswer, match=words):
        source.discover(WatchedMetric(name="a", query=query), Grid(AS_OF, 720))


def test_a_permanent_remark_does_not_make_an_answer_partial(source: PrometheusSource, written: str) -> None:
    entry = WatchedMetric(name="a", query="quantile_over_time(1.5, test_load[5m])")
    planned = plan(Catalogue(metrics=(entry,)), source, AS_OF)
    extraction = source.extract(planned.shards[0])
    assert (planned.partial, extraction.partial) == ({}, {})
    if source.describe().version.startswith("3."):
        assert "quantile value should be between 0 and 1" in planned.remarks["a"][0]
        assert "quantile value should be between 0 and 1" in extraction.remarks["a"][0]


def test_a_label_name_with_dots_is_asked_for_or_refused_in_words(source: PrometheusSource) -> None:
    entry = watched("test_load", matchers={"host.name": "", "job": "test"})
    if source.describe().version.startswith("3."):
        assert len(source.discover(entry, Grid(AS_OF, 60))) == N_HOSTS
    else:
        with pytest.raises(BadAnswer, match="Prometheus can since version 3"):
            source.discover(entry, Grid(AS_OF, 60))


@pytest.mark.parametrize("page", ["graph", "query", "api/v1"])
def test_an_address_that_ends_in_a_page_says_what_to_leave_off(written: str, page: str) -> None:
    with pytest.raises(BadAnswer, match=f"leave /{page} off the address"):
        PrometheusSource(f"{written}/{page}/").discover(watched("week"), Grid(AS_OF, 60))


def test_native_histograms_are_refused_in_words(tmp_path: Path) -> None:
    port = free_port()
    scrape = (
        "global: {scrape_interval: 1s, scrape_timeout: 1s}\n"
        "scrape_configs: [{job_name: self, convert_classic_histograms_to_nhcb: true, "
        f"static_configs: [{{targets: ['127.0.0.1:{port}']}}]}}]\n"
    )
    entry = watched("prometheus_http_request_duration_seconds", min_slots=1)
    options = [f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=native-histograms"]
    try:
        with prometheus_server("# EOF\n", scrape=scrape, suite=NEWEST, options=options) as address:
            source = PrometheusSource(address)
            deadline = time.monotonic() + 30
            while time.monotonic() < deadline:
                as_of = int(time.time()) // 60 * 60 + 60
                with contextlib.suppress(BadAnswer):
                    assert not source.discover(entry, Grid(as_of, 60)).keys
                    time.sleep(0.5)
                    continue
                break
            with pytest.raises(BadAnswer, match=r"series hold native histograms, .* histogram_quantile"):
                source.discover(entry, Grid(as_of, 60))
            query = "histogram_count(prometheus_http_request_duration_seconds)"
            assert len(source.discover(WatchedMetric(name="a", query=query), Grid(as_of, 60)))
    except Unavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))


def test_a_planned_series_that_does_not_come_back_is_missing(source: PrometheusSource) -> None:
    entry = watched("week")
    keys = (SeriesKey.of("week"), SeriesKey.of("week", {"instance": "gone"}))
    extraction = source.extract(Shard(0, Grid(AS_OF, 60), (Selection(entry, keys),)))
    assert extraction.missing == keys[1:]
    assert not extraction.is_complete
    assert np.isnan(extraction.matrix.values[1]).all()


def test_a_series_that_appears_after_planning_is_left_out_and_named(source: PrometheusSource) -> None:
    keys = (SeriesKey.of("hostile", {"text": HOSTILE[0]}),)
    extraction = source.extract(Shard(0, Grid(AS_OF, 60), (Selection(watched("hostile"), keys),)))
    assert not extraction.is_complete
    assert len(extraction.unexpected) == len(HOSTILE) - 1


def test_a_prometheus_describes_itself(source: PrometheusSource, written: str) -> None:
    described = source.describe()
    major = int(described.version.split(".")[0])
    assert (described.kind, described.address) == ("prometheus", written)
    assert described.notes == ("closed ranges" if major < 3 else "left-open ranges",)


def test_the_generated_history_of_the_shared_server_can_be_read(prometheus_url: str) -> None:
    source = PrometheusSource(prometheus_url)
    as_of = int(time.time()) // 60 * 60
    assert source.describe().kind == "prometheus"
    assert not source.discover(watched("test_load"), Grid(as_of, 720)).partial


def test_the_shipped_catalogue_reads_a_real_node_exporter(shipped_catalogue: Catalogue) -> None:
    try:
        with node_exporter_server() as target, scraping_prometheus(target) as address:
            source = PrometheusSource(address)
            as_of = int(time.time()) // 60 * 60 + 120
            planned = plan(shipped_catalogue, source, as_of)
            deadline = time.monotonic() + 30
            while planned.unmatched and time.monotonic() < deadline:
                time.sleep(0.5)
                planned = plan(shipped_catalogue, source, as_of)
            [shard] = planned.shards
            extraction = source.extract(shard)
    except Unavailable as reason:
        if os.environ.get("CI"):
            raise
        pytest.skip(str(reason))
    assert not planned.unmatched
    assert extraction.is_complete
    latest = np.nanmax(extraction.matrix.values, axis=1)
    by_metric = {key.metric: value for key, value in zip(shard.keys, latest, strict=True)}
    assert by_metric["node_filefd_allocated"] > 0
    assert by_metric["node_memory_MemAvailable_bytes"] > 1e6


@pytest.fixture
def shipped_catalogue() -> Catalogue:
    from tests.unit.telemetry.test_catalogue import CONFIG

    return load_catalogue(CONFIG / "catalogue.yaml")
