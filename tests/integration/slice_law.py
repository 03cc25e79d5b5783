"""Many periods of the simulator's law on real servers, each decision against an oracle of its own.

The oracle is written from the definitions: features row by row, the network gate by gate, the guardrails as a
dynamic programme over all sums. It shares no code with what it checks. Time is compressed: a run a period,
dated as if a quarter of an hour lay between them. Changes that are sent are applied before the next period.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np
import orjson
from confluent_kafka import Producer
from sqlalchemy import select

from foresight.conventions import PERFORMANCE_TOPIC, POLICY_TOPIC
from foresight.messaging import drain
from foresight.orchestration.slices import prediction as slice_prediction
from foresight.services.slices import configuration
from foresight.services.slices import models as slice_models
from foresight.slices.features import windows
from foresight.slices.judgement import Score, Verdict
from foresight.slices.network import Card, Model, Network, Scaler
from foresight.slices.recording import CellKey, Recording, messages
from foresight.slices.targets import Target
from foresight.slices.training import Trained
from foresight.store.tables import slice_measurement
from foresight.store.tables import slice_prediction as decisions
from tests.integration.slice_faults import World
from tests.unit.slice_runs import context

SLICES = ("0010-1110", "0011-0010")
N_CELLS, SECONDS, UNITS = 24, 900, 200
AREAS = ((2.2, 4.4), (7.0, 9.8))
"""Requests a period as multiples of the configured connections, by area."""
Cell = tuple[str, str]
Counts = tuple[float, float, float]


@dataclass
class Law:
    """The world of the simulator: what each cell counts in a period, and what is configured."""

    rng: np.random.Generator
    keys: list[CellKey]
    area: dict[Cell, tuple[float, float]]
    limits: dict[Cell, int]

    @classmethod
    def of(cls, seed: int) -> Law:
        """Two slices over the same cells, ten of them a gNB-CU."""
        rng = np.random.default_rng(seed)
        keys = [
            CellKey(s, f"cucpserver{i // 10 + 1}", str(13_999 + i)) for s in SLICES for i in range(N_CELLS)
        ]
        cells = [(key.snssai, key.cell) for key in keys]
        area = {cell: AREAS[int(rng.integers(2))] for cell in cells}
        return cls(rng, keys, area, {cell: int(rng.integers(100, 135)) for cell in cells})

    def measure(self) -> dict[Cell, Counts]:
        """Requests by area, 60 to 75 % of them served, failures 5 to 10 % below the difference."""
        found = {}
        for cell, limit in self.limits.items():
            low, high = self.area[cell]
            requests = round(limit * self.rng.uniform(low, high))
            successes = round(requests * self.rng.uniform(0.60, 0.75))
            failures = round((requests - successes) * self.rng.uniform(0.90, 0.95))
            found[cell] = (float(requests), float(successes), float(failures))
        return found


@dataclass
class Oracle:
    """What must be decided, from what was measured and configured so far."""

    model: Model
    counts: list[dict[Cell, Counts]] = field(default_factory=list)
    limits: list[dict[Cell, int]] = field(default_factory=list)
    answered: list[dict[Cell, tuple[float, float, float]]] = field(default_factory=list)

    def see(self, counts: dict[Cell, Counts], limits: dict[Cell, int]) -> None:
        """One more period and what was configured at its end."""
        self.counts.append(counts)
        self.limits.append(dict(limits))

    def formula(self, cell: Cell, period: int) -> float:
        """The published target; what is configured where there is no period before."""
        limit = self.limits[period][cell]
        if period == 0:
            return float(limit)
        (now, _, failed), (then, _, missed) = self.counts[period][cell], self.counts[period - 1][cell]
        return limit * (1.0 + failed / now - missed / then)

    def inputs(self, cell: Cell) -> list[float] | None:
        """The 24 inputs; None while there are fewer than five periods."""
        now = len(self.counts) - 1
        if now < 4:
            return None
        row: list[float] = []
        for period in range(now - 4, now + 1):
            row += [*self.counts[period][cell], float(self.limits[period][cell])]
            row += [self.formula(cell, period)] if period < now else []
        return row

    def is_outside(self, row: list[float]) -> bool:
        """Whether an input lies outside the ranges in the model's card."""
        low, high = self.model.scaler.low, self.model.scaler.high
        slack = (high - low) * 1e-8
        low, high = (low - slack).tolist(), (high + slack).tolist()
        return any(not low[i % 5] <= value <= high[i % 5] for i, value in enumerate(row))

    def predict(self, row: list[float]) -> float:
        """One step of the network, gate by gate."""
        low, high, net = self.model.scaler.low, self.model.scaler.high, self.model.network
        assert isinstance(net, Network)
        scaled = [2 * (v - low[i % 5]) / (high[i % 5] - low[i % 5]) - 1 for i, v in enumerate(row)]
        units = len(net.dense_kernel)
        gates = (np.array(scaled) @ np.asarray(net.kernel, np.float64) + net.bias).tolist()
        out = float(net.dense_bias[0])
        for unit in range(units):
            into, _, fresh, open_ = (gates[gate * units + unit] for gate in range(4))
            state = _logistic(into) * math.tanh(fresh)
            out += _logistic(open_) * math.tanh(state) * float(net.dense_kernel[unit, 0])
        return (out + 1) / 2 * float(high[4] - low[4]) + float(low[4])

    def changes(self, cells: list[Cell], raw: dict[Cell, float | None]) -> dict[Cell, int]:
        """The whole changes of a slice's cells nearest to its predictions, inside every limit."""
        now = len(self.limits) - 1
        before = [self.limits[max(p, 0)] for p in range(now - 96, now + 1)]
        sums = [sum(limits[cell] for cell in cells) for limits in before]
        total = sums[-1]
        most_up = min(math.floor(total / 10), math.floor(min(sums) * 1.2 + 1e-9) - total)
        most_down = min(math.floor(total / 10), total - math.ceil(max(sums) * 0.8 - 1e-9))
        options, wishes = [], []
        for cell in cells:
            given = raw[cell]
            past = [limits[cell] for limits in before]
            found, wish = (
                self._options(past, self.limits[0][cell], given) if given is not None else ([0], 0.0)
            )
            options.append(found)
            wishes.append(wish)
        chosen = _nearest(options, wishes, max(most_down, 0), max(most_up, 0))
        return dict(zip(cells, chosen, strict=True))

    def _options(self, past: list[int], anchor: int, raw: float) -> tuple[list[int], float]:
        P = past[-1]
        wish = min(max(raw, 0.75 * P), 1.25 * P) - P
        least, most = math.ceil(P / 20), P // 4
        up = min(most, 2 * anchor - P, max(math.floor(min(past) * 1.5), P) - P)
        down = min(most, P - math.ceil(anchor / 2), P - min(math.ceil(max(past) / 2), P))
        rounded = math.floor(wish + 0.5)
        side = 1 if wish > 0 else -1
        reach = min(abs(rounded), up if side > 0 else down)
        return [side * size for size in range(reach, least - 1, -1)] + [0], wish

    def is_worse(self, cells: list[Cell], raw: dict[Cell, float | None]) -> bool:
        """Whether the model was farther off than what is configured, over this and the last four periods."""
        now = len(self.counts) - 1
        rows = [row for seen in self.answered[-4:] for cell, row in seen.items() if cell in cells]
        rows += [
            (value, float(self.limits[now][cell]), self.formula(cell, now))
            for cell in cells
            if (value := raw[cell]) is not None
        ]
        ours = sum((value - answer) ** 2 for value, _, answer in rows)
        theirs = sum((limit - answer) ** 2 for _, limit, answer in rows)
        return len(rows) >= 3 and ours > theirs


