"""``foresight doctor``: is everything that a run needs there, and right? If not, what to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from confluent_kafka import KafkaException

from foresight import __version__
from foresight.conventions import SLA_EVENTS_TOPIC, TELEMETRY_TOPIC
from foresight.errors import ForesightError, SourceUnavailable
from foresight.messaging import ClientConfig
from foresight.messaging.connection import Connection
from foresight.quality.suite import load_suite
from foresight.services.database_checks import missing_rights, missing_upkeep_rights, takes_infile
from foresight.services.telemetry_checks import entry_notes
from foresight.store import Store, load_slas
from foresight.store.checks import count_rows
from foresight.store.intervals import newest_report
from foresight.store.schema import expected_revision, stored_revision
from foresight.store.tables import metadata
from foresight.telemetry.catalogue import Catalogue
from foresight.telemetry.source import TelemetrySource


class Verdict(StrEnum):
    """How a check came out."""

    RIGHT = "ok"
    NOTE = "note"
    """A run works, and somebody should know."""
    WRONG = "wrong"
    """A run fails."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what was looked at, how it came out, and what it showed or what to do."""

    what: str
    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Installation:
    """What is checked. Each check opens the parts that it needs: a part that does not open is a finding."""

    airflow_version: str
    config_folder: Path
    catalogue: Callable[[], Catalogue]
    source: Callable[[], TelemetrySource]
    store: Callable[[], Store]
    upkeep: Callable[[], Store]
    """The same database for whoever may change its tables."""
    kafka: Callable[[], ClientConfig]
    dags: Callable[[], Mapping[str, bool]]
    """Every DAG that Airflow knows, and whether it is paused."""


def diagnose(installation: Installation, now: datetime) -> list[Finding]:
    """What the checks found, in the order in which a run needs them. One that fails stops no other."""
    found: list[Finding] = []
    for what, check in CHECKS.items():
        try:
            found.extend(check(installation, now))
        except ForesightError as error:
            found.append(Finding(what, Verdict.WRONG, str(error)))
        except Exception as error:  # noqa: BLE001 (whatever a check fails at, a run fails at too)
            found.append(Finding(what, Verdict.WRONG, f"{type(error).__name__}: {error}"))
    return found


def _versions(given: Installation, _: datetime) -> Iterator[Finding]:
    text = f"Foresight {__version__}, Airflow {given.airflow_version}, files in {given.config_folder}"
    yield Finding("versions", Verdict.RIGHT, text)


def _catalogue(given: Installation, _: datetime) -> Iterator[Finding]:
    entries = given.catalogue().metrics
    suite = load_suite(given.config_folder / "expectations")
    text = f"{len(entries)} entries, {len(suite.expectations)} expectations"
    yield Finding("catalogue", Verdict.RIGHT, text)


def _telemetry(given: Installation, now: datetime) -> Iterator[Finding]:
    source = given.source()
    found = source.describe()
    yield Finding("telemetry", Verdict.RIGHT, f"{found.kind} {found.version} at {found.address}")
    for note in found.notes:
        yield Finding("telemetry", Verdict.NOTE, note)
    for entry in given.catalogue().metrics:
        for note in entry_notes(source, entry, int(now.timestamp())):
            yield Finding("telemetry", Verdict.NOTE, note)


def _results(given: Installation, _: datetime) -> Iterator[Finding]:
    store = given.store()
    stored, expected = store.read(stored_revision), expected_revision()
    if stored != expected:
        text = f"{store.name} is at {stored or 'no'} revision, not {expected}: run `foresight migrate`"
        yield Finding("results", Verdict.WRONG, text)
        return
    rows = {
        name: store.read(lambda connection, table=table: count_rows(connection, table))  # type: ignore[misc]
        for name, table in metadata.tables.items()
        if name in {"series", "run", "sla"}
    }
    counts = ", ".join(f"{n} in {name}" for name, n in rows.items())
    yield Finding("results", Verdict.RIGHT, f"{store.name}, revision {stored}: {counts}")
    for right in missing_rights(store):
        yield Finding("results", Verdict.WRONG, f"the account lacks the right {right} on {store.name}")
    if not takes_infile(store):
        text = "local_infile is off on the server, so writing takes longer: SET GLOBAL local_infile = 1"
        yield Finding("results", Verdict.NOTE, text)
    yield from _newest_interval(store)
    if not store.read(load_slas):
        yield Finding("results", Verdict.NOTE, "no SLA is active: foresight sla apply -f FILE")


def _upkeep(given: Installation, _: datetime) -> Iterator[Finding]:
    store = given.upkeep()
    if missing := missing_upkeep_rights(store):
        text = (
            f"the account that migrates and moves partitions lacks {', '.join(missing)} on {store.name}: "
            "grant them, or name another account in connection results_upkeep"
        )
        yield Finding("upkeep", Verdict.WRONG, text)


def _newest_interval(store: Store) -> Iterator[Finding]:
    """What the newest run over the whole catalogue had to leave out."""
    report = store.read(newest_report)
    for name, reason in report.get("refused", {}).items():
        yield Finding("results", Verdict.NOTE, f"the newest run left {name} out: {reason}")
    for name, reasons in report.get("partial", {}).items():
        text = f"in the newest run {name} was partial: {'; '.join(reasons)}"
        yield Finding("results", Verdict.NOTE, text)
    for name, remarks in report.get("remarks", {}).items():
        yield Finding("results", Verdict.NOTE, f"remarks of the newest run on {name}: {'; '.join(remarks)}")


def _dags(given: Installation, _: datetime) -> Iterator[Finding]:
    try:
        known = given.dags()
    except SourceUnavailable as error:
        yield Finding("dags", Verdict.NOTE, str(error))
        return
    if not known:
        text = "Airflow's database knows no DAG yet: start Airflow, and see that dags_folder is right"
        yield Finding("dags", Verdict.NOTE, text)
        return
    paused = sorted(name for name in SCHEDULED if known.get(name))
    missing = sorted(name for name in SCHEDULED if name not in known)
    yield Finding("dags", Verdict.RIGHT, f"{len(known)} DAGs, {sum(known.values())} of them paused")
    if missing:
        yield Finding(
            "dags", Verdict.NOTE, f"Airflow does not know {', '.join(missing)}: see its import errors"
        )
    for name in paused:
        yield Finding(
            "dags", Verdict.NOTE, f"{name} is paused, so it never runs: airflow dags unpause {name}"
        )


def _kafka(given: Installation, _: datetime) -> Iterator[Finding]:
    kafka = Connection(given.kafka())
    admin = kafka.admin()
    try:
        found = admin.list_topics(timeout=10)
    except KafkaException as error:
        text = f"{kafka.servers} does not answer: {error.args[0].str()}"
        yield Finding("kafka", Verdict.WRONG, text)
        return
    yield Finding("kafka", Verdict.RIGHT, f"{len(found.brokers)} brokers, {len(found.topics)} topics")
    for topic in (TELEMETRY_TOPIC, SLA_EVENTS_TOPIC):
        if topic not in found.topics:
            text = f"topic {topic} is not there: the first run makes it where the cluster allows that"
            yield Finding("kafka", Verdict.NOTE, text)


SCHEDULED = ("maintenance", "sla_evaluation", "telemetry_analysis")
"""The DAGs without which results grow old."""

CHECKS: dict[str, Callable[[Installation, datetime], Iterator[Finding]]] = {
    "versions": _versions,
    "catalogue": _catalogue,
    "telemetry": _telemetry,
    "results": _results,
    "upkeep": _upkeep,
    "kafka": _kafka,
    "dags": _dags,
}
