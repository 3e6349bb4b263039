"""Backups: of a node that is being written to, from either database into either, whole or not at all."""

from __future__ import annotations

import dataclasses
import io
import json
import tarfile
import threading

import pytest
from sqlalchemy import select

from node.services import backup, sealing
from node.services.checking import fsck
from node.settings import Settings, load
from node.storage import dump, records, settlements
from node.storage.blobs import BlobAbsent, open_blobs
from node.storage.database import Database
from node.storage.tables import follower, metadata, nonce, record
from tests.factories import NOW
from tests.simulator.world import World

IDENTITY, RECIPIENT = sealing.new_identity()
LOCK, OPENER = sealing.Lock(recipient=RECIPIENT), sealing.Opener(identity=IDENTITY)
RULES = [{"effect": "grant", "nodes": ["TZ"], "groups": ["non-nominal"], "kind": "seizure"}]
SECRET = b"the secret of the key file"


@pytest.fixture
def world(tmp_path, make_database):
    made = World(tmp_path, lambda _: make_database(), seed=3, ids=("KE", "TZ"))
    made.set_policy("KE", RULES)
    for _ in range(3):
        made.write("KE", "seizure")
    made.calm()
    yield made
    made.close()


@pytest.fixture
def settings(tmp_path):
    """A home with papers of every kind, whose database is the world's."""
    home = tmp_path / "ke"
    (home / "keys").mkdir(parents=True)
    (home / "node.toml").write_text('[node]\nid = "KE"\n\n[database]\nurl = "sqlite:///node.db"\n', "utf-8")
    (home / "keyfile").write_bytes(SECRET)
    (home / "keys" / "log.key").write_bytes(b"sealed")
    (home / "node.db").write_bytes(b"SQLite format 3\0 not taken as a file")
    return load(home)


def store(settings: Settings):
    return open_blobs(settings.blobs_url)


