"""The keys of a home: which one signs now, which one waits, which ones were.

    keys/record.key               signs now
    keys/record.next.key          waits until the directory lists it (and `record.next.json`: from when it may sign)
    keys/record.<kid>.old.key     signed before; kept, because what it signed is

A rotation is four steps by two parties: `begin` makes the next key; the node's card then lists and proves both; the
authority enters the card and publishes; `settle` lets the next key sign once the directory lists it, its time has come
and peers have had time to fetch that directory. The old key stays listed for what it has signed. A key that the
directory revokes signs no more: then the next one takes over as soon as it is listed.

Trust: whoever can write to `keys/` and read `keyfile` is this node. Nothing here makes a peer believe a key.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

from crypto.signer import FileSigner
from node.settings import SettingsRefused

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from crypto.keys import KeyUse
    from federation.membership import Directory, ListedKey

USES: Final[tuple[KeyUse, ...]] = ("record", "log", "http")
POLLS: Final = 3
"""So many refreshes of the directory peers are given before a new key signs: one may fail, and clocks differ."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyState:
    """One key of a home, as it stands."""

    use: str
    kid: str
    state: str
    """signs, waits or old."""
    listed: bool
    nbf: int | None
    exp: int | None
    revoked_since: int | None


def kid_in(path: Path) -> str | None:
    """The id of the key in a key file, read without opening the key; None where there is no such file."""
    try:
        return str(orjson.loads(path.read_bytes())["kid"])
    except FileNotFoundError:
        return None
    except (ValueError, KeyError, TypeError):
        raise SettingsRefused(f"{path} is no key file: restore it from the backup") from None


def begin(keys: Path, use: KeyUse, *, secret: bytes, not_before: int) -> FileSigner:
    """Make the next key for a use, which may sign from `not_before` (seconds) on. One at a time."""
    with _locked(keys):
        waiting = keys / f"{use}.next.key"
        if waiting.exists():
            raise SettingsRefused(
                f"{waiting} waits already: hand its card to the authority, or remove the file to begin anew"
            )
        made = FileSigner.generate()
        (keys / f"{use}.next.json").write_bytes(orjson.dumps({"kid": made.kid, "nbf": not_before}))
        made.save(waiting, secret)
        return made


def waiting(keys: Path, use: KeyUse, *, secret: bytes) -> tuple[FileSigner, int] | None:
    """The next key of a use with the time from which it may sign; None where none waits."""
    path = keys / f"{use}.next.key"
    if not path.exists():
        return None
    return FileSigner.load(path, secret), _not_before(keys, use)


def settle(keys: Path, directory: Directory, *, now: int, patience: float) -> list[str]:
    """Let waiting keys sign that are due; returns their uses. `patience`: seconds that peers need for a directory."""
    switched = []
    for use in USES:
        kid = kid_in(keys / f"{use}.next.key")
        if kid is None or not _due(keys, use, kid, directory, now=now, patience=patience):
            continue
        with _locked(keys):
            if kid_in(keys / f"{use}.next.key") != kid:
                continue  # another process of this node was faster
            current = keys / f"{use}.key"
            old = keys / f"{use}.{kid_in(current)}.old.key"
            if not old.exists():
                old.hardlink_to(current)
            # One rename: at no moment is there no key that signs.
            (keys / f"{use}.next.key").replace(current)
            (keys / f"{use}.next.json").unlink(missing_ok=True)
            _sync(keys)
        switched.append(str(use))
    return switched


def states(keys: Path, directory: Directory | None) -> list[KeyState]:
    """Every key of the home, and how the directory lists it."""
    found = []
    for use in USES:
        named = [(keys / f"{use}.key", "signs"), (keys / f"{use}.next.key", "waits")]
        named += [(path, "old") for path in sorted(keys.glob(f"{use}.*.old.key"))]
        for path, state in named:
            kid = kid_in(path)
            if kid is None:
                continue
            listed: ListedKey | None = None if directory is None else directory.keys.get(kid)
            found.append(
                KeyState(
                    use=use, kid=kid, state=state, listed=listed is not None,
                    nbf=None if listed is None else listed.nbf, exp=None if listed is None else listed.exp,
                    revoked_since=None if listed is None else listed.revoked_since,
                )
            )  # fmt: skip
    return found


def _due(keys: Path, use: KeyUse, kid: str, directory: Directory, *, now: int, patience: float) -> bool:
    listed = directory.keys.get(kid)
    if listed is None or listed.use != use or listed.revoked_since is not None or now > listed.exp:
        return False
    current = directory.keys.get(kid_in(keys / f"{use}.key") or "")
    if current is not None and current.revoked_since is not None:
        return now >= listed.nbf  # what the old key signs counts for nothing any more: nobody is served by waiting
    return now >= max(listed.nbf, _not_before(keys, use), directory.issued + patience)


def _not_before(keys: Path, use: KeyUse) -> int:
    try:
        value: Any = orjson.loads((keys / f"{use}.next.json").read_bytes())["nbf"]
    except (OSError, ValueError, KeyError, TypeError):
        return 0  # the file says only when; the directory's own window holds in any case
    return value if isinstance(value, int) else 0


@contextlib.contextmanager
def _locked(keys: Path) -> Iterator[None]:
    """One process of this node at a time."""
    with (keys / "lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
