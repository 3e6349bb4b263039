"""Policy activations by two officers, approvals and policy letters."""

from __future__ import annotations
