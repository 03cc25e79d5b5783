"""Model files: what is saved is loaded to the last bit; anything else is refused."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foresight.errors import InvalidDocument
from foresight.slices.model_file import load_model, model_bytes, parse_model, save_model
from foresight.slices.network import NAMES, Card, Model, Scaler
from foresight.slices.targets import Target
from tests.unit.slices.test_network import network

CARD = Card(
    Target.FORWARD,
    (0, 900),
    "ab" * 32,
    {"rmse": 1.25},
    {"numpy": "2"},
    failure_bound=0.2,
    seed=7,
    profile={"requests": ((1.0, 2.0), (0.2, 0.3, 0.5))},
)


def model(dtype: str = "float32") -> Model:
    return Model(network(dtype=dtype), Scaler(np.zeros(5), np.arange(1.0, 6.0)), CARD)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_model_comes_back_as_it_was_saved(tmp_path: Path, dtype: str) -> None:
    saved = model(dtype)
    save_model(saved, tmp_path / "m.model")
    loaded = load_model(tmp_path / "m.model")
    for name in NAMES:
        np.testing.assert_array_equal(getattr(saved.network, name), getattr(loaded.network, name))
    assert loaded.card == saved.card
    assert loaded.scaler.high.tolist() == saved.scaler.high.tolist()
    rows = np.random.default_rng(1).uniform(0, 5, (10, 24))
    np.testing.assert_array_equal(saved.predict(rows), loaded.predict(rows))
    assert [path.name for path in tmp_path.iterdir()] == ["m.model"]


def test_equal_models_give_equal_bytes() -> None:
    assert model_bytes(model()) == model_bytes(model())


def test_a_file_cut_off_anywhere_is_refused() -> None:
    data = model_bytes(model())
    for size in range(0, len(data), 37):
        with pytest.raises(InvalidDocument):
            parse_model(data[:size])


def test_a_file_with_any_bit_flipped_is_refused() -> None:
    data = model_bytes(model())
    rng = random.Random(1)  # noqa: S311 - not for secrets
    for at in [*range(8), *rng.sample(range(8, len(data)), 500)]:
        spoilt = bytearray(data)
        spoilt[at] ^= 1 << rng.randrange(8)
        try:
            found = parse_model(bytes(spoilt))
        except InvalidDocument:
            continue
        assert model_bytes(found) == data, f"byte {at} changed the model unseen"


def edited(edit: Any) -> bytes:
    """A model file whose head was changed by someone who mends the checksum too."""
    from foresight.slices.model_file import _digest

    data = model_bytes(model())
    (length,) = struct.unpack("<Q", data[:8])
    head, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    edit(head)
    about = head.get("__metadata__")
    if isinstance(about, dict) and isinstance(about.get("card"), str):
        about["sha256"] = _digest(about["card"], body)
    text = json.dumps(head).encode()
    return struct.pack("<Q", len(text)) + text + body


def with_card(**changes: Any) -> Any:
    def edit(head: dict[str, Any]) -> None:
        card = json.loads(head["__metadata__"]["card"])
        head["__metadata__"]["card"] = json.dumps(card | changes)

    return edit


@pytest.mark.parametrize(
    "edit",
    [
        with_card(inputs=["requests[t]"]),
        with_card(inputs=None),
        with_card(window=9),
        with_card(target="other"),
        with_card(training_range=[1]),
        with_card(metrics={"rmse": "x"}),
        with_card(metrics=[]),
        with_card(profile={"requests": [1]}),
        lambda head: head["kernel"].update(data_offsets=[0, 10**18]),
        lambda head: head["kernel"].update(data_offsets=[-960, 192]),
        lambda head: head["kernel"].update(shape=[10**9, 10**9]),
        lambda head: head["kernel"].update(dtype="I64"),
        lambda head: head["dense_kernel"].update(shape=["x", 1]),
        lambda head: head["dense_kernel"].update(shape=[10**9, 1]),
        lambda head: head.update(more=head["bias"]),
        lambda head: head.pop("bias"),
        lambda head: head.pop("__metadata__"),
        lambda head: head.update(__metadata__=[]),
        lambda head: head.update(scaler_low=head["scaler_high"], scaler_high=head["scaler_low"]),
    ],
)
def test_a_file_for_other_features_or_of_another_shape_is_refused(edit: Any) -> None:
    with pytest.raises(InvalidDocument, match="no model of ours"):
        parse_model(edited(edit), "m")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80\x04pickle.",
        b"PK\x03\x04",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 6000) + b"[" * 6000,
    ],
)
def test_what_is_no_model_at_all_is_refused(data: bytes) -> None:
    with pytest.raises(InvalidDocument):
        parse_model(data)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidDocument, match="absent"):
        load_model(tmp_path / "absent.model")
