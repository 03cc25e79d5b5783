"""The steps of ``batch_scoring`` and ``model_deployment``."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Mapping
from typing import Any, Final

from foresight.errors import NotFound
from foresight.messaging import ClientConfig, Publishers, ensure_topic
from foresight.orchestration.connections import kafka_config, prepare_results
from foresight.orchestration.scoring import models
from foresight.orchestration.scoring.batches import Plan, Trace
from foresight.orchestration.scoring.deployments import Deployed, open_deployment, scorer_of
from foresight.orchestration.scoring.files import score_file
from foresight.orchestration.scoring.places import FileSource, Source, TopicSource, topic_of
from foresight.orchestration.scoring.streams import StreamRun
from foresight.orchestration.scoring.tables import TableSource, check_sink, prepare_sink, table_of
from foresight.scoring.bundles import Settings
from foresight.scoring.errors import CountsDisagree, InvalidMapping
from foresight.store import Store
from foresight.store.models import Change
from foresight.store.scoring import SCORING_LOCK, count_run, find_run

log = logging.getLogger(__name__)
Context = Mapping[str, Any]

STREAM_LENGTH: Final = 512
PARTITIONS: Final = 3
"""Of a topic that is made for the records of a file; one for those of a topic has as many as that."""
RUNNING, DONE = "running", "done"


def score_batches(context: Context) -> dict[str, Any]:
    """Scores what the source holds; answers the counts of the run, which add up or it fails."""
    params, run = context["params"], context["dag_run"]
    store = prepare_results()
    deployed = open_deployment(store, params["deployment"])
    source, good, bad = params["source"], params["good"], params["bad"] or None
    _check_places(source, good, bad)
    settings = deployed.settings(
        bundle_size=params["bundle_size"],
        senders=params["senders"],
        queue_size=params["queue_size"],
        single_output=bad is None,
    )
    mapping = deployed.mapping(params["field_mapping"] or None)
    scorer_of(deployed.model, mapping)  # says now what is wrong with the mapping, before anything is begun
    facts = {"source": source, "name": deployed.name, "alias": deployed.alias, "version": deployed.version}
    trace = Trace(run.dag_id, run.run_id, facts)
    if all(map(_is_file, filter(None, (source, good, bad)))):
        started = time.monotonic()
        load = score_file(deployed.model, mapping, source, good, bad, settings)
        counts = {"n_batches": 1, "n_read": load.read, "n_good": load.good, "n_bad": load.bad}
        return _done(store, trace, counts | {"seconds": time.monotonic() - started}, is_whole=True)
    plan = Plan(
        stream=_stream(params["stream"], source, deployed, trace),
        model_name=deployed.name,
        model_version=deployed.version,
        mapping=mapping,
        good=good,
        bad=bad,
        batch_size=params["batch_size"],
    )
    _stream_run(store, source, plan, settings, trace).run(params["minutes"] * 60)
    return _done(store, trace, {}, is_whole=False)


def _check_places(source: str, good: str, bad: str | None) -> None:
    places = [source, good, *([bad] if bad else [])]
    if len(set(places)) < len(places):
        raise InvalidMapping("source, good and bad must be different places; without bad, one takes all")
    table_of(source)
    for place in filter(None, (good, bad)):
        check_sink(place)


def _is_file(place: str) -> bool:
    return topic_of(place) is None and table_of(place) is None


def _stream(given: str | None, source: str, deployed: Deployed, trace: Trace) -> str:
    """What a stream is called: runs over a topic or table go on from each other, each over a file begins."""
    name = given or f"{source}>{deployed.name}@{deployed.alias}"
    if _is_file(source):
        name += f"#{trace.dag_id}/{trace.run_id}"
    if len(name) <= STREAM_LENGTH:
        return name
    return f"{name[: STREAM_LENGTH - 65]}#{hashlib.sha256(name.encode()).hexdigest()}"


def _stream_run(store: Store, source: str, plan: Plan, settings: Settings, trace: Trace) -> StreamRun:
    outputs = [place for place in (plan.good, plan.bad) if place]
    config = _kafka(is_needed=any(topic_of(place) for place in (source, *outputs)))
    origin = _source(source, config)
    # A topic that is missing is made like the one that the records come from.
    partitions = len(origin.ends()) if topic_of(source) else PARTITIONS
    for place in outputs:
        topic = topic_of(place)
        if topic is not None:
            ensure_topic(config, topic, partitions=partitions)
        else:
            prepare_sink(place)
    running = Trace(trace.dag_id, trace.run_id, trace.facts | {"state": RUNNING})
    return StreamRun(store, origin, plan, config, settings, running, Publishers(config))


def _kafka(*, is_needed: bool) -> ClientConfig:
    """The settings of the broker; none where there is none, and only tables and files are spoken of."""
    try:
        return kafka_config()
    except NotFound:
        if is_needed:
            raise
        return {}


def _source(place: str, config: ClientConfig) -> Source:
    topic = topic_of(place)
    if topic is not None:
        return TopicSource(config, topic)
    return FileSource(place) if table_of(place) is None else TableSource(place)


def _done(store: Store, trace: Trace, counts: Mapping[str, Any], *, is_whole: bool) -> dict[str, Any]:
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
    if row.n_read != row.n_good + row.n_bad:
        raise CountsDisagree(f"{row.n_read} records were read, {row.n_good} are good and {row.n_bad} bad")
    summary = {"read": row.n_read, "good": row.n_good, "bad": row.n_bad, "seconds": round(row.seconds, 3)}
    log.info("%s", summary)
    return summary


def add_model(context: Context) -> int:
    """Stores the file that the parameters name; answers its version."""
    params = context["params"]
    return models.add(params["name"], params["file"], _change(context), params["kind"]).version


def deploy_model(context: Context, version: int) -> str:
    """Deploys the version; answers what was done."""
    params = context["params"]
    _, action = models.deploy(params["name"], _change(context), version=version, alias=params["alias"])
    return action or "stood already"


def _change(context: Context) -> Change:
    run = context["dag_run"]
    by = getattr(run, "triggering_user_name", None) or run.dag_id
    return Change(by, int(run.run_after.timestamp()), context["params"]["note"] or "")
