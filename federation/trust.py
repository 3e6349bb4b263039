"""The directory as this node trusts it: fetched by TUF rules from anybody, kept, and served to others.

The Update Framework (specification 1.0, section 5; the `tuf` library's `Updater` does the work) makes it
irrelevant who serves the bytes: the authority, a peer, a file on a stick. Three of five root keys say which
keys count, two of three targets keys sign what the directory is, and the online keys for snapshot and
timestamp can only say "this is the newest", never what is in it. What each check here is against:

1. First trust: the root's bytes have the fingerprint that two people compared. Nothing is believed before.
2. The chain of roots, signatures with their thresholds, versions that never fall, expiry, mix-and-match,
   lengths and hashes: `Updater.refresh`.
3. The directory parses, and is of the same federation and class as all before it.
4. Its version is not lower than the highest that was ever in force here, and one version has one content
   (TUF forgets its counters when online keys are replaced; a directory never goes back). No revocation is taken back.
5. What was committed expires: then `stale` is true, and the caller stops egress. Ingress goes on.

A refresh that fails at any step leaves the directory that is in force, and what is served, as they were.

About time: `Updater` compares expiry with the machine's clock and cannot be told another time. The `now`
that is handed in here is compared as well, so a directory passes only if it has expired by neither.

Left to others: fetching, which is a function from a path below the repository to bytes, and running this off
the event loop, for it blocks. A lock on the folder keeps a second process waiting.

Trust: who serves is not trusted. The folder is ours: whoever can write to it chooses the members and their
keys for this node alone. Whoever holds three root keys chooses them for all.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import orjson
from tuf.api.exceptions import DownloadError, DownloadHTTPError, ExpiredMetadataError, RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from federation.directory import MAX_DIRECTORY_BYTES, parse_directory
from federation.errors import DirectoryRefused, DirectoryStale, DirectoryUnreachable, NotFound

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tuf.api.metadata import TargetFile

    from federation.membership import Directory

    Fetch = Callable[[str], bytes]

DIRECTORY_TARGET: Final = "directory.json"
MAX_METADATA_BYTES: Final = 512_000
MAX_TARGETS: Final = 64
"""The directory, code lists, later templates and indicator packs; a repository with more is another kind."""
TARGET_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}\.json")
SERVED: Final = re.compile(
    r"metadata/(timestamp|[1-9][0-9]{0,8}\.(root|snapshot|targets))\.json"
    r"|targets/[0-9a-f]{64,128}\.[a-z0-9][a-z0-9_-]{0,63}\.json"
)
"""Every path that is ever served. It has no room for `..`, and no link is followed besides."""


def fingerprint(root: bytes) -> str:
    """Return SHA-256 of a root's bytes in hexadecimal, in groups of four for reading aloud.

    >>> fingerprint(b"")[:24]
    'e3b0 c442 98fc 1c14 9afb'
    """
    digits = hashlib.sha256(root).hexdigest()
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def folder_fetch(folder: Path) -> Fetch:
    """Return a fetch function that reads a repository from a folder, such as the authority's own."""

    def fetch(path: str) -> bytes:
        return _read_served(folder, path)

    return fetch