def rows(database):
    skipped = {follower.name, nonce.name, "restoration"}
    with database.read() as connection:
        return {
            table.name: sorted(repr(tuple(row)) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
            if table.name not in skipped
        }


def back_up(world, settings, tmp_path, lock=LOCK):
    path = tmp_path / "ke.backup"
    made = backup.make(path, settings, world.nodes["KE"].database, store(settings), lock, now=NOW)
    return path, made


@pytest.fixture(params=["sqlite", "postgres"])
def target(request):
    """The address of the database to restore into; None is the one that the backup names."""
    if request.param == "sqlite":
        return None
    made = request.getfixturevalue("make_postgres")()
    made.empty()
    made.close()
    return made.url


def test_a_restored_node_is_what_was_backed_up_in_either_database(world, settings, target, tmp_path):
    blobs = store(settings)
    served, private = blobs.put(b"a picture"), blobs.put_private(b"its original")
    path, made = back_up(world, settings, tmp_path)
    home = tmp_path / "again"
    told = backup.restore(path, OPENER, home, database=target, open_store=store, now=NOW + 5)
    assert told == made
    restored = load(home)
    assert (home / "keyfile").read_bytes() == SECRET
    assert (home / "keyfile").stat().st_mode & 0o077 == 0
    assert (home / "keys" / "log.key").read_bytes() == b"sealed"
    assert store(restored).get(served) == b"a picture"
    assert store(restored).get_private(private) == b"its original"
    assert (restored.database_url == target) == (target is not None)
    database = Database(restored.database_url)
    try:
        before, after = rows(world.nodes["KE"].database), rows(database)
        assert {name for name in before if before[name] != after[name]} == {"disclosure", "log_head", "log_leaf"}
        assert after["disclosure"][:-1] == before["disclosure"]
        assert "'log-epoch'" in after["disclosure"][-1]
        assert fsck(database, node="KE", directory=world.fed.directory, now=NOW + 9) == []
        with database.write() as connection:
            newest = settlements.current(connection)
            assert (newest.reason, newest.backup_at) == ("restored", NOW)
            assert settlements.pending(connection, "TZ")
            highest = max(row.id for row in connection.execute(select(record.c.id)))
            (fresh,) = dump_ids(connection)
            assert fresh > highest
    finally:
        database.close()


def dump_ids(connection):
    from node.storage.database import allocate  # noqa: PLC0415

    return list(allocate(connection, record, 1))


def test_a_backup_of_a_node_that_is_written_to_is_of_one_moment(world, settings, tmp_path):
    """Releases go on while it is made: what is in it agrees in itself, and none of them waited for it."""
    stop, released = threading.Event(), []

    def work():
        while not stop.is_set():
            released.append(world.write("KE", "seizure"))

    writer = threading.Thread(target=work)
    original, paused = dump.pieces, []

    def slowly(connection):
        for piece in original(connection):
            before = len(released)
            while len(released) == before and len(paused) < 4:  # a release between any two of the first pieces
                stop.wait(0.01)
            paused.append(piece)
            yield piece

    dump.pieces = slowly
    try:
        writer.start()
        path, _ = back_up(world, settings, tmp_path)
    finally:
        stop.set()
        writer.join()
        dump.pieces = original
    assert len(released) >= 4
    home = tmp_path / "again"
    backup.restore(path, OPENER, home, database=None, open_store=store, now=NOW + 5)
    database = Database(load(home).database_url)
    try:
        assert fsck(database, node="KE", directory=world.fed.directory, now=world.now) == []
    finally:
        database.close()


def damaged(path, at, tmp_path):
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    copy = tmp_path / "damaged"
    copy.write_bytes(bytes(data))
    return copy


def test_a_backup_opens_with_nothing_but_its_own_key_and_undamaged(world, settings, tmp_path):
    path, _ = back_up(world, settings, tmp_path)
    size = path.stat().st_size
    assert SECRET not in path.read_bytes()
    other = sealing.Opener(identity=sealing.new_identity()[0])
    cut = tmp_path / "cut"
    cut.write_bytes(path.read_bytes()[:-1])
    faulty = [(path, other), (path, sealing.Opener(passphrase="guess")), (cut, OPENER)]
    faulty += [(damaged(path, at, tmp_path), OPENER) for at in (0, 30, size // 2, size - 1)]
    for file, opener in faulty[:4]:
        with pytest.raises(sealing.SealRefused):
            backup.verify(file, opener)
    for at in (0, 30, size // 2, size - 1):
        home = tmp_path / "again"
        with pytest.raises(sealing.SealRefused):
            backup.restore(damaged(path, at, tmp_path), OPENER, home, database=None, open_store=store, now=NOW)
        assert not home.exists()


def test_a_passphrase_opens_what_was_sealed_with_it_and_another_does_not(world, settings, tmp_path):
    path, made = back_up(world, settings, tmp_path, sealing.Lock(passphrase="long and only here"))
    assert backup.verify(path, sealing.Opener(passphrase="long and only here")) == made
    for opener in (sealing.Opener(passphrase="another"), OPENER):
        with pytest.raises(sealing.SealRefused):
            backup.verify(path, opener)


def sealed(tmp_path, members):
    """A file sealed as a backup is, of whatever members."""
    path = tmp_path / "made"
    path.unlink(missing_ok=True)

    def write(sink):
        with tarfile.open(mode="w|", fileobj=sink) as tar:
            for name, data in members:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))

    sealing.seal(write, path, LOCK)
    return path


HEAD = json.dumps({"format": backup.FORMAT, "node": "KE", "made_at": 1, "revision": "x", "software": "0"}).encode()
NO_BACKUPS = {
    "nothing": [],
    "something else": [("readme", b"text")],
    "no manifest": [("tidewaiter-backup.json", HEAD)],
    "a manifest of other contents": [("tidewaiter-backup.json", HEAD), ("manifest.json", b'{"members":{}}')],
    "a name that leads out of the home": [("tidewaiter-backup.json", HEAD), ("home/../../x", b"y")],
    "a name from the root": [("tidewaiter-backup.json", HEAD), ("/etc/x", b"y")],
    "a blob that is a path": [("tidewaiter-backup.json", HEAD), ("blobs/private/..x", b"y")],
}


@pytest.mark.parametrize("sentence", NO_BACKUPS)
def test_what_is_sealed_and_no_backup_is_refused_and_leaves_nothing(sentence, tmp_path):
    path = sealed(tmp_path, NO_BACKUPS[sentence])
    with pytest.raises(backup.BackupRefused):
        backup.restore(path, OPENER, tmp_path / "again", database=None, open_store=store, now=NOW)
    assert not (tmp_path / "again").exists()
    assert not (tmp_path / "x").exists()


def test_a_restore_never_writes_over_a_home_or_a_database(world, settings, tmp_path, make_database):
    path, _ = back_up(world, settings, tmp_path)
    with pytest.raises(backup.BackupRefused, match="not empty"):
        backup.restore(path, OPENER, settings.home, database=None, open_store=store, now=NOW)
    assert (settings.home / "keyfile").read_bytes() == SECRET
    ours, url = rows(world.nodes["TZ"].database), world.nodes["TZ"].database.url
    with pytest.raises(backup.BackupRefused, match="not empty"):
        backup.restore(path, OPENER, tmp_path / "again", database=url, open_store=store, now=NOW)
    assert rows(world.nodes["TZ"].database) == ours
    assert not (tmp_path / "again").exists()


def test_a_backup_is_not_written_over_another_and_a_failed_one_leaves_no_file(world, settings, tmp_path, monkeypatch):
    path, _ = back_up(world, settings, tmp_path)
    with pytest.raises(backup.BackupRefused, match="there already"):
        back_up(world, settings, tmp_path)
    path.unlink()

    def broken(_):
        raise OSError("the disk is full")

    monkeypatch.setattr(dump, "pieces", broken)
    with pytest.raises(OSError, match="full"):
        back_up(world, settings, tmp_path)
    assert not path.exists()


def test_what_may_not_be_kept_any_longer_is_in_no_restored_node(world, settings, tmp_path):
    """A backup is opened after the time of keeping of what is in it has passed."""
    path, _ = back_up(world, dataclasses.replace(settings), tmp_path)
    with world.nodes["KE"].database.read() as connection:
        bare = connection.execute(records.visible()).all()
    assert bare
    home = tmp_path / "again"
    with world.nodes["KE"].database.write() as connection:
        connection.execute(record.update().where(record.c.id == bare[0].id).values(keep_until=NOW + 10))
    path.unlink()
    path, _ = back_up(world, settings, tmp_path)
    backup.restore(path, OPENER, home, database=None, open_store=store, now=NOW + 20)
    database = Database(load(home).database_url)
    try:
        with database.read() as connection:
            (row,) = connection.execute(select(record).where(record.c.id == bare[0].id))
            assert (row.jwt, row.disclosures) == ("", "")
    finally:
        database.close()


def test_a_blob_that_is_gone_while_the_backup_is_made_stops_nothing(world, settings, tmp_path, monkeypatch):
    blobs = store(settings)
    blobs.put(b"one")
    monkeypatch.setattr(type(blobs), "get", lambda *_: (_ for _ in ()).throw(BlobAbsent("erased meanwhile")))
    _, made = back_up(world, settings, tmp_path)
    assert made.blobs == 0


def test_a_piece_with_a_table_or_column_that_is_not_known_is_refused(database):
    for head in (
        {"table": "sqlite_master", "columns": ["name"], "binary": []},
        {"table": "policy", "columns": ["version", "no such"], "binary": []},
    ):
        with database.write() as connection, pytest.raises(dump.DumpRefused):
            dump.load(connection, json.dumps(head).encode() + b"\n[1]\n")
    with database.write() as connection:
        assert dump.empty(connection)
