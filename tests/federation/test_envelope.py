"""Issue a record, open it, and what opening refuses (the evil peer's table has the rest)."""

import pytest

from federation.envelope import issue_record, reopen_record, verify_record
from federation.errors import FederationError
from tests.evil.peer import EvilPeer
from tests.factories import NOW, YEAR, make_federation

FED = make_federation(["KE", "TZ"])
GROUPS = {"case": {"reference": "R-1", "administration": "KE"}, "transport": {"conveyance": "sea"}}


def issued(now=NOW, **changed):
    import random  # noqa: PLC0415 - chance of a test

    return issue_record(
        **{
            "fed": "test", "iss": "KE", "rid": "3f2b8c1e-9d4a-4c6b-8e1f-0a1b2c3d4e5f", "ver": 1, "prev": None,
            "kind": "seizure", "sch": "seizure/1", "handling": {"tlp": "green"}, "groups": GROUPS,
            "signer": FED.signer("KE"), "now": now, "token": random.Random(1).randbytes, **changed,  # noqa: S311 - chance of a test
        }
    )  # fmt: skip


def shown(record, *groups):
    return "~".join([record.jwt, *(record.disclosures[group] for group in groups), ""])


@pytest.mark.parametrize("groups", [(), ("case",), ("transport",), ("transport", "case")])
def test_any_choice_of_groups_opens_as_what_was_issued(groups):
    record = issued()
    opened = verify_record(shown(record, *groups), directory=FED.directory, now=NOW)
    assert opened.groups == {name: GROUPS[name] for name in groups}
    assert (opened.jwt, opened.jh, opened.iss, opened.width) == (record.jwt, record.jh, "KE", 24)
    assert opened.mask == sum(1 << record.index[name] for name in groups)
    assert reopen_record(record.jwt, [record.disclosures[name] for name in groups]).groups == opened.groups


def test_the_signed_part_tells_nothing_of_a_group():
    record = issued(groups={"case": {"reference": "SECRET-77", "administration": "KE"}})
    assert "SECRET-77" not in record.jwt
    assert set(record.disclosures) == {"case"}


def refusal(token, *, fed=FED, now=NOW):
    with pytest.raises(FederationError) as refused:
        verify_record(token, directory=fed.directory, now=now)
    return str(refused.value.problem)


def test_a_record_from_a_clock_that_is_five_minutes_ahead_is_accepted_and_not_a_second_more():
    verify_record(shown(issued(NOW + 300)), directory=FED.directory, now=NOW)
    assert refusal(shown(issued(NOW + 301))) == "clock-skew"


def test_a_record_issued_outside_its_key_s_window_is_refused_and_an_old_key_still_verifies_old_records():
    assert refusal(shown(issued(NOW - YEAR - 1))) == "unknown-key"
    assert refusal(shown(issued(NOW + YEAR + 1)), now=NOW + YEAR + 5) == "unknown-key"
    verify_record(shown(issued(NOW)), directory=FED.directory, now=NOW + 3 * YEAR)


def test_a_record_of_a_revoked_key_is_refused():
    fed = FED.with_key("KE", "record", revoked={"since": NOW - 10, "reason": "stolen"})
    assert refusal(shown(issued(NOW)), fed=fed) == "revoked-key"


def test_the_detail_of_a_refusal_repeats_nothing_of_the_record():
    peer = EvilPeer(FED, "KE")
    for token in (
        peer.record(**{"tk-secret": "tk-secret"}).shown(),
        peer.record(sch="tk-secret/1").shown(),
        peer.record(groups={"tk-secret": 1}).shown(),
        peer.record(h={"tlp": "tk-secret"}, iss="TZ").shown(),
    ):
        with pytest.raises(FederationError) as refused:
            verify_record(token, directory=FED.directory, now=NOW)
        assert "tk-secret" not in refused.value.detail
