"""Take a file into a draft: a picture as a rendition and a thumbnail of our own, anything else as it is.

What leaves later is made here. Of a picture only pixels go into the store that is served; the file itself stays home
under a private key, and the record commits to it with a salted hash, so that a court can be shown that this picture was
made from that file, and nobody can find the file's hash by trying. A file that is no picture is opaque: never decoded,
never previewed, and nominal, because nobody knows what it says; so is a picture that shows a face or a document.
File names go nowhere.

Left to others: what a draft may say (`federation.records`) and its release (`publishing`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import select, update

from crypto import b64
from federation.errors import NotFound
from federation.records import get_schema
from node.services.drafting import DraftRefused
from node.services.pictures import worker
from node.services.pictures.workshop import JPEG
from node.services.publishing import SCHEMA_OF
from node.storage import attachments
from node.storage.blobs import address_of
from node.storage.tables import draft

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection, Row

    from node.services.pictures.workshop import Made, Workshop
    from node.storage.blobs import Blobs
    from node.storage.database import Database

MAX_FILE: Final = worker.MAX_BYTES
"""Bytes of an attachment that is no picture."""
MAX_ITEMS: Final = 100
"""Attachments of one draft, renditions and thumbnails counted: a record has 256 kB for them and all else."""
SALT_BYTES: Final = 32
COMMITMENT: Final = b"tidewaiter original 1\0"
"""In front of what a commitment hashes, so that it is the hash of nothing else."""
VIEWS: Final[Mapping[str, str]] = {
    "product": "product",
    "label": "label",
    "packaging": "packaging",
    "concealment": "concealment",
    "genuine": "genuine_feature",
    "fake": "fake_feature",
}
"""What a picture shows, in an officer's word and in the record's."""
OPAQUE: Final = ("document", "scan", "video", "file")
OCTETS: Final = "application/octet-stream"
PDF: Final = b"%PDF-"


class FileRefused(Exception):  # noqa: N818 - the name is the sentence
    """A file that is not taken in; the text says what is wrong and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What an officer says of a file."""

    view: str | None = None
    """One of `VIEWS`."""
    caption: str | None = None
    language: str = "en"
    nominal: bool = False
    """It shows a face or a document."""
    role: str = "picture"
    """picture, or one of `OPAQUE`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Added:
    """What became of a file."""

    reference: str
    ver: int
    group: str
    """media, or documents for what can name somebody."""
    digest: str
    """Of what will be served: the rendition's."""
    thumbnail: str | None
    width: int | None
    height: int | None
    size: int
    outcome: str
    """added, or unchanged when the draft had it already."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        names = ("reference", "ver", "group", "digest", "thumbnail", "width", "height", "size", "outcome")
        return {name: value for name in names if (value := getattr(self, name)) is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Intake:
    """Where files come in: the parts of one node that it takes."""

    node: str
    database: Database
    blobs: Blobs
    workshop: Workshop
    token: Callable[[int], bytes]

    def add(self, reference: str, data: bytes, about: About, *, by: str, now: int) -> Added:
        """Add a file to the draft `reference`. Raises `NotFound`, `PictureRefused`, `FileRefused`, `DraftRefused`."""
        if about.view is not None and about.view not in VIEWS:
            raise FileRefused(f"the type is one of {', '.join(VIEWS)}")
        with self.database.read() as connection:
            self._draft(connection, reference)  # before any work is done
        if about.role == "picture":
            return self._picture(reference, data, self.workshop.sanitise(data), about, by=by, now=now)
        if about.role not in OPAQUE:
            raise FileRefused(f"a file is added as picture, {', '.join(OPAQUE)}")
        return self._opaque(reference, data, about, by=by, now=now)

    def redact(
        self, reference: str, digest: str, boxes: Sequence[tuple[int, int, int, int]], *, by: str, now: int
    ) -> Added:
        """Put another rendition, with boxes filled, into the draft in the place of the picture `digest`.

        The picture that was there leaves the draft with its thumbnail; the original stays and is committed to anew.
        """
        with self.database.read() as connection:
            row = self._draft(connection, reference)
            group, item = _find(orjson.loads(row.groups), digest)
            kept = attachments.originals(connection, digest=digest, rid=row.rid)
        made = self.workshop.redact(self.blobs.get(digest), boxes)
        source = self.blobs.get_private(kept[0].key) if kept else self.blobs.get(digest)
        told: dict[str, Any] = {name: item[name] for name in ("view", "caption") if name in item}
        return self._keep(
            reference, source, made, told, group=group, rendition="redacted", instead=digest, by=by, now=now
        )

    def _picture(self, reference: str, data: bytes, made: Made, about: About, *, by: str, now: int) -> Added:
        told = _told(about)
        group = "documents" if about.nominal else "media"
        return self._keep(reference, data, made, told, group=group, rendition="full", instead=None, by=by, now=now)

    def _keep(
        self, reference: str, data: bytes, made: Made, told: Mapping[str, Any], *, group: str, rendition: str,
        instead: str | None, by: str, now: int,
    ) -> Added:  # fmt: skip
        """Write renditions, original and draft: the bytes first, and what names them in one transaction."""
        salt = self.token(SALT_BYTES)
        commitment = b64.encode(hashlib.sha256(COMMITMENT + salt + data).digest())
        full, small = made.full, made.small
        digest, thumb = address_of(full.data), address_of(small.data)
        renditions = (full, small) if thumb != digest else (full,)  # a picture that small is its own thumbnail
        items = [
            {
                "sha256": digest, "size": len(full.data), "mime": JPEG, "role": "picture", "rendition": rendition,
                "original": commitment, "w": full.width, "h": full.height, **told,
            },
            {
                "sha256": thumb, "size": len(small.data), "mime": JPEG, "role": "picture", "rendition": "thumbnail",
                "of": digest, "w": small.width, "h": small.height,
            },
        ][: len(renditions)]  # fmt: skip
        for rendered in renditions:
            self.blobs.put(rendered.data)
        key = self.blobs.put_private(data)
        written = False
        try:
            with self.database.write() as connection:
                row = self._draft(connection, reference, lock=True)
                changed = self._change(connection, row, group, items, instead=instead, now=now)
                for rendered in renditions if changed else ():
                    self._here(connection, rendered.data, JPEG)
                if changed:
                    attachments.put_hash(connection, digest, made.likeness, made.quality)
                    attachments.put_original(
                        connection, rid=row.rid, digest=digest, key=key, hash_=address_of(data), salt=b64.encode(salt),
                        commitment=commitment, size=len(data), by=by, now=now,
                    )  # fmt: skip
                if instead is not None:
                    attachments.mark_loose(connection, _with_thumbnails(orjson.loads(row.groups), instead))
            written = changed
        finally:
            if not written:
                self.blobs.delete_private(key)
        return Added(
            reference=reference, ver=_next(row), group=group, digest=digest,
            thumbnail=thumb if thumb != digest else None, width=full.width,
            height=full.height, size=len(full.data), outcome="added" if written else "unchanged",
        )  # fmt: skip

    def _opaque(self, reference: str, data: bytes, about: About, *, by: str, now: int) -> Added:
        if not 0 < len(data) <= MAX_FILE:
            raise FileRefused(f"the file is empty or has more than {MAX_FILE} bytes")
        mime = "application/pdf" if data.startswith(PDF) else OCTETS
        item = {"sha256": address_of(data), "size": len(data), "mime": mime, "role": about.role, **_told(about)}
        digest = self.blobs.put(data)
        with self.database.write() as connection:
            row = self._draft(connection, reference, lock=True)
            changed = self._change(connection, row, "documents", [item], instead=None, now=now)
            if changed:
                self._here(connection, data, mime)
        del by  # nothing but the draft remembers who: the file itself is what will be served
        return Added(
            reference=reference, ver=_next(row), group="documents", digest=digest, thumbnail=None, width=None,
            height=None, size=len(data), outcome="added" if changed else "unchanged",
        )  # fmt: skip

    def _here(self, connection: Connection, data: bytes, mime: str) -> None:
        """The bytes are here; if the sweeper was quicker with an older copy, they are written once more."""
        digest = address_of(data)
        attachments.keep(connection, digest=digest, iss=self.node, size=len(data), mime=mime)
        if not self.blobs.exists(digest):
            self.blobs.put(data)

    def _draft(self, connection: Connection, reference: str, *, lock: bool = False) -> Row[Any]:
        statement = select(draft).where(draft.c.administration == self.node, draft.c.reference == reference)
        rows = list(connection.execute(statement.with_for_update() if lock else statement))
        if not rows:
            raise NotFound("no draft and no released record of this node has this reference")
        if len(rows) > 1:
            raise NotFound("a seizure and an alert have this reference: rename the alert")
        return rows[0]

    @staticmethod
    def _change(
        connection: Connection, row: Row[Any], group: str, items: Sequence[Mapping[str, Any]], *,
        instead: str | None, now: int,
    ) -> bool:  # fmt: skip
        """Put items into the draft's group; False if they are there already. Raises `DraftRefused`.

        The hash of the content stays that of its source: the same file imported again must not take pictures away.
        """
        groups = orjson.loads(row.groups)
        if instead is not None:
            _take_out(groups, instead)
        listed = groups.setdefault("media", []) if group == "media" else (
            groups.setdefault("documents", {}).setdefault("media", [])
        )  # fmt: skip
        there = {item.get("sha256") for item in listed}
        fresh = [dict(item) for item in items if item["sha256"] not in there]
        if not fresh and instead is None:
            return False
        listed.extend(fresh)
        if len(listed) > MAX_ITEMS:
            raise FileRefused(f"a record has at most {MAX_ITEMS // 2} pictures")
        schema = get_schema(SCHEMA_OF[row.kind])
        faults = schema.validate(schema.prepare(groups)).errors
        if faults:
            raise DraftRefused(tuple(faults))
        connection.execute(
            update(draft)
            .where(draft.c.id == row.id)
            .values(
                groups=json.dumps(groups, ensure_ascii=False, separators=(",", ":")),
                state="draft",
                ver=_next(row),
                # A release that signed the draft before must notice (`publishing`), within the same second too.
                updated_at=max(now, row.updated_at + 1),
            )
        )
        return True


def commits_to(commitment: str, salt: str, data: bytes) -> bool:
    """Whether a record's `original` commits to this file: what an originator shows to a court."""
    return commitment == b64.encode(hashlib.sha256(COMMITMENT + b64.decode(salt) + data).digest())


