"""What is configured: the service in all its moods, the table, and which value holds when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from foresight.errors import BadAnswer, InvalidDocument, SourceUnavailable
from foresight.services.slices.configuration import (
    SERVICE,
    configured_of,
    load_file,
    refresh,
)
from foresight.slices import service as slice_service
from foresight.slices.service import ConfigurationService
from foresight.store import Store, migrate, open_store
from foresight.store.slices import Cell, read_configuration, save_configuration
from tests.servers.slice_configuration import Service, configuration_service

pytestmark = pytest.mark.loopback  # the service of these tests listens there

T0 = 1_763_798_400
CELLS: list[Cell] = [("01-A", "cu1", str(number)) for number in range(100)]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    yield opened
    opened.close()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    monkeypatch.setattr(slice_service, "_PAUSE_SECONDS", 0.01)
    with configuration_service({(cell, "01-A"): 100 + int(cell) for _, _, cell in CELLS}) as running:
        yield running


def held(store: Store, cells: list[Cell], *ends: int) -> list[list[float]]:
    at = np.broadcast_to(np.array(ends or (T0,)), (len(cells), len(ends) or 1))
    found = store.read(lambda connection: configured_of(connection, cells, at))
    values: list[list[float]] = found.connections.tolist()
    return values


def test_all_cells_are_asked_and_each_has_its_own_answer(service: Service) -> None:
    found, failed = ConfigurationService(service.url).fetch(CELLS)
    assert (found, failed) == ({cell: 100 + int(cell[2]) for cell in CELLS}, {})


@pytest.mark.parametrize(
    "body", [b"<html>login</html>", b"[]", b'{"maxNumberOfConns": -1}', b'{"maxNumberOfConns": 1.5}',
             b'{"maxNumberOfConns": true}', b'{"maxNumberOfConns": "many"}', b'{"maxNumberOfConns": 1e300}',
             b'{"maxNumberOfConns": NaN}', b'{"maxNumberOfConns": null}', b"{}", b"", b"x" * 20_000],
)  # fmt: skip
def test_an_answer_that_is_no_limit_is_refused_and_the_others_are_taken(
    service: Service, body: bytes
) -> None:
    service.limits["7", "01-A"] = body
    found, failed = ConfigurationService(service.url).fetch(CELLS)
    assert len(found) == len(CELLS) - 1
    assert isinstance(failed["01-A", "cu1", "7"], BadAnswer)


def test_a_number_in_quotes_is_a_number(service: Service) -> None:
    service.limits["7", "01-A"] = "6000"
    assert ConfigurationService(service.url).fetch(CELLS[7:8]) == ({CELLS[7]: 6000}, {})


NESTED = """[{"idNearRTRIC": "ric-1", "GNBCUCPFunction": [{"NRCellCU": [
  {"idNRCellCU": "6", "attributes": {"cellLocalId": 6, "pLMNInfoList": [{"sNSSAIList": [
    {"sNssai": "01-A", "configData": [{"configParameter": "maxNumberOfConns", "configValue": 55}]}]}]}},
  {"idNRCellCU": "7", "attributes": {"cellLocalId": "7", "pLMNInfoList": [{"sNSSAIList": [
    {"sNssai": "02-B", "configData": [{"configParameter": "maxNumberOfConns", "configValue": 77}]},
    {"sNssai": "01-a", "configData": [
      {"configParameter": "dLThptPerSlice", "configValue": 12},
      {"configParameter": "maxNumberOfConns", "configValue": "66"}]}]}]}}]}]}]"""


@pytest.mark.parametrize("body", [66, "66", NESTED.encode(), b'[{"maxNumberofConns": 66}]'])
def test_a_persistence_service_is_asked_by_post_with_input_parameters(service: Service, body: object) -> None:
    service.limits["7", "01-A"] = body
    asked = ConfigurationService(f"{service.url}/execute/ran/get-cell", method="POST")
    assert asked.fetch(CELLS[7:9]) == ({CELLS[7]: 66, CELLS[8]: 108}, {})
    assert sorted(service.asked) == [("7", "01-A"), ("8", "01-A")]


@pytest.mark.parametrize(
    "body",
    [
        NESTED.replace("01-a", "03-C").encode(),
        NESTED.replace('"7"', '"9"').encode(),
        NESTED.replace("02-B", "01-A").encode(),
        b"[" * 300 + b'{"maxNumberOfConns": 66}' + b"]" * 300,
    ],
)
def test_an_answer_for_another_cell_or_with_two_values_is_no_limit(service: Service, body: bytes) -> None:
    service.limits["7", "01-A"] = body
    _, failed = ConfigurationService(service.url, method="POST").fetch(CELLS[7:8])
    assert isinstance(failed[CELLS[7]], BadAnswer)


def test_a_cell_that_the_service_does_not_know_is_told_apart(service: Service) -> None:
    _, failed = ConfigurationService(service.url).fetch([("01-A", "cu1", "unknown/../cell")])
    assert "status 404" in str(next(iter(failed.values())))


def test_a_failure_that_passes_is_tried_again(service: Service) -> None:
    service.statuses["7", "01-A"] = [503, 429]
    assert ConfigurationService(service.url).fetch(CELLS[7:8]) == ({CELLS[7]: 107}, {})
    assert service.asked == [("7", "01-A")] * 3


def test_a_service_that_is_down_is_told_for_every_cell(service: Service) -> None:
    found, failed = ConfigurationService("http://127.0.0.1:1").fetch(CELLS[:5])
    assert (found, len(failed)) == ({}, 5)
    assert all(isinstance(error, SourceUnavailable) for error in failed.values())


def test_a_slow_service_ends_in_time_with_what_it_said(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slice_service, "ALL_SECONDS", 0.5)
    for number in range(100):
        service.limits[str(number), "01-A"] = 2.0 if number % 2 else 1
    found, failed = ConfigurationService(service.url).fetch(CELLS)
    assert set(found.values()) <= {1}
    assert set(found).isdisjoint(failed)
    assert set(CELLS[1:100:2]) <= set(failed)
    assert len(found) + len(failed) == 100


def test_what_the_service_said_is_stored_with_the_time_and_counts_when_it_is_down(
    store: Store, service: Service
) -> None:
    assert not refresh(store, ConfigurationService(service.url), CELLS[:3])
    assert refresh(store, ConfigurationService("http://127.0.0.1:1"), CELLS[:4])["SourceUnavailable"] == 4
    assert held(store, CELLS[:3]) == [[100], [101], [102]]
    assert np.isnan(held(store, CELLS[3:4])).all()


def test_a_value_holds_from_when_it_was_first_seen_until_another_is(store: Store) -> None:
    for at, value in ((T0, 100), (T0 + 900, 100), (T0 + 1800, 120), (T0 + 2700, 100)):
        store.transact(lambda c, at=at, value=value: save_configuration(c, {CELLS[0]: value}, at, SERVICE))  # type: ignore[misc]
    times = (T0 - 900, T0, T0 + 1799, T0 + 1800, T0 + 2700)
    assert held(store, CELLS[:1], *times) == [[100, 100, 100, 120, 100]]


def test_limits_that_were_replaced_before_the_time_asked_for_are_not_read(store: Store) -> None:
    for at in range(T0, T0 + 10_000, 1000):
        store.transact(lambda c, at=at: save_configuration(c, {CELLS[0]: at, CELLS[1]: 7}, at, SERVICE))  # type: ignore[misc]
    store.transact(lambda c: save_configuration(c, {CELLS[2]: 1}, T0 + 9500, SERVICE))
    found = store.read(lambda c: read_configuration(c, T0 + 8500))
    assert [(row.cell, row.connections) for row in found] == [
        (CELLS[1][2], 7), (CELLS[0][2], T0 + 8000), (CELLS[0][2], T0 + 9000), (CELLS[2][2], 1),
    ]  # fmt: skip


def test_a_value_of_the_service_grows_old_and_one_of_a_file_does_not(store: Store) -> None:
    store.transact(lambda c: save_configuration(c, {CELLS[0]: 100}, T0, SERVICE))
    store.transact(lambda c: save_configuration(c, {CELLS[1]: 100}, T0, "limits.csv"))
    found = store.read(lambda c: configured_of(c, CELLS[:3], np.full((3, 1), T0)))
    assert found.age_seconds(T0 + 5000).tolist() == [5000, 0, 0]


def test_a_value_for_one_unit_goes_before_one_for_all(store: Store, tmp_path: Path) -> None:
    file = tmp_path / "limits.csv"
    file.write_text("snssai,cu,cell,maxNumberOfConns\n01-A,,1,100\n01-A,cu2,1,150\n")
    assert load_file(store, file, T0) == (2, 2)
    assert load_file(store, file, T0 + 1) == (2, 0)
    cells = [("01-A", "cu1", "1"), ("01-A", "cu2", "1"), ("01-B", "cu1", "1")]
    assert held(store, cells[:2]) == [[100], [150]]
    assert np.isnan(held(store, cells[2:])).all()


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("01-A,,1,-5", "limits.csv:3: maxNumberOfConns"),
        ("01-A,,1,many", "limits.csv:3: maxNumberOfConns"),
        ("01-A,,1,", "limits.csv:3: maxNumberOfConns"),
        (",,1,5", "limits.csv:3: snssai"),
        ("01-A,,,5", "limits.csv:3: cell"),
        ("01-A,,0,5", "limits.csv:3: cell: given twice"),
        ("01-A", "limits.csv:3: cell"),
        ("01-A,,1,99999999999", "limits.csv:3: maxNumberOfConns"),
    ],
)
def test_a_wrong_line_is_told_with_its_number_and_nothing_is_loaded(
    store: Store, tmp_path: Path, line: str, complaint: str
) -> None:
    file = tmp_path / "limits.csv"
    file.write_text(f"snssai,cu,cell,maxNumberOfConns\n01-A,,0,100\n{line}\n")
    with pytest.raises(InvalidDocument) as caught:
        load_file(store, file, T0)
    assert complaint in str(caught.value)
    assert np.isnan(held(store, CELLS[:1])).all()
