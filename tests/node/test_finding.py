"""Names across spellings, numbers however typed, counts over a result; nothing is found by what was not granted."""

import itertools
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from federation import spelling
from federation.records.traces import MAX_TRACES, traces
from node.services import indexing, search
from node.services.search import Criteria, CriteriaRefused
from node.storage import dump, lines, names, records, searching
from node.storage.tables import finding
from node.storage.tables.finding import line, name, name_key, name_record, name_token, number
from tests.evil.desk import Victim
from tests.evil.peer import EvilPeer
from tests.factories import NOW, make_federation
from tests.node.statistics.test_following import version

FED = make_federation(("ZA", "TZ", "KE"))
CASE = {"reference": "R-1", "administration": "ZA", "dates": [{"kind": "seized", "on": "2025-03-04"}]}
SPELLINGS = {
    "Mohamed Al-Rashid": ["Muhammad al Rashid", "Mohammed Rashid", "محمد الرشيد", "Мохаммед Рашид", "MOHAMED ALRASHID"],
    "Abd al-Rahman Youssef": ["Abdulrahman Yusuf", "عبد الرحمن يوسف", "Yousef Abderrahmane"],
    "Сергей Шевченко": ["Sergei Shevchenko", "Sergey Schewtschenko", "shevchenko sergej"],
    "华为技术有限公司": ["Huawei", "Hua Wei Ji Shu"],
    "Nguyễn Văn Đức": ["Nguyen Van Duc", "NGUYEN VAN DUC"],
    "Louis Vuitton": ["Luis Vuiton", "LOUIS VUITTON", "Vuitton"],
    "삼성전자": ["Samsung"],
}


def keep(database, *groups, **handling):
    with database.write() as connection:
        ids = records.keep(connection, [version({"case": CASE, **one}, **handling) for one in groups], now=NOW)
    index(database)
    return ids


def index(database):
    while indexing.follow(database, now=NOW):
        pass


def found(database, **criteria):
    purpose = criteria.pop("purpose", None)
    hits = search.find(database, Criteria(**criteria), by="t", purpose=purpose, now=NOW)
    return [row.rid for row in hits.rows]


def rids(database, ids):
    with database.read() as connection:
        rows = records.in_use(connection, ids)
    return [rows[one].rid for one in ids]


def party(written):
    return {"companies": [{"role": "consignee", "name": written}]}


@pytest.mark.parametrize("kept", SPELLINGS)
def test_a_name_is_found_by_another_spelling_of_it_and_first(kept, database):
    others = [party(written) for written in (*SPELLINGS, "Peter Johnson", "Acme Trading Ltd") if written != kept]
    *_, row = keep(database, *others, party(kept))
    for asked in SPELLINGS[kept]:
        assert found(database, name=asked)[:1] == rids(database, [row]), asked


def test_a_name_that_nobody_has_finds_nothing(database):
    keep(database, *(party(written) for written in SPELLINGS))
    assert found(database, name="Katarzyna Wisniewska") == []
    assert found(database, name="x") == []


def test_both_databases_rank_the_same_names_alike(sqlite_database, make_postgres):
    rng = Random(3)  # noqa: S311 - chance is here to be repeated
    syllables = ["ka", "mo", "ri", "sha", "ben", "tov", "la", "zhi", "no", "du", "pa", "wen"]
    written = ["".join(rng.choices(syllables, k=3)) + " " + "".join(rng.choices(syllables, k=2)) for _ in range(300)]
    answers = []
    for database in (sqlite_database, make_postgres()):
        keep(database, *(party(one) for one in written))
        with database.read() as connection:
            answers.append([
                [(one.record, one.score) for one in names.like(connection, asked, limit=20)] for asked in written[::10]
            ])  # fmt: skip
    assert answers[0] == answers[1]
    assert all(answers[0])


def test_what_a_name_is_filed_under_goes_with_the_last_record_that_has_it(database):
    first, second = keep(database, party("Юрий Гагарин"), party("Юрий Гагарин"))
    with database.write() as connection:
        records.forget_words(connection, first)
        assert connection.scalar(select(name.c.fold)) == "yurii gagarin"
    with database.write() as connection:
        records.forget_words(connection, second)
        for table in (name, name_record, name_token, name_key, number, line):
            assert connection.execute(select(table)).all() == [], table.name


def test_a_token_keeps_its_keys_while_another_name_has_it(database):
    first, second = keep(database, party("Ivan Petrov"), party("Ivan Sidorov"))
    with database.write() as connection:
        records.forget_words(connection, first)
    assert found(database, name="Iwan Sidoroff") == rids(database, [second])
    assert found(database, name="Petrov") == []


