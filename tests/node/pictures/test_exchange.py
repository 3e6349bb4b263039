"""Pictures between nodes: whoever was granted gets them whole, nobody else learns that there are any."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import httpx
import pytest
from sqlalchemy import update

from crypto import httpsig
from federation.errors import FederationError, Suspended
from federation.replication import LinkDown
from node.services import attachments as service
from node.services import blob_serving, erasing, recalling, stopping, tripwires
from node.services.outgoing import Outgoing, Terms
from node.services.pictures.workshop import Workshop
from node.services.stopping import RecallRules
from node.storage import attachments, feeds, holds, policies, records
from node.storage import blobs as store_module
from node.storage.blobs import address_of
from node.storage.tables import disclosure, record
from node.storage.tables.attachments import attachment, attachment_of, original, picture_hash
from tests.pictures import corpus, difference, jpeg, markers, opened, photo, tokens

if TYPE_CHECKING:
    from tests.node.pictures.nodes import Node

GPS_PICTURE, SEEN = corpus()["EXIF with GPS and a maker note"]
UNKNOWN = "A" * 43


@pytest.fixture
def shared(two):
    """KE has released a seizure with a picture to TZ, and TZ has its record but not its picture."""
    ke, tz = two
    ke.draft("R-1")
    added = ke.add("R-1", GPS_PICTURE, view="label")
    rid = ke.release()
    tz.pull("KE")
    return ke, tz, rid, added


def withdraw(ke: Node, rid: str, mask: int = 0) -> None:
    """A `less` to TZ, by the one door."""
    row = ke.record(rid)
    with ke.database.write() as connection:
        previous = feeds.grants(connection, "KE", [rid])["TZ", rid]
        out = Outgoing(connection, recipients=["TZ"], by="a test", now=ke.now, token=bytes)
        out.append("less", row, recipient="TZ", terms=Terms(mask=mask, grant=None), row_id=None, previous=previous)
        out.write()


def test_a_picture_with_a_position_arrives_without_it_and_is_found(shared):
    ke, tz, rid, added = shared
    assert tz.view(rid).attachments.to_json() == {
        "total": 1, "here": 0, "missing": [{"sha256": added.digest, "state": "wanted"}],
    }  # fmt: skip
    done = tz.fetch()
    assert (done.arrived, done.refused, done.failed) == (2, 0, 0)
    data = tz.blobs.get(added.digest)
    assert set(markers(data)) == {0xD8, 0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0xD9}
    assert difference(opened(data), SEEN) < 4
    assert dict(opened(data).getexif()) == {}
    assert tz.view(rid).attachments.to_json() == {"total": 1, "here": 1, "missing": []}
    for _, _, sent in ke.left:
        assert not any(token in sent for token in tokens())


def test_the_perceptual_hash_is_in_no_byte_that_leaves(shared):
    ke, tz, _, _ = shared
    tz.fetch()
    (kept,) = ke.rows(picture_hash)
    (own,) = tz.rows(picture_hash)
    assert sum((a ^ b).bit_count() for a, b in zip(kept.hash, own.hash, strict=True)) <= 31
    for value in (kept.hash, own.hash):
        for form in (value, value.hex().encode(), value.hex().upper().encode(), httpsig.b64.encode(value).encode()):
            assert not any(form in sent for node in (ke, tz) for _, _, sent in node.left)


@pytest.mark.parametrize("blobs", ["folder", "S3"], indirect=True)
def test_a_node_may_keep_its_pictures_anywhere(make_node, blobs):
    ke, tz = make_node("KE"), make_node("TZ", blobs)
    ke.allow('["TZ"]')
    ke.draft("R-1")
    added = ke.add("R-1", GPS_PICTURE)
    ke.release()
    tz.pull("KE")
    assert tz.fetch().arrived == 2
    assert address_of(blobs.get(added.digest)) == added.digest


# Who may have a blob


def nothing(_ke: Node, _tz: Node, _rid: str) -> None:
    pass


def recalled(ke: Node, _tz: Node, rid: str) -> None:
    with ke.database.write() as connection:
        erasing.erase_record(connection, "KE", rid)


def less(ke: Node, _tz: Node, rid: str) -> None:
    withdraw(ke, rid)


def media_less(ke: Node, _tz: Node, rid: str) -> None:
    row = ke.record(rid)
    with ke.database.read() as connection:
        mask = int(feeds.grants(connection, "KE", [rid])["TZ", rid].mask, 16)
    opened_row = blob_serving.bodies.reopen_row(row)
    withdraw(ke, rid, mask & ~(1 << opened_row.index["media"]))


def superseded(ke: Node, _tz: Node, _rid: str) -> None:
    ke.now += 1
    ke.draft("R-1", transport={"conveyance": "air"})
    ke.release()


def over(ke: Node, _tz: Node, rid: str) -> None:
    with ke.database.write() as connection:
        connection.execute(update(record).where(record.c.rid == rid).values(keep_until=ke.now))


def restricted(ke: Node, _tz: Node, rid: str) -> None:
    with ke.database.write() as connection:
        records.set_state(connection, [ke.record(rid).id], records.RESTRICTED)


def lost(ke: Node, _tz: Node, _rid: str) -> None:
    for digest in list(ke.blobs.addresses()):
        ke.blobs.delete(digest)


def of_another_issuer(ke: Node, _tz: Node, _rid: str) -> None:
    with ke.database.write() as connection:
        connection.execute(update(attachment).values(iss="ZA"))


def behind_a_tripwire(ke: Node, _tz: Node, rid: str) -> None:
    with ke.database.write() as connection:
        tripwires.add(connection, kind="record", value=rid, note="a test", by="an officer", now=ke.now)


def under_a_policy_that_is_being_applied(ke: Node, _tz: Node, _rid: str) -> None:
    """A narrower policy is in force, and its review has not come to the record."""
    ke.version += 1
    text = ke.policy_text('["TZ"]', '["case"]')
    with ke.database.write() as connection:
        policies.activate(connection, version=2, body=text, author="one", by="two", now=ke.now)


CLOSED = {
    "a tripwire holds it back": behind_a_tripwire,
    "a narrower policy is in force and not applied to it yet": under_a_policy_that_is_being_applied,
    "the record was recalled": recalled,
    "everything was taken back": less,
    "the pictures were taken back": media_less,
    "a version without the picture is out": superseded,
    "its time of keeping is over": over,
    "its use is restricted": restricted,
    "the bytes are not here": lost,
    "the bytes came with somebody else's record": of_another_issuer,
}


def answer(node: Node, peer: str, digest: str, **headers: str) -> httpx.Response:
    """What a signed question is answered, as it stands on the wire."""
    url = f"http://{peer.lower()}.sim/cnp/1/blobs/{digest}"
    signer = node.fed.signer(node.id, "http")
    signed = httpsig.sign_request(method="GET", url=url, headers=headers, body=b"", signer=signer, now=node.now)

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=node.nodes[peer].app)
        async with httpx.AsyncClient(transport=transport) as client:
            response = await client.get(url, headers={**headers, **signed, "accept-encoding": "identity"})
            await response.aread()
            return response

    return asyncio.run(ask())


def shape(response: httpx.Response) -> tuple[object, ...]:
    names = sorted(name for name, _ in response.headers.multi_items())
    lengths = [
        len(value) for name, value in response.headers.multi_items() if name.startswith(("signature", "content"))
    ]
    return response.status_code, response.content, names, lengths


@pytest.mark.parametrize("sentence", CLOSED)
def test_a_granted_picture_is_not_given_any_more_when(sentence, shared):
    ke, tz, rid, added = shared
    assert answer(tz, "KE", added.digest).status_code == 200
    CLOSED[sentence](ke, tz, rid)
    refused = answer(tz, "KE", added.digest)
    assert refused.status_code == 404
    assert shape(refused) == shape(answer(tz, "KE", UNKNOWN))


def test_whoever_was_not_granted_it_gets_the_answer_of_an_unknown_digest(make_node, shared):
    _, tz, _, added = shared
    za = make_node("ZA")
    refused, unknown = answer(za, "KE", added.digest), answer(za, "KE", UNKNOWN)
    assert refused.status_code == 404
    assert shape(refused) == shape(unknown) == shape(answer(za, "KE", "no-address"))
    assert shape(refused) == shape(answer(za, "KE", added.digest, range="bytes=0-10"))
    assert answer(tz, "KE", added.digest).status_code == 200


def test_a_group_that_was_not_granted_gives_no_picture(make_node):
    ke, tz = make_node("KE"), make_node("TZ")
    ke.allow('["TZ"]', '["case", "media"]')
    ke.draft("R-1")
    face, label = ke.add("R-1", jpeg(photo(seed=2)), nominal=True), ke.add("R-1", jpeg(photo(seed=3)))
    ke.release()
    assert answer(tz, "KE", label.digest).status_code == 200
    assert answer(tz, "KE", face.digest).status_code == 404


def test_an_original_is_given_to_nobody(shared):
    ke, tz, _, _ = shared
    (kept,) = ke.rows(original)
    for name in (kept.hash, kept.key, kept.commitment, address_of(GPS_PICTURE)):
        assert answer(tz, "KE", name).status_code == 404


def test_a_suspended_peer_gets_nothing(shared):
    ke, tz, _, added = shared
    ke.fed = ke.fed.with_node("TZ", status="suspended")
    with pytest.raises(Suspended):
        raise_as(answer(tz, "KE", added.digest))


def raise_as(response: httpx.Response) -> None:
    assert response.status_code == 403
    assert response.json()["type"].endswith("suspended")
    raise Suspended("as expected")


def test_a_grant_that_has_an_end_ends_for_pictures_too(make_node):
    ke, tz = make_node("KE"), make_node("TZ")
    ke.allow('["TZ"]', more="obligations = { keep_days = 30 }")
    ke.draft("R-1")
    added = ke.add("R-1", GPS_PICTURE)
    ke.release()
    assert answer(tz, "KE", added.digest).status_code == 200
    ke.now += 31 * 86_400
    tz.now = ke.now
    assert answer(tz, "KE", added.digest).status_code == 404


def test_whoever_names_a_foreign_digest_in_a_record_of_their_own_gets_nothing_by_it(make_node, shared):
    """ZA knows a digest and publishes it; KE, which holds the picture and ZA's record, is asked by ZA and by GB."""
    ke, _, _, added = shared
    za = make_node("ZA")
    za.allow('["KE"]')
    item = {"sha256": added.digest, "size": 10, "mime": "image/jpeg", "role": "picture"}
    za.draft("Z-1", media=[item])
    rid = za.release()
    ke.pull("ZA")
    assert answer(za, "KE", added.digest).status_code == 404
    # And the picture that KE has does not count as ZA's.
    assert ke.view(rid).attachments.here == 0
    assert ke.fetch().failed == 1


