"""The Merkle log over the disclosure rows, on both databases: what a database's owner changes, a witness shows."""

import asyncio
import threading

import pytest
from alembic import command
from sqlalchemy import delete, func, insert, select, update

from crypto import merkle
from crypto.errors import CryptoError
from federation import auditlog
from federation.errors import FederationError, Malformed
from federation.evidence import log_fork, verify_evidence
from federation.feed import FeedId
from federation.receipts import sign_receipt, verify_receipt
from node.services import auditing, disclosing
from node.services.serving import accept_receipt
from node.storage import audit, evidence, feeds, logged, peerlogs
from node.storage.database import alembic_config, allocate, insert_rows
from node.storage.tables import disclosure
from node.storage.tables.checkpoints import log_block, log_head, log_leaf, log_pending
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ", "ZA"])
KEYS = FED.directory.keys_of("KE", "log")


def look(database, count=1, actor="officer"):
    """So many views of one officer."""
    with database.write() as connection:
        audit.log(
            connection, [audit.Disclosure(at=NOW + at, action="view", actor=actor, rid=f"r{at}") for at in range(count)]
        )


def signed(database, node="KE"):
    """A checkpoint as a peer keeps it."""
    with database.write() as connection:
        note = disclosing.checkpoint(connection, fed="test", node=node, signer=FED.signer(node, "log"))
    return auditlog.open_head(note, fed="test", node=node, keys=FED.directory.keys_of(node, "log"))


def leaves(database):
    with database.read() as connection:
        return [bytes(leaf) for leaf in connection.scalars(select(log_leaf.c.leaf).order_by(log_leaf.c.n))]


def test_every_row_is_in_the_log_before_a_checkpoint_of_its_moment_leaves(database):
    for count in (1, 3, 0, 2):
        look(database, count)
        witnessed = signed(database)
        assert auditing.check(database, [witnessed]).findings == ()
    assert witnessed.size == 6
    assert witnessed.root == merkle.root_of(leaves(database))


def test_a_checkpoint_and_the_leaves_tell_nothing_of_equal_rows(database):
    for _ in range(2):
        with database.write() as connection:
            audit.log(connection, [audit.Disclosure(at=NOW, action="view", actor="officer")])
    signed(database)
    with database.write() as connection:
        salts = [bytes(salt) for salt in connection.scalars(select(log_leaf.c.salt))]
        rows = [logged.row_at(connection, n) for n in (0, 1)]
    assert [len(salt) for salt in salts] == [16, 16]
    assert salts[0] != salts[1]
    same = {**rows[0], "id": rows[1]["id"]}
    assert same == rows[1]
    assert auditlog.leaf_of(same, salts[0]) not in leaves(database)


def test_a_transaction_that_commits_late_is_later_in_the_log_and_not_passed_over(database):
    if database.is_sqlite:  # one writer at a time: who begins first commits first
        look(database, 2)
        assert signed(database).size == 2
        return
    late = database.engine.connect()
    late.begin()
    audit.log(late, [audit.Disclosure(at=NOW, action="view", actor="late")])
    look(database, 2, actor="early")
    before = signed(database)
    assert before.size == 2
    late.commit()
    late.close()
    after = signed(database)
    with database.read() as connection:
        order = [row["actor"] for _, _, _, row in logged.through(connection, after.size)]
        ids = [row["id"] for _, _, _, row in logged.through(connection, after.size)]
    assert order == ["early", "early", "late"]
    assert ids[2] < ids[0]
    assert auditing.check(database, [before, after]).findings == ()


def test_those_who_write_sign_and_follow_at_once_give_every_row_one_position(database):
    def write():
        for _ in range(8):
            look(database, 3)
            signed(database)

    threads = [threading.Thread(target=write) for _ in range(3)]
    threads.append(threading.Thread(target=lambda: [disclosing.follow(database) for _ in range(20)]))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    witnessed = signed(database)
    with database.read() as connection:
        ids = sorted(row["id"] for _, _, _, row in logged.through(connection, witnessed.size))
        assert ids == sorted(connection.scalars(select(disclosure.c.id)))
    assert witnessed.size == 72
    assert auditing.check(database, [witnessed]).findings == ()


