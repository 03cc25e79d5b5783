"""Where series come from, and the catalogue of what is watched."""
