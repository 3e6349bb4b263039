"""Annotations: signed remarks on records, written, found again with what they are about, and ended with it.

An annotation is a record like any other: drafted, checked strictly, signed once, and offered to whom it concerns
(`addressing`). `annotate` does all of that at once, because a remark is one officer's word. It falls with the tombstone
of any record that it names: its content is erased here (`erasing`), and whoever was given it is told (`end_fallen`).

Trust: what a received annotation says is its issuer's word. Nothing that it says changes the handling of a record; an
answer that allows evidence use is shown as its originator's word to this node (`evidence_word`).
"""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson
from sqlalchemy import Connection, Row, select

from crypto import b64
from federation.errors import NotFound
from federation.grants import Action
from federation.records import Fault, codes, get_schema
from node.services import bodies, search
from node.services.outgoing import Outgoing, Terms
from node.storage import drafts, feeds, records, remarks
from node.storage.tables import draft, grant_out, record, tombstone
from node.storage.tables.relay import annotation

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.services.publishing import Publisher
    from node.storage.database import Database

SCHEMA: Final = "annotation/1"
ASKING: Final = ("query", "evidence-request")
"""Types that somebody has to answer."""
SECONDS: Final = 30.0
"""How often it is looked whether something that was annotated has been recalled."""
MAX_SUBJECTS: Final = 20


class AnnotationRefused(Exception):  # noqa: N818 - the name is the sentence
    """The annotation is not complete; `faults` names every field that is wrong, with the remedy."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """What an officer wants to say, about which records (ids, or ISS/RID where several issuers use one id)."""

    about: Sequence[str]
    type: str
    texts: Sequence[tuple[str, str]] = ()
    """(language, text): sentences that name nobody."""
    no_names: bool = False
    narrative: Sequence[tuple[str, str]] = ()
    """(language, text): what may name somebody. It goes to whom the annotation is owed to, and to nobody by a word."""
    result: str | None = None
    on: str | None = None
    respond_by: str | None = None
    answer_to: str | None = None
    """The query that this answers."""
    restricted: bool = False
    """Whether it may name a record whose use is restricted: a data subject's request to the originator does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Annotated:
    """The annotation that was released."""

    rid: str
    title: str
    recipients: tuple[str, ...]


def annotate(database: Database, publisher: Publisher, remark: Remark, *, by: str, now: int) -> Annotated:
    """Write, sign and offer an annotation. Raises `NotFound`, or `AnnotationRefused` with all faults."""
    with database.read() as connection:
        groups = _groups(connection, remark, now)
    schema = get_schema(SCHEMA)
    groups = schema.prepare(groups)
    faults = [_sentence(fault) for fault in schema.validate(groups).errors]
    # A word that nobody knows is let pass in a record, for lists grow; a remark that nobody understands is of no use.
    for name, given in (("annotation_type", remark.type), ("result", remark.result)):
        if given is not None and not codes.is_code(name, given):
            field = "note.type" if name == "annotation_type" else "note.result"
            faults.append(f"{field}: is not a known word; one of: {', '.join(sorted(codes.codes_of(name)))}")
    if remark.texts and not remark.no_names:
        faults.append("texts: nobody has said that they name no person and no firm; read them again and say so")
    if faults:
        raise AnnotationRefused(faults)
    reference = f"annotation-{uuid.uuid4().hex[:12]}"
    digest = b64.encode(hashlib.sha256(orjson.dumps(groups, option=orjson.OPT_SORT_KEYS)).digest())
    with database.write() as connection:
        drafts.put(
            connection,
            [
                drafts.NewDraft(
                    kind="annotation", administration=publisher.node, reference=reference, groups=groups,
                    content_hash=digest,
                )
            ],
            now=now,
        )  # fmt: skip
        ids = drafts.waiting(connection, kind="annotation", references=[reference])
    (report,) = publisher.release(database, ids, by=by, second=None, now=now)
    if report.refused:
        raise AnnotationRefused(report.refused[0].faults)
    return Annotated(rid=report.rids[0], title=schema.title(groups), recipients=tuple(sorted(report.recipients)))


def _groups(connection: Connection, remark: Remark, now: int) -> dict[str, Any]:
    if not 0 < len(remark.about) <= MAX_SUBJECTS:
        raise AnnotationRefused([f"about: name one record, or up to {MAX_SUBJECTS} that are joined"])
    about = [_subject(connection, name, now, restricted=remark.restricted) for name in remark.about]
    note: dict[str, Any] = {"type": remark.type}
    if remark.answer_to is not None:
        asked = _row(connection, remark.answer_to, now)
        if asked.kind != "annotation":
            raise AnnotationRefused(["answer_to: is no annotation; `tidewaiter queries` lists what waits"])
        note["answer_to"] = {"iss": asked.iss, "rid": asked.rid}
    told = {"result": remark.result, "on": remark.on, "respond_by": remark.respond_by}
    note |= {name: value for name, value in told.items() if value is not None}
    groups: dict[str, Any] = {"about": about, "note": note}
    if remark.texts:
        groups["texts"] = {"text": _texts(remark.texts), "no_names": True}
    if remark.narrative:
        groups["narrative"] = _texts(remark.narrative)
    return groups


def _subject(connection: Connection, name: str, now: int, *, restricted: bool) -> dict[str, Any]:
    row = _row(connection, name, now, restricted=restricted)
    return {"iss": row.iss, "rid": row.rid, "ver": row.ver, "jh": row.jh}


