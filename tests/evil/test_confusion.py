"""Each kind of signed object shown where another is expected: everything is refused but the diagonal."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from crypto import httpsig
from crypto.checkpoint import open_checkpoint
from crypto.errors import CryptoError
from crypto.merkle import CompactRange
from crypto.signer import FileSigner
from federation import bundles
from federation.auditlog import open_head, sign_head
from federation.envelope import verify_record
from federation.errors import FederationError
from federation.feed import FeedId, key_name
from federation.inventories import Summary, sign_inventory, verify_inventory
from federation.nodecard import open_card
from federation.pages import verify_page
from federation.receipts import verify_receipt
from federation.relay import sign_relay_grant, verify_relay_grant
from federation.relayreports import sign_relay_report, verify_relay_report
from node.services import officers
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation, make_node_card

FED = make_federation(["KE", "TZ", "ZA"])
PEER = EvilPeer(FED, "ZA")
FEED = PEER.feed("TZ")
FEED.put(PEER.record())
URL = "http://tz.test/cnp/1/receipts"


def request(use="http", **changed):
    """A signed request, as the one text in which its signature could be shown somewhere else."""
    body = b"{}"
    headers = {"content-type": "application/json"}
    headers |= httpsig.sign_request(
        method="POST", url=URL, headers=headers, body=body, signer=FED.signer("ZA", use), now=NOW, nonce="n" * 22
    )
    return headers


OFFICER = FileSigner.generate()
APPROVED = {"what": "policy", "version": 2, "policy": "p", "letter": "l", "preview": "v"}


class Known:
    """A database in which one officer's key is known."""

    def execute(self, _statement):
        row = SimpleNamespace(officer="Bob", public=OFFICER.public.jwk()["x"])
        return SimpleNamespace(first=lambda: row)


class Open:
    """A key to which nothing is sealed: the chunk lies open, so that its head is what is tried."""

    def seal(self, data):
        return data


SEALER = bundles.Sealer(
    fed="test", node="ZA", to="TZ", bid="A" * 22, key=Open(), signer=FED.signer("ZA", "log"), now=NOW
)
OBJECTS = {
    "approval": officers.sign(APPROVED, node="KE", officer="Bob", signer=OFFICER, now=NOW),
    "record": PEER.record().shown(),
    "receipt": PEER.receipt("TZ/ZA/bulk/0", 0, bytes(32)),
    "checkpoint": FEED.note(),
    "log checkpoint": sign_head(
        fed="test", node="ZA", compact=CompactRange().append(bytes(32)), signer=FED.signer("ZA", "log")
    ),
    "page": FEED.page().decode(),
    "chunk of a bundle": SEALER.chunk(0, "receipts", b"{}", last=True).decode("latin-1"),
    "node card": make_node_card("ZA", signers=FED.signers["ZA"]).decode(),
    "http signature": request()["signature"],
    "relay grant": sign_relay_grant(
        fed="test",
        iss="ZA",
        rid="r",
        ver=1,
        jh="A" * 43,
        hub="RILO-ESA",
        group=None,
        nodes=["TZ"],
        mask=1,
        width=24,
        grant={"tlp": "green"},
        signer=FED.signer("ZA"),
        now=NOW,
        exp=NOW + 9,
    ).token,
    "relay report": sign_relay_report(
        fed="test",
        hub="ZA",
        originator="TZ",
        after=0,
        until=0,
        more=False,
        passed=[],
        signer=FED.signer("ZA", "log"),
        now=NOW,
    ),
    "inventory": sign_inventory(
        fed="test",
        iss="ZA",
        to="TZ",
        part="root",
        summary=Summary.of([]),
        notes={},
        signer=FED.signer("ZA", "log"),
        now=NOW,
    ),
}


def read_checkpoint(text):
    return open_checkpoint(
        text, origin=FeedId("ZA", "TZ", "bulk", 0).origin("test"), key_name=key_name("test", "ZA"),
        keys=FED.directory.keys_of("ZA", "log"),
    )  # fmt: skip


def read_http(text):
    headers = request() | {"signature": text}
    nonces = SimpleNamespace(remember=lambda *_: True)
    return httpsig.verify_request(
        method="POST", url=URL, authority="tz.test", headers={"content-type": "application/json", **headers}, body=b"{}",  # noqa: E501 - a row of a table
        key_for=lambda kid: FED.directory.key(kid, use="http", at=NOW).public, nonces=nonces, now=NOW,
    )  # fmt: skip


