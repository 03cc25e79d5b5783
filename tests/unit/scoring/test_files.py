"""Files in and out: what others write into them, and what is never half written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.scoring import csv_files, files, parquet_files
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
from foresight.scoring.outcome import ERROR, PREDICTION, RECORD, BadRecord, Record

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
    row = {"a": "1.5", "b": "x", "Prediction.y": "red", "Prediction.p": "0.5", ERROR: None}
    assert next(iter(read_csv(path))) == row


LATE: list[list[Record]] = [
    [{"a": 1, PREDICTION: {"y": 1.0}}],
    [{"a": 2, ERROR: "too wide"}, {"a": 3, "c": [1, {"x": None}], PREDICTION: {"y": 2.0, "z": "late"}}],
    [{"c": "text", "a": "four", ERROR: "is a text"}, {"a": True, "e": {}}, {"a": 2**60, "e": {"f": b"\x01"}}],
]


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_fields_and_types_that_come_late_get_room(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "ROWS", 1)
    path = tmp_path / f"out{ending}"
    with SINKS[ending](path) as sink:
        for records in LATE:
            sink(records)
    rows = list(READERS[ending](path))
    assert list(tmp_path.iterdir()) == [path]
    assert [row["a"] for row in rows] == ["1", "2", "3", "four", "true", str(2**60)]
    assert [row[ERROR] for row in rows] == [None, "too wide", None, "is a text", None, None]
    assert [row["c"] for row in rows] == [None, None, '[1,{"x":null}]', "text", None, None]
    if ending == ".csv":
        assert rows[-1]["e"] == '{"f": "01"}'
        assert [row["Prediction.z"] for row in rows] == [None, None, "late", None, None, None]
    else:
        assert rows[0][PREDICTION] == {"y": 1.0, "z": None}
        assert rows[2][PREDICTION] == {"y": 2.0, "z": "late"}


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_the_reason_has_its_column_from_the_start(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with SINKS[ending](path) as sink:
        sink([{"a": 1, PREDICTION: {"y": 1.0}}])
    assert list(next(READERS[ending](path)))[-1] == ERROR


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_a_new_field_in_each_record_makes_no_endless_table(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with SINKS[ending](path) as sink:
        for start in range(0, 1000, 50):
            sink([{"id": i, f"field {i}": i} for i in range(start, start + 50)])
    rows = list(READERS[ending](path))
    assert [str(row["id"]) for row in rows] == [str(i) for i in range(1000)]
    assert len(rows[0]) < 300
    assert json.loads(rows[999]["OtherFields"]) == {"field 999": 999}


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_columns_of_an_earlier_prediction_do_not_stay_on_a_record(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"out{ending}"
    with SINKS[ending](path) as sink:
        sink(
            [
                {"a": 1, "Prediction.y": "old", ERROR: "bad now"},
                {"a": 2, "Prediction.y": "old", PREDICTION: {"z": 1}},
            ]
        )
    assert "old" not in str(list(READERS[ending](path)))


@given(
    batches=st.lists(
        st.lists(
            st.dictionaries(
                st.sampled_from(["a", "b", PREDICTION, ERROR, "ä"]),
                st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(max_size=3)
                | st.lists(st.integers() | st.text(max_size=2), max_size=2)
                | st.dictionaries(st.text(max_size=2), st.floats() | st.text(max_size=2), max_size=2)
                | st.decimals(allow_nan=False) | st.datetimes(),
                max_size=4,
            ),
            max_size=3,
        ),
        max_size=4,
    )
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_whatever_is_written_can_be_read(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[Record]]
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parquet_files, "ROWS", 1)
        for ending, sink_of in SINKS.items():
            path = folder / f"out{ending}"
            with sink_of(path) as sink:
                for records in batches:
                    sink(records)
            rows = list(READERS[ending](path))
            assert len(rows) == sum(map(len, batches))
            assert not any(isinstance(row, BadRecord) for row in rows)


def test_parquet_keeps_the_prediction_together(tmp_path: Path) -> None:
    path = tmp_path / "out.parquet"
    with ParquetSink(path) as sink:
        sink(GOOD)
    assert pq.read_table(path).to_pylist() == [{**record, ERROR: None} for record in GOOD]


def test_parquet_widens_numbers_where_that_is_exact(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files, "ROWS", 1)
    path = tmp_path / "out.parquet"
    with ParquetSink(path) as sink:
        for record in ({"a": 1, "b": 2**60}, {"a": 1.5, "b": 0.5}, {"a": 2, "b": None}):
            sink([record])
    rows = pq.read_table(path).to_pylist()
    assert [row["a"] for row in rows] == [1.0, 1.5, 2.0]
    assert [row["b"] for row in rows] == [str(2**60), "0.5", None]


def test_two_runs_that_write_one_file_do_not_share_what_is_aside(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with JsonLinesSink(path) as one:
        one([{"run": 1}])
        with JsonLinesSink(path) as other:
            other([{"run": 2}])
        assert list(read_json_lines(path)) == [{"run": 2}]
        one([{"run": 1}])
    assert list(read_json_lines(path)) == [{"run": 1}, {"run": 1}]
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_that_lies_in_wait_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    victim = written(tmp_path / "victim", b"precious")
    monkeypatch.setattr("secrets.token_hex", lambda _: "known")
    (tmp_path / ".out.jsonl.known.part").symlink_to(victim)
    with pytest.raises(FileExistsError), JsonLinesSink(tmp_path / "out.jsonl"):
        pass
    assert victim.read_bytes() == b"precious"


# Quotes and headers


def test_a_quote_that_does_not_close_costs_one_record(tmp_path: Path) -> None:
    lines = [
        b"a,b",
        *(b"%d,x" % i for i in range(50)),
        b'7,"oops',
        *(b'%d,"y"' % i for i in range(50)),
        b'8,"end',
    ]
    found = list(read_csv(written(tmp_path / "a.csv", b"\n".join(lines))))
    bad = [record for record in found if isinstance(record, BadRecord)]
    assert (len(found), len(bad)) == (102, 2)
    assert bad[0] == BadRecord({RECORD: '7,"oops'}, "line 52 is not CSV: it has a quote that does not close")
    assert found[-2] == {"a": "49", "b": "y"}


def test_a_quote_that_closes_lines_later_is_one_record(tmp_path: Path) -> None:
    found = list(read_csv(written(tmp_path / "a.csv", b'a,b\n1,"x\n\ny, ""z"""\n2,w\n')))
    assert found == [{"a": "1", "b": 'x\n\ny, "z"'}, {"a": "2", "b": "w"}]


