"""The Merkle log over the disclosure rows, and peers' checkpoints of theirs."""

from __future__ import annotations
