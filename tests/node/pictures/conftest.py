from __future__ import annotations

import pytest

from node.services.pictures.workshop import Workshop
from node.storage.blobs import open_blobs
from tests.factories import make_federation
from tests.node.pictures.nodes import Node


@pytest.fixture(scope="session")
def workshop():
    """One worker process for all tests that do not break it."""
    made = Workshop()
    yield made
    made.close()


@pytest.fixture
def make_node(make_database, tmp_path, workshop):
    """Nodes of one federation, made when they are named: `make_node("KE")`. The first store may be given."""
    fed = make_federation(
        ["KE", "TZ", "GB", "ZA"], endpoints={n: f"http://{n.lower()}.sim" for n in ("KE", "TZ", "GB", "ZA")}
    )
    nodes: dict[str, Node] = {}

    def make(name: str, blobs=None) -> Node:
        folder = tmp_path / name
        folder.mkdir()
        store = open_blobs(f"file://{folder / 'blobs'}") if blobs is None else blobs
        return Node(name, fed, make_database(), store, workshop, folder, nodes)

    return make


@pytest.fixture
def two(make_node):
    """KE and TZ; KE grants TZ all that names nobody."""
    ke, tz = make_node("KE"), make_node("TZ")
    ke.allow('["TZ"]')
    return ke, tz
