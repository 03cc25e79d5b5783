"""The doors over HTTP: each translates, calls the same function of ``services``, and translates back."""