@pytest.mark.parametrize("limit", range(1, 8))
def test_runs_that_adjoin_are_taken_in_as_one_wherever_a_batch_ends(database, limit):
    for count in (2, 1, 3):
        look(database, count)
    with database.write() as connection:
        gone = connection.scalar(select(func.max(disclosure.c.id)))
        connection.execute(delete(disclosure).where(disclosure.c.id == gone))
        ids = sorted(connection.scalars(select(disclosure.c.id)))
    sizes = []
    for _ in range(6):
        with database.write() as connection:
            sizes.append(logged.append(connection, limit=limit).size)
    assert sizes == [min(limit * times, 5) for times in range(1, 7)]
    with database.read() as connection:
        assert [row["id"] for _, _, _, row in logged.through(connection, 5)] == ids
        assert not logged.behind(connection)


def test_rows_from_before_there_was_a_log_are_taken_in(make_database):
    database = make_database()
    config = alembic_config()
    with database.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "2026_11_25_recovery")
        ids = list(allocate(connection, disclosure, 5))
        insert_rows(connection, disclosure, ("id", "at", "action", "actor"), [(i, NOW, "view", "me") for i in ids])
        connection.execute(delete(disclosure).where(disclosure.c.id == ids[2]))
    database.upgrade()
    with database.write() as connection:
        assert logged.append(connection, limit=3).size == 3
    look(database, 2)
    disclosing.follow(database)
    witnessed = signed(database)
    assert witnessed.size == 6
    assert auditing.check(database, [witnessed]).findings == ()


def test_proofs_from_kept_blocks_are_those_of_the_whole_list(database, monkeypatch):
    monkeypatch.setattr(logged, "BLOCK", 4)
    for _ in range(7):
        look(database, 5)
        signed(database)
    whole = leaves(database)
    assert len(whole) == 35
    with database.read() as connection:
        for size in range(36):
            assert logged.root_at(connection, size) == merkle.root_of(whole[:size])
        for first in range(1, 36):
            assert logged.consistency(connection, first, 35) == merkle.consistency_proof(whole, first)
        for n in (0, 3, 4, 17, 31, 32, 34):
            assert logged.inclusion(connection, n, 35) == merkle.inclusion_proof(whole, n)


def test_one_row_is_shown_alone_and_proves_that_it_was_logged(database):
    look(database, 7)
    with database.read() as connection:
        ids = list(connection.scalars(select(disclosure.c.id).order_by(disclosure.c.id)))
    proof = auditing.prove(database, ids[4], fed="test", node="KE", signer=FED.signer("KE", "log"))
    read = auditlog.RowProof.load(proof.dump())
    head = auditlog.open_head(read.note, fed="test", node="KE", keys=KEYS)
    read.verify(head)
    assert read.row["rid"] == "r4"
    forged = auditlog.RowProof(row={**read.row, "actor": "nobody"}, salt=read.salt, n=read.n, proof=read.proof, note="")
    with pytest.raises(FederationError):
        forged.verify(head)


# What whoever owns the database can do, and the checkpoint that a peer kept before it


def edit(connection):
    connection.execute(update(disclosure).where(disclosure.c.rid == "r3").values(actor="somebody else"))


def take_out(connection):
    connection.execute(delete(disclosure).where(disclosure.c.rid == "r3"))


def take_out_with_its_leaf(connection):
    take_out(connection)
    connection.execute(delete(log_leaf).where(log_leaf.c.n == 3))


def put_in(connection):
    (row_id,) = allocate(connection, disclosure, 1)
    connection.execute(insert(disclosure).values(id=row_id, at=NOW, action="view", actor="invented"))


def swap(connection):
    for rid, other in (("r2", "x"), ("r4", "r2"), ("x", "r4")):
        connection.execute(update(disclosure).where(disclosure.c.rid == rid).values(rid=other))


def make_anew(connection):
    """The whole log again, over rows of which one is changed: consistent in itself, and signed by the real key."""
    edit(connection)
    rows = list(connection.scalars(select(disclosure.c.id).order_by(disclosure.c.id)))
    for table in (log_leaf, log_block, log_pending):
        connection.execute(delete(table))
    connection.execute(update(log_head).values(size=0, hashes=b""))
    logged.note_pending(connection, rows)
    logged.append(connection)


def make_anew_without_the_last(connection):
    connection.execute(delete(disclosure).where(disclosure.c.rid == "r9"))
    make_anew(connection)


def change_row_and_leaf(connection):
    edit(connection)
    row, salt = logged.row_at(connection, 3), bytes(16)
    connection.execute(update(log_leaf).where(log_leaf.c.n == 3).values(leaf=auditlog.leaf_of(row, salt), salt=salt))


