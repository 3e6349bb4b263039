"""Counts that can be trusted."""
