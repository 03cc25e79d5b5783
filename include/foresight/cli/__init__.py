"""The command line: ``foresight --help``. It translates, calls, and prints; it decides nothing."""

from foresight.cli.app import app, main

__all__ = ["app", "main"]
