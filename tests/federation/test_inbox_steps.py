"""Every branch of the judge with its whole answer: the effect, member by member, and what it notes as held."""

from dataclasses import replace

import pytest

from crypto.merkle import CompactRange, leaf_hash
from federation import inbox
from federation.envelope import verify_record
from federation.errors import FederationError, Malformed, ProblemType
from federation.feed import Leaf, parse_leaf
from federation.grants import Handling
from federation.inbox import Along, Await, Dispute, Entomb, Extend, Quarantine, Reduce, Road, Skip, Store, Tighten
from federation.pages import PageEntry, verify_page
from federation.ports import Bound, Held, HeldVersion
from federation.relay import join, sign_relay_grant, text_hash
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation
from tests.simulator.naive import b64, canonical

HUB = "RILO-ESA"
FED = make_federation(["KE", "TZ", "ZA", HUB], groups={"ncp": {"1": ["TZ"]}})
ZA = EvilPeer(FED, "ZA")
GROUPS = {
    "case": {"reference": "R", "administration": "ZA"},
    "transport": {"conveyance": "sea"},
    "method": {"cover_load": "tiles"},
}
FLOOR = {"tlp": "green", "onward": "group:ncp@1", "evidence": "ask", "keep_until": NOW + 900}
ONE = ZA.record(groups=GROUPS, h=FLOOR)
RID = ONE.claims["rid"]
KEY = ("ZA", RID)
TWO = ZA.record(groups=GROUPS, h=FLOOR, rid=RID, ver=2, prev=ONE.jh)
THREE = ZA.record(groups=GROUPS, h=FLOOR, rid=RID, ver=3, prev=TWO.jh)
TWIN = ZA.record(groups=GROUPS, h=FLOOR, rid=RID)
TOMB = ZA.tombstone(RID, prev=ONE.jh)
ALL, CASE, TRANSPORT, METHOD = (ONE.mask(*names) for names in ((), ("case",), ("transport",), ("method",)))
OBLIGED = {**GRANT, "tlp": "amber", "purposes": ["customs"], "review_by": NOW + 500}
BOUND = Handling(
    tlp="amber", purposes=frozenset({"customs"}), onward="none", evidence="ask", keep_until=NOW + 900,
    review_by=NOW + 500,
)  # fmt: skip
"""The strictest of FLOOR and OBLIGED."""
TOLD = replace(BOUND, keep_until=None)
"""OBLIGED alone: what a `tighten` tells."""
TIGHT = Handling(tlp="red", onward="none", evidence="no", keep_until=NOW + 100)
OTHER_HASH = b64(bytes(32))


def gm(mask):
    return f"{mask:06x}"


def of(signed, *groups):
    """The verified record that shows these groups."""
    return verify_record(signed.shown(*groups), directory=FED.directory, now=NOW)


def version(signed, mask=None, **more):
    mask = signed.mask() if mask is None else mask
    return HeldVersion(signed.jh, mask, signed.claims.get("prev"), **more)


class Case:
    """One entry, judged: `effect`, and what is held of its record afterwards (`after`)."""

    def __init__(
        self, signed, *groups, held=None, sender="ZA", n=0, body=True, rg=None, room=None, fed=FED, now=NOW, **leaf
    ):  # fmt: skip
        members = {"n": n, **signed.leaf(*groups, grant=OBLIGED), **leaf}
        members = {name: value for name, value in members.items() if value is not None}
        self.leaf = parse_leaf(canonical(members))
        text = signed.shown(*groups) if body is True else body
        self.entry = PageEntry(canonical(members), text, rg)
        known = {} if held is None else {KEY: held}
        self.effect = inbox.judge_entry(
            n, self.entry, self.leaf, road=Road(sender, "TZ", now), directory=fed.directory, held=known,
            verify=lambda token: verify_record(token, directory=FED.directory, now=NOW), room=room,
        )  # fmt: skip
        self.after = known.get(KEY)

    def skipped(self, why):
        return self.effect == Skip(self.leaf.n, self.leaf, why)

    def aside(self, problem, **more):
        """Whether it was put aside under this word, and nothing else was noted than `more` says."""
        detail = self.effect.detail
        assert detail
        return self.effect == Quarantine(self.leaf.n, self.leaf, self.entry, ProblemType(problem), detail, **more)


def store(case, signed, *groups, newest=True, pending=False, mask=ALL, gc=1, handling=BOUND):
    return Store(
        case.leaf.n, case.leaf, of(signed, *groups), handling, newest, pending, mask=mask, gc=gc, entry=case.entry
    )


