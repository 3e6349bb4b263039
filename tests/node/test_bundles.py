"""Bundles between nodes of which none can reach another: carried, lost, damaged, repeated, reordered, opened."""

import io
import os
import shutil
import sys
import time
from dataclasses import replace

import orjson
import pytest
from sqlalchemy import select, update

from crypto import b64
from crypto.signer import FileSigner
from federation import bundles
from federation.errors import FederationError, FeedEpochRequired
from federation.trust import DirectoryMirror, folder_fetch
from node.app import Home
from node.services import authority
from node.services.bundles import registered
from node.services.membership import Membership
from node.services.verifiers import Verifiers
from node.storage import feeds, peerlogs, settlements
from node.storage.database import Database
from node.storage.tables import record
from tests.served import found, release

PAGE = 2
"""Entries of a page here, so that few records make many chunks."""


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bundles")
    homes = found(folder, {"KE": "", "TZ": "", "GB": ""})
    release(homes["KE"], [f"K-{n}" for n in range(7)])
    for home in homes.values():
        with home.database.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        home.database.close()
    return folder, {name: home.settings for name, home in homes.items()}


@pytest.fixture
def homes(template, tmp_path, monkeypatch):
    folder, settings = template
    shutil.copytree(folder, tmp_path / "homes")
    monkeypatch.setattr("node.services.bundles.MAX_ENTRIES", PAGE)
    opened = {}
    for name, each in settings.items():
        moved = replace(each, home=tmp_path / "homes" / name)
        opened[name] = Home(
            settings=moved, database=Database(moved.database_url),
            membership=Membership(DirectoryMirror(moved.home / "directory")),
        )  # fmt: skip
    yield opened
    for home in opened.values():
        home.database.close()


def make(home, to, **options):
    file = io.BytesIO()
    made = home.bundle_maker().make(to, file, by="courier desk", **options)
    return file.getvalue(), made


def take(home, data):
    return home.bundle_taker(Verifiers(0)).take(data, by="courier desk")


def pieces(data):
    starts = [at for at in range(len(data)) if data.startswith(bundles.MARK, at)]
    return [data[begin:end] for begin, end in zip(starts, [*starts[1:], len(data)], strict=True)]


def held(home, issuer="KE"):
    with home.database.read() as connection:
        rows = connection.execute(select(record).where(record.c.iss == issuer).order_by(record.c.rid))
        return [(row.rid, row.ver, row.jwt, row.disclosures, row.state) for row in rows]


def confirmed(home, recipient):
    with home.database.read() as connection:
        return feeds.out_feed(connection, recipient, "bulk").receipt_size


def test_a_bundle_brings_what_the_network_would_and_its_answer_brings_the_receipt(homes):
    data, made = make(homes["KE"], "TZ")
    assert (made.entries, made.receipts, made.chunks) == (7, 0, 6)
    taken = take(homes["TZ"], data)
    assert taken.complete
    assert (taken.sender, taken.entries, taken.quarantined, taken.directory) == ("KE", 7, 0, "same")
    assert len(held(homes["TZ"])) == 7
    answer, told = make(homes["TZ"], "KE", answer=True)
    assert (told.entries, told.receipts) == (0, 1)
    assert confirmed(homes["KE"], "TZ") == 0
    back = take(homes["KE"], answer)
    assert back.complete
    assert back.receipts == 1
    assert confirmed(homes["KE"], "TZ") == 7
    release(homes["KE"], ["K-7"])
    rest, more = make(homes["KE"], "TZ", since_receipt=True)
    assert more.entries == 1
    assert take(homes["TZ"], rest).entries == 1
    with homes["KE"].database.read() as connection:
        assert [(row.way, row.peer, row.entries, row.actor) for row in registered(connection, limit=9)] == [
            ("made", "TZ", 1, "courier desk"), ("applied", "TZ", 0, "courier desk"), ("made", "TZ", 7, "courier desk"),
        ]  # fmt: skip


def test_the_pages_are_byte_for_byte_those_of_the_network(homes):
    data, _ = make(homes["KE"], "TZ")
    chunks = list(
        bundles.read(
            data, unseal=homes["TZ"].opener().open, directory=homes["TZ"].membership.current, node="TZ",
            now=int(time.time()),
        )
    )  # fmt: skip
    inside = [chunk.content for chunk in chunks if chunk.kind == "page"]
    outbox = homes["KE"].exchange().outbox("TZ")
    assert inside == [outbox.page("bulk", at, PAGE)[0] for at in (0, 2, 4, 6)]
    tokens = {row.disclosures for row in _rows(homes["KE"], record)}
    assert not any(token.split("~")[0].encode() in data for token in tokens)


