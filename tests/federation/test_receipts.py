"""Receipts: what is signed reads back, and by whom it must be signed (the evil peer's table has the rest)."""

import pytest

from federation.errors import FederationError
from federation.feed import FeedId
from federation.receipts import MAX_LISTED, Quarantined, sign_receipt, verify_receipt
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "ZA"])


def signed(size=3, now=NOW, epoch=0, quarantined=(), total=0, node="TZ", use="log"):  # noqa: PLR0917 - a short helper
    return sign_receipt(
        fed="test", feed=FeedId("KE", "TZ", "bulk", epoch), size=size, root=bytes(32), quarantined=quarantined,
        quarantined_total=total, erased=[{"rid": "x", "ver": 1, "at": 5}], directory_version=1,
        signer=FED.signer(node, use), now=now,
    )  # fmt: skip


def test_a_receipt_reads_back():
    receipt = signed(quarantined=[Quarantined(1, "bad-signature")], total=1)
    opened = verify_receipt(receipt.token, directory=FED.directory, now=NOW)
    assert opened == receipt


def test_at_most_a_thousand_are_listed_and_all_are_counted():
    many = [Quarantined(n, "malformed") for n in range(MAX_LISTED + 5)]
    opened = verify_receipt(signed(quarantined=many, total=len(many)).token, directory=FED.directory, now=NOW)
    assert (len(opened.quarantined), opened.quarantined_total) == (MAX_LISTED, MAX_LISTED + 5)


def test_receipts_are_ordered_by_epoch_size_and_time():
    ordered = [signed(9, NOW), signed(9, NOW + 1), signed(10, NOW), signed(1, NOW, epoch=1)]
    assert sorted(ordered, key=lambda receipt: receipt.order) == ordered


BAD = {
    "by the sender of the feed": (lambda: signed(node="KE").token, "unknown-key"),
    "by a third": (lambda: signed(node="ZA").token, "unknown-key"),
    "with the record key": (lambda: signed(use="record").token, "wrong-key-use"),
    "with the http key": (lambda: signed(use="http").token, "wrong-key-use"),
    "five minutes and a second ahead": (lambda: signed(now=NOW + 301).token, "clock-skew"),
    "of a negative size": (lambda: signed(size=-1).token, "malformed"),
    "without its root": (
        lambda: EvilPeer(FED, "TZ").jws({"fed": "test"}, typ="cnp-receipt+jwt", signer=FED.signer("TZ", "log")),
        "malformed",
    ),
    "whose quarantine lists no numbers": (
        lambda: EvilPeer(FED, "TZ").receipt("KE/TZ/bulk/0", 1, b"", quarantined=[{"n": "x"}]),
        "malformed",
    ),
    "that is cut off": (lambda: signed().token.rpartition(".")[0], "malformed"),
    "that is no token": (lambda: "receipt", "malformed"),
    "that is too long": (lambda: signed().token + "A" * 300_000, "malformed"),
}


@pytest.mark.parametrize("sentence", BAD)
def test_a_receipt_is_refused(sentence):
    make, problem = BAD[sentence]
    with pytest.raises(FederationError) as refused:
        verify_receipt(make(), directory=FED.directory, now=NOW)
    assert refused.value.problem == problem
