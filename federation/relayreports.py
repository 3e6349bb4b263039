"""Relay reports: a hub's signed word to an originator on what it passed on of that originator's records.

A compact JWS of type `cnp-relay-report+jwt` under the hub's `log` key:

    {"fed", "iss": the hub, "to": the originator, "after": n, "until": m, "more": bool, "iat",
     "passed": [[rid, recipient, ver, mask as hex, time], ...]}

Entries are in the order in which they were passed on, those after position `after` up to `until`; `more` says that
there are others. An entry with the mask 0 says that the recipient was told `less` to nothing. The originator fetches.

Trust: it binds the hub that signed it. That it passed on what it says, the recipients' own inventories show.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto import jcs, jws, strictjson
from crypto.errors import CryptoError
from federation.errors import Malformed, ProblemType, Refused
from federation.membership import NODE_ID

if TYPE_CHECKING:
    from collections.abc import Sequence

    from crypto.keys import PublicKey
    from crypto.signer import Signer
    from federation.directory import Directory, ListedKey

REPORT_TYP: Final = "cnp-relay-report+jwt"
MAX_REPORT_BYTES: Final = 1_048_576
MAX_PASSED: Final = 2_000
"""Entries of one report: 300 kB at the most."""
MAX_CLOCK_SKEW: Final = 300
COLUMNS: Final = 5

_MEMBERS: Final = frozenset({"fed", "iss", "to", "after", "until", "more", "iat", "passed"})
_RID: Final = re.compile(r"[0-9a-f-]{36}")
_HEX: Final = re.compile(r"[0-9a-f]{1,100}")


@dataclass(frozen=True, slots=True)
class Onward:
    """One thing that a hub passed on."""

    rid: str
    recipient: str
    ver: int
    mask: int
    at: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayReport:
    """An opened report."""

    hub: str
    originator: str
    after: int
    until: int
    more: bool
    iat: int
    passed: tuple[Onward, ...]
    token: str


def sign_relay_report(
    *, fed: str, hub: str, originator: str, after: int, until: int, more: bool, passed: Sequence[Onward],
    signer: Signer, now: int,
) -> str:  # fmt: skip
    """Sign what was passed on between two positions. Times in seconds."""
    payload: dict[str, Any] = {
        "fed": fed, "iss": hub, "to": originator, "after": after, "until": until, "more": more, "iat": now,
        "passed": [[one.rid, one.recipient, one.ver, f"{one.mask:x}", one.at] for one in passed],
    }  # fmt: skip
    return jws.sign_compact(jcs.profile_bytes(payload), typ=REPORT_TYP, signer=signer)


def verify_relay_report(token: str, *, directory: Directory, hub: str, originator: str, now: int) -> RelayReport:
    """Open a report of `hub` to `originator`, or raise `Malformed` or `Refused` with the word of the floor below."""
    seen: list[ListedKey] = []

    def key_for(kid: str) -> PublicKey:
        seen.append(directory.key(kid, use="log", at=now, node=hub))
        return seen[-1].public

    try:
        payload = jws.verify_compact(token, typ=REPORT_TYP, key_for=key_for, max_bytes=MAX_REPORT_BYTES)
        claims: Any = strictjson.parse_profile(payload, max_bytes=MAX_REPORT_BYTES, max_depth=4)
    except CryptoError as error:
        raise Refused.because(error) from error
    if not isinstance(claims, dict) or claims.keys() != _MEMBERS:
        raise Malformed("the relay report has not exactly the members of the protocol")
    if (claims["fed"], claims["iss"], claims["to"]) != (directory.fed, hub, originator):
        raise Malformed("the relay report is of another federation, of another hub, or for another originator")
    numbers = (claims["after"], claims["until"], claims["iat"])
    if any(type(number) is not int or number < 0 for number in numbers) or type(claims["more"]) is not bool:
        raise Malformed("after, until, iat or more of the relay report has another form")
    if claims["until"] < claims["after"]:
        raise Malformed("the relay report ends before it begins")
    if claims["iat"] > now + MAX_CLOCK_SKEW:
        raise Refused(ProblemType.CLOCK_SKEW, "the relay report was signed in the future")
    listed = claims["passed"]
    if not isinstance(listed, list) or len(listed) > MAX_PASSED:
        raise Malformed(f"a relay report has at most {MAX_PASSED} entries")
    return RelayReport(
        hub=hub, originator=originator, after=claims["after"], until=claims["until"], more=claims["more"],
        iat=claims["iat"], passed=tuple(_onward(row) for row in listed), token=token,
    )  # fmt: skip


def _onward(row: Any) -> Onward:
    if not isinstance(row, list) or len(row) != COLUMNS:
        raise Malformed("an entry of the relay report has another form")
    rid, recipient, ver, mask, at = row
    if (
        not (isinstance(rid, str) and _RID.fullmatch(rid))
        or not (isinstance(recipient, str) and NODE_ID.fullmatch(recipient))
        or type(ver) is not int
        or type(at) is not int
        or not (isinstance(mask, str) and _HEX.fullmatch(mask))
    ):
        raise Malformed("rid, recipient, ver, mask or time of an entry of the relay report has another form")
    return Onward(rid, recipient, ver, int(mask, 16), at)
