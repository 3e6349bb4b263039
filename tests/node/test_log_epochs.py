"""A disclosure log that begins anew after a restore, on both databases: what it says of itself, what a witness makes of
it, what an auditor can and cannot prove."""

import asyncio
import json

import pytest
from sqlalchemy import delete, select, update

from crypto import b64, merkle
from federation import auditlog, logepochs, verifylog
from federation.errors import FederationError, Malformed
from federation.evidence import EvidenceRefused, log_fork, prove
from federation.pages import parse_page
from node.services import auditing, counters, disclosing
from node.storage import audit, evidence, logged, peerlogs, settlements
from node.storage import logepochs as own
from node.storage.tables import disclosure
from node.storage.tables.checkpoints import log_lost, log_pending
from node.storage.tables.recovery import restoration
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "ZA"])
KEYS = FED.directory.keys_of("KE", "log")


def look(database, count=1):
    with database.write() as connection:
        rows = [audit.Disclosure(at=NOW + at, action="view", actor="ann", rid=f"r{at}") for at in range(count)]
        audit.log(connection, rows)


def signed(database):
    """A checkpoint as a peer keeps it."""
    with database.write() as connection:
        note = disclosing.checkpoint(connection, fed="test", node="KE", signer=FED.signer("KE", "log"))
    return auditlog.open_head(note, fed="test", node="KE", keys=KEYS)


def head(size, *, epoch=0, seed=1):
    """KE's word on a log that never was."""
    compact = merkle.CompactRange().extend(bytes([seed, at % 256]) * 16 for at in range(size))
    note = auditlog.sign_head(fed="test", node="KE", compact=compact, signer=FED.signer("KE", "log"), epoch=epoch)
    return auditlog.open_head(note, fed="test", node="KE", keys=KEYS)


def restored(database, reason="restored", *, now=NOW, shown=None):
    with database.write() as connection:
        settlements.mark(connection, reason, now=now, shown=shown)


def show(database, note, *, now=NOW):
    """TZ shows KE a checkpoint that it keeps."""
    with database.write() as connection:
        return disclosing.shown(connection, note, directory=FED.directory, node="KE", peer="TZ", now=now)


def rows(database, table, *where):
    with database.read() as connection:
        return list(connection.execute(select(table).where(*where)))


def lines(database):
    with database.read() as connection:
        return list(auditing.lines(connection, logged.head(connection).size))


def put_back(database, size):
    """What a restore does to the log: everything from a position on is gone, and the head is as it was."""
    with database.write() as connection:
        kept = list(logged.through(connection, size))
        connection.execute(delete(disclosure).where(disclosure.c.id > kept[-1][3]["id"]))
        for table in (logged.log_leaf, logged.log_block):
            connection.execute(delete(table))
        connection.execute(delete(log_pending))
        connection.execute(delete(log_lost))
        compact = merkle.CompactRange().extend(leaf for _, leaf, _, _ in kept)
        for n, leaf, salt, row in kept:
            connection.execute(logged.log_leaf.insert().values(n=n, row=row["id"], salt=salt, leaf=leaf))
        connection.execute(update(logged.log_head).values(size=size, hashes=logged.pack(compact), epoch=0))


def test_a_log_that_begins_anew_says_where_it_stood_and_goes_on_behind_it(database):
    look(database, 5)
    before = signed(database)
    look(database, 2)
    restored(database)
    look(database, 3)
    after = signed(database)
    assert before.origin == "cnp/test/KE/disclosures"
    assert after.origin == f"cnp/test/KE/disclosures/{auditlog.epoch_of(after.note)}"
    assert NOW * 1_000_000 <= auditlog.epoch_of(after.note) < (NOW + 1) * 1_000_000
    with database.read() as connection:
        opening = logged.row_at(connection, 7)
    told = json.loads(opening["detail"])
    assert (opening["action"], told["reason"], told["before"]["size"]) == ("log-epoch", "restored", 7)
    assert after.size == 11
    verdict = auditing.check(database, [before, after])
    assert (verdict.findings, [each.base for each in verdict.openings]) == ((), [7])


def test_the_row_that_begins_an_epoch_is_its_first_whatever_waits(database):
    look(database, 2)
    restored(database)
    restored(database, "counters")
    look(database, 1)
    signed(database)
    with database.read() as connection:
        order = [row["action"] for _, _, _, row in logged.through(connection, 5)]
        assert not logged.behind(connection)
    assert order == ["view", "view", "log-epoch", "log-epoch", "view"]


def test_a_node_restored_twice_to_one_backup_in_one_second_begins_two_epochs(make_database):
    found = set()
    for database in (make_database(), make_database()):
        look(database, 3)
        restored(database)
        found.add(auditlog.epoch_of(signed(database).note))
    assert len(found) == 2


