"""Several roads to one record: what it adds up to when its issuer and a hub both send it (decision 0022).

Grant counters are per sender: those of two senders for one (iss, rid) cannot be compared. So each sender has a *claim*,
"this much of this version you may have now", which only its own later entries change; and what may be held is made
from all claims:

    the newest version     the highest that has a verified body, or that the issuer itself speaks of in its feed
    what may be held       of that version: every group that some claim of that version grants; of older ones nothing
    under what handling    the strictest of the claims that grant something of it

A body that comes late (its entry has a lower counter than the claim) changes no claim; what it shows is held as far as
some claim grants it. So what is held in the end does not depend on the order in which entries of two feeds arrive.

Trust: a claim is its sender's word. A hub's claim can only add what its issuer's relay grant covered (`federation.
inbox`, step 3), and can only take back what that hub gave.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from federation.grants import Handling, strictest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from federation.feed import Leaf


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What one sender grants of a record now."""

    ver: int = 0
    gc: int = 0
    mask: int = 0
    base: Handling | None = None
    """The handling of the newest `put` or `more`."""
    base_gc: int = 0
    tight: Handling | None = None
    """What `tighten` entries added."""
    tight_gc: int = 0

    @property
    def handling(self) -> Handling:
        """What binds the holder of what this sender gave."""
        parts = [self.base] if self.base is not None else []
        if self.tight is not None and self.tight_gc > self.base_gc:
            parts.append(self.tight)
        return strictest(*parts) if parts else Handling()

    def after(self, leaf: Leaf, handling: Handling | None) -> Claim:
        """The claim after an entry of this sender, whichever of its entries came before it."""
        changed = self
        if leaf.gc > self.gc:
            changed = replace(changed, gc=leaf.gc, ver=leaf.ver if leaf.op != "tighten" else (self.ver or leaf.ver))
            changed = replace(changed, mask=leaf.gm)
        if handling is None:
            return changed
        if leaf.op == "tighten":
            tight = handling if self.tight is None else strictest(self.tight, handling)
            return replace(changed, tight=tight, tight_gc=max(self.tight_gc, leaf.gc))
        if leaf.gc > self.base_gc:
            return replace(changed, base=handling, base_gc=leaf.gc)
        return changed


@dataclass(frozen=True, slots=True)
class Sum:
    """What all claims add up to."""

    ver: int
    mask: int
    handling: Handling


def add_up(claims: Mapping[str, Claim], *, iss: str, verified: int) -> Sum:
    """What may be held. `verified` is the highest version of which a body was ever verified, 0 for none.

    A hub cannot make a version old by naming a newer one that nobody has seen: only the issuer's word counts for that.
    """
    newest = max(verified, claims[iss].ver if iss in claims else 0)
    granting = [claim for claim in claims.values() if claim.ver == newest and claim.mask]
    mask = 0
    for claim in granting:
        mask |= claim.mask
    handling = strictest(*(claim.handling for claim in granting)) if granting else Handling()
    return Sum(newest, mask, handling)
