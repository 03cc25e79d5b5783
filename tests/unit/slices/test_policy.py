"""The policy message has exactly the form that its consumer reads, and the same bytes every time."""

from __future__ import annotations

import json
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.errors import IdentityClash, MessageRejected
from foresight.slices.identifiers import local_id
from foresight.slices.policy import Change, policy_messages

AS_OF = 1_795_335_300  # 22 November 2026, 08:15 UTC
SCHEMA = json.loads(files("foresight.slices").joinpath("policy_message.schema.json").read_text("utf-8"))
CHANGES = st.lists(
    st.builds(
        Change,
        st.sampled_from(["01-B989BD", "1-00110", "2"]),
        st.sampled_from(["cu1", "cu2"]),
        st.integers(0, 2**31 - 1).map(str),
        st.integers(1, 10**9),
        st.integers(0, 10**9),
    ),
    unique_by=lambda change: (change.snssai, change.cu, change.cell),
)


def test_a_message_has_the_consumers_keys_in_its_spelling() -> None:
    (message,) = policy_messages([Change("01-B989BD", "cucpserver1", "13999", 110, 118)], AS_OF)
    assert message.snssai == "01-B989BD"
    assert message.body == (
        b'{"snssai":"01-B989BD","data":[{"gNBCUName":"cucpserver1","cellCUList":[{"cellLocalId":"13999",'
        b'"configData":{"maxNumberofConns":110,"predictedMaxNumberofConns":118,'
        b'"lastUpdatedTS":"22/11/2026 08:15:00"}}]}]}'
    )


@settings(deadline=None)
@given(CHANGES, st.randoms())
def test_there_is_one_message_a_slice_with_all_its_changes_whatever_their_order(
    changes: list[Change], rng: object
) -> None:
    messages = policy_messages(changes, AS_OF)
    shuffled = list(changes)
    rng.shuffle(shuffled)  # type: ignore[attr-defined]
    assert policy_messages(shuffled, AS_OF) == messages
    assert [m.snssai for m in messages] == sorted({c.snssai for c in changes})
    seen = set()
    for message in messages:
        body = json.loads(message.body)
        jsonschema.validate(body, SCHEMA)
        for cu in body["data"]:
            for cell in cu["cellCUList"]:
                config = cell["configData"]
                numbers = config["maxNumberofConns"], config["predictedMaxNumberofConns"]
                seen.add(Change(body["snssai"], cu["gNBCUName"], cell["cellLocalId"], *numbers))
    assert seen == set(changes)


@pytest.mark.parametrize("cell", ["NRCellCU=1", "", "-1", "1.0", "٣", "2147483648", " 1"])
def test_a_cell_id_that_does_not_read_as_an_integer_is_refused(cell: str) -> None:
    assert local_id(cell) != cell
    with pytest.raises(MessageRejected, match="reads ids"):
        policy_messages([Change("01-B989BD", "cu1", cell, 1, 1)], AS_OF)


def test_two_changes_of_one_cell_are_refused_and_one_id_in_two_units_is_not() -> None:
    one, other = Change("1", "cu1", "7", 10, 11), Change("1", "cu2", "7", 20, 21)
    assert len(policy_messages([one, other], AS_OF)) == 1
    with pytest.raises(IdentityClash, match="cell 7"):
        policy_messages([one, Change("1", "cu1", "7", 10, 12)], AS_OF)


def test_no_changes_make_no_message() -> None:
    assert policy_messages([], AS_OF) == []
