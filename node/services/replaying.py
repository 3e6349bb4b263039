"""Replay the policy in force over what is out, and compare it with what the disclosure log says was given.

For each live record of our own and each member the policy is asked anew, from the stored record, by its own evaluator;
what was given is read from the entry that the newest row of the disclosure log points to. "Should have gone and has
not" and "has gone and should not have" are empty, or each is explained: the node has still to settle with the member
since a restore, a review of the policy is due or under way, the member is not in good standing. Annotations go to whom
they concern and not by policy; they are left out.

Trust: the log's rows and the feeds' entries are this node's own; who rewrites both is found out by the peers' copies.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, and_, select

from federation.feed import parse_leaf
from federation.policy import classify
from node.services import addressing, applying, approvals, bodies, deciding
from node.storage import records, settlements
from node.storage.tables import disclosure, entry_out, record
from node.storage.tables.recovery import deviation, replay

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Row

    from federation.policy import Classes
    from node.services.publishing import Publisher
    from node.storage.database import Database

BATCH: Final = 500
SECONDS: Final = 86_400.0
KEPT: Final = 10_000
"""Deviations kept of one run: more of them have one cause."""
RUNS: Final = 90
SHOULD_HAVE: Final = "should-have"
SHOULD_NOT: Final = "should-not"


@dataclass(frozen=True, slots=True)
class Deviation:
    """Groups of one version that a member should have and was not given, or the other way round."""

    recipient: str
    rid: str
    ver: int
    what: str
    groups: str
    explained: str | None


@dataclass(slots=True)
class Report:
    """What came of a run."""

    policy_version: int | None = None
    records: int = 0
    pairs: int = 0
    unexplained: int = 0
    deviations: list[Deviation] = field(default_factory=list)


def run(database: Database, publisher: Publisher, *, now: int) -> Report:
    """Replay, and keep what came of it. `now` in seconds."""
    report = Report(policy_version=None if publisher.policy is None else publisher.policy.version)
    due = applying.due(database, publisher, now=now)
    if publisher.policy is not None:
        classes = classify(publisher.policy, publisher.recipients())
        after: int | None = 0
        while after is not None:
            with database.read() as connection:
                after = _batch(connection, publisher, classes, report, after=after, due=due, now=now)
    with database.write() as connection:
        _keep(connection, report, now=now)
    return report


def _batch(
    connection: Connection, publisher: Publisher, classes: Classes, report: Report, *, after: int, due: bool, now: int
) -> int | None:
    chosen = records.visible().where(
        record.c.iss == publisher.node, record.c.id > after, record.c.kind != addressing.KIND, records.in_time(now)
    )
    rows = connection.execute(chosen.order_by(record.c.id).limit(BATCH)).all()
    if not rows:
        return None
    given = _given(connection, publisher.node, [row.rid for row in rows])
    approved = approvals.of(connection, rows)
    unsettled = {who.id for who in classes.recipients if settlements.pending(connection, who.id)}
    for row in rows:
        own = deciding.read(row)
        outcomes, _ = deciding.outcomes(own, classes, now=now, approved=approved.get(row.rid))
        may = {
            name: bodies.mask_of(outcome.groups, own.index) for outcome, who in outcomes for name in classes.ids(who)
        }
        report.records += 1
        report.pairs += len(may)
        for name in sorted(may.keys() | given.get(row.rid, {}).keys()):
            report.deviations += _compare(
                own, name, may.get(name), given.get(row.rid, {}).get(name), unsettled, due=due
            )
    report.unexplained = sum(one.explained is None for one in report.deviations)
    return int(rows[-1].id)


def _given(connection: Connection, node: str, rids: list[str]) -> dict[str, dict[str, tuple[int, int]]]:
    """By record and recipient: version and mask of the newest entry that the rows of the disclosure log point to.

    The leaf says what is granted after an entry. What the entry showed is a part of that (of `more` what was added), or
    it went out beyond its own leaf.
    """
    statement = (
        select(disclosure.c.rid, disclosure.c.recipient, disclosure.c.ver, entry_out.c.mask, entry_out.c.leaf)
        .join(entry_out, and_(entry_out.c.feed == disclosure.c.feed, entry_out.c.n == disclosure.c.n))
        .where(disclosure.c.action == "feed", disclosure.c.iss == node, disclosure.c.rid.in_(rids))
        .order_by(disclosure.c.id)
    )
    found: dict[str, dict[str, tuple[int, int]]] = {}
    newest: dict[tuple[str, str], int] = {}
    for rid, recipient, ver, mask, text in connection.execute(statement):
        leaf = parse_leaf(text)
        # Of an exchange of groups two entries are written at once, in two lanes: the counter says which came last.
        if leaf.gc >= newest.get((rid, recipient), 0):
            newest[rid, recipient] = leaf.gc
            found.setdefault(rid, {})[recipient] = (ver, leaf.gm | int(mask, 16))
    return found


def _compare(
    own: deciding.Own, name: str, may: int | None, given: tuple[int, int] | None, unsettled: set[str], *, due: bool
) -> Iterator[Deviation]:
    ver, had = given or (own.ver, 0)
    explained = None
    if may is None:
        explained = "the member is not in good standing: it keeps what it had"
    elif name in unsettled:
        explained = "since a restore this node has not settled with the member"
    elif due:
        explained = "a review of what is out is due or under way"
    allowed = (had if ver == own.ver else 0) if may is None else may
    missing = allowed & ~had if ver == own.ver else allowed
    surplus = had & ~allowed if ver == own.ver else had
    for what, mask, of in ((SHOULD_HAVE, missing, own.ver), (SHOULD_NOT, surplus, ver)):
        if mask:
            yield Deviation(name, own.rid, of, what, _names(own.index, mask), explained)


def _names(index: Mapping[str, int], mask: int) -> str:
    known = sorted(name for name, bit in index.items() if mask >> bit & 1)
    rest = mask & ~bodies.mask_of(index, index)
    return ",".join(known + ([f"{rest.bit_count()} of another version"] if rest else []))


def _keep(connection: Connection, report: Report, *, now: int) -> None:
    made = connection.execute(
        replay.insert().values(
            at=now, policy_version=report.policy_version, records=report.records, pairs=report.pairs,
            unexplained=report.unexplained,
        )
    )  # fmt: skip
    (number,) = made.inserted_primary_key or (0,)
    found = sorted(report.deviations, key=lambda one: one.explained is not None)[:KEPT]
    if found:
        values = [{name: getattr(one, name) for name in one.__slots__} | {"replay": number} for one in found]
        connection.execute(deviation.insert(), values)
    old = select(replay.c.id).order_by(replay.c.id.desc()).offset(RUNS).limit(1).scalar_subquery()
    connection.execute(deviation.delete().where(deviation.c.replay <= old))
    connection.execute(replay.delete().where(replay.c.id <= old))


def last(connection: Connection) -> tuple[Row[Any], list[Row[Any]]] | None:
    """The newest run with what it found, what is unexplained first; None before the first."""
    row = connection.execute(select(replay).order_by(replay.c.id.desc()).limit(1)).first()
    if row is None:
        return None
    found = select(deviation).where(deviation.c.replay == row.id)
    return row, list(connection.execute(found.order_by(deviation.c.explained.is_not(None), deviation.c.id)))
