"""Retrieval: stored results in bulk over gRPC, for programs; a server, a client and their protocol."""
