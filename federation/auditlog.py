"""The disclosure log as others see it: leaves, checkpoints, proofs and exports, and what an auditor checks of them.

A node keeps one RFC 6962 Merkle log over its disclosure rows. A leaf is the hash of the canonical text (RFC 8785) of

    {"row": {<the row's members that are not empty>}, "salt": "<16 bytes by chance, base64url>"}

so a checkpoint, or any number of leaves, says nothing of a row; and one row can be shown alone, with its salt and an
inclusion proof. Checkpoints are signed by the node's `log` key under the origin `cnp/<fed>/<node>/disclosures`. They go
out in every receipt and on request, and peers keep them: whoever changes a row, takes one out, puts one in or makes the
whole tree anew after that cannot show the tree that the kept checkpoint is of.

A node that was restored from a backup has lost rows that it signed. It begins a new epoch (`federation.logepochs`): the
origin has the epoch's number behind it, the leaves go on from those that came back. So checkpoints of before can still
be compared: either the log continues one, whatever its epoch, or that checkpoint is of rows for which nothing vouches
any more, and whoever kept it says so. Two roots at one size of one epoch stay what they are: a fork.

`verify_export` is the auditor's whole work. It needs the lines of an export and checkpoints that somebody else kept,
and no node, no database and no network; `federation.verifylog` is the command around it.

Trust: the export and the proofs are hostile, made by the node that is audited. A checkpoint is worth its keeper.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from crypto import b64, jcs, merkle, strictjson
from crypto.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from crypto.errors import CryptoError
from federation.errors import FeedFork, Malformed, Refused
from federation.feed import key_name
from federation.logepochs import Opening, opening_of, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from crypto.keys import PublicKey
    from crypto.signer import Signer

SALT_BYTES: Final = 16
MAX_LINE_BYTES: Final = 262_144
"""One row of an export: a search row names every record that was shown."""
MAX_PROOF: Final = 64
"""Hashes of a proof: a tree has at most 2^53 leaves."""
MAX_ANSWER_BYTES: Final = 65_536
LINE_DEPTH: Final = 3
_EPOCH: Final = re.compile(r"[^\n]*/disclosures/([1-9][0-9]{0,15})\n", re.ASCII)


def origin(fed: str, node: str, epoch: int = 0) -> str:
    """The origin line of a node's disclosure log in an epoch.

    >>> origin("test", "KE")
    'cnp/test/KE/disclosures'
    >>> origin("test", "KE", 7)
    'cnp/test/KE/disclosures/7'
    """
    return f"cnp/{fed}/{node}/disclosures" + (f"/{epoch}" if epoch else "")


def epoch_of(note: str) -> int:
    """The epoch that a checkpoint's first line names; 0 where it names none, and for what is no such note."""
    found = _EPOCH.match(note)
    return int(found[1]) if found else 0


def leaf_of(row: Mapping[str, Any], salt: bytes) -> bytes:
    """The leaf hash of a row with its salt; members that are None are no members.

    >>> leaf_of({"id": 1, "detail": None}, bytes(16)) == leaf_of({"id": 1}, bytes(16))
    True
    """
    told = {name: value for name, value in row.items() if value is not None}
    return merkle.leaf_hash(jcs.profile_bytes({"row": told, "salt": b64.encode(salt)}))


def sign_head(*, fed: str, node: str, compact: merkle.CompactRange, signer: Signer, epoch: int = 0) -> str:
    """The signed checkpoint of a node's disclosure log at its present size."""
    return sign_checkpoint(
        origin=origin(fed, node, epoch), size=compact.size, root=compact.root(), key_name=key_name(fed, node),
        signer=signer,
    )  # fmt: skip


def open_head(note: str, *, fed: str, node: str, keys: Iterable[PublicKey]) -> Checkpoint:
    """Open a checkpoint of a node's disclosure log, of whichever epoch; raises `Refused` in the protocol's word."""
    try:
        named = origin(fed, node, epoch_of(note))
        return open_checkpoint(note, origin=named, key_name=key_name(fed, node), keys=keys)
    except CryptoError as error:
        raise Refused.because(error) from error


def check_growth(*, before: Checkpoint, after: Checkpoint, proof: Sequence[bytes]) -> None:
    """Return when the log at `after` is the log at `before`, grown. Raises `FeedFork` otherwise.

    Both are of one node and signed. Two roots at one size of one epoch are proof by themselves; a growth that cannot be
    proven is the word of the one who asked.
    """
    if epoch_of(after.note) < epoch_of(before.note):
        raise FeedFork("the disclosure log went back to an epoch that had ended")
    if before.size == after.size:
        if before.root != after.root:
            raise FeedFork("two signed checkpoints of one size of the disclosure log have different roots")
        return
    if before.size > after.size:
        raise FeedFork("the disclosure log is shorter than its signed checkpoint says")
    if before.size == 0:
        return
    try:
        merkle.verify_consistency(size1=before.size, size2=after.size, root1=before.root, root2=after.root, proof=proof)
    except CryptoError as error:
        raise FeedFork(f"the disclosure log is not a continuation of its signed checkpoint: {error}") from error


