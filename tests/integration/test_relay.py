"""KE → RILO-ESA → TZ over real HTTP, the office behind a real socket, and its signed report back to KE."""

import asyncio
import time

import pytest

from federation.addresses import LOOPBACK
from node.app import Home, open_home
from node.services import authority, founding, reporting
from node.settings import Settings
from node.storage import policies, records
from tests.served import application, free_port, publish, release, serving

POLICY = """
country = "KE"
version = 1
author = "a"
approver = "b"
[[instrument]]
id = "MAA"
title = "Agreement"
[[rule]]
id = "to-the-office"
effect = "grant"
groups = ["case", "transport"]
legal = ["MAA"]
when = { node = ["RILO-ESA"] }
relay = { to = "group:ncp@1", days = 30 }
"""
HANDLING = {"tlp": "amber", "purposes": ["customs-enforcement"], "onward": "any-member", "evidence": "ask"}


def found(folder, urls):
    now = int(time.time())
    office, homes = folder / "authority", {}
    fingerprint = authority.init(office, fed="test", now=now, regions=["ESA"])
    for name, url in urls.items():
        kind = "rilo" if name.startswith("RILO") else "administration"
        made = Settings(
            home=folder / name, id=name, name=name, kind=kind, country=None if kind == "rilo" else name, region="ESA",
            url=url, verifiers=0, log_level="error", poll_seconds=3_600.0, handling=HANDLING,
            allow_addresses=LOOPBACK,
        )  # fmt: skip
        founding.init(made)
        opened = open_home(folder / name)
        homes[name] = Home(settings=made, database=opened.database, membership=opened.membership)
        authority.add(office, homes[name].card(), kind=kind)
    authority.set_group(office, "ncp", ["TZ"])
    publish(office, homes, fingerprint)
    return homes


@pytest.fixture
def homes(tmp_path):
    port = free_port()
    made = found(tmp_path, {"KE": "", "RILO-ESA": f"http://127.0.0.1:{port}", "TZ": ""})
    with made["KE"].database.write() as connection:
        policies.activate(connection, version=1, body=POLICY, author="a", by="b", now=int(time.time()))
    with serving(application(made["RILO-ESA"]), port):
        yield made
    for name in ("KE", "TZ"):
        made[name].database.close()


def exchanged(home, ask):
    async def work():
        exchange = home.exchange()
        try:
            return await ask(exchange)
        finally:
            await exchange.stop()

    return asyncio.run(work())


def test_a_record_goes_through_the_office_and_the_office_reports_it(homes):
    release(homes["KE"], ["K-1", "K-2"])
    exchanged(homes["KE"], lambda exchange: exchange.sync())
    homes["RILO-ESA"].relay()
    told = exchanged(homes["TZ"], lambda exchange: exchange.sync())
    assert told["RILO-ESA"]["problem"] is None
    with homes["TZ"].database.read() as connection:
        rows = list(connection.execute(records.visible()))
    assert [(row.iss, row.kind) for row in rows] == [("KE", "seizure")] * 2
    assert exchanged(homes["KE"], lambda exchange: exchange.relay_reports()) == {"RILO-ESA": None}
    directory = homes["KE"].membership.current()
    found_ = reporting.compare(homes["KE"].database, directory=directory, node="KE", now=int(time.time()), grace=0)
    assert (found_.expected, found_.missing, found_.beyond) == (2, (), ())
    assert set(found_.reported_at) == {"RILO-ESA"}
