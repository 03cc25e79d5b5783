"""From PM events to guarded policy messages."""
