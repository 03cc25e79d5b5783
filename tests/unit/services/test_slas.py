"""Applying files: what changes, what is kept, what is refused; expressions that the telemetry reads."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from foresight.errors import InvalidDocument, NotFound
from foresight.services import slas
from foresight.store import Store, load_targets, migrate, open_store
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from tests.unit.sla.golden import FOLDER

CATALOGUE = Catalogue(metrics=(WatchedMetric(name="up", metric="up"),))
ONE = "slas: [{name: shop, slis: [{name: a, metric: up, min: 1}, {name: b, metric: up, min: 0}]}]"
OTHER = (
    "slas: [{name: shop, owner: me, slis: [{name: a, metric: up, min: 2}, {name: c, metric: up, min: 0}]}]"
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = open_store(f"sqlite:///{tmp_path}/results.db")
    migrate(opened)
    yield opened
    opened.close()


def apply(store: Store, path: Path, text: str, *, prune: bool = False) -> slas.Applied:
    path.mkdir(exist_ok=True)
    file = path / "slas.yaml"
    file.write_text(text)
    return slas.apply(store, CATALOGUE, [file], by="me", at=1, prune=prune)


def names(store: Store) -> list[str]:
    return [sli.name for sla in slas.list_slas(store).readable for sli in sla.slis]


def test_what_is_added_changed_and_kept_is_told(store: Store, tmp_path: Path) -> None:
    [first] = apply(store, tmp_path / "f", ONE).differences
    assert (first.is_new, first.added) == (True, ("a", "b"))
    [second] = apply(store, tmp_path / "f", OTHER).differences
    assert (second.added, second.changed, second.removed, second.kept) == (("c",), ("a",), (), ("b",))
    assert names(store) == ["a", "c", "b"]


def test_files_of_one_service_are_applied_one_by_one_and_change_nothing_the_second_time(
    store: Store, tmp_path: Path
) -> None:
    for text in (ONE, OTHER.replace("name: a,", "name: d,")):
        apply(store, tmp_path / "f", text)
    assert sorted(names(store)) == ["a", "b", "c", "d"]
    [again] = apply(store, tmp_path / "f", OTHER.replace("name: a,", "name: d,")).differences
    assert not again.is_changed


def test_only_prune_removes_an_sli_and_names_it(store: Store, tmp_path: Path) -> None:
    apply(store, tmp_path / "f", ONE)
    [difference] = apply(store, tmp_path / "f", OTHER, prune=True).differences
    assert (difference.removed, difference.kept) == (("b",), ())
    assert names(store) == ["a", "c"]


def test_a_check_changes_nothing(store: Store, tmp_path: Path) -> None:
    apply(store, tmp_path / "f", ONE)
    (tmp_path / "other.yaml").write_text(OTHER)
    applied, _ = slas.check(store, CATALOGUE, [tmp_path / "other.yaml"], prune=True)
    assert applied.differences[0].removed == ("b",)
    assert names(store) == ["a", "b"]


def test_targets_are_stored_known_to_later_files_and_exported(store: Store, tmp_path: Path) -> None:
    slas.apply(store, CATALOGUE, [FOLDER / "own" / "openslo-alerts.yaml"], by="me", at=1)
    assert [target.name for target in store.read(load_targets)] == ["on-call"]
    alert = "alerts: [{name: x, severity: page, factor: 2, long: 1h, targets: [on-call]}]"
    text = f"slas: [{{name: s, slis: [{{name: a, metric: up, min: 1, {alert}}}]}}]"
    apply(store, tmp_path / "f", text)
    with pytest.raises(InvalidDocument, match="there is no target 'on-cal'"):
        apply(
            store,
            tmp_path / "f",
            f"slas: [{{name: s, slis: [{{name: a, metric: up, min: 1, {alert}}}]}}]".replace(
                "on-call", "on-cal"
            ),
        )
    text, _ = slas.export(store)
    (tmp_path / "exported.yaml").write_text(text)
    applied = slas.apply(
        store, Catalogue(metrics=CATALOGUE.metrics), [tmp_path / "exported.yaml"], by="me", at=2
    )
    assert [each.is_changed for each in applied.differences] == [False, False]


def test_files_without_anything_are_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="there is no SLA in"):
        apply(store, tmp_path / "f", "slas: []")


def test_the_telemetry_reads_each_expression_of_active_slas_once(store: Store) -> None:
    paths = [FOLDER / "own" / name for name in ("sloth-raw.yaml", "openslo-ratio-occurrences.yaml")]
    slas.apply(store, CATALOGUE, paths, by="me", at=1)
    active = slas.list_slas(store).readable
    catalogue = slas.with_expressions(CATALOGUE, [*active, *active])
    queries = {entry.query for entry in catalogue.metrics if entry.query}
    assert queries == {
        "avg_over_time(error_ratio[300s])",
        'http_requests_total{code!~"5.."}',
        "http_requests_total",
    }
    assert len(catalogue.metrics) == 4
    assert catalogue.metrics[0] == CATALOGUE.metrics[0]
