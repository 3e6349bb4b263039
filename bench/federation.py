"""Two or more real nodes for measuring: homes, a directory, policies, server processes on loopback."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from bench.data import seizure
from federation.trust import folder_fetch
from node.app import Home, open_home
from node.services import authority, founding
from node.settings import Settings
from node.storage import drafts, feeds, policies

POLICY = """
country = "{id}"
version = 1
author = "bench"
approver = "bench too"
[[instrument]]
id = "MAA"
title = "Mutual administrative assistance"
parties = [{parties}]
[[rule]]
id = "everything-but-names"
effect = "grant"
mode = "replicate"
groups = ["non-nominal"]
legal = ["MAA"]
"""
START_SECONDS = 30.0


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Federation:
    """Homes of nodes that have joined one directory. `urls` are what peers use (a proxy's address, perhaps)."""

    folder: Path
    homes: dict[str, Home] = field(default_factory=dict)
    listen: dict[str, int] = field(default_factory=dict)
    processes: dict[str, psutil.Popen] = field(default_factory=dict)

    @classmethod
    def found(
        cls, folder: Path, ids: Sequence[str], *, databases: dict[str, str] | None = None, urls: dict[str, str] | None = None,
        listeners: Sequence[str] | None = None, poll: float = 60.0,
    ) -> Federation:  # fmt: skip
        """Make homes for `ids`; only `listeners` (default: all) have an address in the directory."""
        now = int(time.time())
        federation = cls(folder)
        fingerprint = authority.init(folder / "authority", fed="bench", now=now, regions=["ESA"])
        for name in ids:
            port = free_port()
            federation.listen[name] = port
            url = (urls or {}).get(name, f"http://127.0.0.1:{port}")
            if listeners is not None and name not in listeners:
                url = ""
            settings = Settings(
                home=folder / name, id=name, name=name, country=name, region="ESA", url=url,
                listen=f"127.0.0.1:{port}", database=(databases or {}).get(name, "sqlite:///node.db"), poll_seconds=poll,
                log_level="warning",
            )  # fmt: skip
            founding.init(settings)
            home = open_home(folder / name)
            federation.homes[name] = home
            authority.add(folder / "authority", founding.card(settings, home.signer, now=now), roles=["member"])
        authority.publish(folder / "authority", now=now)
        repository = folder / "authority" / "repository"
        root = (repository / "metadata" / "1.root.json").read_bytes()
        parties = ", ".join(f'"{name}"' for name in ids)
        for name, home in federation.homes.items():
            home.membership.mirror.first_trust(root, fingerprint)
            home.membership.mirror.refresh(folder_fetch(repository), now=now)
            body = POLICY.format(id=name, parties=parties)
            with home.database.write() as connection:
                policies.activate(connection, version=1, body=body, author="bench", by="bench too", now=now)
        return federation

    def draft(self, name: str, count: int) -> list[int]:
        """Put synthetic seizures into a node's drafts."""
        home, now = self.homes[name], int(time.time())
        new = (
            drafts.NewDraft(
                kind="seizure", administration=name, reference=f"SZ-{number:08d}", groups=seizure(number, name),
                content_hash=f"{number:043d}",
            )
            for number in range(count)
        )  # fmt: skip
        with home.database.write() as connection:
            drafts.put(connection, new, now=now)
        with home.database.read() as connection:
            return drafts.waiting(connection)

    def release(self, name: str, ids: list[int]) -> float:
        """Release drafts, and how many seconds it took."""
        home = self.homes[name]
        publisher = home.publisher()
        began = time.perf_counter()
        for report in publisher.release(home.database, ids, by="bench", second=None, now=int(time.time())):
            if report.refused:
                raise SystemExit(f"a synthetic record was refused: {report.refused[0]}")
        return time.perf_counter() - began

    def start(self, name: str) -> None:
        """Start a node's server process and wait until it answers."""
        command = [sys.executable, "-m", "node", "--home", str(self.folder / name), "serve"]
        self.processes[name] = psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{self.listen[name]}/health/live", trust_env=False).status_code == 200:
                    return
            if self.processes[name].poll() is not None:
                raise SystemExit(f"the server of {name} ended with status {self.processes[name].returncode}")
            time.sleep(0.02)
        raise SystemExit(f"the server of {name} does not answer")

    def received(self, name: str, sender: str, lane: str = "bulk") -> int:
        """How far a node has a peer's lane."""
        with self.homes[name].database.read() as connection:
            row = feeds.in_feed(connection, sender, "urgent" if lane == "urgent" else "bulk")
        return 0 if row is None else row.size

    def confirmed(self, name: str, recipient: str) -> int:
        """How much of a node's bulk lane to a peer is confirmed by receipt."""
        with self.homes[name].database.read() as connection:
            row = feeds.out_feed(connection, recipient, "bulk")
        return 0 if row is None else row.receipt_size

    def peak_rss_mb(self, name: str) -> float:
        """The sum of the peak resident sizes of a server's process tree, in MB."""
        process = self.processes[name]
        total = 0
        for member in [process, *process.children(recursive=True)]:
            status = Path(f"/proc/{member.pid}/status").read_text()
            total += next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM"))
        return total / 1024

    def stop(self) -> None:
        """End the server processes that were started here, and close the databases."""
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(10)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(10)
        for home in self.homes.values():
            home.database.close()


@contextlib.contextmanager
def running(federation: Federation, *names: str) -> Iterator[Federation]:
    """Run the servers of these nodes, and end them."""
    try:
        for name in names:
            federation.start(name)
        yield federation
    finally:
        federation.stop()