def test_every_picture_that_leaves_has_a_row_in_the_disclosure_log(shared):
    ke, tz, rid, added = shared
    tz.fetch()
    told = [row for row in ke.rows(disclosure) if row.action == "blob"]
    assert {(row.recipient, row.rid, row.detail) for row in told} == {
        ("TZ", rid, added.digest), ("TZ", rid, added.thumbnail),
    }  # fmt: skip


# Parts (RFC 9110, section 14)

RANGES = {
    "bytes=0-9": (206, 0, 10),
    "bytes=100-": (206, 100, None),
    "bytes=-7": (206, -7, None),
    "bytes=5-5": (206, 5, 6),
    "bytes=10-99999999": (206, 10, None),
    "bytes=9-5": (200, 0, None),
    "bytes=0-1,5-6": (200, 0, None),
    "pages=0-1": (200, 0, None),
    "bytes=": (200, 0, None),
    "bytes=99999999-": (416, None, None),
}


@pytest.mark.parametrize("wanted", RANGES)
def test_a_range_is_answered_as_the_standard_says(wanted, shared):
    ke, tz, _, added = shared
    status, start, end = RANGES[wanted]
    data = ke.blobs.get(added.digest)
    response = answer(tz, "KE", added.digest, range=wanted)
    assert response.status_code == status
    if status == 416:
        assert response.headers["content-range"] == f"bytes */{len(data)}"
        assert response.content == b""
        return
    assert response.content == data[start:end]
    if status == 206:
        first = start % len(data) if start < 0 else start
        assert response.headers["content-range"] == f"bytes {first}-{first + len(response.content) - 1}/{len(data)}"
    assert "content-encoding" not in response.headers


