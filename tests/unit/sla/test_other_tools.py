"""Documents of OpenSLO, Sloth and Pyrra as their projects publish them, and of the same shapes."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest

from foresight.documents import read_documents
from foresight.errors import InvalidDocument
from foresight.sla.definitions import Budget
from foresight.sla.files import Lint, parse_definitions, parse_slas
from foresight.sla.openslo_export import openslo_text
from foresight.sla.ratios import Expression, Ratio
from tests.unit.sla.golden import EXPECTED, FILES, FOLDER, found, outcomes

LIBRARY_WORDS = ("pydantic", "validation error", "Input should", "Field required", "Traceback", "errors.")


def name_of(path: Path) -> str:
    return str(path.relative_to(FOLDER))


def test_each_document_is_imported_or_refused_as_expected() -> None:
    assert json.loads(EXPECTED.read_text()) == outcomes()


def test_there_are_documents_of_every_kind() -> None:
    folders = Counter(path.parent.name for path in FILES)
    assert (folders["openslo"], folders["sloth"], folders["pyrra"]) == (9, 4, 4)
    assert folders["own"] >= 20


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_what_imports_exports_and_imports_again_as_the_same(path: Path) -> None:
    read = found(path).definitions
    text = openslo_text(read.slas, read.targets)
    again = parse_definitions(text, "exported").definitions if text else read
    assert read == again


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_each_document_that_is_refused_has_one_reason_in_our_words(path: Path) -> None:
    read = found(path)
    try:
        documents = [each for whole in read_documents(path) for each in whole.members()]
    except InvalidDocument:
        assert len(read.mistakes) == 1
        return
    starts = [document.line(()) for document in documents]
    owners = Counter(max(start for start in starts if start <= mistake.line) for mistake in read.mistakes)
    assert set(owners.values()) <= {1}
    assert not [word for mistake in read.mistakes for word in LIBRARY_WORDS if word in mistake.reason]
    if path.parent.name == "own":
        assert path.stem.endswith("-refused") == bool(read.mistakes)


def of(path: str) -> Lint:
    return found(FOLDER / path)


def test_sloths_events_are_bad_of_total_over_thirty_days_and_its_labels_are_kept() -> None:
    [sla] = of("sloth/no-alerts.yml").definitions.slas
    [sli] = sla.slis
    assert (sla.name, sla.owner, sla.notes.labels) == ("myapp", "myteam", (("owner", "myteam"),))
    assert (sli.objective, sli.windows[-1], sli.budget) == (0.9999, 30 * 24 * 60, Budget("occurrences"))
    assert sli.ratio is not None
    assert sli.ratio.bad is not None
    assert sli.ratio.bad.is_rate


def test_pyrras_latency_is_good_of_total_as_counters() -> None:
    [sla] = of("pyrra/apiserver-read-resource-latency.yaml").definitions.slas
    metric = "apiserver_request_sli_duration_seconds"
    assert sla.slis[0].ratio == Ratio(
        good=Expression(f'{metric}_bucket{{verb=~"LIST|GET",le="0.1"}}', counter=True),
        total=Expression(f'{metric}_count{{verb=~"LIST|GET"}}', counter=True),
    )
    assert sla.slis[0].windows == (60, 180, 720, 2 * 7 * 24 * 60)


def test_objects_of_kubernetes_are_read_as_the_files_are() -> None:
    [sla] = of("own/sloth-crd.yaml").definitions.slas
    assert (sla.name, sla.notes.labels) == ("house", (("cluster", "attic"),))
    assert [note.field for note in of("own/sloth-crd.yaml").notes] == [
        "spec.slos[0].alerting.pageAlert.labels",
        "spec.slos[0].alerting.ticketAlert.disable",
    ]
    [note] = of("own/pyrra-kubectl.yaml").notes
    assert note.reason.startswith("left out: Kubernetes keeps creationTimestamp, ")
    assert [sla.name for sla in of("own/pyrra-list.yaml").definitions.slas] == ["a", "b"]


def test_labels_of_sloth_are_kept_as_they_are_written() -> None:
    [sla] = of("own/sloth-labels-of-other-types.yaml").definitions.slas
    assert sla.notes.labels == (("generated", "true"), ("tier", "2"), ("grade", "0.2"))


def test_several_objectives_of_an_slo_are_slis_of_their_own() -> None:
    [sla] = of("own/openslo-bad-over-total.yaml").definitions.slas
    assert [(sli.name, sli.objective) for sli in sla.slis] == [
        ("shop-errors-gold", 0.999),
        ("shop-errors-bronze", 0.99),
    ]


def test_what_has_no_counterpart_is_named() -> None:
    notes = [note.field for note in of("sloth/getting-started.yml").notes]
    assert notes == [
        "slos[0].alerting.labels",
        "slos[0].alerting.annotations",
        "slos[0].alerting.page_alert.labels",
        "slos[0].alerting.ticket_alert.labels",
    ]


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("slas: [{nmae: a, slis: [{name: i, metric: up, min: 0}]}]", "name"),
        ("slas: [{name: a, sli: [{name: i, metric: up, min: 0}]}]", "slis"),
        ("slas: [{name: a, slis: [{name: i, ration: {raw: x}}]}]", "ratio"),
        (
            "slas: [{name: a, slis: [{name: i, metric: up, min: 0, atRiskProbability: 1}]}]",
            "at_risk_probability",
        ),
        ("{version: prometheus/v1, service: a, slo: []}", "slos"),
        ("{apiVersion: openslo/v1, kind: SLO, metdata: {name: a}, spec: {}}", "metadata"),
    ],
)
def test_a_misspelt_key_is_one_mistake_that_says_which_key_is_meant(written: str, meant: str) -> None:
    with pytest.raises(InvalidDocument) as caught:
        parse_slas(written, "f")
    reasons = [mistake.reason for mistake in caught.value.mistakes]
    assert [reason for reason in reasons if "no such key" in reason] == [
        f"there is no such key; did you mean {meant}?"
    ]
    assert not [reason for reason in reasons if reason == f"{meant} is needed"]
