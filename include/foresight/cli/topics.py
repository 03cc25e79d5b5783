"""``foresight topics``: those that Foresight writes to."""

from __future__ import annotations

from typing import Annotated

import typer

from foresight.cli.console import console, reports_errors

app = typer.Typer(no_args_is_help=True, help="The topics that Foresight writes to.", rich_markup_mode=None)


@app.command("create")
@reports_errors
def create(
    partitions: Annotated[int, typer.Option(min=1, max=1000, help="Partitions of a topic that is new.")] = 3,
) -> None:
    """Create the topics that are missing; others stay as they are."""
    from foresight.conventions import (
        PERFORMANCE_DEAD_LETTER_TOPIC,
        POLICY_TOPIC,
        SLA_EVENTS_TOPIC,
        TELEMETRY_TOPIC,
    )
    from foresight.messaging import ensure_topic, topic_of_ours
    from foresight.wiring.connections import kafka_config

    config = kafka_config()
    for topic in (TELEMETRY_TOPIC, SLA_EVENTS_TOPIC, POLICY_TOPIC, PERFORMANCE_DEAD_LETTER_TOPIC):
        name = topic_of_ours(config, topic)
        ensure_topic(config, name, partitions=partitions)
        console.print(name, markup=False, highlight=False)
