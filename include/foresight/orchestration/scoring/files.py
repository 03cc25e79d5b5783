"""From a file into files: read once, written aside, renamed when complete; a repeated run replaces."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from foresight.orchestration.connections import prepare_results
from foresight.orchestration.scoring.deployments import Mappings, open_deployment, scorer_of
from foresight.orchestration.scoring.places import encode, open_file, read_file
from foresight.scoring.bundles import BundleRun, Load, Settings
from foresight.scoring.model import ScoringModel
from foresight.scoring.outcome import Record
from foresight.scoring.records import RecordScorer
from foresight.scoring.sources import Iterated


def score_file(
    model: ScoringModel, mapping: Mappings, source: str, good: str, bad: str | None, settings: Settings
) -> Load:
    """All records of a file into one or two others. Raises what ``BundleRun.run`` raises."""
    records, reads_text = read_file(source)
    scorer: RecordScorer = scorer_of(model, mapping, reads_text=reads_text)
    with ExitStack() as files:
        good_file, bad_file = (place and files.enter_context(open_file(place)) for place in (good, bad))
        assert good_file  # noqa: S101 (a place is never empty)
        return BundleRun(Iterated(records), scorer.score, good_file, bad_file or None, settings).run()


def score_to(stream: BinaryIO, reference: str, file: Path, mapping: Mappings = None) -> Load:
    """All records of a file as lines of JSON, good and bad ones merged in their order."""
    deployed = open_deployment(prepare_results(), reference)
    records, reads_text = read_file(str(file))
    scorer = scorer_of(deployed.model, deployed.mapping(mapping), reads_text=reads_text)

    def write(scored: list[Record]) -> None:
        stream.write(b"".join(encode(record) + b"\n" for record in scored))

    return BundleRun(
        Iterated(records), scorer.score, write, settings=deployed.settings(single_output=True)
    ).run()
