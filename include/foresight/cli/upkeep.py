"""Publications, streams and dead letters: what waits, what failed, and changes by hand with their reason."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from foresight.cli.console import caller, console, escape, instant, reports_errors
from foresight.cli.console import table as new_table
from foresight.errors import FinalError

if TYPE_CHECKING:
    from rich.table import Table

    from foresight.store.models import Change

publications = typer.Typer(
    no_args_is_help=True,
    help="Batches of messages: what waits, what could not be sent.",
    rich_markup_mode=None,
)
streams = typer.Typer(
    no_args_is_help=True, help="How far topics were read and streams were scored.", rich_markup_mode=None
)
dead_letters = typer.Typer(
    no_args_is_help=True, help="Messages that could not be read, or not all of them.", rich_markup_mode=None
)

Topic = Annotated[str | None, typer.Option(help="Only those of this topic.")]
Limit = Annotated[int, typer.Option(min=1, max=10_000, help="Most lines.")]
TopicName = Annotated[str, typer.Argument(help="Name of the topic.")]
AsOf = Annotated[str, typer.Argument(help="As-of of the publication, such as 2026-11-22T13:20:00Z.")]
Part = Annotated[str, typer.Option(help="Part of the interval.")]
Why = Annotated[str, typer.Option("--why", help="Why: kept with the change.")]
Stream = Annotated[str, typer.Argument(help="Name of the stream, as `foresight streams list` shows it.")]
Origin = Annotated[str, typer.Argument(help="TOPIC:PARTITION:OFFSET of the message.")]


@publications.command("list")
@reports_errors
def list_publications(
    topic: Topic = None,
    state: Annotated[
        list[str] | None,
        typer.Option(help="pending, set_aside, published, skipped or abandoned; may be given again."),
    ] = None,
    limit: Limit = 100,
) -> None:
    """What waits to be sent and what is set aside, the newest first."""
    from foresight.store.upkeep import UNFINISHED
    from foresight.store.upkeep import list_publications as listed
    from foresight.wiring.connections import results

    rows = results().read(lambda connection: listed(connection, topic, state or UNFINISHED, limit))
    table = _listing("topic", "as of", "part", "state", "messages", "attempts", "reason", box=None)
    for row in rows:
        facts = (escape(row.topic), f"{row.as_of:%Y-%m-%dT%H:%M:%SZ}", escape(row.part), row.state)
        table.add_row(*facts, str(row.n_messages), str(row.n_attempts or 0), escape(row.reason or ""))
    console.print(table)
    console.print(f"{len(rows)} publications", highlight=False)


@publications.command("requeue")
@reports_errors
def requeue_publication(topic: TopicName, as_of: AsOf, why: Why, part: Part = "all") -> None:
    """Let the next run try a publication again; what is on its topic already is not sent twice."""
    from foresight.services import upkeep
    from foresight.wiring.connections import results

    upkeep.requeue_publication(results(), topic, instant(as_of), _change(why), part)
    console.print(f"{topic} {as_of}: pending again", markup=False, highlight=False)


@publications.command("abandon")
@reports_errors
def abandon_publication(topic: TopicName, as_of: AsOf, why: Why, part: Part = "all") -> None:
    """Give a publication up: no run sends it any more."""
    from foresight.services import upkeep
    from foresight.wiring.connections import results

    upkeep.abandon_publication(results(), topic, instant(as_of), _change(why), part)
    console.print(f"{topic} {as_of}: abandoned", markup=False, highlight=False)


@streams.command("list")
@reports_errors
def list_streams() -> None:
    """Streams of records with the batch under way, and topics whose events are stored."""
    from foresight.store import upkeep
    from foresight.wiring.connections import results

    scored, read = results().read(lambda c: (upkeep.list_streams(c), upkeep.list_offsets(c)))
    table = _listing("stream", "batch", "under way", "from", "until", "changed", box=None)
    for row in scored:
        is_open = "no" if row.until is None else f"{row.model_name} {row.model_version}"
        spans = (_offsets(row.offsets), "–" if row.until is None else _offsets(row.until))
        table.add_row(
            escape(row.stream), str(row.number), escape(is_open), *spans, f"{row.updated_at:%Y-%m-%d %H:%M}"
        )
    topics: dict[str, list[Any]] = {}
    for row in read:
        topics.setdefault(row.topic, []).append(row)
    for topic, rows in topics.items():
        read_to = _offsets({str(row.partition_number): row.next_offset for row in rows})
        newest = max(row.as_of for row in rows)
        table.add_row(escape(f"kafka:{topic}"), "–", "no", read_to, "–", f"{newest:%Y-%m-%d %H:%M}")
    console.print(table)


@streams.command("skip")
@reports_errors
def skip(stream: Stream, why: Why) -> None:
    """Close the batch under way without sending it: the next one begins behind it."""
    from foresight.services import upkeep
    from foresight.wiring.connections import results

    number = upkeep.skip_batch(results(), stream, _change(why))
    console.print(f"{stream}: batch {number} is skipped", markup=False, highlight=False)


@streams.command("reset")
@reports_errors
def reset(
    stream: Stream,
    why: Why,
    to: Annotated[str, typer.Option(help="beginning or end of the source.")],
) -> None:
    """Go on from the beginning or the end of the source; a batch under way is given up."""
    from foresight.services import upkeep
    from foresight.wiring.connections import kafka_config, results

    kafka = kafka_config() if stream.startswith("kafka:") else None
    upkeep.reset_stream(results(), stream, _change(why), to, kafka)
    console.print(f"{stream}: goes on from the {to}", markup=False, highlight=False)


@dead_letters.command("list")
@reports_errors
def list_dead_letters(topic: Topic = None, limit: Limit = 100) -> None:
    """Messages that could not be read, the newest first, with what was done about each."""
    from foresight.store import upkeep
    from foresight.wiring.connections import results

    rows, changes = results().read(
        lambda c: (
            upkeep.list_dead_letters(c, topic, limit),
            upkeep.list_changes(c, upkeep.DEAD_LETTER, limit=10_000),
        )
    )
    done = {row.subject: row.action for row in reversed(changes)}
    table = _listing("message", "stored", "values", "rejected", "done", "reason", box=None)
    for row in rows:
        origin = f"{row.topic}:{row.partition_number}:{row.message_offset}"
        counts = (str(row.n_stored), str(row.n_values), str(row.n_rejected))
        table.add_row(escape(origin), *counts, done.get(origin, "–"), escape(row.reason))
    console.print(table)
    console.print(f"{len(rows)} dead letters", highlight=False)


@dead_letters.command("requeue")
@reports_errors
def requeue_dead_letter(message: Origin, why: Why) -> None:
    """Send the original message to its topic once more, for a version that reads it by now."""
    from foresight.services import upkeep
    from foresight.wiring.connections import kafka_config, results

    upkeep.requeue_dead_letter(results(), kafka_config(), *_origin(message), _change(why))
    console.print(f"{message}: sent again", markup=False, highlight=False)


@dead_letters.command("abandon")
@reports_errors
def abandon_dead_letter(message: Origin, why: Why) -> None:
    """Note that nobody needs to look at a message any more."""
    from foresight.services import upkeep
    from foresight.wiring.connections import results

    upkeep.abandon_dead_letter(results(), *_origin(message), _change(why))
    console.print(f"{message}: abandoned", markup=False, highlight=False)


@publications.command("history")
@reports_errors
def publication_history(limit: Limit = 100) -> None:
    """Changes of publications by hand: who, when and why."""
    _history("publication", limit)


@streams.command("history")
@reports_errors
def stream_history(limit: Limit = 100) -> None:
    """Changes of streams by hand: who, when and why."""
    _history("stream", limit)


@dead_letters.command("history")
@reports_errors
def dead_letter_history(limit: Limit = 100) -> None:
    """Changes of dead letters by hand: who, when and why."""
    _history("dead_letter", limit)


def _history(kind: str, limit: int) -> None:
    from foresight.store.upkeep import list_changes
    from foresight.wiring.connections import results

    table = _listing("when", "what", "action", "by", "why", box=None)
    for row in results().read(lambda connection: list_changes(connection, kind, limit=limit)):
        when = f"{row.changed_at:%Y-%m-%d %H:%M:%S}"
        table.add_row(when, escape(row.subject), row.action, escape(row.changed_by), escape(row.reason))
    console.print(table)


def _change(why: str) -> Change:
    from foresight.store.models import Change

    return Change(caller(), int(time.time()), why)


def _offsets(offsets: dict[str, int]) -> str:
    return ", ".join(f"{number}: {offset}" for number, offset in sorted(offsets.items())) or "the beginning"


def _origin(text: str) -> tuple[str, int, int]:
    topic, partition, offset = [*text.rsplit(":", 2), "", ""][:3]
    if not (topic and partition.isdecimal() and offset.isdecimal()):
        raise FinalError(f"{text!r} is no message: write it as TOPIC:PARTITION:OFFSET")
    return topic, int(partition), int(offset)


def _listing(*columns: str, **options: Any) -> Table:
    """An empty table that folds what is too long: a name that is cut cannot be given to a command."""
    made = new_table(*columns, **options)
    for column in made.columns:
        column.overflow = "fold"
    return made
