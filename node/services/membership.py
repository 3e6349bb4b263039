"""The directory as this node uses it: read once, read again when it changed, refreshed from wherever it can be had.

Trust: nothing here decides what is trusted; `federation.trust` does. A refresh that is refused leaves what was there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import httpx

from federation.addresses import BlockingGuardedTransport, Guard, why_refused
from federation.errors import DirectoryStale, DirectoryUnreachable, NotFound
from federation.trust import MAX_METADATA_BYTES, DirectoryMirror

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from federation.directory import Directory

LOOK_SECONDS: Final = 1.0
"""How often a process looks whether another process of this node has refreshed the directory."""
FETCH_SECONDS: Final = 20.0
FETCH_TOTAL_SECONDS: Final = 300.0
"""For one file, however slowly it drips."""
MAX_FETCH: Final = 8 * MAX_METADATA_BYTES + 5_000_000
NOT_FOUND: Final = 404
OK: Final = 200


CLAIM_SECONDS: Final = 3_600
"""How long a peer's word counts that there is a newer directory."""
WITNESSES: Final = 2
"""So many peers who work by a newer directory that nobody serves us make ours stale: one alone may lie."""


@dataclass(slots=True)
class Membership:
    """The newest trusted directory, cheap to ask for.

    Every page says by which version its sender works. Where peers say that there is a newer one and it cannot be had
    from anybody, somebody keeps it from this node: what it holds counts as stale, long before it expires.
    """

    mirror: DirectoryMirror
    allow: Sequence[str] = ()
    """Address ranges besides the public ones that a directory may be fetched from."""
    _directory: Directory | None = None
    _looked: float = 0.0
    _claims: dict[str, tuple[int, int]] = field(default_factory=dict)
    """Peer → the version that it works by, and when it said so."""
    _sought: int = 0
    """The version that was last looked for everywhere, in vain."""

    def current(self) -> Directory:
        """The directory in force. Raises `DirectoryStale` when this node has joined no federation."""
        now = time.monotonic()
        if self._directory is None or now - self._looked > LOOK_SECONDS:
            self._directory, self._looked = self.mirror.current(), now
        return self._directory

    def joined(self) -> bool:
        """Whether this node trusts a directory at all."""
        try:
            self.current()
        except DirectoryStale:
            return False
        return True

    def stale(self, now: int) -> bool:
        """Whether the directory is too old to send anything by it: expired, or kept from this node."""
        return self.mirror.stale(now) or self.frozen(now)

    def claim(self, peer: str, version: int, *, now: int) -> bool:
        """A peer's signed page says by which version it works; whether that is newer than what is held here."""
        newer = version > self.current().version
        if newer:
            self._claims[peer] = (version, now)
        else:
            self._claims.pop(peer, None)
        return newer

    def claimants(self, now: int) -> list[str]:
        """Active peers who work by a newer directory than this node, the newest first."""
        directory = self.current()
        found = [
            (version, peer)
            for peer, (version, at) in self._claims.items()
            if version > directory.version and now - at < CLAIM_SECONDS
            and (member := directory.member(peer)) is not None and member.status == "active"
        ]  # fmt: skip
        return [peer for _, peer in sorted(found, reverse=True)]

    def sought(self, now: int) -> None:
        """Everybody was asked for what the claimants have, and nobody served it."""
        self._sought = max((self._claims[peer][0] for peer in self.claimants(now)), default=0)

    def frozen(self, now: int) -> bool:
        """Whether peers work by a newer directory that was looked for in vain."""
        if not self._claims or not self._sought:
            return False
        found = self.claimants(now)
        return len(found) >= WITNESSES and self._sought > self.current().version

    def renewed(self, directory: Directory) -> None:
        """The mirror was refreshed from elsewhere: this is in force now."""
        self._directory = directory

    def refresh(self, url: str, *, now: int) -> Directory:
        """Fetch the newest directory from a node's address or a repository's. Blocks: not for the event loop."""
        with fetcher(url, allow=self.allow) as fetch:
            self._directory = self.mirror.refresh(fetch, now=now)
        return self._directory


class fetcher:  # noqa: N801 - used like a function
    """`with fetcher(url) as fetch`: a function from a repository path to bytes, over HTTP, bounded in size and time."""

    def __init__(self, url: str, *, allow: Iterable[str] = ()) -> None:
        self._base = repository_url(url)
        self._client = httpx.Client(
            transport=BlockingGuardedTransport(Guard.of(allow)),
            follow_redirects=False,
            trust_env=False,
            timeout=FETCH_SECONDS,
            headers={"accept-encoding": "identity"},
        )  # fmt: skip

    def __enter__(self) -> Callable[[str], bytes]:
        return self._fetch

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def _fetch(self, path: str) -> bytes:
        begun = time.monotonic()
        try:
            with self._client.stream("GET", f"{self._base}/{path}") as response:
                if response.status_code == NOT_FOUND:
                    raise NotFound("the repository has no such file")
                if response.status_code != OK:
                    raise DirectoryUnreachable(f"the directory's address answers with status {response.status_code}")
                data = bytearray()
                for piece in response.iter_raw():
                    if time.monotonic() - begun > FETCH_TOTAL_SECONDS:
                        raise DirectoryUnreachable("the directory's address answers too slowly")
                    data += piece
                    if len(data) > MAX_FETCH:
                        raise DirectoryUnreachable("the directory's address answers with more than a directory has")
                return bytes(data)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            why = why_refused(error) or type(error).__name__
            raise DirectoryUnreachable(f"the directory's address does not answer: {why}") from error


def repository_url(url: str) -> str:
    """Where a repository lies: a node's address serves it under /cnp/1/directory.

    >>> repository_url("http://127.0.0.1:8001/")
    'http://127.0.0.1:8001/cnp/1/directory'
    """
    base = url.rstrip("/")
    return base if base.endswith("/directory") else f"{base}/cnp/1/directory"
