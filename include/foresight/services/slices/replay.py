"""Performance data from files: through the whole chain as a rehearsal, or onto the topic for real."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from foresight.conventions import PERFORMANCE_TOPIC
from foresight.errors import InvalidDocument, Mistake, NotFound
from foresight.messaging import ClientConfig, Message, Publication, end_offsets, ensure_topic, publish
from foresight.services.slices.configuration import SERVICE, configured_of
from foresight.services.slices.events import records_in
from foresight.services.slices.guarding import guard_cells
from foresight.services.slices.history import check_size, windows_for
from foresight.services.slices.options import DecisionOptions, load_champion
from foresight.slices.features import PAST
from foresight.slices.guardrails import breaches
from foresight.slices.identifiers import normal_form
from foresight.slices.measurements import Measurement
from foresight.slices.recording import CellKey, Recording
from foresight.slices.recording import messages as event_messages
from foresight.slices.replay import EVENTS, TABLES, read_messages, read_recording
from foresight.slices.targets import Floats
from foresight.store import Store
from foresight.store.slices import CONFIGURATION_LOCK, Cell, save_configuration

FOLDER: Final = "replay"
"""Below the configuration folder: recordings that a run may name."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What the chain would do with a file: nothing was stored or sent.

    ``rmse`` of the model and of ``configured`` against the target, in connections, over all windows and over
    the last tenth of them, cells one after the other.
    """

    n_cells: int
    n_periods: int
    n_predicted: int
    rejected: Mapping[str, int]
    rules: Mapping[str, int]
    n_sent: int
    n_breaches: int
    rmse: Mapping[str, float]
    version: str

    def lines(self) -> list[tuple[str, str]]:
        """What there is to say, by name."""
        counts = {**self.rules, **self.rejected}
        return [
            ("model", self.version),
            ("predicted", f"{self.n_predicted} ({self.n_cells} cells, {self.n_periods} periods)"),
            ("would be sent", f"{self.n_sent}, limits broken: {self.n_breaches}"),
            *((f"  {name}", str(count)) for name, count in counts.items()),
            *((f"RMSE, {name}", f"{value:.3f} connections") for name, value in self.rmse.items()),
        ]


@dataclass(frozen=True, slots=True)
class Sent:
    """What was put on the topic: messages, and limits that the file held and that hold now."""

    n_messages: int
    n_configured: int

    def lines(self) -> list[tuple[str, str]]:
        """What there is to say, by name."""
        return [("events sent", str(self.n_messages)), ("limits loaded", str(self.n_configured))]


def replay_file(config_folder: Path, name: str, kinds: Collection[str] = (*TABLES, *EVENTS)) -> Path:
    """A recording in the folder ``replay`` of the configuration; no other folder can be named."""
    folder = config_folder / FOLDER
    if Path(name).name != name or Path(name).suffix not in kinds:
        reason = f"the name of a file in {folder}, one of {', '.join(kinds)}; got {name[:100]!r}"
        raise InvalidDocument([Mistake("parameter file", 0, "", reason)])
    return folder / name


def rehearse(store: Store, path: Path, options: DecisionOptions, **named: Any) -> Rehearsal:
    """Runs a file through reading, features, model and guardrails. ``named``: see ``read_recording``.

    Raises ``InvalidDocument`` for a wrong file, ``NotFound`` without a model in use or anything to predict.
    """
    champion = store.read(lambda connection: load_champion(connection, options.target))
    if champion is None:
        raise NotFound(f"no {options.target} model is in use: train one, or import and promote one")
    recording, rejected = recording_of(store, path, **named)
    inputs, answers = windows_for(champion.model, recording)
    limits = recording.configured[:, PAST:]
    row, column = np.nonzero(np.isfinite(answers) & (limits > 0) & np.isfinite(inputs).all(axis=-1))
    if not len(row):
        raise NotFound(f"{path}: no cell has five whole periods and a configured limit")
    predicted = champion.model.predict(inputs[row, column])
    is_outside = champion.model.is_outside(inputs[row, column])
    cells = [_cell(recording.keys[i]) for i in row]
    _, groups = np.unique(
        [f"{cell[0]} {j}" for cell, j in zip(cells, column, strict=True)], return_inverse=True
    )
    previous = limits[row, column]
    guarded, rules = guard_cells(cells, previous, np.where(is_outside, np.nan, predicted), options, groups)
    kept = np.isfinite(guarded.final)
    broken = breaches(groups[kept], previous[kept], guarded.final[kept], options.limits)
    errors = {"model": predicted - answers[row, column], "configured": previous - answers[row, column]}
    newest = row * answers.shape[1] + column >= int(answers.size * 0.9)
    rmse = {name: _rms(error) for name, error in errors.items()}
    rmse |= {f"{name}, last tenth": _rms(error[newest]) for name, error in errors.items()}
    names, counts = np.unique(rules, return_counts=True)
    return Rehearsal(
        n_cells=len(recording.keys),
        n_periods=recording.counters.shape[1],
        n_predicted=len(row),
        rejected=rejected,
        rules=dict(zip(names.tolist(), counts.tolist(), strict=True)),
        n_sent=int(guarded.is_sent.sum()),
        n_breaches=int(broken.sum()),
        rmse=rmse,
        version=champion.version,
    )


def _rms(errors: Floats) -> float:
    return float(np.sqrt(np.mean(errors**2))) if len(errors) else float("nan")


def _cell(key: CellKey) -> Cell:
    return normal_form(key.snssai), key.cu, key.cell


def recording_of(store: Store, path: Path, **named: Any) -> tuple[Recording, Mapping[str, int]]:
    """A file as a recording: a table as it is, events as they are read, with the stored configuration."""
    if path.suffix in TABLES:
        return read_recording(path, **named), {}
    records, rejected = records_in(read_messages(path))
    records = [one for one in records if one.snssai]  # the others are failures that name no slice
    if not records:
        raise NotFound(f"{path}: no record in it can be read: {dict(rejected)}")
    return _recording(store, records), rejected


def _recording(store: Store, records: list[Measurement]) -> Recording:
    cells = sorted({(one.snssai, one.cu, one.cell) for one in records})
    number = {cell: i for i, cell in enumerate(cells)}
    seconds, first = records[0].granularity_seconds, min(one.period_start for one in records)
    period = [round((one.period_start - first) / seconds) for one in records]
    check_size(len(cells), max(period) + 1)
    counters = np.full((len(cells), max(period) + 1, 3), np.nan)
    for one, at in zip(records, period, strict=True):
        values = np.array([one.requests, one.successes, one.failures], np.float64)
        counters[number[one.snssai, one.cu, one.cell], at] = np.nan if one.is_suspect else values
    ends = first + seconds * np.arange(1, counters.shape[1] + 1)
    ends = np.broadcast_to(ends, counters.shape[:2])
    limits = store.read(lambda connection: configured_of(connection, cells, ends))
    keys = tuple(CellKey(*cell) for cell in cells)
    return Recording(keys, first, counters, limits.connections, seconds)


def send(
    store: Store, config: ClientConfig, path: Path, at: int, *, ends_now: bool = False, **named: Any
) -> Sent:
    """Puts a file onto the topic, in few transactions; sent twice, its events are stored once.

    What a table says of configured limits is loaded first. ``at``: epoch seconds. With ``ends_now``, and
    where a table does not say when its periods were, the last of them ends at ``at``; else events keep their
    times, and those of a file of events their every byte. Raises ``InvalidDocument``.
    """
    ensure_topic(config, PERFORMANCE_TOPIC)
    n_configured = 0
    if path.suffix in TABLES or ends_now:
        recording, _ = recording_of(store, path, **named)
        if ends_now or not recording.start:
            recording = recording.ending(at)
        if path.suffix in TABLES:
            n_configured = _configure(store, recording, at, path.name)
        found: Iterator[Message] = _events(recording)
    else:
        values = read_messages(path)
        found = (Message(f"{i}", None, value) for i, value in enumerate(values))
    batch = f"{PERFORMANCE_TOPIC}/replay/{sha256(path.read_bytes()).hexdigest()[:16]}/{at}"
    publication = Publication(batch, end_offsets(config, PERFORMANCE_TOPIC))
    sent = publish(config, PERFORMANCE_TOPIC, found, publication)
    return Sent(sent.sent, n_configured)


def _events(recording: Recording) -> Iterator[Message]:
    for period, cu, value in event_messages(recording):
        yield Message(f"{cu}:{period}", cu.encode(), value)


def _configure(store: Store, recording: Recording, at: int, source: str) -> int:
    """Makes the newest limit that a recording holds of each cell hold."""
    newest = recording.configured[:, -1]
    values = {
        _cell(key): int(value)
        for key, value in zip(recording.keys, newest, strict=True)
        if np.isfinite(value) and value == int(value)
    }
    name = source[-255:] if source != SERVICE else f"./{source}"
    store.transact(
        lambda connection: save_configuration(connection, values, at, name), lock=CONFIGURATION_LOCK
    )
    return len(values)
