"""The index of names across spellings: which records have a name that is like the one asked for.

Names, tokens and keys are made by `federation.spelling`, so SQLite and PostgreSQL give the same answers with plain
tables. A name is kept once, however many records have it, and goes with the last of them.

Left to others: which names a record tells (`federation.records.traces`). Trust: whoever can write to the database can
hide a record from this index; the records themselves are not touched by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection, delete, func, select

from federation import spelling
from node.storage import followers
from node.storage.database import allocate, insert_rows, parts
from node.storage.tables.finding import name, name_key, name_record, name_token

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

MAX_TOKENS: Final = 500
"""Tokens of the index that one unit of a question is compared with, those first that share most keys."""
MAX_NAMES: Final = 2_000
"""Names with one unit that a question is compared with; of more, those with the nearest tokens."""
MAX_HITS: Final = 500
"""Names that a question finds."""


@dataclass(frozen=True, slots=True)
class Like:
    """A record with a name like the one asked for: how alike from 0 to 100, and what has the name."""

    record: int
    score: float
    what: str


def put(connection: Connection, rows: Iterable[tuple[int, Collection[tuple[str, str]]]]) -> None:
    """File the names of records: (record, [(what, name as written)]). The records have none yet."""
    wanted = [
        (record, what, fold)
        for record, found in rows
        for what, fold in {(what, spelling.fold(written)) for what, written in found}
        if fold
    ]
    if not wanted:
        return
    followers.lock(connection)
    ids = _ids(connection, sorted({fold for _, _, fold in wanted}))
    insert_rows(
        connection, name_record, ("name", "record", "what"),
        sorted({(ids[fold], record, what) for record, what, fold in wanted}),
    )  # fmt: skip


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Take records out, and every name that nobody has any more."""
    for some in parts(sorted(set(ids))):
        held = set(connection.scalars(select(name_record.c.name).where(name_record.c.record.in_(some))))
        if not held:
            continue
        followers.lock(connection)
        connection.execute(delete(name_record).where(name_record.c.record.in_(some)))
        for part in parts(sorted(held)):
            left = set(connection.scalars(select(name_record.c.name).where(name_record.c.name.in_(part)).distinct()))
            _drop(connection, [one for one in part if one not in left])


def like(connection: Connection, asked: str, *, limit: int) -> list[Like]:
    """Up to `limit` records that have a name like `asked`, the most alike first, then the newest row.

    At most those of `MAX_HITS` names.
    """
    folded = spelling.fold(asked)
    near = {unit: found for unit in dict.fromkeys(spelling.units(folded)) if (found := _near(connection, unit))}
    folds = _named(connection, folded, near)
    scored = ((spelling.combined(folded, spelling.tokens(fold), near), row) for row, fold in folds.items())
    best = sorted((-score, row) for score, row in scored if score >= spelling.THRESHOLD)
    scores = {row: -score for score, row in best[:MAX_HITS]}
    hits: dict[int, Like] = {}
    for part in parts(list(scores)):
        statement = select(name_record).where(name_record.c.name.in_(part)).order_by(name_record.c.record.desc())
        for row in connection.execute(statement.limit(limit)):
            one = Like(row.record, scores[row.name], row.what)
            if row.record not in hits or (one.score, one.what) > (hits[row.record].score, hits[row.record].what):
                hits[row.record] = one
    return sorted(hits.values(), key=lambda one: (-one.score, -one.record))[:limit]


def _near(connection: Connection, unit: str) -> dict[str, float]:
    """Tokens of the index that share a key with a unit of the question, and how near each is."""
    shared = (
        select(name_key.c.token)
        .where(name_key.c.key.in_(sorted(spelling.keys(unit))))
        .group_by(name_key.c.token)
        .order_by(func.count().desc(), name_key.c.token)
        .limit(MAX_TOKENS)
    )
    # Where many share its only key, the token itself is among them in any case.
    tokens = {unit, *connection.scalars(shared)}
    scored = ((spelling.token_alike(unit, token), token) for token in tokens)
    return {token: score for score, token in scored if score >= spelling.NEAR}


def _named(connection: Connection, asked: str, near: Mapping[str, Mapping[str, float]]) -> dict[int, str]:
    """The names that may be like enough: row and fold.

    Units are taken the rarest first, until what is left could not make a name like enough that has none of those taken.
    """
    having = {unit: _with(connection, near[unit]) for unit in near}
    found: dict[int, str] = {}
    left = 100.0
    for unit in sorted(having, key=lambda unit: (len(having[unit]), unit)):
        found |= having[unit]
        if unit in asked.split():
            left -= 100.0 * spelling.weight(asked, unit)
        if left < spelling.THRESHOLD:
            break
    return found


def _with(connection: Connection, near: Mapping[str, float]) -> dict[int, str]:
    """Up to `MAX_NAMES` names that have one of these tokens; of more, those with the nearest."""
    tokens = sorted(near, key=lambda token: (-near[token], token))
    found = _having(connection, tokens, MAX_NAMES + 1)
    if len(found) <= MAX_NAMES:
        return found
    found = {}
    for token in tokens:
        left = MAX_NAMES - len(found)
        if left <= 0:
            break
        found |= _having(connection, [token], left)
    return found


def _having(connection: Connection, tokens: Sequence[str], limit: int) -> dict[int, str]:
    rows = connection.execute(
        select(name.c.id, name.c.fold)
        .join(name_token, name_token.c.name == name.c.id)
        .where(name_token.c.token.in_(tokens))
        .order_by(name.c.id.desc())
        .limit(limit)
    )
    return {row.id: row.fold for row in rows}


def _ids(connection: Connection, folds: Sequence[str]) -> Mapping[str, int]:
    """The rows of names; those that are new are filed under their tokens and keys."""
    known: dict[str, int] = {}
    for part in parts(folds):
        known |= {row.fold: row.id for row in connection.execute(select(name).where(name.c.fold.in_(part)))}
    new = [fold for fold in folds if fold not in known]
    if not new:
        return known
    fresh = dict(zip(new, allocate(connection, name, len(new)), strict=True))
    insert_rows(connection, name, ("id", "fold"), [(row, fold) for fold, row in fresh.items()])
    postings = sorted((token, row) for fold, row in fresh.items() for token in spelling.tokens(fold))
    tokens = sorted({token for token, _ in postings})
    there: set[str] = set()
    for part in parts(tokens):
        there |= set(connection.scalars(select(name_token.c.token).where(name_token.c.token.in_(part)).distinct()))
    insert_rows(connection, name_token, ("token", "name"), postings)
    keyed = sorted((key, token) for token in tokens if token not in there for key in spelling.keys(token))
    insert_rows(connection, name_key, ("key", "token"), keyed)
    return known | fresh


def _drop(connection: Connection, rows: Sequence[int]) -> None:
    """Take names away, and the keys of tokens that no other name has."""
    if not rows:
        return
    tokens = set(connection.scalars(select(name_token.c.token).where(name_token.c.name.in_(rows))))
    connection.execute(delete(name_token).where(name_token.c.name.in_(rows)))
    connection.execute(delete(name).where(name.c.id.in_(rows)))
    for part in parts(sorted(tokens)):
        left = set(connection.scalars(select(name_token.c.token).where(name_token.c.token.in_(part)).distinct()))
        connection.execute(delete(name_key).where(name_key.c.token.in_([one for one in part if one not in left])))
