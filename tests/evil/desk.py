"""A desk to show the evil peer's pages to: the product's own, over a database of the test's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from sqlalchemy import select

from node.services.intake import PeerDesk
from node.storage.tables import feed_in, quarantine, record
from tests.factories import NOW


class Victim:
    """A node that pulls from the evil peer, page by page."""

    def __init__(self, fed: Any, database: Any, *, node: str = "TZ", sender: str = "ZA", now: int = NOW) -> None:
        self.world = SimpleNamespace(fed=fed, now=now)
        self.database, self.node = database, node
        self.desk = PeerDesk(
            peer=sender, node=node, database=database, directory=lambda: self.world.fed.directory,
            log_signer=fed.signer(node, "log"), clock=lambda: self.world.now,
        )  # fmt: skip

    def take(self, data: bytes, lane: str = "bulk") -> Any:
        """Open and apply a page; returns what came of it."""
        return self.desk.apply(self.desk.verify(self.desk.open(lane, data, None)))

    def pull(self, feed: Any, limit: int = 100) -> Any:
        """Take all that the feed has beyond the stored position."""
        applied = None
        while (start := self.desk.position(feed.lane).size) < len(feed.entries):
            applied = self.take(feed.page(start, min(len(feed.entries), start + limit)), feed.lane)
        return applied

    def aside(self, state: str | None = "held") -> dict[int, str]:
        """Index → problem of what is in quarantine."""
        with self.database.read() as connection:
            rows = connection.execute(select(quarantine).order_by(quarantine.c.n))
            return {row.n: row.problem for row in rows if state in (None, row.state)}

    def states(self) -> dict[str, str]:
        """Record id → state of its newest version."""
        with self.database.read() as connection:
            return {row.rid: row.state for row in connection.execute(select(record).order_by(record.c.ver))}

    def rows(self, table: Any = record) -> list[Any]:
        with self.database.read() as connection:
            return list(connection.execute(select(table)))

    def size(self) -> int:
        with self.database.read() as connection:
            return sum(connection.scalars(select(feed_in.c.size)))
