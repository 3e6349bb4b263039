"""Recalls as their originator makes them: to whom they go, what the board says, and through who passed it on."""

import json
import random

import pytest
from sqlalchemy import select

from federation.errors import NotFound
from federation.policy import compile_policy, load_policy
from federation.receipts import verify_receipt
from node.services import adopting, checking, drafting, recall_board, recall_decisions, recalling, reissuing, settling
from node.services.intake import PeerDesk
from node.services.outgoing import Outgoing, Terms
from node.services.publishing import Publisher
from node.services.serving import Server, accept_receipt
from node.services.stopping import DAY, RecallRules
from node.storage import drafts, recalls, records
from node.storage.tables import disclosure, entry_out, feed_out, grant_out, quarantine, record, tombstone
from node.storage.tables.recalls import recall, recall_sent
from node.storage.tables.relay import relay_reported
from tests.factories import NOW, make_federation
from tests.simulator.world import policy_text

FED = make_federation(["KE", "TZ", "GB", "UG", "RILO-ESA"])
GROUPS = {"case": {"reference": "R-1", "administration": "KE"}, "transport": {"conveyance": "sea"}}
EVERYBODY = [{"effect": "grant", "kind": "seizure", "nodes": ["TZ", "GB", "UG"], "groups": ["case", "transport"]}]


class Place:
    """Nodes with a database each; who pulls from whom is up to the test."""

    def __init__(self, make_database, fed=FED):
        self.make, self.fed, self.now, self.rules = make_database, fed, NOW, RecallRules()
        self.databases = {}

    def database(self, node):
        if node not in self.databases:
            self.databases[node] = self.make()
        return self.databases[node]

    def publisher(self, node="KE", rules=EVERYBODY):
        return Publisher(
            fed="test", node=node, signer=self.fed.signer(node), directory=self.fed.directory,
            policy=compile_policy(load_policy(policy_text(node, 1, rules), format="json")),
            handling={"tlp": "green", "onward": "any-member"}, token=random.Random(7).randbytes,  # noqa: S311
        )  # fmt: skip

    def release(self, reference="R-1", node="KE", rules=EVERYBODY):
        database = self.database(node)
        groups = {**GROUPS, "case": {"reference": reference, "administration": node}}
        drafting.keep(database, kind="seizure", groups=groups, administration=node, reference=None, now=self.now)
        with database.read() as connection:
            ids = drafts.waiting(connection)
        (report,) = self.publisher(node, rules).release(database, ids, by="officer", second=None, now=self.now)
        return report.rids[0]

    def recall(self, *rids, node="KE", effect="stop-use", second=None, reason="erroneous", ref=None):
        with self.database(node).write() as connection:
            return recalling.recall(
                connection, self.publisher(node), rids, reason=reason, effect=effect, by="officer", second=second,
                rules=self.rules, now=self.now, ref=ref,
            )  # fmt: skip

    def pull(self, me, peer, *lanes, receipt=True):
        for lane in lanes or ("urgent", "bulk"):
            server = Server(
                node=peer, directory=self.fed.directory, log_signer=self.fed.signer(peer, "log")
            )  # fmt: skip
            desk = PeerDesk(
                peer=peer, node=me, database=self.database(me), directory=lambda: self.fed.directory,
                log_signer=self.fed.signer(me, "log"), clock=lambda: self.now, rules=self.rules,
            )  # fmt: skip
            position = desk.position(lane)
            with self.database(peer).read() as connection:
                data = server.page(
                    connection, recipient=me, lane=lane, start=position.size, limit=500, note=position.note,
                    now=self.now,
                )  # fmt: skip
            page = desk.open(lane, data, None)
            if page.entries:
                desk.apply(desk.verify(page))
            token = desk.position(lane).receipt
            if receipt and token is not None:
                opened = verify_receipt(token, directory=self.fed.directory, now=self.now)
                with self.database(peer).write() as connection:
                    accept_receipt(connection, opened)

    def settle(self, node):
        return settling.settle(
            self.database(node), node=node, directory=self.fed.directory, log_signer=self.fed.signer(node, "log"),
            now=self.now,
        )  # fmt: skip

    def board(self, rid, node="KE"):
        with self.database(node).read() as connection:
            return recall_board.board(connection, rid, directory=self.fed.directory, node=node)

    def states(self, rid, node="KE"):
        return {step.recipient: step.state for step in self.board(rid, node).steps}

    def in_use(self, node):
        with self.database(node).read() as connection:
            return {row.rid for row in connection.execute(records.visible())}

    def rows(self, node, table):
        with self.database(node).read() as connection:
            return list(connection.execute(select(table)))


