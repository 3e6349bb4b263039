"""Epochs of a disclosure log: the row with which a log begins anew, and what a checkpoint of before is still worth.

A node that finds that it knows less than it once signed (it was restored from a backup) begins a new epoch of its log.
Its number is the time at which it began, in millionths of a second, of which those below the second are by chance: a
node that is restored twice to one backup remembers neither time and still begins two epochs. The leaves go on behind
those that came back. The first new one is the row

    {"action": "log-epoch", "detail": {"epoch": n, "reason": "restored" | "counters" | "peer",
                                       "before": {"epoch": n, "size": n, "root": hash}, "shown": note?}, ...}

`before` is where the log stood, `shown` the checkpoint by which a peer made the loss known. A larger checkpoint of an
earlier epoch that a peer shows later gets a row of its own, `log-lost`. So what was lost stands in the log.

Trust: a node can begin an epoch whenever it likes and never without a trace: checkpoints of before stay with its peers,
and whoever holds one sees that the log does not continue it. What was in the lost rows nobody can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, strictjson
from crypto.errors import CryptoError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

OPENING: Final = "log-epoch"
LOST: Final = "log-lost"
MILLION: Final = 1_000_000
WHY: Final = {
    "restored": "the node was restored from a backup by its command",
    "counters": "the node found its database older than the counters beside it",
    "peer": "a peer showed the node a checkpoint that it no longer continues",
}
MAX_DETAIL: Final = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """Where a log began anew: the position of its row, when, why (in words), and behind what."""

    epoch: int
    base: int
    at: int
    reason: str
    before: int
    """The epoch that ended."""

    @property
    def why(self) -> str:
        """The reason, for people."""
        return WHY.get(self.reason, "for a reason that is not known here")


def number(*, now: int, floor: int, chance: int) -> int:
    """The number of an epoch that begins at `now`, in seconds, beyond `floor`; `chance` is below a million.

    >>> number(now=2, floor=0, chance=5)
    2000005
    >>> number(now=2, floor=9000000, chance=5)
    9000001
    """
    return max(floor + 1, now * MILLION + chance)


def opening(
    *, epoch: int, reason: str, before: int, size: int, root: bytes, shown: str | None = None
) -> str:  # fmt: skip
    """The detail of the row that begins an epoch."""
    told: dict[str, Any] = {
        "epoch": epoch, "reason": reason, "before": {"epoch": before, "size": size, "root": b64.encode(root)},
    }  # fmt: skip
    return strictjson.dumps(told | ({} if shown is None else {"shown": shown})).decode()


def lost(*, epoch: int, size: int, note: str, peer: str) -> str:
    """The detail of the row about a checkpoint that a peer showed and that the log does not continue."""
    return strictjson.dumps({"epoch": epoch, "size": size, "peer": peer, "shown": note}).decode()


def opening_of(row: Mapping[str, Any]) -> Opening | None:
    """What a row of an export says about the beginning of an epoch; None for every other row."""
    if row.get("action") != OPENING or not isinstance(row.get("detail"), str):
        return None
    try:
        told: Any = strictjson.parse_profile(row["detail"].encode(), max_bytes=MAX_DETAIL, max_depth=2)
        found = Opening(
            epoch=told["epoch"], base=told["before"]["size"], at=row["at"], reason=told["reason"],
            before=told["before"]["epoch"],
        )  # fmt: skip
    except (CryptoError, KeyError, TypeError):
        return None
    numbers = (found.epoch, found.base, found.at, found.before)
    return found if all(type(each) is int for each in numbers) and isinstance(found.reason, str) else None


def words(*, epoch: int, size: int, openings: Sequence[Opening]) -> str | None:
    """Why a log need not continue a checkpoint of `size` rows of an epoch, in plain words; None where it must.

    It must where no later epoch began; and for so much of an earlier epoch as the node says that it still had, where it
    was told by its own restore or its own counters. What a peer had to tell it, it found out too late to know how much.
    """
    later = [each for each in openings if each.epoch > epoch]
    if not later:
        return None
    base = min(each.base for each in later)
    blind = [each for each in later if each.reason == "peer"]
    if size <= base and not blind:
        return None
    first = min(later, key=lambda each: each.epoch)
    told = f"a checkpoint over {size} rows was signed before the log began anew ({first.why})"
    if size > base and not blind:
        return (
            f"{told}: {size - base} of them, from position {base} on, are not in it any more. What stood there nobody"
            " can prove from here; that the rows before are those that were signed, only a checkpoint over at most"
            f" {base} rows proves"
        )
    return (
        f"{told}, and the log does not continue it: some of those {size} rows are not in it any more. Whether they"
        " were lost or changed, and how many, cannot be told from here; a smaller checkpoint that was kept may prove"
        " that the rows before it are those that were signed"
    )
