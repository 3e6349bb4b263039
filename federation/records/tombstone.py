"""`tombstone/1`: the end of a record. It has no groups; its digests are all decoys.

What it says stands in the always-visible claim `tomb`, since a recall must be understood by a node that never
saw the record: {reason, effect, ref?}. `ref` is one line (a court's file number), or {iss, rid} of the record
to use instead; a reason `duplicate-of` and an effect `replace` need the latter. Everybody can read it: it
names nobody.
"""

from __future__ import annotations

from typing import Any, Final

from federation.records import facts, titles
from federation.records.checks import Findings, Path, Report, members, text
from federation.records.codes import codes_of, labels
from federation.records.model import Schema
from federation.records.parts import administration
from federation.records.values import uuid

REASONS: Final[frozenset[str]] = codes_of("tomb_reason")
EFFECTS: Final[frozenset[str]] = codes_of("tomb_effect")

_record: Final = members({"iss": administration, "rid": uuid}, "iss", "rid")


def _closed(list_name: str, value: Any, path: Path, found: Findings) -> None:
    """Refuse a word outside the list: a recall is acted on by machines, and such a word by none."""
    if not isinstance(value, str) or value not in codes_of(list_name):
        found.error(path, value, "is not in the list", f"one of: {', '.join(labels(list_name))}")


def _reason(value: Any, path: Path, found: Findings) -> None:
    _closed("tomb_reason", value, path, found)


def _effect(value: Any, path: Path, found: Findings) -> None:
    _closed("tomb_effect", value, path, found)


def _ref(value: Any, path: Path, found: Findings) -> None:
    (_record if isinstance(value, dict) else text)(value, path, found)


_tomb: Final = members({"reason": _reason, "effect": _effect, "ref": _ref}, "reason", "effect")


def check_tomb(tomb: Any) -> Report:
    """Check the claim `tomb` of a tombstone about to be signed. Never raises.

    >>> check_tomb({"reason": "erroneous", "effect": "erase"}).ok
    True
    >>> check_tomb({"reason": "duplicate-of", "effect": "stop-use"}).errors[0].path
    'tomb.ref'
    """
    found = Findings()
    _tomb(tomb, (None, "tomb"), found)
    if isinstance(tomb, dict):
        replaced = tomb.get("reason") == "duplicate-of" or tomb.get("effect") == "replace"
        if replaced and not isinstance(tomb.get("ref"), dict):
            found.error(
                ((None, "tomb"), "ref"),
                tomb.get("ref"),
                "names no record",
                "name the record to use: {iss, rid}",
            )
    return found.report()


TOMBSTONE: Final = Schema(
    id="tombstone/1",
    kind="tombstone",
    fields={},
    facts=facts.of_nothing,
    summary=titles.of_tombstone,
)
"""The tombstone, version 1."""