@pytest.fixture
def place(make_database):
    return Place(make_database)


def test_a_recall_goes_to_everybody_who_ever_got_the_record_and_is_stopped_at_home(place):
    rid, other = place.release(), place.release("R-2")
    report = place.recall(rid)
    assert report.recipients == {"TZ", "GB", "UG"}
    assert place.states(rid) == {"TZ": "sent", "GB": "sent", "UG": "sent"}
    assert place.in_use("KE") == {other}
    for node in ("TZ", "GB"):
        place.pull(node, "KE")
        assert place.in_use(node) == {other}
    logged = [row for row in place.rows("KE", disclosure) if row.detail == "tomb"]
    assert {row.recipient for row in logged} == {"TZ", "GB", "UG"}
    with place.database("KE").read() as connection:
        found = checking.fsck(place.database("KE"), node="KE", directory=FED.directory, now=NOW)
        assert [one.to_json() for one in found] == []
        assert connection.scalar(select(tombstone.c.ver)) == 2


def test_the_board_is_exact_while_the_network_is_torn(place):
    rid = place.release()
    for node in ("TZ", "GB", "UG"):
        place.pull(node, "KE")
    place.recall(rid)
    place.pull("TZ", "KE")
    place.pull("GB", "KE", receipt=False)  # it got there, and its receipt did not come back
    board = place.board(rid)
    assert place.states(rid) == {"TZ": "applied", "GB": "sent", "UG": "sent"}
    assert (board.not_applied, board.not_erased) == (("GB", "UG"), ("GB", "TZ", "UG"))
    assert board.to_json()["complete"] is False
    place.pull("GB", "KE")
    place.pull("UG", "KE")
    assert set(place.states(rid).values()) == {"applied"}
    place.now += 7 * DAY
    for node in ("TZ", "UG"):
        assert place.settle(node).erased == 1
    place.pull("TZ", "KE")
    assert place.states(rid) == {"TZ": "erased", "GB": "applied", "UG": "applied"}
    assert place.board(rid).not_erased == ("GB", "UG")
    place.settle("GB")
    for node in ("GB", "UG"):
        place.pull(node, "KE")
    board = place.board(rid)
    assert board.to_json()["complete"] is True
    assert all(step.erased_at == place.now for step in board.steps)
    place.settle("KE")
    assert place.board(rid).here == "erased"
    for node in ("KE", "TZ", "GB", "UG"):
        assert all(not row.jwt and not row.disclosures for row in place.rows(node, record))


def test_a_recipient_that_refuses_is_on_the_board_with_its_reason(place):
    rid = place.release()
    place.pull("TZ", "KE")
    place.recall(rid)
    place.rules = RecallRules(limit=0)
    place.pull("TZ", "KE")
    assert {step.recipient: (step.state, step.reason) for step in place.board(rid).steps}["TZ"] == (
        "held",
        "recall-held",
    )
    assert place.in_use("TZ") == {rid}
    decide(place, "TZ", "refuse", rid)
    place.pull("TZ", "KE")
    assert ("refused", "recall-refused") in {(step.state, step.reason) for step in place.board(rid).steps}
    assert "TZ" in place.board(rid).not_applied
    decide(place, "TZ", "approve", rid)
    place.pull("TZ", "KE")
    assert place.states(rid)["TZ"] == "applied"
    assert place.in_use("TZ") == set()


def decide(place, node, what, rid, by="second officer"):
    recall_decisions.decide(
        place.database(node), what, rid=rid, iss=None, by=by, node=node, rules=RecallRules(),
        directory=place.fed.directory, log_signer=place.fed.signer(node, "log"), now=place.now,
    )  # fmt: skip


