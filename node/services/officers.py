"""Officers' own keys, and what they sign with them: approvals of policies and of releases.

A key file belongs to one officer, sealed with a passphrase; the node knows its public half (`officer_key`). An
approval is a compact JWS of its own type over what was approved, so that "approved" is a signature and not a name
that somebody typed. Once a node knows an officer's key, no approval of it rests on a name alone.

Trust: whoever can write to the database can add a key. The approvals that are kept still tell by which key each was
made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import select, update

from crypto import b64, jcs, jws, strictjson
from crypto.errors import CryptoError, UnknownKey
from crypto.keys import PublicKey, admit_raw
from node.storage.tables.instruments import officer_key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection, Row

    from crypto.signer import Signer

APPROVAL_TYP: Final = "tidewaiter-approval+jwt"
MAX_APPROVAL_BYTES: Final = 4_096
MAX_AGE: Final = 300
"""Seconds that an approval may lie in the future: clocks differ."""


class NotApproved(Exception):  # noqa: N818 - the name is the sentence
    """An approval that does not hold, or that is missing. The text says why and what to do."""


def add(connection: Connection, *, officer: str, public: PublicKey, now: int) -> None:
    """Know an officer by this key from now on."""
    there = connection.execute(select(officer_key).where(officer_key.c.kid == public.kid)).first()
    if there is not None:
        raise NotApproved(f"this key is known already, as that of {there.officer}; make one of your own")
    connection.execute(
        officer_key.insert().values(kid=public.kid, officer=officer, public=str(public.jwk()["x"]), added_at=now)
    )


def revoke(connection: Connection, kid: str, *, now: int) -> bool:
    """Accept nothing from this key from now on; False if it is not known. What it signed before stays signed."""
    statement = update(officer_key).where(officer_key.c.kid == kid, officer_key.c.revoked_at.is_(None))
    return bool(connection.execute(statement.values(revoked_at=now)).rowcount)


def listing(connection: Connection) -> list[Row[Any]]:
    """All keys, by officer."""
    return list(connection.execute(select(officer_key).order_by(officer_key.c.officer, officer_key.c.added_at)))


def signatures_needed(connection: Connection) -> bool:
    """Whether approvals have to be signed: once one officer's key is known and in use."""
    return connection.execute(select(officer_key.c.kid).where(officer_key.c.revoked_at.is_(None))).first() is not None


def sign(claims: Mapping[str, Any], *, node: str, officer: str, signer: Signer, now: int) -> str:
    """Sign an approval: `claims` say what is approved, by hashes."""
    payload = {**claims, "node": node, "officer": officer, "iat": now}
    return jws.sign_compact(jcs.profile_bytes(payload), typ=APPROVAL_TYP, signer=signer)


def verify(connection: Connection, token: str, claims: Mapping[str, Any], *, node: str, now: int) -> str:
    """Return the officer who signed this approval of exactly `claims`, or raise `NotApproved`."""

    def key_for(kid: str) -> PublicKey:
        row = connection.execute(
            select(officer_key).where(officer_key.c.kid == kid, officer_key.c.revoked_at.is_(None))
        ).first()
        if row is None:
            raise UnknownKey("no officer of this node has this key")
        known.append(row.officer)
        return admit_raw(b64.decode(row.public))

    known: list[str] = []
    try:
        payload = jws.verify_compact(token, typ=APPROVAL_TYP, key_for=key_for, max_bytes=MAX_APPROVAL_BYTES)
        told: Any = strictjson.parse_profile(payload, max_bytes=MAX_APPROVAL_BYTES, max_depth=3)
    except CryptoError as error:
        raise NotApproved(f"the approval is refused: {error}") from error
    if not isinstance(told, dict) or type(told.get("iat")) is not int or told["iat"] > now + MAX_AGE:
        raise NotApproved("the approval is refused: it tells no time, or one to come")
    if told != {**claims, "node": node, "officer": known[-1], "iat": told["iat"]}:
        raise NotApproved(
            "the approval is refused: it is of something else; look at what is proposed now, and approve that"
        )
    return known[-1]


def approve(
    connection: Connection,
    claims: Mapping[str, Any],
    *,
    by: str,
    signer: Signer | None,
    token: str | None,
    node: str,
    now: int,
) -> tuple[str, str | None]:
    """Return who approves, and the word that was signed, here or elsewhere; where no key is known, a name does."""
    if signer is not None:
        token = sign(claims, node=node, officer=by, signer=signer, now=now)
    if token is None:
        if signatures_needed(connection):
            raise NotApproved("officers of this node sign with keys: give the key of the one who approves (--key FILE)")
        return by, None
    officer = verify(connection, token, claims, node=node, now=now)
    if officer != by:
        raise NotApproved(f"the key belongs to {officer}, and {by} is named as the one who approves")
    return officer, token