NUMBERS = {
    "container": ({"cargo_ids": {"containers": ["CSQU3054383"]}}, ["csqu 305438 3", "CSQU305438-3", "CSQU30"]),
    "awb": ({"cargo_ids": {"awb": "020-12345675"}}, ["02012345675", "020 1234 5675"]),
    "gtin": ({"goods": [{"line": "1", "gtin": ["4006381333931"]}]}, ["4006381333931", "04006381333931"]),
    "registration": ({"right": [{"registration": {"number": "EU 018-123456"}}]}, ["eu018123456"]),
    "plate": ({"documents": {"plates": ["KBA 123 X"]}}, ["KBA123X"]),
    "reference": ({"case": {**CASE, "reference": "KE/MBA/2024/0117"}}, ["KE MBA 2024 0117"]),
    "phone": (
        {"companies": [{"role": "consignee", "name": "A", "address": "Dock 4, tel. +44 20 7946-0958"}]},
        ["020 7946 0958", "+442079460958"],
    ),
}


@pytest.mark.parametrize("what", NUMBERS)
def test_a_number_is_found_however_it_is_typed(what, database):
    groups, typed = NUMBERS[what]
    (row,) = keep(database, groups)
    keep(database, {"cargo_ids": {"containers": ["MSKU0000008"], "awb": "999-00000000"}})
    for asked in typed:
        hits = search.find(database, Criteria(number=asked), by="t", purpose=None, now=NOW)
        assert [(hit.rid, hit.matched.what) for hit in hits.rows] == [(*rids(database, [row]), what)], asked


def test_the_number_that_was_asked_for_comes_before_those_that_begin_with_it(database):
    begun, exact = keep(database, *({"cargo_ids": {"seals": [seal]}} for seal in ("ABC12345678", "ABC123456")))
    assert found(database, number="ABC123456") == rids(database, [exact, begun])
    assert found(database, number="ABC123456", order="newest") == rids(database, [exact, begun])


@pytest.mark.parametrize(
    ("criteria", "field"),
    [
        ({"name": " - "}, "name"), ({"name": "a" * 300}, "name"), ({"number": "watch"}, "number"),
        ({"number": "12"}, "number"), ({"order": "first"}, "order"), ({"order": "best"}, "order"),
        ({"name": "Ivan", "before": "x"}, "cursor"),
    ],
)  # fmt: skip
def test_what_cannot_be_looked_for_is_refused_with_the_name_of_its_field(criteria, field, database):
    with pytest.raises(CriteriaRefused) as refused:
        found(database, **criteria)
    assert refused.value.field == field


def test_pages_of_the_best_order_have_every_hit_once(database):
    ids = keep(database, *(party(f"Ivan Petro{letter}") for letter in "vwfvvwfwv"))
    seen, before = [], None
    for _ in range(9):
        hits = search.find(
            database, Criteria(name="Ivan Petrov", limit=2, before=before), by="t", purpose=None, now=NOW
        )  # fmt: skip
        seen += [(-hit.matched.score, hit.rid) for hit in hits.rows]
        before = hits.next
        if before is None:
            break
    assert sorted(rid for _, rid in seen) == sorted(rids(database, ids))
    assert [score for score, _ in seen] == sorted(score for score, _ in seen)


FIELDS = {
    "category": ["footwear", "watches", "toys"],
    "brand": ["acme", "nordwind"],
    "conveyance": ["sea", "air", "post"],
    "day": [None, "2023-05-01", "2024-02-29", "2024-03-01"],
}


def groups_of(category, brand, conveyance, day):
    dates = {"dates": [{"kind": "seized", "on": day}]} if day else {}
    return {
        "case": {"reference": "R-1", "administration": "ZA", **dates},
        "goods": [{"line": "1", "wco": [category]}],
        "right": [{"brands": [brand]}],
        "transport": {"conveyance": conveyance},
    }


@pytest.fixture(scope="module")
def mixed():
    rng = Random(11)  # noqa: S311 - chance is here to be repeated
    return [tuple(rng.choice(values) for values in FIELDS.values()) for _ in range(120)]


