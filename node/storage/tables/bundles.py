"""Bundles made and taken in; pages and receipts that wait to be pushed."""

from __future__ import annotations
