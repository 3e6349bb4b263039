"""Requests of data subjects: find a person in everything this node holds, tell what is held, correct, restrict, erase.

`find` reads all content there is: versions in any state, drafts, quarantined bodies, what a legal hold keeps; and asks
the word index, so that a leftover of something erased is found too. Names are compared without case, marks and order of
words, and alike ones are told as `similar`: a person decides who is who. Each action is a case with a number, an
officer and a time; it stands in the disclosure log under its number, without the name.

Of records of others this node is not the author: besides what it does here, it asks the originator, by a signed
annotation that goes to the originator alone and names the group, never the person, unless the officer adds a narrative.

Trust: whoever may act here reads persons' data across all groups. The register keeps the name that was asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final

import orjson
from rapidfuzz import fuzz
from sqlalchemy import Connection, Row, select

from crypto import b64
from crypto.errors import CryptoError
from federation.errors import NotFound
from federation.records import get_schema
from node.services import annotating, bodies, erasing, keeping, restricting
from node.storage import audit, cases, drafts, fulltext, holds, records, tasks
from node.storage.tables import disclosure, draft, record, tombstone
from node.storage.tables import quarantine as kept_aside
from node.storage.tables.retention import held_body

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

    from node.services.publishing import Publisher
    from node.storage.database import Database

BATCH: Final = 500
SIMILAR: Final = 85
"""Of 100: below it two names are two names. Alike ones are shown to a person, who decides."""
MAX_SUBJECT: Final = 200
SHORT: Final = 60
"""Characters up to which a text is compared as a name as a whole; in longer ones a name is looked for."""
_CODE: Final = re.compile(r"[^0-9a-z]")


class SubjectRefused(Exception):  # noqa: N818 - the name is the sentence
    """A request that cannot be carried out as it was made; the text says why."""


@dataclass(frozen=True, slots=True)
class Found:
    """Where in a record the person occurs."""

    group: str
    match: str
    """name, similar or identifier."""
    score: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrence:
    """A record, a draft or a body in which the person occurs; nothing of what it says."""

    where: str
    """own, received, draft, quarantine, hold, or index (a leftover of something erased)."""
    iss: str | None
    rid: str | None
    ver: int | None = None
    state: str | None = None
    kind: str | None = None
    reference: str | None = None
    groups: tuple[Found, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        told = {name: value for name, value in asdict(self).items() if value is not None and name != "groups"}
        return told | {"groups": [asdict(one) for one in self.groups]}


@dataclass(frozen=True, slots=True)
class Person:
    """Who is looked for: a name, and identifiers such as a passport or a telephone number."""

    name: str
    identifiers: tuple[str, ...] = ()
    _words: str = field(init=False, default="")
    _codes: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        """Normalise once what is compared a million times; refuse what would find everything."""
        words = fulltext.normalise(self.name)
        codes = tuple(_CODE.sub("", fulltext.normalise(one).replace(" ", "")) for one in self.identifiers)
        if len(self.name) > MAX_SUBJECT or (self.name and len(words) < 3):  # noqa: PLR2004 - the sentence below
            raise SubjectRefused(f"the name has from 3 to {MAX_SUBJECT} characters")
        if any(len(code) < 4 for code in codes):  # noqa: PLR2004 - the sentence below
            raise SubjectRefused("an identifier has at least four letters or digits")
        if not words and not codes:
            raise SubjectRefused("give a name or an identifier")
        object.__setattr__(self, "_words", words)
        object.__setattr__(self, "_codes", codes)

    @property
    def told(self) -> str:
        """How the register names the request."""
        return "; ".join([self.name, *self.identifiers]).strip("; ")

    def match(self, text: str) -> tuple[str, int] | None:
        """How a text fits: (name | similar | identifier, 0 to 100), or None.

        >>> Person("Amina Said").match("SAID, Amína (consignee)")
        ('name', 100)
        >>> Person("Amina Said").match("Amina Saeed"), Person("Amina Said").match("Omar Bakari")
        (('similar', 89), None)
        >>> Person("", ("AB-123 456",)).match("passport ab123456")
        ('identifier', 100)
        """
        words = fulltext.normalise(text)
        if self._codes:
            joined = words.replace(" ", "")
            if any(code in joined for code in self._codes):
                return "identifier", 100
        if not self._words or not words:
            return None
        if set(self._words.split()) <= set(words.split()):
            return "name", 100
        score = fuzz.token_sort_ratio(self._words, words) if len(words) <= SHORT else 0.0
        if len(words) >= len(self._words):
            score = max(score, fuzz.partial_ratio(self._words, words))
        return ("similar", round(score)) if score >= SIMILAR else None

    def in_groups(self, groups: Mapping[str, Any]) -> tuple[Found, ...]:
        """The groups in which the person occurs, with the best fit of each."""
        found = []
        for group, value in groups.items():
            fits = [fit for text in fulltext.words_in(value) if (fit := self.match(text))]
            if fits:
                best = max(fits, key=lambda fit: (fit[1], fit[0]))
                found.append(Found(group, *best))
        return tuple(found)

    def parts(self, value: Any) -> Any:
        """Of a group, the entries that fit: of a list its items, of anything else the whole."""
        if isinstance(value, list):
            return [item for item in value if any(self.match(text) for text in fulltext.words_in(item))]
        return value


def find(database: Database, person: Person, *, node: str, by: str, now: int) -> tuple[str, list[Occurrence]]:
    """Where the person occurs; returns the number of the case."""
    with database.write() as connection:
        case = cases.open_case(connection, action="find", subject=person.told, officer=by, now=now)
        found = _everywhere(connection, person, node)
        _close(connection, case, found, {}, by=by, now=now)
    return str(case.number), found


def access(database: Database, person: Person, *, node: str, by: str, now: int) -> dict[str, Any]:
    """What is held on the person, from where, and who got it: what the person is entitled to be told."""
    with database.write() as connection:
        case = cases.open_case(connection, action="access", subject=person.told, officer=by, now=now)
        found = _everywhere(connection, person, node)
        held = [_told(connection, person, one) for one in found if one.where in {"own", "received"}]
        drafted = [one.to_json() for one in found if one.where not in {"own", "received"}]
        _close(connection, case, found, {}, by=by, now=now, action="view")
    return {"case": case.number, "subject": person.told, "at": now, "node": node, "records": held, "others": drafted}


def restrict(
    database: Database, names: Sequence[tuple[str, str]], *, subject: str, by: str, now: int
) -> tuple[str, int]:
    """Stop the use of records (iss, rid); the case stays open until `lift`. Returns its number and how many stopped."""
    with database.write() as connection:
        _must_exist(connection, names)
        case = cases.open_case(connection, action="restrict", subject=subject, officer=by, now=now)
        for iss, rid in names:
            cases.restrict(connection, case.id, iss, rid, now=now)
        stopped = restricting.stop(connection, names)
        detail = {"records": [f"{iss}/{rid}" for iss, rid in names]}
        cases.close(connection, case.id, detail, state="open", now=now)
        _log(connection, case.number, names, "restrict", by=by, now=now)
    return case.number, stopped


def lift(
    database: Database, number: str, *, node: str, by: str, now: int, token: Callable[[int], bytes]
) -> tuple[int, set[str]]:
    """End a restriction: how many records are in use again, and whose feeds have grown."""
    with database.write() as connection:
        case = cases.get(connection, number)
        if case is None or case.action != "restrict" or case.state != "open":
            raise NotFound(f"{number} is no restriction that stands; `tidewaiter subject list` lists the cases")
        keys = cases.restricted_by(connection, case.id)
        cases.lift(connection, case.id)
        resumed, grown = restricting.resume(connection, keys, node=node, by=by, now=now, token=token)
        cases.close(connection, case.id, json.loads(case.detail), now=now)
        _log(connection, number, keys, "lift", by=by, now=now)
    return resumed, grown


def rectify(
    database: Database, name: str, groups: Mapping[str, Any], *, node: str, subject: str, by: str, now: int
) -> tuple[str, str]:
    """Draft the next version of an own record with these groups replaced (None: left out); case and reference.

    The draft is released like any other, by `release`. Raises `NotFound`, and `SubjectRefused` with every fault.
    """
    with database.write() as connection:
        row, drafted = _own(connection, name, node)
        drafted_groups = orjson.loads(drafted.groups)
        now_said = drafted_groups | dict(groups)
        said = {group: value for group, value in now_said.items() if value is not None}
        schema = get_schema(row.sch)
        _must_be_groups(row.sch, groups)
        absent = sorted(group for group, value in groups.items() if value is None and group not in drafted_groups)
        if absent:
            raise SubjectRefused(f"--remove: the record has no {', '.join(absent)}; it has {', '.join(drafted_groups)}")
        for full in [group for group, value in groups.items() if value is None]:
            said = {group: value for group, value in said.items() if schema.coarse.get(group) != full}
        faults = schema.validate(schema.prepare(said)).errors
        if faults:
            told = [f"{fault.path}: {fault.wrong}; {fault.remedy}" for fault in faults]
            raise SubjectRefused("\n".join(told))
        digest = b64.encode(hashlib.sha256(orjson.dumps(said, option=orjson.OPT_SORT_KEYS)).digest())
        new = drafts.NewDraft(
            kind=drafted.kind, administration=drafted.administration, reference=drafted.reference, groups=said,
            content_hash=digest,
        )  # fmt: skip
        drafts.change(connection, drafted, new, now=now)
        case = cases.open_case(connection, action="rectify", subject=subject, officer=by, now=now)
        cases.close(connection, case.id, {"records": [f"{row.iss}/{row.rid}"], "groups": sorted(groups)}, now=now)
        _log(connection, case.number, [(row.iss, row.rid)], "rectify", by=by, now=now)
    return case.number, drafted.reference


def erase_received(
    database: Database, names: Sequence[tuple[str, str]], *, node: str, subject: str, by: str, now: int,
    asked: Collection[str] = (),
) -> str:  # fmt: skip
    """Erase records of others here: every body of them, for good; the same versions do not come back.

    `ask` the originator first, for a request names a record that is held; `asked` are the ids of those requests, which
    are not erased with what else was said about the records. Returns the number of the case.
    """
    if any(iss == node for iss, _ in names):
        raise SubjectRefused(
            "an own record ends everywhere by a recall: `tidewaiter recall` with the reason data-subject"
        )
    requests = {(node, rid) for rid in asked}
    with database.write() as connection:
        _must_exist(connection, names)
        case = cases.open_case(connection, action="erase", subject=subject, officer=by, now=now)
        for iss, rid in names:
            keeping.tell_of_withdrawal(connection, iss, rid, keeping.SUBJECT, now)
            erasing.erase_record(connection, iss, rid, state=records.ERASED, but=requests)
        kept = sorted(f"{iss}/{rid}" for iss, rid in holds.of(connection, names))
        detail = {"records": [f"{iss}/{rid}" for iss, rid in names]} | ({"legal_hold": kept} if kept else {})
        cases.close(connection, case.id, detail, now=now)
        _log(connection, case.number, names, "erase", by=by, now=now)
    return str(case.number)


def erase_own(
    database: Database, names: Sequence[tuple[str, str]], *, subject: str, by: str, now: int
) -> str:  # fmt: skip
    """Erase what is left here of own records that were recalled, their drafts too, at once; the number of the case.

    The recall comes first, because it reaches everybody who has the record. The draft keeps its reference, so that an
    import of the same file is asked about and not released again by itself.
    """
    with database.write() as connection:
        for iss, rid in names:
            if not connection.scalar(select(tombstone.c.ver).where(tombstone.c.iss == iss, tombstone.c.rid == rid)):
                raise SubjectRefused(
                    "an own record ends everywhere by a recall with the reason data-subject: recall it, then erase "
                    "what is left here; `tidewaiter subject rectify RECORD --remove GROUP` leaves a group out instead"
                )
        case = cases.open_case(connection, action="erase", subject=subject, officer=by, now=now)
        for iss, rid in names:
            keeping.tell_of_withdrawal(connection, iss, rid, keeping.SUBJECT, now)
            erasing.erase_record(connection, iss, rid)
            connection.execute(draft.update().where(draft.c.rid == rid).values(groups="{}", updated_at=now))
        cases.close(connection, case.id, {"records": [f"{iss}/{rid}" for iss, rid in names]}, now=now)
        _log(connection, case.number, names, "erase", by=by, now=now)
    return str(case.number)


def ask(
    database: Database, publisher: Publisher, key: tuple[str, str], what: str, *, number: str | None,
    groups: Iterable[str], narrative: str | None, respond_by: str | None, by: str, now: int,
) -> annotating.Annotated:  # fmt: skip
    """Ask the originator of a record to rectify, restrict or erase: a signed query that goes to it alone.

    The text names the groups and nobody; `narrative` may, and is sealed in a nominal group. The record may be one whose
    use is restricted: that is what an officer does first. Raises `NotFound` for a record that is not held, and
    `SubjectRefused` for a group that is not of its kind, a case that is not in the register, and an own record.
    """
    with database.read() as connection:
        held = next((row for row in records.by_key(connection, *key) if row.jwt), None)
        if number is not None and cases.get(connection, number) is None:
            raise SubjectRefused(f"--case: {number} is in no row of the register; `tidewaiter subject list` lists them")
    if key[0] == publisher.node:
        raise SubjectRefused(
            "an own record has no other originator: `tidewaiter subject rectify`, `restrict`, or `tidewaiter recall` "
            "with the reason data-subject"
        )
    if held is not None:
        _must_be_groups(held.sch, groups)
    listed = ", ".join(sorted(groups)) or "this record"
    text = f"A data subject asks to {what}: {listed}." + (f" Our case {number}." if number else "")
    remark = annotating.Remark(
        about=[f"{key[0]}/{key[1]}"], type="query", texts=[("en", text)], no_names=True,
        narrative=[("en", narrative)] if narrative else (), respond_by=respond_by, restricted=True,
    )  # fmt: skip
    return annotating.annotate(database, publisher, remark, by=by, now=now)


def named(database: Database, names: Sequence[str], *, node: str) -> list[tuple[str, str]]:
    """The records (iss, rid) behind references of own ones, ids, and ISS/RID."""
    found = []
    with database.read() as connection:
        for name in names:
            own = connection.scalar(select(draft.c.rid).where(draft.c.reference == name))
            issuer, slash, rid = name.rpartition("/")
            wanted = own or (rid if slash else name)
            statement = select(record.c.iss).where(record.c.rid == wanted).distinct()
            if own or slash:
                statement = statement.where(record.c.iss == (node if own else issuer))
            issuers = list(connection.scalars(statement))
            if len(issuers) != 1:
                raise NotFound(f"{name} names {'no record' if not issuers else 'several records: write ISS/RID'}")
            found.append((issuers[0], wanted))
    return found


def _must_be_groups(sch: str, groups: Iterable[str]) -> None:
    known = get_schema(sch).groups
    for group in groups:
        if group not in known:
            raise SubjectRefused(f"{group} is no group of {sch}; its groups are {', '.join(sorted(known))}")


def _everywhere(connection: Connection, person: Person, node: str) -> list[Occurrence]:
    found = [*_in_records(connection, person, node), *_in_drafts(connection, person, node)]
    return [*found, *_aside(connection, person), *_held(connection, person), *_leftovers(connection, person)]


def _in_records(connection: Connection, person: Person, node: str) -> Iterable[Occurrence]:
    for row in _batches(connection, record, record.c.jwt != ""):
        groups = person.in_groups(bodies.reopen_row(row).groups)
        if groups:
            yield Occurrence(
                where="own" if row.iss == node else "received", iss=row.iss, rid=row.rid, ver=row.ver,
                state=row.state, kind=row.kind, groups=groups,
            )  # fmt: skip


def _in_drafts(connection: Connection, person: Person, node: str) -> Iterable[Occurrence]:
    for row in _batches(connection, draft):
        groups = person.in_groups(orjson.loads(row.groups))
        if groups:
            yield Occurrence(
                where="draft", iss=node, rid=row.rid, ver=row.ver, state=row.state, kind=row.kind,
                reference=row.reference, groups=groups,
            )  # fmt: skip


def _aside(connection: Connection, person: Person) -> Iterable[Occurrence]:
    for row in _batches(connection, kept_aside, kept_aside.c.body.is_not(None)):
        groups = person.in_groups(_unverified(row.body))
        if groups:
            yield Occurrence(where="quarantine", iss=row.iss, rid=row.rid, state=row.state, groups=groups)


def _held(connection: Connection, person: Person) -> Iterable[Occurrence]:
    for row in _batches(connection, held_body):
        groups = person.in_groups(_unverified(f"{row.jwt}~{row.disclosures}~"))
        if groups:
            yield Occurrence(where="hold", iss=row.iss, rid=row.rid, ver=row.ver, groups=groups)


def _leftovers(connection: Connection, person: Person) -> Iterable[Occurrence]:
    """Rows of the word index whose record has no content: there should be none."""
    ids = fulltext.matching(connection, person.name, limit=10_000) if person.name else []
    for start in range(0, len(ids), BATCH):
        part = ids[start : start + BATCH]
        known = {row.id: row for row in connection.execute(select(record).where(record.c.id.in_(part)))}
        for row_id in part:
            row = known.get(row_id)
            if row is None or not row.jwt:
                yield Occurrence(where="index", iss=row.iss if row else None, rid=row.rid if row else None)


def _batches(connection: Connection, table: Any, *conditions: Any) -> Iterable[Row[Any]]:
    last = 0
    while rows := connection.execute(
        select(table).where(table.c.id > last, *conditions).order_by(table.c.id).limit(BATCH)
    ).all():
        yield from rows
        last = rows[-1].id


def _unverified(body: str) -> dict[str, Any]:
    """What the disclosures of a body say, whoever wrote it: to be looked through, and shown to nobody."""
    found: dict[str, Any] = {}
    for at, piece in enumerate(body.split("~")[1:]):
        try:
            value = orjson.loads(b64.decode(piece))
        except (CryptoError, ValueError):
            continue
        match value:
            case [_, str(name), content]:
                found[name] = content
            case _:
                found[f"disclosure {at}"] = value
    return found


def _told(connection: Connection, person: Person, one: Occurrence) -> dict[str, Any]:
    """A record that holds something on the person: the parts that do, the source, the terms, and who got it."""
    row = next(row for row in records.by_key(connection, str(one.iss), str(one.rid)) if row.ver == one.ver)
    groups = bodies.reopen_row(row).groups
    value: dict[str, Any] = one.to_json() | {
        "title": row.title, "source": row.iss, "accepted_at": row.accepted_at, "handling": json.loads(row.handling),
        "data": {found.group: person.parts(groups[found.group]) for found in one.groups},
    }  # fmt: skip
    rows = connection.execute(
        select(disclosure).where(disclosure.c.rid == row.rid, disclosure.c.iss == row.iss).order_by(disclosure.c.id)
    ).all()
    names = {found.group for found in one.groups}
    value["recipients"] = [
        {"recipient": each.recipient, "at": each.at, "groups": sorted(names & set((each.groups or "").split(","))),
         "purpose": each.purpose, "legal": each.legal}
        for each in rows
        if each.action == "feed" and names & set((each.groups or "").split(","))
    ]  # fmt: skip
    # Inside the node: how often and what for, not by whom: that is the auditor's to know.
    value["uses"] = [
        {"action": each.action, "at": each.at, "purpose": each.purpose} for each in rows if each.action != "feed"
    ]
    return value


def _own(connection: Connection, name: str, node: str) -> tuple[Row[Any], Row[Any]]:
    drafted = connection.execute(select(draft).where((draft.c.reference == name) | (draft.c.rid == name))).first()
    if drafted is None:
        raise NotFound(f"{name} is no record of this node; ask its originator: `tidewaiter subject ask`")
    rows = [row for row in records.by_key(connection, node, drafted.rid) if row.jwt]
    if not rows:
        raise NotFound(f"{name} was never released, or is recalled: change the draft by a new import")
    return rows[0], drafted


def _must_exist(connection: Connection, names: Sequence[tuple[str, str]]) -> None:
    if not names:
        raise SubjectRefused("name at least one record")
    for iss, rid in names:
        if not records.by_key(connection, iss, rid):
            raise NotFound("nothing is known here of a record of this id")


def _close(
    connection: Connection, case: Row[Any], found: Sequence[Occurrence], more: Mapping[str, Any], *, by: str, now: int,
    action: str = "search",
) -> None:  # fmt: skip
    keys = sorted({(one.iss, one.rid) for one in found if one.iss and one.rid})
    cases.close(connection, case.id, {"found": [one.to_json() for one in found], **more}, now=now)
    detail = json.dumps({"case": case.number, "hits": [f"{iss}/{rid}/0" for iss, rid in keys]})
    if action == "search":
        audit.log(connection, [audit.Disclosure(at=now, action="search", actor=by, detail=detail)])
        tasks.remember_glimpses(connection, keys, by)
        return
    rows = [
        audit.Disclosure(
            at=now, action=action, actor=by, iss=one.iss, rid=one.rid, ver=one.ver,
            groups=",".join(sorted(each.group for each in one.groups)), purpose="data-subject",
            detail=json.dumps({"case": case.number}),
        )
        for one in found
        if one.where in {"own", "received"}
    ]  # fmt: skip
    audit.log(connection, rows or [audit.Disclosure(at=now, action=action, actor=by, detail=detail)])


def _log(connection: Connection, number: str, keys: Iterable[tuple[str, str]], what: str, *, by: str, now: int) -> None:
    """What was done for a data subject stands in the disclosure log, by the number of the case."""
    detail = json.dumps({"case": number, "done": what})
    audit.log(
        connection,
        [
            audit.Disclosure(
                at=now, action="subject", actor=by, iss=iss, rid=rid, purpose="data-subject", detail=detail
            )
            for iss, rid in keys
        ],
    )