class DirectoryMirror:
    """This node's copy of the federation's directory, in one folder.

    `trust/` is the TUF client's own state; `mirror/` is what is in force and what is served: whole, and
    only ever replaced by something whole; `state.json` says which of its files is in force, and is written
    last.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._trust = folder / "trust"
        self._mirror = folder / "mirror"
        self._state_file = folder / "state.json"
        self._read: tuple[tuple[int, int], dict[str, object], Directory] | None = None

    def first_trust(self, root: bytes, expected: str) -> None:
        """Believe in this root if its fingerprint is the expected one, and never in another one after it.

        `expected` is SHA-256 in hexadecimal; spaces, colons, hyphens and capitals do not matter. Raises
        DirectoryRefused. Trusting the same root again changes nothing.
        """
        digits = re.sub(r"[\s:-]", "", expected).lower()
        if not re.fullmatch(r"[0-9a-f]{64}", digits):
            raise DirectoryRefused("fingerprint: is not 64 hexadecimal digits; compare the whole of it")
        if hashlib.sha256(root).hexdigest() != digits:
            raise DirectoryRefused("root: does not have this fingerprint; do not join, ask the authority")
        with self._locked():
            version = _checked_root(root)
            before = self._roots()
            if before:
                if root not in before.values():
                    raise DirectoryRefused("root: this node trusts another root already")
                return
            self._trust.mkdir(parents=True, exist_ok=True)
            # The client keeps the chain under these names and finds it there (tuf.ngclient.Updater).
            _write(self._trust / "root_history" / f"{version}.root.json", root)
            _write(self._mirror / "metadata" / f"{version}.root.json", root)

    def refresh(self, fetch: Fetch, *, now: int) -> Directory:
        """Fetch what is new, check it, put it in force and return it.

        `fetch` takes a path below the repository (`metadata/timestamp.json`,
        `targets/<hash>.directory.json`) and returns the bytes; it raises FileNotFoundError or NotFound for
        what is not there, anything for what could not be had, and should itself stop reading after
        MAX_DIRECTORY_BYTES. Blocks. Raises DirectoryUnreachable, DirectoryStale (what is served has
        expired: nobody renews it, or somebody keeps the new one from us) and DirectoryRefused; the
        directory in force then stays.
        """
        with self._locked():
            roots = self._roots()
            if not roots:
                raise DirectoryRefused("root: none is trusted yet; join first")
            try:
                updater = Updater(
                    metadata_dir=str(self._trust),
                    metadata_base_url="metadata",
                    target_base_url="targets",
                    fetcher=_Fetcher(fetch),
                    config=UpdaterConfig(
                        root_max_length=MAX_METADATA_BYTES,
                        snapshot_max_length=MAX_METADATA_BYTES,
                        targets_max_length=MAX_METADATA_BYTES,
                    ),
                    # The oldest root that we hold: the chain is walked again each time, from our own disk.
                    bootstrap=roots[min(roots)],
                )
                updater.refresh()
                metadata, expires = self._trusted_metadata()
                targets = self._targets(updater, metadata["targets.json"])
            except ExpiredMetadataError as error:
                raise DirectoryStale(f"what is served has expired: {error}") from None
            except RepositoryError as error:
                raise DirectoryRefused(f"metadata: {error}") from None
            except DownloadError as error:
                raise DirectoryUnreachable(f"could not be fetched: {error}") from None
            if now >= expires:
                raise DirectoryStale("what is served has expired by the time of this node")
            return self._put_in_force(metadata, targets, expires)

    def current(self) -> Directory:
        """Return the directory in force, without any network; DirectoryStale if there never was one."""
        return self._load()[1]

    def directory_bytes(self) -> bytes:
        """Return `directory.json` as it is in force, for whoever verifies something away from this node."""
        state, _ = self._load()
        return (self._mirror / "targets" / str(state["directory"])).read_bytes()

    def stale(self, now: int) -> bool:
        """Return whether nothing may be sent by the directory in force: it has expired, or there is none."""
        expires = self.expires()
        return expires is None or now >= expires

    def expires(self) -> int | None:
        """Return when the directory in force expires, in seconds; None if there is none."""
        try:
            state, _ = self._load()
        except DirectoryStale:
            return None
        expires = state["expires"]
        return expires if isinstance(expires, int) else None

    def trusted_root(self) -> bytes:
        """Return the oldest root that this node trusts, the one whose fingerprint was compared."""
        roots = self._roots()
        if not roots:
            raise DirectoryRefused("root: none is trusted yet; join first")
        return roots[min(roots)]

    def serve(self, path: str) -> bytes:
        """Return a file of the mirror by its path below the repository, for `GET /cnp/1/directory/{path}`.

        The function is itself a `Fetch`: one mirror can refresh from another. Raises NotFound.
        """
        return _read_served(self._mirror, path)

    def files(self) -> dict[str, bytes]:
        """Return what somebody else needs to trust the same directory, by the paths at which it is served.

        Raises DirectoryStale if there never was one. From the newest file on, as a client would ask.
        """
        try:
            found = {"metadata/timestamp.json": self.serve("metadata/timestamp.json")}
            newest = "metadata/timestamp.json"
            for kind in ("snapshot", "targets"):
                version = orjson.loads(found[newest])["signed"]["meta"][f"{kind}.json"]["version"]
                newest = f"metadata/{version}.{kind}.json"
                found[newest] = self.serve(newest)
        except NotFound:
            raise DirectoryStale("this node has no directory yet; join a federation first") from None
        for version in self._roots():
            found[f"metadata/{version}.root.json"] = self.serve(f"metadata/{version}.root.json")
        for name, info in Metadata[Targets].from_bytes(found[newest]).signed.targets.items():
            if TARGET_NAME.fullmatch(name):
                path = f"targets/{_url_hash(info)}.{name}"
                found[path] = self.serve(path)
        return found

    def _load(self) -> tuple[dict[str, object], Directory]:
        """Return state and directory in force, read again when another process has replaced them."""
        try:
            status = self._state_file.stat()
            seen = (status.st_mtime_ns, status.st_ino)
            if self._read is None or self._read[0] != seen:
                state: dict[str, object] = orjson.loads(self._state_file.read_bytes())
                data = (self._mirror / "targets" / str(state["directory"])).read_bytes()
                self._read = seen, state, parse_directory(data)
        except FileNotFoundError:
            raise DirectoryStale("this node has no directory yet; join a federation first") from None
        except (OSError, ValueError, KeyError, DirectoryRefused) as error:
            raise DirectoryStale(f"the directory kept in {self._folder} cannot be read: {error}") from None
        return self._read[1], self._read[2]

    def _roots(self) -> dict[int, bytes]:
        """Return the roots that were ever trusted here, by version."""
        names = re.compile(r"([1-9][0-9]{0,8})\.root\.json")
        return {
            int(match[1]): path.read_bytes()
            for path in (self._trust / "root_history").glob("*.root.json")
            if (match := names.fullmatch(path.name))
        }

    def _trusted_metadata(self) -> tuple[dict[str, bytes], int]:
        """Return what the client has just verified, by local name, and when the first of it expires."""
        roots = self._roots()
        files = {"root.json": roots[max(roots)]}
        expires = [_expiry(Metadata[Root].from_bytes(files["root.json"]).signed.expires)]
        for kind in (Timestamp, Snapshot, Targets):
            name = f"{kind.type}.json"
            files[name] = (self._trust / name).read_bytes()
            expires.append(_expiry(Metadata.from_bytes(files[name]).signed.expires))
        return files, min(expires)

    def _targets(self, updater: Updater, targets: bytes) -> dict[str, Path]:
        """Fetch every target that we do not hold; return where each lies in the mirror."""
        listed = Metadata[Targets].from_bytes(targets).signed.targets
        if len(listed) > MAX_TARGETS:
            raise DirectoryRefused(f"targets: more than {MAX_TARGETS}")
        found: dict[str, Path] = {}
        for name in listed:
            info = updater.get_targetinfo(name)
            # A name that no path here has room for belongs to a later version of the protocol.
            if info is None or not TARGET_NAME.fullmatch(name):
                continue
            if info.length > MAX_DIRECTORY_BYTES:
                raise DirectoryRefused(f"targets.{name}: more than {MAX_DIRECTORY_BYTES} bytes")
            path = self._mirror / "targets" / f"{_url_hash(info)}.{name}"
            if updater.find_cached_target(info, str(path)) is None:
                path.parent.mkdir(parents=True, exist_ok=True)
                arriving = path.with_suffix(".part")
                updater.download_target(info, str(arriving))
                arriving.replace(path)
            found[name] = path
        return found

    def _put_in_force(self, metadata: dict[str, bytes], targets: dict[str, Path], expires: int) -> Directory:
        path = targets.get(DIRECTORY_TARGET)
        if path is None:
            raise DirectoryRefused(f"targets: there is no {DIRECTORY_TARGET}")
        directory = parse_directory(path.read_bytes())
        state = {
            "directory": path.name,
            "fed": directory.fed,
            "class": directory.class_,
            "version": directory.version,
            "expires": expires,
        }
        self._check_succession(state, directory)
        for version, root in self._roots().items():
            _write(self._mirror / "metadata" / f"{version}.root.json", root)
        for kind in ("targets", "snapshot"):
            data = metadata[f"{kind}.json"]
            _write(self._mirror / "metadata" / f"{_version(data)}.{kind}.json", data)
        # Last, as everywhere in TUF: whoever sees the new timestamp finds all that it leads to.
        _write(self._mirror / "metadata" / "timestamp.json", metadata["timestamp.json"])
        _write(self._state_file, orjson.dumps(state, option=orjson.OPT_INDENT_2))
        return directory

    def _check_succession(self, state: dict[str, object], directory: Directory) -> None:
        if not self._state_file.exists():
            return
        # Read straight from the file: a state that cannot be read must stop a refresh, not look like none.
        try:
            before: dict[str, object] = orjson.loads(self._state_file.read_bytes())
            highest = before["version"]
            if not isinstance(highest, int):
                raise TypeError("version is no number")  # noqa: TRY301 - said with the two others below
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DirectoryRefused(
                f"{self._state_file}: cannot be read ({error}): restore it, or join again in an empty folder"
            ) from None
        for name in ("fed", "class"):
            if before.get(name) != state[name]:
                raise DirectoryRefused(f"directory.{name}: {state[name]!r}, and was {before.get(name)!r} before")
        if directory.version < highest:
            raise DirectoryRefused(f"directory.version: {directory.version}, after {highest} was in force here")
        if directory.version == highest and before.get("directory") != state["directory"]:
            raise DirectoryRefused(f"directory.version: {highest} has been published with another content")
        self._check_revocations(directory)

    def _check_revocations(self, directory: Directory) -> None:
        """A revocation is never taken back and never begins later, whoever signs: what it voided would come to life."""
        try:
            held = self._load()[1]
        except DirectoryStale:
            return  # what was in force cannot be read; its version was compared above
        for kid, key in held.keys.items():
            now = directory.keys.get(kid)
            if key.revoked_since is None or now is None:
                continue
            if now.revoked_since is None or now.revoked_since > key.revoked_since:
                raise DirectoryRefused(f"directory.keys: {kid} was revoked, and is not any more or from later on")

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One process at a time: the TUF client's folder must not be shared by two."""
        self._folder.mkdir(parents=True, exist_ok=True)
        with (self._folder / "lock").open("w") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield


