"""One event is counted once, in whatever order its records and the annotations about them come and go."""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from node.services.statistics import crossing, following
from node.storage import records, remarks
from tests.factories import NOW
from tests.node.statistics.test_following import GROUPS, articles, catch_up, figures, keep, version

SINGLE = ("cases", "")


def join(database, issuer, *keys, state="received", type_="same-event", **handling):
    """An annotation of `issuer` that joins records; its row."""
    about = [{"iss": iss, "rid": rid, "ver": 1, "jh": "h"} for iss, rid in keys]
    groups = {"about": about, "note": {"type": type_}}
    made = version(groups, iss=issuer, kind="annotation", **handling)
    made = type(made)(**{name: getattr(made, name) for name in made.__slots__} | {"state": state})
    with database.write() as connection:
        (row,) = records.keep(connection, [made], now=NOW)
        remarks.keep(connection, issuer, made.rid, groups, at=NOW)
    catch_up(database)
    return row


def two(database, first="KE", second="ZA", groups=GROUPS):
    one, other = version(iss=first), version(groups, iss=second)
    keep(database, one, other)
    return (first, one.rid), (second, other.rid)


def total(database, now=NOW, **filters):
    return figures(database, now=now, **filters).get(SINGLE, 0)


def test_of_two_reports_of_one_event_one_is_counted(database):
    one, other = two(database)
    assert total(database) == 2
    join(database, "KE", one, other)
    assert (total(database), total(database, node="ZA"), articles(database)) == (1, 1, 40)
    assert following.check(database, now=NOW) == []


def test_nobody_takes_another_s_seizure_out_of_the_figures(database):
    one, other = two(database)
    join(database, "UG", one, other)
    assert total(database) == 2


def test_own_officers_decide_for_what_this_node_counts_and_what_was_entered_on_behalf_gives_way(database):
    entered = {**GROUPS, "case": {**GROUPS["case"], "entered_by": "AA"}}
    one, other = two(database, "ZA", "AA", entered)
    join(database, "KE", one, other, state="released")
    assert (total(database), total(database, node="ZA"), total(database, node="AA")) == (1, 1, 0)


def test_two_who_give_way_to_each_other_are_one_case_and_not_none(database):
    one, other = two(database)
    join(database, "KE", one, other)
    join(database, "ZA", one, other)
    assert (total(database), total(database, node="KE")) == (1, 1)


def test_who_gives_way_to_what_is_not_counted_stays(database):
    one, other = version(iss="KE"), version(iss="ZA", purposes=["customs-enforcement"])
    keep(database, one, other)
    join(database, "KE", ("KE", one.rid), ("ZA", other.rid))
    assert total(database) == 1


def test_a_remark_that_is_taken_back_or_over_lets_both_count_again(database):
    one, other = two(database)
    row = join(database, "KE", one, other)
    with database.write() as connection:
        records.set_state(connection, [row], records.STOPPED)
    assert total(database) == 2
    assert following.check(database, now=NOW) == []
    join(database, "KE", one, other, keep_until=NOW + 50)
    assert (total(database), total(database, NOW + 50)) == (1, 2)
    assert following.check(database, now=NOW + 50) == []


def test_another_type_of_annotation_joins_nothing(database):
    one, other = two(database)
    join(database, "KE", one, other, type_="link")
    assert total(database) == 2


def test_published_tables_count_one_event_once_as_well(database):
    one, other = two(database)
    join(database, "KE", one, other)
    period = crossing.Period(first="2025-01", last="2025-12")
    with database.read() as connection:
        counted = crossing.count(connection, period, node="TZ", own=False, now=NOW)
    assert counted.cells[("_T",) * 7].total() == 1


ISSUERS = ("KE", "UG", "ZA")
LINKS = st.lists(
    st.tuples(st.sampled_from((*ISSUERS, "TZ")), st.sets(st.integers(0, 4), min_size=2, max_size=3)), max_size=4
)


@given(LINKS, st.sets(st.integers(0, 4), max_size=2), st.permutations(range(9)), st.sets(st.integers(0, 3), max_size=2))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_order_of_arrival_does_not_matter_and_a_plain_count_agrees(database, links, unusable, order, ended):
    with database.write() as connection:  # what an earlier example left
        ids = [row.id for row in connection.execute(records.visible())]
        records.set_state(connection, ids, "superseded")
    made = [version(iss=ISSUERS[at % 3], **({"purposes": ["evidence"]} if at in unusable else {})) for at in range(5)]
    keys = [(one.iss, one.rid) for one in made]
    rows = {}
    for step in order:  # 0-4: records; 5-8: links
        if step < 5:
            keep(database, made[step])
        elif step - 5 < len(links):
            issuer, joined = links[step - 5]
            state = "released" if issuer == "TZ" else "received"
            rows[step - 5] = join(database, issuer, *(keys[at] for at in sorted(joined)), state=state)
    with database.write() as connection:
        records.set_state(connection, [rows[at] for at in ended if at in rows], records.STOPPED)
    catch_up(database)
    left = [(issuer, joined) for at, (issuer, joined) in enumerate(links) if at not in ended]
    assert total(database) == len(plain(keys, left, {at for at in range(5) if at not in unusable}))
    assert following.check(database, now=NOW) == []


def plain(keys, links, usable):
    """The positions that count, worked out without the product: give way, then keep one of each event."""
    first = sorted(usable, key=lambda at: keys[at])
    gives = set()
    for issuer, joined in links:
        there = [at for at in first if at in joined]
        giving = there[1:] if issuer == "TZ" else [at for at in there if keys[at][0] == issuer]
        gives |= set(giving[1:] if giving == there else giving)
    event = {at: at for at in range(len(keys))}
    for _ in range(len(keys)):
        for (_, joined), one in itertools.product(links, range(len(keys))):
            if one in joined:
                low = min(event[at] for at in joined)
                event = {
                    at: low if at in joined or root in {event[x] for x in joined} else root
                    for at, root in event.items()
                }
    out = set()
    for root in set(event.values()):
        there = [at for at in first if event[at] == root]
        giving = [at for at in there if at in gives]
        out |= set(giving[1:] if giving == there else giving)
    return usable - out
