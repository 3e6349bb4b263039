"""Two officers put a policy in force: one proposes, another approves what was shown, and that must still hold.

A proposal keeps the policy's text, the letter that says in prose what it does, and a preview: what would be gained
and lost, record by recipient by group. The second officer approves the hashes of all three. Activation works the
preview out anew, the last of it under the lock that every release and review needs too: if it is not the list that
was approved, nothing is activated and the difference is shown.

Where no officer has a key, two names stand for two officers: enough for a small administration that knows itself. From
the first key on, approvals are signatures (`officers`).

Trust: who calls this says who the first officer is. Who the second is, a key proves, or nobody.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import delete, func, select, update

from crypto import b64
from federation.policy import (
    Change,
    CompiledPolicy,
    Example,
    Kind,
    Policy,
    PolicyFault,
    PolicyRefused,
    Preview,
    classify,
    compile_policy,
    write_letter,
)
from federation.records import get_schema
from node.services import applying, approvals, deciding, officers, policing
from node.services.officers import NotApproved
from node.storage import drafts, policies, records
from node.storage.tables import record
from node.storage.tables.instruments import proposal

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Connection, Row

    from crypto.signer import Signer
    from federation.attributes import Recipient
    from node.services.publishing import Publisher
    from node.storage.database import Database

EXAMPLES: Final = 3
"""Records in the letter: the first that are live, so that the same letter comes of the same records."""
SCHEMAS: Final = ("seizure/1", "alert/1", "annotation/1", "statistics/1", "bulletin/1")


class PreviewChanged(Exception):  # noqa: N818 - the name is the sentence
    """What a policy would change is no longer what was approved."""

    def __init__(self, approved: dict[str, Any], now: dict[str, Any]) -> None:
        self.appeared, self.vanished = _differences(approved, now)
        self.approved, self.now = approved, now
        super().__init__(
            "what this policy would change is not what was approved any more: records were released or have changed, "
            "or a day has passed. Look at the preview and let it be approved again"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A proposal as it was kept."""

    version: int
    policy_hash: str
    letter: str
    letter_hash: str
    preview: dict[str, Any]
    warnings: tuple[str, ...]


@dataclass(slots=True)
class _Run:
    """A preview over all live records, that can be gone on with when there are more."""

    preview: Preview
    old: CompiledPolicy
    new: CompiledPolicy
    recipients: Sequence[Recipient]
    now: int
    last: int = 0
    titles: dict[str, str] = field(default_factory=dict)

    def go_on(self, connection: Connection, *, node: str) -> None:
        """Compare the records beyond the last one, in batches."""
        old, new = classify(self.old, self.recipients), classify(self.new, self.recipients)
        needing = self.old.needing_release or self.new.needing_release
        while True:
            rows = connection.execute(_live(node, self.now, after=self.last).limit(applying.BATCH)).all()
            if not rows:
                return
            self.last = rows[-1].id
            approved = approvals.of(connection, rows) if needing else {}
            changed: dict[str, str] = {}
            for row in rows:
                own, given = deciding.read(row), approved.get(row.rid)
                before, after = (
                    deciding.outcomes(own, classes, now=self.now, approved=given)[0] for classes in (old, new)
                )
                shown = len(self.preview.gained) + len(self.preview.lost) + len(self.preview.handling)
                self.preview.add(row.rid, before, after, new)
                if len(self.preview.gained) + len(self.preview.lost) + len(self.preview.handling) > shown:
                    changed[row.rid] = row.title
            names = drafts.references(connection, list(changed))
            self.titles |= {rid: f"{names[rid]}: {title}" if rid in names else title for rid, title in changed.items()}

    def holds(self, connection: Connection, *, node: str) -> bool:
        """Whether every record that was compared is still there to be compared."""
        there = _live(node, self.now).where(record.c.id <= self.last).subquery()
        return connection.scalar(select(func.count()).select_from(there)) == self.preview.records


def preview(
    database: Database,
    policy: Policy,
    *,
    node: str,
    recipients: Sequence[Recipient],
    now: int,
    each: Callable[[Change], None] | None = None,
) -> tuple[dict[str, Any], dict[str, str]]:
    """What would change if `policy` were activated, and the titles of the records shown; `each` is told all of it."""
    with database.read() as connection:
        run = _run(connection, policy, node=node, recipients=recipients, now=now, each=each)
        run.go_on(connection, node=node)
    return run.preview.to_json(), run.titles


