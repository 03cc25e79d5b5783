"""From a file into files: read once, written aside, renamed when complete; a repeated run replaces."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import BinaryIO

from foresight.scoring.bundles import BundleRun, Load, Settings
from foresight.scoring.outcome import Record
from foresight.scoring.sources import Iterated
from foresight.services.scoring.deployments import Deployed, Mappings
from foresight.services.scoring.places import encode, open_file, read_file
from foresight.services.scoring.scorers import Scoring


def score_file(
    scoring: Scoring,
    deployed: Deployed,
    mapping: Mappings,
    source: str,
    good: str,
    bad: str | None,
    settings: Settings,
) -> Load:
    """All records of a file into one or two others. Raises what ``BundleRun.run`` raises."""
    records, reads_text = read_file(source)
    scorer = scoring.scorer(deployed.model, deployed.sha256, mapping, reads_text=reads_text)
    with ExitStack() as files:
        good_file, bad_file = (place and files.enter_context(open_file(place)) for place in (good, bad))
        assert good_file  # noqa: S101 (a place is never empty)
        return BundleRun(Iterated(records), scorer.score, good_file, bad_file or None, settings).run()


def score_to(
    scoring: Scoring, stream: BinaryIO, reference: str, file: Path, mapping: Mappings = None
) -> Load:
    """All records of a file as lines of JSON, good and bad ones merged in their order."""
    deployed = scoring.deployed(reference)
    records, reads_text = read_file(str(file))
    chosen = deployed.mapping(mapping)
    scorer = scoring.scorer(deployed.model, deployed.sha256, chosen, reads_text=reads_text)

    def write(scored: list[Record]) -> None:
        stream.write(b"".join(encode(record) + b"\n" for record in scored))

    return BundleRun(
        Iterated(records), scorer.score, write, settings=deployed.settings(single_output=True)
    ).run()