def test_a_bundle_that_is_taken_in_twice_changes_nothing_the_second_time(homes):
    data, _ = make(homes["KE"], "TZ")
    take(homes["TZ"], data)
    before = held(homes["TZ"])
    again = take(homes["TZ"], data)
    assert (again.entries, again.repeated, again.complete) == (0, 7, True)
    assert held(homes["TZ"]) == before


def test_an_old_bundle_after_a_new_one_changes_nothing(homes):
    old, _ = make(homes["KE"], "TZ")
    release(homes["KE"], ["K-7", "K-8", "K-9"])
    new, _ = make(homes["KE"], "TZ")
    assert take(homes["TZ"], new).entries == 10
    before = held(homes["TZ"])
    taken = take(homes["TZ"], old)
    assert (taken.entries, taken.repeated, taken.complete) == (0, 7, True)
    assert held(homes["TZ"]) == before


def test_pages_that_overlap_what_is_held_are_taken_in_from_there(homes):
    data, _ = make(homes["KE"], "TZ")
    take(homes["TZ"], b"".join(pieces(data)[:4]))
    assert len(held(homes["TZ"])) == 4
    release(homes["KE"], ["K-7"])
    file = io.BytesIO()
    sys.modules["node.services.bundles"].MAX_ENTRIES = 3  # the fixture puts it back
    homes["KE"].bundle_maker().make("TZ", file, by="x")
    taken = take(homes["TZ"], file.getvalue())
    assert (taken.entries, taken.repeated, taken.complete) == (4, 4, True)
    assert len(held(homes["TZ"])) == 8


def test_chunks_in_any_order_are_put_in_theirs(homes):
    data, _ = make(homes["KE"], "TZ")
    taken = take(homes["TZ"], b"".join(reversed(pieces(data))))
    assert (taken.entries, taken.complete) == (7, True)


@pytest.mark.parametrize("lost", [0, 1, 2, 3, 5])
def test_a_chunk_that_is_missing_is_told_and_what_hangs_on_it_waits(lost, homes):
    data, _ = make(homes["KE"], "TZ")
    parts = pieces(data)
    taken = take(homes["TZ"], b"".join(parts[:lost] + parts[lost + 1 :]))
    assert taken.missing == [lost]
    assert not taken.complete
    first_page = 2
    fits = (lost - first_page) * PAGE if lost >= first_page else 7
    assert taken.entries == len(held(homes["TZ"])) == fits
    assert taken.gaps == ({"bulk": fits} if first_page <= lost < len(parts) - 1 else {})
    whole = take(homes["TZ"], data)
    assert whole.complete
    assert len(held(homes["TZ"])) == 7


def test_a_flipped_byte_costs_its_chunk_wherever_it_is_and_no_other(homes):
    data, _ = make(homes["KE"], "TZ")
    parts = pieces(data)
    victim = parts[3]
    for at in [0, 5, 12, 13, 15, 17, *range(20, len(victim), 97), len(victim) - 1]:
        broken = victim[:at] + bytes([victim[at] ^ 0x21]) + victim[at + 1 :]
        seen = [
            chunk.index if isinstance(chunk, bundles.Chunk) else None
            for chunk in bundles.read(
                b"".join([*parts[:3], broken, *parts[4:]]), unseal=homes["TZ"].opener().open,
                directory=homes["TZ"].membership.current, node="TZ", now=int(time.time()),
            )
        ]  # fmt: skip
        # A frame whose mark is hit is no frame any more; what stands before it is then too long, and lost as well.
        expected = {0, 1, 4, 5} if at < len(bundles.MARK) else {0, 1, 2, 4, 5}
        assert {index for index in seen if index is not None} == expected, at
    taken = take(homes["TZ"], b"".join([*parts[:3], victim[:40] + b"\0" + victim[41:], *parts[4:]]))
    assert (taken.missing, taken.entries) == ([3], 2)


def test_only_the_recipient_opens_a_bundle_and_only_what_was_meant_for_it_counts(homes):
    data, _ = make(homes["KE"], "TZ")
    with pytest.raises(FederationError, match="does not open"):
        _raise(take(homes["GB"], data))
    assert held(homes["GB"]) == []
    # TZ opens it and seals it again, to GB: the head still says for whom it was.
    inner = [homes["TZ"].opener().open(frame.sealed) for frame in bundles.frames(data)]
    key = homes["GB"].opener().public
    forwarded = b""
    for index, plain in enumerate(inner):
        sealed = key.seal(plain)
        forwarded += bundles.MARK + f"{index} {len(sealed)}\n".encode() + sealed
    with pytest.raises(FederationError, match="not-found"):
        _raise(take(homes["GB"], forwarded))
    assert held(homes["GB"]) == []