@dataclass(frozen=True, slots=True)
class Growth:
    """What a node answers when it is asked for its newest checkpoint: the note, and the proof from an earlier size.

    `lost`: the earlier one was signed before an epoch that has ended, and the log does not continue it.
    """

    note: str
    proof: tuple[bytes, ...]
    lost: bool = False

    def dump(self) -> bytes:
        """The answer's bytes."""
        told: dict[str, Any] = {"checkpoint": self.note, "proof": [b64.encode(each) for each in self.proof]}
        return strictjson.dumps(told | ({"lost": True} if self.lost else {}))

    @classmethod
    def load(cls, data: bytes) -> Growth:
        """Read an answer; raises `Malformed`."""
        try:
            value: Any = strictjson.parse_profile(data, max_bytes=MAX_ANSWER_BYTES, max_depth=2)
        except CryptoError as error:
            raise Malformed(f"the answer about the disclosure log is not strict JSON: {error}") from error
        if not isinstance(value, dict) or value.keys() - {"lost"} != {"checkpoint", "proof"}:
            raise Malformed("the answer about the disclosure log has checkpoint and proof, and besides only lost")
        if not isinstance(value["checkpoint"], str):
            raise Malformed("checkpoint is a signed note")
        if value.get("lost", True) is not True:
            raise Malformed("lost is true, or is not there")
        return cls(value["checkpoint"], _hashes(value["proof"]), "lost" in value)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something in an export that does not hold. `n` is the position in the log, None where it is about the whole."""

    n: int | None
    what: str
    """edited, deleted, inserted, rewritten, truncated, misplaced, malformed; or lost: see `logepochs`."""
    detail: str

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        return ({} if self.n is None else {"n": self.n}) | {"what": self.what, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of an export: rows read, the checkpoints that it was held against, and what does not hold."""

    rows: int
    checked: tuple[int, ...]
    findings: tuple[Finding, ...]
    openings: tuple[Opening, ...] = ()
    """Where the log began anew, as its rows say."""

    @property
    def only_lost(self) -> bool:
        """Whether nothing is wrong but that the log began anew behind a checkpoint that was kept."""
        return bool(self.findings) and all(finding.what == "lost" for finding in self.findings)

    def __bool__(self) -> bool:
        return not self.findings


MAX_FINDINGS: Final = 1_000
"""After so many nobody reads on; that there are more is told by the last."""


def line_of(n: int, leaf: bytes, salt: bytes | None, row: Mapping[str, Any] | None) -> bytes:
    """One line of an export. A row that is gone has no `row`: its leaf stays, and says so."""
    value: dict[str, Any] = {"n": n, "leaf": b64.encode(leaf)}
    if salt is not None and row is not None:
        value |= {"salt": b64.encode(salt), "row": {name: told for name, told in row.items() if told is not None}}
    return strictjson.dumps(value)


def unlogged_line(row: Mapping[str, Any]) -> bytes:
    """The line of a row that stands in the table and that the log has never had."""
    return strictjson.dumps({"row": {name: told for name, told in row.items() if told is not None}})


