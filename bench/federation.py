"""Two or more real nodes for measuring: homes, a directory, a policy that shares, server processes on loopback.

Everything is what an operator would run: homes made by `init`, a directory published by an authority, servers started
with `python -m node --home DIR serve`. Only the drafts are put straight into the database, and only what is to be
observed from outside (how far a feed is, what a process weighs) is read from the databases and from /proc.
"""

from __future__ import annotations

import contextlib
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import psutil

from bench.data import seizure
from bench.figures import tell
from crypto.signer import FileSigner
from federation.addresses import LOOPBACK
from federation.nodecard import make_card
from federation.trust import folder_fetch
from node.app import Home, open_home
from node.services import authority, founding, indexing
from node.settings import Settings
from node.storage import drafts, feeds, policies, quarantine, records

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

# The twelve full groups of the synthetic seizures, and what an alert is made of; the reduced forms stay at home.
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
id = "full-groups"
effect = "grant"
mode = "replicate"
groups = [
  "case", "place", "control", "transport", "cargo_ids", "route", "goods", "quantity", "value", "right", "method",
  "assessment", "headline", "subject", "pattern",
]
legal = ["MAA"]
"""
COMMAND = (sys.executable, "-m", "node")
START_SECONDS = 60.0
DRAFTS_AT_ONCE = 1_000


class BenchFailed(Exception):  # noqa: N818 - the name is the sentence
    """What was to be measured did not happen; a figure for it would be wrong."""


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@dataclass
class Federation:
    """Homes of nodes that have joined one directory."""

    folder: Path
    homes: dict[str, Home] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    processes: dict[str, psutil.Popen] = field(default_factory=dict)
    peaks: dict[str, dict[int, int]] = field(default_factory=dict)

    @classmethod
    def found(
        cls,
        folder: Path,
        ids: Sequence[str],
        *,
        only_listed: Sequence[str] = (),
        databases: Mapping[str, str] | None = None,
        ports: Mapping[str, int] | None = None,
        urls: Mapping[str, str] | None = None,
        poll: float = 60.0,
    ) -> Federation:
        """Make homes for `ids`; `only_listed` are members with keys and without home, server and address.

        `urls` are the addresses that peers use, where they are not those that the nodes listen on (`ports`).
        """
        now = int(time.time())
        federation = cls(folder)
        office = folder / "authority"
        fingerprint = authority.init(office, fed="bench", now=now, regions=["ESA"])
        for name in ids:
            port = federation.ports[name] = (ports or {}).get(name) or free_port()
            settings = Settings(
                home=folder / name,
                id=name,
                name=name,
                country=name,
                region="ESA",
                url=(urls or {}).get(name, f"http://127.0.0.1:{port}"),
                listen=f"127.0.0.1:{port}",
                database=(databases or {}).get(name, "sqlite:///node.db"),
                poll_seconds=poll,
                log_level="warning",
                allow_addresses=LOOPBACK,
            )
            founding.init(settings)
            home = federation.homes[name] = open_home(folder / name)
            authority.add(office, home.card(), roles=["member"])
        for name in only_listed:
            signers = {use: FileSigner.generate() for use in founding.USES}
            card = make_card(
                node=name, name=name, kind="administration", country=name, region="ESA", endpoints=[],
                signers=signers, now=now,
            )  # fmt: skip
            authority.add(office, card, roles=["member"])
        authority.publish(office, now=now)
        root = (office / "repository" / "metadata" / "1.root.json").read_bytes()
        parties = ", ".join(f'"{name}"' for name in [*ids, *only_listed])
        for name, home in federation.homes.items():
            home.membership.mirror.first_trust(root, fingerprint)
            home.membership.mirror.refresh(folder_fetch(office / "repository"), now=now)
            body = POLICY.format(id=name, parties=parties)
            with home.database.write() as connection:
                policies.activate(connection, version=1, body=body, author="bench", by="bench too", now=now)
        return federation

    def draft(self, name: str, count: int) -> list[int]:
        """Put synthetic seizures into a node's drafts and return their row ids."""
        home, now = self.homes[name], int(time.time())
        for start in range(0, count, DRAFTS_AT_ONCE):
            new = [
                drafts.NewDraft(
                    kind="seizure",
                    administration=name,
                    reference=f"SZ-{number:08d}",
                    groups=seizure(number, name),
                    content_hash=f"{number:043d}",
                )
                for number in range(start, min(count, start + DRAFTS_AT_ONCE))
            ]
            with home.database.write() as connection:
                drafts.put(connection, new, now=now)
        with home.database.read() as connection:
            return drafts.waiting(connection)

    def release(self, name: str, ids: Sequence[int]) -> None:
        """Release drafts as the command line does."""
        home = self.homes[name]
        now = int(time.time())
        for report in home.publisher().release(home.database, ids, by="bench", second=None, now=now):
            if report.refused:
                raise BenchFailed(f"a synthetic record was refused: {report.refused[0]}")

    def start(self, name: str, *others: str) -> None:
        """Start a node's server process, which serves `others` under their paths too, and wait until it answers."""
        command = [*COMMAND, "--home", str(self.folder / name), "serve"]
        if others:
            command += [str(self.folder / each) for each in (name, *others)]
        with (self.folder / f"{name}.log").open("ab") as output:
            process = psutil.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.processes[name] = process
        self.peaks[name] = {}
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(
                    f"{self.address(name)}{self.homes[name].settings.served_prefix}/health/live", trust_env=False
                ).is_success:
                    return
            if process.poll() is not None:
                break
            time.sleep(0.05)
        told = (self.folder / f"{name}.log").read_text(errors="replace")[-2_000:]
        raise BenchFailed(f"the server of {name} does not answer; it said:\n{told}")

    def address(self, name: str) -> str:
        """Where a node listens."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def pause(self, name: str) -> None:
        """Stop a server in its tracks: connections to it are made and wait."""
        self.processes[name].send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a paused server go on."""
        self.processes[name].send_signal(signal.SIGCONT)

    def received(self, name: str, sender: str) -> int:
        """How much of a peer's bulk lane a node has stored."""
        with self.homes[name].database.read() as connection:
            row = feeds.in_feed(connection, sender, "bulk")
        return 0 if row is None else row.size

    def offered(self, name: str, recipient: str) -> int:
        """How long a node's bulk lane to a peer is."""
        with self.homes[name].database.read() as connection:
            row = feeds.out_feed(connection, recipient, "bulk")
        return 0 if row is None else row.size

    def confirmed(self, name: str, recipient: str) -> int:
        """How much of a node's bulk lane to a peer is confirmed by the peer's receipt."""
        with self.homes[name].database.read() as connection:
            row = feeds.out_feed(connection, recipient, "bulk")
        return 0 if row is None else row.receipt_size

    def check(self, name: str, sender: str, count: int) -> None:
        """Raise unless the node holds all that was sent, found by filters, and nothing stands in quarantine."""
        filters = {"node": [sender], "kind": ["seizure"], "procedure": ["import", "transit", "export"]}
        with self.homes[name].database.read() as connection:
            found = len(records.search(connection, filters=filters, limit=count + 1))
            aside = quarantine.listing(connection, state=None, limit=1)
        if found != count or aside:
            raise BenchFailed(f"{name} finds {found} of {count} records; in quarantine: {len(aside)} or more")

    def words_behind(self, name: str) -> int:
        """How many records the word index of a node has yet to take in."""
        return indexing.lag(self.homes[name].database)

    def note_memory(self, name: str) -> None:
        """Look at the peak resident size of every process of a server, also of those that may end soon."""
        with contextlib.suppress(psutil.NoSuchProcess):
            process = self.processes[name]
            for member in [process, *process.children(recursive=True)]:
                with contextlib.suppress(OSError):
                    lines = Path(f"/proc/{member.pid}/status").read_text().splitlines()
                    peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)
                    self.peaks[name][member.pid] = max(peak, self.peaks[name].get(member.pid, 0))

    def peak_rss_mb(self, name: str) -> float:
        """The sum of the peak resident sizes of a server's processes, in MB (10^6 bytes)."""
        self.note_memory(name)
        return sum(self.peaks[name].values()) * 1024 / 1e6

    def stop(self, *names: str) -> None:
        """End server processes that were started here: these, or all."""
        ending = [self.processes.pop(name) for name in names or list(self.processes) if name in self.processes]
        family: list[psutil.Process] = []
        for process in ending:
            with contextlib.suppress(psutil.NoSuchProcess):
                family += process.children(recursive=True)
                process.send_signal(signal.SIGCONT)
                process.terminate()
        for process in ending:
            try:
                process.wait(10)
            except psutil.TimeoutExpired:
                process.kill()
                process.wait(10)
        _, outlived = psutil.wait_procs(family, timeout=2)
        for child in outlived:
            tell(f"the process {child.pid} of a server outlived it, and is ended")
            with contextlib.suppress(psutil.NoSuchProcess):
                child.kill()

    def close(self) -> None:
        """End all servers and close the databases."""
        self.stop()
        for home in self.homes.values():
            home.database.close()


@contextlib.contextmanager
def closing(federation: Federation) -> Iterator[Federation]:
    """End the servers and close the databases, whatever happens."""
    try:
        yield federation
    finally:
        federation.close()