def extend(case, signed, *groups, pending=False, mask=ALL, gc=2, handling=BOUND):
    return Extend(case.leaf.n, case.leaf, of(signed, *groups), handling, pending, mask, gc, case.entry)


OVERTAKEN = "a later entry has taken this one's place"
EARLIER = "a later grant of this record was applied before"
RECALLED = "the record was recalled"


# ---- what is stored -----------------------------------------------------------------------------------------


def test_the_first_of_a_record_is_stored_under_the_strictest_of_floor_and_grant():
    case = Case(ONE, n=7)
    assert case.effect == store(case, ONE)
    assert case.after == Held(gc=1, versions={1: version(ONE)})


def test_the_next_version_is_stored_beside_the_one_before():
    case = Case(TWO, "case", gc=2, gm=gm(TWO.mask("case")), held=Held(gc=1, versions={1: version(ONE)}))
    assert case.effect == store(case, TWO, "case", gc=2, mask=TWO.mask("case"))
    assert case.after == Held(gc=2, versions={1: version(ONE), 2: version(TWO, TWO.mask("case"))})


def test_the_same_version_again_is_the_newest_and_an_older_one_is_not():
    again = Case(TWO, gc=2, held=Held(gc=1, versions={2: version(TWO)}))
    assert again.effect == store(again, TWO, gc=2, mask=TWO.mask())
    older = Case(ONE, gc=2, held=Held(gc=1, versions={2: version(TWO)}))
    assert older.effect == store(older, ONE, gc=2, newest=False)


def test_a_put_that_shows_less_than_it_grants_waits_for_the_rest():
    case = Case(ONE, "case", gm=gm(ALL))
    assert case.effect == store(case, ONE, "case", pending=True, mask=CASE)


def test_more_is_joined_with_what_is_held_and_cut_to_what_is_granted():
    held = Held(gc=1, versions={1: version(ONE, CASE | TRANSPORT)})
    case = Case(ONE, "method", op="more", gc=2, gm=gm(CASE | METHOD), held=held)
    assert case.effect == extend(case, ONE, "method", mask=CASE | METHOD)
    assert case.after == Held(gc=2, versions={1: version(ONE, CASE | METHOD)})


def test_more_that_leaves_a_gap_waits_for_the_rest():
    held = Held(gc=1, versions={1: version(ONE, CASE)})
    case = Case(ONE, "method", op="more", gc=2, gm=gm(ALL), held=held)
    assert case.effect == extend(case, ONE, "method", pending=True, mask=CASE | METHOD)


def test_a_put_of_a_version_that_is_held_replaces_it():
    held = Held(gc=1, versions={1: version(ONE, CASE)})
    case = Case(ONE, "method", gc=2, held=held)
    assert case.effect == store(case, ONE, "method", gc=2, mask=METHOD)


@pytest.mark.parametrize("held", [None, Held(gc=1, versions={1: version(ONE, 0)})])
def test_more_of_a_version_of_which_nothing_is_held_is_stored(held):
    case = Case(ONE, "method", op="more", gc=2, gm=gm(CASE | METHOD), held=held)
    assert case.effect == store(case, ONE, "method", gc=2, mask=METHOD, pending=True)


def test_more_as_the_first_grant_of_a_record_is_put_aside():
    assert Case(ONE, op="more").aside("record-invalid")


def test_a_grant_beyond_the_newest_withdrawal_ends_what_was_remembered_of_it():
    bound = Bound(2, 1, CASE)
    case = Case(ONE, gc=3, held=Held(gc=2, versions={1: version(ONE, CASE)}, bound=bound))
    assert case.after == Held(gc=3, versions={1: version(ONE)})


# ---- what comes late ----------------------------------------------------------------------------------------


def late(*groups, bound, known=2, held=0, gc=1, signed=ONE, **leaf):
    versions = {signed.claims["ver"]: version(signed, held)}
    return Case(signed, *groups, gc=gc, held=Held(gc=known, versions=versions, bound=bound), **leaf)


def test_a_late_body_is_taken_in_as_far_as_the_newest_withdrawal_left_it():
    bound = Bound(2, 1, CASE | METHOD)
    case = late(bound=bound)
    assert case.effect == store(case, ONE, mask=CASE | METHOD, gc=2)
    assert case.after == Held(gc=2, versions={1: version(ONE, CASE | METHOD)}, bound=bound)


def test_a_late_body_under_a_tighten_is_bound_by_all_three():
    case = late(bound=Bound(2, 1, ALL, TIGHT))
    strictest = Handling(
        tlp="red", purposes=frozenset({"customs"}), onward="none", evidence="no", keep_until=NOW + 100,
        review_by=NOW + 500,
    )  # fmt: skip
    assert case.effect == store(case, ONE, gc=2, handling=strictest)


