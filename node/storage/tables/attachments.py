"""Pictures and other attachments: which blobs there are, of which records, and their perceptual hashes."""

from __future__ import annotations
