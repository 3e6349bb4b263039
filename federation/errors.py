"""Everything that can go wrong between nodes, each with the stable word that travels.

FederationError                 .problem, .detail
├── Malformed                   the object is not of the agreed form
├── TooLarge                    the object is beyond a limit
├── UnsupportedVersion          a protocol or schema version that this node does not speak
├── UnknownCritical             `crit` names a claim that this node does not understand
├── NotMember                   the node is not in the directory, or of another federation
├── Suspended                   the directory lists the node as suspended or left
├── NotFound                    nothing here for the one who asked (absent and not allowed look the same)
├── BadSignature                an object was not signed by the node whose name it bears
├── RecordInvalid               the record breaks a rule of its kind, schema or disclosure groups
├── Disputed                    two versions that cannot both be meant: neither is used
│   ├── RecordEquivocation      two envelopes with one (iss, rid, ver) and different bytes
│   └── VersionFork             `prev` does not name the neighbouring version that is held
├── Tombstoned                  the originator has recalled the record
├── RecallHeld                  more recalls of one originator in an hour than are applied without a person
├── NoRelayGrant                a record came by another node than its issuer, without the issuer's leave
├── GrantExceeded               more was shown than the grant covers, or to more nodes
├── BodyWithheld                an entry came without its body and nothing later explains it
├── FeedFork                    one feed, two histories
├── FeedEpochRequired           the sender no longer has the history that the recipient holds
├── FromBeyondHead              the page begins past what the recipient holds
├── DirectoryRefused            a directory, or the metadata that vouches for it, breaks a rule
├── DirectoryUnreachable        nobody served the directory; the old one stays
├── CardRefused                 a node card breaks a rule, or does not prove that its keys are held
├── DirectoryStale              the directory is too old to send anything by it
├── Quota                       the sender has used up its share of room or requests
├── Budget                      the asker has used up its questions
├── Maintenance                 the node is not serving at this moment
└── Refused                     what the floor below found, in the protocol's word

`problem_of` gives the word for an error of `crypto` as well, so that a receipt, a quarantine row, an HTTP
problem and a message to the operator all say the same.

What this module leaves to others: turning a word into an HTTP status is the business of `node/errors.py`.
Trust: `detail` is written by us and shown to the peer; it never repeats what the peer or a third node sent.
"""

# ruff: noqa: N818 - the name says what is wrong; a suffix `Error` on every one of them would say nothing

from enum import StrEnum
from typing import TYPE_CHECKING, Final

from crypto import errors as crypto

if TYPE_CHECKING:
    from crypto.checkpoint import Checkpoint


class ProblemType(StrEnum):
    """The words that name a fault in HTTP problems, receipts and quarantine (`docs/protocol.md`)."""

    BAD_SIGNATURE = "bad-signature"
    UNKNOWN_KEY = "unknown-key"
    REVOKED_KEY = "revoked-key"
    WRONG_KEY_USE = "wrong-key-use"
    MISSING_COVERAGE = "missing-coverage"
    DIGEST_MISMATCH = "digest-mismatch"
    REPLAYED = "replayed"
    CLOCK_SKEW = "clock-skew"
    NOT_MEMBER = "not-member"
    SUSPENDED = "suspended"
    NOT_FOUND = "not-found"
    MALFORMED = "malformed"
    TOO_LARGE = "too-large"
    UNSUPPORTED_VERSION = "unsupported-version"
    UNKNOWN_CRITICAL = "unknown-critical"
    FEED_EPOCH_REQUIRED = "feed-epoch-required"
    FEED_FORK = "feed-fork"
    FROM_BEYOND_HEAD = "from-beyond-head"
    BODY_WITHHELD = "body-withheld"
    RECORD_INVALID = "record-invalid"
    RECORD_EQUIVOCATION = "record-equivocation"
    VERSION_FORK = "version-fork"
    RECALL_HELD = "recall-held"
    RECALL_REFUSED = "recall-refused"
    NO_RELAY_GRANT = "no-relay-grant"
    GRANT_EXCEEDED = "grant-exceeded"
    TOMBSTONED = "tombstoned"
    DIRECTORY_STALE = "directory-stale"
    QUOTA = "quota"
    BUDGET = "budget"
    MAINTENANCE = "maintenance"


class FederationError(Exception):
    """A fault between nodes: `problem` is the stable word, `detail` a sentence that is safe to send.

    >>> str(Tombstoned("the originator withdrew this record"))
    'tombstoned: the originator withdrew this record'
    """

    problem: ProblemType = ProblemType.MALFORMED

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.problem}: {self.detail}"


class Malformed(FederationError):
    """The object is not of the agreed form."""


class TooLarge(FederationError):
    """The object is beyond a limit of the protocol."""

    problem = ProblemType.TOO_LARGE


class UnsupportedVersion(FederationError):
    """A protocol or schema version that this node does not speak."""

    problem = ProblemType.UNSUPPORTED_VERSION


class UnknownCritical(FederationError):
    """`crit` names a claim that this node does not understand."""

    problem = ProblemType.UNKNOWN_CRITICAL


class NotMember(FederationError):
    """The node is not in the directory, or the object is of another federation."""

    problem = ProblemType.NOT_MEMBER


class Suspended(FederationError):
    """The directory lists the node as suspended or left."""

    problem = ProblemType.SUSPENDED


class NotFound(FederationError):
    """Nothing here for the one who asked: absent and not allowed look the same."""

    problem = ProblemType.NOT_FOUND


class BadSignature(FederationError):
    """An object was not signed by the node whose name it bears."""

    problem = ProblemType.BAD_SIGNATURE


