"""The catalogue: what loads, and every mistake with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresight.analysis.parameters import MAX_HP_LAMBDA
from foresight.errors import InvalidDocument
from foresight.grid import Grid
from foresight.telemetry.catalogue import Catalogue, WatchedMetric, load_catalogue

CONFIG = Path(__file__).parents[3] / "include" / "config"


def loaded(tmp_path: Path, text: str) -> Catalogue:
    file = tmp_path / "catalogue.yaml"
    file.write_text(text, encoding="utf-8")
    return load_catalogue(file)


def mistakes(tmp_path: Path, text: str) -> list[tuple[int, str, str]]:
    with pytest.raises(InvalidDocument) as caught:
        loaded(tmp_path, text)
    return [(mistake.line, mistake.field, mistake.reason) for mistake in caught.value.mistakes]


def test_the_shipped_catalogue_watches_the_five_metrics_of_a_host() -> None:
    catalogue = load_catalogue(CONFIG / "catalogue.yaml")
    assert [entry.metric for entry in catalogue.metrics] == [
        "node_memory_MemFree_bytes",
        "node_memory_MemAvailable_bytes",
        "node_filesystem_free_bytes",
        "node_filesystem_avail_bytes",
        "node_filefd_allocated",
    ]
    assert all(entry.curves and entry.matchers["job"].equals == "host" for entry in catalogue.metrics)


def test_every_shipped_catalogue_loads() -> None:
    assert all(load_catalogue(path).metrics for path in CONFIG.rglob("catalogue*.yaml"))


def test_what_is_left_out_has_its_default(tmp_path: Path) -> None:
    [entry] = loaded(tmp_path, "metrics: [{name: a, metric: b}]").metrics
    assert (
        entry.n_slots,
        entry.minimum,
        entry.analysis.hp_lambda,
        entry.analysis.lags,
        entry.analysis.period,
    ) == (720, None, 1600.0, 40, "auto")


def test_a_trend_may_be_as_smooth_as_the_analysis_can_make_it(tmp_path: Path) -> None:
    text = "metrics: [{name: a, metric: b, analysis: {hp_lambda: %g}}]"
    assert loaded(tmp_path, text % MAX_HP_LAMBDA).metrics[0].analysis.hp_lambda == MAX_HP_LAMBDA
    with pytest.raises(InvalidDocument, match="hp_lambda"):
        loaded(tmp_path, text % (2 * MAX_HP_LAMBDA))


def test_durations_and_exponents_read_as_a_person_means_them(tmp_path: Path) -> None:
    text = "metrics: [{name: a, query: up, step: 1m, window: 1h, minimum: 9.882e9}]"
    [entry] = loaded(tmp_path, text).metrics
    assert (
        entry.window_seconds,
        entry.n_slots,
        entry.minimum,
    ) == (3600, 60, 9.882e9)


def test_matchers_have_four_forms(tmp_path: Path) -> None:
    text = """\
metrics:
  - name: a
    metric: b
    matchers: {w: x, e: {equals: ""}, n: {not_equals: y}, r: {regex: "a|b"}, s: {not_regex: .+}}
"""
    [entry] = loaded(tmp_path, text).metrics
    spelled = [(matcher.label, matcher.op, matcher.value) for matcher in entry.conditions]
    assert spelled == [
        ("w", "=", "x"),
        ("e", "=", ""),
        ("n", "!=", "y"),
        ("r", "=~", "a|b"),
        ("s", "!~", ".+"),
    ]


def test_every_mistake_is_reported_with_its_line(tmp_path: Path) -> None:
    text = """\
metrics:
  - name: a
    metric: b
    surprise: 1
  - name: c
    metric: d
    step: often
    coverage: 1.5