def pass_on(place, rid, to, hub="RILO-ESA"):
    """The hub gives a record on: what the relay does, entry, grant and row; the grant itself is not asked here."""
    with place.database(hub).write() as connection:
        row = records.by_key(connection, "KE", rid)[0]
        out = Outgoing(connection, recipients=to, by="relay", now=place.now, token=random.Random(1).randbytes)  # noqa: S311
        for recipient in to:
            decided = out.decision("A" * 43, dict)
            terms = Terms(mask=int(row.mask, 16), grant={"tlp": "green"}, decided=decided)
            out.append("put", row, recipient=recipient, terms=terms, row_id=row.id, previous=None)
        out.write()


def test_a_node_that_passed_a_record_on_passes_its_recall_on_to_all_to_whom_it_did(place):
    rules = [{"effect": "grant", "kind": "seizure", "nodes": ["RILO-ESA"], "groups": ["case"]}]
    rid = place.release(rules=rules)
    place.pull("RILO-ESA", "KE")
    pass_on(place, rid, ["GB", "UG"])
    place.recall(rid)
    assert place.states(rid) == {"RILO-ESA": "sent"}
    place.pull("RILO-ESA", "KE")
    place.pull("RILO-ESA", "KE")  # once more changes nothing
    assert place.states(rid, "RILO-ESA") == {"GB": "sent", "UG": "sent"}
    for node in ("GB", "UG"):
        place.pull(node, "RILO-ESA", "urgent")
        assert place.rows(node, tombstone)[0].jwt == place.rows("KE", tombstone)[0].jwt
    assert place.states(rid, "RILO-ESA") == {"GB": "erased", "UG": "erased"}  # nothing of it was there
    place.pull("GB", "RILO-ESA", "bulk")  # a late copy, by that road
    assert place.in_use("GB") == set()
    assert [row.body for row in place.rows("GB", quarantine)] in ([], [None])


def report(place, rid, recipient, hub="RILO-ESA"):
    """What the hub reported that it passed on of an own record of KE."""
    with place.database("KE").write() as connection:
        connection.execute(
            relay_reported.insert().values(hub=hub, rid=rid, recipient=recipient, ver=1, mask="01", at=place.now)
        )


def test_who_got_it_through_a_hub_is_told_directly_as_well_and_is_on_the_board(place):
    rules = [{"effect": "grant", "kind": "seizure", "nodes": ["RILO-ESA"], "groups": ["case"]}]
    rid = place.release(rules=rules)
    place.pull("RILO-ESA", "KE")
    pass_on(place, rid, ["GB", "UG"])
    report(place, rid, "GB")
    assert place.recall(rid).recipients == {"RILO-ESA", "GB"}
    assert {step.recipient: step.through for step in place.board(rid).steps} == {"GB": "RILO-ESA", "RILO-ESA": None}
    assert owed(place) == set()
    report(place, rid, "UG")  # told after the recall
    assert owed(place) == {"UG"}
    assert owed(place) == set()
    place.pull("UG", "KE")
    place.pull("UG", "RILO-ESA")
    assert place.in_use("UG") == set()
    assert place.states(rid) == {"GB": "sent", "RILO-ESA": "sent", "UG": "erased"}
    assert place.board(rid).not_applied == ("GB", "RILO-ESA")


def owed(place, node="KE"):
    with place.database(node).write() as connection:
        return recalling.offer_owed(connection, node=node, now=place.now)


def test_a_recall_in_a_feed_that_ended_before_it_was_confirmed_is_offered_in_the_new_one(place):
    rid = place.release()
    place.recall(rid)
    place.pull("TZ", "KE", "urgent")
    with place.database("KE").write() as connection:
        for recipient in ("TZ", "GB"):
            connection.execute(
                feed_out.insert().values(
                    recipient=recipient, lane="urgent", epoch=1, size=0, hashes=b"", receipt_size=0
                )
            )  # fmt: skip
    assert owed(place) == {"GB"}
    assert owed(place) == set()
    assert place.states(rid) == {"TZ": "erased", "GB": "sent", "UG": "sent"}


def test_a_recall_that_came_back_after_a_restore_is_offered_to_all_again(place):
    rid = place.release()
    place.recall(rid)
    with place.database("KE").read() as connection:
        token = connection.scalar(select(tombstone.c.jwt)) + "~"
    with place.database("KE").write() as connection:
        for table in (tombstone, recall, recall_sent):
            connection.execute(table.delete())
        assert adopting.adopt(connection, token, node="KE", directory=FED.directory, now=NOW)[0] == "tombstone"
    assert place.board(rid).here == "erased"
    assert owed(place) == {"TZ", "GB", "UG"}
    assert place.board(rid).not_erased == ("GB", "TZ", "UG")
    found = checking.fsck(place.database("KE"), node="KE", directory=FED.directory, now=NOW)
    assert [one.to_json() for one in found] == []


