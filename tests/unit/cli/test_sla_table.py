"""The table of statuses on a terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from rich.console import Console

from foresight.cli.sla_table import risk_bar, status_table
from foresight.services.status_lines import StatusLine, WindowLine, lines_from_rows, lines_of
from foresight.sla.definitions import Budget, Sli
from foresight.sla.quantities import between, quantity
from foresight.sla.ratios import Expression, Ratio
from foresight.sla.rows import status_rows
from foresight.sla.states import State
from tests.unit.sla.samples import sample
from tests.unit.sla.strategies import AS_OF

LINE = StatusLine(
    sla="host-resources",
    sli=Sli("filesystem-available", "node_filesystem_avail_bytes", 1e10, 5e10),
    as_of=AS_OF,
    state=State.AT_RISK,
    n_series=12,
    value=1.234e10,
    slot=AS_OF - 180,
    probability=0.62,
    first_slot=AS_OF + 240,
    windows=(
        WindowLine(60, 0, 0, 0.6, True),
        WindowLine(180, 17, 0, -15.2, False),
        WindowLine(720, 117, 3, -109.8, False),
    ),
)


def shown(*lines: StatusLine, width: int = 100) -> str:
    console = Console(width=width, force_terminal=False, color_system=None)
    with console.capture() as capture:
        console.print(status_table(lines))
    return capture.get()


def test_a_line_fits_into_a_hundred_columns_with_all_it_has_to_say() -> None:
    text = shown(LINE)
    assert all(len(row.rstrip()) <= 100 for row in text.splitlines())
    [row] = [row for row in text.splitlines() if "filesystem-available" in row]
    assert "×12" in text
    for part in ("at risk", "12.3 GB", "-3m", "10…50 GB", "0", "17", "117?", "-109.8m", "62%", "+4m"):
        assert part in row


def test_windows_that_differ_between_indicators_are_named_in_each_line() -> None:
    other = replace(LINE, sli=replace(LINE.sli, name="other"), windows=(WindowLine(90, 5, 0, 1.0, False),))
    text = shown(LINE, other, width=140)
    assert "1h: 0 3h: 17 12h: 117?" in text
    assert "90m: 5" in text


def test_an_sla_shows_its_worst_state_at_its_head() -> None:
    fine = replace(LINE, state=State.OK, sli=replace(LINE.sli, name="fine"))
    [head] = [row for row in shown(fine, LINE).splitlines() if "host-resources" in row]
    assert "at risk" in head


def test_what_is_unknown_is_a_dash() -> None:
    nothing = replace(
        LINE, state=State.NO_DATA, n_series=0, value=None, slot=None, probability=None, windows=()
    )
    [row] = [row for row in shown(nothing).splitlines() if "filesystem-available" in row]
    assert row.count("–") == 3


def test_a_budget_below_one_slot_is_marked_and_explained() -> None:
    text = shown(replace(LINE, windows=(WindowLine(720, 0, 0, 0.72, True),)))
    assert "0.7m*" in text
    assert "less than one minute" in text


def test_no_statuses_are_a_table_too() -> None:
    assert "no statuses" in shown()


def test_stored_rows_give_the_same_lines_as_the_statuses_they_were_made_of() -> None:
    made = sample()
    tables = {
        name: [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
        for name, columns in status_rows(made.figures).items()
    }
    for row in tables["sli_status"]:
        for column in ("as_of", "current_slot", "expected_first_slot"):
            if row[column] is not None:
                row[column] = datetime.fromtimestamp(row[column], UTC)
    slis = {(sla.name, sli.name): sli for sla in made.slas for sli in sla.slis}
    assert lines_of(made.statuses) == lines_from_rows(slis, tables["sli_status"], tables["sli_window"])
    assert lines_from_rows({}, tables["sli_status"], tables["sli_window"]) == []


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (None, "–"),
        (0.0, "····· 0%"),
        (0.004, "····· <1%"),
        (0.5, "██▌·· 50%"),
        (0.996, "█████ >99%"),
        (1.0, "█████ 100%"),
    ],
)
def test_a_probability_is_a_bar_and_a_number(probability: float | None, text: str) -> None:
    assert risk_bar(probability).plain == text


@pytest.mark.parametrize(
    ("value", "metric", "text"),
    [
        (9.882e9, "node_memory_MemFree_bytes", "9.88 GB"),
        (7960.0, "node_filefd_allocated", "7960"),
        (12345.0, "node_filefd_allocated", "12.3 k"),
        (0.0, "x_bytes", "0 B"),
        (0.00123, "x_seconds", "0.00123 s"),
        (-2.5e6, "x", "-2.5 M"),
        (1e18, "x_bytes_total", "1e+03 PB"),
    ],
)
def test_quantities_are_short_and_have_their_unit(value: float, metric: str, text: str) -> None:
    assert quantity(value, metric) == text


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [(9.882e9, 3.0e10, "9.88…30 GB"), (0.0, 5e10, "0…50 GB"), (None, 5e10, "≤ 50 GB"), (0.0, None, "≥ 0 B")],
)
def test_bounds_share_a_prefix(lower: float | None, upper: float | None, text: str) -> None:
    assert between(lower, upper, "x_bytes") == text


def test_a_ratio_shows_its_target_and_a_budget_of_events() -> None:
    ratio = Ratio(bad=Expression("bad"), total=Expression("total"))
    sli = Sli("answers", objective=0.99, ratio=ratio, budget=Budget("occurrences"))
    line = replace(LINE, sli=sli, value=0.5, windows=(WindowLine(720, 3, 0, 12_345.0, False, "events"),))
    [row] = [row for row in shown(line).splitlines() if "answers" in row]
    assert "≥ 0.856" in row
    assert "12.3 k" in row
