"""The sums follow the records, whatever happens to them; what is not in use is not counted. On both databases."""

import base64
import itertools
import json
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from federation.errors import NotFound
from federation.records.facts import of_seizure
from node.services.search import CriteriaRefused
from node.services.statistics import following, tables
from node.services.statistics.tables import Filters
from node.storage import audit, counts, records
from node.storage.records import NewVersion
from node.storage.tables.statistics import count_cell, counted
from tests.evil.desk import Victim
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation
from tests.node.statistics.counter import count
from tests.node.statistics.test_counting import COMPARED, SEIZURES, with_goods

GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA", "dates": [{"kind": "seized", "on": "2025-03-04"}]},
    "goods": [{"line": "1", "wco": ["footwear"]}],
    "quantity": [{"line": "1", "amount": {"n": "40", "unit": "H87"}}],
}
LAX = {"tlp": "green", "onward": "none", "evidence": "ask"}
LATER = NOW + 100
NAMES = itertools.count()


def text_of(name, value):
    return base64.urlsafe_b64encode(json.dumps(["salt", name, value]).encode()).rstrip(b"=").decode()


def version(groups=GROUPS, *, iss="ZA", kind="seizure", **handling):
    return NewVersion(
        iss=iss, rid=f"r-{next(NAMES)}", ver=1, kind=kind, sch=f"{kind}/1", jh="h", jwt="jwt",
        disclosures=[text_of(name, value) for name, value in groups.items()], mask=(1 << len(groups)) - 1, width=24,
        iat=NOW, prev=None, handling=json.dumps({**LAX, **handling}), title="t", state="received", pending=False, gc=1,
        facets=of_seizure(groups).facets(),
    )  # fmt: skip


def keep(database, *versions):
    with database.write() as connection:
        ids = records.keep(connection, versions, now=NOW)
    catch_up(database)
    return ids


def catch_up(database, now=NOW):
    while following.follow(database, now=now):
        pass


def figures(database, name="by-category", *, now=NOW, **filters):
    (found,) = tables.look(database, (name,), Filters(**filters), by="A. Officer", now=now)
    return {(*cell.key, cell.measure, cell.unit): cell.n / 1000 for cell in (*found.rows, *found.total)}


def articles(database, now=NOW):
    return figures(database, now=now).get(("articles", "H87"), 0)


def test_what_is_new_is_counted(database):
    keep(database, version(), version())
    assert figures(database) == {
        ("footwear", "cases", ""): 2, ("footwear", "lines", ""): 2, ("footwear", "articles", "H87"): 80,
        ("cases", ""): 2, ("lines", ""): 2, ("articles", "H87"): 80,
    }  # fmt: skip
    assert following.check(database, now=NOW) == []


def test_two_who_change_records_of_the_same_administrations_never_wait_for_each_other_crosswise(database):
    def of(administration):
        return version({**GROUPS, "case": {**GROUPS["case"], "administration": administration}})

    first, second, third = keep(database, of("AA"), of("BB"), of("BB"))
    failed = []

    def other():
        try:
            with database.write() as connection:
                counts.changed(connection, [second])
        except Exception as error:  # noqa: BLE001 - told below, in the test's own thread
            failed.append(error)

    thread = threading.Thread(target=other)
    with database.write() as connection:
        counts.changed(connection, [first])
        thread.start()
        time.sleep(0.5)  # by now the other one waits, with what it has locked
        counts.changed(connection, [third])
    thread.join()
    assert failed == []
    catch_up(database)
    assert following.check(database, now=NOW) == []


def content(groups, **changed):
    return {
        "disclosures": [text_of(name, value) for name, value in groups.items()], "mask": (1 << len(groups)) - 1,
        "title": "t", "gc": 2, "handling": json.dumps(LAX), "pending": False, "day": None, **changed,
    }  # fmt: skip


