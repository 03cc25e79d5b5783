"""``python -m tests.integration.score_and_die POINT…``: runs of scoring, each killing itself on its way.

Each is a process of its own, forked here. Lines that begin with ``MARK`` hold, as JSON, what a run
answered and then how it ended, negative for a signal. ``POINT`` is where it dies:

- ``scored``: the first batch is scored, it is not stored that it is under way
- ``opened``: that is stored, nothing is sent
- a number: so many messages of the good output are on their way
- ``before-commit``, ``after-commit``: of the first transaction, the good or the bad one
- ``sent``: both outputs have all of the batch, it is not closed
- ``closed``: it is closed
- ``never``

The parameters of the runs are JSON on standard input; connections come from the environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from confluent_kafka import Producer

from foresight.messaging import Message, connection
from foresight.messaging.publish import Publisher
from foresight.orchestration.scoring import steps as scoring_steps
from foresight.services.scoring import streams as scoring_streams

MARK = "=> "


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at(point: str) -> None:
    """Lets this process die when it comes to the point."""
    stream: Any = scoring_streams.StreamRun
    if point in {"scored", "opened", "sent"}:
        setattr(stream, {"scored": "_opened", "opened": "_send", "sent": "_close"}[point], die)
    elif point == "closed":
        close = stream._close

        def close_and_die(*given: Any) -> None:
            close(*given)
            die()

        stream._close = close_and_die
    elif point.endswith("commit"):

        class DyingProducer(Producer):
            def commit_transaction(self, timeout: float = -1) -> None:
                if point == "before-commit":
                    die()
                super().commit_transaction(timeout)
                die()

        connection.Producer = DyingProducer  # type: ignore[misc]
    elif point != "never":
        real: Any = Publisher.publish

        def cut(messages: Iterable[Message]) -> Iterator[Message]:
            for number, message in enumerate(messages):
                if number == int(point):
                    die()
                yield message

        def publish_some(self: Any, messages: Iterable[Message], *given: Any, **named: Any) -> Any:
            is_good = self._topic.endswith("good")
            return real(self, cut(messages) if is_good else messages, *given, **named)

        Publisher.publish = publish_some  # type: ignore[method-assign]


def say(what: Any) -> None:
    print(MARK + json.dumps(what), flush=True)


def score(point: str, params: dict[str, Any]) -> None:
    die_at(point)
    run = SimpleNamespace(dag_id="batch_scoring", run_id="run", run_after=datetime.now(UTC))
    context = {"dag_run": run, "params": params}
    for share in scoring_steps.deal_partitions(context):
        say(scoring_steps.score_batches(context, share))


def main(points: list[str]) -> None:
    params = json.load(sys.stdin)
    for point in points:
        child = os.fork()
        if child == 0:
            score(point, params)
            os._exit(0)
        say(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))


if __name__ == "__main__":
    main(sys.argv[1:])
