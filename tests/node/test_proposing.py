"""Two officers put a policy in force: what the second one approves is what was shown, and still holds."""

import json

import pytest

from crypto.signer import FileSigner
from federation.policy import PolicyRefused
from node.services import officers, proposing, standing
from node.services.officers import NotApproved
from node.services.proposing import PreviewChanged
from node.storage import policies
from tests.factories import NOW
from tests.node.test_applying import TZ, Node, text


@pytest.fixture
def node(sqlite_database):
    made = Node(sqlite_database)
    made.activate(text(1, ("case transport", TZ)))
    made.release("R-1", "R-2")
    return made


WIDER = text(2, ("case method", TZ))


def propose(node, body=WIDER, by="Ann"):
    return proposing.propose(
        node.database, body, node="KE", by=by, recipients=node.publisher().recipients(), now=node.now
    )


def approve(node, made, by="Bob", **more):
    digest = more.pop("digest", made.preview["digest"])
    return proposing.approve(node.database, made.version, node="KE", by=by, digest=digest, now=node.now, **more)


def activate(node, version=2, by="Ann"):
    publisher = node.publisher()
    return proposing.activate(
        node.database, version, node="KE", by=by, publisher=publisher, recipients=publisher.recipients(), now=node.now
    )


def in_force(node):
    with node.database.read() as connection:
        return policies.active(connection).version


def test_a_proposal_that_another_officer_approved_is_put_in_force_and_reaches_what_was_shared(node):
    made = propose(node)
    assert (made.preview["gains"], made.preview["losses"]) == (2, 2)
    assert {(one["recipient"], one["group"]) for one in made.preview["gained"]} == {("TZ", "method")}
    assert approve(node, made) == "Bob"
    done = activate(node)
    assert (done.version, done.before, done.offered.counts()) == (2, 1, {"put": 0, "more": 2, "less": 2, "tighten": 0})
    with node.database.read() as connection:
        assert policies.active(connection).activated_by == "Ann and Bob"
        assert proposing.find(connection, 2).state == "active"