def test_a_suspended_member_gets_its_recall_when_it_comes_back_and_is_on_the_board_until_then(make_database):
    place = Place(make_database)
    rid = place.release()
    place.pull("TZ", "KE")
    place.fed = FED.with_node("TZ", status="suspended").with_node("GB", status="left")
    report = place.recall(rid)
    assert report.recipients == {"TZ", "GB", "UG"}
    board = place.board(rid)
    assert {step.recipient: step.status for step in board.steps} == {"TZ": "suspended", "GB": "left", "UG": "active"}
    assert set(board.not_applied) == {"TZ", "GB", "UG"}
    place.fed = FED
    place.pull("TZ", "KE")
    assert place.states(rid)["TZ"] == "applied"


def test_who_lost_the_record_before_is_told_as_well(place):
    """A member whose grant was taken back may still have it, for instance in a backup."""
    rid = place.release()
    with place.database("KE").write() as connection:
        connection.execute(grant_out.delete().where(grant_out.c.recipient == "TZ"))
    assert "TZ" in place.recall(rid).recipients


def test_a_recalled_record_is_never_released_or_corrected_again(place):
    rid = place.release()
    changed = {**GROUPS, "transport": {"conveyance": "air"}}

    def keep():
        return drafting.keep(
            place.database("KE"), kind="seizure", groups=changed, administration="KE", reference=None, now=NOW
        )

    keep()
    place.recall(rid)
    with place.database("KE").read() as connection:
        ids = drafts.waiting(connection)
    (report,) = place.publisher().release(place.database("KE"), ids, by="officer", second=None, now=NOW)
    assert report.released == 0
    assert "recalled" in report.refused[0].faults[0]
    with pytest.raises(drafting.DraftRefused) as refused:
        keep()
    assert refused.value.faults[0].wrong == "names a recalled record"
    with pytest.raises(recalling.RecallRefused, match="already"):
        place.recall(rid)
    assert place.in_use("KE") == set()


