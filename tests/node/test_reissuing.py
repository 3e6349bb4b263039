"""The originator's side of a stolen key, from its own store to a receiver that had put everything aside."""

from dataclasses import replace

import pytest
from sqlalchemy import select

from federation.errors import FederationError
from node.services import offering, reissuing, revoking
from node.services.serving import Server
from node.storage import drafts, records
from node.storage.tables import draft, record
from tests.evil.desk import Victim
from tests.factories import NOW, make_federation, make_signers
from tests.node.test_publishing import GROUPS, publisher, release
from tests.simulator.naive import shown_groups

FED = make_federation(["KE", "TZ", "GB"])
FRESH = make_signers()["record"]
LATER = NOW + 86_400


def compromised():
    """KE's key is revoked from the beginning, and another one is listed."""
    fed = FED.with_key("KE", "record", revoked={"since": NOW - 1, "reason": "stolen"})
    (entry,) = [node for node in fed.document["nodes"] if node["id"] == "KE"]
    new = {**entry["keys"][0], "kid": FRESH.kid, "x": FRESH.public.jwk()["x"]}
    new.pop("revoked")
    return fed.with_node("KE", keys=[*entry["keys"], new]).changed(version=2)


def again(fed):
    return replace(publisher(fed=fed), signer=FRESH)


def pull(victim, database, fed):
    """TZ fetches all that KE has for it."""
    for lane in ("urgent", "bulk"):
        server = Server(node="KE", directory=fed.directory, log_signer=FED.signer("KE", "log"))
        with database.read() as connection:
            page = server.page(
                connection,
                recipient="TZ",
                lane=lane,
                start=victim.desk.position(lane).size,
                limit=100,
                note=None,
                now=LATER,
            )
        victim.take(page, lane)


def live(database):
    with database.read() as connection:
        return {row.rid: (row.ver, row.title, row.mask) for row in connection.execute(records.visible())}


def test_what_a_receiver_put_aside_comes_back_as_the_next_version_with_the_same_groups(make_database):
    database, victim = make_database(), Victim(FED, make_database(), sender="KE")
    for name in ("R-1", "R-2", "R-3"):
        release(database, {**GROUPS, "case": {"reference": name, "administration": "KE"}}, reference=name, fed=FED)
    pull(victim, database, FED)
    before = live(victim.database)
    fed = compromised()
    victim.world.fed, victim.world.now = fed, LATER
    revoking.settle(victim.database, fed.directory, node="TZ", signer=FED.signer("TZ", "log"), now=LATER)
    assert live(victim.database) == {}
    done = reissuing.reissue(database, again(fed), by="officer", now=LATER)
    assert (done.records, done.recipients) == (3, {"TZ"})
    pull(victim, database, fed)
    after = live(victim.database)
    assert {rid: value[:2] for rid, value in after.items()} == {
        rid: (2, title) for rid, (_, title, _) in before.items()
    }
    assert victim.aside() == {}
    with victim.database.read() as connection:
        texts = list(connection.scalars(select(record.c.disclosures).where(record.c.ver == 2)))
    assert [shown_groups(f"x~{text}~") for text in texts] == [{"case", "transport"}] * 3
    assert reissuing.reissue(database, again(fed), by="officer", now=LATER).records == 0


def test_a_correction_after_it_counts_on_and_a_draft_that_waited_is_the_version_after(database):
    release(database, reference="R-1", fed=FED)
    new = drafts.NewDraft(
        kind="seizure", administration="KE", reference="R-1", content_hash="y",
        groups={**GROUPS, "transport": {"conveyance": "air"}},
    )  # fmt: skip
    with database.write() as connection:
        drafts.change(connection, drafts.find(connection, "KE", "seizure", ["R-1"])["R-1"], new, now=LATER)
    fed = compromised()
    reissuing.reissue(database, again(fed), by="officer", now=LATER)
    with database.read() as connection:
        assert connection.scalar(select(draft.c.ver)) == 3
        ids = drafts.waiting(connection)
    (report,) = again(fed).release(database, ids, by="officer", second=None, now=LATER + 1)
    assert report.released == 1
    with database.read() as connection:
        rows = list(connection.execute(select(record).order_by(record.c.ver)))
    assert [(row.ver, row.state) for row in rows] == [(1, "superseded"), (2, "superseded"), (3, "released")]
    assert [row.prev for row in rows] == [None, rows[0].jh, rows[1].jh]


def test_nothing_is_signed_again_with_the_key_that_was_stolen_or_one_that_nobody_knows_yet(database):
    release(database, fed=FED)
    fed = compromised()
    for wrong in (publisher(fed=fed), replace(publisher(fed=FED), signer=FRESH)):
        with pytest.raises(FederationError):
            reissuing.reissue(database, wrong, by="officer", now=LATER)
    assert [value[0] for value in live(database).values()] == [1]


def test_a_member_that_is_back_is_offered_what_was_released_while_it_was_suspended(database):
    release(database, reference="R-1", fed=FED)
    assert offering.offer_again(database, publisher(fed=FED), now=NOW) == set()
    suspended = FED.with_node("TZ", status="suspended").changed(version=2)
    assert release(database, reference="R-2", fed=suspended).recipients == set()
    assert offering.offer_again(database, publisher(fed=suspended), now=NOW) == set()
    assert offering.offer_again(database, publisher(fed=FED.changed(version=3)), now=NOW) == {"TZ"}
    assert offering.offer_again(database, publisher(fed=FED.changed(version=3)), now=NOW) == set()