def test_a_late_body_that_shows_only_some_of_what_was_left_waits_for_the_rest():
    case = late("method", bound=Bound(2, 1, CASE | METHOD))
    assert case.effect == store(case, ONE, "method", mask=METHOD, gc=2, pending=True)


def test_a_late_body_adds_to_what_is_held():
    case = late("method", "transport", bound=Bound(2, 1, CASE | METHOD), held=CASE)
    assert case.effect == extend(case, ONE, "method", "transport", mask=CASE | METHOD)
    case = late("method", bound=Bound(2, 1, ALL), held=CASE)
    assert case.effect == extend(case, ONE, "method", mask=CASE | METHOD, pending=True)


def test_a_late_body_of_an_older_version_is_not_the_newest():
    held = Held(gc=4, versions={1: version(ONE, 0), 2: version(TWO)}, bound=Bound(4, 1, CASE))
    case = Case(ONE, held=held)
    assert case.effect == store(case, ONE, newest=False, mask=CASE, gc=4)
    held = Held(gc=4, versions={2: version(TWO)}, bound=Bound(4, 1, CASE))
    assert not Case(ONE, held=held).effect.newest


@pytest.mark.parametrize(
    ("bound", "held"),
    [
        (None, 0),
        (Bound(1, 1, ALL), 0),  # of an earlier counter than the newest
        (Bound(2, 2, ALL), 0),  # of another version
        (Bound(2, 1, 0), 0),  # nothing was left
        (Bound(2, 1, CASE), CASE),  # what was left is here
    ],
    ids=map(str, range(5)),
)
@pytest.mark.parametrize("gc", [1, 2])
def test_a_late_body_of_which_nothing_was_left_is_skipped(bound, held, gc):
    case = late(bound=bound, held=held, gc=gc)
    assert case.skipped(EARLIER)
    assert case.after == Held(gc=2, versions={1: version(ONE, held)}, bound=bound)


# ---- what is taken back -------------------------------------------------------------------------------------


def test_less_reduces_and_is_remembered():
    held = Held(gc=1, versions={1: version(ONE, 0b111), 2: version(TWO, 0b011)})
    case = Case(TWO, op="less", gc=2, gm=gm(0b110), body=None, grant=None, held=held)
    assert case.effect == Reduce(0, case.leaf)
    left = {1: version(ONE, 0), 2: version(TWO, 0b010)}
    assert case.after == Held(gc=2, versions=left, bound=Bound(2, 2, 0b110))


def test_less_of_another_envelope_of_the_version_leaves_nothing():
    held = Held(gc=1, versions={1: version(ONE, 0b111)})
    case = Case(TWIN, op="less", gc=2, gm=gm(0b111), body=None, held=held)
    assert case.after.versions == {1: version(ONE, 0)}


def test_less_of_a_record_that_is_not_held_is_remembered_with_its_version():
    case = Case(ONE, op="less", gc=3, gm=gm(CASE), body=None)
    assert case.effect == Reduce(0, case.leaf)
    assert case.after == Held(gc=3, versions={1: HeldVersion(ONE.jh, 0)}, bound=Bound(3, 1, CASE))


def test_tighten_is_applied_and_remembered():
    held = Held(gc=1, versions={1: version(ONE)})
    case = Case(ONE, op="tighten", gc=2, body=None, held=held)
    assert case.effect == Tighten(0, case.leaf, TOLD)
    assert case.after == Held(gc=2, versions={1: version(ONE)}, bound=Bound(2, 1, ALL, TOLD))


@pytest.mark.parametrize("op", ["less", "tighten"])
@pytest.mark.parametrize("gc", [1, 2])
def test_a_withdrawal_that_is_not_newer_than_what_was_applied_is_skipped(op, gc):
    assert Case(ONE, op=op, gc=gc, body=None, held=Held(gc=2)).skipped(EARLIER)


@pytest.mark.parametrize("op", ["less", "tighten"])
def test_a_withdrawal_of_a_recalled_record_is_skipped(op):
    case = Case(ONE, op=op, gc=9, body=None, held=Held(gc=2, tombstoned=True))
    assert case.skipped(RECALLED)
    assert case.after == Held(gc=2, tombstoned=True)


def test_a_tighten_that_tells_nothing_is_put_aside():
    case = Case(ONE, op="tighten", gc=2, grant=None, body=None)
    assert case.aside("malformed")
    assert case.after is None
    assert "tells no handling" in case.effect.detail