LESS = {name: GROUPS[name] for name in ("case", "goods")}
MORE = {**GROUPS, "quantity": [{"line": "1", "amount": {"n": "70", "unit": "H87"}}]}
CHANGES = {
    "superseded by a correction": (lambda c, i: records.set_state(c, [i], "superseded"), 0),
    "restricted for a data subject": (lambda c, i: records.set_state(c, [i], records.RESTRICTED), 0),
    "stopped by a recall": (lambda c, i: records.set_state(c, [i], records.STOPPED), 0),
    "erased": (records.erase, 0),
    "expired": (lambda c, i: records.erase(c, i, state=records.EXPIRED), 0),
    "deleted to be kept anew": (records.delete, 0),
    "reduced": (lambda c, i: records.replace_content(c, i, **content(LESS)), 0),
    "extended": (lambda c, i: records.replace_content(c, i, **content(MORE)), 70),
    "bound to another purpose": (
        lambda c, i: records.replace_handling(c, i, handling=json.dumps({**LAX, "purposes": ["evidence"]}), gc=2), 0,
    ),
    "bound to a time that is over": (
        lambda c, i: records.replace_handling(c, i, handling=json.dumps({**LAX, "keep_until": NOW}), gc=2), 0,
    ),
    "put in place again": (
        lambda c, i: records.revive(
            c, i, jwt="jwt", sch="seizure/1", kind="seizure", width=24, iat=NOW, prev=None, accepted_at=NOW,
            **content(MORE),
        ),
        70,
    ),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_figures_follow_a_record_that_is(change, database):
    act, left = CHANGES[change]
    row, _ = keep(database, version(), version())
    with database.write() as connection:
        act(connection, row)
    assert articles(database) == 40 + left
    assert following.check(database, now=NOW) == []


@pytest.mark.parametrize("change", ["erased", "restricted for a data subject", "reduced"])
def test_what_a_record_said_goes_in_the_transaction_of_the_change(change, database):
    row, _ = keep(database, version(), version())
    with database.write() as connection:
        CHANGES[change][0](connection, row)
    with database.read() as connection:
        assert connection.execute(counted.select().where(counted.c.record == row)).all() == []
        assert counts.cells(connection)["*", "*", "*", "total", "", "articles", "H87"] == 40_000


def test_a_record_taken_out_of_use_and_back_is_counted_again(database):
    (row,) = keep(database, version())
    for state, expected in (("restricted", 0), ("received", 40)):
        with database.write() as connection:
            records.set_state(connection, [row], state)
        assert articles(database) == expected


def test_what_should_be_erased_by_now_is_not_counted_though_nothing_was_written(database):
    keep(database, version(keep_until=LATER), version())
    assert (articles(database, NOW), articles(database, LATER)) == (80, 40)
    assert following.check(database, now=LATER) == []


def test_a_record_whose_purposes_do_not_name_statistics_is_not_counted(database):
    keep(database, version(purposes=["customs-enforcement"]), version(purposes=["statistics"]))
    assert articles(database) == 40


def test_what_is_no_seizure_is_not_counted(database):
    keep(database, version(kind="alert"))
    assert figures(database) == {}


def test_a_recount_finds_a_figure_that_somebody_has_changed(database):
    keep(database, version())
    with database.write() as connection:
        connection.execute(update(count_cell).where(count_cell.c.dim == "month").values(n=7))
    assert "kept 0.007, recounted 1" in " ".join(following.check(database, now=NOW))


def test_months_nodes_and_administrations_are_filters(database):
    other = {**GROUPS, "case": {**GROUPS["case"], "administration": "UG", "dates": [{"kind": "seized", "on": "2024"}]}}
    keep(database, version(), version(other, iss="RILO-ESA"))
    total = ("cases", "")
    assert figures(database, from_="2025-03", to="2025-03")[total] == 1
    assert figures(database, from_="2025-04").get(total) is None
    assert figures(database, from_="2024-01", to="2024-12")[total] == 1
    assert figures(database, from_="2024-02", to="2024-12").get(total) is None
    assert figures(database, from_="2024-01", to="2024-11").get(total) is None
    assert figures(database, node="RILO-ESA")[total] == figures(database, administration="UG")[total] == 1
    for wrong in ({"from_": "2025"}, {"to": "2025-13"}, {"node": "ke"}, {"administration": "'"}):
        with pytest.raises(CriteriaRefused):
            figures(database, **wrong)


def test_each_look_stands_in_the_disclosure_log(database):
    keep(database, version())
    figures(database, node="ZA")
    with database.read() as connection:
        (row,) = audit.rows(connection)
    assert (row.action, row.actor, row.purpose) == ("statistics", "A. Officer", "statistics")
    assert json.loads(row.detail) == {"tables": ["by-category"], "catalogue": 1, "node": "ZA"}


def test_a_table_tells_who_reported_up_to_when_and_the_caveat(database):
    keep(database, version(), version(iss="KE"))
    (found,) = tables.look(database, ("by-month",), Filters(), by="A", now=NOW)
    assert [(one.node, one.cases, one.first, one.last) for one in found.coverage] == [
        ("KE", 1, "2025-03", "2025-03"), ("ZA", 1, "2025-03", "2025-03"),
    ]  # fmt: skip
    assert "voluntary" in found.caveat
    assert (found.as_of, found.behind) == (NOW, 0)


def test_a_table_that_the_catalogue_does_not_have_is_refused(database):
    with pytest.raises(NotFound):
        figures(database, "by-officer")


def test_a_seizure_that_a_peer_sent_and_recalls_is_counted_until_then(database):
    fed = make_federation(["KE", "TZ", "ZA"])
    peer, victim = EvilPeer(fed, "ZA"), Victim(fed, database)
    signed, feed = peer.record(groups=GROUPS), peer.feed("TZ")
    feed.put(signed, *GROUPS, grant={**GRANT})
    victim.pull(feed)
    catch_up(database)
    assert articles(database) == 40
    stone = peer.tombstone(signed.claims["rid"])
    feed.append(stone.leaf(op="tomb", gm="000000", gc=9), stone.jwt + "~")
    victim.pull(feed)
    assert articles(database) == 0
    assert following.check(database, now=NOW) == []


@given(st.lists(SEIZURES.map(with_goods), min_size=1, max_size=5), st.data())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_second_plain_counter_finds_the_same_sums_over_whatever_is_in_use(database, seizures, data):
    with database.write() as connection:
        records.set_state(connection, [row.record for row in connection.execute(counted.select())], "superseded")
    ids = keep(database, *(version(groups) for groups in seizures))
    out = data.draw(st.sets(st.sampled_from(range(len(ids)))))
    with database.write() as connection:
        records.set_state(connection, [ids[at] for at in out], "superseded")
    catch_up(database)
    with database.read() as connection:
        sums = {
            key[3:]: n / 1000 for key, n in counts.cells(connection).items() if key[0] == "*" and key[3] in COMPARED
        }
    left = count([groups for at, groups in enumerate(seizures) if at not in out])
    assert sums == {key: float(n) for key, n in left.items()}
