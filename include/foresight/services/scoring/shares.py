"""The partitions of a topic dealt to tasks, so that several processors score one stream."""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection

from foresight.errors import TransientError
from foresight.services.scoring.places import TopicSource
from foresight.services.scoring.streams import StreamRun
from foresight.store.scoring import SCORING_LOCK, find_stream
from foresight.store.scoring_parts import find_parts, join_stream, part_name, split_stream


def deal(backlog: Mapping[int, int], tasks: int, least: int) -> list[list[int]]:
    """Partitions for each of at most ``tasks`` tasks, about the same number of records for each.

    No task is begun for fewer than ``least`` records, unless it is the only one. The largest partition of a
    share stands first.
    """
    waiting = sum(backlog.values())
    n_shares = max(1, min(tasks, sum(count > 0 for count in backlog.values()), waiting // least))
    shares: list[tuple[int, int, list[int]]] = [(0, place, []) for place in range(n_shares)]
    for partition in sorted(backlog, key=lambda number: (-backlog[number], number)):
        load, place, mine = heapq.heappop(shares)
        heapq.heappush(shares, (load + backlog[partition], place, [*mine, partition]))
    return [mine for _, _, mine in sorted(shares, key=lambda share: share[1])]


def waiting_records(run: StreamRun) -> dict[int, int]:
    """About how many records of each partition were not scored yet."""
    stream = run.plan.stream

    def work(connection: Connection) -> dict[int, int]:
        rows = [find_stream(connection, stream), *find_parts(connection, stream).values()]
        return {int(number): at for row in rows if row is not None for number, at in row.offsets.items()}

    done = run.scoring.store.read(work)
    return {number: max(end - done.get(number, 0), 0) for number, end in run.source.ends().items()}


def split(run: StreamRun) -> None:
    """Deals a stream out by partition; a batch that is under way is finished before."""
    stream, store = run.plan.stream, run.scoring.store
    if store.read(lambda connection: find_stream(connection, stream)) is not None:
        run.finish()
    partitions = run.source.ends().keys()
    _change(run, lambda connection: split_stream(connection, stream, partitions, int(time.time())))


def join(run: StreamRun) -> None:
    """Makes a stream that was dealt out one again; batches that are under way are finished before."""
    stream, store = run.plan.stream, run.scoring.store
    parts = store.read(lambda connection: find_parts(connection, stream))
    if not parts:
        return
    for partition in parts:
        part_of(run, partition).finish()
    identity = run.source.identity()
    _change(run, lambda connection: join_stream(connection, stream, identity, int(time.time())))


def part_of(run: StreamRun, partition: int) -> StreamRun:
    """The run of one partition of the stream of a topic."""
    source = run.source
    assert isinstance(source, TopicSource)  # noqa: S101 (nothing else is dealt out)
    return replace(
        run,
        plan=replace(run.plan, stream=part_name(run.plan.stream, partition)),
        source=source.part(partition),
        partitions=frozenset(source.ends()),
        topic_ids={},
    )


def score_share(run: StreamRun, partitions: Sequence[int], seconds: float) -> None:
    """Scores these partitions one after the other, to where they end now or until the time is over."""
    deadline = time.monotonic() + seconds
    for partition in partitions:
        part_of(run, partition).run(max(deadline - time.monotonic(), 0.0))


def _change(run: StreamRun, work: Callable[[Connection], bool]) -> None:
    if not run.scoring.store.transact(work, lock=SCORING_LOCK):
        raise TransientError(f"{run.plan.stream}: another run has begun a batch of it; try again")