REFUSED = {
    "the one who proposed it": ({"by": "ann "}, "another person"),
    "its author": ({"by": "ONE"}, "another person"),
    "who has not seen this preview": ({"digest": "x" * 43}, "not the preview"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_proposal_is_not_approved_by(sentence, node):
    options, told = REFUSED[sentence]
    with pytest.raises(NotApproved, match=told):
        approve(node, propose(node), **options)
    with pytest.raises(NotApproved, match="not approved yet"):
        activate(node)
    assert in_force(node) == 1


def test_what_was_proposed_anew_has_to_be_approved_anew(node):
    approve(node, propose(node))
    propose(node, text(2, ("case method transport", TZ)))
    with pytest.raises(NotApproved, match="not approved yet"):
        activate(node)


def test_a_preview_that_changed_since_it_was_approved_stops_the_activation_and_tells_the_difference(node):
    approve(node, propose(node))
    node.release("R-3")
    with pytest.raises(PreviewChanged) as stopped:
        activate(node)
    assert {(one.recipient, one.group, one.becomes) for one in stopped.value.appeared} == {
        ("TZ", "method", "replicate"), ("TZ", "transport", ""),
    }  # fmt: skip
    assert stopped.value.vanished == []
    assert in_force(node) == 1
    approve(node, propose(node))
    assert activate(node).version == 2


def test_a_version_that_is_not_higher_is_not_even_proposed(node):
    with pytest.raises(PolicyRefused, match="version 1 is in force"):
        propose(node, text(1, ("case", TZ)))


@pytest.fixture
def bob(node):
    signer = FileSigner.generate()
    with node.database.write() as connection:
        officers.add(connection, officer="Bob", public=signer.public, now=NOW)
    return signer


def test_once_an_officer_has_a_key_a_name_alone_approves_nothing(node, bob):
    made = propose(node)
    with pytest.raises(NotApproved, match="--key"):
        approve(node, made)
    with pytest.raises(NotApproved, match="sign with keys"):
        proposing.activate_by_two(
            node.database, WIDER, shown=made.preview, node="KE", by="Ann", second="Bob", publisher=node.publisher(),
            recipients=node.publisher().recipients(), now=node.now,
        )  # fmt: skip
    assert approve(node, made, signer=bob) == "Bob"
    assert activate(node).version == 2


def test_a_name_that_approved_before_there_were_keys_does_not_do_afterwards(node):
    approve(node, propose(node))
    with node.database.write() as connection:
        officers.add(connection, officer="Bob", public=FileSigner.generate().public, now=NOW)
    with pytest.raises(NotApproved, match="sign with keys by now"):
        activate(node)


SIGNED = {
    "a key that nobody knows": ({}, None, "Bob"),
    "the key of another officer": ({}, "bob", "Carol"),
    "another policy": ({"policy": "x" * 43}, "bob", "Bob"),
    "another letter": ({"letter": "x" * 43}, "bob", "Bob"),
    "another preview": ({"preview": "x" * 43}, "bob", "Bob"),
    "another version": ({"version": 3}, "bob", "Bob"),
    "a release": ({"what": "release"}, "bob", "Bob"),
}


@pytest.mark.parametrize("sentence", SIGNED)
def test_a_signature_does_not_approve_with_or_for(sentence, node, bob):
    made = propose(node)
    changed, key, by = SIGNED[sentence]
    signer = bob if key else FileSigner.generate()
    with node.database.read() as connection:
        claims = proposing.claims(proposing.find(connection, 2)) | changed
    token = officers.sign(claims, node="KE", officer=by, signer=signer, now=node.now)
    with pytest.raises(NotApproved):
        approve(node, made, by=by, token=token)


def test_an_approval_by_a_key_that_was_revoked_since_puts_nothing_in_force(node, bob):
    approve(node, propose(node), signer=bob)
    with node.database.write() as connection:
        assert officers.revoke(connection, bob.kid, now=NOW)
    with pytest.raises(NotApproved):
        activate(node)
    assert in_force(node) == 1


def test_a_record_released_while_the_preview_is_worked_out_is_looked_at_under_the_lock(node, monkeypatch):
    made = propose(node)
    approve(node, made)
    real = proposing.policing.activate

    def meanwhile(*arguments, **options):
        node.release("R-9")
        return real(*arguments, **options)

    monkeypatch.setattr(proposing.policing, "activate", meanwhile)
    with pytest.raises(PreviewChanged):
        activate(node)
    assert in_force(node) == 1


def test_the_letter_says_who_gets_what_on_which_basis_until_when_and_what_never_leaves(node):
    terms = 'obligations = { tlp = "red", keep_days = 9 }'
    rule = f'{TZ}\nlegal = ["MAA"]\nneeds_release = true\n{terms}'
    maa = '[[instrument]]\nid = "MAA"\ntitle = "An agreement"\nparties = ["KE", "TZ"]\nvalid_until = 2029-06-30\n'
    body = text(2, ("persons case", rule), instrument=maa)
    letter = propose(node, body).letter
    for words in (
        "Recipients named TZ get of all records: case, persons.", "MAA, until 2029-06-30", "An agreement",
        "Parties: KE, TZ; what rests on it goes to nobody else.", "a second officer has released", "TLP red at least",
        "to be erased 9 days after the issue", "Of seizures: ", "narrative", "GB, TZ: nothing",
    ):  # fmt: skip
        assert words in " ".join(letter.split()), words
    assert propose(node, body).letter == letter
    assert "goods" in letter.split("WHAT NEVER LEAVES")[1]


def test_a_preview_warns_where_only_what_is_not_told_keeps_a_group_home(node):
    found = propose(node, text(2, ("case", 'when = { node = ["TZ"], brand = ["Acme"] }'))).preview
    assert found["warnings"] == ["rule 'r0' would let more go of 2 records if they told brand"]
    assert propose(node, text(2, ("case", TZ))).preview["warnings"] == []


def test_a_preview_lists_other_obligations_of_the_same_groups(node):
    found = propose(node, text(2, ("case transport", f'{TZ}\nobligations = {{ tlp = "red" }}'))).preview
    assert (found["gains"], found["losses"], found["handlings"]) == (0, 0, 2)
    assert {one["recipient"] for one in found["handling"]} == {"TZ"}


def test_instruments_tell_their_days_and_warn_before_they_expire(node):
    maa = '[[instrument]]\nid = "MAA"\ntitle = "Agreement"\nvalid_until = {}\n'
    for until, days, expired in (("2026-01-31", 31, False), ("2025-12-31", 0, True), ("2027-01-01", 366, False)):
        policy = policies.read(text(2, ("case", f'{TZ}\nlegal = ["MAA"]'), instrument=maa.format(until)))
        (found,) = standing.instruments(policy, now=NOW)
        assert (found["days_left"], found["expired"], found["rules"]) == (days, expired, ["r0"])
        assert bool(standing.expiring(policy, now=NOW)) == (days <= standing.SOON_DAYS)


def test_what_had_to_be_confirmed_in_time_and_was_not_is_overdue(node):
    node.activate(text(2, ("case transport", f"{TZ}\nobligations = {{ receipt_within = 2 }}")))
    node.release("R-5")
    with node.database.read() as connection:
        assert standing.overdue(connection, now=NOW + 7_200) == []
        late = standing.overdue(connection, now=NOW + 7_201)
    assert {(one["recipient"], one["due"]) for one in late} == {("TZ", NOW + 7_200)}
    assert sorted(one["lane"] for one in late) == ["bulk", "urgent", "urgent"]


def test_the_state_of_a_policy_tells_what_was_sent_and_confirmed(node):
    node.activate(text(2, ("case", TZ)))
    with node.database.read() as connection:
        found = standing.of_policy(connection, now=NOW)
    assert (found["version"], found["applied"]) == (2, True)
    assert found["sent"] == [{"recipient": "TZ", "op": "less", "entries": 2, "confirmed": 0}]
    assert json.dumps(found)


def test_a_preview_names_records_by_their_references_and_a_version_that_is_not_proposed_says_why(node):
    made = propose(node, text(2, ("case goods", TZ)))
    assert {title.partition(": ")[0] for title in made.preview["titles"].values()} == {"R-1", "R-2"}
    approve(node, made)
    activate(node)
    for version, told in ((2, "policy 2 is in force already"), (1, "policy 1 is older than 2"), (9, "is proposed; ")):
        with pytest.raises(NotApproved, match=told):
            proposing.approve(node.database, version, node="KE", by="Bob", digest="x", now=node.now)


def test_other_obligations_on_what_stays_are_counted_beside_what_is_gained_and_lost(node):
    longer = f"{TZ}\nobligations = {{ keep_days = 900 }}"
    found = propose(node, text(2, ("case goods", longer))).preview
    assert (found["gains"] + found["losses"] > 0, found["handlings"]) == (True, 2)
    assert {one["recipient"] for one in found["handling"]} == {"TZ"}