@pytest.mark.parametrize(
    ("before", "op", "mask", "told"),
    [
        (None, "less", CASE, None),
        (None, "tighten", ALL, TOLD),
        (Bound(1, 1, ALL, TIGHT), "less", CASE, TIGHT),
        (Bound(1, 1, ALL, TIGHT), "less", 0, None),
        (Bound(1, 2, ALL, TIGHT), "less", CASE, None),
        (Bound(1, 2, ALL, TIGHT), "tighten", ALL, TOLD),
        (Bound(1, 1, ALL, None), "tighten", ALL, TOLD),
        (Bound(1, 1, ALL, TIGHT), "tighten", ALL, Handling(
            tlp="red", purposes=frozenset({"customs"}), onward="none", evidence="no", keep_until=NOW + 100,
            review_by=NOW + 500,
        )),
    ],
    ids=map(str, range(8)),
)  # fmt: skip
def test_what_is_remembered_of_withdrawals(before, op, mask, told):
    case = Case(ONE, op=op, gc=2, gm=gm(mask), body=None, held=Held(gc=1, bound=before))
    assert case.after.bound == Bound(2, 1, mask, told)
    assert inbox.bind(before, case.effect) == case.after.bound


# ---- what has no body ---------------------------------------------------------------------------------------


def test_an_entry_without_its_body_is_waited_for():
    case = Case(ONE, body=None, gc=2, held=Held(gc=1))
    assert case.effect == Await(0, case.leaf, case.entry)
    assert case.after == Held(gc=1)


@pytest.mark.parametrize("gc", [2, 3])
def test_an_entry_without_its_body_that_was_overtaken_is_skipped(gc):
    assert Case(ONE, body=None, gc=2, held=Held(gc=gc)).skipped(OVERTAKEN)


def test_an_entry_without_its_body_of_a_recalled_record_is_skipped():
    assert Case(ONE, body=None, gc=5, held=Held(gc=1, tombstoned=True)).skipped(OVERTAKEN)


def test_a_recall_without_its_tombstone_is_put_aside():
    assert Case(TOMB, op="tomb", gm="000000", gc=2, body=None, held=Held(gc=1)).aside("body-withheld")
    assert Case(TOMB, op="tomb", gm="000000", gc=2, body=None, held=Held(gc=2)).skipped(OVERTAKEN)


LACKING = [
    (Bound(3, 1, CASE), None, True),
    (Bound(3, 1, CASE | METHOD), CASE, True),
    (Bound(3, 1, CASE), CASE, False),
    (Bound(3, 1, 1), None, True),
    (Bound(3, 1, 0b110 & ~CASE), None, False),  # the entry does not grant what was left
    (Bound(2, 1, CASE), None, False),  # of an earlier counter than the newest
    (Bound(3, 2, CASE), None, False),  # of another version
    (None, None, False),
]


# Masks are others in each process, because the digests are: they must not be in the names of tests.
@pytest.mark.parametrize(("bound", "mask", "lacking"), LACKING, ids=map(str, range(len(LACKING))))
def test_a_body_is_waited_for_where_a_withdrawal_left_what_nothing_has_brought(bound, mask, lacking):
    versions = None if mask is None else {1: version(ONE, mask)}
    wanted = CASE | 1 if mask is None else CASE | METHOD
    case = Case(ONE, body=None, gm=gm(wanted), held=Held(gc=3, versions=versions, bound=bound))
    assert type(case.effect) is (Await if lacking else Skip)


# ---- who may send -------------------------------------------------------------------------------------------


def test_nothing_but_a_recall_is_taken_from_a_suspended_member():
    fed = FED.with_node("ZA", status="suspended")
    assert Case(ONE, fed=fed).aside("suspended")
    assert Case(ONE, op="less", gc=2, body=None, fed=fed).aside("suspended")
    case = Case(TOMB, op="tomb", gm="000000", fed=fed)
    assert case.effect == Entomb(0, case.leaf, of(TOMB))


def test_nothing_is_taken_from_who_is_no_member():
    assert Case(ONE, sender="XX").aside("suspended")


def test_the_index_of_a_leaf_is_its_place():
    assert Case(ONE, n=3).effect.n == 3
    leaf = parse_leaf(canonical({"n": 4, **ONE.leaf()}))
    entry = PageEntry(canonical({"n": 4, **ONE.leaf()}), ONE.shown())
    members = {"road": Road("ZA", "TZ", NOW), "directory": FED.directory, "held": {}, "verify": of}
    effect = inbox.judge_entry(3, entry, leaf, **members)
    assert effect == Quarantine(3, leaf, entry, ProblemType.MALFORMED, "the leaf names the index 4 and stands at 3")