class RecordInvalid(FederationError):
    """The record breaks a rule of its kind, its schema or its disclosure groups."""

    problem = ProblemType.RECORD_INVALID


class Disputed(FederationError):
    """Two versions that their issuer cannot both have meant: `version` is the one that is held, and not used either."""

    def __init__(self, detail: str, *, version: int) -> None:
        super().__init__(detail)
        self.version = version


class RecordEquivocation(Disputed):
    """Two envelopes with the same issuer, record and version, and different bytes."""

    problem = ProblemType.RECORD_EQUIVOCATION


class VersionFork(Disputed):
    """`prev` does not name the neighbouring version that is held."""

    problem = ProblemType.VERSION_FORK


class Tombstoned(FederationError):
    """The originator has recalled the record: no version of it is taken in any more."""

    problem = ProblemType.TOMBSTONED


class RecallHeld(FederationError):
    """More recalls of one originator than this node applies in an hour: a person decides on the rest."""

    problem = ProblemType.RECALL_HELD


class NoRelayGrant(FederationError):
    """The record came by another node than its issuer, without the issuer's leave."""

    problem = ProblemType.NO_RELAY_GRANT


class GrantExceeded(FederationError):
    """More was shown than the grant covers, or it was shown to more nodes."""

    problem = ProblemType.GRANT_EXCEEDED


class BodyWithheld(FederationError):
    """An entry came without its body, and nothing later in the pair's feeds explains it."""

    problem = ProblemType.BODY_WITHHELD


class FeedFork(FederationError):
    """Two histories of one feed, each signed by its sender; `notes` are the checkpoints that did not fit."""

    problem = ProblemType.FEED_FORK

    def __init__(self, detail: str, *, notes: "tuple[Checkpoint, ...]" = ()) -> None:
        super().__init__(detail)
        self.notes = notes


class FeedEpochRequired(FederationError):
    """The sender no longer has the history that the recipient holds, and must begin a new epoch."""

    problem = ProblemType.FEED_EPOCH_REQUIRED


class FromBeyondHead(FederationError):
    """The page begins past what the recipient holds; `expected` is where it has to begin."""

    problem = ProblemType.FROM_BEYOND_HEAD

    def __init__(self, detail: str, *, expected: int) -> None:
        super().__init__(detail)
        self.expected = expected


class DirectoryRefused(Malformed):
    """A directory, or the metadata that vouches for it, breaks a rule: the one held before stays in force."""


class DirectoryUnreachable(FederationError):
    """Nobody served the directory: the one held before stays in force until it expires."""

    problem = ProblemType.DIRECTORY_STALE


class CardRefused(Malformed):
    """A node card breaks a rule, or does not prove that the private halves of its keys are held."""


class DirectoryStale(FederationError):
    """The directory is too old to send anything by it."""

    problem = ProblemType.DIRECTORY_STALE


class Quota(FederationError):
    """The sender has used up its share of room or requests; `after`: in so many seconds it has another."""

    problem = ProblemType.QUOTA

    def __init__(self, detail: str, *, after: int | None = None) -> None:
        super().__init__(detail)
        self.after = after


class Budget(FederationError):
    """The asker has used up its questions."""

    problem = ProblemType.BUDGET


class Maintenance(FederationError):
    """The node is not serving at this moment."""

    problem = ProblemType.MAINTENANCE


class Refused(FederationError):
    """What the floor below found, in the protocol's word: `Refused.because(error)`."""

    def __init__(self, problem: ProblemType, detail: str) -> None:
        super().__init__(detail)
        # Here alone the word belongs to the instance.
        self.problem = problem

    @classmethod
    def because(cls, error: crypto.CryptoError) -> "Refused":
        """Turn an error of `crypto`, whose messages never hold content, into one of this tree."""
        return cls(problem_of(error), str(error))


_OF_CRYPTO: Final[tuple[tuple[type[crypto.CryptoError], ProblemType], ...]] = (
    (crypto.UnknownKey, ProblemType.UNKNOWN_KEY),
    (crypto.RevokedKey, ProblemType.REVOKED_KEY),
    (crypto.WrongKeyUse, ProblemType.WRONG_KEY_USE),
    # A key outside its window is one that nobody vouches for at that time.
    (crypto.KeyOutsideWindow, ProblemType.UNKNOWN_KEY),
    (crypto.BadSignature, ProblemType.BAD_SIGNATURE),
    (crypto.ProofRefused, ProblemType.DIGEST_MISMATCH),
    (crypto.CheckpointRefused, ProblemType.BAD_SIGNATURE),
    (crypto.MissingCoverage, ProblemType.MISSING_COVERAGE),
    (crypto.DigestMismatch, ProblemType.DIGEST_MISMATCH),
    (crypto.Replayed, ProblemType.REPLAYED),
    (crypto.ClockSkew, ProblemType.CLOCK_SKEW),
    (crypto.TokenExpired, ProblemType.CLOCK_SKEW),
    (crypto.NotYetValid, ProblemType.CLOCK_SKEW),
    (crypto.ClaimMissing, ProblemType.RECORD_INVALID),
    (crypto.DisclosureRefused, ProblemType.RECORD_INVALID),
)
"""First match wins; every other error of `crypto` is a matter of form."""


def problem_of(error: Exception) -> ProblemType:
    """Return the stable word for an error of this package or of `crypto`; `malformed` for any other.

    >>> problem_of(crypto.Replayed("seen")).value
    'replayed'
    """
    if isinstance(error, FederationError):
        return error.problem
    return next((word for kind, word in _OF_CRYPTO if isinstance(error, kind)), ProblemType.MALFORMED)
