"""Notifications: targets, what was told, silences and acknowledgements."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from foresight.cli.console import caller, console, escape, instant, print_json, reports_errors
from foresight.cli.console import table as new_table
from foresight.errors import FinalError
from foresight.instants import minute_text

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
Target = Annotated[str, typer.Argument(help="Name of the target.")]
Json = Annotated[bool, typer.Option("--json", help="As JSON.")]
Label = Annotated[list[str] | None, typer.Option("--label", help="label=value that an SLA has; repeat it.")]
Sla = Annotated[str | None, typer.Option("--sla", help="The SLA.")]


@app.command("list")
@reports_errors
def list_targets(json: Json = False) -> None:
    """Every target, how it is reached and what it is told of."""
    from foresight.services import notifications
    from foresight.wiring.connections import results

    found = notifications.list_targets(results())
    if json:
        print_json(
            [
                {"name": target.name, "kind": target.kind, "delivery": delivery and asdict(delivery)}
                for target, delivery in found
            ]
        )
        return
    table = new_table("target", "by", "connection", "told of", "states", "quiet", "grouped by", box=None)
    for target, delivery in found:
        if delivery is None:
            table.add_row(
                escape(target.name), escape(target.kind), "–", "nothing: `notifications set` says how"
            )
            continue
        of = [*delivery.sla_names, *(f"{name}={value}" for name, value in delivery.labels)]
        what = "every SLA" if delivery.is_for_all else ", ".join(of) or "SLIs whose alerts name it"
        cells = (target.name, delivery.kind, delivery.connection, what, ", ".join(delivery.states))
        table.add_row(*map(escape, cells), f"{delivery.cooldown_seconds} s", delivery.group_by)
    console.print(table)


@app.command("set")
@reports_errors
def set_target(
    name: Target,
    kind: Annotated[str, typer.Option("--by", help="webhook, email, slack or apprise.")],
    connection: Annotated[str, typer.Option("--connection", help="Airflow connection that says where.")],
    to: Annotated[list[str] | None, typer.Option("--to", help="Address of an e-mail; repeat it.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Tell it of every SLA.")] = False,
    sla: Annotated[list[str] | None, typer.Option("--sla", help="Tell it of this SLA; repeat it.")] = None,
    label: Label = None,
    state: Annotated[
        list[str] | None, typer.Option("--state", help="at_risk, violated, stale, no_data; all by default.")
    ] = None,
    quiet: Annotated[str, typer.Option("--quiet", help="Quiet time after a message, such as 15m.")] = "0s",
    group_by: Annotated[str, typer.Option("--group-by", help="sla, sli or all.")] = "sla",
    description: Annotated[str, typer.Option("--description", help="Who it is.")] = "",
) -> None:
    """Say how a target is reached and what it is told of; changes of state from now on are told."""
    from foresight.services import notifications
    from foresight.services.notification_messages import FIRING
    from foresight.wiring.connections import results

    delivery = notifications.Delivery(
        name, kind, connection, tuple(to or ()), everything, tuple(sla or ()), _labels(label),  # type: ignore[arg-type] # it refuses others
        tuple(sorted(set(state or FIRING))), _length(quiet), group_by, int(time.time()),  # type: ignore[arg-type] # the same
    )  # fmt: skip
    is_new = notifications.set_delivery(results(), delivery, description)
    console.print(f"{name}: {'set' if is_new else 'unchanged'}", markup=False, highlight=False)


@app.command("remove")
@reports_errors
def remove(name: Target) -> None:
    """Reach a target no more; the target stays, for alerts may name it."""
    from foresight.services import notifications
    from foresight.wiring.connections import results

    notifications.remove_delivery(results(), name)
    console.print(f"{name}: reached no more", markup=False, highlight=False)


@app.command("test")
@reports_errors
def test(name: Target) -> None:
    """Send a target a message that says it is a test. It is in no outbox."""
    from foresight.services import notifications
    from foresight.services.notification_messages import trial_notice
    from foresight.wiring.connections import results
    from foresight.wiring.notifications import sender

    delivery = notifications.get_delivery(results(), name)
    sender()(delivery, trial_notice(name, int(time.time())))
    console.print(f"{name}: taken", markup=False, highlight=False)


@app.command("log")
@reports_errors
def log(
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most lines.")] = 50, json: Json = False
) -> None:
    """What was told to whom, what waits, and why something was not told; the newest first."""
    from foresight.store.notifications import outbox
    from foresight.wiring.connections import results

    rows = results().read(lambda connection: outbox(connection, limit))
    if json:
        print_json(rows)
        return
    table = new_table("at", "target", "SLA · SLI", "state", "status", "tries", "why", box=None)
    for row in rows:
        facts = (
            row["target_name"],
            f"{row['sla_name']} · {row['sli_name']}",
            row["event"]["state"],
            row["status"],
        )
        cells = map(escape, (minute_text(row["as_of"]), *facts))
        table.add_row(*cells, str(row["attempts"]), escape(row["reason"] or ""))
    console.print(table)


@app.command("silence")
@reports_errors
def silence(
    name: Annotated[str, typer.Argument(help="Name of the silence.")],
    length: Annotated[str, typer.Option("--for", help="How long: 2h.")],
    sla: Sla = None,
    sli: Annotated[str | None, typer.Option("--sli", help="One SLI of it.")] = None,
    label: Label = None,
    start: Annotated[str | None, typer.Option("--from", help="Its start; now by default.")] = None,
    comment: Annotated[str, typer.Option("--comment", help="Why.")] = "",
) -> None:
    """Tell nobody of an SLA, or of those with certain labels, for a time."""
    from foresight.services.notifications import Silence

    begins = int(time.time()) if start is None else instant(start)
    ends = begins + _length(length)
    _add(Silence(name, "silence", begins, ends, sla, sli, _labels(label), comment, caller()))


@app.command("acknowledge")
@reports_errors
def acknowledge(
    name: Annotated[str, typer.Argument(help="Name of the acknowledgement.")],
    sla: Sla = None,
    sli: Annotated[str | None, typer.Option("--sli", help="One SLI of it.")] = None,
    label: Label = None,
    length: Annotated[str | None, typer.Option("--for", help="At most so long: 2h.")] = None,
    comment: Annotated[str, typer.Option("--comment", help="Why.")] = "",
) -> None:
    """Tell nobody that an SLA is in trouble until it is ok again, which is told."""
    from foresight.services.notifications import Silence

    now = int(time.time())
    ends = None if length is None else now + _length(length)
    _add(Silence(name, "acknowledgement", now, ends, sla, sli, _labels(label), comment, caller()))


@app.command("silences")
@reports_errors
def silences(json: Json = False) -> None:
    """Every silence and acknowledgement."""
    from foresight.services import notifications
    from foresight.wiring.connections import results

    found = notifications.list_silences(results())
    if json:
        print_json([asdict(each) for each in found])
        return
    now = int(time.time())
    table = new_table("name", "kind", "of", "from", "until", "by", "why", box=None)
    for each in found:
        of = each.sla_name and "/".join(filter(None, (each.sla_name, each.sli_name)))
        of = of or ", ".join(f"{label}={value}" for label, value in each.labels)
        until = "it is ok" if each.ends_at is None else minute_text(each.ends_at)
        over = " (over)" if each.ends_at is not None and each.ends_at <= now else ""
        cells = (
            each.name,
            each.kind,
            of,
            minute_text(each.starts_at),
            until + over,
            each.created_by,
            each.comment,
        )
        table.add_row(*map(escape, cells))
    console.print(table)


@app.command("unsilence")
@reports_errors
def unsilence(name: Annotated[str, typer.Argument(help="Its name.")]) -> None:
    """Delete a silence or an acknowledgement."""
    from foresight.services import notifications
    from foresight.wiring.connections import results

    notifications.delete_silence(results(), name)
    console.print(f"{name}: deleted", markup=False, highlight=False)


def _add(given: Any) -> None:
    from foresight.services import notifications
    from foresight.wiring.connections import results

    notifications.add_silence(results(), given)
    console.print(f"{given.name}: added", markup=False, highlight=False)


def _labels(given: Sequence[str] | None) -> tuple[tuple[str, str], ...]:
    wrong = [each for each in given or () if "=" not in each]
    if wrong:
        raise FinalError(f"--label {wrong[0]!r}: write label=value")
    return tuple((each.partition("=")[0], each.partition("=")[2]) for each in given or ())


def _length(text: str) -> int:
    from foresight.durations import duration_seconds

    if text in {"0", "0s"}:
        return 0
    return int(_checked(duration_seconds, text))


def _checked(read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise FinalError(f"{text!r}: {error}") from error
