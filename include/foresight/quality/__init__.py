"""Checks on what was extracted: every series gets an outcome, bad ones are set aside with their reason."""
