"""Foresight says, before it happens, how likely each SLA is to be violated."""

__version__ = "0.1.0"