def test_an_epoch_begins_a_feed_and_changes_nothing():
    for n in (0, 1):
        text = canonical({"v": 1, "t": NOW, "op": "epoch", "old": "note", "n": n})
        entry, leaf = PageEntry(text), parse_leaf(text)
        held = {}
        effect = inbox.judge_entry(
            n, entry, leaf, road=Road("XX", "TZ", NOW), directory=FED.directory, held=held, verify=of
        )
        if n:
            assert (type(effect), effect.problem) == (Quarantine, ProblemType.MALFORMED)
        else:
            assert effect == Skip(0, leaf, "a new epoch of this feed")
        assert held == {}


# ---- what does not fit its leaf -----------------------------------------------------------------------------


def test_the_body_is_the_record_version_that_the_leaf_names():
    for other in ({"rid": TWIN.claims["rid"][::-1]}, {"ver": 2}, {"jh": OTHER_HASH}):
        assert Case(ONE, **other).aside("record-invalid")
    foreign = EvilPeer(FED, "KE").record(groups=GROUPS, rid=RID)
    assert Case(ONE, body=foreign.shown()).aside("record-invalid")


def test_nothing_is_shown_or_granted_beyond_the_grant_and_the_record():
    assert Case(ONE, gm=gm(ALL & ~CASE)).aside("grant-exceeded")
    widest = 1 << 23
    assert type(Case(ONE, gm=gm(ALL | widest)).effect) is Store
    assert Case(ONE, gm=f"{ALL | 1 << 24:07x}").aside("grant-exceeded")


def test_a_tombstone_travels_as_a_tomb_and_nothing_else_does():
    assert Case(TOMB, gm="000000").aside("record-invalid")
    assert Case(ONE, op="tomb").aside("record-invalid")


@pytest.mark.parametrize("h", [{"tlp": "pink"}, {"tlp": "green", "onward": 1}])
def test_a_record_whose_floor_cannot_be_read_is_put_aside(h):
    record = replace(of(ONE), handling=h)
    with pytest.raises(inbox.RecordInvalid, match="the record's handling floor: "):
        inbox._handling(record, parse_leaf(canonical({"n": 0, **ONE.leaf()})))


def test_a_grant_that_cannot_be_read_is_put_aside():
    case = Case(ONE, grant={"gid": "A", "tlp": "pink"})
    assert case.aside("malformed")
    assert "the entry's handling obligations: tlp" in case.effect.detail


def test_the_same_obligations_under_two_grant_ids_are_read_once():
    first, second = (Case(ONE, op="tighten", body=None, grant={**OBLIGED, "gid": gid}) for gid in ("A" * 22, "B" * 22))
    assert first.effect.handling is second.effect.handling


# ---- what cannot stand beside what is held ------------------------------------------------------------------


def test_two_envelopes_of_one_version_are_both_disputed():
    held = Held(gc=1, versions={1: version(ONE), 2: version(TWO)}, tombstoned=False, bound=Bound(1, 1, CASE))
    case = Case(TWIN, gc=2, held=held)
    assert case.aside("record-equivocation", dispute=Dispute(1, of(TWIN)))
    assert case.effect.dispute.state == "equivocal"
    versions = {1: version(ONE, disputed="equivocal"), 2: version(TWO)}
    assert case.after == replace(held, versions=versions)


def test_a_version_in_dispute_is_not_taken_in_again():
    held = Held(gc=1, versions={1: version(ONE, disputed="forked")})
    assert Case(ONE, gc=2, held=held).aside("record-equivocation", dispute=Dispute(1, of(ONE)))


def test_a_version_that_does_not_follow_the_held_one_disputes_it():
    stranger = HeldVersion(OTHER_HASH, CASE)
    case = Case(TWO, gc=2, held=Held(gc=1, versions={1: stranger}))
    assert case.aside("version-fork", dispute=Dispute(1, of(TWO)))
    assert case.effect.dispute.state == "forked"
    assert case.after == Held(gc=1, versions={1: replace(stranger, disputed="forked")})
    case = Case(TWO, gc=2, held=Held(gc=1, versions={1: replace(stranger, disputed="forked")}))
    assert case.aside("version-fork", dispute=Dispute(1, of(TWO)))


