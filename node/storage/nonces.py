"""Nonces of signed requests, remembered durably: a replay is noticed in every process and after a restart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from crypto.httpsig import NONCE_KEPT_SECONDS
from node.storage.tables import nonce

if TYPE_CHECKING:
    from node.storage.database import Database

SWEEP_EVERY = 300
"""Seconds between two removals of nonces that can not be accepted any more."""


@dataclass(slots=True)
class Nonces:
    """A `crypto.httpsig.NonceStore` in the node's database."""

    database: Database
    _swept: int = 0

    def remember(self, kid: str, value: str, expires: int, now: int) -> bool:
        """True the first time; the primary key decides between two that come at once."""
        try:
            with self.database.write() as connection:
                if now - self._swept > SWEEP_EVERY:
                    connection.execute(delete(nonce).where(nonce.c.expires < now - NONCE_KEPT_SECONDS))
                    self._swept = now
                connection.execute(nonce.insert().values(kid=kid, nonce=value, expires=expires))
        except IntegrityError:
            return False
        return True
