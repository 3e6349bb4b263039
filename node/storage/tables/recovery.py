"""What a node that was restored from a backup has to settle with each peer; inventories."""

from __future__ import annotations