"""
    assert [(line, field) for line, field, _ in mistakes(tmp_path, text)] == [
        (4, "metrics[0].surprise"),
        (7, "metrics[1].step"),
        (8, "metrics[1].coverage"),
    ]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("name: a", "either metric or query"),
        ("name: a, metric: b, query: c", "either metric or query"),
        ("name: a, query: b, matchers: {job: c}", "matchers belong to metric"),
        ("name: a, metric: b, matchers: {__name__: c}", "not given as the label __name__"),
        ("name: a, metric: b, matchers: {c: {}}", "one of equals, not_equals, regex, not_regex is needed"),
        ('name: a, metric: b, matchers: {"": c}', "printable characters"),
        ('name: a, metric: b, matchers: {c: {regex: "(["}}', "missing ]"),
        ('name: a, metric: b, matchers: {c: {not_regex: "a(?=b)"}}', "invalid perl operator"),
        ("name: a, metric: b, step: 5m", "a slot is one minute: leave step out, got 300 s"),
        ("name: a, metric: b, step: 30s", "leave step out"),
        ("name: a, metric: b, window: 3601s", "a window is whole minutes"),
        ("name: a, metric: b, window: 70d", "more than 100000"),
        ("name: a, metric: b, window: 10m", "exceeds the 10 slots"),
        ("name: a, metric: b, settle: 11m", "600"),
        ("name: a, metric: b, settle: soon", "a duration is"),
        ("name: a, metric: b, step: 0", "leave step out"),
        ("name: 1 a, metric: b", "must match"),
        ("name: a, metric: b, minimum: true", "a number is wanted"),
        ("name: a, metric: b, minimum: .nan", "finite"),
        ("name: a, metric: b, maximum: .inf", "finite"),
        ("name: a, metric: b, minimum: 2, maximum: 1", "minimum 2 is above maximum 1"),
        ("name: a, metric: b, maximun: 1", "did you mean maximum?"),
        ("name: a, metric: b, analysis: {period: 1}", "at least 2"),
        ("name: a, metric: b, analysis: {lags: 0}", "at least 1"),
    ],
)
def test_an_entry_that_makes_no_sense_is_refused_with_the_reason(
    tmp_path: Path, entry: str, reason: str
) -> None:
    found = mistakes(tmp_path, f"metrics:\n  - {{{entry}}}\n")
    assert {2} == {line for line, _, _ in found}
    assert any(reason in given for _, _, given in found), found


@pytest.mark.parametrize(
    ("text", "field", "meant"),
    [
        ("metrics: [{name: a, metric: b, windows: 1h}]", "metrics[0].windows", "window"),
        ("metrics: [{name: a, metric: b, setle: 1m}]", "metrics[0].setle", "settle"),
        (
            "metrics: [{name: a, metric: b, analysis: {hp-lambda: 5}}]",
            "metrics[0].analysis.hp-lambda",
            "hp_lambda",
        ),
        (
            "metrics: [{name: a, metric: b, matchers: {c: {regexp: d}}}]",
            "metrics[0].matchers.c.regexp",
            "regex",
        ),
        ("metric: [{name: a, metric: b}]", "metric", "metrics"),
        (
            "{metrics: [{name: a, metric: b}], retention_days: {sample: 5}}",
            "retention_days.sample",
            "samples",
        ),
    ],
)
def test_a_key_that_is_not_known_is_refused_with_what_may_be_meant(
    tmp_path: Path, text: str, field: str, meant: str
) -> None:
    reasons = {found: reason for _, found, reason in mistakes(tmp_path, text)}
    assert f"did you mean {meant}?" in reasons[field]


@pytest.mark.parametrize(
    ("entry", "field", "reason"),
    [
        ("window: 12:00:00", "metrics[0].window", "YAML reads 12:00:00 as 43200"),
        ("minimum: 010", "metrics[0].minimum", "YAML reads 010 as 8"),
        ("matchers: {job: 5}", "metrics[0].matchers.job.equals", "got 5: quote it"),
        ("matchers: {on: x}", "on", "quote it"),
    ],
)
def test_what_yaml_reads_otherwise_than_it_looks_is_refused(
    tmp_path: Path, entry: str, field: str, reason: str
) -> None:
    [found] = mistakes(tmp_path, f"metrics:\n  - {{name: a, metric: b, {entry}}}\n")
    assert found[:2] == (2, field)
    assert reason in found[2]


def test_names_are_unique(tmp_path: Path) -> None:
    text = "metrics:\n  - {name: a, metric: b}\n  - {name: a, metric: c}\n"
    assert mistakes(tmp_path, text) == [(3, "metrics[1].name", "the name 'a' is given twice")]


def test_the_result_of_a_query_cannot_take_the_name_of_a_watched_metric(tmp_path: Path) -> None:
    text = "metrics:\n  - {name: up, query: up > 0}\n  - {name: b, metric: up}\n"
    [(line, field, _)] = mistakes(tmp_path, text)
    assert (line, field) == (2, "metrics[0].name")


@pytest.mark.parametrize("text", ["", "metrics: []", "[]", "a: 1\n---\nb: 2", "5"])
def test_a_file_without_metrics_is_refused(tmp_path: Path, text: str) -> None:
    assert mistakes(tmp_path, text)


def test_a_step_of_a_minute_is_read_and_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    [entry] = loaded(tmp_path, "metrics: [{name: a, metric: b, step: 60s}]").metrics
    assert "a: delete step" in caplog.text
    assert "step" not in entry.model_dump()


def test_an_entry_floors_the_as_of_to_the_minute() -> None:
    entry = WatchedMetric(name="a", metric="b", window_seconds=3600)
    assert Grid(1_700_000_100, 60) == entry.grid(1_700_000_100 + 14)
