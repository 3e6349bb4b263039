"""Keys are rotated while both nodes are served, over real sockets: nothing is lost, and nobody presses a button."""

from __future__ import annotations

import time

import pytest
from sqlalchemy import select

from crypto.signer import FileSigner, RotatingSigner
from federation.nodecard import open_card
from federation.revocation import kid_of
from node.app import build
from node.services import authority, keyring, reissuing
from node.storage.tables import feed_in, quarantine, record
from tests.served import found, free_port, publish, release, serving

WAIT = 60.0
USES = ("record", "log", "http")


def until(what, seconds=WAIT):
    deadline = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)
    return result


@pytest.fixture
def pair(tmp_path):
    """KE and TZ, served; KE's directory comes from the authority's folder whenever it is published."""
    ports = {"KE": free_port(), "TZ": free_port()}
    urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    homes = found(tmp_path, urls, directory_poll_seconds=0.2)
    with serving(build(homes["KE"]), ports["KE"]), serving(build(homes["TZ"]), ports["TZ"]):
        yield tmp_path / "authority", homes


def held(home, iss="KE"):
    with home.database.read() as connection:
        rows = connection.execute(
            select(record.c.jwt, record.c.state, record.c.ver).where(record.c.iss == iss).order_by(record.c.id)
        )
        return [(kid_of(row.jwt), row.state, row.ver) for row in rows]


def kid(home, use):
    return keyring.kid_in(home.settings.home / "keys" / f"{use}.key")


def rotate(homes, office, uses, *, overlap=0):
    """What `key rotate` does, and what the authority does with the card."""
    home, now = homes["KE"], int(time.time())
    made = {
        use: keyring.begin(home.settings.home / "keys", use, secret=home.secret(), not_before=now + overlap).kid
        for use in uses
    }
    card = home.card()
    assert {key.public.kid for key in open_card(card).keys} >= {kid(home, use) for use in uses} | set(made.values())
    authority.add(office, card, replace=True)
    return made


def republish(office, homes):
    publish(office, homes, authority.root_fingerprint(office))


def test_all_keys_of_a_served_node_are_rotated_and_records_go_on_arriving(pair):
    office, homes = pair
    release(homes["KE"], ["R-1"])
    until(lambda: len(held(homes["TZ"])) == 1)
    before = {use: kid(homes["KE"], use) for use in USES}
    made = rotate(homes, office, USES)
    time.sleep(1.5)
    assert {use: kid(homes["KE"], use) for use in USES} == before, "no key signs that the directory does not list"
    republish(office, homes)
    until(lambda: {use: homes["KE"].signer(use).kid for use in USES} == made)
    release(homes["KE"], ["R-2"])
    release(homes["TZ"], ["R-9"])
    until(lambda: len(held(homes["TZ"])) == 2)
    until(lambda: len(held(homes["KE"], "TZ")) == 1)
    assert held(homes["TZ"]) == [(before["record"], "received", 1), (made["record"], "received", 1)]

    def receipts_are_signed_with_the_new_key():
        with homes["KE"].database.read() as connection:
            return kid_of(connection.scalar(select(feed_in.c.receipt).where(feed_in.c.lane == "bulk"))) == made["log"]

    until(receipts_are_signed_with_the_new_key)
    with homes["TZ"].database.read() as connection:
        assert connection.execute(select(quarantine)).all() == []
    kept = {path.name for path in (homes["KE"].settings.home / "keys").glob("*.old.key")}
    assert kept == {f"{use}.{before[use]}.old.key" for use in USES}


def test_a_key_that_waits_does_not_sign_before_its_time_and_takes_over_at_once_when_the_old_one_is_revoked(pair):
    office, homes = pair
    release(homes["KE"], ["R-1"])
    until(lambda: len(held(homes["TZ"])) == 1)
    old = kid(homes["KE"], "record")
    made = rotate(homes, office, ("record",), overlap=3_600)
    republish(office, homes)
    time.sleep(2.0)
    assert kid(homes["KE"], "record") == old, "peers are given their time"
    # In the middle of it the old key turns out to be stolen; the new one was listed with a window of its own.
    document = authority.draft(office)
    for node in document["nodes"]:
        for key in node["keys"]:
            if key["kid"] == made["record"]:
                key["nbf"] = int(time.time()) - 300
    authority._save_draft(office, document)
    authority.revoke(office, old, since=int(time.time()) - 600, reason="stolen")
    republish(office, homes)
    until(lambda: homes["KE"].signer("record").kid == made["record"])
    until(lambda: held(homes["TZ"]) == [], 20)
    reissuing.reissue(homes["KE"].database, homes["KE"].publisher(), by="officer", now=int(time.time()))
    until(lambda: held(homes["TZ"]) == [(made["record"], "received", 2)])


def test_a_waiting_key_is_not_replaced_by_accident(pair):
    office, homes = pair
    rotate(homes, office, ("log",))
    with pytest.raises(Exception, match="waits already"):
        keyring.begin(homes["KE"].settings.home / "keys", "log", secret=homes["KE"].secret(), not_before=0)


def test_a_thread_signs_with_the_key_that_it_was_told_of():
    one, other = FileSigner.generate(), FileSigner.generate()
    signer = RotatingSigner(one)
    assert signer.kid == one.kid
    signer.replace(other)
    one.public.verify(signer.sign(b"x"), b"x")
    assert signer.public == other.public
    other.public.verify(signer.sign(b"x"), b"x")
    assert "private" not in repr(signer)
