"""Statuses of SLIs as a table for terminals, readable at 100 columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Final

from rich import box
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from foresight.durations import duration_text
from foresight.services.status_lines import StatusLine
from foresight.sla.quantities import between, quantity
from foresight.sla.states import State, worst_state

if TYPE_CHECKING:
    from foresight.services.series_counts import Counted, SeriesCount
    from foresight.sla.definitions import Sla

STYLES: Final = {
    State.OK: "green",
    State.NO_TRAFFIC: "dim",
    State.MAINTENANCE: "cyan",
    State.STALE: "yellow",
    State.NO_DATA: "yellow",
    State.AT_RISK: "bold yellow",
    State.VIOLATED: "bold red",
}
BAR_CELLS: Final = 5
_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"


def status_table(lines: Sequence[StatusLine]) -> Table:
    """A table of the lines, a block an SLA, the SLA's own state at its head."""
    lengths = {tuple(window.minutes for window in line.windows) for line in lines if line.windows}
    shared = lengths.pop() if len(lengths) == 1 else None
    names = " ".join(f"{duration_text(minutes):>4}" for minutes in shared or ())
    table = Table(
        box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), title=_title(lines), title_justify="left"
    )
    table.caption, table.caption_justify = _caption(lines), "left"
    table.add_column("SLA · SLI", overflow="fold", min_width=16)
    table.add_column("state", no_wrap=True)
    table.add_column("now", justify="right", no_wrap=True)
    table.add_column("bounds", justify="right", no_wrap=True)
    table.add_column(f"minutes outside\n{names}".rstrip(), no_wrap=True)
    table.add_column("budget left", justify="right", width=7)
    table.add_column("next 10 min", no_wrap=True)
    for name, group in groupby(lines, key=lambda line: line.sla):
        mine = list(group)
        table.add_row(Text(name, style="bold"), _state(worst_state([line.state for line in mine])))
        for line in mine:
            table.add_row(*_cells(line, names_windows=shared is None))
        table.add_section()
    return table


def count_lines(slas: Sequence[Sla], found: Counted, at_most: int = 20) -> Iterator[str]:
    """What each SLI matches now: those that match nothing first, the rest in sum where there are many."""
    for sla in slas:
        given = [(sli.name, found.counts.get((sla.name, sli.name))) for sli in sla.slis]
        counted = [(name, count) for name, count in given if count is not None]
        order = sorted(counted, key=lambda each: bool(each[1].n_series))
        for name, count in order[:at_most]:
            why = f": {count.reason}" if count.reason else ""
            yield f"  {sla.name}/{name} matches {count.n_series or 'nothing'}{_series(count)} now{why}"
        if len(order) > at_most:
            n_empty = sum(not count.n_series for _, count in order[at_most:])
            yield f"  {sla.name}: {len(order) - at_most} more SLIs, {n_empty} of them match nothing now"


def _series(count: SeriesCount) -> str:
    return " series" if count.n_series else ""


def risk_bar(probability: float | None) -> Text:
    """A probability as a bar and a number; a dash where there is no forecast."""
    if probability is None:
        return Text("–", style="dim")
    eighths = round(probability * BAR_CELLS * 8)
    full, rest = divmod(eighths, 8)
    bar = ("█" * full + (_EIGHTHS[rest] if rest else "")).ljust(BAR_CELLS, "·")
    style = "red" if probability >= 0.5 else "yellow" if probability >= 0.1 else "green"
    return Text.assemble((bar, style), f" {_percent(probability)}")


def _cells(line: StatusLine, *, names_windows: bool) -> list[Text]:
    more = f" ×{line.n_series}" if line.n_series > 1 else ""
    lower = line.sli.slice_target if line.sli.counts_events else line.sli.lower
    upper = None if line.sli.counts_events else line.sli.upper
    bounds = between(lower, upper, line.sli.metric)
    return [
        Text(f"  {line.sli.name}{more}"),
        _state(line.state),
        _now(line),
        Text(bounds, style="dim"),
        _outside(line, names_windows=names_windows),
        _budget(line),
        _risk(line),
    ]


def _now(line: StatusLine) -> Text:
    if line.value is None or line.slot is None:
        return Text("–", style="dim")
    age = (line.as_of - line.slot) // 60
    text = Text(quantity(line.value, line.sli.metric))
    return text.append(f" -{age}m", style="dim") if age else text


def _outside(line: StatusLine, *, names_windows: bool) -> Text:
    """Minutes outside the bounds by window; ``?`` marks a window with missing slots."""
    text = Text()
    for window in line.windows:
        if names_windows:
            text.append(f"{duration_text(window.minutes)}: ", style="dim")
        count = f"{window.violated}{'?' if window.missing else ''}"
        text.append(count if names_windows else f"{count:>4}", style="red" if window.violated else "")
        text.append(" ")
    text.rstrip()
    return text


def _budget(line: StatusLine) -> Text:
    """What is left of the longest window's budget, in minutes; ``*`` where it is less than one slot long."""
    if not line.windows or line.state is State.NO_DATA:
        return Text("–", style="dim")
    window = line.windows[-1]
    mark = "*" if window.below_one_slot else ""
    left = quantity(window.budget_left, "") if window.unit == "events" else f"{window.budget_left:.1f}m"
    return Text(f"{left}{mark}", style="red" if window.budget_left < 0 else "")


def _risk(line: StatusLine) -> Text:
    text = risk_bar(line.probability)
    if line.probability is not None and line.probability >= 0.1 and line.first_slot is not None:
        text.append(f" +{max((line.first_slot - line.as_of) // 60, 1)}m", style="dim")
    return text


def _percent(probability: float) -> str:
    """Never 0 % or 100 % for what is only nearly so."""
    if 0 < probability < 0.01:
        return "<1%"
    if 0.99 < probability < 1:
        return ">99%"
    return f"{probability:.0%}"


def _state(state: State) -> Text:
    return Text(state.value.replace("_", " "), style=STYLES[state])


def _title(lines: Sequence[StatusLine]) -> str:
    if not lines:
        return "no statuses"
    newest = datetime.fromtimestamp(max(line.as_of for line in lines), UTC)
    return escape(f"SLAs as of {newest:%Y-%m-%d %H:%M} UTC")


def _caption(lines: Sequence[StatusLine]) -> str | None:
    windows = [window for line in lines for window in line.windows]
    notes = []
    if any(line.n_series > 1 for line in lines):
        notes.append("×n: n series, the worst is shown")
    if any(window.missing for window in windows):
        notes.append("?: slots are missing")
    if any(line.windows[-1].below_one_slot for line in lines if line.windows):
        notes.append("*: the budget is less than one minute, so the first bad one overspends it")
    return " · ".join(notes) or None