def _next(row: Row[Any]) -> int:
    """The version that the draft will be: one after what is out."""
    return int(row.ver) + 1 if row.state == "released" else int(row.ver)


def _told(about: About) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if about.view is not None:
        told["view"] = VIEWS[about.view]
    if about.caption is not None:
        told["caption"] = [{"lang": about.language, "by": "author", "text": about.caption}]
    return told


def _lists(groups: Mapping[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
    return [("media", groups.get("media") or []), ("documents", (groups.get("documents") or {}).get("media") or [])]


def _find(groups: Mapping[str, Any], digest: str) -> tuple[str, dict[str, Any]]:
    for group, listed in _lists(groups):
        for item in listed:
            if item.get("sha256") == digest and item.get("role") == "picture":
                return group, item
    raise NotFound("the draft has no picture of this digest; `tidewaiter pictures show` names them")


def _with_thumbnails(groups: Mapping[str, Any], digest: str) -> set[str]:
    return {
        item["sha256"] for _, listed in _lists(groups) for item in listed if digest in {item["sha256"], item.get("of")}
    }


def _take_out(groups: dict[str, Any], digest: str) -> None:
    """Remove a picture and its thumbnail from a draft's groups."""
    for group, listed in _lists(groups):
        left = [item for item in listed if digest not in {item["sha256"], item.get("of")}]
        if len(left) == len(listed):
            continue
        if group == "media":
            groups["media"] = left
        else:
            groups["documents"]["media"] = left
