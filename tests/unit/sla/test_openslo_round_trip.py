"""Whatever a definition holds is exported to OpenSLO and read back as the same."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.sla.burn_rates import Alert
from foresight.sla.calendars import Calendar
from foresight.sla.definitions import Budget, Choices, Definitions, Sla, Sli, Target
from foresight.sla.files import parse_definitions
from foresight.sla.json_form import sla_document, sla_from_document
from foresight.sla.openslo_export import openslo_text
from foresight.sla.ratios import Expression, Ratio
from foresight.sla.rules import SLICES

queries = st.sampled_from(
    ["up", 'x_total{code=~"5.."}', "sum(rate(x[{{.window}}]))", "a / b > bool 1", '{"m.x","l.y"="z"}']
)
expressions = st.builds(Expression, queries, st.booleans())
shares = st.sampled_from([0.0, 0.5, 0.9, 0.999, 1.0])


@st.composite
def ratios(draw: st.DrawFn) -> Ratio:
    role = draw(st.sampled_from(["good", "bad", "raw"]))
    given_parts = {role: Expression(draw(queries)) if role == "raw" else draw(expressions)}
    if role != "raw":
        given_parts["total"] = draw(expressions)
    return Ratio(
        **given_parts,
        raw_is=draw(st.sampled_from(["good", "bad"])) if role == "raw" else "good",
        good_absent=draw(st.sampled_from(["missing", "zero"])),
        no_traffic=draw(st.sampled_from(["ignore", "good", "bad"])),
        rate_window_seconds=draw(st.sampled_from([60, 300, 3600])),
        min_events=draw(st.sampled_from([0.5, 1.0, 100.0])),
    )


@st.composite
def budgets(draw: st.DrawFn) -> Budget:
    if draw(st.booleans()):
        return Budget("occurrences", 1, draw(st.one_of(st.none(), shares)))
    return Budget("timeslices", draw(st.sampled_from(SLICES)), draw(shares))


choices = st.builds(
    Choices,
    st.just("count"),
    st.sampled_from(["worst", "mean", "sum", "share"]),
    st.sampled_from(["ignore", "good", "bad"]),
    st.one_of(st.none(), st.sampled_from([0.25, 1.0])),
    st.one_of(st.none(), st.sampled_from([0.01, 12.0])),
)
alerts = st.builds(
    Alert,
    st.sampled_from(["mine", "Other.One", "third"]),
    st.sampled_from(["page", "sev1"]),
    st.sampled_from([0.5, 2.0, 14.5]),
    st.sampled_from([30, 60, 4320]),
    st.sampled_from([0, 5, 30]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.lists(st.sampled_from(["on-call", "Team.A"]), unique=True).map(tuple),
)
calendars = st.one_of(
    st.none(),
    st.just(Calendar(1, "M", "2024-01-01 00:00:00", "Europe/Berlin")),
    st.just(Calendar(2, "w", "2022-01-01 12:00:00", "UTC")),
)


@st.composite
def slis(draw: st.DrawFn) -> Sli:
    kind = draw(st.sampled_from(["metric", "expression", "ratio"]))
    chosen = draw(choices)
    bounds = (
        (None, None) if kind == "ratio" else draw(st.sampled_from([(0.0, None), (None, 2.5), (-1.0, 1e10)]))
    )
    return Sli(
        draw(st.sampled_from(["a", "b.c", "D"])),
        "up" if kind == "metric" else "",
        *bounds,
        draw(st.sampled_from([0.9, 0.999])),
        windows=draw(st.sampled_from([(60, 720), (90,), (120, 1440)])),
        expression=Expression(draw(queries)) if kind == "expression" else None,
        ratio=draw(ratios()) if kind == "ratio" else None,
        budget=draw(budgets()),
        choices=Choices("count", "worst", *_rest(chosen)) if kind == "ratio" else chosen,
        alerts=tuple(draw(st.lists(alerts, max_size=2, unique_by=lambda alert: alert.name))),
        calendar=draw(calendars),
    )


def _rest(given_choices: Choices) -> tuple[str, float | None, float | None]:
    return given_choices.no_data, given_choices.at_risk_probability, given_choices.cost_per_minute


slas = st.builds(
    Sla,
    st.sampled_from(["shop", "Host"]),
    st.lists(slis(), min_size=1, max_size=2, unique_by=lambda s: s.name).map(tuple),
)
TARGETS = (Target("Team.A", "slack", "us"), Target("on-call", "pagerduty"))


@settings(max_examples=25, deadline=None)
@given(slas)
def test_what_is_exported_is_read_back_the_same(sla: Sla) -> None:
    read = parse_definitions(openslo_text([sla], TARGETS), "f").definitions
    assert Definitions((sla,), TARGETS) == read


@settings(max_examples=25, deadline=None)
@given(slas)
def test_what_is_stored_is_read_back_the_same(sla: Sla) -> None:
    read = sla_from_document(sla_document(sla))
    assert sla == read
    assert sla.revision == read.revision