@pytest.mark.parametrize("steps", [0, 10_000], ids=["along the days", "from the rarest"])
def test_every_way_to_a_result_gives_what_a_plain_count_gives_in_the_same_order(steps, database, mixed, monkeypatch):
    monkeypatch.setattr(searching, "_steps", lambda *_: steps)
    ids = keep(database, *(groups_of(*one) for one in mixed))
    names_of = dict(zip(rids(database, ids), zip(ids, mixed, strict=True), strict=True))
    wishes = itertools.product([None, "footwear"], [None, "acme"], [None, "sea"], [None, ("2024", "2024-02")])
    for category, brand, conveyance, period in wishes:
        asked = {"category": category, "brand": brand, "conveyance": conveyance}
        filters = {field: frozenset({value}) for field, value in asked.items() if value}
        wanted = [
            (one[3] or "", row)
            for row, one in names_of.values()
            if all(value is None or value in one for value in asked.values())
            and (period is None or ((one[3] or "").startswith("2024-0") and one[3] <= "2024-02-29"))
        ]
        days = {"day_from": period[0], "day_to": period[1]} if period else {}
        got: list[str] = []
        before = None
        while True:
            criteria = Criteria(filters=filters, limit=17, before=before, **days)
            hits = search.find(database, criteria, by="t", purpose=None, now=NOW)
            got += [hit.rid for hit in hits.rows]
            before = hits.next
            if before is None:
                break
        assert [names_of[rid][0] for rid in got] == [row for _, row in sorted(wanted, reverse=True)], (asked, period)


def test_two_values_of_one_filter_give_a_record_that_has_both_once(database):
    (row,) = keep(database, {"goods": [{"line": "1", "wco": ["footwear", "watches"]}]})
    assert found(database, filters={"category": frozenset({"footwear", "watches"})}) == rids(database, [row])


def test_the_counts_over_a_result_are_those_of_a_plain_count(database, mixed):
    keep(database, *(groups_of(*one) for one in mixed))
    hits = search.find(
        database, Criteria(filters={"brand": frozenset({"acme"})}, facets=True, limit=1), by="t", purpose=None, now=NOW
    )  # fmt: skip
    counted = [one for one in mixed if one[1] == "acme"]
    assert (hits.facets.counted, hits.facets.complete) == (len(counted), True)
    told = hits.facets.to_json()["fields"]
    for at, field in enumerate(("category", "brand", "conveyance")):
        wanted = {value: sum(one[at] == value for one in counted) for value in FIELDS[field]}
        assert {one["value"]: one["records"] for one in told[field]} == {v: n for v, n in wanted.items() if n}


def test_what_the_handling_does_not_allow_is_not_counted(database):
    keep(database, groups_of("footwear", "acme", "sea", None), purposes=["risk-analysis"])
    keep(database, groups_of("watches", "acme", "sea", None), keep_until=NOW)
    keep(database, groups_of("toys", "acme", "sea", None), keep_until=NOW + 10_000)
    hits = search.find(database, Criteria(facets=True), by="t", purpose="customs-enforcement", now=NOW)
    assert hits.facets.counted == 1
    assert dict(hits.facets.fields)["category"] == (("toys", 1),)


def test_a_handling_that_changes_binds_the_counts(database):
    (row,) = keep(database, groups_of("toys", "acme", "sea", None))
    with database.write() as connection:
        records.replace_handling(connection, row, handling='{"tlp":"green","purposes":["other"]}', gc=2)
    hits = search.find(database, Criteria(facets=True), by="t", purpose="customs-enforcement", now=NOW)
    assert hits.facets.counted == 0


def test_more_than_can_be_counted_is_told(database, mixed, monkeypatch):
    monkeypatch.setattr(search.tallies, "MAX_COUNTED", 20)
    keep(database, *(groups_of(*one) for one in mixed))
    hits = search.find(database, Criteria(facets=True), by="t", purpose=None, now=NOW)
    assert (hits.facets.counted, hits.facets.complete) == (20, False)


def test_versions_of_before_the_newer_filters_get_them_when_they_are_indexed(database):
    groups = groups_of("toys", "acme", "sea", None) | {"quantity": [{"amount": {"n": "40", "unit": "H87"}}]}
    with database.write() as connection:
        (row,) = records.keep(connection, [version(groups)], now=NOW)
        connection.execute(text("DELETE FROM facet WHERE field = 'quantity'"))
        connection.execute(text("UPDATE follower SET position = :row WHERE name = 'facets'"), {"row": row})
    index(database)
    assert found(database, filters={"quantity": frozenset({"10-99 H87"})}) == rids(database, [row])


