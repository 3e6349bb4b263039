"""An officer decides about a recall of another node: approve or refuse one that was held, confirm one that took effect.

Trust: `by` is what the caller knows of the officer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from federation.errors import NotFound
from node.services import intake, settling, stopping
from node.storage import recalls

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from crypto.signer import Signer
    from federation.directory import Directory
    from node.services.stopping import RecallRules
    from node.storage.database import Database

APPROVE, REFUSE, CONFIRM = "approve", "refuse", "confirm"
WORDS: Final = (APPROVE, REFUSE, CONFIRM)


class SamePerson(Exception):  # noqa: N818 - the name is the sentence
    """The second officer is the one who acted first; nothing was decided."""


def decide(
    database: Database, what: str, *, rid: str, iss: str | None, by: str, node: str, rules: RecallRules,
    directory: Directory, log_signer: Signer, now: int,
) -> None:  # fmt: skip
    """Decide, and sign the receipts anew that tell the originator. Raises `NotFound` where nothing waits for it.

    Who confirms an own recall is another person than who made it: raises `SamePerson`.
    """
    with database.write() as connection:
        owner = _owner(connection, rid, iss)
        if what == APPROVE:
            intake.approve(connection, owner, rid, by=by, rules=rules, now=now)
        elif what == REFUSE:
            stopping.refuse(connection, owner, rid, by=by, now=now)
        else:
            known = recalls.get(connection, owner, rid)
            if known is not None and known.by is not None and known.by.casefold() == by.casefold():
                raise SamePerson("who recalled it does not confirm it: a second officer is another person")
            stopping.confirm(connection, owner, rid, by=by, now=now)
        settling.tell(
            connection, [(owner, rid)], node=node, directory=directory, log_signer=log_signer, now=now
        )  # fmt: skip


def _owner(connection: Connection, rid: str, iss: str | None) -> str:
    owners = [row.iss for row in recalls.find(connection, rid) if iss in (None, row.iss)]
    if len(owners) != 1:
        raise NotFound(
            "several records have this id: say whose is meant with iss"
            if owners
            else "no recall of this record is known here"
        )
    owner: str = owners[0]
    return owner