def propose(
    database: Database, text: str | bytes, *, node: str, by: str, recipients: Sequence[Recipient], now: int
) -> Proposed:  # fmt: skip
    """Check a policy and keep it for a second officer, with its letter and preview; an older proposal is replaced.

    Raises `PolicyRefused`, also for a version that is not higher than the one in force.
    """
    policy, body = policing.check(text, node=node), _text(text)
    with database.read() as connection:
        active = policies.active(connection)
        policing.refuse_older(policy, None if active is None else active.version)
        run = _run(connection, policy, node=node, recipients=recipients, now=now)
        run.go_on(connection, node=node)
        letter = letter_of(connection, policy, node=node, recipients=recipients, now=now)
    shown = run.preview.to_json() | {"titles": run.titles, "now": now}
    made = Proposed(
        version=policy.version, policy_hash=_hash(body), letter=letter, letter_hash=_hash(letter), preview=shown,
        warnings=tuple(shown["warnings"]),
    )  # fmt: skip
    with database.write() as connection:
        connection.execute(delete(proposal).where(proposal.c.version == policy.version))
        connection.execute(
            proposal.insert().values(
                version=made.version, body=body, policy_hash=made.policy_hash, proposed_by=by, proposed_at=now,
                letter=letter, letter_hash=made.letter_hash, preview=json.dumps(shown),
                preview_digest=shown["digest"], state="proposed",
            )
        )  # fmt: skip
    return made


def find(connection: Connection, version: int | None = None) -> Row[Any] | None:
    """A proposal, or the one of the highest version."""
    statement = select(proposal).order_by(proposal.c.version.desc()).limit(1)
    if version is not None:
        statement = statement.where(proposal.c.version == version)
    return connection.execute(statement).first()


def listing(connection: Connection) -> list[Row[Any]]:
    """All proposals, the highest version first."""
    return list(connection.execute(select(proposal).order_by(proposal.c.version.desc())))


def claims(row: Row[Any]) -> dict[str, Any]:
    """What the second officer signs: policy, letter and preview, by their hashes."""
    return {
        "what": "policy", "version": row.version, "policy": row.policy_hash, "letter": row.letter_hash,
        "preview": row.preview_digest,
    }  # fmt: skip


def approve(
    database: Database, version: int, *, node: str, by: str, digest: str, signer: Signer | None = None,
    token: str | None = None, now: int,
) -> str:  # fmt: skip
    """Approve a proposal as the second officer; returns who approved.

    `digest` is that of the preview that the officer was shown. Raises `NotApproved` with the reason.
    """
    with database.write() as connection:
        row = find(connection, version)
        if row is None or row.state != "proposed":
            raise NotApproved(not_proposed(connection, version))
        _another(by, row.proposed_by, policies.read(row.body).author)
        if digest != row.preview_digest:
            raise NotApproved("this is not the preview of the proposal as it is now: look at it again")
        who, signed = officers.approve(connection, claims(row), by=by, signer=signer, token=token, node=node, now=now)
        connection.execute(
            update(proposal)
            .where(proposal.c.version == version)
            .values(approved_by=who, approved_at=now, approval=signed)
        )
    return who


def activate(
    database: Database, version: int, *, node: str, by: str, publisher: Publisher | None,
    recipients: Sequence[Recipient], now: int, tell: Callable[[int], None] = lambda _done: None,
) -> policing.Activated:  # fmt: skip
    """Put an approved proposal in force, if what it changes is still what was approved.

    Raises `NotApproved`, `PreviewChanged` or `PolicyRefused`; then nothing has changed.
    """
    with database.read() as connection:
        row = find(connection, version)
        if row is None or row.state != "proposed":
            raise NotApproved(not_proposed(connection, version))
    if row.approved_by is None:
        raise NotApproved(
            f"policy {version} is not approved yet: a second officer runs `tidewaiter policy approve {version}`"
        )
    _another(row.approved_by, row.proposed_by, policies.read(row.body).author)

    def approved(connection: Connection) -> None:
        if row.approval is not None:
            officers.verify(connection, row.approval, claims(row), node=node, now=now)
        elif officers.signatures_needed(connection):
            raise NotApproved("officers of this node sign with keys by now: let the proposal be approved with one")
        connection.execute(update(proposal).where(proposal.c.version == version).values(state="active"))

    return _activate(
        database, row.body, shown=json.loads(row.preview), node=node, by=f"{by} and {row.approved_by}",
        publisher=publisher, recipients=recipients, now=now, confirm=approved, tell=tell,
    )  # fmt: skip


def activate_by_two(
    database: Database, text: str | bytes, *, shown: dict[str, Any], node: str, by: str, second: str,
    publisher: Publisher | None, recipients: Sequence[Recipient], now: int,
    tell: Callable[[int], None] = lambda _done: None,
) -> policing.Activated:  # fmt: skip
    """Put a policy in force by two names, in one step: for a node whose officers have no keys.

    `shown` is the preview that both have seen. Raises as `activate` does.
    """
    _another(second, by)

    def named(connection: Connection) -> None:
        if officers.signatures_needed(connection):
            raise NotApproved(
                "officers of this node sign with keys: propose the policy, and let a second officer approve it with one"
            )

    return _activate(
        database, text, shown=shown, node=node, by=f"{by} and {second}", publisher=publisher, recipients=recipients,
        now=now, confirm=named, tell=tell,
    )  # fmt: skip


