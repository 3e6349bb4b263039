"""Every finding of the doctor, caused once: what is wrong, why it matters, what helps."""

from __future__ import annotations

import shutil
from collections import namedtuple

import pytest
from sqlalchemy import text, update

from node.services import backup, counters, doctor
from node.storage import feeds, gaps, settlements
from node.storage.tables import disclosure, feed_in, feed_out, quarantine
from node.storage.tables.attachments import attachment
from node.storage.tables.evidence import evidence
from node.storage.tables.recovery import replay
from tests.node.conftest import NOW

DAY = 86_400


@pytest.fixture
def sound(home):
    backup.remember(home.settings.home, now=NOW)
    return home


def found(home, check, now=NOW):
    return [one for one in doctor.examine(home, now=now) if one.check == check]


def write(home, statement, **values):
    with home.database.write() as connection:
        return connection.execute(statement.values(**values) if values else statement)


def test_a_node_in_order_has_no_finding(sound):
    assert doctor.examine(sound, now=NOW) == []


def open_to_others(home):
    (home.settings.home / "keyfile").chmod(0o644)


def without_key(home):
    (home.settings.home / "keys" / "log.key").unlink()


def with_another_key(home):
    from crypto.signer import FileSigner  # noqa: PLC0415

    secret = (home.settings.home / "keyfile").read_bytes().strip()
    (home.settings.home / "keys" / "log.key").unlink()
    FileSigner.generate().save(home.settings.home / "keys" / "log.key", secret)


def behind_schema(home):
    write(home, text("UPDATE alembic_version SET version_num = '2026_11_23_first_tables'"))


def seen_later(home):
    write(home, feed_in.insert(), sender="TZ", lane="bulk", epoch=0, size=0, hashes=b"", head=0, updated_at=NOW + 3_000)


def stands_still(home):
    write(
        home, feed_in.insert(), sender="TZ", lane="bulk", epoch=0, size=0, hashes=b"", head=4, updated_at=NOW - 3 * DAY
    )


def not_confirmed(home):
    made = write(home, feed_out.insert(), recipient="TZ", lane="bulk", epoch=0, size=1, hashes=b"", receipt_size=0)
    write(
        home, disclosure.insert(), at=NOW - 3 * DAY, action="feed", actor="x", recipient="TZ",
        feed=made.inserted_primary_key[0], n=0,
    )  # fmt: skip


def aside(home):
    made = write(home, feed_in.insert(), sender="TZ", lane="bulk", epoch=0, size=1, hashes=b"", head=1, updated_at=NOW)
    write(
        home, quarantine.insert(), feed=made.inserted_primary_key[0], n=0, sender="TZ", problem="record-invalid",
        detail="", leaf="{}", gc=0, state="held", at=NOW,
    )  # fmt: skip


def recall_held(home):
    aside(home)
    write(home, quarantine.update().values(problem="recall-held"))


def forked(home):
    write(
        home, evidence.insert(), hash="h" * 43, type="feed-fork", accused="TZ", body="{}", proven=True, sentence="two",
        at=NOW,
    )  # fmt: skip


def old_backup(home):
    backup.remember(home.settings.home, now=NOW - 5 * DAY)


def never_backed_up(home):
    (home.settings.home / backup.LAST_BACKUP).unlink()


def counters_ahead(home):
    counters.write(home.settings.home, counters.Counters({"TZ/bulk": (0, 12)}, 3, 1))


def restored(home):
    with home.database.write() as connection:
        settlements.mark(connection, "restored", now=NOW, policy_version=4)


def incomplete(home):
    with home.database.write() as connection:
        gaps.note(connection, "TZ", [("r" * 36, "missing", "the peer should have it and has not")], at=NOW)


def deviating(home):
    write(home, replay.insert(), at=NOW, policy_version=1, records=1, pairs=1, unexplained=2)


def blob_lost(home):
    write(home, attachment.insert(), digest="47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU", iss="KE", state="here")


def facet_stray(home):
    write(home, text("INSERT INTO facet (field, value, record, day) VALUES ('kind', 'seizure', 99, '')"))


CASES = {
    "a key file that others can read": (open_to_others, "files", "wrong", "chmod 600"),
    "a key that is missing": (without_key, "keys", "wrong", "restore"),
    "a key that the directory does not list": (with_another_key, "keys", "wrong", "node card"),
    "an older schema": (behind_schema, "schema", "wrong", "tidewaiter migrate"),
    "a clock that is behind": (seen_later, "clock", "wrong", "clock"),
    "a feed that stands still": (stands_still, "feeds", "wrong", "tidewaiter sync"),
    "a receipt that is overdue": (not_confirmed, "feeds", "warning", "telephone TZ"),
    "entries in quarantine": (aside, "quarantine", "warning", "quarantine retry"),
    "a recall that waits for a person": (recall_held, "quarantine", "warning", "recalls approve"),
    "proof of a fork": (forked, "evidence", "warning", "evidence list"),
    "a backup that is too old": (old_backup, "backup", "warning", "tidewaiter backup"),
    "no backup at all": (never_backed_up, "backup", "warning", "tidewaiter backup"),
    "counters ahead of the database": (counters_ahead, "restore", "wrong", "recovery status"),
    "a restore under an older policy": (restored, "restore", "wrong", "policy activate"),
    "a peer that lacks something": (incomplete, "completeness", "wrong", "completeness --peer TZ"),
    "a replay that found something": (deviating, "completeness", "wrong", "audit replay"),
    "a picture that is lost": (blob_lost, "attachments", "wrong", "restore"),
    "a database that does not agree in itself": (facet_stray, "integrity", "wrong", "fsck"),
}


