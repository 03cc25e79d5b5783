"""SLAs: their definitions, their status at one as-of, their changes of state."""
