"""Version 1 of the protocol: `retrieval.proto`, and the code that is generated from it."""
