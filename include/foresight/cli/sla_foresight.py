"""Commands that ask what an SLA would have said, or would say: back-test and what-if."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from foresight.cli.console import console, errors, escape, print_json, reports_errors
from foresight.cli.console import table as new_table

if TYPE_CHECKING:
    from foresight.services.backtest import Alerting, SliBacktest
    from foresight.services.sla_history import ReadHistory
    from foresight.sla.definitions import Sla
    from foresight.sla.status import SlaStatus

Source = Annotated[
    Literal["store", "telemetry"],
    typer.Option("--from", help="Where samples come from: what is stored, or the telemetry anew."),
]
FromFile = Annotated[
    list[Path] | None,
    typer.Option("-f", "--file", help="Take the SLA from these files, not the active one."),
]
Until = Annotated[str, typer.Option(help="End: 2026-01-31T22:00:00Z. Empty: the newest stored as-of.")]


@reports_errors
def backtest(
    name: Annotated[str, typer.Argument(help="Name of the SLA.")],
    sli: Annotated[str | None, typer.Option(help="One SLI; all of them by default.")] = None,
    file: FromFile = None,
    source: Source = "store",
    days: Annotated[float, typer.Option(help="How much time before the end is tested.")] = 1.0,
    until: Until = "",
    every: Annotated[int, typer.Option(help="Minutes between predictions.")] = 10,
    cost_ratio: Annotated[float, typer.Option(help="False alarms that cost as much as one miss.")] = 10.0,
    plot: Annotated[Path | None, typer.Option(help="Write a picture to this PNG file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Everything as JSON.")] = False,
) -> None:
    """What the probabilities of an SLA would have said, and which alert threshold costs least."""
    from foresight.services import backtest as service
    from foresight.services.maintenance import list_downtime
    from foresight.services.sla_history import as_of_or_newest
    from foresight.wiring.connections import results

    end = as_of_or_newest(results(), until, is_stored=source == "store", now=int(time.time()))
    options = service.BacktestOptions(end - int(days * 1440) * 60, end, every, cost_ratio)
    sla = _sla(name, file)
    found = service.backtest_sla(
        _reader(source), sla, options, sli=sli, downtime=list_downtime(results()), progress=_progress
    )
    if plot is not None:
        from foresight.services.verification_plots import backtest_picture

        plot.write_bytes(backtest_picture(found))
    if json:
        print_json([each.plain() for each in found])
    else:
        console.print(_backtest_table(found))
        for each in found:
            if each.advice:
                console.print(f"{each.sli}: {each.advice}", markup=False, highlight=False)


@reports_errors
def what_if(
    name: Annotated[str, typer.Argument(help="Name of the SLA.")],
    sli: Annotated[str, typer.Argument(help="Name of the SLI.")],
    minimum: Annotated[str | None, typer.Option("--min", help="Another lower bound; open: none.")] = None,
    maximum: Annotated[str | None, typer.Option("--max", help="Another upper bound; open: none.")] = None,
    objective: Annotated[float | None, typer.Option(help="Another objective, such as 0.99.")] = None,
    at_risk: Annotated[float | None, typer.Option(help="Another alert threshold.")] = None,
    file: FromFile = None,
    source: Source = "store",
    until: Until = "",
    json: Annotated[bool, typer.Option("--json", help="Both as JSON.")] = False,
) -> None:
    """Past violations, budget and present risk with another bound or objective; nothing is saved."""
    from foresight.services.maintenance import list_downtime
    from foresight.services.sla_history import as_of_or_newest
    from foresight.services.what_if import what_if as ask
    from foresight.wiring.connections import results

    given = {"min": _bound(minimum), "max": _bound(maximum), "objective": objective}
    changes: dict[str, Any] = {key: value for key, value in given.items() if value is not None}
    changes = {key: None if value == "open" else value for key, value in changes.items()}
    if at_risk is not None:
        changes["at_risk_probability"] = at_risk
    end = as_of_or_newest(results(), until, is_stored=source == "store", now=int(time.time()))
    found = ask(_reader(source), _sla(name, file), sli, changes, end, downtime=list_downtime(results()))
    if json:
        print_json(found.plain())
        return
    from foresight.cli.sla_table import status_table
    from foresight.services.status_lines import lines_of

    for word, status in (("as it is", found.present), ("as it would be", found.changed)):
        console.print(word, markup=False, highlight=False)
        console.print(status_table(lines_of([status])))
    console.print(_difference(found.present, found.changed), markup=False, highlight=False)


def _sla(name: str, files: list[Path] | None) -> Sla:
    from foresight.services import slas
    from foresight.sla.files import load_slas
    from foresight.wiring.connections import results

    if not files:
        return slas.get_sla(results(), name)
    return slas.ActiveSlas(load_slas(files), {}).get(name)


def _reader(source: str) -> ReadHistory:
    from foresight.services.sla_history import source_history, stored_history
    from foresight.wiring.connections import open_telemetry, results
    from foresight.wiring.settings import catalogue

    return stored_history(results()) if source == "store" else source_history(open_telemetry(), catalogue())


def _bound(text: str | None) -> float | str | None:
    from foresight.errors import FinalError

    if text is None or text == "open":
        return text
    try:
        return float(text)
    except ValueError as error:
        raise FinalError(f"a bound is a number or the word open, got {text!r}") from error


def _backtest_table(found: list[SliBacktest]) -> Any:
    table = new_table(
        "SLI", "judged", "violated", "skill", "AUC", "alert from", "hits", "misses", "false alarms",
        "foretold", "lead", box=None,
    )  # fmt: skip
    for each in found:
        scores = each.scores
        facts = [
            escape(each.sli), f"{each.n_judged:,}", _share(scores.base_rate), _number(scores.skill),
            _number(scores.auc),
        ]  # fmt: skip
        table.add_row(*facts, *_alerting(each.present, "now "))
        if each.recommended is not None:
            table.add_row("", "", "", "", "", *_alerting(each.recommended, "best "))
    return table


def _alerting(alerting: Alerting, word: str) -> list[str]:
    lead = "–" if alerting.lead_minutes is None else f"{alerting.lead_minutes:.0f} min"
    return [
        f"{word}{alerting.threshold:.2f}", str(alerting.hits), str(alerting.misses),
        str(alerting.false_alarms), f"{alerting.foretold} of {alerting.violations}", lead,
    ]  # fmt: skip


def _difference(present: SlaStatus, changed: SlaStatus) -> str:
    before, after = present.slis[0], changed.slis[0]
    parts = [
        f"{old.violated} → {new.violated} violated minutes of {old.minutes}"
        for old, new in zip(before.windows, after.windows, strict=False)
        if old.minutes == new.minutes
    ]
    return "; ".join(parts)


def _number(value: float) -> str:
    return "–" if value != value else f"{value:.2f}"


def _share(value: float) -> str:
    return "–" if value != value else f"{value:.1%}"


def _progress(done: int, total: int) -> None:
    errors.print(f"{done} of {total} origins", markup=False, highlight=False)
