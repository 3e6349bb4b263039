"""Who asks: access tokens of officers and programs, and what each role may do.

A token is a JWT, HS256 with the secret of this node's home (`token.secret`): the node that made it is the only one that
reads it. It names its issuer (this node), its audience, a subject, one role and its lifetime; a token of another node,
an expired or changed one, or one without these is refused. `ROLES` is the one table of who may do what.

Left to others: turning a refusal into HTTP (`node.api.deps`); making tokens on the command line.
Trust: whoever has `token.secret` can be any officer. A new secret ends every token at once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

import jwt

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

AUDIENCE: Final = "tidewaiter"
ALGORITHM: Final = "HS256"
SECRET_FILE: Final = "token.secret"  # noqa: S105 - the name of a file
MIN_SECRET: Final = 32
"""Bytes: a key shorter than the hash is weaker than it (RFC 7518, section 3.2)."""
DEFAULT_LIFETIME: Final = 12 * 3600
MAX_LIFETIME: Final = 366 * 86_400
MAX_SKEW: Final = 300
MAX_TOKEN: Final = 4_096
MAX_SUBJECT: Final = 100
_CLAIMS: Final = ("iss", "aud", "sub", "role", "iat", "exp", "jti")


class Role(StrEnum):
    """What a token's holder is."""

    OFFICER = "officer"
    CONTACT_POINT = "contact-point"
    ADMIN = "admin"
    AUDITOR = "auditor"


class Right(StrEnum):
    """What a route asks for."""

    VIEW = "view"
    """Search and view records."""
    TRACE = "trace"
    """Ask who has a record of ours."""
    EXPLAIN = "explain"
    """Ask why a recipient has which groups: this shows rules of the policy."""
    DRAFT = "draft"
    RELEASE = "release"
    RECALL = "recall"
    """Recall records, and decide about recalls of others."""
    EXCHANGE = "exchange"
    """See peers and the node's own state."""
    RECEIPTS = "receipts"
    QUARANTINE = "quarantine"
    RETRY = "retry"
    POLICY = "policy"
    """Read the policy in force."""
    POLICY_CHECK = "policy-check"
    DECIDE_POLICY = "decide-policy"
    """Propose a policy, approve another's proposal, put an approved one in force."""
    AUDIT = "audit"
    """Read the disclosure log."""
    EXPORT = "export"
    """Take records out of the node."""
    REGISTER = "register"
    """Read the register of exports."""
    TASKS = "tasks"
    """See who has to do what since something was withdrawn."""
    DO_TASKS = "do-tasks"
    """Close tasks and read one's own notices."""


ROLES: Final[Mapping[Role, frozenset[Right]]] = {
    Role.OFFICER: frozenset({Right.VIEW, Right.TRACE, Right.EXCHANGE, Right.TASKS, Right.DO_TASKS}),
    Role.CONTACT_POINT: frozenset(Right) - {Right.RETRY, Right.AUDIT},
    # Who runs the machine does not read what is on it.
    Role.ADMIN: frozenset({Right.EXCHANGE, Right.RECEIPTS, Right.QUARANTINE, Right.RETRY, Right.POLICY}),
    # Who checks sees what was done, and does nothing.
    Role.AUDITOR: frozenset(
        {
            Right.TRACE, Right.EXPLAIN, Right.EXCHANGE, Right.RECEIPTS, Right.QUARANTINE, Right.POLICY, Right.AUDIT,
            Right.REGISTER, Right.TASKS,
        }
    ),
}  # fmt: skip


class TokenRefused(Exception):  # noqa: N818 - the name is the sentence
    """The token is none of this node's, or is not valid now. The text holds nothing of the token."""


@dataclass(frozen=True, slots=True)
class Officer:
    """Who asks, by a token that was verified."""

    name: str
    role: Role

    def may(self, right: Right) -> bool:
        """Whether the role has this right."""
        return right in ROLES[self.role]


def load_secret(home: Path) -> bytes:
    """The secret of a home; raises `FileNotFoundError`, and `TokenRefused` for one that is too short to use."""
    secret = (home / SECRET_FILE).read_bytes().strip()
    if len(secret) < MIN_SECRET:
        raise TokenRefused(f"{SECRET_FILE} has less than {MIN_SECRET} bytes: make a new one")
    return secret


def make_token(
    secret: bytes,
    *,
    subject: str,
    role: Role | str,
    node: str,
    now: int,
    lifetime: int = DEFAULT_LIFETIME,
    token: Callable[[int], str] = secrets.token_urlsafe,
) -> str:
    """A token for `subject`, valid from `now` for `lifetime` seconds. Raises `ValueError` for what no token can say."""
    if not _is_name(subject):
        raise ValueError(f"a subject is from 1 to {MAX_SUBJECT} printable characters")
    if not 0 < lifetime <= MAX_LIFETIME:
        raise ValueError(f"a lifetime is from 1 to {MAX_LIFETIME} seconds")
    claims = {
        "iss": node, "aud": AUDIENCE, "sub": subject, "role": str(Role(role)), "iat": now, "exp": now + lifetime,
        "jti": token(12),
    }  # fmt: skip
    return jwt.encode(claims, secret, algorithm=ALGORITHM)


def read_token(text: str, *, secret: bytes, node: str, now: int) -> Officer:
    """The officer whom a token names, or `TokenRefused`. `now` in seconds."""
    if len(text) > MAX_TOKEN:
        raise TokenRefused("the token is too long")
    claims = _opened(text, secret=secret, node=node)
    issued, expires = claims["iat"], claims["exp"]
    # The times are compared here, with the clock that was given, and not inside the library with its own.
    if type(issued) is not int or type(expires) is not int:
        raise TokenRefused("the token's times are not whole numbers")
    if now >= expires:
        raise TokenRefused("the token has expired: ask for a new one")
    if issued > now + MAX_SKEW or expires - issued > MAX_LIFETIME:
        raise TokenRefused("the token is not valid yet, or for too long")
    try:
        role = Role(claims["role"])
    except ValueError:
        raise TokenRefused("the token names no role that there is") from None
    if not _is_name(claims["sub"]):
        raise TokenRefused("the token names nobody")
    return Officer(claims["sub"], role)


def _opened(text: str, *, secret: bytes, node: str) -> dict[str, Any]:
    try:
        return jwt.decode(
            text,
            secret,
            algorithms=[ALGORITHM],
            audience=AUDIENCE,
            issuer=node,
            options={
                "require": list(_CLAIMS),
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "strict_aud": True,
            },
        )
    except jwt.PyJWTError as error:
        raise TokenRefused("the token is not one that this node made") from error


def _is_name(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= MAX_SUBJECT and value.isprintable()
