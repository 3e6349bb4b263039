"""Which blobs there are, in which state, and which stored versions name them.

`refer` and `unrefer` are called by `records` wherever a version's content is written or goes, in its transaction: a
blob that is named for the first time is `wanted`, one that may have lost its last name is `loose`. States:

    wanted     named by a record and not here yet; `problem` says what the last attempt met
    here       its bytes are in the store, and were checked
    refused    its bytes came and are not what may be kept; nobody tries again
    erasing    nothing names it any more, and its bytes are about to go

Left to others: bytes (`blobs`), who may have them, fetching and erasing (`node.services`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, and_, case, delete, exists, func, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from crypto import b64
from crypto.errors import CryptoError
from federation.records import attached
from node.storage.database import insert_rows
from node.storage.tables import draft, record
from node.storage.tables.attachments import attachment, attachment_of, original, picture_hash
from node.storage.tables.retention import held_body

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

MANY: Final = 500
"""Keys in one statement: SQLite has a limit on parameters."""
SUPERSEDED: Final = "superseded"


def refer(connection: Connection, named: Sequence[tuple[str, int, str]]) -> None:
    """Write down which versions name which blobs: (issuer, row of the version, digest) each."""
    if not named:
        return
    insert_rows(connection, attachment_of, ("digest", "record"), [(digest, row_id) for _, row_id, digest in named])
    for iss in {each[0] for each in named}:
        _want(connection, iss, sorted({digest for issuer, _, digest in named if issuer == iss}))


def refer_anew(connection: Connection, row_id: int, disclosures: Sequence[str]) -> None:
    """The version holds other disclosures now: it names what they name, and nothing else."""
    unrefer(connection, row_id)
    iss = connection.scalar(select(record.c.iss).where(record.c.id == row_id))
    if iss is not None:
        refer(connection, [(iss, row_id, digest) for digest in sorted(named_in(disclosures))])


def unrefer(connection: Connection, row_id: int) -> None:
    """The version's content is gone, or about to be written anew."""
    if loosen(connection, [row_id]):
        connection.execute(delete(attachment_of).where(attachment_of.c.record == row_id))


def loosen(connection: Connection, row_ids: Collection[int]) -> int:
    """Blobs of these versions may have lost their last name; how many names there were."""
    found: set[str] = set()
    names = 0
    ids = list(row_ids)
    for start in range(0, len(ids), MANY):
        part = list(
            connection.scalars(
                select(attachment_of.c.digest).where(attachment_of.c.record.in_(ids[start : start + MANY]))
            )
        )
        names += len(part)
        found |= set(part)
    mark_loose(connection, found)
    return names


def mark_loose(connection: Connection, digests: Collection[str]) -> None:
    """Let the sweeper look whether anything names these blobs still."""
    wanted = sorted(digests)
    for start in range(0, len(wanted), MANY):
        connection.execute(
            update(attachment).where(attachment.c.digest.in_(wanted[start : start + MANY])).values(loose=True)
        )


def named_in(disclosures: Iterable[str]) -> frozenset[str]:
    """The digests that stored disclosures name. They were verified when they were stored."""
    found: set[str] = set()
    for disclosure in disclosures:
        try:
            value = orjson.loads(b64.decode(disclosure))
        except (CryptoError, ValueError):
            continue
        match value:
            case [str(), str(group), content] if group in attached.GROUPS:
                found |= attached.digests({group: content})
    return frozenset(found)


def keep(connection: Connection, *, digest: str, iss: str, size: int, mime: str) -> None:
    """The bytes are in the store, and were checked."""
    values = {"state": "here", "size": size, "mime": mime, "problem": None, "loose": False, "next_at": 0}
    _upsert(connection, digest, iss, values, over=values)


def locked(connection: Connection, digest: str) -> list[Row[Any]]:
    """The rows of a digest, locked until the transaction ends: bytes are written and erased under this lock."""
    statement = select(attachment).where(attachment.c.digest == digest).order_by(attachment.c.iss)
    return list(connection.execute(statement.with_for_update()))


def find(connection: Connection, digest: str, iss: str) -> Row[Any] | None:
    """What is known of an issuer's blob."""
    statement = select(attachment).where(attachment.c.digest == digest, attachment.c.iss == iss)
    return connection.execute(statement).first()


def states(connection: Connection, iss: str, digests: Collection[str]) -> dict[str, Row[Any]]:
    """What is known of an issuer's blobs, by digest."""
    statement = select(attachment).where(attachment.c.iss == iss, attachment.c.digest.in_(sorted(digests)))
    return {row.digest: row for row in connection.execute(statement)}