def _logistic(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def _nearest(options: list[list[int]], wishes: list[float], down: int, up: int) -> list[int]:
    """The least sum of squares with ``-down <= sum <= up``; ties to the first that moves farther."""
    reach = sum(max(map(abs, each)) for each in options)
    costs = [np.full(2 * reach + 1, np.inf)]
    costs[0][reach - min(down, reach) : reach + min(up, reach) + 1] = 0.0
    for each, wish in zip(options[::-1], wishes[::-1], strict=True):
        costs.append(np.min([np.roll(costs[-1], -d) + (d - wish) ** 2 for d in each], axis=0))
    chosen, at = [], reach
    for each, wish, later in zip(options, wishes, costs[-2::-1], strict=True):
        sums = [later[at + d] + (d - wish) ** 2 for d in each]
        best = min(sums)
        pick = next(d for d, s in zip(each, sums, strict=True) if s <= best + 1e-9 * (1 + abs(best)))
        chosen.append(pick)
        at += pick
    return chosen


def run_law(
    world: World, n_periods: int, seed: int = 1, say: Callable[[str], None] = print
) -> dict[str, int]:
    """Lets the law run; asserts that all rows, outcomes and messages are those of the oracle; counts them."""
    law, oracle = Law.of(seed), Oracle(wide_model())
    put_to_use(world, oracle.model)
    start = int(time.time()) // SECONDS * SECONDS - n_periods * SECONDS
    found: Counter[str] = Counter()
    producer = Producer({"bootstrap.servers": world.kafka.bootstrap})
    real = configuration.time
    try:
        for period in range(n_periods):
            begun, now = start + period * SECONDS, start + (period + 1) * SECONDS
            configuration.time = SimpleNamespace(time=lambda now=now: float(now))  # type: ignore[assignment,misc]
            counts = law.measure()
            _send(world, law, producer, begun, counts)
            slice_prediction.predict_and_send(context(now))
            oracle.see(counts, law.limits)
            found += _check_decisions(world, law, oracle, begun)
            if period % 25 == 24:
                say(f"{period + 1} of {n_periods} periods: {dict(found)}")
    finally:
        configuration.time = real
    return dict(found + _check_rows(world, oracle, start) + _check_messages(world, found["messages"]))


def wide_model() -> Model:
    """A network for all of the envelope: random gates, the last layer fitted to the published formula."""
    rng = np.random.default_rng(7)
    walk = np.cumsum(rng.integers(-20, 21, (60, 220)), axis=1) + rng.integers(50, 271, (60, 1))
    limits = np.clip(walk, 48, 275).astype(np.float64)
    low, high = np.array(AREAS)[rng.integers(0, 2, 60)].T[..., None]
    requests = np.rint(limits * rng.uniform(low, high, limits.shape))
    successes = np.rint(requests * rng.uniform(0.60, 0.75, limits.shape))
    failures = np.rint((requests - successes) * rng.uniform(0.90, 0.95, limits.shape))
    counters = np.stack([requests, successes, failures], axis=-1)
    inputs, answers = windows(counters, limits, Target.REFERENCE)
    rows, wanted = inputs.reshape(-1, 24), answers.ravel()
    scaler = Scaler.fitted(rows, wanted)
    kernel, bias = rng.normal(0, 0.15, (24, 4 * UNITS)), rng.normal(0, 0.5, 4 * UNITS)
    into, _, fresh, out = np.split(scaler.inputs(rows) @ kernel + bias, 4, axis=1)
    hidden = np.tanh(np.tanh(fresh) / (1 + np.exp(-into))) / (1 + np.exp(-out))
    known = np.c_[hidden, np.ones(len(rows))]
    fitted = np.linalg.solve(known.T @ known + 1e-6 * np.eye(UNITS + 1), known.T @ scaler.answers(wanted))
    none = np.zeros((UNITS, 4 * UNITS))
    network = Network(kernel, none, bias, fitted[:-1, None].copy(), fitted[-1:].copy())
    return Model(network, scaler, Card(Target.REFERENCE, (0, 1), "", source="random gates"))


def put_to_use(world: World, model: Model) -> None:
    """Registers and promotes it."""
    verdict = Verdict(Score(1.0, 1.0, 1.0), (), True, "for the law")
    version = slice_models.register(
        world.store, Trained(model, np.empty((0, 2)), verdict, {}), at=0, by="law"
    )
    slice_models.promote(world.store, version, at=0, by="law", reason="for the law")


def _send(world: World, law: Law, producer: Producer, begun: int, counts: dict[Cell, Counts]) -> None:
    for (snssai, cell), limit in law.limits.items():
        world.service.limits[cell, snssai] = limit
    values = np.array([[counts[key.snssai, key.cell]] for key in law.keys])
    made = Recording(tuple(law.keys), begun, values, np.ones((len(law.keys), 1)))
    for _, cu, value in messages(made):
        producer.produce(PERFORMANCE_TOPIC, value, key=cu)
    assert producer.flush(60) == 0


def _check_decisions(world: World, law: Law, oracle: Oracle, begun: int) -> Counter[str]:
    """This period's rows against the oracle; what was sent is applied."""
    query = select(decisions).filter_by(period_start=begun)
    rows = {(r.snssai, r.cell): r for r in world.store.read(lambda c: c.execute(query).all())}
    assert len(rows) == 2 * N_CELLS
    found: Counter[str] = Counter()
    answered: dict[Cell, tuple[float, float, float]] = {}
    for snssai in SLICES:
        cells = [(key.snssai, key.cell) for key in law.keys if key.snssai == snssai]
        raw: dict[Cell, float | None] = {}
        for cell in cells:
            inputs = oracle.inputs(cell)
            outcome = (
                "warming_up" if inputs is None else "out_of_range" if oracle.is_outside(inputs) else "ready"
            )
            assert rows[cell].outcome == outcome, (cell, begun, rows[cell], outcome)
            raw[cell] = rows[cell].raw
            assert (raw[cell] is None) is (outcome != "ready")
            if inputs is not None and raw[cell] is not None:
                assert math.isclose(rows[cell].raw, oracle.predict(inputs), abs_tol=2e-3), (cell, begun)
                answered[cell] = (
                    rows[cell].raw, rows[cell].configured, oracle.formula(cell, len(oracle.counts) - 1)
                )  # fmt: skip
                assert math.isclose(rows[cell].answer, answered[cell][2], abs_tol=1e-6)
            found[f"outcome {outcome}"] += 1
        is_worse = oracle.is_worse(cells, raw)
        wanted = dict.fromkeys(cells, 0) if is_worse else oracle.changes(cells, raw)
        for cell in cells:
            row = rows[cell]
            assert (int(row.final) - int(row.configured), row.is_sent) == (wanted[cell], wanted[cell] != 0), (
                cell, begun, row, wanted[cell],
            )  # fmt: skip
            assert not is_worse or row.raw is None or row.rule == "model_worse"
            found["decisions"] += 1
            found["sent"] += row.is_sent
            if row.is_sent:
                law.limits[cell] = int(row.final)
        found["messages"] += any(wanted.values())
    oracle.answered.append(answered)
    return found


def _check_rows(world: World, oracle: Oracle, start: int) -> Counter[str]:
    """Every measurement is stored once, as it was counted."""
    query = select(slice_measurement).where(slice_measurement.c.snssai.in_(SLICES))
    stored = world.store.read(lambda connection: connection.execute(query).all())
    found = {
        (row.snssai, row.cell, int(row.period_start.timestamp())): (row.requests, row.successes, row.failures)
        for row in stored
    }
    wanted = {
        (*cell, start + period * SECONDS): counts
        for period, seen in enumerate(oracle.counts)
        for cell, counts in seen.items()
    }
    assert len(stored) == len(wanted)
    assert found == wanted
    return Counter(rows=len(found))


def _check_messages(world: World, n: int) -> Counter[str]:
    """At most one message a slice and period, with no cell twice."""
    config = {"bootstrap.servers": world.kafka.bootstrap}
    sent = [m for m in drain(config, POLICY_TOPIC, {}).messages if (m.key or b"").decode() in SLICES]
    assert len(sent) == n
    times: Counter[tuple[str, str]] = Counter()
    for message in sent:
        body = orjson.loads(message.value or b"")
        cells = [cell for unit in body["data"] for cell in unit["cellCUList"]]
        assert len({cell["cellLocalId"] for cell in cells}) == len(cells)
        times[body["snssai"], cells[0]["configData"]["lastUpdatedTS"]] += 1
    assert set(times.values()) <= {1}
    return Counter()