REFUSED = {
    "it is no record of this node": ({"rids": ["3f2b8c1e-9d4a-4c6b-8e1f-0a1b2c3d4e5f"]}, "no record"),
    "the reason is none": ({"reason": "because"}, "tomb.reason"),
    "the effect is none": ({"effect": "shred"}, "tomb.effect"),
    "erasure is asked by one officer alone": ({"effect": "erase"}, "second officer"),
    "the second officer is the first": ({"effect": "erase", "second": "OFFICER"}, "another person"),
    "a duplicate names no other record": ({"reason": "duplicate-of"}, "tomb.ref"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_nothing_is_recalled_when(sentence, make_sqlite, tmp_path):
    place = Place(lambda: make_sqlite(tmp_path / "ke.db"))
    rid = place.release()
    changed, said = REFUSED[sentence]
    with pytest.raises(recalling.RecallRefused, match=said):
        place.recall(*changed.get("rids", [rid]), **{k: v for k, v in changed.items() if k != "rids"})
    assert place.in_use("KE") == {rid}
    with pytest.raises(NotFound):
        place.board(rid)
    place.databases["KE"].close()


def test_own_recalls_beyond_the_limit_need_a_second_officer(place):
    place.rules = RecallRules(limit=2)
    rids = [place.release(f"R-{number}") for number in range(4)]
    place.recall(*rids[:2])
    with pytest.raises(recalling.RecallRefused, match="second officer"):
        place.recall(rids[2])
    place.recall(*rids[2:], second="another")
    assert place.in_use("KE") == set()


def test_a_stop_becomes_an_erasure_once_two_officers_of_the_originator_say_so(place):
    rid = place.release()
    place.pull("TZ", "KE")
    place.recall(rid)
    place.pull("TZ", "KE")
    assert [bool(row.jwt) for row in place.rows("TZ", record)] == [True]
    place.recall(rid, effect="erase", second="another")
    place.pull("TZ", "KE")
    assert [bool(row.jwt) for row in place.rows("TZ", record)] == [False]
    assert place.states(rid) == {"TZ": "erased", "GB": "sent", "UG": "sent"}
    place.pull("GB", "KE")  # who comes later meets both entries, and the one that is in force
    assert place.in_use("GB") == set()
    assert place.states(rid)["GB"] == "erased"


def test_who_recalled_a_record_does_not_confirm_it_at_home(place):
    rid = place.release()
    place.recall(rid)
    with pytest.raises(recall_decisions.SamePerson):
        decide(place, "KE", "confirm", rid, by="Officer")
    decide(place, "KE", "confirm", rid, by="another")
    assert place.board(rid).here == "erased"


def test_what_leaves_says_nothing_of_the_record_but_its_name(place):
    rid = place.release()
    place.recall(rid, ref="court 7/2026", reason="court-order")
    server = Server(node="KE", directory=FED.directory, log_signer=FED.signer("KE", "log"))
    with place.database("KE").read() as connection:
        page = json.loads(server.page(connection, recipient="TZ", lane="urgent", start=0, limit=9, note=None, now=NOW))
    (entry,) = page["entries"]
    leaf = json.loads(entry["e"])
    assert set(leaf) == {"v", "n", "t", "op", "iss", "rid", "ver", "jh", "gm", "gc"}
    assert entry["s"].endswith("~")
    assert entry["s"].count("~") == 1
    with place.database("KE").read() as connection:  # the old entry of the record shows it no more
        bulk = json.loads(server.page(connection, recipient="TZ", lane="bulk", start=0, limit=9, note=None, now=NOW))
    assert "s" not in bulk["entries"][0]


def sign_again(place, node="KE"):
    return reissuing.reissue(place.database(node), place.publisher(node), by="officer", now=place.now)


def test_a_recall_that_was_undone_with_its_stolen_key_stands_again_once_it_is_signed_again(place):
    rid = place.release()
    place.pull("TZ", "KE")
    place.now += 100
    place.recall(rid)
    place.pull("TZ", "KE")
    old = place.fed.signer("KE")
    place.fed = place.fed.rotated("KE", "record").revoked(old.kid, since=place.now - 50)
    assert place.settle("TZ").void == 1
    assert place.in_use("TZ") == {rid}
    assert sign_again(place).recalls == 1
    assert sign_again(place) == reissuing.Reissued()
    place.pull("TZ", "KE")
    assert place.settle("TZ").void == 0
    assert place.in_use("TZ") == set()
    assert place.states(rid)["TZ"] == "applied"


def test_a_recall_that_is_signed_again_before_its_key_is_revoked_elsewhere_is_never_undone(place):
    rid = place.release(rules=[{**EVERYBODY[0], "nodes": ["RILO-ESA", "TZ"]}])
    for node in ("RILO-ESA", "TZ"):
        place.pull(node, "KE")
    pass_on(place, rid, ["GB"])
    place.recall(rid)
    for node, peer in (("RILO-ESA", "KE"), ("TZ", "KE"), ("GB", "RILO-ESA")):
        place.pull(node, peer)
    rotated = place.fed.rotated("KE", "record")
    newest = rotated.revoked(place.fed.signer("KE").kid, since=NOW - 1)
    place.fed = newest
    assert sign_again(place).recalls == 1
    place.fed = rotated  # the others know the new key, and not yet that the old one was stolen
    for node, peer in (("RILO-ESA", "KE"), ("TZ", "KE"), ("GB", "RILO-ESA")):
        place.pull(node, peer)
    place.fed = newest
    for node in ("RILO-ESA", "TZ", "GB"):
        assert place.settle(node).void == 0
        assert place.in_use(node) == set()
        assert place.rows(node, tombstone)[0].jwt == place.rows("KE", tombstone)[0].jwt


def test_a_recall_passed_on_that_was_undone_is_passed_on_again_when_it_is_signed_again(place):
    rid = place.release(rules=[{**EVERYBODY[0], "nodes": ["RILO-ESA"]}])
    place.pull("RILO-ESA", "KE")
    pass_on(place, rid, ["GB"])
    place.pull("GB", "RILO-ESA", "bulk")
    place.recall(rid)
    place.pull("RILO-ESA", "KE")
    place.pull("GB", "RILO-ESA")
    place.fed = place.fed.rotated("KE", "record").revoked(place.fed.signer("KE").kid, since=NOW - 1)
    assert (place.settle("RILO-ESA").void, place.settle("GB").void) == (1, 1)
    sign_again(place)
    place.pull("RILO-ESA", "KE")
    place.pull("GB", "RILO-ESA")
    assert place.rows("GB", tombstone)[0].jwt == place.rows("KE", tombstone)[0].jwt


def test_a_recall_that_waits_for_a_person_is_not_lost_when_it_is_signed_again_and_its_key_revoked(place):
    rid = place.release()
    place.pull("TZ", "KE")
    place.recall(rid)
    place.rules = RecallRules(limit=0)
    place.pull("TZ", "KE")
    rotated = place.fed.rotated("KE", "record")
    newest = rotated.revoked(place.fed.signer("KE").kid, since=NOW - 1)
    place.fed = newest
    sign_again(place)
    place.fed = rotated
    place.pull("TZ", "KE")
    place.fed = newest
    assert place.settle("TZ").void == 0
    assert place.in_use("TZ") == {rid}
    decide(place, "TZ", "approve", rid)
    assert place.in_use("TZ") == set()
    assert place.rows("TZ", tombstone)[0].jwt == place.rows("KE", tombstone)[0].jwt


def test_the_tombstone_that_a_recall_stands_by_is_judged_by_its_own_time(place):
    """The first key was stolen, and later the second one too, from before its tombstone came."""
    rid = place.release()
    place.pull("TZ", "KE")
    place.recall(rid, reason="erroneous")
    place.pull("TZ", "KE")
    first = place.fed.signer("KE")
    place.fed = rotated = place.fed.rotated("KE", "record")
    place.now += 100
    place.fed = rotated.revoked(first.kid, since=NOW - 1)
    sign_again(place)
    place.fed = rotated
    place.pull("TZ", "KE")
    place.fed = rotated.revoked(first.kid, since=NOW - 1)
    assert place.settle("TZ").void == 0
    place.fed = place.fed.rotated("KE", "record").revoked(rotated.signer("KE").kid, since=place.now - 1)
    assert place.settle("TZ").void == 1
    assert place.in_use("TZ") == {rid}


def test_a_hub_passes_on_what_ends_a_time_of_grace_and_nothing_without_its_tombstone(place):
    rid = place.release(rules=[{**EVERYBODY[0], "nodes": ["RILO-ESA"]}])
    place.pull("RILO-ESA", "KE")
    pass_on(place, rid, ["GB"])
    place.recall(rid)
    place.pull("RILO-ESA", "KE")
    place.recall(rid, effect="erase", second="second officer")
    place.pull("RILO-ESA", "KE")
    place.pull("GB", "RILO-ESA", "urgent")
    assert place.states(rid, "RILO-ESA") == {"GB": "erased"}
    with place.database("KE").write() as connection:  # once more with the same key: it changes nothing anywhere
        again = [recalls.get(connection, "KE", rid)]
        recalling.sign_again(connection, place.publisher(), again, by="officer", now=place.now)
    place.pull("RILO-ESA", "KE")
    place.pull("GB", "RILO-ESA", "urgent")
    assert [row.n for row in place.rows("GB", quarantine) if row.state == "held"] == []
    leaves = [row.leaf for row in place.rows("RILO-ESA", entry_out) if '"op":"tomb"' in row.leaf]
    assert len(leaves) == 2


def test_who_stole_a_newer_key_cannot_undo_a_recall_by_recalling_once_more(place):
    rid = place.release()
    place.pull("TZ", "KE")
    place.recall(rid)
    place.pull("TZ", "KE")
    honest = place.rows("TZ", tombstone)[0].jwt
    place.fed = place.fed.rotated("KE", "record")
    thief = place.fed.signer("KE")
    with place.database("KE").write() as connection:
        recalling.sign_again(connection, place.publisher(), [recalls.get(connection, "KE", rid)], by="thief", now=NOW)
    place.pull("TZ", "KE")
    place.fed = place.fed.rotated("KE", "record").revoked(thief.kid, since=NOW - 1)
    assert place.settle("TZ").void == 0
    assert place.rows("TZ", tombstone)[0].jwt == honest
    assert place.in_use("TZ") == set()
