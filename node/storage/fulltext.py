"""The words of records, for search: SQLite's FTS5 or PostgreSQL's tsvector, behind the same five functions.

Text is normalised here, in Python (NFKD, casefold, marks removed), before either database sees it, so both give the
same answers in every script. The index follows the records in batches from a stored position: receiving never waits
for it, and its lag is shown.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Connection, bindparam, text

from node.storage import followers

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

NAME: Final = "fulltext"
MAX_WORDS: Final = 20_000
"""Characters of one record that are indexed: beyond it is a book, not a seizure."""
_WORD: Final = re.compile(r"\w+")


def normalise(value: str) -> str:
    """The form in which words are indexed and asked for.

    >>> normalise("Chaussures d'ÉTÉ")
    'chaussures d ete'
    """
    if value.isascii():  # most text is, and has no marks to look for
        return " ".join(_WORD.findall(value.lower()))
    folded = unicodedata.normalize("NFKD", value).casefold()
    bare = "".join(char for char in folded if not unicodedata.combining(char))
    return " ".join(_WORD.findall(bare))


def words_in(value: Any) -> list[str]:
    """Every text in a JSON value: what a record's granted groups say."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            found.append(item)
        elif isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
    return found


def put(connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Index the text of records by row id; text that was there is replaced."""
    if not rows:
        return
    forget(connection, [row_id for row_id, _ in rows])
    values = [{"id": row_id, "words": normalise(words[:MAX_WORDS])} for row_id, words in rows]
    if connection.dialect.name == "sqlite":
        connection.execute(text("INSERT INTO fulltext_words (rowid, words) VALUES (:id, :words)"), values)
    else:
        statement = "INSERT INTO fulltext_words (record, words) VALUES (:id, to_tsvector('simple', :words))"
        connection.execute(text(statement), values)


def forget(connection: Connection, ids: Collection[int]) -> None:
    """Take records out of the index."""
    followers.lock(connection)  # a follower that has read a record as it was may not have indexed it yet
    column = "rowid" if connection.dialect.name == "sqlite" else "record"
    statement = text(f"DELETE FROM fulltext_words WHERE {column} IN :ids")  # noqa: S608 - one of two constants
    connection.execute(statement.bindparams(bindparam("ids", expanding=True)), {"ids": list(ids)})


def matching(connection: Connection, words: str, *, limit: int) -> list[int]:
    """Row ids of records that have all these words, newest rows first. The last word may be a beginning."""
    terms = normalise(words).split()
    if not terms:
        return []
    if connection.dialect.name == "sqlite":
        query = " ".join(f'"{term}"' for term in terms) + "*"
        statement = "SELECT rowid FROM fulltext_words WHERE fulltext_words MATCH :q ORDER BY rowid DESC LIMIT :limit"
    else:
        query = " & ".join(terms) + ":*"
        statement = (
            "SELECT record FROM fulltext_words WHERE words @@ to_tsquery('simple', :q) "
            "ORDER BY record DESC LIMIT :limit"
        )
    return list(connection.scalars(text(statement), {"q": query, "limit": limit}))
