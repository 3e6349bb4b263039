"""Bytes and keys: strict parsing, signatures, selective disclosure, Merkle trees, signed HTTP messages.

Knows nothing of customs, of nodes or of databases. Everything raises from the one tree in `crypto.errors`.
"""