def read_chunk(text):
    """A chunk as it lies in a file, or any other object as the head of one."""
    plain = text.encode("latin-1" if text.startswith("cnp-chunk") else "utf-8")
    framed = next(iter(bundles.frames(plain))).sealed if plain.startswith(bundles.MARK) else plain.strip() + b"\n{}"
    return bundles.open_chunk(framed, directory=FED.directory, node="TZ", now=NOW)


READERS = {
    "approval": lambda text: officers.verify(Known(), text, APPROVED, node="KE", now=NOW),
    "record": lambda text: verify_record(text, directory=FED.directory, now=NOW),
    "receipt": lambda text: verify_receipt(text, directory=FED.directory, now=NOW),
    "checkpoint": read_checkpoint,
    "log checkpoint": lambda text: open_head(text, fed="test", node="ZA", keys=FED.directory.keys_of("ZA", "log")),
    "page": lambda text: verify_page(
        text.encode(), directory=FED.directory, recipient="TZ", start=CompactRange(), now=NOW
    ),
    "chunk of a bundle": read_chunk,
    "node card": lambda text: open_card(text.encode()),
    "http signature": read_http,
    "relay grant": lambda text: verify_relay_grant(text, directory=FED.directory, now=NOW),
    "relay report": lambda text: verify_relay_report(text, directory=FED.directory, hub="ZA", originator="TZ", now=NOW),
    "inventory": lambda text: verify_inventory(text, directory=FED.directory, now=NOW),
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", OBJECTS)
def test_a_signed_object_counts_only_as_what_it_is(kind, reader):
    if kind == reader:
        READERS[reader](OBJECTS[kind])
        return
    with pytest.raises((FederationError, CryptoError, officers.NotApproved)):
        READERS[reader](OBJECTS[kind])


PARTS = {
    "the JWT of a record as a receipt": lambda: READERS["receipt"](PEER.record(groups={}).jwt),
    "a receipt as a record without disclosures": lambda: READERS["record"](OBJECTS["receipt"] + "~"),
    "the payload of a receipt under the type of a record": lambda: READERS["record"](
        PEER.receipt("TZ/ZA/bulk/0", 0, bytes(32), signer=PEER.signers["record"], typ="cnp-record+sd-jwt") + "~"
    ),
    "the claims of a record under the type of a receipt": lambda: READERS["receipt"](
        PEER.record(groups={}, header={"typ": "cnp-receipt+jwt"}, signer=PEER.signers["log"]).jwt
    ),
    "a receipt signed with the record key": lambda: READERS["receipt"](
        PEER.receipt("TZ/ZA/bulk/0", 0, bytes(32), signer=PEER.signers["record"])
    ),
    "a receipt signed with the http key": lambda: READERS["receipt"](
        PEER.receipt("TZ/ZA/bulk/0", 0, bytes(32), signer=PEER.signers["http"])
    ),
    "a request signed with the record key": lambda: read_http_of("record"),
    "a request signed with the log key": lambda: read_http_of("log"),
    "a receipt as the head of a chunk": lambda: read_chunk(OBJECTS["receipt"]),
    "the claims of a receipt under the type of a chunk": lambda: read_chunk(
        PEER.receipt("TZ/ZA/bulk/0", 0, bytes(32), typ="cnp-chunk+jwt")
    ),
    "a chunk signed with the http key": lambda: read_chunk(
        replace(SEALER, signer=FED.signer("ZA", "http")).chunk(0, "page", b"{}", last=True).decode("latin-1")
    ),
    "a checkpoint signed with the record key": lambda: read_checkpoint(FEED.note(signer=PEER.signers["record"])),
    "a relay grant as a record": lambda: READERS["record"](
        PEER.jws({"fed": "test", "iss": "ZA", "rid": "x"}, typ="cnp-relay+jwt") + "~"
    ),
}


def read_http_of(use):
    headers = request(use)
    nonces = SimpleNamespace(remember=lambda *_: True)
    return httpsig.verify_request(
        method="POST", url=URL, authority="tz.test", headers={"content-type": "application/json", **headers}, body=b"{}",  # noqa: E501 - a row of a table
        key_for=lambda kid: FED.directory.key(kid, use="http", at=NOW).public, nonces=nonces, now=NOW,
    )  # fmt: skip


@pytest.mark.parametrize("sentence", PARTS)
def test_an_object_made_to_look_like_another_is_refused(sentence):
    with pytest.raises((FederationError, CryptoError)):
        PARTS[sentence]()
