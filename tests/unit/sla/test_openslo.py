"""OpenSLO in and out."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.documents import parse_documents
from foresight.errors import InvalidDocument, Mistake
from foresight.matchers import Matcher
from foresight.sla.definitions import Notes, Sla, Sli
from foresight.sla.files import parse_slas
from foresight.sla.openslo import from_openslo
from foresight.sla.openslo_export import openslo_text, to_openslo

PREFIX = "foresight.dev/"
ANNOTATION = "metadata.annotations.foresight.dev/"

names = st.text("aB0-._", min_size=1, max_size=9).map(lambda inner: f"x{inner}x")
texts = st.text("aZ0 :#'\"{}[]|>-%ä–\n\\", max_size=12)
bounds = st.floats(allow_nan=False, allow_infinity=False)
values = st.text('ab"\\\n\t{,ä', max_size=5)
expressions = st.sampled_from(["a|b", r"/dev/sd\w+", ".*"])
matchers = st.one_of(
    st.builds(Matcher, st.sampled_from(["job", "fs"]), st.sampled_from(["=", "!="]), values),
    st.builds(Matcher, st.just("fs"), st.sampled_from(["=~", "!~"]), expressions),
)
notes = st.builds(
    Notes,
    texts,
    st.lists(st.tuples(st.sampled_from(["team", "tier"]), texts), max_size=3, unique=True).map(
        lambda pairs: tuple(sorted(pairs, key=lambda pair: pair[0]))
    ),
    st.dictionaries(st.sampled_from(["x.org/a", "x.org/b"]), texts).map(lambda found: tuple(found.items())),
)


@st.composite
def slis(draw: st.DrawFn) -> Sli:
    lower, upper = sorted([draw(bounds), draw(bounds)])
    given_bounds = draw(st.sampled_from([(lower, upper), (lower, None), (None, upper)]))
    return Sli(
        draw(names),
        draw(st.sampled_from(["up", "node:load:rate5m", "wörter/sekunde", 'a"b'])),
        *given_bounds,
        draw(st.floats(0, 1, exclude_min=True, exclude_max=True)),
        tuple(draw(st.lists(matchers, max_size=3))),
        tuple(sorted(draw(st.sets(st.integers(1, 720), min_size=1, max_size=4)))),
        draw(texts),
        draw(notes),
    )


slas = st.builds(
    Sla,
    names,
    st.lists(slis(), min_size=1, max_size=3, unique_by=lambda sli: sli.name).map(tuple),
    texts,
    texts,
    at_risk_probability=st.floats(0, 1, exclude_min=True),
    notes=notes,
)


@settings(max_examples=40, deadline=None)
@given(st.lists(slas, min_size=1, max_size=3, unique_by=lambda sla: sla.name))
def test_what_is_written_is_read_back_the_same(written: list[Sla]) -> None:
    assert sorted(written, key=lambda sla: sla.name) == parse_slas(openslo_text(written), "f")


@settings(deadline=None)
@given(slas)
def test_every_name_is_a_dns_label_and_every_document_has_one_of_its_own(sla: Sla) -> None:
    documents = to_openslo(sla)
    named = [(document["kind"], document["metadata"]["name"]) for document in documents]
    assert len(set(named)) == len(named)
    for _, name in named:
        assert len(name) <= 63
        assert name.strip("abcdefghijklmnopqrstuvwxyz0123456789-") == ""
        assert not name.startswith("-")
        assert not name.endswith("-")


def test_indicators_whose_joined_names_look_alike_keep_documents_of_their_own() -> None:
    first = Sla("a", (Sli("b--c", "up", 0.0, None),))
    second = Sla("a--b", (Sli("c", "up", 0.0, None),))
    assert [first, second] == parse_slas(openslo_text([first, second]), "f")


def slo(**changes: Any) -> dict[str, Any]:
    """A one-sided SLO that another tool may have written; ``a__b=x`` sets a field."""
    spec: dict[str, Any] = {
        "service": "shop",
        "indicator": {
            "metadata": {"name": "cpu"},
            "spec": {
                "thresholdMetric": {
                    "metricSource": {"type": "Prometheus", "spec": {"query": 'cpu{host=~"web.*"}'}}
                }
            },
        },
        "timeWindow": [{"duration": "6h", "isRolling": True}],
        "budgetingMethod": "Timeslices",
        "objectives": [
            {"op": "lte", "value": 0.8, "target": 0.95, "timeSliceTarget": 1, "timeSliceWindow": "1m"}
        ],
    }
    document = {"apiVersion": "openslo/v1", "kind": "SLO", "metadata": {"name": "cpu-low"}, "spec": spec}
    parts = {"OBJECTIVE": ["spec", "objectives", "0"], "WINDOW": ["spec", "timeWindow", "0"]}
    for path, value in changes.items():
        *parents, field = [step for part in path.split("__") for step in parts.get(part, [part])]
        place: Any = document
        for parent in parents:
            place = place[int(parent) if parent.isdigit() else parent]
        if value is ...:
            del place[field]
        else:
            place[field] = value
    return document


def document(kind: str, name: str, spec: dict[str, Any], **annotations: str) -> dict[str, Any]:
    prefixed = {f"foresight.dev/{key.replace('_', '-')}": text for key, text in annotations.items()}
    metadata = {"name": name, "annotations": prefixed}
    return {"apiVersion": "openslo/v1", "kind": kind, "metadata": metadata, "spec": spec}


def policy(**condition: Any) -> dict[str, Any]:
    burning = {"kind": "burnrate", "op": "gt", "threshold": 14.4, "lookbackWindow": "1h", "alertAfter": "0m"}
    return document(
        "AlertPolicy",
        "fast",
        {
            "alertWhenBreaching": True,
            "alertWhenResolved": True,
            "conditions": [
                {
                    "kind": "AlertCondition",
                    "metadata": {"name": "fast"},
                    "spec": {"severity": "page", "condition": burning | condition},
                }
            ],
            "notificationTargets": [],
        },
    )


def text_of(*documents: dict[str, Any]) -> str:
    return yaml.safe_dump_all(documents, sort_keys=False)


def read(*documents: dict[str, Any]) -> list[Sla]:
    return parse_slas(text_of(*documents), "slo.yaml")


def refused(*documents: dict[str, Any]) -> Mistake:
    with pytest.raises(InvalidDocument) as caught:
        read(*documents)
    [mistake] = caught.value.mistakes
    return mistake


class TestImport:
    def test_an_slo_of_another_tool_becomes_an_indicator_of_its_service(self) -> None:
        expected = Sli("cpu-low", "cpu", None, 0.8, 0.95, (Matcher("host", "=~", "web.*"),), (360,))
        assert [Sla("shop", (expected,))] == read(slo())

    @pytest.mark.parametrize(
        ("op", "expected"),
        [
            ("lte", (None, 0.8)),
            ("gte", (0.8, None)),
            ("lt", (None, math.nextafter(0.8, 0))),
            ("gt", (math.nextafter(0.8, 1), None)),
        ],
    )
    def test_a_strict_comparison_bounds_at_the_next_number(
        self, op: str, expected: tuple[float | None, float | None]
    ) -> None:
        [sla] = read(slo(spec__objectives__0__op=op))
        assert expected == (sla.slis[0].lower, sla.slis[0].upper)

    def test_a_second_bound_and_more_windows_ride_in_annotations(self) -> None:
        ours = {"foresight.dev/min": "0", "foresight.dev/windows": "30m, 6h"}
        [sla] = read(slo(metadata__annotations=ours))
        assert (sla.slis[0].lower, sla.slis[0].upper, sla.slis[0].windows) == (0.0, 0.8, (30, 360))

    def test_a_service_gives_owner_threshold_and_description(self) -> None:
        service = document(
            "Service", "shop", {"description": "sells"}, owner="ann", at_risk_probability="0.25"
        )
        [sla] = read(service, slo())
        assert (sla.owner, sla.description, sla.at_risk_probability) == ("ann", "sells", 0.25)

    def test_an_indicator_may_be_a_document_of_its_own(self) -> None:
        indicator = slo()["spec"]["indicator"]["spec"]
        separate = slo(spec__indicator=..., spec__indicatorRef="cpu")
        assert read(slo()) == read(separate, document("SLI", "cpu", indicator))

    def test_a_target_may_be_a_percentage(self) -> None:
        [sla] = read(slo(spec__objectives__0__target=..., spec__objectives__0__targetPercent=99.9))
        assert sla.slis[0].objective == 0.999

    def test_texts_and_labels_for_people_are_kept(self) -> None:
        [sla] = read(
            slo(
                metadata__displayName="Low CPU",
                metadata__labels={"team": ["a", "b"], "tier": "1"},
                metadata__annotations={"tool.org/id": "7"},
                spec__objectives__0__displayName="below 0.8",
                spec__description="of the SLO",
                spec__indicator__spec__description="of the SLI",
            )
        )
        labels = (("team", "a"), ("team", "b"), ("tier", "1"))
        assert Notes("Low CPU / below 0.8", labels, (("tool.org/id", "7"),)) == sla.slis[0].notes
        assert sla.slis[0].description == "of the SLO / of the SLI"

    def test_an_alert_policy_that_every_indicator_has_anyway_is_taken(self) -> None:
        assert read(slo()) == read(slo(spec__alertPolicies=["fast"]), policy())
        assert read(slo()) == read(slo(spec__alertPolicies=[{"alertPolicyRef": "fast"}]), policy())

    def test_documents_stand_beside_the_short_form(self) -> None:
        short = "slas:\n  - {name: a, slis: [{name: i, metric: up, min: 0}]}\n"
        assert [sla.name for sla in parse_slas(f"{short}---\n{text_of(slo())}", "f")] == ["a", "shop"]

    def test_documents_alone_can_be_read_too(self) -> None:
        assert read(slo()) == from_openslo(parse_documents(text_of(slo()), "f"))


class TestRefusal:
    @pytest.mark.parametrize(
        ("changes", "field", "reason"),
        [
            ({"apiVersion": "openslo/v2"}, "apiVersion", "must be openslo/v1"),
            ({"kind": "Slo"}, "kind", "did you mean SLO?"),
            ({"kind": ["SLO"]}, "kind", "there are SLO, SLI, Service"),
            (
                {"metadata__annotations": {PREFIX + "mni": "1"}},
                ANNOTATION + "mni",
                "did you mean foresight.dev/min?",
            ),
            (
                {"metadata__annotations": {PREFIX + "max": "1"}},
                ANNOTATION + "max",
                "0.8",
            ),
            (
                {"metadata__annotations": {PREFIX + "min": "x"}},
                ANNOTATION + "min",
                "a number is needed",
            ),
            ({"metadata__annotations": {PREFIX + "min": "nan"}}, "spec", "finite"),
            ({"metadata__annotations": {PREFIX + "min": "0.9"}}, "spec", "min 0.9 is above max 0.8"),
            (
                {"metadata__annotations": {PREFIX + "windows": "1h"}},
                ANNOTATION + "windows",
                "not that of timeWindow",
            ),
            (
                {"metadata__annotations": {PREFIX + "windows": "90s,6h"}},
                ANNOTATION + "windows",
                "multiple of the step",
            ),
            (
                {"spec__timeWindow": [{"duration": "5w", "isRolling": True}]},
                "spec.timeWindow[0].duration",
                "at most 30d long, got 35d",
            ),
            ({"WINDOW__isRolling": False}, "spec.timeWindow[0].isRolling", "needs its calendar"),
            (
                {"WINDOW__calendar": {"timeZone": "UTC"}},
                "spec.timeWindow[0].calendar",
                "rolls has no calendar",
            ),
            ({"WINDOW__duration": "1M"}, "spec.timeWindow[0].duration", "a month has no fixed length"),
            ({"spec__budgetingMethod": "RatioTimeslices"}, "spec.budgetingMethod", "Occurrences, Timeslices"),
            (
                {"OBJECTIVE__timeSliceTarget": 1.9},
                "spec.objectives[0].timeSliceTarget",
                "share from 0 to 1",
            ),
            (
                {"OBJECTIVE__timeSliceWindow": 7},
                "spec.objectives[0].timeSliceWindow",
                "none of 7",
            ),
            ({"OBJECTIVE__target": 1.0}, "spec.objectives[0].target", "between 0 and 1"),
            ({"OBJECTIVE__targetPercent": 5}, "spec.objectives[0]", "either target or"),
            (
                {"OBJECTIVE__compositeWeight": 1},
                "spec.objectives[0]",
                "composite",
            ),
            ({"OBJECTIVE__value": math.nan}, "spec.objectives[0].value", "finite"),
            ({"spec__objectives": []}, "spec.objectives", "at least one"),
            ({"spec__indicator": ...}, "spec", "either indicator or indicatorRef"),
            ({"spec__indicator": ..., "spec__indicatorRef": "x"}, "spec.indicatorRef", "there is no SLI 'x'"),
            ({"spec__alertPolicies": ["x"]}, "spec.alertPolicies[0]", "there is no AlertPolicy 'x'"),
        ],
    )
    def test_what_cannot_be_carried_is_refused_with_its_reason(
        self, changes: dict[str, Any], field: str, reason: str
    ) -> None:
        mistake = refused(slo(**changes))
        assert field == mistake.field
        assert reason in mistake.reason
        assert mistake.line >= 1

    @pytest.mark.parametrize(
        "query",
        [
            "x[5m]",
            "{job='a'}",
            'x{__name__="y"}',
            'x{a="1"',
            "",
            "x{a=1}",
            'x{a="\\q"}',
        ],
    )
    def test_a_query_that_no_server_can_answer_is_refused(self, query: str) -> None:
        source = {"metricSource": {"type": "Prometheus", "spec": {"query": query}}}
        mistake = refused(slo(spec__indicator__spec={"thresholdMetric": source}))
        assert mistake.field.endswith("metricSource.spec.query")

    @pytest.mark.parametrize(
        ("source", "reason"),
        [
            ({"type": "Datadog", "spec": {"query": "x"}}, "metrics come from Prometheus"),
            ({"metricSourceRef": "mine", "spec": {"query": "x"}}, "there is no DataSource 'mine'"),
            ({"spec": {"query": "x", "step": 5}}, "no such key"),
        ],
    )
    def test_any_other_source_is_refused(self, source: dict[str, Any], reason: str) -> None:
        changed = {"thresholdMetric": {"metricSource": source}}
        assert reason in refused(slo(spec__indicator__spec=changed)).reason

    @pytest.mark.parametrize(
        ("condition", "field"),
        [
            ({"op": "lte"}, "op"),
            ({"kind": "other"}, "kind"),
            ({"threshold": 0}, "threshold"),
            ({"threshold": "5"}, "threshold"),
            ({"lookbackWindow": "90s"}, "lookbackWindow"),
            ({"alertAfter": "1Q"}, "alertAfter"),
            ({"after": "1h"}, "after"),
        ],
    )
    def test_an_alert_that_cannot_be_judged_is_refused(self, condition: dict[str, Any], field: str) -> None:
        mistake = refused(slo(spec__alertPolicies=["fast"]), policy(**condition))
        assert mistake.field == f"spec.conditions[0].spec.condition.{field}"

    def test_services_and_indicators_that_nothing_uses_are_refused(self) -> None:
        unused = document("SLI", "other", slo()["spec"]["indicator"]["spec"])
        assert "no SLO refers" in refused(slo(), unused).reason
        assert "no SLO is of this service" in refused(slo(), document("Service", "other", {})).reason

    def test_one_name_for_two_documents_is_refused(self) -> None:
        service = document("Service", "shop", {})
        assert "another Service has this name" in refused(service, service, slo()).reason
        assert "another SLI of this SLA" in refused(slo(), slo()).reason

    def test_an_sla_may_not_be_in_both_forms(self) -> None:
        short = "slas:\n  - {name: shop, slis: [{name: i, metric: up, min: 0}]}\n"
        with pytest.raises(InvalidDocument, match="another SLA is named 'shop' too"):
            parse_slas(f"{short}---\n{text_of(slo())}", "f")

    def test_an_unknown_metric_is_refused(self) -> None:
        with pytest.raises(InvalidDocument, match="no watched metric is called 'cpu'"):
            parse_slas(text_of(slo()), "f", ["up"])

    def test_a_mistake_in_one_document_does_not_hide_another(self) -> None:
        with pytest.raises(InvalidDocument) as caught:
            read(slo(spec__budgetingMethod="x"), slo(kind="X"), slo(spec__indicator=...))
        assert len(caught.value.mistakes) == 3


def test_two_bounds_are_written_as_an_upper_one_and_an_annotation() -> None:
    sla = Sla("Host", (Sli("mem.free", "free_bytes", 0.0, 5e10, 0.99, windows=(60, 720)),), owner="ann")
    service, written, *policies = to_openslo(sla)
    assert service["metadata"]["annotations"]["foresight.dev/name"] == "Host"
    assert tuple(
        written["spec"]["objectives"][0][field]
        for field in ("op", "value", "target", "timeSliceTarget", "timeSliceWindow")
    ) == ("lte", 5e10, 0.99, 1.0, "1m")
    assert written["metadata"]["annotations"]["foresight.dev/min"] == "0.0"
    assert written["spec"]["timeWindow"] == [{"duration": "12h", "isRolling": True}]
    assert [one["metadata"]["name"] for one in policies] == ["burn-rate-fast", "burn-rate-slow"]
    short = replace(sla, slis=(replace(sla.slis[0], windows=(30,)),))
    assert [one["kind"] for one in to_openslo(short)] == ["Service", "SLO"]