def test_a_version_that_the_held_one_does_not_follow_disputes_it():
    stranger = HeldVersion(OTHER_HASH, CASE, prev=OTHER_HASH)
    case = Case(ONE, gc=2, held=Held(gc=1, versions={2: stranger}))
    assert case.aside("version-fork", dispute=Dispute(2, of(ONE)))
    assert case.after == Held(gc=1, versions={2: replace(stranger, disputed="forked")})


@pytest.mark.parametrize(
    "versions",
    [
        {2: HeldVersion(OTHER_HASH, CASE)},  # it does not tell what it follows
        {2: version(TWO)},
        {2: HeldVersion(OTHER_HASH, CASE, OTHER_HASH, disputed="equivocal")},
        {3: HeldVersion(OTHER_HASH, CASE, OTHER_HASH)},  # no neighbour
    ],
)
def test_a_version_is_stored_beside_a_later_one_that_does_not_speak_against_it(versions):
    assert type(Case(ONE, gc=2, held=Held(gc=1, versions=versions)).effect) is Store


@pytest.mark.parametrize(
    "versions",
    [
        {1: version(ONE)},
        {1: version(ONE, disputed="forked")},
        {1: HeldVersion(OTHER_HASH, CASE, disputed="equivocal")},  # it may follow the other of the two
    ],
)
def test_a_version_is_stored_beside_an_earlier_one_that_does_not_speak_against_it(versions):
    assert type(Case(TWO, gc=2, held=Held(gc=1, versions=versions)).effect) is Store


def test_only_neighbours_are_compared():
    versions = {1: HeldVersion(OTHER_HASH, CASE)}
    assert type(Case(THREE, gc=2, held=Held(gc=1, versions=versions)).effect) is Store


# ---- recalls ------------------------------------------------------------------------------------------------


class Room:
    """Lets through what it is told to, and remembers what it was asked."""

    def __init__(self, free):
        self.free, self.asked = free, []

    def take(self, iss, rid):
        self.asked.append((iss, rid))
        return self.free


def recall(**more):
    return Case(TOMB, op="tomb", gm="000000", gc=2, **more)


def test_a_recall_ends_every_version_and_keeps_what_is_known():
    held = Held(gc=1, versions={1: version(ONE)}, bound=Bound(1, 1, CASE), roads={"ZA": 1})
    case = recall(held=held)
    assert case.effect == Entomb(0, case.leaf, of(TOMB))
    assert case.after == replace(held, tombstoned=True)


def test_a_recall_takes_room_and_waits_where_there_is_none():
    room = Room(free=True)
    assert type(recall(room=room).effect) is Entomb
    assert room.asked == [KEY]
    case = recall(room=Room(free=False), held=Held(gc=1))
    assert case.aside("recall-held", recall=of(TOMB))
    assert case.after == Held(gc=1)


def test_a_recall_of_what_is_recalled_already_takes_no_room():
    room = Room(free=False)
    assert type(recall(room=room, held=Held(gc=1, tombstoned=True)).effect) is Entomb
    assert room.asked == []


def test_a_content_of_a_recalled_record_is_skipped():
    case = Case(ONE, gc=9, held=Held(gc=1, tombstoned=True))
    assert case.skipped(RECALLED)


# ---- what a hub passes on -----------------------------------------------------------------------------------


def leave(mask=ALL, signed=ONE, hub=HUB, **grant):
    claims = signed.claims
    return join([
        sign_relay_grant(
            fed="test", iss="ZA", rid=claims["rid"], ver=claims["ver"], jh=signed.jh, hub=hub, group="ncp@1",
            nodes=None, mask=mask, width=24, grant={"tlp": "amber", "onward": "group:ncp@1", **grant},
            signer=FED.signer("ZA"), now=NOW, exp=NOW + 1000,
        )
    ])  # fmt: skip


class Leafed:
    """A record whose leaf names a relay grant."""

    def __init__(self, signed, *, rg):
        self.signed, self.rg, self.shown = signed, rg, signed.shown

    def leaf(self, *groups, **members):
        return self.signed.leaf(*groups, **({"rg": self.rg} if self.rg else {}), **members)


def relayed(signed, *groups, grants, named=True, sender=HUB, **more):
    """What a hub passes on with the issuer's leave; `named` says whether the leaf names it."""
    rg = text_hash(grants) if named and grants else None
    return Case(Leafed(signed, rg=rg), *groups, rg=grants, sender=sender, **more)


LEFT = Handling(
    tlp="amber", purposes=frozenset({"customs"}), onward="none", evidence="ask", keep_until=NOW + 50,
    review_by=NOW + 500,
)  # fmt: skip


