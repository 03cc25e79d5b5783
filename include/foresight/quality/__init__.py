"""Checks on what was extracted: every series gets an outcome, bad ones are set aside with their reason."""

import logging

from foresight.quality.check import CheckReport, check
from foresight.quality.outcomes import Outcome
from foresight.quality.profile import profile
from foresight.quality.suite import Suite, load_suite

__all__ = ["CheckReport", "Outcome", "Suite", "check", "load_suite", "profile"]

logging.getLogger("great_expectations").setLevel(logging.WARNING)  # it tells hundreds of lines about itself
