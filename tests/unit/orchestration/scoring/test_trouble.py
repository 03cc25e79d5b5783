"""What goes wrong in the life of a run: deployments that go, runs side by side, files of any sort."""

from __future__ import annotations

import gc
import io
import json
import logging
import threading
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from foresight.errors import FinalError, NotFound
from foresight.orchestration.scoring import steps as scoring_steps
from foresight.scoring.bundles import BundleRun
from foresight.scoring.errors import InvalidMapping
from foresight.scoring.garbage import rare_collections
from foresight.services.scoring import streams as scoring_streams
from foresight.services.scoring.files import score_to
from foresight.services.scoring.scorers import Scoring
from foresight.store.models import Change
from foresight.store.scoring import find_run
from foresight.wiring.connections import open_results
from foresight.wiring.scoring import _scoring_of, scoring
from tests.unit import registry as models
from tests.unit.deadly import install
from tests.unit.iris import FLOWER, IRIS
from tests.unit.table_scenario import make_flowers, rows, run

ME = Change("me", 1_700_000_040)
HEADER = ",".join(FLOWER)


@pytest.fixture(autouse=True)
def _deployed(home: Path) -> None:
    _scoring_of.cache_clear()
    models.add("iris", str(IRIS), ME)
    models.deploy("iris", ME)


def score(source: Path, /, deployment: str = "iris", number: int = 1, **params: Any) -> dict[str, Any]:
    """A run from a file into two files beside it."""
    good, bad = (str(source.with_name(f"{number}-{kind}.jsonl")) for kind in ("good", "bad"))
    given = {
        "deployment": deployment, "source": str(source), "good": good, "bad": bad, "field_mapping": None,
        "bundle_size": None, "workers": None, "queue_size": None, "batch_size": 40, "minutes": 5,
        "stream": None,
    }  # fmt: skip
    dag_run = SimpleNamespace(
        dag_id="batch_scoring", run_id=f"r{number}", run_after=datetime(2026, 1, 1, tzinfo=UTC)
    )
    ti = SimpleNamespace(try_number=params.pop("try_number", 1))
    return scoring_steps.score_batches({"dag_run": dag_run, "params": given | params, "ti": ti})