def verify_export(lines: Iterable[bytes], checkpoints: Sequence[Checkpoint]) -> Verdict:
    """Hold an export against checkpoints of the same log that were verified and kept by somebody else.

    Two trees are built side by side: of the leaves that the export states, which the checkpoints vouch for, and of the
    leaves that follow from its rows and salts. Where the stated leaves fit a checkpoint, a row that does not fit its
    leaf is named; where they do not, the tree itself was made anew.
    """
    wanted: dict[int, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        wanted.setdefault(checkpoint.size, []).append(checkpoint)
    reader = _Reader(wanted)
    reader.look()
    for line in lines:
        if line.strip():
            reader.take(line)
    return reader.verdict(checkpoints)


class _Reader:
    """The state while an export is read, line by line: its size does not matter."""

    def __init__(self, wanted: Mapping[int, Sequence[Checkpoint]]) -> None:
        self._wanted = wanted
        self._stated = merkle.CompactRange()
        self._findings: list[Finding] = []
        self._checked: list[int] = []
        self._unlike: list[Checkpoint] = []
        self._openings: list[Opening] = []

    def take(self, line: bytes) -> None:
        """One line."""
        at = self._stated.size
        try:
            value: Any = strictjson.parse_profile(line.strip(), max_bytes=MAX_LINE_BYTES, max_depth=LINE_DEPTH)
            if isinstance(value, dict) and value.keys() == {"row"}:
                self._find(None, "inserted", "a row stands in the table that the log has never had")
                return
            n, leaf = _position(value)
            row, salt = value.get("row"), value.get("salt")
            made = None if row is None else leaf_of(row, b64.decode(salt))
            opening = None if row is None else opening_of(row)
        except (CryptoError, KeyError, TypeError, ValueError):
            self._find(at, "malformed", "the line is not of the form of an export")
            return
        if n != at:
            self._find(at, "misplaced", f"position {at} is missing: the export goes on with {n}")
        self._stated = self._stated.append(leaf)
        if made is None:
            self._find(n, "deleted", "the row is gone; its leaf is still in the log")
        elif made != leaf:
            self._find(n, "edited", "the row is not the one that was logged: it does not give its leaf")
        elif opening is not None:
            self._openings.append(opening)
        self.look()

    def look(self) -> None:
        """Compare with the checkpoints of this size."""
        for checkpoint in self._wanted.get(self._stated.size, ()):
            self._checked.append(checkpoint.size)
            if checkpoint.root != self._stated.root():
                self._unlike.append(checkpoint)

    def verdict(self, checkpoints: Sequence[Checkpoint]) -> Verdict:
        """What came of it."""
        size = self._stated.size
        for checkpoint in (*self._unlike, *(each for each in checkpoints if each.size > size)):
            lost = words(epoch=epoch_of(checkpoint.note), size=checkpoint.size, openings=self._openings)
            if lost is not None:
                self._find(None, "lost", lost)
            elif checkpoint.size > size:
                self._find(
                    None, "truncated", f"a checkpoint was signed over {checkpoint.size} rows, the export has {size}"
                )
            else:
                self._find(
                    None, "rewritten",
                    f"the first {checkpoint.size} leaves are not those that its signed checkpoint is over",
                )  # fmt: skip
        return Verdict(size, tuple(self._checked), tuple(self._findings), tuple(self._openings))

    def _find(self, n: int | None, what: str, detail: str) -> None:
        if len(self._findings) < MAX_FINDINGS:
            self._findings.append(Finding(n, what, detail))
        elif len(self._findings) == MAX_FINDINGS:
            self._findings.append(Finding(None, "malformed", "there are more findings than are listed"))


@dataclass(frozen=True, slots=True, kw_only=True)
class RowProof:
    """One row of a log, shown alone: the row, its salt, and the way to the root of a signed checkpoint."""

    row: Mapping[str, Any]
    salt: bytes
    n: int
    proof: tuple[bytes, ...]
    note: str

    def dump(self) -> bytes:
        """The proof as a file."""
        return strictjson.dumps(
            {
                "row": {name: told for name, told in self.row.items() if told is not None},
                "salt": b64.encode(self.salt), "n": self.n, "proof": [b64.encode(each) for each in self.proof],
                "checkpoint": self.note,
            }
        )  # fmt: skip

    @classmethod
    def load(cls, data: bytes) -> RowProof:
        """Read a proof; raises `Malformed`."""
        try:
            value: Any = strictjson.parse_profile(data, max_bytes=MAX_LINE_BYTES, max_depth=LINE_DEPTH)
            if not isinstance(value, dict) or value.keys() != {"row", "salt", "n", "proof", "checkpoint"}:
                raise Malformed("a proof has exactly row, salt, n, proof and checkpoint")
            if not isinstance(value["row"], dict) or type(value["n"]) is not int:
                raise Malformed("row is an object and n a number")
            return cls(
                row=value["row"], salt=b64.decode(value["salt"]), n=value["n"], proof=_hashes(value["proof"]),
                note=str(value["checkpoint"]),
            )  # fmt: skip
        except (CryptoError, TypeError) as error:
            raise Malformed(f"the proof is not of its form: {error}") from error

    def verify(self, checkpoint: Checkpoint) -> None:
        """Return when the row stands in the log that the checkpoint was signed over; raises `Refused` otherwise."""
        try:
            merkle.verify_inclusion(
                index=self.n, size=checkpoint.size, leaf_hash=leaf_of(self.row, self.salt), proof=self.proof,
                root=checkpoint.root,
            )  # fmt: skip
        except CryptoError as error:
            raise Refused.because(error) from error


def _position(value: Any) -> tuple[int, bytes]:
    if not isinstance(value, dict) or not {"n", "leaf"} <= value.keys() <= {"n", "leaf", "row", "salt"}:
        raise ValueError
    if type(value["n"]) is not int or ("row" in value) != ("salt" in value):
        raise ValueError
    leaf = b64.decode(value["leaf"])
    if len(leaf) != merkle.HASH_BYTES:
        raise ValueError
    return value["n"], leaf


def _hashes(value: Any) -> tuple[bytes, ...]:
    if not isinstance(value, list) or len(value) > MAX_PROOF or not all(isinstance(each, str) for each in value):
        raise Malformed("a proof is a list of hashes")
    try:
        found = tuple(b64.decode(each) for each in value)
    except CryptoError as error:
        raise Malformed("a hash of the proof is not base64url") from error
    if any(len(each) != merkle.HASH_BYTES for each in found):
        raise Malformed(f"a hash of the proof does not have {merkle.HASH_BYTES} bytes")
    return found