ATTACKS = {
    "a row is edited": (edit, "edited"),
    "a row is deleted": (take_out, "deleted"),
    "a row is deleted with its leaf": (take_out_with_its_leaf, "misplaced"),
    "a row is inserted": (put_in, "inserted"),
    "two rows change places": (swap, "edited"),
    "a row and its leaf are changed": (change_row_and_leaf, "rewritten"),
    "the whole tree is made anew": (make_anew, "rewritten"),
    "the end is cut off": (make_anew_without_the_last, "truncated"),
}


@pytest.mark.parametrize("sentence", ATTACKS)
def test_an_auditor_with_one_witnessed_checkpoint_notices_that(sentence, database, tmp_path):
    attack, expected = ATTACKS[sentence]
    look(database, 10)
    witnessed = signed(database)
    assert auditing.check(database, [witnessed]).findings == ()
    with database.write() as connection:
        attack(connection)
    if attack is not make_anew_without_the_last:
        look(database, 5)  # life goes on
        signed(database)
    with database.read() as connection:
        exported = list(auditing.lines(connection, logged.head(connection).size))
    verdict = auditlog.verify_export(exported, [witnessed])
    assert expected in {finding.what for finding in verdict.findings}
    assert not verdict


def test_what_was_changed_before_any_checkpoint_left_is_not_noticed_and_the_log_says_so(database):
    look(database, 3)
    with database.write() as connection:
        connection.execute(update(disclosure).where(disclosure.c.rid == "r1").values(actor="somebody else"))
    assert auditing.check(database, [signed(database)]).findings == ()


# Receipts carry it, peers keep it


def test_a_receipt_carries_the_newest_checkpoint_of_its_signer_and_the_sender_keeps_it(database, make_database):
    feed = EvilPeer(FED, "ZA").feed("TZ")
    feed.put(feed.peer.record())
    look(database, 4)
    applied = Victim(FED, database).pull(feed)
    receipt = verify_receipt(applied.receipt, directory=FED.directory, now=NOW)
    assert (receipt.log.size, receipt.log.root) == (4, merkle.root_of(leaves(database)))
    sender = make_database()
    with sender.write() as connection:
        feeds.ensure(connection, ["TZ"])
        locked = feeds.lock(connection, ["TZ"])["TZ", "bulk"]
        feeds.append(connection, [feeds.NewEntry(locked, feed.entries[0][0], None, "0")])
        accept_receipt(connection, receipt)
        accept_receipt(connection, receipt)
        (kept,) = peerlogs.listing(connection)
    assert (kept.peer, kept.size, kept.state, kept.note) == ("TZ", 4, "kept", receipt.log.note)


def receipt_with(log, **changed):
    return sign_receipt(
        **{
            "fed": "test", "feed": FeedId("TZ", "KE", "bulk", 0), "size": 0, "root": merkle.EMPTY_ROOT,
            "quarantined": [], "quarantined_total": 0, "directory_version": 1, "signer": FED.signer("KE", "log"),
            "now": NOW, "log": log, **changed,
        }
    ).token  # fmt: skip


def test_a_receipt_without_a_checkpoint_is_read_as_before():
    assert verify_receipt(receipt_with(None), directory=FED.directory, now=NOW).log is None


def head_of(node="KE", signer=None, fed="test"):
    compact = merkle.CompactRange().append(bytes(32))
    return auditlog.sign_head(fed=fed, node=node, compact=compact, signer=signer or FED.signer("KE", "log"))


BAD_NOTES = {
    "of another node": lambda: head_of(node="TZ"),
    "of another federation": lambda: head_of(fed="other"),
    "by a key that is none of its logs": lambda: head_of(signer=FED.signer("KE", "http")),
    "that is of a feed": lambda: EvilPeer(FED, "KE").feed("TZ").note(),
    "that is none": lambda: "a note",
}


@pytest.mark.parametrize("sentence", BAD_NOTES)
def test_a_receipt_is_refused_with_a_checkpoint(sentence):
    assert verify_receipt(receipt_with(head_of()), directory=FED.directory, now=NOW).log.size == 1
    with pytest.raises(FederationError):
        verify_receipt(receipt_with(BAD_NOTES[sentence]()), directory=FED.directory, now=NOW)