def _row(connection: Connection, name: str, now: int, *, restricted: bool = False) -> Row[Any]:
    """The version in use of the record that an officer names, own or received."""
    iss, slash, rid = name.rpartition("/")
    own = connection.scalar(select(draft.c.rid).where(draft.c.reference == name)) if not slash else None
    chosen = select(record).where(record.c.state.in_((*records.LIVE, records.RESTRICTED)))
    statement = (chosen if restricted else records.visible()).where(
        record.c.rid == (own or rid), record.c.jwt != "", records.in_time(now)
    )
    if iss:
        statement = statement.where(record.c.iss == iss)
    rows = connection.execute(statement.order_by(record.c.ver.desc())).all()
    if not rows:
        raise NotFound(f"{name} is no record in use here; `tidewaiter records` lists them")
    if len({row.iss for row in rows}) > 1:
        raise AnnotationRefused([f"about: several issuers use this id; write {rows[0].iss}/{rid}, or another of them"])
    return rows[0]


def _texts(said: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    return [
        {"lang": language, "by": "author" if at == 0 else "human", "text": text}
        for at, (language, text) in enumerate(said)
    ]


def _sentence(fault: Fault) -> str:
    return f"{fault.path}: {fault.wrong}; {fault.remedy}"


def shown(connection: Connection, row: Row[Any], *, now: int, purpose: str | None = None) -> dict[str, Any]:
    """One annotation for people, with what it says if that may be shown at `now` for the purpose.

    `row` is of `remarks.about`. Whoever shows the result to an officer logs it (`hearing`).
    """
    version = connection.execute(select(record).where(record.c.id == row.row_id)).one()
    _, verdict = search.allowed(version, Action.VIEW, purpose, now=now)
    groups = bodies.reopen_row(version).groups if verdict else {}
    texts = groups.get("texts")
    said = texts.get("text") if isinstance(texts, dict) else None
    return {
        "iss": row.iss, "rid": row.rid, "ver": version.ver, "type": row.type, "result": row.result,
        "respond_by": row.respond_by,
        "about": {"iss": row.about_iss, "rid": row.about_rid, "ver": row.about_ver}, "at": row.iat,
        "text": _first(said), "narrative": _first(groups.get("narrative")),
        "answer_to": None if row.answer_rid is None else {"iss": row.answer_iss, "rid": row.answer_rid},
    }  # fmt: skip


def _first(texts: Any) -> str | None:
    listed = texts if isinstance(texts, list) else []
    return next((item["text"] for item in listed if isinstance(item, dict) and isinstance(item.get("text"), str)), None)


def queries(connection: Connection, node: str, *, now: int, purpose: str | None = None) -> list[dict[str, Any]]:
    """What others ask of this node's records: each with its answer (a newer version, or an annotation), or none."""
    found = []
    for row in remarks.listing(connection, type_=ASKING):
        if row.about_iss != node or row.iss == node:
            continue
        newest = connection.execute(
            records.visible().where(record.c.iss == node, record.c.rid == row.about_rid).order_by(record.c.ver.desc())
        ).first()
        own = connection.execute(select(draft.c.reference, draft.c.state).where(draft.c.rid == row.about_rid)).first()
        answer = next((one for one in remarks.answers(connection, row.iss, row.rid) if one.iss == node), None)
        by_version = newest.ver if newest is not None and row.type == "query" and newest.ver > row.about_ver else None
        found.append(
            {
                **shown(connection, row, now=now, purpose=purpose),
                "reference": None if own is None else own.reference,
                "answered_by": None if answer is None else answer.rid,
                "answer_result": None if answer is None else answer.result,
                "answered_in_version": by_version,
                "open": answer is None and by_version is None,
            }
        )
    return found


def evidence_word(connection: Connection, iss: str, rid: str, *, node: str) -> str | None:
    """What the originator answered when this node asked to use a record as evidence: `allowed`, `refused` ...

    The newest answer to a request of this node counts. It changes no handling: it is shown beside it.
    """
    word: str | None = None
    for row in remarks.about(connection, iss, rid, type_="evidence-request"):
        if row.iss == node:
            for answer in remarks.answers(connection, row.iss, row.rid):
                if answer.iss == iss:
                    word = answer.result
    return word


def end_fallen(database: Database, make_publisher: Callable[[], Publisher], *, now: int) -> set[str]:
    """Take back from others what this node said about records that were recalled since; whose feeds have grown."""
    with database.read() as connection:
        if not _fallen(connection):
            return set()
    publisher = make_publisher()
    with database.write() as connection:
        recipients = [recipient.id for recipient in publisher.recipients()]
        out = Outgoing(connection, recipients=recipients, by="recall", now=now, token=publisher.token)
        for rid in [rid for iss, rid in _fallen(connection) if iss == publisher.node]:
            rows = records.by_key(connection, publisher.node, rid)
            for (recipient, _), previous in feeds.grants(connection, publisher.node, [rid]).items():
                if int(previous.mask, 16) and recipient in recipients and rows:
                    terms = Terms(mask=0, grant=None, decided=previous.decision)
                    out.append("less", rows[0], recipient=recipient, terms=terms, row_id=None, previous=previous)
        out.write()
        return out.recipients


def _fallen(connection: Connection) -> list[tuple[str, str]]:
    """Annotations on recalled records that somebody was given by this node and still may have."""
    statement = (
        select(annotation.c.iss, annotation.c.rid)
        .distinct()
        .join(tombstone, (tombstone.c.iss == annotation.c.about_iss) & (tombstone.c.rid == annotation.c.about_rid))
        .join(grant_out, (grant_out.c.iss == annotation.c.iss) & (grant_out.c.rid == annotation.c.rid))
        # While a recall can still be undone its remarks are only stopped, here and at whoever got the tombstone.
        .join(record, (record.c.iss == annotation.c.iss) & (record.c.rid == annotation.c.rid) & (record.c.jwt == ""))
        .where(grant_out.c.mask.not_in(("0", "000000")))
    )
    return [(row.iss, row.rid) for row in connection.execute(statement)]
