"""The auditor's command: check an export of a disclosure log, or one row's proof, with a checkpoint that was kept.

    python -m federation.verifylog EXPORT --checkpoint KEPT [--checkpoint KEPT ...] --directory directory.json
    python -m federation.verifylog EXPORT --checkpoint KEPT --key X
    python -m federation.verifylog ROW_PROOF.json --checkpoint KEPT --directory directory.json

EXPORT is a folder that `tidewaiter audit export` wrote, or its `rows.jsonl`. KEPT is a file with one signed checkpoint:
from a peer, from paper. The log's key comes from a directory, or as `--key`, the `x` member of its JWK. No home of a
node, no database, no network. The exit status is 0 when everything holds, 1 when something does not, 2 when nothing
could be checked. The same stands behind `tidewaiter audit verify` and `tidewaiter verify log`.

Trust: everything that is read is hostile, but the key and the checkpoints: choose where you take these from.
"""

from __future__ import annotations

import argparse
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto import strictjson
from crypto.checkpoint import MAX_NOTE_CHARACTERS, Checkpoint
from crypto.errors import CryptoError
from crypto.keys import admit_jwk
from federation.auditlog import RowProof, Verdict, open_head, verify_export
from federation.directory import MAX_DIRECTORY_BYTES, parse_directory
from federation.errors import FederationError, Malformed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from crypto.keys import PublicKey
    from federation.membership import Directory

ROWS: Final = "rows.jsonl"
HOLDS, BROKEN, NOT_CHECKED = 0, 1, 2
_ORIGIN: Final = re.compile(
    r"cnp/(?P<fed>[A-Za-z0-9._-]{1,64})/(?P<node>[A-Z][A-Z0-9-]{1,31})/disclosures(?:/[1-9][0-9]{0,15})?\n", re.ASCII
)
MAX_PROOF_BYTES: Final = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What was checked: whose log, and what came of it."""

    fed: str
    node: str
    verdict: Verdict | None
    """Of an export; None for one row, which was proven."""
    row: dict[str, Any] | None = None

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return self.verdict is None or bool(self.verdict)

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        value: dict[str, Any] = {"fed": self.fed, "node": self.node, "valid": self.holds}
        if self.verdict is not None:
            value |= {
                "rows": self.verdict.rows, "checkpoints": list(self.verdict.checked),
                "findings": [finding.to_json() for finding in self.verdict.findings],
            }  # fmt: skip
        return value | ({} if self.row is None else {"row": self.row})


def owner(note: str) -> tuple[str, str]:
    """Federation and node whose disclosure log a note is about, as it says; raises `Malformed` for another note."""
    found = _ORIGIN.match(note)
    if found is None:
        raise Malformed("this is no checkpoint of a disclosure log: its first line is cnp/<fed>/<node>/disclosures")
    return found["fed"], found["node"]


def keys_in(directory: Directory) -> Callable[[str, str], Sequence[PublicKey]]:
    """The log keys of a node by a directory: of its own federation, revoked ones left out."""

    def keys(fed: str, node: str) -> Sequence[PublicKey]:
        return directory.keys_of(node, "log") if fed == directory.fed else ()

    return keys


def check(path: Path, notes: Sequence[str], keys: Callable[[str, str], Sequence[PublicKey]]) -> Checked:
    """Check an export or a row's proof. Raises `Malformed`, and `Refused` where a kept checkpoint is not signed."""
    if not notes:
        raise Malformed("give at least one checkpoint that somebody else kept")
    fed, node = owner(notes[0])
    kept = [open_head(note, fed=fed, node=node, keys=keys(fed, node)) for note in notes]
    file = path / ROWS if path.is_dir() else path
    if file.suffix == ".json":
        return _check_row(file.read_bytes(), kept, fed=fed, node=node, keys=keys(fed, node))
    with file.open("rb") as lines:
        verdict = verify_export(lines, kept)
    return Checked(fed=fed, node=node, verdict=verdict)


