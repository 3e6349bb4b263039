"""Ask other nodes: whom a question may go to, the question to all of them at once, and what of the answers is shown.

A question is itself a disclosure. For each peer this node's own policy is asked about a made-up record of the groups
that the selector speaks of: a peer that would not get all of them is not asked. Words and numbers may name somebody, so
they go only to who may have the groups that name people and companies. Whom it goes to is told before (`plan`).

    plan       whom the question may go to, and who is not asked and why; sends nothing, logs nothing
    announce   the rows of the log, one a peer that is asked, before anything is sent
    send       to all at once, with one deadline for all; who has not answered by then is told
    conclude   verifies, judges and logs what is shown

What comes is shown and not kept: a presentation was given for this question, and becomes no record of this node.

Left to others: who may ask (`node.api`, the command line). Trust: an answer is a peer's word until each presentation in
it has verified as a record of that peer's own. A peer that answers otherwise is told by name, and nothing of it shown.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from crypto import b64
from federation.attributes import Attributes
from federation.envelope import verify_record
from federation.errors import DirectoryStale, FederationError, Malformed, Refused, Tombstoned
from federation.grants import Action, Handling, HandlingRefused, may, strictest
from federation.policy import decide
from federation.questions import MAX_AHEAD, PATH, Answer, Hit, Question, parse_answer, parse_selector, text
from federation.records import get_schema
from federation.replication import LinkDown
from node.services import matching, requests, tripwires
from node.services.answering import digest
from node.services.search import CriteriaRefused, check_purpose
from node.services.showing import ordered
from node.storage import audit, records
from node.storage.tables import tombstone

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sqlalchemy import Connection

    from federation.directory import Directory
    from federation.envelope import VerifiedRecord
    from federation.policy import CompiledPolicy, Outcome
    from federation.questions import Granted, Selector
    from federation.transport import PeerLink
    from node.services.membership import Membership
    from node.storage.database import Database

DEADLINE_SECONDS: Final = 5.0
MAX_SECONDS: Final = 60.0
NAMING: Final = frozenset({"persons", "companies"})
"""Who may not have these is asked for no words and no numbers."""
GROUP_OF: Final = {
    "category": "goods", "hs": "goods", "brand": "right", "right": "right", "origin": "route", "departure": "route",
    "transit": "route", "destination": "route", "country": "place_coarse", "procedure": "control",
    "conveyance": "transport", "detection": "control", "outcome": "assessment", "health_safety": "goods",
    "pictures": "media", "quantity": "quantity", "value": "value",
}  # fmt: skip
"""The group that a filter speaks of, by the names of `seizure/1`. The kind and the period speak of none."""
GROUP_OF_NUMBER: Final = {"container": "cargo_ids", "awb": "cargo_ids", "gtin": "goods", "registration": "right"}

POLICY, TRIPWIRE, NO_ADDRESS, NOT_ACTIVE = "policy", "tripwire", "no address", "not active"
ANSWERED, SILENT, REFUSED, NOT_BELIEVED = "answered", "silent", "refused", "not believed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What an officer asks. `peers` None: everybody who may be asked."""

    selector: Selector
    purpose: str
    case: str
    peers: Sequence[str] | None = None
    seconds: float = DEADLINE_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Whom a question will go to."""

    question: Question
    groups: frozenset[str]
    """The groups that the selector speaks of: who is asked may have all of them."""
    to: Mapping[str, Outcome]
    not_asked: Mapping[str, str]
    """Peer → why."""
    seconds: float
    stopped: tripwires.Tripwires = field(repr=False)

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "id": self.question.id,
            "groups": sorted(self.groups),
            "asked": sorted(self.to),
            "not_asked": [{"peer": peer, "why": why} for peer, why in sorted(self.not_asked.items())],
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came of asking one peer: an answer, or the word for what went wrong."""

    peer: str
    state: str
    answer: Answer | None = None
    problem: str | None = None

    def failed(self, problem: str) -> Reply:
        """The same peer, of whose answer nothing is shown."""
        return Reply(peer=self.peer, state=NOT_BELIEVED, problem=problem)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A record that a peer showed, verified."""

    peer: str
    record: VerifiedRecord
    handling: Handling
    legal: tuple[str, ...]

    def groups(self) -> dict[str, Any]:
        """The groups shown, in the schema's order: they travel in the random order of their digests."""
        return {name: self.record.groups[name] for name in ordered(self.record.sch, self.record.groups)}

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        record = self.record
        return {
            "iss": record.iss, "rid": record.rid, "ver": record.ver, "kind": record.kind, "sch": record.sch,
            "title": record.title, "groups": self.groups(), "handling": self.handling.to_json(),
            "legal": list(self.legal),
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcomes:
    """What is shown, and how it stands with each peer."""

    plan: Plan
    replies: tuple[Reply, ...]
    records: tuple[Shown, ...]
    hits: tuple[tuple[str, Hit], ...]

    @property
    def complete(self) -> bool:
        """Whether everybody who was asked has answered, and nobody has more."""
        return all(one.answer is not None and not one.answer.more for one in self.replies)

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            **self.plan.to_json(),
            "peers": [
                {"peer": one.peer, "state": one.state, "more": one.answer is not None and one.answer.more}
                | ({"problem": one.problem} if one.problem else {})
                for one in self.replies
            ],
            "records": [one.to_json() for one in self.records],
            "hits": [{"peer": peer, **hit.to_json()} for peer, hit in self.hits],
            "complete": self.complete,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """Who asks: this node, its policy, and its road to peers. `token` is chance for the id of a question."""

    node: str
    database: Database
    membership: Membership
    policy: Callable[[], CompiledPolicy | None]
    link: Callable[[str], PeerLink]
    clock: Callable[[], int]
    token: Callable[[int], bytes]

    def plan(self, asked: Asked) -> Plan:
        """Whom the question may go to. Raises `CriteriaRefused` and `DirectoryStale`."""
        now = self.clock()
        if self.membership.stale(now):
            raise DirectoryStale("this node's directory has expired: nothing leaves until it is renewed")
        question = self._question(asked, now)
        directory = self.membership.current()
        unknown = sorted(set(asked.peers or ()) - (directory.members.keys() - {self.node}))
        if unknown:
            raise CriteriaRefused("peers", "has a name that is no other member; `tidewaiter peers` lists them")
        policy = self.policy()
        groups = spoken_of(question.selector)
        told = json.dumps([question.selector.to_json(), question.case], ensure_ascii=False)
        with self.database.read() as connection:
            wires = tripwires.load(connection)
        to: dict[str, Outcome] = {}
        not_asked: dict[str, str] = {}
        for name in sorted(set(asked.peers) if asked.peers is not None else directory.members.keys() - {self.node}):
            member = directory.members[name]
            outcome = None if policy is None else leave(policy, question, member.recipient(), groups, now=now)
            if member.status != "active":
                not_asked[name] = NOT_ACTIVE
            elif outcome is None:
                not_asked[name] = POLICY
            elif member.endpoint is None:
                not_asked[name] = NO_ADDRESS
            elif wires and wires.stops(question.id, [told], name):
                not_asked[name] = TRIPWIRE
            else:
                to[name] = outcome
        return Plan(
            question=question, groups=groups, to=to, not_asked=not_asked, seconds=asked.seconds, stopped=wires
        )  # fmt: skip

    def _question(self, asked: Asked, now: int) -> Question:
        check_purpose(asked.purpose)
        if not 0 < asked.seconds <= MAX_SECONDS:
            raise CriteriaRefused("seconds", f"is a number above 0, at most {MAX_SECONDS:g}")
        try:
            case = text(asked.case, "case")
        except Malformed as error:
            raise CriteriaRefused("case", error.detail.removeprefix("case ")) from error
        try:
            # As the other side will read it: what it would refuse is not sent.
            selector = matching.normalised(parse_selector(matching.normalised(asked.selector).to_json()))
        except Malformed as error:
            raise CriteriaRefused("selector", error.detail.removeprefix("selector: ")) from error
        until = min(now + int(asked.seconds) + 1, now + MAX_AHEAD)
        return Question(
            id=b64.encode(self.token(16)), selector=selector, purpose=asked.purpose, case=case, until=until
        )  # fmt: skip

    def announce(self, plan: Plan, *, by: str) -> None:
        """Write down that the question goes out, and the alarms of a tripwire: before it is sent."""
        question, now = plan.question, self.clock()
        detail = json.dumps(
            {
                "case": question.case, "question": question.id, "selector": question.selector.to_json(),
                "digest": digest(question.selector),
            },
            ensure_ascii=False,
        )  # fmt: skip
        rows = [
            audit.Disclosure(
                at=now, action="ask", actor=by, recipient=peer, groups=",".join(sorted(plan.groups)),
                purpose=question.purpose, policy_version=outcome.ground.policy.version,
                decision=outcome.content_hash(), detail=detail,
            )
            for peer, outcome in plan.to.items()
        ]  # fmt: skip
        decided = {
            one.content_hash(): json.dumps(one.stored(), sort_keys=True, separators=(",", ":"))
            for one in plan.to.values()
        }
        with self.database.write() as connection:
            audit.store_decisions(connection, decided)
            audit.log(connection, rows)
            tripwires.raise_alarms(connection, plan.stopped, where="question", now=now)

    async def send(self, plan: Plan) -> list[Reply]:
        """Ask all at once, and wait for them until the deadline: one reply a peer, in their order."""
        tasks = {peer: asyncio.create_task(self._ask(peer, plan.question)) for peer in plan.to}
        if tasks:
            await asyncio.wait(tasks.values(), timeout=plan.seconds)
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)
        return [
            Reply(peer=peer, state=SILENT, problem="deadline") if task.cancelled() else task.result()
            for peer, task in tasks.items()
        ]

    async def _ask(self, peer: str, question: Question) -> Reply:
        try:
            data = await self.link(peer).request(
                "POST", PATH, body=question.to_bytes(), content_type="application/json"
            )  # fmt: skip
        except LinkDown:
            return Reply(peer=peer, state=SILENT, problem="link-down")
        except FederationError as error:
            return Reply(peer=peer, state=REFUSED, problem=str(error.problem))
        try:
            return Reply(peer=peer, state=ANSWERED, answer=parse_answer(data, question=question))
        except FederationError as error:
            return Reply(peer=peer, state=NOT_BELIEVED, problem=str(error.problem))

    def conclude(self, plan: Plan, replies: Sequence[Reply], *, by: str) -> Outcomes:
        """Verify and judge what came, and write down what `by` is shown of it, in one transaction."""
        now, directory = self.clock(), self.membership.current()
        judged: list[Reply] = []
        shown: list[Shown] = []
        with self.database.write() as connection:
            for reply in replies:
                try:
                    opened = self._open(connection, plan.question, reply, directory, now)
                except FederationError as error:
                    judged.append(reply.failed(str(error.problem)))
                    continue
                judged.append(reply)
                shown += opened
            audit.log(connection, [_row(one, plan.question, by=by, now=now) for one in shown])
            hits = tuple((one.peer, hit) for one in judged if one.answer is not None for hit in one.answer.hits)
            requests.opened(connection, plan.question, hits, by=by, now=now)
        return Outcomes(plan=plan, replies=tuple(judged), records=tuple(shown), hits=hits)

    def _open(
        self, connection: Connection, question: Question, reply: Reply, directory: Directory, now: int
    ) -> list[Shown]:
        """All that a peer answered, or the error of what is wrong with any of it: one lie, and nothing is believed."""
        found: dict[str, Shown] = {}
        for granted in () if reply.answer is None else reply.answer.answers:
            record = verify_record(granted.presentation, directory=directory, now=now)
            self._check(connection, question, reply.peer, record)
            if record.rid in found:
                raise Malformed("a record stands in an answer once")
            handling = _bound(record, granted)
            if may(handling, Action.VIEW, question.purpose, now=now):
                found[record.rid] = Shown(peer=reply.peer, record=record, handling=handling, legal=granted.legal)
        return list(found.values())

    def _check(self, connection: Connection, question: Question, peer: str, record: VerifiedRecord) -> None:
        if record.iss != peer:
            raise Refused(Malformed.problem, "a node answers with its own records alone")
        if record.tomb is not None or not matching.matches(
            question.selector, record.groups, kind=record.kind, sch=record.sch
        ):
            raise Malformed("the record is not what was asked for")
        gone = tombstone.select().where(tombstone.c.iss == record.iss, tombstone.c.rid == record.rid)
        if connection.execute(gone).first() is not None:
            raise Tombstoned("its originator has recalled this record")
        for row in records.by_key(connection, record.iss, record.rid):
            if row.ver == record.ver and row.sch and row.jh != record.jh:
                raise Malformed("another envelope of this version is held")