def test_two_roots_at_one_size_are_kept_as_proof_and_never_forgotten(database):
    one, two = (
        auditlog.open_head(
            auditlog.sign_head(
                fed="test", node="KE", compact=merkle.CompactRange().append(bytes([seed]) * 32),
                signer=FED.signer("KE", "log"),
            ),
            fed="test", node="KE", keys=KEYS,
        )
        for seed in (1, 2)
    )  # fmt: skip
    with database.write() as connection:
        assert disclosing.keep(connection, "KE", one, came_by="receipt", now=NOW)
        assert not disclosing.keep(connection, "KE", two, came_by="receipt", now=NOW + 1)
        assert disclosing.accuse(connection, FED.directory, now=NOW) == 1
        peerlogs.thin(connection, "KE")
        kept = peerlogs.listing(connection)
        (proof,) = evidence.listing(connection)
    assert {row.state for row in kept} == {"broken"}
    assert {row.note for row in kept} == {one.note, two.note}
    found = verify_evidence(log_fork("KE", one.note, two.note).data(), directory=FED.directory)
    assert (found.type, found.accused, found.facts["size"]) == ("log-fork", "KE", 1)
    assert (proof.type, proof.accused, proof.proven) == ("log-fork", "KE", True)
    for same in ((one.note, one.note), (one.note, EvilPeer(FED, "KE").feed("TZ").note())):
        with pytest.raises(FederationError):
            verify_evidence(log_fork("KE", *same).data(), directory=FED.directory)
    with pytest.raises(FederationError):
        verify_evidence(log_fork("TZ", one.note, two.note).data(), directory=FED.directory)


def test_old_checkpoints_go_but_the_newest_and_the_first_of_each_day(database, monkeypatch):
    monkeypatch.setattr(peerlogs, "NEWEST", 2)
    compact = merkle.CompactRange()
    with database.write() as connection:
        for at in range(10):
            compact = compact.append(bytes([at]) * 32)
            note = auditlog.sign_head(fed="test", node="KE", compact=compact, signer=FED.signer("KE", "log"))
            found = auditlog.open_head(note, fed="test", node="KE", keys=KEYS)
            peerlogs.keep(connection, "KE", found, came_by="receipt", now=NOW + at * 40_000)
        peerlogs.thin(connection, "KE")
        assert [row.size for row in peerlogs.listing(connection)] == [10, 9, 8, 6, 4, 1]


def ask(database, peer_database):
    """One question of TZ to KE, whose log is in `peer_database`."""

    async def answer(first, _note):
        with peer_database.write() as connection:
            return disclosing.grown_from(
                connection, first, fed="test", node="KE", signer=FED.signer("KE", "log")
            ).dump()

    return asyncio.run(disclosing.question(database, FED.directory, "KE", ask=answer, now=NOW))


def test_a_peer_that_only_sends_is_asked_and_proves_that_its_log_has_grown(make_database):
    mine, theirs = make_database(), make_database()
    look(theirs, 3)
    assert ask(mine, theirs) == {"peer": "KE", "size": 3, "proven": 0, "broken": None}
    look(theirs, 4)
    assert ask(mine, theirs) == {"peer": "KE", "size": 7, "proven": 1, "broken": None}
    with mine.read() as connection:
        assert [(row.size, row.state) for row in peerlogs.listing(connection)] == [(7, "kept"), (3, "proven")]


@pytest.mark.parametrize("attack", [make_anew, make_anew_without_the_last, change_row_and_leaf])
def test_a_peer_whose_log_is_not_the_one_that_it_signed_is_found_out_by_a_question(attack, make_database):
    mine, theirs = make_database(), make_database()
    look(theirs, 10)
    ask(mine, theirs)
    with theirs.write() as connection:
        attack(connection)
    if attack is change_row_and_leaf:  # the head is as it was until the log grows
        look(theirs, 2)
    assert ask(mine, theirs)["broken"]
    with mine.read() as connection:
        assert {row.type for row in evidence.listing(connection)} <= {"log-fork"}
        assert "broken" in {row.state for row in peerlogs.listing(connection)}


def test_an_answer_of_another_form_is_refused():
    for data in (b"", b"[]", b'{"checkpoint":1,"proof":[]}', b'{"checkpoint":"x","proof":["AA"]}', b"{" * 9):
        with pytest.raises((Malformed, CryptoError)):
            auditlog.Growth.load(data)