def due(connection: Connection, *, now: int, node: str, limit: int) -> list[Row[Any]]:
    """Blobs of other nodes that are to be fetched now, those that waited longest first."""
    statement = (
        select(attachment)
        .where(attachment.c.state == "wanted", attachment.c.next_at <= now, attachment.c.iss != node)
        .order_by(attachment.c.next_at, attachment.c.digest)
        .limit(limit)
    )
    return list(connection.execute(statement))


def missed(connection: Connection, digest: str, iss: str, *, problem: str, next_at: int | None) -> None:
    """An attempt failed. `next_at` is when to try again; None: never, what came cannot be kept."""
    values: dict[str, Any] = {"problem": problem, "attempts": attachment.c.attempts + 1}
    values |= {"state": "refused"} if next_at is None else {"state": "wanted", "next_at": next_at}
    connection.execute(
        update(attachment)
        .where(attachment.c.digest == digest, attachment.c.iss == iss, attachment.c.state != "erasing")
        .values(**values)
    )


def lost(connection: Connection, digest: str) -> None:
    """The store no longer has the bytes, or has them damaged: they are wanted again."""
    connection.execute(
        update(attachment)
        .where(attachment.c.digest == digest, attachment.c.state == "here")
        .values(state="wanted", next_at=0, problem="the stored bytes were damaged or missing")
    )


def naming(connection: Connection, digest: str) -> list[int]:
    """The rows of the versions that name a blob, whatever their state."""
    return list(connection.scalars(select(attachment_of.c.record).where(attachment_of.c.digest == digest)))


def naming_any(connection: Connection, row_ids: Collection[int]) -> set[int]:
    """Those of the versions that name any blob."""
    statement = select(attachment_of.c.record).distinct().where(attachment_of.c.record.in_(list(row_ids)))
    return set(connection.scalars(statement))


def all_here(connection: Connection) -> set[str]:
    """The digests of all blobs that are here."""
    return set(connection.scalars(select(attachment.c.digest).where(attachment.c.state == "here")))


def all_keys(connection: Connection) -> set[str]:
    """The private keys of all originals."""
    return set(connection.scalars(select(original.c.key)))


def begin_erasing(connection: Connection, *, limit: int) -> list[str]:
    """Look at what is loose: what something names is kept, the rest is `erasing` from now on; those digests."""
    loose = connection.execute(
        select(attachment.c.digest, attachment.c.iss, attachment.c.state)
        .where(or_(attachment.c.loose.is_(True), attachment.c.state == "erasing"))
        .order_by(attachment.c.digest)
        .limit(limit)
        .with_for_update()
    ).all()
    going = []
    for digest, iss, _ in loose:
        named = _is_named(connection, digest, iss)
        values = {"loose": False} if named else {"loose": False, "state": "erasing"}
        connection.execute(
            update(attachment).where(attachment.c.digest == digest, attachment.c.iss == iss).values(**values)
        )
        if not named:
            going.append(digest)
    return going


def drop_erasing(connection: Connection, digest: str) -> bool:
    """Remove the rows of a blob that are `erasing`; True if none is left, so that its bytes go as well."""
    connection.execute(delete(attachment).where(attachment.c.digest == digest, attachment.c.state == "erasing"))
    left = connection.scalar(select(func.count()).select_from(attachment).where(attachment.c.digest == digest))
    if not left:
        connection.execute(delete(picture_hash).where(picture_hash.c.digest == digest))
    return not left


def orphans(connection: Connection) -> None:
    """Mark as loose whatever no version in use names: what a crash, or a hand in the database, left behind."""
    used = select(attachment_of.c.digest).join(record, record.c.id == attachment_of.c.record)
    connection.execute(
        update(attachment)
        .where(attachment.c.digest.not_in(used.where(record.c.state != SUPERSEDED)))
        .values(loose=True)
    )


def put_original(
    connection: Connection, *, rid: str, digest: str, key: str, hash_: str, salt: str, commitment: str, size: int,
    by: str, now: int,
) -> None:  # fmt: skip
    """Remember which file a rendition was made from, and with which salt the record commits to it."""
    connection.execute(
        original.insert().values(
            rid=rid, digest=digest, key=key, hash=hash_, salt=salt, commitment=commitment, size=size, added_by=by,
            added_at=now,
        )
    )  # fmt: skip


def originals(connection: Connection, *, digest: str | None = None, rid: str | None = None) -> list[Row[Any]]:
    """The originals of a rendition, of a record, or both."""
    statement = select(original).order_by(original.c.id)
    if digest is not None:
        statement = statement.where(original.c.digest == digest)
    if rid is not None:
        statement = statement.where(original.c.rid == rid)
    return list(connection.execute(statement))


