"""How good the probabilities were: judge, report; and the calibrator in use: history, refit, roll back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from foresight.cli.console import caller, console, escape, print_json, reports_errors
from foresight.cli.console import table as new_table
from foresight.instants import minute_text

if TYPE_CHECKING:
    from foresight.services.calibrators import Decision
    from foresight.services.verification_report import Report

app = typer.Typer(no_args_is_help=True, help=__doc__, rich_markup_mode=None)
Json = Annotated[bool, typer.Option("--json", help="Everything as JSON.")]
By = Literal["horizon", "sla", "metric", "model", "calibrator"]


@app.command("report")
@reports_errors
def report(
    days: Annotated[int, typer.Option(help="How many days, the present one included.")] = 30,
    by: Annotated[By, typer.Option(help="What scores are told apart by.")] = "horizon",
    plot: Annotated[Path | None, typer.Option(help="Write a picture to this PNG file.")] = None,
    json: Json = False,
) -> None:
    """Scores of the probabilities against what happened, from the stored daily sums."""
    from foresight.services.verification_report import report as make
    from foresight.wiring.connections import results

    found = make(results(), int(time.time()), days=days, grouping=by)
    if plot is not None:
        from foresight.services.verification_plots import report_picture

        plot.write_bytes(report_picture(found))
    if json:
        print_json(found.plain())
        return
    counts = ", ".join(f"{n:,} {name.removeprefix('n_')}" for name, n in found.counts.items() if n)
    console.print(f"predictions: {counts}", markup=False, highlight=False)
    console.print(_scores_table(found))
    console.print(_bands_table(found))


@app.command("run")
@reports_errors
def run(
    hour: Annotated[str, typer.Option(help="End of an hour: 2026-01-31T22:00:00Z. Empty: what is due.")] = "",
    json: Json = False,
) -> None:
    """Judge the predictions of an hour, or of every hour that is due; the same again changes nothing."""
    from foresight.services import verification
    from foresight.services.sla_history import as_of_or_newest
    from foresight.wiring.connections import results

    if hour:
        end = as_of_or_newest(results(), hour, is_stored=False, now=0)
        found = [verification.verify_hour(results(), -(-end // 3600) * 3600)]
    else:
        found = verification.verify_due(results(), int(time.time()))
    if json:
        print_json(verification.plain_hours(found))
        return
    table = new_table("hour", "predicted", *verification.KINDS, box=None)
    for each in found:
        kinds = [str(getattr(each, f"n_{kind}")) for kind in verification.KINDS]
        table.add_row(minute_text(each.hour), str(each.n_predicted), *kinds)
    console.print(table)


@app.command("history")
@reports_errors
def history(json: Json = False) -> None:
    """Every decision about the calibrator in use, the newest first."""
    from foresight.services.calibrators import history as read
    from foresight.wiring.connections import results

    changes, versions = read(results())
    if json:
        print_json({"changes": changes, "versions": versions})
        return
    table = new_table(
        "at", "action", "calibrator", "in use", "gain", "95 %", "skill", "by", "reason", box=None
    )
    for each in changes:
        between = f"{_number(each.gain_low, 5)} … {_number(each.gain_high, 5)}"
        skill = f"{_number(each.skill_before)} → {_number(each.skill_after)}"
        facts = (
            minute_text(each.as_of), each.action, each.version, each.in_use, _number(each.gain, 5), between,
            skill, each.changed_by, each.reason,
        )  # fmt: skip
        table.add_row(*map(escape, facts))
    console.print(table)


@app.command("refit")
@reports_errors
def refit() -> None:
    """Fit the calibrator to the outcomes so far, and take it into use if it is better."""
    from foresight.services.calibrators import refit as fit
    from foresight.wiring.connections import results

    decisions = fit(results(), int(time.time()), by=caller())
    if not decisions:
        text = "nothing to learn from yet: outcomes of both kinds are needed, from two as-ofs on"
        console.print(text, markup=False)
    _print_decisions(decisions)


@app.command("roll-back")
@reports_errors
def roll_back(
    reason: Annotated[str, typer.Option(help="Why, for the history.")],
    expected: Annotated[
        str | None, typer.Option(help="The calibrator in use; nothing is done where it is another.")
    ] = None,
) -> None:
    """Go back to the calibrator before the one in use."""
    from foresight.services.calibrators import roll_back as back
    from foresight.wiring.connections import results

    found = back(results(), int(time.time()), by=caller(), reason=reason, expected=expected)
    _print_decisions([found])


def _print_decisions(decisions: list[Decision]) -> None:
    for each in decisions:
        text = f"{each.version} {each.action}: {each.reason}; in use: {each.in_use}"
        console.print(text, markup=False, highlight=False)


def _scores_table(found: Report) -> Any:
    table = new_table(
        found.grouping, "min", "judged", "violated", "skill", "own past", "AUC", "AP", "ECE", "ECE05",
        "said .25–.35", "first min off", "foretold", "lead", box=None,
    )  # fmt: skip
    for line in found.lines:
        scores = line.scores
        facts = [
            line.name, str(line.horizon_minutes), f"{scores.n:,}", _number(scores.base_rate, 3),
            _number(scores.skill), _number(scores.skill_own_past), _number(scores.auc, 3),
            _number(scores.average_precision), _number(scores.ece, 3), _number(scores.ece05, 3),
            _number(line.said_03), _number(line.first_minute_error, 1), _number(line.foretold),
            _number(line.lead_minutes, 1),
        ]  # fmt: skip
        table.add_row(*map(escape, facts))
    return table


def _bands_table(found: Report) -> Any:
    table = new_table("metric", "forecaster", "paths", "joint", "by step", "width", "MASE", "CRPS", box=None)
    for band in found.bands:
        steps = f"{_number(min(band.coverage, default=None))} … {_number(max(band.coverage, default=None))}"
        facts = [
            band.metric or "all", band.model or "all", f"{band.n_paths:,}", _number(band.joint_coverage, 3),
            steps, _number(band.width), _number(band.mase), _number(band.crps),
        ]  # fmt: skip
        table.add_row(*map(escape, facts))
    return table


def _number(value: float | None, digits: int = 2) -> str:
    return "–" if value is None or value != value else f"{value:.{digits}f}"