def test_a_checkpoint_that_the_log_continues_changes_nothing_when_it_is_shown(database):
    look(database, 4)
    notes = [signed(database).note]
    look(database, 2)
    notes.append(signed(database).note)
    assert [show(database, note) for note in notes] == [True, True]
    restored(database)
    assert [show(database, note) for note in notes] == [True, True]
    assert len(rows(database, restoration)) == 1
    assert rows(database, log_lost) == []


@pytest.mark.parametrize("size", [3, 5, 9], ids=["smaller", "as large", "larger"])
def test_a_checkpoint_that_the_log_does_not_continue_tells_the_node_that_it_was_restored(size, database):
    look(database, 5)
    lost = head(size)
    assert not show(database, lost.note)
    (marked,) = rows(database, restoration)
    assert marked.reason == "peer"
    assert auditlog.epoch_of(signed(database).note) >= NOW * 1_000_000
    (opening,) = rows(database, disclosure, disclosure.c.action == "log-epoch")
    assert json.loads(opening.detail)["shown"] == lost.note
    assert [(row.epoch, row.size, row.peer) for row in rows(database, log_lost)] == [(0, size, "TZ")]
    assert not show(database, lost.note)
    assert len(rows(database, restoration)) == 1


def test_an_epoch_that_the_node_does_not_remember_is_overtaken(database):
    ahead = (NOW + 900) * 1_000_000  # its clock was wrong when it began that one
    look(database, 5)
    assert not show(database, head(7, epoch=ahead).note)
    assert auditlog.epoch_of(signed(database).note) == ahead + 1


def test_what_was_lost_is_a_row_of_the_log_and_more_of_it_another_one(database):
    look(database, 2)
    restored(database)
    for size in (9, 4, 12, 12):
        assert not show(database, head(size).note)
    told = [json.loads(row.detail) for row in rows(database, disclosure, disclosure.c.action == "log-lost")]
    assert [(each["epoch"], each["size"], each["peer"]) for each in told] == [(0, 9, "TZ"), (0, 12, "TZ")]
    with database.read() as connection:
        assert [row.size for row in own.losses(connection)] == [12]
    assert len(rows(database, restoration)) == 1


def note_by(node, key):
    compact = merkle.CompactRange().append(bytes(32))
    return auditlog.sign_head(fed="test", node=node, compact=compact, signer=FED.signer(key, "log"))


@pytest.mark.parametrize("note", [note_by("KE", "TZ"), note_by("TZ", "TZ"), "rubbish", ""])
def test_nobody_else_can_make_a_node_believe_that_it_lost_something(note, database):
    look(database, 1)
    with pytest.raises(FederationError):
        show(database, note)
    assert rows(database, restoration) == []


def test_a_page_shows_what_its_sender_keeps_and_a_receipt_is_signed_after_it_was_looked_at(database):
    feed = EvilPeer(FED, "ZA").feed("TZ")
    feed.put(feed.peer.record())
    feed.put(feed.peer.record())
    victim = Victim(FED, database)
    look(database, 2)
    victim.take(feed.page(0, 1, log="rubbish"))
    assert victim.rows(restoration) == []
    compact = merkle.CompactRange().extend(bytes([at]) * 32 for at in range(8))
    lost = auditlog.sign_head(fed="test", node="TZ", compact=compact, signer=FED.signer("TZ", "log"))
    receipt = victim.take(feed.page(1, 2, log=lost)).receipt
    assert [row.reason for row in victim.rows(restoration)] == ["peer"]
    assert auditlog.epoch_of(disclosed(receipt)) >= NOW * 1_000_000


def disclosed(receipt):
    """The checkpoint of its signer's disclosure log in a receipt."""
    return json.loads(b64.decode(receipt.split(".")[1]))["log"]


def test_what_stands_in_a_page_is_a_note_of_bounded_length():
    feed = EvilPeer(FED, "ZA").feed("TZ")
    assert parse_page(feed.page(log="x" * 4_096))["log"]
    for strange in ("x" * 4_097, 7, None, ["x"]):
        with pytest.raises(Malformed):
            parse_page(feed.page(log=strange))


# What a peer makes of it


def keep(database, found, *, now=NOW):
    with database.write() as connection:
        return disclosing.keep(connection, "KE", found, came_by="receipt", now=now)


def states(database):
    with database.read() as connection:
        return [(row.epoch, row.size, row.state) for row in peerlogs.listing(connection, "KE")]


