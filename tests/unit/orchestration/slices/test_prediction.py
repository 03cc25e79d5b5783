"""From events on a topic to policy messages on a topic, on SQLite and the embedded broker."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from foresight.conventions import PERFORMANCE_DEAD_LETTER_TOPIC, PERFORMANCE_TOPIC
from foresight.errors import BrokerUnavailable, FinalError
from foresight.messaging import drain
from foresight.orchestration.slices import prediction as slice_prediction
from foresight.services.slices import events as slice_events
from foresight.services.slices import history as slice_history
from foresight.services.slices import holds as slice_holds
from foresight.services.slices import models as slice_models
from foresight.services.slices import prediction as prediction_service
from foresight.services.slices import replay as slice_replay
from foresight.services.slices.options import load_champion
from foresight.slices.drift import FEWEST_ROWS
from foresight.slices.features import windows
from foresight.slices.guardrails import Limits, breaches
from foresight.slices.judgement import Score, Verdict
from foresight.slices.recording import Recording, messages, simulate
from foresight.slices.targets import Target
from foresight.slices.training import Trained
from foresight.store import Store
from foresight.store import tables as stored
from foresight.store.slices import save_rows
from tests.unit.slice_runs import (
    DATA,
    NOW,
    PERIODS,
    changes_in,
    configure,
    context,
    events_of,
    rows,
    run_once,
    send,
    sent,
    simulated,
)


def test_events_become_one_guarded_message_a_slice_made_of_what_is_stored(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    both = [simulated(12, snssai=f"01-B989B{letter}", seed=number) for number, letter in enumerate("DE")]
    for recording in both:
        configure(store, recording, tmp_path)
    send(broker, [event for recording in both for event in events_of(recording)])
    counts = run_once()
    assert (counts["records"], counts["decided"], counts["outcome ready"]) == (24 * PERIODS, 24, 24)
    found = sent(broker)
    assert [message.key for message in found] == [b"01-B989BD", b"01-B989BE"]
    decided = [row for row in rows(store, stored.slice_prediction) if row.is_sent]
    told = {(row.snssai, row.cu, row.cell): (int(row.configured), int(row.final)) for row in decided}
    assert told == changes_in(found)
    assert len(told) == counts["sent"] > 0
    slices = [row.snssai for row in decided]
    before, after = [row.configured for row in decided], [row.final for row in decided]
    assert not breaches(slices, before, after, Limits()).any()
    assert {row.model_version for row in decided} == {champion}


def test_a_stored_prediction_equals_the_one_that_the_core_makes_of_the_recording(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated()
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    run_once()
    file = tmp_path / "long.csv"
    starts = recording.starts.tolist()
    lines = [
        ",".join(map(str, (*_key(key), start, *recording.counters[i, j], recording.configured[i, j])))
        for i, key in enumerate(recording.keys)
        for j, start in enumerate(starts)
    ]
    header = "snssai,cu,cell,period_start,requests,successes,failures,configured"
    file.write_text("\n".join([header, *lines]))
    found = slice_replay.rehearse(store, file, slice_prediction.options_of(context()["params"]))
    assert found.n_breaches == 0
    stored_raw = [row.raw for row in rows(store, stored.slice_prediction)]
    held = store.read(lambda connection: load_champion(connection, Target.REFERENCE))
    assert held is not None
    inputs, _ = windows(recording.counters, recording.configured, Target.REFERENCE)
    assert stored_raw == pytest.approx(held.model.predict(inputs[:, -1]).tolist(), rel=1e-6)
    assert found.n_predicted == 2 * len(stored_raw)


def _key(key: Any) -> tuple[str, str, str]:
    return key.snssai, key.cu, key.cell


def test_a_second_run_without_new_events_changes_and_sends_nothing(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated()
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    run_once()
    before, messages_before = rows(store, stored.slice_prediction), sent(broker)
    assert run_once(NOW + 60)["decided"] == 0
    assert (rows(store, stored.slice_prediction), sent(broker)) == (before, messages_before)


def test_events_given_twice_and_out_of_order_leave_the_same_measurements(
    broker: dict[str, str], store: Store
) -> None:
    events = events_of(simulated())
    send(broker, events)
    run_once()
    before = [row[:-1] for row in rows(store, stored.slice_measurement)]  # but for where each value came from
    send(broker, events[::-1])
    assert run_once(NOW + 1)["messages"] == len(events)
    assert [row[:-1] for row in rows(store, stored.slice_measurement)] == before


def test_events_that_never_cease_do_not_keep_a_run_from_deciding(
    broker: dict[str, str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    endless = itertools.count()

    def one_more(*given: Any, **named: Any) -> Any:
        send(broker, [events_of(simulated(1, 1))[0], str(next(endless)).encode()])
        return drain(*given, **named)

    monkeypatch.setattr(slice_events, "drain", one_more)
    counts = slice_events.receive(store, broker, NOW)
    assert counts["messages"] == 2 * (slice_events.MOST_WAITS + 1)


def test_what_cannot_be_read_is_a_dead_letter_and_the_rest_is_stored(
    broker: dict[str, str], store: Store
) -> None:
    events = events_of(simulated(3, 1))
    half = orjson.loads(events[0])
    values = half["event"]["perf3gppFields"]["measDataCollection"]["measInfoList"][0]["measValuesList"]
    values[0]["measResults"][0]["sValue"] = "many"
    send(broker, [b"rubbish", orjson.dumps(half), b"\xff\xfe\x00"])
    counts = run_once()
    letters = rows(store, stored.dead_letter)
    assert (counts["letters"], len(letters), counts["records"]) == (3, 3, 3)
    assert all(row.n_values == row.n_stored + row.n_rejected for row in letters)
    found = sent(broker, PERFORMANCE_DEAD_LETTER_TOPIC)
    assert {message.value for message in found} == {b"rubbish", orjson.dumps(half), b"\xff\xfe\x00"}
    reasons = {dict(message.headers)["dead-letter.reason"] for message in found}
    assert {(reason or b"").partition(b" ")[0] for reason in reasons} == {b"not_json", b"bad_value"}


def test_a_policy_message_that_cannot_be_sent_keeps_no_dead_letter_back_and_goes_later(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = simulated()
    configure(store, recording, tmp_path)
    send(broker, [*events_of(recording), b"rubbish"])

    def refused(*_: Any) -> Any:
        raise BrokerUnavailable("not now")

    with monkeypatch.context() as patch:
        patch.setattr(prediction_service, "decided_messages", refused)
        with pytest.raises(BrokerUnavailable):
            run_once()
    assert (len(sent(broker, PERFORMANCE_DEAD_LETTER_TOPIC)), sent(broker)) == (1, ())
    run_once(NOW + 1)
    assert len(sent(broker)) == 1


def test_a_run_killed_after_the_events_were_stored_loses_and_doubles_nothing(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = simulated()
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(prediction_service, "decide", killed)
        with pytest.raises(KeyboardInterrupt):
            slice_prediction.receive_and_predict(context())
    assert len(rows(store, stored.slice_measurement)) == 12 * PERIODS
    assert run_once(NOW + 5)["decided"] == 12
    assert len(sent(broker)) == 1


def test_offsets_that_somebody_else_has_moved_meanwhile_are_not_stored_again(
    broker: dict[str, str], store: Store
) -> None:
    send(broker, events_of(simulated(3, 1)))
    drained = drain(broker, PERFORMANCE_TOPIC, {})
    assert slice_events.take(store, drained, {}, NOW)["messages"] == 1
    assert not slice_events.take(store, drained, {}, NOW)


def test_a_cell_without_configuration_or_model_waits_and_is_decided_once_both_are_there(
    broker: dict[str, str], store: Store, published: Recording, tmp_path: Path
) -> None:
    recording = simulated()
    send(broker, events_of(recording))
    assert run_once()["outcome no_configuration"] == 12
    configure(store, recording, tmp_path)
    assert run_once(NOW + 1)["rule no_prediction"] == 12
    assert sent(broker) == ()
    part = Recording(published.keys, 0, published.counters[:, :2000], published.configured[:, :2000])
    version, _ = slice_models.import_file(
        store, DATA / "best_model.h5", part, target=Target.REFERENCE, split="time", at=NOW, by="test"
    )
    slice_models.promote(store, version, at=NOW, by="test", reason="now")
    assert run_once(NOW + 2)["outcome ready"] == 12
    assert len(sent(broker)) == 1


def test_a_unit_whose_events_come_later_gets_a_message_of_its_own(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated(20)
    configure(store, recording, tmp_path)
    per_unit: dict[str, list[bytes]] = {}
    for _, cu, value in messages(recording):
        per_unit.setdefault(cu, []).append(value)
    for at, values in enumerate(per_unit.values()):
        send(broker, values)
        run_once(NOW + at)
    found = sent(broker)
    units = [unit["gNBCUName"] for m in found for unit in orjson.loads(m.value or b"")["data"]]
    assert units == ["cucpserver1", "cucpserver2"]
    assert len({message.headers for message in found}) == 2


def test_only_active_slices_are_sent(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated()
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    assert run_once(slices=["01-OTHER"])["rule inactive_slice"] == 12
    assert sent(broker) == ()


def test_a_cell_that_the_consumer_cannot_read_keeps_its_value_and_says_so(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated(2)
    keys = (recording.keys[0], type(recording.keys[1])("01-B989BD", "cucpserver1", "north-7"))
    named = Recording(keys, recording.start, recording.counters, recording.configured)
    configure(store, named, tmp_path)
    send(broker, events_of(named))
    run_once()
    [row] = rows(store, stored.slice_prediction, cell="north-7")
    assert (row.rule, row.is_sent, row.final) == ("unreadable_cell", False, row.configured)


@pytest.mark.parametrize("name", ["cooldown_seconds", "quiet_seconds"])
def test_a_cell_that_was_changed_is_left_alone_for_as_long_as_asked(
    broker: dict[str, str],
    store: Store,
    champion: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    name: str,
) -> None:
    recording = simulated(12, PERIODS + 1)
    configure(store, recording, tmp_path)
    events = events_of(recording)
    newest = len(events) - len(events) // (PERIODS + 1)
    send(broker, events[:newest])
    first = run_once(NOW - 900)["sent"]
    send(broker, events[newest:])
    counts = run_once(NOW, **{name: 3600})
    assert 0 < counts["rule rate_limited"] <= first  # some were led out of the model's range
    assert ("cooldown_seconds now" in caplog.text) is (name == "quiet_seconds")


def test_a_run_that_announces_nothing_leaves_no_trace_for_the_one_that_does(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated()
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    dry = run_once(publish="never")
    assert (dry["sent"], dry["would be sent"] > 0) == (0, True)
    for table in (stored.slice_prediction, stored.slice_sent, stored.slice_bound, stored.publication):
        assert rows(store, table) == []
    assert run_once(NOW + 1)["sent"] == dry["would be sent"]
    assert len(sent(broker)) == 1


def test_a_period_sent_again_a_second_later_makes_no_second_message(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated(snssai="0010-1110")
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    assert run_once()["sent"] > 0
    send(broker, events_of(replace(recording, start=recording.start + 1)))
    assert run_once(NOW + 60)["decided"] == 0
    [message] = sent(broker)
    assert message.key == b"0010-1110"


def test_a_replay_decides_on_every_whole_window_and_sends_nothing(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulate(5, 40, start=NOW - 10 * 86_400)
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    assert run_once(periods="all")["replayed"] == 5 * (40 - 4)
    decided = rows(store, stored.slice_prediction)
    assert len(decided) == 5 * 36
    assert sent(broker) == ()
    assert run_once(NOW + 1, periods="all")["replayed"] == 0
    assert rows(store, stored.slice_prediction) == decided


def test_years_between_two_measurements_are_stepped_over(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    old, new = simulate(3, 10, start=1_000_000_800), simulate(400, 10, start=NOW - 10 * 900, snssai="01-CC")
    configure(store, new, tmp_path)
    configure(store, old, tmp_path)
    send(broker, events_of(old) + events_of(new))
    assert run_once(periods="all")["replayed"] == 3 * 6 + 400 * 5
    with pytest.raises(FinalError, match="shorter time"):
        store.read(lambda connection: slice_history.stored_history(connection, 0))


def test_a_replay_in_parts_leaves_the_same_rows_as_in_one(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = simulate(5, 40, start=NOW - 10 * 86_400)
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    run_once(periods="all")
    whole = rows(store, stored.slice_prediction)
    store.transact(lambda connection: connection.execute(stored.slice_prediction.delete()))
    monkeypatch.setattr(slice_history, "ROWS_AT_ONCE", 17)
    monkeypatch.setattr(slice_history, "PERIODS_AT_ONCE", 3)
    run_once(periods="all")
    in_parts = rows(store, stored.slice_prediction)
    assert [row[:10] for row in in_parts] == [row[:10] for row in whole]
    assert [row.raw for row in in_parts] == pytest.approx([row.raw for row in whole], rel=1e-6)
    assert [(row.final, row.rule, row.answer) for row in in_parts] == [
        (row.final, row.rule, row.answer) for row in whole
    ]


def test_inputs_that_have_moved_away_are_counted_with_the_run(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated(FEWEST_ROWS + 20)
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    assert run_once()["drifted_inputs"] > 0  # configured and loads as the published ones never were
    [run] = rows(store, stored.run)
    assert run.counts["drifted_inputs"] > 0


def test_a_model_whose_errors_outgrow_its_verdict_gives_way_to_the_one_before(
    broker: dict[str, str], store: Store, champion: str, published: Recording, tmp_path: Path
) -> None:
    held = store.read(lambda connection: load_champion(connection, Target.REFERENCE))
    assert held is not None
    spoilt = replace(held.model.network, dense_bias=held.model.network.dense_bias + np.float32(1.0))
    card = replace(held.model.card, metrics={"rmse_high": 1.0}, source="spoilt")
    trained = Trained(
        replace(held.model, network=spoilt, card=card), np.empty((0, 2)),
        Verdict(Score(0.9, 0.8, 1.0), (), True, "it was well judged"), {},
    )  # fmt: skip
    worse = slice_models.register(store, trained, at=NOW, by="test")
    slice_models.promote(store, worse, at=NOW, by="test", reason="a mistake")
    recording = simulated(FEWEST_ROWS + 10)
    configure(store, recording, tmp_path)
    send(broker, events_of(recording))
    assert run_once(roll_back=False)["decided"] == FEWEST_ROWS + 10
    assert [row.version for row in rows(store, stored.slice_model, state="champion")] == [worse]
    run_once(NOW + 1)
    assert [row.version for row in rows(store, stored.slice_model, state="champion")] == [champion]
    last = slice_models.list_changes(store, Target.REFERENCE)[0]
    assert (last["action"], last["changed_by"], "judged 1 at most" in last["reason"]) == (
        "restored", "slice_prediction", True,
    )  # fmt: skip


def test_a_held_cell_keeps_its_value_and_the_others_of_its_slice_move(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated()
    configure(store, recording, tmp_path)
    key = recording.keys[0]
    slice_holds.hold(store, ("01-b989bd", "", key.cell), at=NOW - 60, by="ann", reason="works on the mast")
    send(broker, events_of(recording))
    counts = run_once()
    held = [row for row in rows(store, stored.slice_prediction) if row.rule == "held"]
    assert [(row.cell, row.is_sent, row.final == row.configured) for row in held] == [(key.cell, False, True)]
    assert counts["sent"] > 0
    assert key.cell not in {cell for _, _, cell in changes_in(sent(broker))}


def test_a_joint_limit_over_slices_that_share_a_cell_holds(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    both = [simulated(12, snssai=f"01-B989B{letter}", seed=number) for number, letter in enumerate("DE")]
    for recording in both:
        configure(store, recording, tmp_path)
    total = sum(recording.configured[:, -1] for recording in both)
    inventory = [
        {"cu": key.cu, "cell": key.cell, "local_id": None, "ric": None, "capacity": int(most),
         "changed_at": NOW, "source": "test"}
        for key, most in zip(both[0].keys, total, strict=True)
    ]  # fmt: skip
    store.transact(lambda connection: save_rows(connection, stored.slice_cell, inventory))
    send(broker, [event for recording in both for event in events_of(recording)])
    run_once()
    after: dict[tuple[str, str], float] = {}
    for row in rows(store, stored.slice_prediction):
        after[row.cu, row.cell] = after.get((row.cu, row.cell), 0.0) + row.final
    assert all(after[row["cu"], row["cell"]] <= row["capacity"] for row in inventory)
    assert any(row.capped > row.configured for row in rows(store, stored.slice_prediction))


def test_cells_of_two_controllers_never_share_a_message(
    broker: dict[str, str], store: Store, champion: str, tmp_path: Path
) -> None:
    recording = simulated(20)
    configure(store, recording, tmp_path)
    rics = {key.cell: f"ric-{number % 2}" for number, key in enumerate(recording.keys)}
    inventory = [
        {"cu": "", "cell": cell, "local_id": None, "ric": ric, "capacity": None, "changed_at": NOW,
         "source": "test"}
        for cell, ric in rics.items()
    ]  # fmt: skip
    store.transact(lambda connection: save_rows(connection, stored.slice_cell, inventory))
    send(broker, events_of(recording))
    run_once()
    found = sent(broker)
    assert len(found) == 2
    for message in found:
        ric = (dict(message.headers)["near-rt-ric-id"] or b"").decode()
        assert {rics[cell] for _, _, cell in changes_in((message,))} == {ric}