def lines(source: Path, kind: str, number: int = 1) -> list[dict[str, Any]]:
    text = source.with_name(f"{number}-{kind}.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


# A deployment that goes while a run is on its way


def test_a_deployment_removed_while_a_run_is_on_its_way_is_used_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_flowers(open_results(), 0, 100)
    refusals = []
    once = threading.Lock()
    real = scoring_streams.write_part

    def remove(*given: Any) -> None:
        if once.acquire(blocking=False):
            models.undeploy("iris", ME)
            with pytest.raises(FinalError, match=r"has a batch of .* under way") as told:
                models.delete("iris", ME)
            refusals.append(str(told.value))
        real(*given)

    monkeypatch.setattr(scoring_streams, "write_part", remove)
    assert run()["read"] == 100
    assert len(rows(open_results(), "scored")) == 90
    assert len(refusals) == 1
    with pytest.raises(NotFound, match="no deployment 'champion'"):
        run(2)
    assert models.delete("iris", ME) == [1]


def test_a_version_deleted_between_two_batches_ends_the_run_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_flowers(open_results(), 0, 100)
    real = scoring_streams.StreamRun._finish
    opened = Scoring.version

    def finish(self: Any, *given: Any) -> None:
        real(self, *given)
        monkeypatch.setattr(Scoring, "version", gone)

    def gone(*given: Any) -> Any:
        raise NotFound("model iris has no version 1; it has none")

    monkeypatch.setattr(scoring_streams.StreamRun, "_finish", finish)
    with pytest.raises(NotFound, match="no version 1"):
        run(batch_size=20)
    monkeypatch.setattr(scoring_streams.StreamRun, "_finish", real)
    monkeypatch.setattr(Scoring, "version", opened)
    run(2)
    found = [row for name in ("scored", "rejected") for row in rows(open_results(), name)]
    assert sorted(int(row["position"]) for row in found) == [3 * number for number in range(100)]


# Two in one process


def test_two_deployments_at_once_in_one_process_keep_to_their_own(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "rose.pmml").write_text(IRIS.read_text().replace("setosa", "rosa"))
    models.add("rose", str(home / "rose.pmml"), ME)
    models.deploy("rose", ME, defaults={"bundle_size": 3, "workers": 1})
    models.deploy("iris", ME, defaults={"bundle_size": 50, "workers": 4})
    source = home / "in.csv"
    source.write_text(f"{HEADER}\n" + "5.1,3.5,1.4,0.2\n" * 2000)
    settings = {}
    both = threading.Barrier(2)
    real = BundleRun.run

    def together(self: BundleRun) -> Any:
        settings[self.settings.bundle_size] = self.settings.workers
        both.wait(20)
        return real(self)

    monkeypatch.setattr(BundleRun, "run", together)
    before = gc.get_threshold()
    found: dict[str, Any] = {}

    def one(name: str, number: int) -> None:
        found[name] = score(source, name, number)

    threads = [threading.Thread(target=one, args=given) for given in (("iris", 1), ("rose", 2))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {name: counts["good"] for name, counts in found.items()} == {"iris": 2000, "rose": 2000}
    assert settings == {3: 1, 50: 4}
    for number, species in ((1, "setosa"), (2, "rosa")):
        assert {line["Prediction"]["PredictedValue"] for line in lines(source, "good", number)} == {species}
    assert gc.get_threshold() == before


def test_the_last_one_out_puts_the_garbage_collector_back() -> None:
    before = gc.get_threshold()
    first, second = rare_collections(), rare_collections()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert gc.get_threshold()[0] > before[0]
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before


# Files of any sort

GOOD = "5.1,3.5,1.4,0.2"
CSV = {
    "empty": (b"", 0, 0),
    "only a mark": (b"\xef\xbb\xbf", 0, 0),
    "only a header": (HEADER.encode(), 0, 0),
    "mark and CR": (b"\xef\xbb\xbf" + "\r".join([HEADER, GOOD, GOOD, ""]).encode(), 2, 0),
    "ragged": (f"{HEADER}\n{GOOD}\n5,3\n{GOOD},9,9\n{GOOD}\n".encode(), 2, 2),
    "infinite": (f"{HEADER}\n{GOOD}\ninf,3,1,1\n1,-Infinity,1,1\n1,1,nan,1\n1,1,1,1e999\n".encode(), 1, 4),
    "huge": (f"{HEADER}\n{GOOD}\n{'9' * 5000},3,1,1\n5.1,3.5,1.4,1_0\n".encode(), 1, 2),
    "not UTF-8": (f"{HEADER}\n{GOOD}\n".encode() + b"5.1,3.5,\xff,0.2\n", 1, 1),
}


@pytest.mark.parametrize("name", sorted(CSV))
def test_a_csv_of_any_sort_is_scored_as_far_as_it_goes(tmp_path: Path, name: str) -> None:
    data, n_good, n_bad = CSV[name]
    source = tmp_path / "in.csv"
    source.write_bytes(data)
    found = score(source, bundle_size=1000)
    assert (found["good"], found["bad"]) == (n_good, n_bad)
    assert len(lines(source, "good")) == n_good
    assert all(line["PredictionError"] for line in lines(source, "bad"))


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"a,b\n1,2\n3,4\n", "the header has no column 'sepal_length'"),
        (HEADER.replace(",", ";").encode() + b"\n1;2;3;4\n", "its cells are separated by ';'"),
        (HEADER.upper().encode() + b"\n1,2,3,4\n", "it has 'SEPAL_LENGTH': write it alike"),
        (b"\x00" * 300, "save it as UTF-8"),
    ],
)
def test_a_header_that_cannot_be_right_is_told_once(tmp_path: Path, data: bytes, complaint: str) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(data)
    with pytest.raises(InvalidMapping, match=complaint):
        score(source, bundle_size=1000)
    assert list(tmp_path.glob("*.jsonl")) == []