def letter_of(
    connection: Connection, policy: Policy, *, node: str, recipients: Sequence[Recipient], now: int
) -> str:  # fmt: skip
    """The letter on a policy, with examples from the first live records."""
    classes = classify(compile_policy(policy), recipients)
    rows = connection.execute(_live(node, now).limit(EXAMPLES)).all()
    approved = approvals.of(connection, rows)
    examples = []
    for row in rows:
        found, _ = deciding.outcomes(deciding.read(row), classes, now=now, approved=approved.get(row.rid))
        answers: dict[tuple[tuple[str, ...], tuple[str, ...], bool], list[str]] = {}
        for outcome, bits in found:
            key = (tuple(sorted(outcome.groups)), tuple(sorted(outcome.query - outcome.groups)), outcome.hit)
            answers.setdefault(key, []).extend(classes.ids(bits))
        told = sorted((tuple(sorted(names)), *key) for key, names in answers.items())
        examples.append(Example(f"{row.title} ({row.rid}, version {row.ver})", tuple(told)))
    kinds = [
        Kind(schema.kind, frozenset(schema.groups), frozenset(schema.nominal), frozenset(schema.minimal))
        for schema in map(get_schema, SCHEMAS)
    ]
    return write_letter(policy, kinds=kinds, examples=examples)


def _activate(
    database: Database, text: str | bytes, *, shown: dict[str, Any], node: str, by: str, publisher: Publisher | None,
    recipients: Sequence[Recipient], now: int, confirm: Callable[[Connection], None], tell: Callable[[int], None],
) -> policing.Activated:  # fmt: skip
    policy = policing.check(text, node=node)
    with database.read() as connection:
        run = _run(connection, policy, node=node, recipients=recipients, now=now)
        run.go_on(connection, node=node)

    def unchanged(connection: Connection) -> None:
        nonlocal run
        confirm(connection)
        active = policies.in_force(connection)
        if (0 if active is None else active.version) != run.old.version or not run.holds(connection, node=node):
            run = _run(connection, policy, node=node, recipients=recipients, now=now)
        run.go_on(connection, node=node)
        if run.preview.digest() != shown["digest"]:
            raise PreviewChanged(shown, run.preview.to_json())

    return policing.activate(
        database, text, node=node, by=by, publisher=publisher, now=now, confirm=unchanged, tell=tell
    )


def _run(
    connection: Connection,
    policy: Policy,
    *,
    node: str,
    recipients: Sequence[Recipient],
    now: int,
    each: Callable[[Change], None] | None = None,
) -> _Run:
    old = policies.in_force(connection)
    if old is None:
        old = compile_policy(Policy(country=node, version=0, author="", approver=""))
    return _Run(Preview(each=each), old, compile_policy(policy), recipients, now)


def _live(node: str, now: int, *, after: int = 0) -> Any:
    chosen = records.visible().where(record.c.iss == node, record.c.id > after, records.in_time(now))
    return chosen.order_by(record.c.id)


def not_proposed(connection: Connection, version: int) -> str:
    """Why a version cannot be approved or put in force: it is already, is older, or nobody has proposed it."""
    active = policies.active(connection)
    if active is not None and version == active.version:
        return f"policy {version} is in force already"
    if active is not None and version < active.version:
        return f"policy {version} is older than {active.version}, which is in force: propose it under a higher version"
    return f"no policy of version {version} is proposed; `tidewaiter policy propose FILE` proposes one"


def _another(by: str, *others: str) -> None:
    if by.strip().casefold() in {other.strip().casefold() for other in others}:
        raise NotApproved(f"{by} is the one who wrote or proposed it: a second officer is another person")


def _differences(approved: dict[str, Any], now: dict[str, Any]) -> tuple[list[Change], list[Change]]:
    """The changes that appeared and that vanished, of those that are kept."""

    def listed(shown: dict[str, Any]) -> set[Change]:
        return {Change(**change) for name in ("gained", "lost") for change in shown[name]}

    before, after = listed(approved), listed(now)
    return sorted(after - before), sorted(before - after)


def _hash(text: str) -> str:
    return b64.encode(hashlib.sha256(text.encode()).digest())


def _text(text: str | bytes) -> str:
    if isinstance(text, str):
        return text
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        raise PolicyRefused([PolicyFault("(file)", "not readable as UTF-8 text", "save it as UTF-8")]) from None
