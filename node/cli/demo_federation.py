"""The federation of the demonstration: who plays, where they live, and the commands that each of them gives."""

from __future__ import annotations

import contextlib
import io
import json
import re
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import httpx

from node.app import Home, open_home
from node.cli.demo_checks import Check
from node.settings import config_folder
from node.storage import feeds, quarantine, records
from node.storage.tables import draft

if TYPE_CHECKING:
    from collections.abc import Callable, Collection
    from pathlib import Path

    from rich.console import Console

START_SECONDS: Final = 120.0
LOOK_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 60.0
"""How long a chapter waits for what has to come over the network, before it says that it did not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """One node of the demonstration."""

    id: str
    name: str
    kind: str
    region: str
    policy: str
    says: str
    """Its policy in one sentence."""


PLAYERS: Final = (
    Player(id="GB", name="United Kingdom", kind="administration", region="EUR", policy="region-goods.toml",
           says="goods and routes with its region; what endangers health with everybody"),
    Player(id="FR", name="France", kind="administration", region="EUR", policy="route-partners.toml",
           says="everything but nominal groups with the countries on the route"),
    Player(id="HK", name="Hong Kong, China", kind="administration", region="AP", policy="hit-only.toml",
           says="with most members only that something is held"),
    Player(id="RILO-WE", name="RILO Western Europe", kind="rilo", region="EUR", policy="rilo.toml",
           says="the regional office: receives the non-nominal form from everybody"),
)  # fmt: skip
ADMINISTRATIONS: Final = tuple(player for player in PLAYERS if player.kind == "administration")
AUTHORITY: Final = "RILO-WE"
OPERATION: Final = ("joint-operation", "HK")
"""A named group of the directory, and its one member beside the countries that know each other anyway."""
ORIGINATOR: Final = "GB"
"""Whose records may be passed on to that group, if a rule of its policy says so."""


class CommandFailed(Exception):  # noqa: N818 - the name is the sentence
    """A command of the product ended with an error; the message has what it said."""


@dataclass(slots=True)
class Demonstration:
    """Homes, server processes and commands."""

    folder: Path
    console: Console
    bulletin: Path
    """Where the page of the last chapter is written."""
    _ports: dict[str, int] = field(default_factory=dict)
    _servers: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    _moved: dict[str, Path] = field(default_factory=dict)
    _homes: dict[str, Home] = field(default_factory=dict)
    released: int = 0
    imported: int = 0

    def home(self, node: str) -> Path:
        """The folder of a node."""
        return self._moved.get(node, self.folder / node.lower())

    def move(self, node: str, home: Path) -> None:
        """From now on the node lives in another folder; its server has to be stopped first."""
        if node in self._homes:
            self._homes.pop(node).close()
        self._moved[node] = home

    def url(self, node: str) -> str:
        """The address of a node."""
        return f"http://127.0.0.1:{self._ports[node]}"

    def opened(self, node: str) -> Home:
        """The parts of a node, for reading what it holds."""
        if node not in self._homes:
            self._homes[node] = open_home(self.home(node))
        return self._homes[node]

    def command(self, node: str, *words: str) -> str:
        """Give a command as this node's officer would, and return what it prints.

        It is the command line's own function, in this process: starting Python anew for each of the commands would
        take longer than all that they do.
        """
        from node.cli.main import run

        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(["--home", str(self.home(node)), *words])
        if status:
            said = err.getvalue().strip() or out.getvalue().strip()
            raise CommandFailed(f"tidewaiter {' '.join(words)} (as {node}): {said}")
        return out.getvalue()

    def told(self, node: str, *words: str) -> Any:
        """What a command answers with `--json`."""
        return json.loads(self.command(node, *words, "--json").splitlines()[-1])

    def say(self, text: str) -> None:
        """A few sentences of the story."""
        self.console.print(text, markup=False, highlight=False)

    def found(self) -> None:
        """Make the homes and the directory; everybody joins by the root's fingerprint."""
        self.console.print("making four homes, a development directory and its keys")
        for player in PLAYERS:
            self._ports[player.id] = _free_port()
        for player in PLAYERS:
            self._found(player)
        self.command(AUTHORITY, "directory", "init", "--fed", "demonstration")
        for player in PLAYERS:
            self.command(AUTHORITY, "directory", "add", str(self._card(player)))
        self.command(AUTHORITY, "directory", "group", *OPERATION)
        self.command(AUTHORITY, "directory", "publish")

    def _card(self, player: Player) -> Path:
        return self.home(player.id) / "card.json"

    def _found(self, player: Player) -> None:
        words = ["init", "--node", player.id, "--name", player.name, "--kind", player.kind, "--region", player.region]
        words += ["--listen", f"127.0.0.1:{self._ports[player.id]}", "--url", self.url(player.id)]
        self.command(player.id, *words)
        if player.id == ORIGINATOR:
            with (self.home(player.id) / "node.toml").open("a", encoding="utf-8") as settings:
                settings.write(f'\n[handling]\nonward = "group:{OPERATION[0]}@1"\n')
        self._card(player).write_text(self.command(player.id, "node", "card"), "utf-8")

    def start(self) -> None:
        """Start the four servers; the three administrations join through the fourth's address."""
        self.console.print("starting four nodes, each a process of its own with its own SQLite database")
        self.serve(AUTHORITY)
        self._wait_ready(AUTHORITY, live=True)
        fingerprint = _fingerprint(self.home(AUTHORITY))
        for player in ADMINISTRATIONS:
            self.command(player.id, "join", self.url(AUTHORITY), "--root", fingerprint, "--yes")
            self.serve(player.id)
        for player in PLAYERS:
            self._wait_ready(player.id)

    def serve(self, node: str, *, wait: bool = False) -> None:
        """Start the server of a node, and if told so wait until it is ready."""
        log = (self.home(node) / "server.log").open("wb")
        line = [sys.executable, "-m", "node", "--home", str(self.home(node)), "serve"]
        self._servers[node] = subprocess.Popen(line, stdout=log, stderr=subprocess.STDOUT)  # noqa: S603 - our own command
        log.close()
        if wait:
            self._wait_ready(node)

    def stop_server(self, node: str) -> None:
        """End one server, as a power cut would not: it closes its database."""
        self._end([self._servers.pop(node)])

    @staticmethod
    def _end(servers: Collection[subprocess.Popen[bytes]]) -> None:
        for server in servers:
            if server.poll() is None:
                server.terminate()
        for server in servers:
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(10)
            if server.poll() is None:
                server.kill()
                server.wait()

    def _wait_ready(self, node: str, *, live: bool = False) -> None:
        address = self.url(node) + ("/health/live" if live else "/health/ready")
        with httpx.Client(trust_env=False, verify=False) as client:  # noqa: S501 - plain HTTP, to our own child

            def answers() -> bool:
                if self._servers[node].poll() is not None:
                    raise CommandFailed(f"the server of {node} has ended; see {self.home(node) / 'server.log'}")
                with contextlib.suppress(httpx.HTTPError):
                    return client.get(address).is_success
                return False

            if self.until(answers, START_SECONDS):
                return
        raise CommandFailed(f"the server of {node} is not ready; see {self.home(node) / 'server.log'}")

    def fill(self) -> None:
        """Everybody activates its policy; the administrations import their published seizures."""
        for player in PLAYERS:
            self._activate(player)
        for player in ADMINISTRATIONS:
            self._import(player)

    def _activate(self, player: Player) -> None:
        policy = self.home(player.id) / "policy.toml"
        text = (config_folder() / "policies" / player.policy).read_text("utf-8")
        # The samples stand for any administration; here they get the name of this one.
        policy.write_text(text.replace("RILO-XX", player.id).replace('"XX"', f'"{player.id}"'), "utf-8")
        self.command(
            player.id,
            "policy",
            "activate",
            str(policy),
            "--by",
            f"first officer of {player.id}",
            "--second",
            f"second officer of {player.id}",
            "--yes",
        )
        self.console.print(f"  {player.id:<8} policy {player.policy:<20} {player.says}")

    def _import(self, player: Player) -> None:
        sample = self.home(player.id) / "published-ipr-seizures.csv"
        sample.write_bytes((config_folder() / "samples" / "published-ipr-seizures.csv").read_bytes())
        mapping = config_folder() / "mappings" / "published-seizures.toml"
        printed = self.command(player.id, "import", str(sample), "--mapping", str(mapping), "--json")
        counts = json.loads(printed.splitlines()[-1])
        self.imported += counts["imported"]
        self.console.print(
            f"  {player.id:<8} imported {counts['imported']} of {counts['records']} published seizures"
            f" ({counts['skipped']} are other administrations', {counts['warnings']} warnings)"
        )

    def publish(self) -> None:
        """Release everything; then each contact point publishes an alert drawn from one of its seizures."""
        for player in ADMINISTRATIONS:
            self._publish(player)
        self.released = sum(self._released(player.id) for player in ADMINISTRATIONS)

    def _publish(self, player: Player) -> None:
        by = f"contact point of {player.id}"
        self.command(player.id, "release", "--all", "--by", by)
        seizure = self.first_reference(player.id)
        drawn = json.loads(self.command(player.id, "alert", "new", "--from", seizure, "--json"))
        self.command(player.id, "alert", "publish", drawn["reference"], "--by", by)
        self.console.print(f"  {player.id:<8} released its seizures and published the alert {drawn['reference']}")

    def first_reference(self, node: str) -> str:
        """The seizure that this node draws its alert from."""
        with self.opened(node).database.read() as connection:
            found = list(connection.execute(draft.select().where(draft.c.kind == "seizure").order_by(draft.c.id)))
        # An alert is worth most where somebody may be harmed.
        dangerous = [row.reference for row in found if '"health_safety":true' in row.groups]
        return str((dangerous or [row.reference for row in found])[0])

    def _released(self, node: str) -> int:
        with self.opened(node).database.read() as connection:
            return len(list(connection.execute(draft.select().where(draft.c.state == "released"))))

    def wait_for_receipts(self, limit: float) -> bool:
        """Wait until every feed is confirmed to its last entry."""
        self.console.print("waiting until every feed has its receipt")
        return self.until(self.confirmed, limit)

    def confirmed(self) -> bool:
        """Whether every feed is confirmed to its last entry."""
        return all(row.receipt_size == row.size for player in PLAYERS for row in self.out_feeds(player.id))

    @staticmethod
    def until(holds: Callable[[], bool], limit: float = PATIENCE_SECONDS) -> bool:
        """Wait until something holds; False if it does not within `limit` seconds."""
        deadline = time.monotonic() + limit
        while time.monotonic() < deadline:
            if holds():
                return True
            time.sleep(LOOK_SECONDS)
        return holds()

    def versions(self, node: str, iss: str, rid: str) -> dict[int, str]:
        """Version → state, of what a node has of a record."""
        with self.opened(node).database.read() as connection:
            return {row.ver: row.state for row in records.by_key(connection, iss, rid)}

    def out_feeds(self, node: str) -> list[Any]:
        """The feeds that a node has given."""
        with self.opened(node).database.read() as connection:
            return list(feeds.out_feeds(connection))

    def totals(self) -> dict[str, int]:
        """What the last line tells."""
        entries = receipts = received = held = 0
        for player in PLAYERS:
            for row in self.out_feeds(player.id):
                entries += row.size
                receipts += row.receipt is not None
            with self.opened(player.id).database.read() as connection:
                received += sum(row.size for row in feeds.in_feeds(connection))
                held += len(quarantine.listing(connection))
        return {
            "imported": self.imported, "released": self.released, "entries": entries, "received": received - held,
            "quarantined": held, "receipts": receipts,
        }  # fmt: skip

    def searches(self) -> list[Check]:
        """An officer of each peer looks for what the others shared, with the product's own search."""
        checks = []
        for node, words in (
            ("FR", ["--node", "GB"]),
            ("GB", ["--kind", "alert"]),
            ("RILO-WE", ["--kind", "seizure"]),
        ):
            answer = json.loads(self.command(node, "search", *words, "--purpose", "customs-enforcement", "--json"))
            hits = answer["records"]
            detail = f"{len(hits)} hits, first: {hits[0]['title']}" if hits else "no hit"
            checks.append(Check(f"an officer of {node} finds {' '.join(words)}", bool(hits), detail))
        return checks

    def stop(self) -> None:
        """End the servers that were started here."""
        for home in self._homes.values():
            home.close()
        self._end(self._servers.values())


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _fingerprint(home: Path) -> str:
    """The fingerprint that the authority's people would read out over the telephone."""
    from node.services.authority import root_fingerprint

    return re.sub(r"\s", "", root_fingerprint(home / "authority"))
