"""``python -m tests.integration.score_and_die POINT``: a run of scoring that kills itself on its way.

``POINT`` is where: ``opened`` (the batch is stored, nothing is sent), ``sent`` (both outputs have it, it is
not closed), or a number: so many messages of the good output are on their way. The parameters of the run are
JSON on standard input; connections come from the environment.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from foresight.messaging import Message
from foresight.orchestration import scoring_steps, scoring_streams


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(point: str) -> None:
    stream: Any = scoring_streams.StreamRun
    if point == "opened":
        stream._send = die
    elif point == "sent":
        stream._close = die
    elif point != "never":
        real: Any = scoring_streams.publish

        def publish(config: Any, topic: str, messages: Iterator[Message], publication: Any) -> Any:
            def cut() -> Iterator[Message]:
                for number, message in enumerate(messages):
                    if number == int(point):
                        die()
                    yield message

            return real(config, topic, cut() if topic.endswith("good") else messages, publication)

        scoring_streams.publish = publish  # type: ignore[assignment]
    run = SimpleNamespace(dag_id="batch_scoring", run_id="run", run_after=datetime.now(UTC))
    found = scoring_steps.score_batches({"dag_run": run, "params": json.load(sys.stdin)})
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
