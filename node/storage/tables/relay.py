"""Relay grants, received and given, and reports of what a hub passed on."""

from __future__ import annotations