@pytest.mark.parametrize("ending", [".csv", ".jsonl"])
def test_a_line_without_end_is_one_bad_record(
    tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(csv_files, "MAX_LINE", 100)
    monkeypatch.setattr(files, "MAX_LINE", 100)
    row = b'{"a": 1}' if ending == ".jsonl" else b"1"
    data = b"\n".join([b"a" if ending == ".csv" else row, b"7," * 1000, row])
    *_, bad, good = READERS[ending](written(tmp_path / f"a{ending}", data))
    assert "line 2" in bad.reason
    assert "more than 100 characters" in bad.reason
    assert str(good["a"]) == "1"


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"a;b\n1;2\n", "separated by ';', write ','"),
        (b"a\tb\n1\t2\n", "separated by a tab, write ','"),
        (b"sep=;\na;b\n", "line 1 is 'sep=;': remove it"),
        (
            b"A, b\n1,2\n",
            r"no column 'a' \(it has 'A': write it alike\), 'b' \(it has ' b': write it alike\)",
        ),
        (b"a,c\n1,2\n", "no column 'b'; it has 'a', 'c'"),
        ("a,b\n1,2\n".encode("utf-16"), "save it as UTF-8"),
        (b'a,"b\n1,2\n', "the header is not CSV"),
    ],
)
def test_trouble_with_a_header_is_one_message(tmp_path: Path, data: bytes, complaint: str) -> None:
    with pytest.raises(InvalidMapping, match=complaint):
        list(read_csv(written(tmp_path / "a.csv", data), wanted=["a", "b"]))


# Little that unfolds


def test_a_small_parquet_file_that_unfolds_is_read_in_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_files, "MAX_BATCH", 1_000_000)
    monkeypatch.setattr(parquet_files, "MAX_UNFOLDED", 8_000_000)
    texts = ["x" * 100_000] * 2000
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": texts, "s": [{"t": text} for text in texts]}), path, compression="zstd")
    assert path.stat().st_size < 10_000
    del texts
    before = pa.total_allocated_bytes()
    n = 0
    for row in read_parquet(path):
        n += len(row["t"]) == len(row["s"]["t"]) == 100_000
        assert pa.total_allocated_bytes() - before < 30_000_000
    assert n == 2000


def test_a_row_that_is_too_large_is_a_bad_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parquet_files, "MAX_BATCH", 10_000)
    monkeypatch.setattr(parquet_files, "MAX_ROW", 5_000)
    values = [[1], list(range(10_000)), [2, 3]]
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"t": values}), path)
    one, large, other = read_parquet(path)
    assert (one, other) == ({"t": [1]}, {"t": [2, 3]})
    assert re.fullmatch(r"row 2 has 38\d{4} bytes, at most 5000 are read", large.reason)


def test_parquet_that_is_none_is_told_in_one_message(tmp_path: Path) -> None:
    with pytest.raises(InvalidMapping, match="is no Parquet file, or broken"):
        list(read_parquet(written(tmp_path / "a.parquet", b"PAR1 not really PAR1")))


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
