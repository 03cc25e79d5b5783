"""Events from a topic into the store: whatever they are, each is accounted for."""

from __future__ import annotations

from collections import Counter

import orjson

from foresight.conventions import PERFORMANCE_DEAD_LETTER_TOPIC, PERFORMANCE_TOPIC
from foresight.messaging import drain
from foresight.slices.events import read_message
from foresight.store import Store
from foresight.store import tables as stored
from tests.unit.orchestration.accounts import check_accounts, kind_of
from tests.unit.slice_runs import events_of, rows, run_once, send, simulated
from tests.unit.slices.mutations import spoilt


def test_spoilt_events_are_each_stored_or_dead_lettered_with_a_reason_and_counts_add_up(
    broker: dict[str, str], store: Store
) -> None:
    events = list(spoilt(4, 800))  # the embedded broker keeps a few MB of a partition
    assert {kind_of(read_message(event)) for event in events} >= {
        "stored", "dead_lettered", "dead_lettered_in_part",
    }  # fmt: skip
    send(broker, events)
    counts = run_once()
    drained = drain(broker, PERFORMANCE_TOPIC, {})
    assert Counter(message.value for message in drained.messages) == Counter(events)
    told = drain(broker, PERFORMANCE_DEAD_LETTER_TOPIC, {}).messages
    n_rows, n_letters = check_accounts(store, drained.messages, drained.offsets, told)
    assert (counts["messages"], counts["letters"], n_rows > 0) == (len(events), n_letters, True)


def test_text_that_no_database_can_hold_is_quoted_in_the_reason(broker: dict[str, str], store: Store) -> None:
    event = orjson.loads(events_of(simulated(1, 1))[0])
    block = event["event"]["perf3gppFields"]["measDataCollection"]["measInfoList"][0]
    block["measTypes"]["sMeasTypesList"][0] = "SM.PDUSessionSetupReq.LONE"
    send(broker, [orjson.dumps(event).replace(b"LONE", b"\\ud800")])
    assert run_once()["letters"] == 1
    [letter] = rows(store, stored.dead_letter)
    assert "PDUSessionSetupReq.\\ud800" in letter.reason
