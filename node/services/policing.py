"""The sharing policy at home: read a file, show what it would change, put it in force, say why somebody gets what.

A file with a mistake is refused whole and the policy in force stays. A new policy has a higher version than the one
before. It binds from its activation on; what was released before is then looked at again under it (`applying`), in
batches: what it gives goes into the feeds, what it takes back is withdrawn. Until that is done, pages decide anew.

Trust: whoever can call `activate` decides what leaves. The two names in the file are claims; who may activate is the
business of the caller. Reasons name rules, so explanations are for this node's own people alone.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, Row, select

from federation.errors import NotFound
from federation.policy import (
    CompiledPolicy,
    Decision,
    Difference,
    Policy,
    PolicyFault,
    PolicyRefused,
    Reason,
    compile_policy,
    diff,
    load_policy,
)
from federation.records import get_schema
from node.services import applying, approvals, bodies, deciding
from node.services.applying import Reviewed
from node.storage import audit, feeds, policies, records
from node.storage.tables import draft, record

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from federation.attributes import Attributes, Recipient
    from federation.directory import Directory
    from node.services.publishing import Publisher
    from node.storage.database import Database

PLACEHOLDER: Final = "XX"


@dataclass(frozen=True, slots=True, kw_only=True)
class Activated:
    """What an activation did."""

    version: int
    before: int | None
    """The version that was in force; None where there was none."""
    offered: Reviewed | None
    """What followed from it for what was released before; None where this node has joined no federation yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Why one recipient gets, or does not get, the groups of one record: by the policy in force, and what it has."""

    reference: str
    iss: str
    rid: str
    ver: int
    title: str
    recipient: str
    policy_version: int
    reasons: tuple[Reason, ...]
    hit: Reason
    obligations: dict[str, Any] | None
    given: tuple[str, ...]
    """The groups that its feed has granted it so far."""
    given_version: int | None
    """The version of the record that it was given last; None if it was never given any."""
    decided_by: int | None
    """The policy version that made the stored decision; None if nothing was ever decided for it."""

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        return {
            "reference": self.reference, "iss": self.iss, "rid": self.rid, "ver": self.ver, "title": self.title,
            "recipient": self.recipient, "policy_version": self.policy_version,
            "groups": [_reason(reason) for reason in self.reasons], "hit": _reason(self.hit),
            "obligations": self.obligations, "given": list(self.given), "given_version": self.given_version,
            "decided_by": self.decided_by,
        }  # fmt: skip


def check(text: str | bytes, *, node: str) -> Policy:
    """Read a policy for this node, or raise `PolicyRefused` with all faults at once."""
    policy = load_policy(text, format="toml")
    if policy.country != node:
        wrong = "is a placeholder" if policy.country == PLACEHOLDER else f"is {policy.country}, another node"
        raise PolicyRefused([PolicyFault("country", wrong, f'write country = "{node}", the id of this node')])
    return policy


def strangers(policy: Policy, directory: Directory) -> tuple[str, ...]:
    """Sentences about names that the directory does not know: such a rule matches nobody, today."""
    countries = frozenset(member.country for member in directory.members.values() if member.country)
    groups = frozenset(f"{name}@{version}" for name, versions in directory.groups.items() for version in versions)
    known = {
        "node": frozenset(directory.members),
        "country": countries,
        "region": frozenset(directory.regions),
        "group": groups,
    }
    found = []
    for rule in policy.rules:
        for name, names in known.items():
            unknown = sorted((getattr(rule.when, name) or frozenset()) - names)
            if unknown:
                found.append(f"rule {rule.id!r}: the directory knows no {name} {', '.join(unknown)}")
    return tuple(found)


def activate(
    database: Database,
    text: str | bytes,
    *,
    node: str,
    by: str,
    publisher: Publisher | None,
    now: int,
    confirm: Callable[[Connection], None] = lambda _connection: None,
    tell: Callable[[int], None] = lambda _done: None,
) -> Activated:
    """Put a policy in force, and issue what follows from it for what was released before.

    `publisher` is this node's, with whatever policy; None for a node that has joined no federation. `confirm` has the
    last word, in the transaction that puts it in force (`proposing`: that two officers stand behind it). Raises
    `PolicyRefused`, also for a version that is not higher than the one in force. If it breaks off after the policy is
    in force, a running server (or `offer_again`) goes on with the review where it stands.
    """
    body = text.decode("utf-8") if isinstance(text, bytes) and _is_utf8(text) else text
    policy = check(body, node=node)
    with database.write() as connection:
        if publisher is not None:
            feeds.lock(connection, [who.id for who in publisher.recipients()])
        row = policies.active(connection)
        refuse_older(policy, None if row is None else row.version)
        confirm(connection)
        policies.activate(connection, version=policy.version, body=str(body), author=policy.author, by=by, now=now)
    offered = None if publisher is None else review(database, publisher, now=now, tell=tell)
    return Activated(version=policy.version, before=None if row is None else row.version, offered=offered)


def refuse_older(policy: Policy, active: int | None) -> None:
    """Raise `PolicyRefused` unless the version is higher than the one in force."""
    if active is not None and policy.version <= active:
        fault = PolicyFault(
            "version",
            f"is {policy.version}, and version {active} is in force",
            f"write version = {active + 1} or higher",
        )
        raise PolicyRefused([fault])


def review(
    database: Database,
    publisher: Publisher,
    *,
    now: int,
    anew: bool = False,
    tell: Callable[[int], None] = lambda _done: None,
) -> Reviewed:
    """Go on with the review of the policy in force to its end; `tell` is told how many records were looked at."""
    total = Reviewed()
    for done in applying.advance(database, publisher, now=now, anew=anew):
        total.add(done)
        tell(total.records)
    return total


def offer_again(database: Database, publisher: Publisher, *, now: int) -> Reviewed:
    """Look at everything again now: new members, ended embargoes, expired instruments, an activation that broke off."""
    return review(database, publisher, now=now, anew=True)


def difference(
    database: Database, new: Policy, *, node: str, recipients: Sequence[Recipient], now: int
) -> tuple[Difference, dict[str, str]]:
    """What would change if `new` were activated, over own live records; with the title of each record in it."""
    titles: dict[str, str] = {}
    with database.read() as connection:
        row = policies.active(connection)
        old = Policy(country=new.country, version=0, author="", approver="")
        if row is not None:
            old = policies.read(row.body)
        found = diff(compile_policy(old), compile_policy(new), _own(connection, node, titles), recipients, now)
    named = {change.rid for change in (*found.gained, *found.lost)} | {rid for rid, _ in found.handling}
    return found, {rid: title for rid, title in titles.items() if rid in named}


def explain(
    database: Database, name: str, *, node: str, recipient: Recipient, policy: CompiledPolicy, now: int
) -> Explanation:
    """Why `recipient` gets what it gets of an own record, named by its reference or its id.

    Raises `NotFound`, with the remedy, when this node has released no such record.
    """
    with database.read() as connection:
        row, reference = _own_record(connection, name, node)
        own = deciding.read(row)
        approved = approvals.of(connection, [row]).get(row.rid)
        decision = Decision(recipient, deciding.for_one(own, recipient, policy, now=now, approved=approved))
        granted = feeds.grants(connection, row.iss, [row.rid]).get((recipient.id, row.rid))
        stored = None if granted is None else audit.decision_body(connection, granted.decision)
    mask = 0 if granted is None or granted.ver != row.ver else int(granted.mask, 16)
    return Explanation(
        reference=reference, iss=row.iss, rid=row.rid, ver=row.ver, title=row.title, recipient=recipient.id,
        policy_version=policy.version, reasons=decision.reasons(), hit=decision.hit_reason(),
        obligations=None if decision.obligations is None else dict(decision.obligations.to_json()),
        given=tuple(sorted(group for group, bit in own.index.items() if mask >> bit & 1)),
        given_version=None if granted is None else granted.ver,
        decided_by=None if stored is None else json.loads(stored)["policy"],
    )  # fmt: skip


def _own(connection: Connection, node: str, titles: dict[str, str]) -> Iterator[tuple[str, Attributes]]:
    for row in connection.execute(records.visible().where(record.c.iss == node).order_by(record.c.id)):
        titles[row.rid] = row.title
        groups = bodies.reopen_row(row).groups
        yield row.rid, get_schema(row.sch).attributes(groups, handling=json.loads(row.handling))


def _own_record(connection: Connection, name: str, node: str) -> tuple[Row[Any], str]:
    """The live version of an own record, and its reference."""
    drafted = connection.execute(
        select(draft).where((draft.c.reference == name) | (draft.c.rid == name)).order_by(draft.c.id)
    ).all()
    for item in drafted:
        found = records.find(connection, item.rid, node)
        if found:
            return found[0], item.reference
    if drafted:
        raise NotFound(f"{name} is not released yet: a policy decides when it is; run `tidewaiter release` first")
    raise NotFound(f"{name} is no reference and no id of a record of this node; `tidewaiter records` lists them")


def _reason(reason: Reason) -> dict[str, Any]:
    return {
        "group": reason.group, "verdict": reason.verdict, "mode": reason.mode, "rule": reason.rule,
        "text": reason.text, "unknown": list(reason.unknown),
    }  # fmt: skip


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