def test_what_a_hub_passes_on_is_bound_by_floor_grant_and_leave():
    case = relayed(ONE, grants=leave(keep_until=NOW + 50))
    assert case.effect == Along(0, case.leaf, HUB, of(ONE), LEFT, case.entry)
    assert case.after == Held(versions={1: version(ONE)}, roads={HUB: 1})


@pytest.mark.parametrize(
    ("held", "roads"),
    [
        (Held(gc=4, versions={1: version(ONE, CASE)}), {"ZA": 4, HUB: 2}),
        (Held(gc=4, versions={1: version(ONE, CASE)}, roads={"ZA": 1, HUB: 1}), {"ZA": 1, HUB: 2}),
        (Held(gc=4, versions={1: version(ONE, CASE)}, roads={HUB: 7}), {HUB: 7}),
    ],
)
def test_each_road_keeps_the_highest_of_its_own_counters(held, roads):
    case = relayed(ONE, "method", grants=leave(), gc=2, held=held)
    assert case.after == replace(held, versions={1: version(ONE, CASE | METHOD)}, roads=roads)


def test_the_issuer_s_own_entry_goes_along_once_a_hub_has_sent_something():
    held = Held(gc=0, versions={1: version(ONE, CASE)}, roads={HUB: 1})
    case = Case(ONE, held=held)
    assert case.effect == Along(0, case.leaf, "ZA", of(ONE), BOUND, case.entry)
    assert case.after == replace(held, versions={1: version(ONE)}, roads={HUB: 1, "ZA": 1})


def test_a_withdrawal_of_one_road_changes_what_is_granted_there_alone():
    held = Held(gc=0, versions={1: version(ONE)}, roads={HUB: 1, "ZA": 1})
    for sender in (HUB, "ZA"):
        less = Case(ONE, op="less", gc=2, gm="000000", body=None, held=held, sender=sender)
        assert less.effect == Along(0, less.leaf, sender, None, None, less.entry)
        assert less.after == replace(held, roads={**held.roads, sender: 2})
        tighten = Case(ONE, op="tighten", gc=2, body=None, held=held, sender=sender)
        assert tighten.effect == Along(0, tighten.leaf, sender, None, TOLD, tighten.entry)
    alone = Case(ONE, op="less", gc=1, gm="000000", body=None, sender=HUB, held=Held(gc=5))
    assert alone.effect == Along(0, alone.leaf, HUB, None, None, alone.entry)
    assert Case(ONE, op="less", gc=1, body=None, held=held, sender=HUB).skipped(EARLIER)


def test_a_hub_brings_the_issuer_s_leave_with_every_body_and_names_it():
    assert relayed(ONE, grants=None).aside("no-relay-grant")
    assert relayed(ONE, grants=leave(), named=False).aside("no-relay-grant")
    nothing = Case(Leafed(ONE, rg=text_hash(leave())), sender=HUB)
    assert nothing.aside("no-relay-grant")
    waiting = relayed(ONE, grants=None, body=None)
    assert waiting.effect == Await(0, waiting.leaf, waiting.entry)


def test_a_body_that_came_without_leave_is_not_opened():
    for rg in (text_hash(leave()), None):
        case = Case(Leafed(ONE, rg=rg), sender=HUB, body="no token", rg=None if rg else leave())
        assert case.aside("no-relay-grant")


def test_only_a_regional_office_passes_on():
    assert relayed(ONE, grants=leave(hub="KE"), sender="KE").aside("no-relay-grant")
    assert Case(ONE, op="less", gc=1, body=None, sender="KE").aside("no-relay-grant")


def test_a_leave_is_compared_with_the_whole_grant_and_with_the_time_of_receipt():
    assert relayed(ONE, "case", grants=leave(CASE)).effect.record.mask == CASE
    assert relayed(ONE, "case", grants=leave(CASE), gm=gm(CASE | METHOD)).aside("grant-exceeded")
    assert relayed(ONE, grants=leave(CASE)).aside("grant-exceeded")
    assert type(relayed(ONE, grants=leave(), now=NOW + 999).effect) is Along
    assert relayed(ONE, grants=leave(), now=NOW + 1000).aside("no-relay-grant")


def test_the_record_of_a_suspended_member_is_not_taken_from_a_hub_and_its_recall_is():
    fed = FED.with_node("ZA", status="suspended")
    assert relayed(ONE, grants=leave(), fed=fed).aside("suspended")
    gone = FED.changed(nodes=[node for node in FED.document["nodes"] if node["id"] != "ZA"])
    assert relayed(ONE, grants=leave(), fed=gone).aside("suspended")
    assert type(recall(sender=HUB, fed=fed).effect) is Entomb


