"""Pictures and other attachments for officers: which a record has, and the bytes of one, guarded and logged as views.

A list shows what the record says of its attachments and which of them are here. Bytes pass `federation.grants.may`, to
view or to export, and have a row in the disclosure log before they are given; what is saved to a file is an export, and
stands in the register of exports, so that a recall reaches it. An original is given to its own administration alone, as
an export of its own record.

Left to others: who may view at all. Trust: bytes were checked when they came (`attachments`), and are hashed when read.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation.errors import NotFound
from federation.grants import Action
from federation.records import attached
from node.services import attachments as fetching
from node.services import bodies, search, showing
from node.storage import attachments, audit, exports
from node.storage.blobs import BlobAbsent, address_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy import Connection, Row

    from federation.records.attached import Attachment
    from node.storage.blobs import Blobs
    from node.storage.database import Database

SUFFIXES: Final = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "application/pdf": "pdf"}
"""By what the bytes are, never by what a record says they are."""
SHOWABLE: Final = frozenset({"image/jpeg", "image/png", "image/webp"})
"""What was decoded here, and may be told as a picture; everything else is bytes."""
OCTETS: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """An attachment with its bytes."""

    data: bytes
    mime: str
    item: Attachment
    rid: str

    @property
    def name(self) -> str:
        """A name for a file: the record and the digest, nothing that anybody wrote."""
        return f"{self.rid[:8]}-{self.item.sha256[:12]}.{SUFFIXES.get(self.mime, 'bin')}"


def listing(
    database: Database, *, rid: str, iss: str | None = None, by: str, purpose: str | None, now: int
) -> dict[str, Any]:
    """The attachments of a record in use, as the record tells of them, with the state of each. Logged as a view."""
    view = showing.show(database, rid=rid, iss=iss, by=by, purpose=purpose, now=now)
    items = attached.attachments(view.groups)
    with database.read() as connection:
        states = attachments.states(connection, view.iss, {item.sha256 for item in items})
    listed = []
    for item in items:
        row = states.get(item.sha256)
        told = {
            "sha256": item.sha256, "group": item.group, "role": item.role, "rendition": item.rendition,
            "of": item.of, "w": item.w, "h": item.h, "view": item.view, "size": item.size,
            "state": "wanted" if row is None or row.state == "erasing" else row.state,
            "problem": None if row is None else row.problem,
        }  # fmt: skip
        listed.append({name: value for name, value in told.items() if value is not None})
    complete = None if view.attachments is None else view.attachments.to_json()
    return {"iss": view.iss, "rid": view.rid, "ver": view.ver, "title": view.title, "attachments": listed} | (
        {} if complete is None else {"total": complete["total"], "here": complete["here"]}
    )


def opened(
    database: Database, blobs: Blobs, *, rid: str, digest: str, iss: str | None = None, by: str, purpose: str | None,
    now: int,
) -> Opened:  # fmt: skip
    """One attachment, to be looked at. Raises `NotFound`, `NotAllowed`, `Tombstoned`."""
    search.check_purpose(purpose)
    with database.write() as connection:
        row, item, kept = _allowed(
            connection, rid=rid, iss=iss, digest=digest, action=Action.VIEW, purpose=purpose, now=now
        )
        audit.log(connection, [_logged(row, item, "view", by=by, purpose=purpose, now=now)])
    return Opened(data=_bytes(database, blobs, digest), mime=_mime(item, kept.mime), item=item, rid=row.rid)


def save(
    database: Database, blobs: Blobs, folder: Path, *, rid: str, iss: str | None = None, by: str,
    purpose: str | None, originals: bool = False, now: int,
) -> list[dict[str, Any]]:  # fmt: skip
    """Write what is here of a record's attachments into `folder`, as an export in the register.

    With `originals` the files that own renditions were made from, each with the salt that proves it. Nothing that is
    there is written over. Raises `NotFound`, `NotAllowed`, `Tombstoned`, `OSError`.
    """
    search.check_purpose(purpose)
    with database.read() as connection:
        row = showing.in_use(connection, rid=rid, iss=iss)
        groups = bodies.reopen_row(row).groups
        states = attachments.states(connection, row.iss, attached.digests(groups))
    chosen = [
        item
        for item in attached.attachments(groups)
        if item.rendition != "thumbnail" and item.sha256 in states and states[item.sha256].state == "here"
    ]
    if originals and row.state == "received":
        raise NotFound("originals are with the administration that made the record")
    folder.mkdir(parents=True, exist_ok=True)
    written: list[dict[str, Any]] = []
    for item in chosen:
        if originals:
            written += _save_originals(database, blobs, folder, row, item, by=by, purpose=purpose, now=now)
            continue
        found = Opened(
            data=_bytes(database, blobs, item.sha256),
            mime=_mime(item, states[item.sha256].mime),
            item=item,
            rid=row.rid,
        )
        path = folder / found.name
        _export(database, row, item, path, found.data, by=by, purpose=purpose, now=now)
        written.append({"sha256": item.sha256, "path": str(path), "size": len(found.data)})
    return written


def _save_originals(
    database: Database, blobs: Blobs, folder: Path, row: Row[Any], item: Attachment, *, by: str, purpose: str | None,
    now: int,
) -> list[dict[str, Any]]:  # fmt: skip
    with database.read() as connection:
        kept = attachments.originals(connection, digest=item.sha256, rid=row.rid)
    written = []
    for each in kept:
        data = blobs.get_private(each.key)
        if address_of(data) != each.hash:
            raise BlobAbsent("an original was damaged in the store")
        path = folder / f"{row.rid[:8]}-{item.sha256[:12]}-original-{each.id}"
        _export(database, row, item, path, data, by=by, purpose=purpose, now=now)
        written.append(
            {
                "sha256": item.sha256, "path": str(path), "size": len(data), "salt": each.salt,
                "commitment": each.commitment,
            }
        )  # fmt: skip
    return written


def _export(
    database: Database, row: Row[Any], item: Attachment, path: Path, data: bytes, *, by: str, purpose: str | None,
    now: int,
) -> None:  # fmt: skip
    """Register, log and write one file: the register first, so that no file is anywhere that it does not name."""
    if path.exists():
        raise FileExistsError(17, "is there already; give another folder", str(path))
    with database.write() as connection:
        _allowed(
            connection, rid=row.rid, iss=row.iss, digest=item.sha256, action=Action.EXPORT, purpose=purpose, now=now
        )
        exports.put(
            connection, number=exports.reserve(connection), at=now, officer=by,
            purpose=purpose or "", format_="attachment", destination=str(path),
            path=str(path.resolve()), data=data, records=[(row.iss, row.rid, row.ver, item.group)],
        )  # fmt: skip
        audit.log(connection, [_logged(row, item, "export", by=by, purpose=purpose, now=now)])
        with path.open("xb") as file:
            file.write(data)


def _allowed(
    connection: Connection, *, rid: str, iss: str | None, digest: str, action: Action, purpose: str | None, now: int
) -> tuple[Row[Any], Attachment, Row[Any]]:  # fmt: skip
    """The version in use, what it says of the attachment, and what is here of it; or the error that says why not."""
    row = showing.in_use(connection, rid=rid, iss=iss)
    _, verdict = search.allowed(row, action, purpose, now=now)
    if not verdict:
        raise showing.NotAllowed(verdict.reason)
    named = {item.sha256: item for item in attached.attachments(bodies.reopen_row(row).groups)}
    kept = attachments.find(connection, digest, row.iss)
    if digest not in named:
        raise NotFound("the record has no such attachment")
    if kept is None or kept.state != "here":
        raise NotFound("the attachment is not here; the record tells its state")
    return row, named[digest], kept


def _logged(
    row: Row[Any], item: Attachment, action: str, *, by: str, purpose: str | None, now: int
) -> audit.Disclosure:  # fmt: skip
    return audit.Disclosure(
        at=now, action=action, actor=by, iss=row.iss, rid=row.rid, ver=row.ver, groups=item.group, purpose=purpose,
        detail=item.sha256,
    )  # fmt: skip


def _bytes(database: Database, blobs: Blobs, digest: str) -> bytes:
    try:
        return fetching.read(database, blobs, digest)
    except BlobAbsent:
        raise NotFound("the attachment was damaged in the store; it is fetched again") from None


def _mime(item: Attachment, kept: str) -> str:
    return kept if (item.is_picture and kept in SHOWABLE) or kept == "application/pdf" else OCTETS
