"""What follows inside this node when a record was withdrawn: a task for who exported it, a notice for who saw it.

One function, called in the transaction of whatever withdraws: a recall, `less`, the end of a time of keeping, a data
subject's request. It names no content: issuer, id and why.

Left to others: the erasing itself (`erasing`), and removing exported files (`exporting`, after the commit).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from node.storage import tasks

if TYPE_CHECKING:
    from sqlalchemy import Connection

RECALLED: Final = "recalled"
REDUCED: Final = "less"
OVER: Final = "keep-until"
SUBJECT: Final = "data-subject"
WHY: Final = {
    RECALLED: "its originator has recalled it",
    REDUCED: "its originator has taken back some or all of it",
    OVER: "its time of keeping is over",
    SUBJECT: "it was erased for a data subject",
}
"""Why a record was withdrawn, in a word for programs and a sentence for people."""


@dataclass(frozen=True, slots=True)
class Told:
    """How many tasks were opened and notices left."""

    tasks: int
    notices: int


def tell_of_withdrawal(connection: Connection, iss: str, rid: str, why: str, now: int) -> Told:
    """Open a task for each export that the record is in, and leave a notice to everybody who saw it.

    `why` is a word of `WHY`, or the reason of a tombstone. Calling it again changes nothing while the task is open and
    the notice unread. Exports of the record become stale: the next sweep removes the files that this node wrote.
    """
    opened = sum(
        tasks.open_for(connection, made, iss=iss, rid=rid, why=why, now=now)
        for made in tasks.exports_of(connection, iss, rid)
    )
    left = sum(
        tasks.tell(connection, iss=iss, rid=rid, why=why, officer=officer, seen=seen, now=now)
        for officer, seen in sorted(tasks.viewers_of(connection, iss, rid).items())
    )
    return Told(opened, left)
