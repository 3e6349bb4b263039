"""Records whose every free field holds a token of its own, and a search for such tokens in whatever bytes leave.

A token tells nothing by itself; the register says in which group of which version it was hidden. The search looks
through the wrappings in which a careless program leaks: UTF-16, percent-encoding, base64 and base64url, nested.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    import random

TOKEN: Final = re.compile(rb"tk[0-9a-f]{16}")
_RUN: Final = re.compile(rb"[A-Za-z0-9_\-+/]{16,}")
_DEPTH: Final = 3

Mint = Callable[[str], str]
"""Group name → a fresh token, remembered as hidden in that group."""

NOMINAL: Final = frozenset({"persons", "companies", "documents", "narrative"})


def tokens_in(data: bytes, depth: int = _DEPTH) -> set[str]:
    """Every token in these bytes, plain or wrapped."""
    lowered = data.lower()
    found = {match.decode() for match in TOKEN.findall(lowered)}
    if b"\0" in data:
        found |= {match.decode() for match in TOKEN.findall(lowered.replace(b"\0", b""))}
    if depth == 0:
        return found
    if b"%" in data:
        found |= tokens_in(unquote_to_bytes(data), depth - 1)
    for run in _RUN.findall(data):
        # A run may be several pieces glued together: each of the four alignments is tried.
        for start in range(4):
            piece = run[start:]
            whole = piece[:-1] if len(piece) % 4 == 1 else piece
            text = (whole + b"=" * (-len(whole) % 4)).translate(bytes.maketrans(b"-_", b"+/"))
            try:
                inner = base64.b64decode(text)
            except binascii.Error:
                continue
            if b"tk" in inner.lower().replace(b"\0", b"") or _RUN.search(inner):
                found |= tokens_in(inner, depth - 1)
    return found


def said(words: str) -> list[dict[str, str]]:
    return [{"lang": "en", "by": "author", "text": f"{words} said"}]


def seizure(rng: random.Random, mint: Mint, *, reference: str, administration: str) -> dict[str, Any]:
    """A seizure with a chance choice of groups, every free field a token."""
    makers: dict[str, Callable[[], Any]] = {
        "place": lambda: {"country": administration, "office": mint("place"), "on": "2025-05-17"},
        "control": lambda: {
            "procedure": "import",
            "basis": {"type": "on_application", "application": mint("control")},
        },
        "transport": lambda: {"conveyance": "sea"},
        "cargo_ids": lambda: {"seals": [mint("cargo_ids")], "bill_of_lading": mint("cargo_ids")},
        "route": lambda: {
            "chain": [{"role": "departure", "country": "CN"}, {"role": "destination", "country": "TZ"}],
        },
        "goods": lambda: [
            {"line": "1", "wco": ["footwear"], "description": said(mint("goods")), "as_written": [mint("goods")]}
        ],
        "quantity": lambda: [{"amount": {"n": "1200", "unit": "PR", "as_written": mint("quantity")}}],
        "value": lambda: [
            {"money": {"n": "900", "currency": "USD", "basis": "retail_genuine", "scope": mint("value")}}
        ],
        "right": lambda: [
            {"brands": [mint("right")], "holder": mint("right"), "registration": {"number": mint("right")}}
        ],
        "method": lambda: {
            "description": said(mint("method")),
            "place": mint("method"),
            "modus": said(mint("method")),
            "cover_load": mint("method"),
            "indicators": [mint("method")],
        },
        "persons": lambda: [{"role": "traveller", "name": mint("persons"), "address": mint("persons")}],
        "companies": lambda: [{"role": "consignee", "name": mint("companies"), "address": mint("companies")}],
        "documents": lambda: {
            "numbers": [mint("documents")],
            "tracking": [mint("documents")],
            "plates": [mint("documents")],
        },
        "narrative": lambda: said(mint("narrative")),
        "assessment": lambda: {
            "procedures": [{"right_holder": mint("assessment"), "why": mint("assessment")}],
            "source_grade": "A",
        },
    }
    chosen = [name for name in makers if rng.random() < 0.6]
    return {
        "case": {"reference": reference, "administration": administration, "links": [
            {"type": "publication", "title": mint("case")}
        ]},
        **{name: makers[name]() for name in chosen},
    }  # fmt: skip


def alert(rng: random.Random, mint: Mint) -> dict[str, Any]:
    """An alert with a chance choice of groups, every free field a token."""
    makers: dict[str, Callable[[], Any]] = {
        "texts": lambda: {"text": said(mint("texts")), "no_names": True},
        "subject": lambda: {"brands": [mint("subject")], "description": said(mint("subject"))},
        "pattern": lambda: {
            "method": said(mint("pattern")),
            "place": mint("pattern"),
            "indicators": [mint("pattern")],
        },
        "cargo_ids": lambda: {"seals": [mint("cargo_ids")]},
        "companies": lambda: [{"role": "consignor", "name": mint("companies")}],
        "narrative": lambda: said(mint("narrative")),
    }
    chosen = [name for name in makers if rng.random() < 0.7]
    headline = {"title": said(mint("headline")), "type": "new_modus_operandi"}
    return {"headline": headline, **{name: makers[name]() for name in chosen}}
