"""Verify a record, a page, a receipt or evidence with nothing but a directory: for auditors, courts and the curious.

No database, no keys, no network. What comes back says what was found to hold; what does not hold is raised as the
federation's own error, in the protocol's word.

Trust: the bytes are hostile. The directory is the one that the caller points to: whoever chose it chose the keys.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from crypto import merkle, strictjson
from crypto.errors import CryptoError
from federation.envelope import verify_record
from federation.errors import FederationError, Malformed
from federation.evidence import verify_evidence
from federation.feed import FeedId, Leaf, parse_leaf
from federation.pages import PageEntry, verify_page
from federation.receipts import verify_receipt

if TYPE_CHECKING:
    from federation.directory import Directory


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What was verified: `what` is record, page, receipt or evidence; `facts` are its members that hold now."""

    what: str
    facts: dict[str, Any]
    bad: tuple[dict[str, Any], ...] = ()
    """Of a page that is whole: entries whose leaf or body does not hold. Such an entry goes to quarantine."""

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        return {"what": self.what, "valid": not self.bad, **self.facts} | ({"bad": list(self.bad)} if self.bad else {})


def record(data: bytes, *, directory: Directory, now: int) -> Verified:
    """Verify an SD-JWT record: signature, issuer, every disclosure, schema. `now` is in seconds."""
    found = verify_record(_text(data), directory=directory, now=now)
    return Verified(
        what="record",
        facts={
            "iss": found.iss, "rid": found.rid, "ver": found.ver, "kind": found.kind, "sch": found.sch,
            "iat": found.iat, "kid": found.kid, "jh": found.jh, "handling": dict(found.handling),
            "digests": found.width, "groups": sorted(found.groups),
        },
    )  # fmt: skip


def page(
    data: bytes, *, directory: Directory, now: int, recipient: str | None = None,
    start: merkle.CompactRange | None = None,
) -> Verified:  # fmt: skip
    """Verify a page and every body in it. `start` is the compact range before the page, by default the empty one.

    Without `recipient` the page is taken as one for whom its feed names.
    """
    found = verify_page(
        data, directory=directory, recipient=recipient or _recipient(data), now=now,
        start=start or merkle.CompactRange(),
    )  # fmt: skip
    bad = []
    for at, entry in enumerate(found.entries):
        try:
            _entry(found.start + at, entry, directory=directory, now=now)
        except FederationError as error:
            bad.append({"n": found.start + at, "problem": str(error.problem), "detail": error.detail})
    return Verified(
        what="page",
        facts={
            "feed": str(found.feed), "from": found.start, "to": found.range.size, "entries": len(found.entries),
            "bodies": sum(entry.s is not None for entry in found.entries), "head": found.head.size,
            "directory": found.directory_version, "range": found.range.to_json(),
        },
        bad=tuple(bad),
    )  # fmt: skip


def receipt(data: bytes, *, directory: Directory, now: int) -> Verified:
    """Verify a receipt: who confirms which feed up to where."""
    found = verify_receipt(_text(data), directory=directory, now=now)
    return Verified(
        what="receipt",
        facts={
            "iss": found.iss, "feed": str(found.feed), "size": found.size, "root": found.root.hex(), "iat": found.iat,
            "quarantined": found.quarantined_total, "directory": found.directory_version,
        },
    )  # fmt: skip


def evidence(data: bytes, *, directory: Directory) -> Verified:
    """Verify evidence: what its accused has signed and cannot take back. Needs no clock."""
    found = verify_evidence(data, directory=directory)
    return Verified(what="evidence", facts=found.to_json())


def read_range(data: bytes) -> merkle.CompactRange:
    """Read a compact range as `verify page` prints it, or raise `Malformed`."""
    try:
        return merkle.CompactRange.from_json(strictjson.parse(data))
    except CryptoError as error:
        raise Malformed(f"the range is not of the form that `verify page --json` prints: {error}") from error


def _entry(n: int, entry: PageEntry, *, directory: Directory, now: int) -> None:
    leaf: Leaf = parse_leaf(entry.e)
    if leaf.n != n:
        raise Malformed(f"the leaf says that it is entry {leaf.n}")
    if entry.s is None:
        return
    body = verify_record(entry.s, directory=directory, now=now)
    if (body.iss, body.rid, body.ver, body.jh) != (leaf.iss, leaf.rid, leaf.ver, leaf.jh):
        raise Malformed("the body is not the record that the leaf names")
    if body.mask & ~leaf.gm:
        raise Malformed("the body shows more than the leaf grants")


def _recipient(data: bytes) -> str:
    try:
        value = strictjson.parse(data)
    except CryptoError as error:
        raise Malformed(f"the page is not strict JSON: {error}") from error
    return FeedId.parse(value.get("feed") if isinstance(value, dict) else None).recipient


def _text(data: bytes) -> str:
    try:
        return data.decode("ascii").strip()
    except UnicodeDecodeError:
        raise Malformed("this is not text: give the file that holds the token itself") from None