def test_another_epoch_is_no_fork_and_another_root_within_one_is(database):
    assert keep(database, head(9))
    assert keep(database, head(4, epoch=7, seed=2))
    assert keep(database, head(9, epoch=7, seed=2))
    with database.write() as connection:
        assert disclosing.accuse(connection, FED.directory, now=NOW) == 0
        assert evidence.listing(connection) == []
    with pytest.raises(EvidenceRefused, match="two epochs"):
        prove(log_fork("KE", head(9).note, head(9, epoch=7, seed=2).note), FED.directory)
    assert not keep(database, head(4, epoch=7, seed=3))
    with database.write() as connection:
        assert disclosing.accuse(connection, FED.directory, now=NOW) == 1
        (proof,) = evidence.listing(connection)
    assert (proof.type, proof.accused, proof.proven) == ("log-fork", "KE", True)


def test_a_checkpoint_of_an_epoch_that_ended_comes_late_and_is_never_the_newest(database):
    assert keep(database, head(4, epoch=7))
    assert keep(database, head(9))
    assert states(database) == [(7, 4, "kept"), (0, 9, "late")]
    with database.read() as connection:
        assert peerlogs.newest_note(connection, "KE") == head(4, epoch=7).note
        assert [row.size for row in peerlogs.unproven(connection, "KE", limit=9)] == [4]


def test_with_a_new_epoch_all_that_was_proven_is_to_be_proven_anew(database):
    keep(database, head(4))
    with database.write() as connection:
        (row,) = peerlogs.listing(connection, "KE")
        peerlogs.mark(connection, row.id, "proven")
    keep(database, head(6, epoch=7, seed=2))
    assert states(database) == [(7, 6, "kept"), (0, 4, "kept")]


def test_the_end_of_an_old_epoch_stays_for_good(database, monkeypatch):
    monkeypatch.setattr(peerlogs, "NEWEST", 1)
    for size in range(1, 6):
        keep(database, head(size))
    for size in range(1, 6):
        keep(database, head(size, epoch=7, seed=2))
    with database.write() as connection:
        peerlogs.thin(connection, "KE")
    assert states(database) == [(7, 5, "kept"), (0, 5, "kept"), (0, 1, "kept")]


def ask(mine, theirs, answer=None):
    """One question of TZ to KE, whose log is in `theirs`."""

    async def honest(first, note):
        with theirs.write() as connection:
            continued = note is None or disclosing.shown(
                connection, note, directory=FED.directory, node="KE", peer="TZ", now=NOW
            )
            return disclosing.grown_from(
                connection, first, fed="test", node="KE", signer=FED.signer("KE", "log"), continued=continued
            ).dump()

    return asyncio.run(disclosing.question(mine, FED.directory, "KE", ask=answer or honest, now=NOW))


@pytest.mark.parametrize("told", [True, False], ids=["by its own restore", "by this question"])
def test_a_witness_learns_by_a_question_how_much_a_restored_log_lost(told, make_database):
    mine, theirs = make_database(), make_database()
    for _ in range(3):
        look(theirs, 4)
        ask(mine, theirs)
    put_back(theirs, 8)
    if told:
        restored(theirs)
    found = ask(mine, theirs)
    assert found["broken"] is None
    found = ask(mine, theirs)
    assert (found["broken"], found["lost"]) == (None, [(12, 8)])
    epoch = states(mine)[0][0]
    assert epoch >= NOW * 1_000_000
    assert [(size, state) for at, size, state in states(mine) if at == 0] == [
        (12, "lost"), (8, "proven"), (4, "proven"),
    ]  # fmt: skip
    with mine.read() as connection:
        assert evidence.listing(connection) == []
        (lost,) = [row for row in peerlogs.listing(connection, "KE") if row.state == "lost"]
    assert lost.detail.startswith("the log began anew: of these 12 rows 8 are proven to be in it")