BAD_LINES = [
    b'{"sepal_length": {"deep": [1]}, "sepal_width": 3, "petal_length": 1, "petal_width": 1}',
    b'{"sepal_length": 1' + b"0" * 4000 + b', "sepal_width": 3, "petal_length": 1, "petal_width": 1}',
    b'{"sepal_length": Infinity, "sepal_width": 3, "petal_length": 1, "petal_width": 1}',
    b'{"sepal_length": true, "sepal_width": 3, "petal_length": 1, "petal_width": 1}',
    b"[1, 2]", b"7", b"null", b"{", b'"text"', b"[" * 50_000, b"\xff",
]  # fmt: skip


def test_json_lines_of_any_sort_are_each_good_or_bad(tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    good = json.dumps(FLOWER).encode()
    source.write_bytes(b"\n".join(line for bad in BAD_LINES for line in (good, bad)))
    found = score(source, bundle_size=4, workers=3)
    assert (found["good"], found["bad"]) == (len(BAD_LINES), len(BAD_LINES))
    reasons = [line["PredictionError"] for line in lines(source, "bad")]
    assert "sepal_length" in reasons[0]
    assert "is too large" in reasons[1] or "not JSON" in reasons[1]
    assert "finite" in reasons[2]
    assert "truth value" in reasons[3]


# What is seen of it


def test_the_load_is_logged_and_stored(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    source = tmp_path / "in.csv"
    source.write_text(f"{HEADER}\n" + f"{GOOD}\n" * 30 + "1,2,3,\n")
    with caplog.at_level(logging.INFO, logger="foresight.scoring.bundles"):
        score(source)
    assert "31 records read, 30 good, 1 bad" in caplog.text
    assert "bundles waiting" in caplog.text
    row = open_results().read(lambda connection: find_run(connection, "batch_scoring", "r1"))
    assert row is not None
    assert (row.n_read, row.n_good, row.n_bad, row.state) == (31, 30, 1, "done")
    assert row.seconds > 0


# Records that end a process, wherever they stand


def deadly_lines(file: Path) -> None:
    """A hundred flowers; two in different batches end the process of a model."""
    flowers = [{**FLOWER, "n": n} | ({"sepal_width": 666} if n in {3, 91} else {}) for n in range(100)]
    if file.suffix == ".csv":
        text = "\n".join([",".join(flowers[0]), *(",".join(map(str, one.values())) for one in flowers)])
    else:
        text = "\n".join(map(json.dumps, flowers))
    file.write_text(text + "\n", encoding="utf-8")


def test_a_second_attempt_sets_aside_every_record_that_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    file = tmp_path / "f.csv"
    deadly_lines(file)
    found = score(file, try_number=2)
    assert (found["read"], found["good"], found["bad"]) == (100, 98, 2)


def test_a_table_gives_up_every_row_that_ends_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    store = open_results()
    make_flowers(store, 0, 100)
    killers = [97]
    update = "UPDATE flowers SET sepal_width = 666 WHERE id = 291"
    store.transact(lambda connection: connection.exec_driver_sql(update))
    file = tmp_path / "none.jsonl"
    places = {"source": "table:flowers", "good": "table:scored", "bad": "table:rejected"}
    found = score(file, try_number=2, batch_size=60, **places)  # the second batch has it
    assert (found["read"], found["bad"]) == (100, 10 + len(killers))
    reasons = {row["position"]: row["error"] for row in rows(store, "rejected")}
    assert {reasons[str(3 * n)] for n in killers} == {"the model ended its process with signal SIGSEGV"}
    store.close()


def test_a_person_who_scores_a_file_is_not_harmed_by_its_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install(tmp_path, monkeypatch)
    deadly_lines(tmp_path / "f.jsonl")
    out = io.BytesIO()
    load = score_to(scoring(), out, "iris", tmp_path / "f.jsonl")
    assert (load.good, load.bad) == (98, 2)
    scored = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [one["n"] for one in scored if "PredictionError" in one] == [3, 91]
