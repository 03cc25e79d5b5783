"""Dealing series to shards: nothing lost, nothing twice, about equal sizes."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.planning import plan, settled_at
from foresight.telemetry.source import Description, Discovery, EntryUnavailable, Extraction, Shard

AS_OF = 1_700_000_040


@dataclasses.dataclass
class Listed:
    """A source that knows series by name of the entry."""

    series: dict[str, tuple[SeriesKey, ...]]
    settle_seconds: float = 30.0

    def discover(self, entry: WatchedMetric, grid: Grid) -> Discovery:
        if entry.name.startswith("wrong"):
            raise BadAnswer(f"parse error in {entry.name}")
        if entry.name.startswith("slow"):
            raise EntryUnavailable(f"{entry.name} timed out")
        partial = ("half is away",) if entry.name.startswith("half") else ()
        return Discovery(tuple(sorted(self.series.get(entry.name, ()))), partial)

    def extract(self, shard: Shard) -> Extraction:
        raise NotImplementedError

    def describe(self) -> Description:
        raise NotImplementedError


def hosts(metric: str, n: int) -> tuple[SeriesKey, ...]:
    return tuple(SeriesKey.of(metric, {"job": "host", "instance": f"h{i}"}) for i in range(n))


def entry(name: str, **more: object) -> WatchedMetric:
    return WatchedMetric.model_validate({"name": name, "metric": name} | more)


def catalogue(*entries: WatchedMetric) -> Catalogue:
    return Catalogue(metrics=entries)


def picked(shard: Shard, keys: tuple[SeriesKey, ...]) -> set[SeriesKey]:
    """What the selectors of a shard pick among ``keys``, matched as Prometheus does."""
    found = set()
    for selection in shard.selections:
        for key in keys:
            labels = dict(key.labels)
            if key.metric == selection.entry.series_metric and all(
                labels.get(label, "") in values for label, values in selection.narrowed
            ):
                found.add(key)
    return found


def test_an_entry_that_the_source_refuses_is_set_aside_with_the_reason() -> None:
    planned = plan(catalogue(*map(entry, ("a", "wrong", "b"))), Listed({n: hosts(n, 2) for n in "ab"}), AS_OF)
    assert (planned.n_series, planned.unmatched) == (4, ())
    assert planned.refused == {"wrong": "parse error in wrong"}


def test_a_plan_of_which_every_entry_is_refused_fails_with_all_reasons() -> None:
    with pytest.raises(BadAnswer, match="wrong1\nparse error in wrong2"):
        plan(catalogue(entry("wrong1"), entry("wrong2")), Listed({}), AS_OF)


def test_a_plan_of_which_some_entry_may_be_read_later_can_be_tried_again() -> None:
    with pytest.raises(SourceUnavailable, match="wrong1\nslow1 timed out"):
        plan(catalogue(entry("wrong1"), entry("slow1")), Listed({}), AS_OF)


def test_an_entry_that_times_out_is_set_aside_and_the_others_go_on() -> None:
    planned = plan(catalogue(entry("slow"), entry("b")), Listed({"b": hosts("b", 2)}), AS_OF)
    assert (planned.n_series, planned.refused) == (2, {"slow": "slow timed out"})


def test_once_it_is_late_the_entries_that_are_left_are_named_and_not_asked_for() -> None:
    known = Listed({name: hosts(name, 2) for name in "abc"})
    late = iter([False, False, True])
    planned = plan(catalogue(*map(entry, "abc")), known, AS_OF, is_late=lambda: next(late))
    assert planned.n_series == 4
    assert list(planned.refused) == ["c"]
    assert "not asked for" in planned.refused["c"]


def test_an_entry_of_which_series_may_be_lacking_is_named_with_the_reason() -> None:
    planned = plan(catalogue(entry("half"), entry("b")), Listed({"half": hosts("half", 1)}), AS_OF)
    assert planned.partial == {"half": ("half is away",)}


def test_a_run_waits_for_the_entry_that_settles_last() -> None:
    source = Listed({})
    assert settled_at(catalogue(entry("a")), source, AS_OF) == AS_OF + 30
    assert settled_at(catalogue(entry("a", settle="0s")), source, AS_OF) == AS_OF
    assert settled_at(catalogue(entry("a"), entry("b", settle="2m")), source, AS_OF) == AS_OF + 120


def test_series_that_a_question_brings_besides_are_known_to_its_selection() -> None:
    shared = hosts("m", 4)
    entries = entry("a", metric="m"), entry("b", metric="m")
    planned = plan(catalogue(*entries), Listed({"a": shared[:3], "b": shared}), AS_OF)
    first, second = planned.shards[0].selections
    assert not first.others
    assert second.others == {key.id for key in shared[:3]}
    limited = plan(catalogue(entry("a", max_series=3)), Listed({"a": hosts("a", 5)}), AS_OF)
    assert len(limited.shards[0].selections[0].others) == 2


def test_a_few_series_of_many_entries_share_one_shard() -> None:
    known = Listed({name: hosts(name, 2) for name in "abc"})
    planned = plan(catalogue(*map(entry, "abc")), known, AS_OF)
    assert [len(shard) for shard in planned.shards] == [6]
    assert Grid(AS_OF, 720, 60) == planned.shards[0].grid
    assert all(not selection.narrowed for selection in planned.shards[0].selections)


def test_entries_with_another_window_have_shards_of_their_own() -> None:
    known = Listed({name: hosts(name, 2) for name in "abc"})
    entries = entry("a"), entry("b", window="24h"), entry("c", window="1h")
    planned = plan(catalogue(*entries), known, AS_OF)
    assert [Grid(AS_OF, 720), Grid(AS_OF, 1440), Grid(AS_OF, 60)] == [shard.grid for shard in planned.shards]


def test_a_large_metric_is_cut_by_the_label_that_divides_it_best() -> None:
    known = Listed({"a": hosts("a", 1000)})
    planned = plan(catalogue(entry("a")), known, AS_OF, max_series_per_shard=100)
    assert [len(shard) for shard in planned.shards] == [100] * 10
    assert {"instance"} == {s.narrowed[0][0] for shard in planned.shards for s in shard.selections}
    assert all(set(shard.keys) == picked(shard, known.series["a"]) for shard in planned.shards)


def test_where_one_label_does_not_suffice_a_second_one_divides() -> None:
    grid = tuple(SeriesKey.of("a", {"x": str(i // 30), "y": str(i % 30)}) for i in range(900))
    planned = plan(catalogue(entry("a")), Listed({"a": grid}), AS_OF, max_series_per_shard=50, max_shards=64)
    assert sum(map(len, planned.shards)) == 900
    assert max(map(len, planned.shards)) <= 100
    assert all(set(shard.keys) == picked(shard, grid) for shard in planned.shards)


def test_an_absent_label_is_a_value_like_any_other() -> None:
    keys = (SeriesKey.of("a"), SeriesKey.of("a", {"x": "1"}), SeriesKey.of("a", {"x": "2"}))
    planned = plan(catalogue(entry("a")), Listed({"a": keys}), AS_OF, max_series_per_shard=1)
    assert len(planned.shards) == 3
    assert all(set(shard.keys) == picked(shard, keys) for shard in planned.shards)


def test_a_query_is_never_cut() -> None:
    query = WatchedMetric(name="a", query="sum by (instance) (x)")
    planned = plan(catalogue(query), Listed({"a": hosts("a", 50)}), AS_OF, max_series_per_shard=10)
    assert [len(shard) for shard in planned.shards] == [50]


def test_there_are_never_more_shards_than_allowed() -> None:
    known = Listed({"a": hosts("a", 5000), "b": hosts("b", 700)})
    entries = entry("a"), entry("b", window="24h")
    planned = plan(catalogue(*entries), known, AS_OF, max_series_per_shard=10, max_shards=8)
    assert len(planned.shards) <= 8
    assert 5700 == sum(map(len, planned.shards)) == planned.n_series


def test_a_series_belongs_to_the_first_entry_that_claims_it() -> None:
    shared = hosts("m", 4)
    entries = entry("a", metric="m"), entry("b", metric="m")
    planned = plan(catalogue(*entries), Listed({"a": shared[:3], "b": shared}), AS_OF)
    assert [(each.planned, each.shared) for each in planned.entries] == [(3, 0), (1, 3)]
    keys = [key for shard in planned.shards for key in shard.keys]
    assert sorted(shared) == sorted(keys)


def test_what_exceeds_max_series_is_left_out_counted_and_not_asked_for() -> None:
    known = Listed({"a": hosts("a", 30)})
    planned = plan(catalogue(entry("a", max_series=10)), known, AS_OF)
    assert [(each.planned, each.over_limit) for each in planned.entries] == [(10, 20)]
    assert set(planned.shards[0].keys) == picked(planned.shards[0], known.series["a"])


def test_an_entry_that_matches_nothing_is_named() -> None:
    planned = plan(catalogue(entry("a"), entry("b")), Listed({"b": hosts("b", 1)}), AS_OF)
    assert planned.unmatched == ("a",)


def test_a_catalogue_that_matches_nothing_has_no_shards() -> None:
    planned = plan(catalogue(entry("a")), Listed({}), AS_OF)
    assert (planned.n_series, planned.shards) == (0, ())


labels = st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["", "1", "2", "é\n"]), max_size=3)
series = st.lists(labels.map(lambda given: SeriesKey.of("a", given)), min_size=1, max_size=40, unique=True)


@settings(max_examples=150, deadline=None)
@given(series, st.integers(1, 12), st.integers(1, 6))
def test_every_series_is_planned_exactly_once(keys: list[SeriesKey], size: int, max_shards: int) -> None:
    planned = plan(
        catalogue(entry("a")),
        Listed({"a": tuple(keys)}),
        AS_OF,
        max_series_per_shard=size,
        max_shards=max_shards,
    )
    assert sorted(keys) == sorted(key for shard in planned.shards for key in shard.keys)
    assert len(planned.shards) <= max_shards
    assert [shard.number for shard in planned.shards] == list(range(len(planned.shards)))
    assert all(Shard.from_table(shard.to_table()) == shard for shard in planned.shards)
