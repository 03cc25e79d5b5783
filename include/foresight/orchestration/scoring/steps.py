"""The steps of ``batch_scoring``, ``model_deployment`` and ``scoring_load_test``."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from foresight.errors import NotFound
from foresight.files import write_bytes
from foresight.messaging import ClientConfig, Publishers, ensure_topic
from foresight.orchestration.runs import change_by, under_old_name
from foresight.orchestration.staging import run_folder
from foresight.scoring.bundles import Settings
from foresight.scoring.errors import CountsDisagree, InvalidMapping
from foresight.scoring.load_test import Grid
from foresight.services.scoring import models
from foresight.services.scoring.batches import Plan, RunRecord
from foresight.services.scoring.deployments import Deployed, Mappings
from foresight.services.scoring.files import score_file
from foresight.services.scoring.load_tests import run_load_test
from foresight.services.scoring.places import FileSource, Source, TopicSource, check_header, topic_of
from foresight.services.scoring.scorers import Scoring
from foresight.services.scoring.shares import deal, join, score_share, split, waiting_records
from foresight.services.scoring.streams import StreamRun
from foresight.services.scoring.tables import TableSource, check_sink, prepare_sink, table_of
from foresight.store import Store
from foresight.store.scoring import SCORING_LOCK, count_run, find_run
from foresight.store.scoring_parts import PART
from foresight.wiring.connections import kafka_config
from foresight.wiring.files import staging_root
from foresight.wiring.scoring import bounds, scoring

log = logging.getLogger(__name__)
Context = Mapping[str, Any]

STREAM_LENGTH: Final = 500
"""Of the 512 characters that the store has, some are left for the number of a partition."""
PARTITIONS: Final = 3
"""Of a topic that is made for the records of a file; one for those of a topic has as many as that."""
RUNNING, DONE = "running", "done"


@dataclass(frozen=True, slots=True)
class _Intent:
    """What the parameters of a run ask for."""

    service: Scoring
    deployed: Deployed
    source: str
    good: str
    bad: str | None
    settings: Settings
    mapping: Mappings
    trace: RunRecord
    stream: str
    batch_size: int

    @property
    def has_files_only(self) -> bool:
        """Whether nothing but files is read and written."""
        return all(map(_is_file, filter(None, (self.source, self.good, self.bad))))

    @property
    def can_be_dealt(self) -> bool:
        """Whether nothing but topics is read and written."""
        return all(topic_of(place) is not None for place in (self.source, self.good, self.bad) if place)

    def run(self, *, is_retry: bool = False) -> StreamRun:
        """The stream, ready to be scored."""
        plan = Plan(
            stream=self.stream, model_name=self.deployed.name, model_version=self.deployed.version,
            mapping=self.mapping, good=self.good, bad=self.bad, batch_size=self.batch_size,
        )  # fmt: skip
        made = _stream_run(self.service, self.source, plan, self.settings, self.trace)
        return replace(made, is_retry=is_retry)


def _intent(context: Context) -> _Intent:
    params, run = context["params"], context["dag_run"]
    service = scoring()
    deployed = service.deployed(params["deployment"])
    places = [params["source"], params["good"], *([params["bad"]] if params["bad"] else [])]
    source, good, *rest = bounds().places(places)
    bad = rest[0] if rest else None
    for place in filter(None, (good, bad)):
        check_sink(place)
    settings = deployed.settings(
        bundle_size=params["bundle_size"],
        workers=_workers(params),
        queue_size=params["queue_size"],
        single_output=bad is None,
    )
    mapping = deployed.mapping(params["field_mapping"] or None)
    # Says now what is wrong with the mapping or a header, before anything is begun.
    check_header(source, service.scorer(deployed.model, deployed.sha256, mapping).mapping)
    facts = {"source": source, "name": deployed.name, "alias": deployed.alias, "version": deployed.version}
    trace = RunRecord(run.dag_id, run.run_id, facts)
    stream = _stream(params["stream"], source, deployed, trace)
    return _Intent(
        service, deployed, source, good, bad, settings, mapping, trace, stream, params["batch_size"]
    )


def deal_partitions(context: Context) -> list[list[int]]:
    """The partitions of a topic for each task; one empty share where a single task is to score all."""
    intent = _intent(context)
    if intent.can_be_dealt and (tasks := context["params"]["tasks"]) > 1:
        run = intent.run()
        shares = deal(waiting_records(run), tasks, intent.batch_size)
        if len(shares) > 1:
            split(run)
            return shares
    return [[]]


def score_batches(context: Context, share: Sequence[int] = ()) -> dict[str, Any]:
    """Scores what the source holds, or these partitions of it; answers the counts of the run so far.

    They add up or it fails.
    """
    intent, seconds = _intent(context), context["params"]["minutes"] * 60
    is_retry = getattr(context.get("ti"), "try_number", 1) > 1
    service, trace = intent.service, intent.trace
    if intent.has_files_only:
        started = time.monotonic()
        load = score_file(
            service, intent.deployed, intent.mapping, intent.source, intent.good, intent.bad,
            intent.settings, is_retry=is_retry,
        )  # fmt: skip
        counts = {"n_batches": 1, "n_read": load.read, "n_good": load.good, "n_bad": load.bad}
        return _done(service.store, trace, counts | {"seconds": time.monotonic() - started}, is_whole=True)
    run = intent.run(is_retry=is_retry)
    if share:
        score_share(run, share, seconds)
        row = service.store.read(lambda connection: find_run(connection, trace.dag_id, trace.run_id))
        return _summary(row)
    if topic_of(intent.source) is not None:
        join(run)
    run.run(seconds)
    return _done(service.store, trace, {}, is_whole=False)


def finish_run(context: Context) -> dict[str, Any]:
    """Notes that every share is scored; answers the counts of the run."""
    run, store = context["dag_run"], scoring().store
    held = store.read(lambda connection: find_run(connection, run.dag_id, run.run_id))
    if held is None:  # there was nothing to score
        return _done(store, _intent(context).trace, {}, is_whole=False)
    # The deployment may be gone by now.
    facts = {name: getattr(held, name) for name in ("source", "name", "alias", "version")}
    return _done(store, RunRecord(run.dag_id, run.run_id, facts), {}, is_whole=False)


def _is_file(place: str) -> bool:
    return topic_of(place) is None and table_of(place) is None


def _stream(given: str | None, source: str, deployed: Deployed, trace: RunRecord) -> str:
    """What a stream is called: runs over a topic or table go on from each other, each over a file begins."""
    if given and PART.search(given):
        raise InvalidMapping(f"stream {given}: # and a number at its end stand for a partition")
    name = given or f"{source}>{deployed.name}@{deployed.alias}"
    if _is_file(source):
        name += f"#{trace.dag_id}/{trace.run_id}"
    if len(name) <= STREAM_LENGTH:
        return name
    return f"{name[: STREAM_LENGTH - 65]}#{hashlib.sha256(name.encode()).hexdigest()}"


def _stream_run(service: Scoring, source: str, plan: Plan, settings: Settings, trace: RunRecord) -> StreamRun:
    outputs = [place for place in (plan.good, plan.bad) if place]
    config = _kafka(is_needed=any(topic_of(place) for place in (source, *outputs)))
    origin = _source(service, source, config)
    # A topic that is missing is made like the one that the records come from.
    partitions = len(origin.ends()) if topic_of(source) else PARTITIONS
    for place in outputs:
        topic = topic_of(place)
        if topic is not None:
            ensure_topic(config, topic, partitions=partitions)
        else:
            prepare_sink(service.open_database, place)
    running = RunRecord(trace.dag_id, trace.run_id, trace.facts | {"state": RUNNING})
    return StreamRun(service, origin, plan, config, settings, running, Publishers(config))


def _kafka(*, is_needed: bool) -> ClientConfig:
    """The settings of the broker; none where there is none, and only tables and files are spoken of."""
    try:
        return kafka_config()
    except NotFound:
        if is_needed:
            raise
        return {}


def _source(service: Scoring, place: str, config: ClientConfig) -> Source:
    topic = topic_of(place)
    if topic is not None:
        return TopicSource(config, topic)
    if table_of(place) is None:
        return FileSource(place)
    return TableSource(service.open_database, place)


def _done(store: Store, trace: RunRecord, counts: Mapping[str, Any], *, is_whole: bool) -> dict[str, Any]:
    """Notes that the run is over; ``is_whole``: the counts are all of it, not what is added to it."""

    def work(connection: Any) -> Any:
        facts = trace.facts | {"state": DONE}
        held = find_run(connection, trace.dag_id, trace.run_id)
        more = counts
        if is_whole and held is not None:
            more = {name: value - getattr(held, name) for name, value in counts.items()}
        elif held is not None:
            facts |= {"name": held.name, "version": held.version}
        count_run(connection, trace.dag_id, trace.run_id, facts, more, int(time.time()))
        return find_run(connection, trace.dag_id, trace.run_id)

    row = store.transact(work, lock=SCORING_LOCK)
    return _summary(row)


def _summary(row: Any) -> dict[str, Any]:
    """The counts of a run, none where it has closed no batch. Raises ``CountsDisagree``."""
    if row is None:
        return {"read": 0, "good": 0, "bad": 0, "seconds": 0.0}
    if row.n_read != row.n_good + row.n_bad:
        raise CountsDisagree(f"{row.n_read} records were read, {row.n_good} are good and {row.n_bad} bad")
    summary = {"read": row.n_read, "good": row.n_good, "bad": row.n_bad, "seconds": round(row.seconds, 3)}
    log.info("%s", summary)
    return summary


def add_model(context: Context) -> int:
    """Stores the file that the parameters name; answers its version."""
    params = context["params"]
    service = scoring()
    change = change_by(context, params["note"] or "")
    file = bounds().file(params["file"])
    added = models.add(service.store, service.files, params["name"], file, change, params["kind"])
    return added.version


def deploy_model(context: Context, version: int) -> str:
    """Deploys the version; answers what was done."""
    params = context["params"]
    change = change_by(context, params["note"] or "")
    _, action = models.deploy(scoring(), params["name"], change, version=version, alias=params["alias"])
    return action or "unchanged"


def _workers(params: Mapping[str, Any]) -> Any:
    old = under_old_name(params, "senders", "workers")
    return params["workers"] if old is None else old


def load_test(context: Context) -> dict[str, Any]:
    """Measures a deployment; answers what it recommends and where the plot is."""
    params, run = context["params"], context["dag_run"]
    grid = Grid(
        tuple(params["bundle_sizes"]), tuple(_workers(params)), params["seconds"], params["error_share"]
    )
    found = run_load_test(
        scoring(),
        params["deployment"],
        grid,
        (run.dag_id, run.run_id),
        change_by(context, f"load test {run.run_id}"),
        file=bounds().place(params["file"]) if params["file"] else None,
        keep=params["keep"],
    )
    target = staging_root() / run_folder(run.dag_id, run.run_id) / "load.svg"
    write_bytes(target, found.plot)  # the same run writes the same file
    return {
        "version": found.version, "bundle_size": found.recommended.bundle_size,
        "workers": found.recommended.workers, "plot": str(target), "action": found.action or "nothing",
        "records_per_second": round(found.recommended.records_per_second),
    }  # fmt: skip