LIES = {
    "a log that lost rows without a new epoch": lambda: auditlog.Growth(head(3, seed=2).note, (), lost=True),
    "a smaller log of the same epoch": lambda: auditlog.Growth(head(3, epoch=7).note, ()),
    "an epoch that had ended": lambda: auditlog.Growth(head(5).note, ()),
    "an epoch that had ended, as a loss": lambda: auditlog.Growth(head(3).note, (), lost=True),
    "a later epoch that continues nothing and does not say so": lambda: auditlog.Growth(
        head(9, epoch=8, seed=2).note, ()
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_witness_does_not_accept(lie, database):
    keep(database, head(5, epoch=7))
    if lie == "a log that lost rows without a new epoch":
        with database.write() as connection:
            connection.execute(peerlogs.peer_log.delete())
        keep(database, head(5))

    async def answer(_first, _note):
        return LIES[lie]().dump()

    assert ask(database, None, answer)["broken"]
    assert "broken" in {state for _, _, state in states(database)}


def test_an_answer_says_lost_or_nothing():
    note = head(1).note
    assert auditlog.Growth.load(auditlog.Growth(note, (), lost=True).dump()).lost
    assert not auditlog.Growth.load(auditlog.Growth(note, ()).dump()).lost
    for strange in (b"false", b"1", b'"yes"'):
        with pytest.raises(FederationError):
            auditlog.Growth.load(b'{"checkpoint":"x","proof":[],"lost":%s}' % strange)


# What an auditor can prove


def test_an_auditor_with_a_checkpoint_of_before_is_told_what_is_lost_and_what_is_proven(database):
    look(database, 6)
    early = signed(database)
    look(database, 6)
    late = signed(database)
    put_back(database, 8)
    restored(database)
    look(database, 9)
    now = signed(database)
    good = auditlog.verify_export(lines(database), [early, now])
    assert (good.findings, good.checked) == ((), (6, 18))
    verdict = auditlog.verify_export(lines(database), [early, late])
    (finding,) = verdict.findings
    assert (finding.what, verdict.only_lost) == ("lost", True)
    assert "4 of them, from position 8 on, are not in it any more" in finding.detail
    assert "only a checkpoint over at most 8 rows proves" in finding.detail
    told = verifylog.told(verifylog.Checked(fed="test", node="KE", verdict=verdict))
    assert any("the node was restored from a backup by its command" in line for line in told)
    assert "does not continue what was signed" in told[-1]


def test_a_restore_is_no_cover_for_changing_what_the_node_says_that_it_still_has(database):
    look(database, 6)
    early = signed(database)
    look(database, 6)
    with database.write() as connection:
        connection.execute(update(disclosure).where(disclosure.c.rid == "r3").values(actor="somebody else"))
        ids = list(connection.scalars(select(disclosure.c.id).order_by(disclosure.c.id)))
        for table in (logged.log_leaf, logged.log_block, log_pending):
            connection.execute(delete(table))
        connection.execute(update(logged.log_head).values(size=0, hashes=b""))
        logged.note_pending(connection, ids)
    restored(database)
    verdict = auditing.check(database, [early, signed(database)])
    assert [finding.what for finding in verdict.findings] == ["rewritten"]
    assert not verdict.only_lost


def test_what_a_peer_had_to_tell_the_node_leaves_open_how_much_is_lost(database):
    look(database, 6)
    signed(database)
    show(database, head(5).note)
    (finding,) = auditing.check(database, [head(5)]).findings
    assert finding.what == "lost"
    assert "Whether they were lost or changed, and how many, cannot be told from here" in finding.detail


def test_a_checkpoint_of_the_newest_epoch_is_truncated_or_rewritten_as_ever(database):
    look(database, 6)
    restored(database)
    epoch = auditlog.epoch_of(signed(database).note)
    found = auditing.check(database, [head(6, epoch=epoch), head(99, epoch=epoch), head(99, epoch=epoch + 1)])
    assert sorted(finding.what for finding in found.findings) == ["rewritten", "truncated", "truncated"]


def test_a_row_that_only_looks_like_the_beginning_of_an_epoch_is_none():
    good = json.loads(logepochs.opening(epoch=9, reason="peer", before=0, size=3, root=bytes(32)))
    row = {"action": "log-epoch", "at": 1, "detail": json.dumps(good)}
    assert logepochs.opening_of(row).base == 3
    for strange in (
        row | {"action": "view"}, row | {"detail": 7}, row | {"detail": "{"}, row | {"detail": "[]"},
        row | {"detail": json.dumps(good | {"epoch": "9"})}, {"action": "log-epoch", "detail": row["detail"]},
    ):  # fmt: skip
        assert logepochs.opening_of(strange) is None


# What the node itself notices


def test_the_counters_notice_a_log_that_is_shorter_than_it_was(database, tmp_path):
    look(database, 6)
    signed(database)
    counters.advance(tmp_path, database, directory=1)
    assert counters.read(tmp_path).log == (0, 6)
    put_back(database, 4)
    assert counters.notice(tmp_path, database, now=NOW) == ["disclosure log: 4 rows, and there were 6"]
    assert auditlog.epoch_of(signed(database).note) >= NOW * 1_000_000
    assert counters.notice(tmp_path, database, now=NOW) == []
    assert [row.reason for row in rows(database, restoration)] == ["counters"]


def test_counters_of_before_there_were_any_of_the_log_are_read(tmp_path):
    (tmp_path / counters.FILE).write_text('{"feeds": {"TZ/bulk": [0, 3]}, "policy": 2, "directory": 1}')
    assert counters.read(tmp_path) == counters.Counters({"TZ/bulk": (0, 3)}, 2, 1)
