"""What scoring refuses.

FinalError
├── InvalidModel              a model file is broken, hostile, or says something that cannot be
│   └── UnsupportedModel      a model file is fine, but asks for something this runtime does not do
├── InvalidMapping            a field mapping or a setting is wrong
├── InvalidRequest            a request to score is malformed, or too large
└── CountsDisagree            records went in that came out neither good nor bad
"""

from __future__ import annotations

from foresight.errors import FinalError


class InvalidModel(FinalError):
    """A model file cannot be used: broken, hostile or contradictory."""


class UnsupportedModel(InvalidModel):
    """A model uses an element or a value that this runtime does not support; ``element`` names it."""

    def __init__(self, element: str, reason: str = "is not supported") -> None:
        self.element = element
        super().__init__(f"{element} {reason}")


class InvalidMapping(FinalError):
    """A field mapping or a setting of a run is wrong."""


class InvalidRequest(FinalError):
    """A request to score cannot be read; ``mistakes`` are all that was found, up to a bound."""

    def __init__(self, mistakes: list[str]) -> None:
        self.mistakes = mistakes
        super().__init__("; ".join(mistakes))


class CountsDisagree(FinalError):
    """Good and bad records do not add up to the records read."""
