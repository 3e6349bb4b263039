"""Recalls under way: what was asked of whom, and what came back."""

from __future__ import annotations