def drop_originals(connection: Connection, ids: Collection[int]) -> None:
    """Forget originals whose files are gone."""
    connection.execute(delete(original).where(original.c.id.in_(list(ids))))


def put_hash(connection: Connection, digest: str, value: bytes, quality: int) -> None:
    """Keep a picture's perceptual hash; the first one stays."""
    there = connection.scalar(select(picture_hash.c.id).where(picture_hash.c.digest == digest))
    if there is None:
        connection.execute(picture_hash.insert().values(digest=digest, hash=value, quality=quality))


def hashes_after(connection: Connection, last: int, *, limit: int) -> list[tuple[int, bytes]]:
    """(id, hash) of the pictures added after `last`, in order."""
    statement = (
        select(picture_hash.c.id, picture_hash.c.hash)
        .where(picture_hash.c.id > last)
        .order_by(picture_hash.c.id)
        .limit(limit)
    )
    return [(row[0], bytes(row[1])) for row in connection.execute(statement)]


def hashed(connection: Connection, ids: Collection[int]) -> dict[int, str]:
    """Id of a hash → digest of its picture; those that are gone are missing."""
    statement = select(picture_hash.c.id, picture_hash.c.digest).where(picture_hash.c.id.in_(list(ids)))
    return {row[0]: row[1] for row in connection.execute(statement)}


def _want(connection: Connection, iss: str, digests: Sequence[str]) -> None:
    """Rows for blobs that are named; one that was about to be erased is wanted anew."""
    for digest in digests:
        again = {
            "loose": False,
            "state": case((attachment.c.state == "erasing", "wanted"), else_=attachment.c.state),
            "next_at": case((attachment.c.state == "erasing", 0), else_=attachment.c.next_at),
        }
        _upsert(connection, digest, iss, {"state": "wanted"}, over=again)


def _upsert(
    connection: Connection, digest: str, iss: str, values: dict[str, Any], *, over: dict[str, Any]
) -> None:  # fmt: skip
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    blank = {"size": 0, "mime": "", "attempts": 0, "next_at": 0, "problem": None, "loose": False}
    statement = insert(attachment).values(digest=digest, iss=iss, **{**blank, **values})
    connection.execute(statement.on_conflict_do_update(index_elements=["digest", "iss"], set_=over))


def _is_named(connection: Connection, digest: str, iss: str) -> bool:
    """Whether a version whose content is kept names the blob, or a draft that waits for release."""
    in_record = (
        exists(select(attachment_of.c.record))
        .where(
            attachment_of.c.digest == digest, attachment_of.c.record == record.c.id, record.c.iss == iss,
            record.c.state != SUPERSEDED,
        )
    )  # fmt: skip
    if connection.scalar(select(in_record)):
        return True
    # What is set aside under a legal hold keeps its pictures; there are few such bodies.
    for text in connection.scalars(select(held_body.c.disclosures).where(held_body.c.iss == iss)):
        if digest in named_in((text or "").split("~")):
            return True
    in_draft = exists(select(draft.c.id)).where(
        draft.c.state == "draft", draft.c.groups.contains(digest, autoescape=True)
    )
    return bool(connection.scalar(select(in_draft)))


def absent(connection: Connection, *, limit: int) -> list[Row[Any]]:
    """Blobs that are named and not here, with the record that names them, those that waited longest last."""
    statement = (
        select(
            attachment.c.digest, attachment.c.iss, attachment.c.state, attachment.c.attempts, attachment.c.next_at,
            attachment.c.problem, record.c.rid,
        )
        .join(attachment_of, attachment_of.c.digest == attachment.c.digest)
        .join(record, and_(record.c.id == attachment_of.c.record, record.c.iss == attachment.c.iss))
        .where(attachment.c.state.in_(("wanted", "refused")), record.c.state != SUPERSEDED)
        .order_by(attachment.c.next_at.desc(), attachment.c.digest)
        .limit(limit)
    )  # fmt: skip
    return list(connection.execute(statement))


@dataclass(frozen=True, slots=True)
class Tally:
    """How many attachments are in which state."""

    here: int
    wanted: int
    refused: int


def tally(connection: Connection) -> Tally:
    """All attachments by state."""
    rows = connection.execute(select(attachment.c.state, func.count()).group_by(attachment.c.state))
    found = {row[0]: int(row[1]) for row in rows}
    return Tally(found.get("here", 0), found.get("wanted", 0), found.get("refused", 0))
