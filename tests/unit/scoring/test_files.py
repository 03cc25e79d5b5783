"""Files in and out: what others write into them, and what is never half written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from foresight.scoring.errors import InvalidMapping
from foresight.scoring.files import (
    READERS,
    SINKS,
    CsvSink,
    JsonLinesSink,
    ParquetSink,
    read_csv,
    read_json_lines,
    read_parquet,
)
from foresight.scoring.outcome import ERROR, PREDICTION, RECORD, BadRecord

GOOD = [
    {"a": 1.5, "b": "x", PREDICTION: {"y": "red", "p": 0.5}},
    {"a": 2.5, "b": None, PREDICTION: {"y": "blue", "p": 1.0}},
]


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_with_any_line_end_and_with_a_byte_order_mark(tmp_path: Path, end: bytes, mark: bytes) -> None:
    path = written(tmp_path / "a.csv", mark + end.join([b"a,b", b"1,x", b'2,"y, z"', b"3,"]) + end)
    assert list(read_csv(path)) == [{"a": "1", "b": "x"}, {"a": "2", "b": "y, z"}, {"a": "3", "b": None}]


@pytest.mark.parametrize("data", [b"", b"\xef\xbb\xbf", b"a,b\n", b"a,b"])
def test_a_csv_without_rows_has_no_records(tmp_path: Path, data: bytes) -> None:
    assert list(read_csv(written(tmp_path / "a.csv", data))) == []


def test_a_ragged_row_is_a_bad_record_with_its_line(tmp_path: Path) -> None:
    found = list(read_csv(written(tmp_path / "a.csv", b"a,b\n1,2\n3\n\n4,5,6\n7,8\n")))
    assert [type(record) for record in found] == [dict, BadRecord, BadRecord, dict]
    assert found[1] == BadRecord({"a": "3"}, "line 3 has 1 cells, the header 2")
    assert found[2].record == {"a": "4", "b": "5"}
    assert found[3] == {"a": "7", "b": "8"}


def test_a_row_that_is_not_utf8_is_a_bad_record(tmp_path: Path) -> None:
    found = list(read_csv(written(tmp_path / "a.csv", b"a,b\n1,\xff\n2,\xc3\xa9\n")))
    assert found[0] == BadRecord({"a": "1", "b": "\N{REPLACEMENT CHARACTER}"}, "line 2 is not UTF-8")
    assert found[1] == {"a": "2", "b": "é"}


def test_an_endless_cell_is_a_bad_record(tmp_path: Path) -> None:
    found = list(read_csv(written(tmp_path / "a.csv", b"a,b\n1," + b"x" * 200_000 + b"\n2,y\n")))
    assert "not CSV" in found[0].reason
    assert found[-1] == {"a": "2", "b": "y"}


def test_a_column_named_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match="a"):
        list(read_csv(written(tmp_path / "a.csv", b"a,a\n1,2\n")))


def test_words_for_missing_values_can_be_named(tmp_path: Path) -> None:
    path = written(tmp_path / "a.csv", b"a,b\nNA,1\n")
    assert list(read_csv(path, missing=("", "NA"))) == [{"a": None, "b": "1"}]


def test_json_lines_give_values_and_bad_records(tmp_path: Path) -> None:
    lines = [
        b'\xef\xbb\xbf{"a": 1}',
        b"",
        b"[1]",
        b"{oops",
        b'{"a": NaN}',
        b'{"a": 1' + b"0" * 400 + b"}",
        b'{"a": "\xff"}',
        b"[" * 5000,
    ]
    found = list(read_json_lines(written(tmp_path / "a.jsonl", b"\n".join(lines))))
    assert found[0] == {"a": 1}
    assert found[1] == [1]
    assert found[2].record == {RECORD: "{oops"}
    assert "line 4" in found[2].reason
    assert found[3]["a"] != found[3]["a"]
    assert found[4]["a"] == 10**400
    assert [type(record) for record in found[5:]] == [BadRecord, BadRecord]


def test_parquet_gives_its_rows(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1.0, None], "b": ["x", "y"]}), tmp_path / "a.parquet")
    assert list(read_parquet(tmp_path / "a.parquet")) == [{"a": 1.0, "b": "x"}, {"a": None, "b": "y"}]


def test_every_format_that_is_read_is_written() -> None:
    assert READERS.keys() == SINKS.keys()


def test_json_lines_come_back_as_they_went(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out.jsonl"
    with JsonLinesSink(path) as sink:
        sink(GOOD[:1])
        sink([*GOOD[1:], {"a": 10**400, ERROR: "too large"}])
    assert list(read_json_lines(path)) == [*GOOD, {"a": 10**400, ERROR: "too large"}]


def test_csv_spreads_the_prediction(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    with CsvSink(path) as sink:
        sink(GOOD)
    assert next(iter(read_csv(path))) == {"a": "1.5", "b": "x", "Prediction.y": "red", "Prediction.p": "0.5"}


def test_csv_refuses_fields_that_come_late(tmp_path: Path) -> None:
    def write() -> None:
        with CsvSink(tmp_path / "out.csv") as sink:
            sink([{"a": 1}])
            sink([{"a": 1, "c": 2}])

    with pytest.raises(InvalidMapping, match="other fields"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_parquet_keeps_the_prediction_together(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    with ParquetSink(path) as sink:
        sink(GOOD)
    assert pq.read_table(path).to_pylist() == GOOD


def test_parquet_without_records_is_a_file_without_rows(tmp_path: Path) -> None:
    with ParquetSink(tmp_path / "out.parquet"):
        pass
    assert list(read_parquet(tmp_path / "out.parquet")) == []


@pytest.mark.parametrize("ending", sorted(SINKS))
def test_a_file_is_there_only_when_it_is_complete(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"

    def fail(sink: Any) -> None:
        sink(GOOD)
        assert not path.exists()
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError), SINKS[ending](path) as sink:
        fail(sink)
    assert list(tmp_path.iterdir()) == []


def test_what_is_written_can_be_read_by_anyone(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with JsonLinesSink(path) as sink:
        sink([{"a": float("nan"), "b": "é"}])
    assert json.loads(path.read_text(encoding="utf-8")) == {"a": None, "b": "é"}
