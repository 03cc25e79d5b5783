"""What runs may name: nothing that their worker reaches and whoever triggers them does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from foresight.scoring.errors import InvalidMapping
from foresight.services.scoring.bounds import Bounds


@pytest.fixture
def bounds(tmp_path: Path) -> Bounds:
    (tmp_path / "files" / "inner").mkdir(parents=True)
    return Bounds(tmp_path / "files", frozenset({"results"}))


def test_files_are_below_the_folder(bounds: Bounds, tmp_path: Path) -> None:
    inside = str(tmp_path / "files" / "x.jsonl")
    uris = (f"file://{inside}", f"FILE://{inside}", f"file://localhost{inside}", f"file:{inside}")
    escaped = f"file://{inside.replace('x.jsonl', '%78.jsonl')}"
    for given in ("x.jsonl", "./x.jsonl", "inner/../x.jsonl", "x.jsonl/", inside, *uris, escaped):
        assert bounds.place(given) == inside


@pytest.mark.parametrize(
    "given",
    [
        "/etc/passwd.csv",
        "../x.jsonl",
        "inner/../../x.jsonl",
        "file:///etc/x.csv",
        ".",
        "a\0b.csv",
        "",
        "FILE:///etc/x.csv",
        "file:/etc/x.csv",
        "file:///%2e%2e/%2e%2e/etc/x.csv",
        "file:%2e%2e/x.csv",
        "//etc/x.csv",
        "file://elsewhere/x.csv",
        "local:///etc/x.csv",
    ],
)
def test_other_files_are_refused(bounds: Bounds, given: str) -> None:
    with pytest.raises(InvalidMapping):
        bounds.place(given)
    with pytest.raises(InvalidMapping):
        bounds.file(given)


def test_a_link_leads_nowhere_else(bounds: Bounds, tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("x")
    (tmp_path / "files" / "link.csv").symlink_to(tmp_path / "secret.csv")
    (tmp_path / "files" / "folder").symlink_to(tmp_path)
    for given in ("link.csv", "folder/secret.csv"):
        with pytest.raises(InvalidMapping, match="FORESIGHT_FILES"):
            bounds.place(given)


@pytest.mark.parametrize("given", ["table:other_db/users", "table:airflow_db/ab_user"])
def test_a_connection_that_is_not_listed_is_refused_with_the_list(bounds: Bounds, given: str) -> None:
    with pytest.raises(InvalidMapping, match=r"those allowed are results \(FORESIGHT_CONNECTIONS\)"):
        bounds.place(given)


@pytest.mark.parametrize(
    "given", ["s3://bucket/x.csv", "http://x/y.csv", "mysql://x/y", "tables:x", "KAFKA:x", "Table:x"]
)
def test_an_unknown_scheme_is_refused_with_those_known(bounds: Bounds, given: str) -> None:
    with pytest.raises(InvalidMapping, match="kafka:TOPIC, table:NAME"):
        bounds.place(given)


@pytest.mark.parametrize(
    "given",
    [
        ("x.jsonl", "./x.jsonl"),
        ("inner/../x.jsonl", "y.jsonl", "x.jsonl"),
        ("table:flowers", "table:results/flowers"),
        ("table:flowers", "table:Flowers"),
        ("kafka:a", "kafka:b", "kafka:a"),
        ("x.jsonl", "x.jsonl/"),
        ("x.jsonl", "file:%78.jsonl"),
    ],
)
def test_places_that_are_one_are_seen_to_be(bounds: Bounds, given: tuple[str, ...]) -> None:
    with pytest.raises(InvalidMapping, match="the same place"):
        bounds.places(given)


def test_a_link_beside_its_file_is_the_same_place(bounds: Bounds) -> None:
    (bounds.files / "x.jsonl").write_text("{}")
    (bounds.files / "y.jsonl").symlink_to("x.jsonl")
    with pytest.raises(InvalidMapping, match="the same place"):
        bounds.places(["x.jsonl", "y.jsonl"])


def test_two_names_of_one_file_are_the_same_place(bounds: Bounds) -> None:
    (bounds.files / "x.jsonl").write_text("{}")
    (bounds.files / "y.jsonl").hardlink_to(bounds.files / "x.jsonl")
    (bounds.files / "z.jsonl").write_text("{}")
    with pytest.raises(InvalidMapping, match="the same place"):
        bounds.places(["x.jsonl", "y.jsonl"])
    assert len(bounds.places(["x.jsonl", "z.jsonl"])) == 2


def test_names_of_topics_and_tables_stay_as_they_are(bounds: Bounds) -> None:
    given = ["kafka:in", "table:flowers", "table:results/scored"]
    assert bounds.places(given) == given


def test_an_object_store_is_opened_by_a_listed_connection_only(bounds: Bounds) -> None:
    assert bounds.file("s3://results@bucket/m.pmml") == "s3://results@bucket/m.pmml"
    for given in ("s3://bucket/m.pmml", "s3://aws_admin@bucket/m.pmml"):
        with pytest.raises(InvalidMapping):
            bounds.file(given)


@pytest.mark.parametrize("given", ["kafka:", "kafka:a/b", "kafka:" + "x" * 250])
def test_a_topic_has_a_name_that_topics_have(bounds: Bounds, given: str) -> None:
    with pytest.raises(InvalidMapping, match="topic"):
        bounds.place(given)


def test_two_connections_to_one_database_lead_to_one_place(tmp_path: Path) -> None:
    both = Bounds(tmp_path, frozenset({"results", "copy", "other"}), lambda name: name == "other")
    with pytest.raises(InvalidMapping, match="are the same place"):
        both.places(["table:results/records", "table:copy/Records"])
    assert both.places(["table:results/records", "table:other/records"])
