"""Proofs against a node: two signed things that cannot both be honest."""

from __future__ import annotations
