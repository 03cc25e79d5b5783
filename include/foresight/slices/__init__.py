"""Slice capacity: from performance measurements of a RAN slice to a guarded policy message."""
