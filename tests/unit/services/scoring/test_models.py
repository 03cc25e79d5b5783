"""Models from a file to a prediction: stored whole, checked on load, refused by name."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from foresight import files as file_module
from foresight.errors import BadAnswer, FinalError, NotFound
from foresight.scoring import trial
from foresight.scoring.errors import InvalidMapping, InvalidModel, InvalidRequest, UnsupportedModel
from foresight.services.scoring import models as model_service
from foresight.services.scoring.deployments import InvalidName, parse_reference
from foresight.store.models import Change
from foresight.wiring.scoring import _scoring_of, scoring
from tests.unit import registry as models
from tests.unit.iris import FLOWER, IRIS
from tests.unit.scoring.strangers import onnx_regression

ME = Change("me", 1_700_000_040, "why")


@pytest.fixture(autouse=True)
def _home(home: Path) -> None:
    """Results and models of this test."""


def changed(tmp_path: Path, text: str = "<!-- another -->") -> str:
    """The same tree in other bytes."""
    path = tmp_path / "other.pmml"
    path.write_text(IRIS.read_text() + text)
    return str(path)


def files(home: Path) -> list[str]:
    return sorted(path.suffix for path in (home / "models").glob("*/*"))


def test_a_stored_and_deployed_model_scores(home: Path) -> None:
    added = models.add("iris", str(IRIS), ME)
    assert models.deploy("iris", ME) == (1, "deployed")
    found, bad = models.score("iris", [FLOWER, {**FLOWER, "petal_width": None}])
    assert (added.version, added.is_new, bad) == (1, True, [1])
    assert found[0]["Prediction"] == {"PredictedValue": "setosa", "Confidence": 1.0} | found[0]["Prediction"]
    assert "petal_width is missing" in found[1]["PredictionError"]


def test_the_same_bytes_again_are_the_same_version(home: Path) -> None:
    first = models.add("iris", str(IRIS), ME)
    again = models.add("iris", IRIS.as_uri(), ME)
    assert (again.version, again.is_new, again.sha256) == (1, False, first.sha256)
    assert models.add("iris", changed(home), ME).version == 2
    assert files(home) == [".pmml", ".pmml"]


def test_what_nothing_here_runs_is_refused_and_nothing_is_stored(home: Path) -> None:
    with pytest.raises(UnsupportedModel, match="'mojo' is not supported, only"):
        models.add("iris", str(IRIS), ME, kind="mojo")
    with pytest.raises(InvalidModel, match="no ONNX model"):
        models.add("iris", str(IRIS), ME, kind="onnx")
    text = IRIS.read_text().replace("TreeModel", "TimeSeriesModel")
    (home / "series.pmml").write_text(text)
    with pytest.raises(UnsupportedModel, match="TimeSeriesModel"):
        models.add("iris", str(home / "series.pmml"), ME)
    assert files(home) == []
    with pytest.raises(NotFound, match="there are none"):
        models.get_model("iris")


def test_a_model_of_another_kind_is_stored_by_its_ending_and_scores(home: Path) -> None:
    (home / "iris.onnx").write_bytes(onnx_regression())
    models.add("iris", str(home / "iris.onnx"), ME)
    models.deploy("iris", ME, defaults={"field_mapping": [{"model_field": "__array__", "tuple_field": "a"}]})
    found, bad = models.score("iris", [{"a": [5.1, 3.5, 1.4, 0.2]}, {"a": [5.1, 3.5, 1.4, None]}])
    assert (found[0]["Prediction"]["species"], bad) == ("setosa", [1])
    assert "a[3] (X[3]) is missing" in found[1]["PredictionError"]


def test_what_only_running_shows_is_refused_before_it_runs_here(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "iris.onnx").write_bytes(onnx_regression())
    monkeypatch.setattr(model_service, "load_model", lambda *_: pytest.fail("it was loaded here"))
    monkeypatch.setattr(trial.try_out, "__kwdefaults__", {"seconds": 60, "memory": 64 * 1024**2})
    with pytest.raises(InvalidModel, match="64 MiB allowed"):
        models.add("iris", str(home / "iris.onnx"), ME)


@pytest.mark.parametrize("name", ["", "../iris", "a/b", "a@b", ".iris", "a" * 129, "ä"])
def test_a_name_that_is_no_folder_is_refused(name: str) -> None:
    with pytest.raises(InvalidName):
        models.add(name, str(IRIS), ME)


def test_a_file_that_is_not_there_is_refused() -> None:
    with pytest.raises(BadAnswer, match="no file"):
        models.add("iris", "/nowhere/iris.pmml", ME)


def test_a_file_too_large_is_not_even_read(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module.read_bytes, "__defaults__", (100,))
    with pytest.raises(BadAnswer, match="more than the 100 allowed"):
        models.add("iris", str(IRIS), ME)


def test_a_stored_file_that_was_changed_is_refused_on_load(home: Path) -> None:
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME)
    _scoring_of.cache_clear()
    (stored,) = (home / "models").glob("iris/*.pmml")
    stored.write_bytes(stored.read_bytes().replace(b"setosa", b"virgin"))
    with pytest.raises(BadAnswer, match="is not what was stored"):
        models.score("iris", [FLOWER])


def test_deployments_go_forth_and_back_with_their_defaults(home: Path) -> None:
    models.add("iris", str(IRIS), ME)
    models.add("iris", changed(home), ME)
    mapping = [{"model_field": "petal_width", "tuple_field": "pw"}]
    models.deploy("iris", ME, version=1, defaults={"field_mapping": mapping})
    assert models.deploy("iris", ME, defaults={}) == (2, "redeployed")
    assert models.score("iris", [FLOWER])[1] == []
    assert models.roll_back("iris", ME) == (2, 1)
    assert models.score("iris@champion", [FLOWER])[1] == [0]
    assert models.undeploy("iris", ME) == 1
    with pytest.raises(NotFound, match="no deployment 'champion'"):
        models.score("iris", [FLOWER])


def test_defaults_stay_where_nothing_is_said_about_them(home: Path) -> None:
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME, defaults={"bundle_size": 7})
    models.add("iris", changed(home), ME)
    models.deploy("iris", ME)
    settings = scoring().deployed("iris").settings(workers=2, queue_size=None)
    assert (settings.bundle_size, settings.workers) == (7, 2)


def test_the_old_name_of_workers_still_works_among_defaults(
    home: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME, defaults={"senders": 3})
    assert "the setting senders of a deployment is called workers now" in caplog.text
    deployed = scoring().deployed("iris")
    assert (deployed.defaults, deployed.settings().workers) == ({"workers": 3}, 3)
    # As an earlier release stored it.
    old = replace(deployed, defaults={"senders": 4})
    assert (old.settings().workers, old.settings(workers=2).workers) == (4, 2)


@pytest.mark.parametrize(
    ("defaults", "complaint"),
    [
        ({"senders": 1, "workers": 1}, "senders is the old name of workers"),
        ({"bundle_size": 0}, "bundle_size must be from 1"),
        ({"speed": 1}, "defaults have no speed, only field_mapping, bundle_size"),
        ({"field_mapping": [{"model_field": "petal", "tuple_field": "p"}]}, "no field 'petal'"),
    ],
)
def test_defaults_that_no_run_could_work_with_are_refused(
    home: Path, defaults: dict[str, Any], complaint: str
) -> None:
    models.add("iris", str(IRIS), ME)
    with pytest.raises(InvalidMapping, match=complaint):
        models.deploy("iris", ME, defaults=defaults)
    assert models.get_model("iris").deployments == []


def test_a_deleted_version_takes_its_file_along_and_a_deployed_one_stays(home: Path) -> None:
    models.add("iris", str(IRIS), ME)
    models.add("iris", changed(home), ME)
    models.deploy("iris", ME, version=1)
    with pytest.raises(FinalError, match="deployed as champion"):
        models.delete("iris", ME)
    assert models.delete("iris", ME, 2) == [2]
    assert files(home) == [".pmml"]
    assert [row.action for row in models.get_model("iris").changes] == [
        "deleted",
        "deployed",
        "added",
        "added",
    ]


def test_a_name_alone_means_its_champion() -> None:
    assert parse_reference("iris") == ("iris", "champion")
    assert parse_reference("iris@next") == ("iris", "next")
    with pytest.raises(InvalidName):
        parse_reference("iris@a@b")


def test_a_deployment_answers_in_both_forms(home: Path) -> None:
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME, defaults={"field_mapping": [{"model_field": "__array__", "tuple_field": "a"}]})
    found = models.answer("iris", {"fields": ["a"], "values": [[list(FLOWER.values())]]})
    assert found["values"][0][:2] == ["setosa", 1.0]
    tensor = {"name": "x", "shape": [1, 4], "datatype": "FP64", "data": list(FLOWER.values())}
    assert models.infer("iris@champion", {"inputs": [tensor]})["outputs"][0]["data"] == ["setosa"]
    assert [field["name"] for field in models.describe("iris")["inputs"]] == list(FLOWER)
    with pytest.raises(NotFound, match="no deployment 'next'"):
        models.answer("iris@next", {})
    with pytest.raises(InvalidRequest, match="must be"):
        models.answer("iris", {})
