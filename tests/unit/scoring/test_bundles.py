"""Bundles: nothing lost, order kept, guilty records found, workers replaced, counts that add up."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.errors import SourceUnavailable, TransientError
from foresight.scoring.bundles import BundleRun, Load, Settings
from foresight.scoring.errors import CountsDisagree, InvalidMapping
from foresight.scoring.outcome import ERROR, PREDICTION, Record, with_error
from foresight.scoring.sources import Awaited, Iterated

FAST = Settings(
    bundle_size=10, workers=3, queue_size=4, linger_seconds=0.01, backoff_seconds=0.001, report_seconds=0.05
)


def change(**values: Any) -> Settings:
    names = FAST.__dataclass_fields__
    return Settings(**{**{name: getattr(FAST, name) for name in names}, **values})


def score(records: Sequence[Any]) -> tuple[list[Record], list[int]]:
    """Negative numbers are bad records."""
    found = [with_error(r, "negative") if r["n"] < 0 else {**r, PREDICTION: r["n"]} for r in records]
    return found, [place for place, record in enumerate(records) if record["n"] < 0]


def records(*numbers: int) -> list[Record]:
    return [{"n": n} for n in numbers]


class Sink:
    def __init__(self) -> None:
        self.records: list[Record] = []

    def __call__(self, found: list[Record]) -> None:
        self.records += found

    @property
    def numbers(self) -> list[int]:
        return [record["n"] for record in self.records]


def run(source: Any, scoring: Any = score, using: Settings = FAST, **more: Any) -> tuple[Load, Sink, Sink]:
    good, bad = Sink(), Sink()
    return BundleRun(source, scoring, good, bad, using, **more).run(), good, bad


@settings(max_examples=40, deadline=None)
@given(
    numbers=st.lists(st.integers(-3, 20), max_size=120),
    size=st.integers(1, 30),
    workers=st.integers(1, 6),
    queue_size=st.integers(1, 5),
    seed=st.integers(0, 1000),
)
def test_each_output_keeps_the_order_of_the_input(
    numbers: list[int], size: int, workers: int, queue_size: int, seed: int
) -> None:
    rng = random.Random(seed)  # noqa: S311 (no secret)

    def uneven(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        if rng.random() < 0.2:
            time.sleep(0.001)
        return score(given_)

    given_ = [{"n": n, "place": place} for place, n in enumerate(numbers)]
    load, good, bad = run(given_, uneven, change(bundle_size=size, workers=workers, queue_size=queue_size))
    assert [r["place"] for r in good.records] == [r["place"] for r in given_ if r["n"] >= 0]
    assert [r["place"] for r in bad.records] == [r["place"] for r in given_ if r["n"] < 0]
    assert (load.read, load.good, load.bad) == (len(numbers), len(good.records), len(bad.records))


def test_one_output_merges_good_and_bad_in_order() -> None:
    given_ = records(1, -1, 2, -2, 3)
    good = Sink()
    BundleRun(given_, score, good, None, change(single_output=True, bundle_size=2)).run()
    assert good.numbers == [1, -1, 2, -2, 3]
    assert [ERROR in record for record in good.records] == [False, True, False, True, False]


def test_a_bundle_that_fails_is_halved_until_the_guilty_records_stand_alone() -> None:
    sizes = []

    def fragile(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        sizes.append(len(given_))
        if any(r["n"] in {13, 77} for r in given_):
            raise ValueError("cannot score 13 or 77")
        return score(given_)

    load, good, bad = run(records(*range(100)), fragile, change(bundle_size=100))
    assert bad.numbers == [13, 77]
    assert all("cannot score" in record[ERROR] for record in bad.records)
    assert good.numbers == [n for n in range(100) if n not in {13, 77}]
    assert (load.good, load.bad) == (98, 2)
    assert len(sizes) < 40


def test_a_bundle_of_bad_records_only_is_like_any_other() -> None:
    load, good, bad = run(records(*[-1] * 25, 5))
    assert (load.bad, good.numbers, len(bad.records)) == (25, [5], 25)


def test_answers_that_do_not_add_up_never_pass() -> None:
    def forgetful(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        found, bad = score(given_)
        return found[:-1], bad

    load, good, bad = run(records(1, 2, 3), forgetful)
    assert (load.read, good.records, bad.numbers) == (3, [], [1, 2, 3])
    assert "0 answers for 1 records" in bad.records[0][ERROR]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_bundle_may_be_larger_than_the_data(size: int) -> None:
    _, good, _ = run(records(1, 2, 3), using=change(bundle_size=size))
    assert good.numbers == [1, 2, 3]


def test_no_records_are_no_error() -> None:
    load, good, bad = run([])
    assert (load.read, good.records, bad.records) == (0, [], [])


def test_a_worker_that_dies_is_replaced_and_its_bundle_is_not_lost() -> None:
    died = []

    def deadly(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        if len(died) < 2 and given_[0]["n"] in {10, 40}:
            died.append(threading.current_thread())
            raise SystemExit
        return score(given_)

    _, good, bad = run(records(*range(60)), deadly)
    assert len(set(died)) == 2
    assert (good.numbers, bad.numbers) == (list(range(60)), [])


def test_a_record_that_kills_every_worker_is_bad_in_the_end() -> None:
    def deadly(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        if any(record["n"] == 33 for record in given_):
            raise SystemExit("poison")
        return score(given_)

    _, good, bad = run(records(*range(60)), deadly)
    assert bad.numbers == [33]
    assert "poison" in bad.records[0][ERROR]
    assert good.numbers == [n for n in range(60) if n != 33]


def test_stop_hands_out_everything_that_was_read() -> None:
    taken = []

    def endless() -> Iterator[Record]:
        n = 0
        while True:
            taken.append(n)
            yield {"n": n}
            n += 1
            time.sleep(0.0002)

    good, bad = Sink(), Sink()
    job = BundleRun(endless(), score, good, bad, FAST)
    threading.Timer(0.15, job.stop).start()
    load = job.run()
    assert load.read > 20
    assert good.numbers == taken[: load.read]
    assert len(taken) - load.read <= 1


def test_records_that_have_come_do_not_wait_for_more_than_the_linger() -> None:
    release = threading.Event()

    def slow() -> Iterator[Record]:
        yield {"n": 1}
        yield {"n": 2}
        assert release.wait(20)
        yield {"n": 3}

    seen = []

    def sink(found: list[Record]) -> None:
        seen.extend(record["n"] for record in found)
        if seen == [1, 2]:
            release.set()

    BundleRun(slow(), score, sink, sink, change(bundle_size=100)).run()
    assert seen == [1, 2, 3]


def test_a_slow_output_holds_the_source_back() -> None:
    ahead = []
    read = [0]
    handed = [0]

    class Counting(Iterated):
        def read(self, limit: int, wait_seconds: float) -> list[Any] | None:
            found = super().read(limit, wait_seconds)
            read[0] += len(found or [])
            ahead.append(read[0] - handed[0])
            return found

    def slow(found: list[Record]) -> None:
        time.sleep(0.002)
        handed[0] += len(found)

    BundleRun(Counting(records(*range(500))), score, slow, slow, change(queue_size=2, workers=2)).run()
    assert max(ahead) <= (2 + 2 + 1) * 10


def test_what_the_source_raises_comes_after_what_it_gave() -> None:
    def broken() -> Iterator[Record]:
        yield from records(*range(15))
        raise SourceUnavailable("the topic is gone")

    good, bad = Sink(), Sink()
    with pytest.raises(SourceUnavailable, match="gone"):
        BundleRun(broken(), score, good, bad, FAST).run()
    assert good.numbers == list(range(15))


def test_what_an_output_raises_ends_the_run() -> None:
    def full(found: list[Record]) -> None:
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        BundleRun(records(*range(1000)), score, full, full, FAST).run()


def test_a_model_behind_a_network_is_asked_again() -> None:
    calls = []

    def shaky(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        calls.append(len(given_))
        if len(calls) % 2:
            raise TransientError("busy")
        return score(given_)

    _, good, bad = run(records(*range(30)), shaky, change(workers=1))
    assert (good.numbers, bad.numbers) == (list(range(30)), [])
    assert set(calls) == {10}


def test_a_model_that_stays_away_fails_the_run_and_no_record() -> None:
    def away(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        raise TransientError("no route")

    good, bad = Sink(), Sink()
    with pytest.raises(TransientError, match="no route"):
        BundleRun(records(1), away, good, bad, change(retries=2)).run()
    assert (good.records, bad.records) == ([], [])


def test_an_output_that_swallows_records_is_noticed() -> None:
    job = BundleRun(records(1, 2, 3), score, Sink(), Sink(), FAST)
    job._records = 1
    with pytest.raises(CountsDisagree, match="4 records were read, 3 are good"):
        job.run()


def test_the_load_is_reported_while_it_runs_and_at_the_end() -> None:
    loads: list[Load] = []

    def slow(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        time.sleep(0.01)
        return score(given_)

    load, _, _ = run(records(*range(300)), slow, change(workers=1), on_load=loads.append)
    assert loads[-1] == load
    assert len(loads) > 1
    assert [one.good for one in loads] == sorted(one.good for one in loads)


def test_workers_may_be_more_or_fewer_while_it_runs() -> None:
    threads: list[set[int]] = [set(), set(), set()]
    at = [0]
    job: list[BundleRun] = []

    def watched(given_: Sequence[Any]) -> tuple[list[Record], list[int]]:
        threads[at[0]].add(threading.get_ident())
        time.sleep(0.001)
        if given_[0]["n"] == 500:
            at[0] = 1
            job[0].set_workers(1)
        if given_[0]["n"] == 1500:
            at[0] = 2
            job[0].set_workers(6)
        return score(given_)

    good = Sink()
    job.append(BundleRun(records(*range(3000)), watched, good, Sink(), change(workers=3)))
    job[0].run()
    assert good.numbers == list(range(3000))
    assert len(threads[2]) > 3


def test_without_order_nothing_is_lost_either() -> None:
    _, good, bad = run(records(*range(-50, 200)), using=change(ordered=False, bundle_size=3, workers=5))
    assert sorted(good.numbers) == list(range(200))
    assert sorted(bad.numbers) == list(range(-50, 0))


def test_two_runs_at_once_do_not_know_each_other() -> None:
    found: dict[int, Sink] = {}

    def one(size: int) -> None:
        found[size] = run(records(*range(size)), using=change(bundle_size=size // 10, workers=2))[1]

    threads = [threading.Thread(target=one, args=(size,)) for size in (100, 200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {size: sink.numbers for size, sink in found.items()} == {n: list(range(n)) for n in (100, 200)}


def test_no_thread_is_left_behind() -> None:
    before = threading.active_count()
    run(records(*range(100)))
    assert threading.active_count() == before


@pytest.mark.parametrize(
    "values",
    [{"bundle_size": 0}, {"workers": 0}, {"queue_size": -1}, {"bundle_size": 1.5}, {"workers": True},
     {"linger_seconds": -1}, {"retries": "3"}],
)  # fmt: skip
def test_wrong_settings_are_refused_by_name(values: dict[str, Any]) -> None:
    with pytest.raises(InvalidMapping, match=next(iter(values))):
        change(**values)


def test_two_outputs_need_a_place_for_bad_records() -> None:
    with pytest.raises(InvalidMapping, match="single_output"):
        BundleRun([], score, Sink())


def test_an_awaited_source_gives_everything_once() -> None:
    source = Awaited(iter(range(5000)), ahead=64)
    found: list[int] = []
    while (part := source.read(50, 0.01)) is not None:
        found += part
    assert found == list(range(5000))