def test_pages_of_one_sender_in_the_bundle_of_another_are_refused(homes):
    data, _ = make(homes["KE"], "TZ")
    plain = homes["TZ"].opener().open(list(bundles.frames(data))[2].sealed)
    sealer = bundles.Sealer(
        fed="test", node="GB", to="TZ", bid="A" * 22, key=homes["TZ"].opener().public,
        signer=homes["GB"].signer("log"), now=int(time.time()),
    )  # fmt: skip
    taken = take(homes["TZ"], sealer.chunk(0, "page", plain.split(b"\n", 1)[1], last=True))
    assert (taken.sender, taken.entries) == ("GB", 0)
    assert taken.problems[0].startswith("not-found")
    assert held(homes["TZ"]) == []
    wrong = replace(sealer, signer=homes["GB"].signer("http"))
    assert take(homes["TZ"], wrong.chunk(0, "page", b"{}", last=True)).problems[0].startswith("wrong-key-use")
    named = replace(sealer, node="KE")
    assert take(homes["TZ"], named.chunk(0, "page", b"{}", last=True)).problems[0].startswith("not-member")
    other = replace(sealer, fed="live")
    assert take(homes["TZ"], other.chunk(0, "page", b"{}", last=True)).problems[0].startswith("not-member")


def test_a_newer_directory_comes_with_the_bundle_and_an_older_one_changes_nothing(homes, tmp_path):
    old, _ = make(homes["KE"], "TZ")
    office = tmp_path / "homes" / "authority"
    now = int(time.time())
    authority.set_group(office, "east", ["KE", "TZ"])
    authority.publish(office, now=now)
    homes["KE"].membership.mirror.refresh(folder_fetch(office / "repository"), now=now)
    before = homes["TZ"].membership.current().version
    new, _ = make(homes["KE"], "TZ")
    assert take(homes["TZ"], new).directory == "newer"
    assert homes["TZ"].membership.current().version == before + 1
    taken = take(homes["TZ"], old)
    assert taken.complete
    assert taken.directory not in {"newer", "same"}
    assert homes["TZ"].membership.current().version == before + 1


def test_a_sender_whose_new_keys_are_not_known_yet_brings_the_directory_that_lists_them(homes, tmp_path):
    office = tmp_path / "homes" / "authority"
    now = int(time.time())
    home = homes["KE"]
    (home.settings.home / "keys" / "log.key").unlink()
    secret = (home.settings.home / "keyfile").read_bytes().strip()
    FileSigner.generate().save(home.settings.home / "keys" / "log.key", secret)
    home.opened.clear()
    authority.add(office, home.card(), replace=True)
    authority.publish(office, now=now)
    home.membership.mirror.refresh(folder_fetch(office / "repository"), now=now)
    home.membership._looked = 0.0
    data, _ = make(home, "TZ")
    taken = take(homes["TZ"], data)
    assert (taken.directory, taken.sender, taken.entries) == ("newer", "KE", 7)


def test_with_a_stale_directory_no_bundle_is_made_but_one_is_taken_in_and_answered(homes):
    data, _ = make(homes["KE"], "TZ")
    later = replace(homes["KE"], clock=lambda: int(time.time()) + 30 * 86_400)
    with pytest.raises(FederationError, match="directory-stale"):
        make(later, "TZ")
    late = replace(homes["TZ"], clock=lambda: int(time.time()) + 30 * 86_400)
    taken = take(late, data)
    assert taken.entries == 7
    assert make(late, "KE", answer=True)[1].receipts == 1


def test_nothing_is_made_for_a_stranger_a_suspended_member_or_one_without_a_key(homes, tmp_path):
    for name in ("XX", "KE"):
        with pytest.raises(FederationError, match="not-member"):
            make(homes["KE"], name)
    directory = homes["KE"].membership.current()
    homes["KE"].membership._directory = replace(directory, enc={})
    homes["KE"].membership._looked = time.monotonic() + 60
    with pytest.raises(FederationError, match="tidewaiter key make enc"):
        make(homes["KE"], "TZ")
    members = {**directory.members, "TZ": replace(directory.members["TZ"], status="suspended")}
    homes["KE"].membership._directory = replace(directory, members=members)
    with pytest.raises(FederationError, match="suspended"):
        make(homes["KE"], "TZ")


