"""Nodes for tests that speak over real sockets on loopback: homes that have joined one directory, and their servers."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from federation.addresses import LOOPBACK
from federation.trust import folder_fetch
from node.api.wire import BoundedHead
from node.app import Home, build, open_home
from node.services import authority, founding
from node.settings import Settings
from node.storage import drafts, policies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

GROUPS: Final = {
    "case": {"reference": "R-1", "administration": "KE"},
    "transport": {"conveyance": "sea"},
    "method": {"cover_load": "tiles"},
}
POLICY: Final = """
country = "{node}"
version = 1
author = "a"
approver = "b"
[[instrument]]
id = "MAA"
title = "Agreement"
parties = [{parties}]
[[rule]]
id = "two-groups"
effect = "grant"
mode = "replicate"
groups = ["case", "transport"]
legal = ["MAA"]
"""
DRAFT: Final = {"kind": "seizure", "content_hash": "x"}


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def found(folder: Path, urls: Mapping[str, str], **settings: Any) -> dict[str, Home]:
    """Homes by node id, members of one federation, each with a policy that shares two groups with everybody.

    `urls` are the addresses in the directory; an empty one is a node behind a firewall.
    """
    now = int(time.time())
    office = folder / "authority"
    fingerprint = authority.init(office, fed="test", now=now, regions=["ESA"])
    homes = {}
    for name, url in urls.items():
        made = Settings(
            home=folder / name, id=name, name=name, country=name, region="ESA", url=url, verifiers=0,
            log_level="error", poll_seconds=3_600.0, allow_addresses=LOOPBACK, **settings,
        )  # fmt: skip
        founding.init(made)
        homes[name] = Home(
            settings=made, database=(opened := open_home(folder / name)).database, membership=opened.membership
        )
        authority.add(office, homes[name].card(), roles=["member"])
    publish(office, homes, fingerprint)
    for name, home in homes.items():
        with home.database.write() as connection:
            body = POLICY.format(node=name, parties=", ".join(f'"{each}"' for each in urls))
            policies.activate(connection, version=1, body=body, author="a", by="b", now=now)
    return homes


def publish(office: Path, homes: Mapping[str, Home], fingerprint: str) -> None:
    """Publish the authority's draft and let every home trust it."""
    now = int(time.time())
    authority.publish(office, now=now)
    root = (office / "repository" / "metadata" / "1.root.json").read_bytes()
    for home in homes.values():
        home.membership.mirror.first_trust(root, fingerprint)
        home.membership.mirror.refresh(folder_fetch(office / "repository"), now=now)


def release(home: Home, references: Sequence[str]) -> None:
    """Release one seizure a reference, as the command line does."""
    now = int(time.time())
    new = [
        drafts.NewDraft(administration=home.settings.id, reference=reference, groups=GROUPS, **DRAFT)
        for reference in references
    ]
    with home.database.write() as connection:
        drafts.put(connection, new, now=now)
        ids = drafts.waiting(connection)
    for report in home.publisher().release(home.database, ids, by="officer", second=None, now=now):
        assert not report.refused


@contextlib.contextmanager
def serving(app: Any, port: int) -> Iterator[None]:
    """The application behind a real socket on loopback."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=port, http=BoundedHead, ws="none", lifespan="on", log_config=None,
        access_log=False, server_header=False, date_header=False, proxy_headers=False,
    )  # fmt: skip
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.started
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(20)


def application(home: Home) -> Any:
    """What `tidewaiter serve` serves."""
    return build(home)