CANARIES = {
    "case": {"reference": "CANARYCASE77", "administration": "ZA"},
    "persons": [{"role": "consignee", "name": "Ludmilla Personov", "address": "tel 555 010 1234"}],
    "companies": [{"role": "consignor", "name": "Zephyrin Companova"}],
    "right": [{"brands": ["canarbrand"], "holder": "Gotthilf Holderovich", "registration": {"number": "REGCANARY99"}}],
    "cargo_ids": {"containers": ["CSQU3054383"], "seals": ["SEALCANARY1"]},
    "documents": {"numbers": ["DOCCANARY22"], "plates": ["PLATECANARY3"]},
    "goods": [{"line": "1", "wco": ["footwear"], "gtin": ["4006381333931"]}],
    "transport": {"conveyance": "sea"},
    "narrative": [{"lang": "en", "by": "author", "text": "canarnarrative call 555 020 9999"}],
    "control": {"basis": {"type": "on_application", "application": "APPCANARY55"}, "detection": "scanner"},
}
QUESTIONS = [
    ("case", {"number": "CANARYCASE77"}),
    ("persons", {"name": "Ludmila Personof"}), ("persons", {"number": "5550101234"}),
    ("companies", {"name": "Zefirin Kompanova"}),
    ("right", {"name": "Holderovitch"}), ("right", {"name": "kanarbrand"}), ("right", {"number": "REGCANARY99"}),
    ("cargo_ids", {"number": "CSQU3054383"}), ("cargo_ids", {"number": "SEALCANARY1"}),
    ("documents", {"number": "DOCCANARY22"}), ("documents", {"number": "PLATECANARY3"}),
    ("goods", {"number": "04006381333931"}), ("goods", {"filters": {"category": frozenset({"footwear"})}}),
    ("transport", {"filters": {"conveyance": frozenset({"sea"})}}),
    ("narrative", {"words": "canarnarrative"}), ("narrative", {"number": "5550209999"}),
    ("control", {"number": "APPCANARY55"}), ("control", {"filters": {"detection": frozenset({"scanner"})}}),
]  # fmt: skip
"""A question for each thing that a group can be found by."""


@given(first=st.sets(st.sampled_from(sorted(CANARIES)), min_size=1), left=st.sets(st.sampled_from(sorted(CANARIES))))
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_nothing_tells_of_a_group_that_was_not_granted_or_is_taken_back(first, left, make_database):
    database = make_database()
    peer, victim = EvilPeer(FED, "ZA"), Victim(FED, database)
    feed, record = peer.feed("TZ"), peer.record(groups=CANARIES)
    feed.put(record, *sorted(first))
    victim.pull(feed)
    index(database)
    _only(database, first, record)
    kept = first & left
    urgent = peer.feed("TZ", "urgent")
    mask = record.mask(*sorted(kept)) if kept else 0
    leaf = {name: value for name, value in record.leaf(*sorted(first)).items() if name != "grant"}
    urgent.append({**leaf, "op": "less", "gm": f"{mask:06x}", "gc": 2})
    victim.pull(urgent)
    _only(database, kept, record)


def _only(database, groups, record):
    """Every question finds the record exactly when its group is held, and the counts tell of held groups alone."""
    for group, criteria in QUESTIONS:
        assert found(database, **criteria) == ([record.claims["rid"]] if group in groups else []), (group, criteria)
    hits = search.find(database, Criteria(facets=True), by="t", purpose=None, now=NOW)
    told = {field for field in hits.facets.fields if field not in {"node", "kind"}}
    said = {"category": "goods", "conveyance": "transport", "detection": "control", "brand": "right"}
    assert told == {field for field, group in said.items() if group in groups}
    with database.read() as connection:
        rows = [row for table in (line, name, name_token, number) for row in connection.execute(select(table))]
    everything = " ".join(str(value) for row in rows for value in row)
    for group, canary in {"persons": "personov", "companies": "companova", "documents": "DOCCANARY22"}.items():
        assert (canary in everything) == (group in groups)


MEMBERS = st.sampled_from(["name", "holder", "brands", "gtin", "awb", "containers", "registration", "number", "text"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=20,
)


@given(ANYTHING)
@settings(max_examples=200, deadline=None)
def test_hostile_groups_are_read_without_an_error(value):
    told = traces({"persons": value, "right": value, "cargo_ids": value, "narrative": value, "case": value})
    for one in told.names:
        assert spelling.alike(spelling.fold(one.text), spelling.fold(one.text)) in {0.0, 100.0}


def test_one_record_cannot_fill_the_index():
    told = traces({"persons": [{"name": f"Person {n}"} for n in range(5 * MAX_TRACES)]})
    assert len(told.names) == MAX_TRACES


def test_every_table_of_the_index_is_left_out_of_a_dump(home):
    keep(home.database, party("Ivan Petrov") | {"cargo_ids": {"containers": ["CSQU3054383"]}})
    with dump.one_look(home.database) as connection:
        told = {table for table, _ in dump.pieces(connection)}
    assert "record" in told
    assert not told & {table.name for table in finding.INDEXES}


def test_lines_with_a_handling_that_cannot_be_read_are_not_counted(database):
    (row,) = keep(database, groups_of("toys", "acme", "sea", None))
    with database.write() as connection:
        connection.execute(line.update().values(handling='{"tlp": 7}'))
        told, counted = lines.count(connection, [row], allowed=lambda _: False, now=NOW)
    assert (told, counted) == ({}, 0)
    assert search.find(database, Criteria(facets=True), by="t", purpose=None, now=NOW).facets.counted == 0