def test_a_record_whose_time_is_over_is_not_put_in_and_one_that_expires_on_its_way_is_not_used(homes):
    in_time, _ = make(homes["KE"], "TZ")
    with homes["KE"].database.write() as connection:
        rid = connection.scalars(select(record.c.rid).limit(1)).one()
        connection.execute(update(record).where(record.c.rid == rid).values(keep_until=int(time.time()) - 1))
    data, _ = make(homes["KE"], "TZ")
    jwts = {row.rid: row.jwt for row in _rows(homes["KE"], record)}
    inside = b"".join(homes["TZ"].opener().open(frame.sealed) for frame in bundles.frames(data))
    assert jwts[rid].encode() not in inside
    assert all(jwt.encode() in inside for other, jwt in jwts.items() if other != rid)
    before = b"".join(homes["TZ"].opener().open(frame.sealed) for frame in bundles.frames(in_time))
    assert jwts[rid].encode() in before


HOSTILE = {
    "nothing": (b"", "no bundle"),
    "something else": (os.urandom(10_000), "no bundle"),
    "an archive of archives": (b"PK\x03\x04" + bytes(42_000), "no bundle"),
    "more chunks than a bundle has": (bundles.MARK * (bundles.MAX_CHUNKS + 1), "at most"),
}


@pytest.mark.parametrize("sentence", HOSTILE)
def test_a_file_that_is_no_bundle_is_refused_for(sentence, homes):
    data, words = HOSTILE[sentence]
    with pytest.raises(FederationError, match=words):
        take(homes["TZ"], data)


def test_a_frame_that_claims_gigabytes_is_refused_unread(homes):
    data = bundles.MARK + b"0 99999999\n" + bytes(1_000)
    assert [frame.sealed for frame in bundles.frames(data)] == [None]

    class Endless:
        """As long as a file can be, and nothing of it is ever read."""

        def __len__(self):
            return bundles.MAX_BUNDLE + 1

    with pytest.raises(FederationError, match="at most"):
        list(bundles.frames(Endless()))


def test_what_is_packed_is_not_unpacked_and_what_is_not_of_the_form_costs_its_chunk_alone(homes):
    sealer = bundles.Sealer(
        fed="test", node="KE", to="TZ", bid="A" * 22, key=homes["TZ"].opener().public,
        signer=homes["KE"].signer("log"), now=int(time.time()),
    )  # fmt: skip
    import gzip  # noqa: PLC0415

    packed = gzip.compress(bytes(8_000_000))
    contents = [packed, b"[" * 1_000, b'{"receipts":5}', orjson.dumps({"receipts": ["a.b.c"] * 65})]
    kinds = ["page", "page", "receipts", "receipts"]
    data = b"".join(
        sealer.chunk(at, kind, content, last=at == 3)
        for at, (kind, content) in enumerate(zip(kinds, contents, strict=True))
    )
    taken = take(homes["TZ"], data)
    assert len(taken.problems) == 4
    assert all(problem.startswith("malformed") for problem in taken.problems)
    with pytest.raises(FederationError, match="at most"):
        sealer.chunk(0, "page", bytes(bundles.MAX_CONTENT + 1), last=True)


def _rows(home, table):
    with home.database.read() as connection:
        return list(connection.execute(select(table)))


def _raise(taken):
    assert taken.sender is None
    raise FederationError(taken.problems[0])


def disclosed(home, sender):
    """The checkpoints of a node's disclosure log in its receipts for a sender."""
    with home.database.read() as connection:
        tokens = [row.receipt for row in feeds.in_feeds(connection) if row.sender == sender]
    return [orjson.loads(b64.decode(token.split(".")[1])).get("log") for token in tokens]


def test_receipts_in_a_bundle_bear_a_checkpoint_of_the_log_only_where_there_is_no_other_road(homes, home):
    take(homes["TZ"], make(homes["KE"], "TZ")[0])
    found = disclosed(homes["TZ"], "KE")
    assert found
    assert all(note.startswith("cnp/") for note in found)
    take(homes["KE"], make(homes["TZ"], "KE", answer=True)[0])
    with homes["KE"].database.read() as connection:
        assert [row.came_by for row in peerlogs.listing(connection, "TZ")] == ["receipt"]
    assert not home.desk("TZ", Verifiers(0)).witness  # both have addresses
    assert homes["TZ"].desk("KE", Verifiers(0)).witness


def test_a_restored_node_makes_no_bundle_for_a_peer_that_has_not_shown_what_it_holds(homes):
    with homes["KE"].database.write() as connection:
        settlements.mark(connection, "restored", now=int(time.time()))
    file = io.BytesIO()
    with pytest.raises(FeedEpochRequired, match="TZ has not shown what it holds"):
        homes["KE"].bundle_maker().make("TZ", file, by="courier desk")
    assert file.getvalue() == b""
    assert make(homes["KE"], "TZ", answer=True)[1].entries == 0