def test_a_condition_on_the_range_gives_the_whole(shared):
    ke, tz, _, added = shared
    headers = {"range": "bytes=0-9", "if-range": '"something"'}
    assert answer(tz, "KE", added.digest, **headers).content == ke.blobs.get(added.digest)


def test_a_range_that_was_changed_on_the_way_is_noticed(shared):
    _, tz, _, added = shared
    tz.faults.append(lambda headers, data: ({**headers, "content-range": "bytes 5-14/100"}, data))
    with pytest.raises(FederationError) as refused:
        tz.ask("KE", added.digest, 0, 10)
    assert refused.value.problem == "bad-signature"


def test_a_picture_comes_in_parts_and_goes_on_where_the_line_broke(shared):
    ke, tz, rid, added = shared
    size = added.size
    tz.faults.extend([None, None, httpx.ReadTimeout("gone")])
    done = tz.fetch(piece=1_000)
    assert done.failed >= 1
    parts = list((tz.folder / "spool").iterdir())
    assert len(parts) == 1
    came = parts[0].stat().st_size
    assert came == 2_000 or parts[0].name.startswith(added.thumbnail)
    before = len(ke.left)
    tz.now += 10
    assert tz.fetch(piece=1_000).failed == 0
    asked = [
        path for who, path, _ in ke.left[before:] if who == "TZ" and path.endswith(parts[0].name.removesuffix(".part"))
    ]
    total = size if parts[0].name.startswith(added.digest) else None
    if total is not None:
        assert len(asked) == -(-(total - came) // 1_000)
    assert tz.view(rid).attachments.here == 1
    assert list((tz.folder / "spool").iterdir()) == []


def test_an_attempt_that_failed_is_told_and_repeated_later_and_later(shared):
    ke, tz, rid, added = shared
    delays = []
    for _ in range(4):
        tz.faults.extend([httpx.ConnectError("no road")] * 2)
        assert tz.fetch().failed == 2
        assert tz.fetch().failed == 0  # not before its time
        row = next(row for row in tz.rows(attachment) if row.digest == added.digest)
        delays.append(row.next_at - tz.now)
        tz.now = ke.now = row.next_at
    assert delays == [5, 10, 20, 40]
    missing = tz.view(rid).attachments.missing[0]
    assert missing == {"sha256": added.digest, "state": "wanted", "problem": "its sender does not answer"}
    assert tz.fetch().arrived == 2


# What comes is not believed


def serve_instead(ke: Node, digest: str, data: bytes) -> None:
    """KE's store gives other bytes for a digest, and does not look."""
    path = store_module._path(digest)
    store_module.obstore.put(ke.blobs.store, path, data)
    ke.blobs._sound[digest] = len(data)


def test_bytes_that_are_not_what_the_digest_says_are_thrown_away_and_asked_for_again(shared):
    ke, tz, rid, added = shared
    true = ke.blobs.get(added.digest)
    serve_instead(ke, added.digest, true[:-1] + b"\0")
    done = tz.fetch()
    assert (done.arrived, done.failed) == (1, 1)
    assert not tz.blobs.exists(added.digest)
    assert list((tz.folder / "spool").iterdir()) == []
    serve_instead(ke, added.digest, true)
    tz.now += 10
    assert tz.fetch().arrived == 1
    assert tz.view(rid).attachments.here == 1


def lying(make_node, data: bytes, **more: object) -> tuple[Node, Node, str, str]:
    """KE signs a record that calls some bytes a picture, and serves them."""
    ke, tz = make_node("KE"), make_node("TZ")
    ke.allow('["TZ"]')
    digest = ke.blobs.put(data)
    item = {"sha256": digest, "size": len(data), "mime": "image/jpeg", "role": "picture", "w": 10, "h": 10, **more}
    ke.draft("R-1", media=[item])
    with ke.database.write() as connection:
        attachments.keep(connection, digest=digest, iss="KE", size=len(data), mime="image/jpeg")
    rid = ke.release()
    tz.pull("KE")
    return ke, tz, rid, digest


def bomb() -> bytes:
    from tests.pictures import png_header  # noqa: PLC0415

    return png_header(50_000, 50_000)


LIES = {
    "a bomb": (bomb, "more than 40 million pixels"),
    "a web page": (lambda: b"<html><script>alert(1)</script>", "no JPEG, PNG or WebP"),
    "a picture cut off": (lambda: jpeg(photo())[:30_000], "damaged"),
    "more bytes than a picture may have": (lambda: jpeg(photo(300, 200)) + bytes(2_000_000), "has 20"),
}


@pytest.mark.parametrize("sentence", LIES)
def test_what_a_peer_calls_a_picture_is_decoded_under_our_limits_before_anybody_sees_it(sentence, make_node):
    build, said = LIES[sentence]
    _, tz, rid, digest = lying(make_node, build())
    assert tz.fetch().refused == 1
    assert not tz.blobs.exists(digest)
    (missing,) = tz.view(rid).attachments.missing
    assert missing["state"] == "refused"
    assert said in missing["problem"]
    tz.now += 100_000
    assert tz.fetch().refused == 0  # nobody tries again
    assert list((tz.folder / "spool").iterdir()) == []


def test_the_size_that_a_record_tells_is_not_believed(make_node):
    data = jpeg(photo(300, 200))
    _, tz, rid, digest = lying(make_node, data, size=5)
    assert tz.fetch().arrived == 1
    assert tz.blobs.get(digest) == data
    assert tz.view(rid).attachments.here == 1


def test_a_picture_that_breaks_the_process_is_tried_a_few_times(make_node, monkeypatch, tmp_path):
    from node.services.pictures import worker  # noqa: PLC0415

    ke, tz, rid, _ = lying(make_node, jpeg(photo(300, 200)))
    program = tmp_path / "worker.py"
    program.write_text("import sys\nsys.stdout.write('{\"alone\":true}\\n'); sys.stdout.flush()\n")
    monkeypatch.setattr(worker, "__file__", str(program))
    tz.workshop = Workshop()
    for attempt in range(1, service.MAX_BROKEN + 1):
        done = tz.fetch()
        assert (done.failed, done.refused) == ((1, 0) if attempt < service.MAX_BROKEN else (0, 1))
        ke.now = tz.now = tz.now + 10_000
    assert tz.view(rid).attachments.missing[0]["state"] == "refused"


def test_an_opaque_file_is_kept_as_it_came_and_never_decoded(make_node, monkeypatch):
    ke, tz = make_node("KE"), make_node("TZ")
    ke.allow('["TZ"]', '["case", "documents"]')
    ke.draft("R-1")
    added = ke.add("R-1", b"%PDF-1.7 of a test", role="document")
    rid = ke.release()
    tz.pull("KE")
    tz.workshop = None
    assert tz.fetch().arrived == 1
    assert tz.blobs.get(added.digest) == b"%PDF-1.7 of a test"
    assert tz.view(rid).attachments.here == 1


# Torn, lost and erased


def test_a_picture_that_is_torn_on_the_disk_counts_as_absent_and_is_fetched_again(shared):
    _, tz, rid, added = shared
    tz.fetch()
    path = tz.folder / "blobs" / "served" / added.digest[:2] / added.digest
    path.write_bytes(path.read_bytes()[:1000])
    tz.blobs._sound.clear()
    with pytest.raises(store_module.BlobAbsent):
        service.read(tz.database, tz.blobs, added.digest)
    assert tz.view(rid).attachments.here == 0
    assert tz.fetch().arrived == 1
    assert tz.view(rid).attachments.here == 1


def test_what_is_missing_in_the_store_is_noticed_by_the_daily_look(shared):
    _, tz, rid, added = shared
    tz.fetch()
    tz.blobs.delete(added.digest)
    assert service.reconcile(tz.database, tz.blobs, now=tz.now) == (0, 1)
    assert tz.view(rid).attachments.here == 0
    assert tz.fetch().arrived == 1


def test_what_a_crash_left_in_the_store_is_removed_when_it_is_old(shared):
    import time  # noqa: PLC0415

    ke, tz, _, _ = shared
    tz.fetch()
    stranded = tz.blobs.put(b"written, and then the process ended")
    key = tz.blobs.put_private(b"the same")
    now = int(time.time())
    assert service.reconcile(tz.database, tz.blobs, now=now) == (0, 0)
    assert service.reconcile(tz.database, tz.blobs, now=now + 2 * 86_400) == (2, 0)
    assert not tz.blobs.exists(stranded)
    assert key not in set(tz.blobs.private_keys())
    assert len(list(tz.blobs.addresses())) == 2
    assert service.reconcile(ke.database, ke.blobs, now=now + 2 * 86_400) == (0, 0)


def test_when_the_pictures_are_taken_back_their_bytes_go(shared):
    ke, tz, rid, _ = shared
    tz.fetch()
    assert tz.sweep() == 0
    media_less(ke, tz, rid)
    tz.pull("KE")
    assert "media" not in tz.view(rid).groups
    assert tz.sweep() == 2
    assert list(tz.blobs.addresses()) == []
    assert tz.rows(attachment) == tz.rows(attachment_of) == tz.rows(picture_hash) == []
    assert ke.sweep() == 0  # at home they stay
    assert len(list(ke.blobs.addresses())) == 2


def test_the_last_erasure_takes_the_picture_and_the_original_with_it(shared):
    ke, tz, rid, _ = shared
    tz.fetch()
    for node in (ke, tz):
        with node.database.write() as connection:
            erasing.erase_record(connection, "KE", rid)
        assert node.sweep() == 2
        assert list(node.blobs.addresses()) == list(node.blobs.private_keys()) == []
        assert node.rows(attachment) == node.rows(original) == node.rows(picture_hash) == []


def test_a_picture_of_two_records_goes_with_the_last_of_them(shared):
    ke, tz, rid, added = shared
    ke.draft("R-2")
    assert ke.add("R-2", GPS_PICTURE).digest == added.digest
    other = ke.release()
    tz.pull("KE")
    tz.fetch()
    for node in (ke, tz):
        for gone, left in ((rid, 2), (other, 0)):
            with node.database.write() as connection:
                erasing.erase_record(connection, "KE", gone)
            node.sweep()
            assert len(list(node.blobs.addresses())) == left


def test_a_corrected_version_without_the_picture_takes_it_away_everywhere(shared):
    ke, tz, rid, _ = shared
    tz.fetch()
    superseded(ke, tz, rid)
    tz.pull("KE")
    assert (ke.sweep(), tz.sweep()) == (2, 2)
    assert list(ke.blobs.addresses()) == list(tz.blobs.addresses()) == []


def recall(ke: Node, rid: str, effect: str = "stop-use") -> None:
    """By the originator's own command."""
    with ke.database.write() as connection:
        recalling.recall(
            connection, ke.publisher(), [rid], reason="erroneous", effect=effect, by="an officer", second="another",
            rules=RecallRules(), now=ke.now,
        )  # fmt: skip


def test_a_recall_stops_the_use_of_pictures_at_once_and_erases_them_with_the_record(shared):
    ke, tz, rid, added = shared
    tz.fetch()
    recall(ke, rid)
    tz.pull("KE")
    assert answer(tz, "KE", added.digest).status_code == 404
    with pytest.raises(FederationError):
        tz.view(rid)
    for node in (ke, tz):  # in the time of grace it can still be undone: nothing is gone
        node.sweep()
        assert len(list(node.blobs.addresses())) == 2
        with node.database.write() as connection:
            stopping.confirm(connection, "KE", rid, by="a second officer", now=node.now)
        assert node.sweep() == 2
        assert list(node.blobs.addresses()) == list(node.blobs.private_keys()) == []


def test_what_a_recall_has_stopped_is_not_fetched_and_not_forgotten(shared):
    ke, tz, rid, added = shared
    recall(ke, rid)
    tz.pull("KE")
    before = len(ke.left)
    tz.fetch()
    assert [path for _, path, _ in ke.left[before:] if "blobs" in path] == []
    assert tz.sweep() == 0
    assert {row.state for row in tz.rows(attachment)} == {"wanted"}
    assert tz.fetch().failed == 0  # and it is not looked at again the next moment
    assert added.digest in {row.digest for row in tz.rows(attachment)}


def test_a_legal_hold_keeps_the_pictures_of_what_it_sets_aside_until_it_is_lifted(shared):
    ke, tz, rid, added = shared
    tz.fetch()
    with tz.database.write() as connection:
        holds.place(connection, iss="KE", rid=rid, reason="a trial", by="an officer", now=tz.now)
        erasing.erase_record(connection, "KE", rid)
    assert tz.sweep() == 0
    assert tz.blobs.exists(added.digest)
    with tz.database.write() as connection:
        holds.lift(connection, iss="KE", rid=rid, by="an officer", reason="it is over", now=tz.now)
        holds.erase_aside(connection, "KE", rid)
    assert tz.sweep() == 2
    assert list(tz.blobs.addresses()) == []
    assert ke.sweep() == 0


def test_a_draft_that_waits_keeps_its_pictures(two):
    ke, _ = two
    ke.draft("R-1")
    added = ke.add("R-1", GPS_PICTURE)
    with ke.database.write() as connection:
        attachments.mark_loose(connection, [added.digest])
    assert ke.sweep() == 0
    assert ke.blobs.exists(added.digest)


def test_a_picture_that_comes_back_while_it_is_erased_is_not_lost(shared):
    """The sweeper has decided, a record names the digest again, the sweeper goes on: the picture is wanted anew."""
    ke, tz, rid, added = shared
    tz.fetch()
    media_less(ke, tz, rid)
    tz.pull("KE")
    with tz.database.write() as connection:
        assert set(attachments.begin_erasing(connection, limit=10)) == {added.digest, added.thumbnail}
    with tz.database.write() as connection:
        attachments.refer(connection, [("KE", tz.record(rid).id, added.digest)])
    with tz.database.write() as connection:
        assert not attachments.drop_erasing(connection, added.digest)
    assert {row.digest: row.state for row in tz.rows(attachment)}[added.digest] == "wanted"


def test_a_peer_that_does_not_answer_is_a_line_that_is_down(shared):
    _, tz, _, added = shared
    tz.faults.append(httpx.ConnectError("no road"))
    with pytest.raises(LinkDown):
        tz.ask("KE", added.digest)
    with pytest.raises(FederationError) as refused:
        tz.ask("KE", UNKNOWN)
    assert refused.value.problem == "not-found"
