"""What each peer has used of its share."""

from __future__ import annotations
