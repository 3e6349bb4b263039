"""A node's home for tests: real keys, directory and database, made once a run and copied for each test."""

from __future__ import annotations

import shutil
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from federation.trust import folder_fetch
from node.app import Home, open_home
from node.services import authority, founding
from node.settings import Settings
from tests.factories import make_node_card, make_signers

if TYPE_CHECKING:
    from pathlib import Path

NOW = int(time.time())
"""When the run began: python-tuf compares the directory with the real clock and takes no other."""
NODE = "KE"
PEERS = ("GB", "RILO-ESA", "TZ", "ZA")


@dataclass
class Clock:
    """A clock that stands still until a test moves it."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@pytest.fixture(scope="session")
def home_template(tmp_path_factory) -> Path:
    """The home of KE in a federation with four others, who are listed and answer nothing."""
    base = tmp_path_factory.mktemp("federation")
    fingerprint = authority.init(base / "authority", fed="test", now=NOW, regions=["ESA", "EUR"])
    settings = Settings(
        home=base / NODE, id=NODE, name="Office of KE", country=NODE, region="ESA", url="http://127.0.0.1:1"
    )
    founding.init(settings)
    home = open_home(settings.home, clock=Clock())
    authority.add(base / "authority", founding.card(settings, home.signer, now=NOW), roles=["member"])
    for peer in PEERS:
        authority.add(base / "authority", make_node_card(peer, signers=make_signers(), now=NOW), roles=["member"])
    authority.publish(base / "authority", now=NOW, lifetime=10 * 86_400)
    root = (base / "authority" / "repository" / "metadata" / "1.root.json").read_bytes()
    home.membership.mirror.first_trust(root, fingerprint)
    home.membership.mirror.refresh(folder_fetch(base / "authority" / "repository"), now=NOW)
    with home.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    home.database.close()
    return settings.home


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def home(home_template, tmp_path, clock):
    """The opened home of KE, a member of a federation, with an empty database and no policy."""
    shutil.copytree(home_template, tmp_path / NODE)
    opened: Home = open_home(tmp_path / NODE, clock=clock)
    yield opened
    opened.database.close()