def test_what_a_hub_passes_on_of_a_recalled_record_is_skipped():
    assert relayed(ONE, grants=leave(), held=Held(tombstoned=True)).skipped(RECALLED)


# ---- whole pages --------------------------------------------------------------------------------------------


class Memory:
    def __init__(self, held):
        self.known, self.asked = held, []

    def held(self, keys):
        self.asked.append(set(keys))
        return {key: self.known[key] for key in keys if key in self.known}


def judged(feed, held=(), *, start=0, room=None, now=NOW):
    span = CompactRange()
    span = span.extend([leaf_hash(leaf.encode()) for leaf, _, _ in feed.entries[:start]])
    page = verify_page(feed.page(start), directory=FED.directory, recipient="TZ", start=span, now=NOW)
    opened = inbox.verify_bodies(page, directory=FED.directory, now=now)
    memory = Memory(dict(held))
    return inbox.judge(opened, directory=FED.directory, holdings=memory, room=room), memory, opened


def test_a_leaf_that_nobody_can_read_is_put_aside_and_the_others_are_judged():
    feed = ZA.feed("TZ")
    feed.append("[]", ONE.shown())
    feed.put(ONE)
    effects, memory, opened = judged(feed)
    with pytest.raises(Malformed) as refused:
        parse_leaf("[]")
    detail = refused.value.detail
    assert effects[0] == Quarantine(0, None, opened.page.entries[0], ProblemType.MALFORMED, detail)
    assert (type(effects[1]), effects[1].n) == (Store, 1)
    assert memory.asked == [{KEY}]


def test_the_entries_of_a_later_page_have_their_places():
    feed = ZA.feed("TZ")
    feed.put(ONE, "case")
    feed.append(ONE.leaf(op="more", gc=2), ONE.shown("method"))
    feed.append(TWO.leaf(gc=3), TWO.shown())
    effects, _, _ = judged(feed, {KEY: Held(gc=1, versions={1: version(ONE, CASE)})}, start=1)
    assert [(type(effect), effect.n) for effect in effects] == [(Extend, 1), (Store, 2)]


def test_a_page_without_records_asks_for_nothing():
    feed = ZA.feed("TZ")
    feed.append({"v": 1, "t": NOW, "op": "epoch", "old": "note"})
    effects, memory, _ = judged(feed)
    assert [type(effect) for effect in effects] == [Skip]
    assert memory.asked == []


def test_the_recalls_of_a_page_take_room():
    feed = ZA.feed("TZ")
    feed.append(TOMB.leaf(op="tomb", gm="000000"), TOMB.shown())
    effects, _, _ = judged(feed, room=Room(free=False))
    assert [type(effect) for effect in effects] == [Quarantine]
    assert effects[0].recall == of(TOMB)


def test_a_page_of_a_hub_is_judged_for_its_receiver_at_the_time_of_receipt():
    feed = EvilPeer(FED, HUB).feed("TZ")
    grants = leave()
    feed.append(ONE.leaf(rg=text_hash(grants)), ONE.shown(), grants)
    assert [type(effect) for effect in judged(feed)[0]] == [Along]
    assert [effect.problem for effect in judged(feed, now=NOW + 1000)[0]] == [ProblemType.NO_RELAY_GRANT]


def test_bodies_are_verified_once_each_and_a_bad_one_is_told_when_it_is_asked_for():
    feed = ZA.feed("TZ")
    feed.put(ONE)
    feed.append(ONE.leaf(gc=2), ONE.shown() + "x")
    feed.append(TWO.leaf(gc=3))
    effects, _, opened = judged(feed)
    assert opened.at == NOW
    assert opened.bodies.keys() == {ONE.shown(), ONE.shown() + "x"}
    assert opened.verdict(ONE.shown()) == of(ONE)
    with pytest.raises(FederationError):
        opened.verdict(ONE.shown() + "x")
    assert [type(effect) for effect in effects] == [Store, Quarantine, Await]
    future = ZA.record(groups=GROUPS, iat=NOW + 500)
    feed = ZA.feed("TZ")
    feed.put(future)
    assert judged(feed)[0][0].problem == ProblemType.CLOCK_SKEW
    assert type(judged(feed, now=NOW + 400)[0][0]) is Store


def test_effects_are_counted_by_their_names():
    leaf = Leaf(n=0, t=NOW, op="put")
    assert inbox.summary([Skip(0, leaf, ""), Reduce(1, leaf), Skip(2, leaf, "")]) == {"skip": 2, "reduce": 1}
    assert inbox.summary([]) == {}
