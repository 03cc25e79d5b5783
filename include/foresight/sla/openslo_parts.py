"""What all kinds of OpenSLO documents share: their head, our annotations, where a metric comes from."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from foresight.conventions import ANNOTATION_PREFIX
from foresight.errors import Mistake
from foresight.reasons import shown, similar
from foresight.sla import openslo_names as ours
from foresight.sla import rules
from foresight.sla.definitions import Notes
from foresight.sla.parts import Part, notes_of

KINDS: Final = (
    "SLO", "SLI", "Service", "DataSource", "AlertPolicy", "AlertCondition", "AlertNotificationTarget",
)  # fmt: skip
PROMETHEUS: Final = "prometheus"
PROMQL: Final = "promql"
FOREIGN_SOURCE: Final = "metrics come from Prometheus"
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class Head:
    """The metadata of a document, and our annotations in it."""

    name: str
    notes: Notes
    ours: Mapping[str, str]
    metadata: Part

    def read(self, key: str, read: Callable[[str], Value], default: Value) -> Value:
        """An annotation of ours as a value; a mistake where it is none."""
        if key not in self.ours:
            return default
        try:
            return read(self.ours[key])
        except ValueError as error:
            self.metadata.wrong(("annotations", key), str(error))
            return default


def head_of(part: Part, kind: str) -> Head:
    """Reads ``metadata``; an annotation under our prefix that means nothing on this kind is a mistake."""
    metadata = part.needed("metadata")
    if metadata is None:
        return Head("", Notes(), {}, part)
    name, display_name = metadata.name(), metadata.text("displayName", "")
    notes = notes_of(display_name, metadata, lambda key: key.startswith(ANNOTATION_PREFIX))
    given = metadata.data.get("annotations")
    mine = {
        key: text
        for key, text in (given.items() if isinstance(given, dict) else ())
        if key.startswith(ANNOTATION_PREFIX) and isinstance(text, str)
    }
    for key in mine.keys() - ours.UNDERSTOOD[kind]:
        meant = similar(key, ours.UNDERSTOOD[kind])
        known = ", ".join(sorted(ours.UNDERSTOOD[kind])) or "none"
        reason = f"did you mean {meant}?" if meant else f"of ours, a {kind} has {known}"
        metadata.wrong(("annotations", key), reason)
    metadata.finish()
    return Head(name, notes, mine, metadata)


def queries_of(part: Part, sources: Mapping[str, str]) -> Iterator[tuple[Part, str, str]]:
    """The query of a ``metricSource``, with its part and key; nothing where it is no Prometheus query.

    ``sources`` are the types of the data sources that documents define, by name.
    """
    source = part.needed("metricSource")
    if source is None:
        return
    reference, kind = source.text("metricSourceRef", ""), source.text("type", "")
    known = sources.get(reference)
    if known is None and reference and not kind:
        near = similar(reference, sources)
        hint = f"; did you mean {near}?" if near else ": say the type here"
        source.wrong("metricSourceRef", f"there is no DataSource {shown(reference)}{hint}")
        return
    for key, given in (("type", kind), ("metricSourceRef", known or "")):
        if given and given.lower() != PROMETHEUS:
            _wrong_once(source, key, f"{FOREIGN_SOURCE}, got {shown(given)}")
            return
    spec = source.needed("spec")
    if spec is not None:
        query = spec.text("query", rule=rules.query_mistake)
        language = spec.text("queryType", PROMQL)
        if language.lower() != PROMQL:
            spec.wrong("queryType", f"queries are PromQL, got {shown(language)}")
        spec.finish()
        yield spec, "query", query.strip()
    source.finish()
    part.finish()


def is_foreign_source(mistake: Mistake) -> bool:
    """Whether a document reads from something that is no Prometheus."""
    return mistake.reason.startswith(FOREIGN_SOURCE)


def one_of(options: Collection[str]) -> Callable[[str], str]:
    """Reads an annotation that is one of several texts."""

    def read(text: str) -> str:
        if text not in options:
            raise ValueError(f"must be one of {', '.join(options)}, got {shown(text)}")
        return text

    return read


def number(text: str) -> float:
    """Reads an annotation that is a number."""
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"a number is needed, got {shown(text)}") from None


def joined(*texts: str) -> str:
    """Different texts about one thing, each once."""
    return " / ".join(dict.fromkeys(text for text in texts if text))


def _wrong_once(part: Part, key: str, reason: str) -> None:
    """Two parts of one ratio from one wrong source are one mistake."""
    if all(mistake.reason != reason for mistake in part.mistakes):
        part.wrong(key, reason)
