"""From a file into files: read once, written aside, renamed when complete; a repeated run replaces."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from foresight.scoring.bundles import BundleRun, Load, Settings
from foresight.scoring.isolation import IsolatedScorer
from foresight.scoring.json_text import to_json
from foresight.scoring.outcome import Record
from foresight.scoring.records import RecordScorer
from foresight.scoring.sources import Iterated
from foresight.services.scoring.deployments import Deployed, Mappings
from foresight.services.scoring.places import check_header, open_file, read_file
from foresight.services.scoring.scorers import Scoring


def score_file(
    scoring: Scoring,
    deployed: Deployed,
    mapping: Mappings,
    source: str,
    good: str,
    bad: str | None,
    settings: Settings,
    *,
    is_retry: bool = False,
) -> Load:
    """All records of a file into one or two others. Raises what ``BundleRun.run`` raises.

    ``is_retry``: this was tried before and died, so one of the records may end a process.
    """
    records, reads_text = read_file(source)
    with ExitStack() as stack:
        scorer: RecordScorer | IsolatedScorer
        if is_retry:
            scorer = stack.enter_context(
                scoring.isolated(deployed.name, deployed.version, mapping, reads_text=reads_text)
            )
        else:
            scorer = scoring.scorer(deployed.model, deployed.sha256, mapping, reads_text=reads_text)
        good_file, bad_file = (place and stack.enter_context(open_file(place)) for place in (good, bad))
        assert good_file  # noqa: S101 (a place is never empty)
        return BundleRun(Iterated(records), scorer.score, good_file, bad_file or None, settings).run()


def score_to(
    scoring: Scoring, stream: BinaryIO, reference: str, file: Path, mapping: Mappings = None
) -> Load:
    """All records of a file as lines of JSON, good and bad ones merged in their order.

    A process of its own scores them: nobody tries again what a person began, so no record may end it.
    """
    deployed = scoring.deployed(reference)
    records, reads_text = read_file(str(file))
    chosen = deployed.mapping(mapping)
    scorer = scoring.scorer(deployed.model, deployed.sha256, chosen, reads_text=reads_text)
    check_header(str(file), scorer.mapping)

    def write(scored: list[Record]) -> None:
        stream.write(b"".join(to_json(record) + b"\n" for record in scored))

    settings = deployed.settings(single_output=True)
    with scoring.isolated(deployed.name, deployed.version, chosen, reads_text=reads_text) as isolated:
        return BundleRun(Iterated(records), isolated.score, write, settings=settings).run()
