"""A node is lost and restored from its backup, over real HTTP: what a peer has of the lost days comes back."""

from __future__ import annotations

import asyncio
import time

import pytest
from sqlalchemy import select

from node.app import open_blobs_of, open_home
from node.services import backup, sealing
from node.services.checking import fsck
from node.storage import feeds, gaps, settlements
from node.storage.tables import record
from tests.served import application, found, free_port, release, serving

IDENTITY, RECIPIENT = sealing.new_identity()


def held(home, issuer="KE"):
    with home.database.read() as connection:
        rows = connection.execute(select(record.c.rid, record.c.mask).where(record.c.iss == issuer))
        return {row.rid: int(row.mask, 16) for row in rows}


async def _with_exchange(home, work):
    exchange = home.exchange()
    try:
        return await work(exchange)
    finally:
        await exchange.stop()


def sync(home):
    return asyncio.run(_with_exchange(home, lambda exchange: exchange.sync()))


def show(home):
    return asyncio.run(_with_exchange(home, lambda exchange: exchange.present_all()))


@pytest.fixture
def pair(tmp_path):
    ports = {"KE": free_port(), "TZ": free_port()}
    homes = found(tmp_path, {name: f"http://127.0.0.1:{port}" for name, port in ports.items()})
    yield homes, ports["KE"]
    homes["TZ"].database.close()


def test_a_node_that_is_restored_gets_back_what_it_lost_and_goes_on(pair, tmp_path):
    homes, port = pair
    ke, tz = homes["KE"], homes["TZ"]
    now = int(time.time())
    release(ke, ["K-1", "K-2"])
    file = tmp_path / "ke.backup"
    backup.make(file, ke.settings, ke.database, ke.blobs(), sealing.Lock(recipient=RECIPIENT), now=now)
    with serving(application(ke), port):
        release(ke, ["K-3", "K-4", "K-5"])
        assert sync(tz)["KE"]["problem"] is None
    before, whole = held(tz), held(ke)
    assert len(before) == 5
    again = tmp_path / "again"
    backup.restore(
        file, sealing.Opener(identity=IDENTITY), again, database=None, open_store=open_blobs_of, now=int(time.time())
    )
    restored = open_home(again)
    assert len(held(restored)) == 2
    with serving(application(restored), port):
        assert sync(tz)["KE"]["problem"] is None
        assert held(tz) == before
        assert set(held(restored)) == set(whole)
        # Of what it lost it has the groups that the peer was shown, and no others.
        assert {rid: mask for rid, mask in held(restored).items() if mask != whole[rid]}.items() <= before.items()
        release(restored, ["K-6"])
        sync(tz)
        assert len(held(tz)) == 6
        (shown,) = show(tz)
        assert (shown["equal"], shown["problem"]) == (True, None)
    looked = open_home(again)
    with looked.database.read() as connection:
        assert not settlements.pending(connection, "TZ")
        assert feeds.out_feed(connection, "TZ", "bulk").epoch == 1
        assert gaps.listing(connection) == []
    assert fsck(looked.database, node="KE", directory=looked.membership.current(), now=int(time.time())) == []
    looked.database.close()