class _Fetcher(FetcherInterface):
    """What the TUF client calls; the length limits are checked by its base class."""

    def __init__(self, fetch: Fetch) -> None:
        self._get = fetch

    def _fetch(self, url: str) -> Iterator[bytes]:
        try:
            yield self._get(url)
        except (FileNotFoundError, NotFound):
            # The client asks for the next root until it is told that there is none.
            raise DownloadHTTPError(f"{url} is not there", 404) from None
        except Exception as error:
            raise DownloadError(f"{url}: {type(error).__name__}") from error


def _checked_root(root: bytes) -> int:
    """Return the version of a root that is signed by itself, to the threshold that it sets."""
    if len(root) > MAX_METADATA_BYTES:
        raise DirectoryRefused("root: too large")
    try:
        metadata = Metadata[Root].from_bytes(root)
        metadata.verify_delegate(Root.type, metadata)
    except RepositoryError as error:
        raise DirectoryRefused(f"root: {error}") from None
    if not metadata.signed.consistent_snapshot:
        raise DirectoryRefused("root: the repository must use consistent snapshots, or no mirror of it is whole")
    return int(metadata.signed.version)


def _expiry(moment: datetime) -> int:
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())


def _version(metadata: bytes) -> int:
    return int(orjson.loads(metadata)["signed"]["version"])


def _url_hash(info: TargetFile) -> str:
    """Return the hash that a target's address has: as in `Updater.download_target`, the first listed."""
    return str(next(iter(info.hashes.values())))


def _read_served(folder: Path, path: str) -> bytes:
    if not SERVED.fullmatch(path):
        raise NotFound("the directory has no such file")
    file = folder / path
    try:
        if file.is_symlink():
            raise NotFound("the directory has no such file")
        return file.read_bytes()
    except OSError:
        raise NotFound("the directory has no such file") from None


def _write(path: Path, data: bytes) -> None:
    """Write durably, whole or not at all; nothing is done when the file says so already."""
    with contextlib.suppress(OSError):
        if path.read_bytes() == data:
            return
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            Path(temporary).unlink()
        raise
