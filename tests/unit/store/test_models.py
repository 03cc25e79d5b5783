"""Versions never change, deployments go forth and back, and every change is kept."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from foresight.errors import FinalError, NotFound
from foresight.store import Store, models
from foresight.store.models import MODELS_LOCK, Change
from foresight.store.scoring import open_batch
from foresight.store.tables import model_version, scoring_stream
from tests.unit.store.rows import T0, column

ME = Change("me", T0, "why")


def add(store: Store, sha: str, name: str = "iris") -> tuple[int, bool]:
    fields = {
        "name": name, "kind": "pmml", "sha256": sha, "size_bytes": 7, "signature": {"inputs": []}, "uri": "u",
    }  # fmt: skip
    return done(store, models.add_version, fields, ME)


def done(store: Store, work: Any, *arguments: Any) -> Any:
    return store.transact(lambda connection: work(connection, *arguments), lock=MODELS_LOCK)


def deployed(store: Store, version: int, defaults: Any = None, alias: str = "champion") -> str | None:
    found: str | None = done(store, models.deploy, "iris", version, alias, defaults or {}, ME)
    return found


def version_in_use(store: Store) -> int:
    found = store.read(lambda connection: models.find_deployment(connection, "iris", "champion"))
    return int(found.version)


def actions(store: Store) -> list[tuple[str, int]]:
    rows = store.read(lambda connection: models.list_changes(connection, "iris"))
    return [(row.action, row.version) for row in reversed(rows)]


@pytest.fixture
def three(store: Store) -> Store:
    for sha in "abc":
        add(store, sha)
    return store


def test_versions_count_from_one_and_the_same_bytes_are_the_same_version(store: Store) -> None:
    assert [add(store, "a"), add(store, "b"), add(store, "a")] == [(1, True), (2, True), (1, False)]
    assert add(store, "a", "other") == (1, True)
    assert actions(store) == [("added", 1), ("added", 2)]


def test_a_version_number_is_never_given_twice(three: Store) -> None:
    done(three, models.delete_versions, "iris", 3, ME)
    assert add(three, "c") == (4, True)


def test_deploying_says_what_it_did_and_nothing_where_nothing_changes(three: Store) -> None:
    assert [
        deployed(three, 1), deployed(three, 1), deployed(three, 1, {"workers": 2}), deployed(three, 2),
    ] == ["deployed", None, "configured", "redeployed"]  # fmt: skip
    assert version_in_use(three) == 2


def test_rolling_back_goes_back_step_by_step_with_the_defaults_of_then(three: Store) -> None:
    deployed(three, 1, {"workers": 1})
    deployed(three, 2, {"workers": 2})
    deployed(three, 3, {"workers": 3})
    assert done(three, models.roll_back, "iris", "champion", ME) == (3, 2)
    assert done(three, models.roll_back, "iris", "champion", ME) == (2, 1)
    found = three.read(lambda connection: models.find_deployment(connection, "iris", "champion"))
    assert (found.version, found.defaults) == (1, {"workers": 1})
    with pytest.raises(FinalError, match="nothing to go back to"):
        done(three, models.roll_back, "iris", "champion", ME)


def test_after_a_roll_back_the_way_back_starts_from_there(three: Store) -> None:
    for version in (1, 2):
        deployed(three, version)
    done(three, models.roll_back, "iris", "champion", ME)
    deployed(three, 3)
    assert done(three, models.roll_back, "iris", "champion", ME) == (3, 1)


def test_rolling_back_passes_over_a_version_deleted_meanwhile(three: Store) -> None:
    for version in (1, 2, 3):
        deployed(three, version)
    done(three, models.delete_versions, "iris", 2, ME)
    assert done(three, models.roll_back, "iris", "champion", ME) == (3, 1)


def test_what_was_undeployed_is_no_way_back(three: Store) -> None:
    deployed(three, 1)
    assert done(three, models.undeploy, "iris", "champion", ME) == 1
    deployed(three, 2)
    with pytest.raises(FinalError, match="nothing to go back to"):
        done(three, models.roll_back, "iris", "champion", ME)


def test_aliases_do_not_disturb_each_other(three: Store) -> None:
    deployed(three, 1)
    deployed(three, 2, alias="challenger")
    deployed(three, 3)
    assert done(three, models.roll_back, "iris", "champion", ME) == (3, 1)
    rows = three.read(lambda connection: models.list_deployments(connection, "iris"))
    assert [(row.alias, row.version) for row in rows] == [("challenger", 2), ("champion", 1)]


def test_what_is_deployed_is_not_deleted(three: Store) -> None:
    deployed(three, 2)
    for version in (2, None):
        with pytest.raises(FinalError, match="deployed as champion"):
            done(three, models.delete_versions, "iris", version, ME)
    assert column(three, model_version, "version") == [1, 2, 3]


def test_what_a_batch_under_way_is_scored_with_is_not_deleted(three: Store) -> None:
    three.transact(
        lambda connection: open_batch(
            connection, "t>iris", 1,
            {"offsets": {}, "until": {"0": 1}, "model_name": "iris", "model_version": 1, "plan": {}}, T0,
        )
    )  # fmt: skip
    with pytest.raises(FinalError, match="under way"):
        done(three, models.delete_versions, "iris", 1, ME)
    three.transact(lambda connection: connection.execute(update(scoring_stream).values(until=None)))
    assert done(three, models.delete_versions, "iris", 1, ME) == [(1, "a")]


def test_a_deleted_model_is_gone_and_its_history_is_not(three: Store) -> None:
    done(three, models.delete_versions, "iris", None, ME)
    with pytest.raises(NotFound, match="no model 'iris'"):
        three.read(lambda connection: models.find_version(connection, "iris"))
    assert [action for action, _ in actions(three)] == ["added"] * 3 + ["deleted"] * 3


@pytest.mark.parametrize(
    ("work", "arguments", "complaint"),
    [
        (models.find_version, ("rose",), "no model 'rose'; there are iris"),
        (models.find_version, ("iris", 9), "no version 9; it has 3, 2, 1"),
        (models.find_deployment, ("iris", "champion"), "no deployment 'champion'; it has none"),
        (models.deploy, ("iris", 9, "champion", {}, ME), "no version 9"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(
    three: Store, work: Any, arguments: Any, complaint: str
) -> None:
    with pytest.raises(NotFound, match=complaint):
        done(three, work, *arguments)


def test_a_request_that_is_repeated_does_not_change_another_version(three: Store) -> None:
    for version in (1, 2, 3):
        deployed(three, version)
    assert done(three, models.roll_back, "iris", "champion", ME, 3) == (3, 2)
    for change in (models.roll_back, models.undeploy):
        with pytest.raises(FinalError, match="is version 2 now, not 3: nothing was changed"):
            done(three, change, "iris", "champion", ME, 3)
    assert version_in_use(three) == 2
    assert done(three, models.undeploy, "iris", "champion", ME, 2) == 2