def _check_row(data: bytes, kept: Sequence[Checkpoint], *, fed: str, node: str, keys: Iterable[PublicKey]) -> Checked:
    if len(data) > MAX_PROOF_BYTES:
        raise Malformed(f"a proof has at most {MAX_PROOF_BYTES} bytes")
    proof = RowProof.load(data)
    # The proof leads to the note inside; that note must be one that was kept, for the node can sign any other.
    inside = open_head(proof.note, fed=fed, node=node, keys=keys)
    if not any((one.origin, one.size, one.root) == (inside.origin, inside.size, inside.root) for one in kept):
        raise Malformed(
            "the proof leads to another checkpoint than those that were kept: ask for a proof to one of them"
        )
    proof.verify(inside)
    return Checked(fed=fed, node=node, verdict=None, row=dict(proof.row))


def told(checked: Checked) -> list[str]:
    """What came of it, in lines for people."""
    if checked.verdict is None:
        row = ", ".join(f"{name} {value}" for name, value in (checked.row or {}).items())
        return [f"The row stands in the disclosure log of {checked.node}: {row}"]
    verdict = checked.verdict
    began = [f"It began anew at row {each.base}, {each.at} (seconds): {each.why}." for each in verdict.openings]
    if verdict:
        sizes = ", ".join(map(str, verdict.checked))
        return [
            f"{verdict.rows} rows of {checked.node} are as they were logged; held against checkpoints of {sizes}.",
            *began,
        ]
    if verdict.only_lost:
        last = (
            f"The disclosure log of {checked.node} does not continue what was signed. Every row that it shows gives its"
            " leaf; ask the node what was lost, and peers for checkpoints that it still continues."
        )
        return [*(each.detail for each in verdict.findings), *began, last]
    return [
        *(f"{'' if each.n is None else f'position {each.n}: '}{each.what}: {each.detail}" for each in verdict.findings),
        f"The disclosure log of {checked.node} is not the one that was signed.",
    ]


def main(arguments: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m federation.verifylog", description=__doc__.partition("\n")[0])
    parser.add_argument("export", type=Path, help="the folder, its rows.jsonl, or the proof of one row (.json)")
    parser.add_argument("--checkpoint", type=Path, action="append", required=True, help="a kept checkpoint; repeatable")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument("--directory", type=Path, help="directory.json of the federation")
    where.add_argument("--key", help="the node's public log key: `x` of its JWK, base64url")
    parser.add_argument("--json", action="store_true", help="the result as JSON")
    options = parser.parse_args(arguments)
    try:
        notes = [_read(path, MAX_NOTE_CHARACTERS).decode() for path in options.checkpoint]
        checked = check(options.export, notes, _keys(options))
    except (FederationError, CryptoError, OSError, UnicodeDecodeError) as error:
        sys.stderr.write(f"nothing was checked: {error}\n")
        return NOT_CHECKED
    if options.json:
        sys.stdout.write(strictjson.dumps(checked.to_json()).decode() + "\n")
    else:
        # Rows are the audited node's words: a terminal only shows them.
        sys.stdout.write("".join(f"{_plain(line)}\n" for line in told(checked)))
    return HOLDS if checked.holds else BROKEN


def _keys(options: argparse.Namespace) -> Callable[[str, str], Sequence[PublicKey]]:
    if options.key is not None:
        public = admit_jwk({"kty": "OKP", "crv": "Ed25519", "x": options.key})
        return lambda _fed, _node: (public,)
    return keys_in(parse_directory(_read(options.directory, MAX_DIRECTORY_BYTES)))


def _read(path: Path, most: int) -> bytes:
    with path.open("rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise Malformed(f"{path} is larger than anything of its kind")
    return data


def _plain(text: str) -> str:
    return "".join(char if char.isprintable() else " " for char in text)


if __name__ == "__main__":
    sys.exit(main())
