"""Answer a peer's question for a blob: only one whose granted disclosures name it, and as if there were none otherwise.

Granted means: the version is in use, it is the one that was granted, the group that names the blob is granted now, the
time of keeping is not over, and neither a policy that is being applied nor a tripwire holds it back. All of that is
read when the question comes, and the digest is looked for in the very disclosures that the peer may have: no index
decides. The bytes must have come for the record's issuer: whoever writes somebody else's digest into a record of their
own gets nothing by it.

Trust: the peer is the one who signed the request. It learns nothing of a digest that it was not given.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, and_, select

from federation import keeping
from federation.errors import NotFound
from federation.records.attached import DIGEST
from node.services import bodies, gating, tripwires
from node.storage import attachments, audit, records
from node.storage.blobs import BlobAbsent
from node.storage.tables import grant_out, record
from node.storage.tables.attachments import attachment, attachment_of

if TYPE_CHECKING:
    from federation.directory import Directory
    from node.storage.blobs import Blobs
    from node.storage.database import Database

MAX_PART: Final = 1_048_576
"""Bytes of one part: a server may give less than was asked for (RFC 9110, section 15.3.7)."""
ABSENT: Final = "there is no such blob for the one who asks"
"""The one sentence for unknown, not granted, recalled, expired and not yet arrived."""
_RANGE: Final = re.compile(r"bytes=(?:([0-9]{1,15})-([0-9]{0,15})|-([0-9]{1,15}))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Bytes of a blob: from `start` on, of `total`. No bytes: the range lies beyond the end."""

    data: bytes
    start: int
    total: int
    whole: bool
    """No part was asked for, or none that is understood: the answer is the blob."""


def serve(
    database: Database, blobs: Blobs, *, directory: Directory, recipient: str, digest: str, wanted: str | None,
    now: int,
) -> Part:  # fmt: skip
    """The blob, or the part of it that `wanted` (a Range field) names. Raises `NotFound`, always the same.

    The beginning of each answer is written into the disclosure log, before the first byte leaves.
    """
    with database.read() as connection:
        row = granted(connection, directory=directory, recipient=recipient, digest=digest, now=now)
    if row is None:
        raise NotFound(ABSENT)
    try:
        part = _read(blobs, digest, wanted)
    except BlobAbsent:
        with database.write() as connection:
            attachments.lost(connection, digest)
        raise NotFound(ABSENT) from None
    if part.start == 0:
        with database.write() as connection:
            # Once more, in the transaction that logs it: what was withdrawn meanwhile does not leave.
            again = granted(connection, directory=directory, recipient=recipient, digest=digest, now=now)
            if again is None:
                raise NotFound(ABSENT)
            audit.log(connection, [_logged(again, recipient, digest, now)])
    return part


def granted(
    connection: Connection, *, directory: Directory, recipient: str, digest: str, now: int
) -> Row[Any] | None:  # fmt: skip
    """The version by which the recipient may have the blob now, None if there is none."""
    if not DIGEST.fullmatch(digest):
        return None
    statement = (
        select(
            record,
            grant_out.c.mask.label("granted"),
            grant_out.c.keep_until.label("granted_until"),
            grant_out.c.decision,
        )
        .select_from(attachment_of)
        .join(record, record.c.id == attachment_of.c.record)
        .join(
            attachment,
            and_(attachment.c.digest == digest, attachment.c.iss == record.c.iss, attachment.c.state == "here"),
        )
        .join(
            grant_out,
            and_(
                grant_out.c.recipient == recipient, grant_out.c.iss == record.c.iss, grant_out.c.rid == record.c.rid,
                grant_out.c.ver == record.c.ver,
            ),
        )
        .where(attachment_of.c.digest == digest, record.c.state.in_(records.LIVE))
        .order_by(record.c.id.desc())
    )  # fmt: skip
    rows = [row for row in connection.execute(statement) if not _over(row, now)]
    if not rows:
        return None
    # The same bounds as for a body in a page (`serving`): what a policy that is being applied allows, and the tripwire.
    gate = gating.gate(connection, directory=directory, recipient=recipient, now=now)
    allowed = {} if gate is None else gate.masks(row.id for row in rows)
    wires = tripwires.load(connection)
    for row in rows:
        shown = int(row.mask, 16) & int(row.granted, 16) & allowed.get(row.id, -1)
        disclosures = bodies.chosen(row.disclosures, int(row.mask, 16), shown)
        if digest not in attachments.named_in(disclosures):
            continue
        if not (wires and wires.stops(row.rid, disclosures, recipient)):
            return row
    return None


def _over(row: Row[Any], now: int) -> bool:
    """Whether the time of keeping is over: that of the record here, or that of the recipient's grant."""
    return keeping.is_over(row.keep_until, now) or keeping.is_over(row.granted_until, now)


def _logged(row: Row[Any], recipient: str, digest: str, now: int) -> audit.Disclosure:
    groups = ",".join(group for group in ("documents", "media") if group in bodies.reopen_row(row).groups)
    return audit.Disclosure(
        at=now, action="blob", actor=recipient, recipient=recipient, iss=row.iss, rid=row.rid, ver=row.ver,
        groups=groups, decision=row.decision, detail=digest,
    )  # fmt: skip


def _read(blobs: Blobs, digest: str, wanted: str | None) -> Part:
    asked = None if wanted is None else _RANGE.fullmatch(wanted.replace(" ", ""))
    if asked is None:  # several ranges, or another unit: a server may ignore them (RFC 9110, section 14.2)
        data = blobs.get(digest)
        return Part(data=data, start=0, total=len(data), whole=True)
    first, last, suffix = asked.groups()
    if suffix is not None:
        _, total = blobs.piece(digest, 0, 1)
        start, end = max(0, total - int(suffix)), total
    else:
        start = int(first)
        end = int(last) + 1 if last else start + MAX_PART
        if end <= start:  # no range at all
            data = blobs.get(digest)
            return Part(data=data, start=0, total=len(data), whole=True)
    data, total = blobs.piece(digest, start, min(end, start + MAX_PART))
    return Part(data=data, start=start, total=total, whole=False)
