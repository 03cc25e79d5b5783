"""Every error that Foresight raises on purpose.

    ForesightError
    ├── TransientError            the world failed: the same call may succeed later, so tasks retry
    │   ├── SourceUnavailable     telemetry cannot be read now (unreachable, time-out, 5xx, cut-off body)
    │   ├── StoreUnavailable      the results database cannot be used now (down, deadlock, disk full)
    │   └── BrokerUnavailable     Kafka did not confirm every message
    └── FinalError                the caller erred: the same call fails again, so tasks fail at once
        ├── InvalidDocument       a file that a person wrote is wrong; says file, line, field and reason
        ├── BadAnswer             a source answered, but not what was asked
        ├── MessageRejected       a message that no retry can deliver (too large, refused by schema)
        ├── BrokerRefused         the cluster does not allow what was asked of it
        ├── NotFound              a name that nothing here has
        └── IdentityClash         two different things would share one stored key

Errors of libraries are translated into these where the library is called, always with ``raise … from``.
"""

from __future__ import annotations

from dataclasses import dataclass


class ForesightError(Exception):
    """The root: whoever catches this catches everything that Foresight raises on purpose."""


class TransientError(ForesightError):
    """The world failed; trying again may help."""


class SourceUnavailable(TransientError):
    """Telemetry cannot be read now."""


class StoreUnavailable(TransientError):
    """The results database cannot be used now."""


class BrokerUnavailable(TransientError):
    """Kafka cannot be reached, or did not confirm every message."""


class FinalError(ForesightError):
    """The request is wrong; trying again gives the same answer."""


class BadAnswer(FinalError):
    """A source answered with something other than what was asked for."""


class MessageRejected(FinalError):
    """The broker or the schema refuses a message for good.

    ``refused`` are its key and value, by which it is found again; None where the batch as a whole is wrong.
    """

    def __init__(self, text: str, refused: tuple[bytes | None, bytes | None] | None = None) -> None:
        super().__init__(text)
        self.refused = refused


class BrokerRefused(FinalError):
    """Kafka answers, but does not let us: rights, settings or policies of the cluster are in the way."""


class NotFound(FinalError):
    """There is nothing of that name."""


class IdentityClash(FinalError):
    """Two different things would share one stored key."""


@dataclass(frozen=True, slots=True, order=True)
class Mistake:
    """One thing that is wrong in a document.

    ``line`` is 1-based, 0 where the document as a whole is meant; ``field`` is a dotted path such as
    ``slas[0].slis[2].objective``.
    """

    file: str
    line: int
    field: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.field or 'document'}: {self.reason}"


class InvalidDocument(FinalError):
    """A file that a person wrote is wrong: every mistake found in it, in the order of its lines."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        self.mistakes = sorted(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))