def spoken_of(selector: Selector) -> frozenset[str]:
    """The groups that a selector speaks of."""
    groups = {GROUP_OF[name] for name in selector.filters if name in GROUP_OF}
    if selector.identifier is not None:
        groups |= {GROUP_OF_NUMBER[selector.identifier.type]} | NAMING
    if selector.words is not None:
        groups |= NAMING
    return frozenset(groups)


def leave(
    policy: CompiledPolicy, question: Question, recipient: Any, groups: frozenset[str], *, now: int
) -> Outcome | None:
    """What the policy says of a record of just these groups, if it gives the recipient all of them; else None.

    What the selector tells (a brand, a category, a country of the route) is what the record tells. Everything else is
    unknown: a rule that asks for it does not grant, and one that withholds for it does.
    """
    first: Outcome | None = None
    for kind in sorted(question.selector.filters.get("kind", frozenset({"seizure"})) & matching.KINDS):
        made = decide(
            record=_made_up(question.selector, groups, kind), recipient=recipient, policy=policy, now=now,
            purpose=question.purpose,
        ).outcome  # fmt: skip
        if not groups <= made.query:
            return None
        first = first or made
    return first


def _made_up(selector: Selector, groups: frozenset[str], kind: str) -> Attributes:
    schema = get_schema(f"{kind}/1")
    # Of several values each is told to whoever is asked, and a rule for one of them must not let the others go.
    told = {name: values for name, values in selector.filters.items() if len(values) == 1}
    return Attributes(
        kind=kind, groups=groups, nominal=schema.nominal & groups, minimal=schema.minimal & groups,
        categories=told.get("category"), hs=told.get("hs"), brands=told.get("brand"), rights=told.get("right"),
        status=told.get("outcome"), origin=told.get("origin"), departure=told.get("departure"),
        transit=told.get("transit"), destination=told.get("destination"),
    )  # fmt: skip


def _bound(record: VerifiedRecord, granted: Granted) -> Handling:
    """What binds whoever sees it: the strictest of what its issuer signed and what came with the answer."""
    try:
        return strictest(Handling.from_json(record.handling), granted.handling)
    except HandlingRefused as error:
        raise Malformed("the handling of the record cannot be read") from error


def _row(one: Shown, question: Question, *, by: str, now: int) -> audit.Disclosure:
    """What was shown is a view: a recall has to reach whoever saw it."""
    detail = {"case": question.case, "question": question.id, "from": one.peer}
    return audit.Disclosure(
        at=now, action="view", actor=by, iss=one.record.iss, rid=one.record.rid, ver=one.record.ver,
        groups=",".join(sorted(one.record.groups)), purpose=question.purpose, legal=",".join(one.legal),
        detail=json.dumps(detail, ensure_ascii=False),
    )  # fmt: skip