@pytest.mark.parametrize("sentence", CASES)
def test_the_doctor_says_what_is_wrong_and_what_helps(sentence, sound):
    cause, check, severity, remedy = CASES[sentence]
    sound.opened.clear()
    cause(sound)
    told = found(sound, check)
    assert told, doctor.examine(sound, now=NOW)
    assert severity in {one.severity for one in told}
    assert any(remedy in one.help for one in told)
    assert all(one.what and one.why and one.help for one in told)


LATER = {
    "the directory will expire": (10 * DAY - 3_600, "directory", "warning"),
    "the directory has expired": (11 * DAY, "directory", "wrong"),
    "a key will expire": (380 * DAY, "keys", "warning"),
    "a key has expired": (800 * DAY, "keys", "wrong"),
}


@pytest.mark.parametrize("sentence", LATER)
def test_the_doctor_looks_ahead(sentence, sound):
    after, check, severity = LATER[sentence]
    assert severity in {one.severity for one in found(sound, check, now=NOW + after)}


def test_a_disk_that_is_nearly_full_is_told(sound, monkeypatch):
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as the library has it
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(10**12, 10**12 - 10**8, 10**8))
    assert "100 MB" in found(sound, "disk")[0].what


def test_a_revoked_key_and_a_suspended_node_are_told(sound, monkeypatch):
    import dataclasses  # noqa: PLC0415

    directory = sound.membership.current()
    kid = sound.signer("log").kid
    keys = {**directory.keys, kid: dataclasses.replace(directory.keys[kid], revoked_since=NOW)}
    members = {**directory.members, "KE": dataclasses.replace(directory.members["KE"], status="suspended")}
    changed = dataclasses.replace(directory, keys=keys, members=members)
    monkeypatch.setattr(type(sound.membership), "current", lambda _: changed)
    assert "revoked" in found(sound, "keys")[0].what
    assert "suspended" in found(sound, "directory")[0].what


def test_one_look_that_fails_hides_nothing_of_the_others(sound, monkeypatch):
    monkeypatch.setattr(gaps, "listing", lambda *_, **__: 1 / 0)
    open_to_others(sound)
    told = {one.check: one for one in doctor.examine(sound, now=NOW)}
    assert "ZeroDivisionError" in told["completeness"].what
    assert "files" in told


# Counters beside the database


def test_a_database_that_was_put_back_behind_the_node_s_back_is_noticed_when_it_is_opened(home, clock):
    from node.app import open_home  # noqa: PLC0415

    with home.database.write() as connection:
        feeds.ensure(connection, ["TZ"])
        feed = feeds.lock(connection, ["TZ"])["TZ", "bulk"]
        feeds.append(connection, [feeds.NewEntry(feed, '{"n":0}', None, "0")])
    home.count()
    again = open_home(home.settings.home, clock=clock)
    with again.database.read() as connection:
        assert settlements.current(connection) is None
    write(again, update(feed_out).where(feed_out.c.lane == "bulk"), size=0, hashes=b"")
    again.database.close()
    older = open_home(home.settings.home, clock=clock)
    with older.database.read() as connection:
        assert settlements.current(connection).reason == "counters"
        assert settlements.pending(connection, "TZ")
    older.database.close()
    once = open_home(home.settings.home, clock=clock)
    with once.database.read() as connection:
        assert settlements.current(connection).id == 1
    once.database.close()


def test_counters_never_fall_and_a_file_that_is_none_counts_for_nothing(tmp_path):
    one = counters.Counters({"TZ/bulk": (0, 5), "GB/bulk": (1, 2)}, 3, 7)
    other = counters.Counters({"TZ/bulk": (0, 4), "GB/bulk": (2, 0)}, 4, 6)
    assert one.raised(other) == counters.Counters({"TZ/bulk": (0, 5), "GB/bulk": (2, 0)}, 4, 7)
    counters.write(tmp_path, one)
    assert counters.read(tmp_path) == one
    assert (tmp_path / counters.FILE).stat().st_mode & 0o077 == 0
    for content in ("", "[]", '{"feeds": {"a": 1}}'):
        (tmp_path / counters.FILE).write_text(content)
        assert counters.read(tmp_path) == counters.Counters()


def test_a_recall_that_an_officer_has_refused_is_no_fault(sound):
    aside(sound)
    write(sound, quarantine.update().values(problem="recall-refused"))
    assert found(sound, "quarantine") == []
