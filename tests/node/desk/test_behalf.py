"""A regional office enters records for an administration without a node, from the file to a peer, and for no other."""

import json

import pytest
from sqlalchemy import select

from node.services import bodies
from node.services.desk import behalf
from node.services.import_store import import_file
from node.services.search import CriteriaRefused
from node.storage import drafts
from node.storage.tables import disclosure, record
from tests.factories import make_federation
from tests.federated import Nodes
from tests.node.desk.test_queue import SEIZURE

HUB = "RILO-ESA"
FED = make_federation(["KE", "TZ", HUB])
LATER = make_federation(["KE", "TZ", "BW", HUB])
FILE = (
    "reference,administration,entered_by,seized_on,wco_category\n"
    "BW-1,BW,somebody,2025-03-04,footwear\n"
    "BW-2,BW,,2025-03-05,footwear\n"
    "KE-1,KE,,2025-03-05,footwear\n"
)


@pytest.fixture
def nodes(make_database):
    made = Nodes(FED, make_database, HUB, "TZ")
    made.policy(HUB, {"groups": "non-nominal", "when": {"node": ["TZ"], "kind": ["seizure"]}})
    return made


def bring_in(nodes, tmp_path, administration="BW"):
    file = tmp_path / "seizures.csv"
    file.write_text(FILE, "utf-8")
    return import_file(
        nodes.databases[HUB], file, node=HUB, administration=administration, entered_by=HUB, mapping=None,
        now=nodes.now, accept_guess=True,
    )  # fmt: skip


def release(nodes):
    nodes.now += 1
    with nodes.databases[HUB].read() as connection:
        ids = drafts.waiting(connection)
    return release_these(nodes, ids)


def release_these(nodes, ids):
    return list(nodes.publisher(HUB).release(nodes.databases[HUB], ids, by="o", second=None, now=nodes.now))


def listed(nodes, **more):
    return behalf.on_behalf(
        nodes.databases[HUB], directory=nodes.fed.directory, node=HUB, by="o", purpose=None, now=nodes.now, **more
    )


def test_what_an_office_enters_goes_from_the_file_to_a_peer_under_both_names(nodes, tmp_path):
    assert bring_in(nodes, tmp_path).counts.imported == 2
    (report,) = release(nodes)
    assert (report.released, report.refused) == (2, [])
    nodes.pull("TZ", HUB)
    with nodes.databases["TZ"].read() as connection:
        rows = connection.execute(select(record).order_by(record.c.id))
        cases = [(row.iss, bodies.read_row(row)[0]["case"]) for row in rows]
    assert [(iss, case["administration"], case["entered_by"], case["reference"]) for iss, case in cases] == [
        (HUB, "BW", HUB, "BW-1"),
        (HUB, "BW", HUB, "BW-2"),
    ]
    nodes.release(HUB, {**SEIZURE, "case": {**SEIZURE["case"], "administration": HUB}})
    first = listed(nodes, limit=1)
    second = listed(nodes, limit=1, after=first.next)
    found = [*first.rows, *second.rows]
    assert [(row.administration, row.reference, row.state, row.node) for row in found] == [
        ("BW", "BW-1", "released", None),
        ("BW", "BW-2", "released", None),
    ]
    assert second.next is None
    with nodes.databases[HUB].read() as connection:
        told = connection.scalars(select(disclosure.c.detail).where(disclosure.c.action == "search"))
        hits = [json.loads(text)["hits"] for text in told]
    assert hits == [[f"{HUB}/{row.rid}/1"] for row in found]
    with pytest.raises(CriteriaRefused):
        listed(nodes, limit=0)


def test_the_same_file_again_changes_nothing_and_a_correction_is_the_next_version(nodes, tmp_path):
    bring_in(nodes, tmp_path)
    release(nodes)
    assert bring_in(nodes, tmp_path).counts.unchanged == 2
    file = tmp_path / "seizures.csv"
    file.write_text(FILE.replace("2025-03-04,footwear", "2025-03-04,clothing"), "utf-8")
    import_file(
        nodes.databases[HUB], file, node=HUB, administration="BW", entered_by=HUB, mapping=None, now=nodes.now,
        accept_guess=True,
    )  # fmt: skip
    release(nodes)
    assert [row.ver for row in listed(nodes).rows] == [1, 2]


def test_once_the_administration_has_a_node_nothing_more_is_released_for_it(nodes, tmp_path):
    bring_in(nodes, tmp_path)
    with nodes.databases[HUB].read() as connection:
        first, second = drafts.waiting(connection)
    release_these(nodes, [first])
    nodes.fed = LATER
    (report,) = release_these(nodes, [second])
    assert report.released == 0
    assert "has a node of its own, BW" in report.refused[0].faults[0]
    assert [(row.reference, row.node) for row in listed(nodes).rows] == [("BW-1", "BW")]


REFUSED = {
    "an administration with a node": (HUB, "KE", "node of its own"),
    "no country": (HUB, "bw", "no country code"),
    "an administration for another": ("KE", "BW", "no regional office"),
    "a node that is not listed": ("XX", "BW", "no regional office"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_nobody_enters_for(sentence):
    node, administration, word = REFUSED[sentence]
    assert word in behalf.refusal(FED.directory, node, administration)
    assert behalf.refusal(FED.directory, HUB, "BW") is None
