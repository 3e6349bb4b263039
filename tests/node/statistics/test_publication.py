"""Published tables: counted from records, protected over all versions, signed, granted table by table, and received."""

from __future__ import annotations

import csv
import io
import json
import threading
import time
import zipfile
from collections import Counter
from dataclasses import replace

import openpyxl
import pytest
from sqlalchemy import select

from federation.errors import NotFound
from federation.records import get_schema
from node.services import recalling
from node.services.exporting import ExportRefused
from node.services.statistics import crossing, publication, published
from node.services.statistics.publication import PublicationRefused, Wishes
from node.services.statistics.suppression import Catalogue, Cell, Dimension, Rules
from node.services.statistics.suppression_moves import Grid
from node.services.stopping import RecallRules
from node.storage import drafts, exports, publications, records
from node.storage.tables import disclosure
from tests.factories import NOW, make_federation
from tests.federated import Nodes
from tests.node.statistics.editions import SHOWN, YEAR, Case, made_up, publish, recounted, release
from tests.node.statistics.tables import narrowed
from tests.node.statistics.test_following import GROUPS, version

FED = make_federation(["KE", "TZ", "UG", "RILO-ESA"])
SEIZURES = {"groups": ["case", "goods", "right", "route", "transport"], "when": {"kind": ["seizure"]}}
SOME = ["about", "by_month", "category_by_origin"]
GRANTED = {"groups": SOME, "when": {"kind": ["statistics"], "node": ["TZ"]}}
DIMS = ("month", "category", "right", "origin", "destination", "conveyance", "procedure")


@pytest.fixture
def nodes(make_database):
    made = Nodes(FED, make_database, "KE", "TZ")
    made.policy("KE", GRANTED)
    return made


@pytest.fixture
def light(tmp_path, make_sqlite):
    number = iter(range(9))
    made = Nodes(FED, lambda: make_sqlite(tmp_path / f"{next(number)}.db"), "KE", "TZ", "UG")
    made.policy("KE", GRANTED)
    yield made
    for database in made.databases.values():
        database.close()


def shown(nodes, name, node="KE"):
    """Table → key → figure, None where it is suppressed."""
    view, tables = published.show(
        nodes.databases[node], name, node=node, by="officer", purpose="statistics", now=nodes.now
    )
    return view, {table.name: dict(table.rows) for table in tables}


def drawn(nodes, reference="STAT-2025"):
    with nodes.databases["KE"].read() as connection:
        return publications.of_reference(connection, reference)


def groups_of(nodes, reference="STAT-2025"):
    with nodes.databases["KE"].read() as connection:
        return json.loads(drafts.find(connection, "KE", "statistics", [reference])[reference].groups)


def test_what_is_published_equals_a_recount_and_is_shown_alike_where_it_was_received(nodes):
    cases = made_up(1, 60)
    release(nodes, cases)
    assert publish(nodes).outcome == "created"
    view, own = shown(nodes, "STAT-2025")
    counted = recounted(cases)
    assert set(own) == set(SHOWN)
    for name, table in own.items():
        assert {key for key, n in table.items() if n is None} <= counted[name].keys()
        assert {key: int(n) for key, n in table.items() if n is not None} == {
            key: holders.total() for key, holders in counted[name].items() if table.get(key, "") is not None
        }
    assert any(None in table.values() for table in own.values())
    nodes.pull("TZ", "KE")
    assert nodes.aside("TZ") == []
    assert nodes.held("TZ", "KE", view.rid) == {1: set(SOME)}
    received, tables = shown(nodes, view.rid, "TZ")
    assert tables == {name: own[name] for name in SOME[1:]}
    assert (received.kind, received.title) == ("statistics", view.title)
    assert received.title.endswith("2025-01 to 2025-12")


def test_a_table_that_was_not_granted_is_not_at_the_peer(nodes):
    release(nodes, made_up(2, 40))
    publish(nodes)
    view, _ = shown(nodes, "STAT-2025")
    page = nodes.page("TZ", "KE", "bulk", 0)
    nodes.pull("TZ", "KE")
    assert nodes.held("TZ", "KE", view.rid) == {1: set(SOME)}
    assert b"by_conveyance" not in page


def widths_over(cases, rules):
    """The width that the rules ask of each cell, from the recount."""
    found = {}
    for name, table in recounted(cases).items():
        for key, holders in table.items():
            full = tuple(dict(zip(SHOWN[name], key, strict=True)).get(dim, "_T") for dim in DIMS)
            found[full] = rules.width(Cell.of(holders))
    return {key: width for key, width in found.items() if width}


def outside(nodes, versions):
    """What an outsider has: the catalogue by the codes that are in the records, and for each the true values."""
    every = [recounted(cases) for cases, _ in versions]
    codes = {dim: set() for dim in DIMS}
    values = []
    for counted in every:
        true = {}
        for name, table in counted.items():
            for key, holders in table.items():
                full = dict(zip(SHOWN[name], key, strict=True))
                true[tuple(full.get(dim, "_T") for dim in DIMS)] = holders.total()
                for dim, code in full.items():
                    codes[dim].add(code)
        values.append(true)
    catalogue = Catalogue(
        dimensions=tuple(
            Dimension(name=dim, root="_T", parents=dict.fromkeys(sorted(codes[dim] - {"_T"}), "_T")) for dim in DIMS
        ),
        tables=tuple(SHOWN.values()),
    )
    hidden = []
    for _, groups in versions:
        found = set()
        for name, dims in SHOWN.items():
            for cell in groups[name]["cells"]:
                if cell.get("suppressed"):
                    full = dict(zip(dims, cell["key"], strict=True))
                    found.add(tuple(full.get(dim, "_T") for dim in DIMS))
        hidden.append(frozenset(found))
    keys = set().union(*values) | set().union(*hidden)
    keys |= set(Grid(catalogue).keys)
    return catalogue, [{key: true.get(key, 0) for key in keys} for true in values], hidden


@pytest.mark.parametrize("seed", range(3))
def test_no_version_and_no_difference_between_versions_narrows_a_suppressed_cell_below_its_width(light, seed):
    cases = made_up(seed, 50)
    release(light, cases)
    versions = []
    for step in range(3):
        publish(light)
        versions.append((list(cases), groups_of(light)))
        more = made_up(100 + 10 * seed + step, 4)
        release(light, more, start=len(cases))
        cases = cases + more
    catalogue, values, hidden = outside(light, versions)
    for at, (counted, _) in enumerate(versions):
        widths = widths_over(counted, Rules())
        assert widths.keys() <= hidden[at]
        assert narrowed(catalogue, values[at], widths, hidden[at]) == []
        assert at == 0 or hidden[at - 1] <= hidden[at]
    widths = widths_over(cases[: len(versions[0][0])], Rules())
    for first in range(2):
        silent = frozenset.intersection(*hidden[first:])
        lowest = {key: min(one[key] for one in values[first:]) for key in values[first]}
        kept = {key: width for key, width in widths.items() if key in silent}
        assert narrowed(catalogue, values[first], kept, silent, less=lowest) == []


def test_suppressed_cells_bring_no_value_and_no_reason(light):
    release(light, made_up(3, 50))
    made = publish(light)
    groups = groups_of(light)
    cells = [cell for name in SHOWN for cell in groups[name]["cells"]]
    left_out = [cell for cell in cells if "suppressed" in cell]
    assert made.secondary
    assert left_out
    assert all(cell == {"key": cell["key"], "suppressed": True} for cell in left_out)


def test_records_whose_handling_forbids_statistics_and_drafts_and_other_periods_are_not_counted(light):
    cases = made_up(4, 40)
    release(light, cases)
    release(light, [replace(case, month="2024-05") for case in made_up(5, 5)], start=100)
    forbidden = light.publisher
    light.publisher = lambda node: replace(
        forbidden(node), handling={**forbidden(node).handling, "purposes": ["customs-enforcement"]}
    )
    release(light, made_up(6, 7), start=200)
    light.publisher = forbidden
    publish(light)
    _, tables = shown(light, "STAT-2025")
    assert tables["by_month"]["_T",] == "40"


def test_a_new_version_corrects_and_the_same_figures_make_none(nodes):
    release(nodes, made_up(7, 40))
    publish(nodes)
    again = publish(nodes)
    assert (again.ver, again.outcome) == (1, "unchanged")
    release(nodes, made_up(8, 4), start=100)
    later = publish(nodes)
    assert (later.ver, later.outcome) == (2, "changed")
    nodes.pull("TZ", "KE")
    view, tables = shown(nodes, "STAT-2025")
    assert nodes.held("TZ", "KE", view.rid) == {2: set(SOME)}
    assert tables["by_month"]["_T",] == "44"
    assert [one.ver for one in drawn(nodes)] == [1, 2]


def test_a_draft_that_never_left_gives_its_place_to_the_next(light):
    database = light.databases["KE"]
    release(light, made_up(9, 40))
    publication.draw(database, YEAR, node="KE", now=light.now)
    release(light, made_up(10, 5), start=100)
    publication.draw(database, YEAR, node="KE", now=light.now + 1)
    assert [one.ver for one in drawn(light)] == [1]


def test_a_period_or_scope_that_could_be_subtracted_from_what_is_out_is_refused(light):
    release(light, made_up(11, 40))
    release(light, [Case("2024-02", "footwear", "CN", "KE", "sea", "Lone")], start=100)
    publish(light)
    for wishes, words in (
        (Wishes(first="2025-01", last="2025-03"), "subtracts"),
        (replace(YEAR, scope="held", reference="STAT-B"), "same scope"),
        (Wishes(first="2024-01", last="2024-12", reference="STAT-2025"), "same period"),
    ):
        with pytest.raises(PublicationRefused, match=words):
            publication.draw(light.databases["KE"], wishes, node="KE", now=light.now)


def test_another_reference_of_the_same_period_keeps_what_the_first_left_out(light):
    release(light, made_up(12, 40))
    publish(light)
    release(light, made_up(13, 300, holders=30), start=100)
    publish(light, replace(YEAR, reference="STAT-B"))
    (first,), (second,) = drawn(light), drawn(light, "STAT-B")
    before, after = first.secondary | first.widths.keys(), second.secondary | second.widths.keys()
    assert before
    assert before <= after
    _, tables = shown(light, "STAT-B")
    assert None in tables["category_by_origin"].values()


def test_nothing_is_published_when_nothing_protects_and_the_reason_is_told(light):
    release(light, [Case("2025-02", "footwear", "CN", "KE", "sea", "Lone")] * 5)
    with pytest.raises(PublicationRefused, match="every cell"):
        publication.draw(light.databases["KE"], YEAR, node="KE", now=light.now)
    assert drawn(light) == []
    with light.databases["KE"].read() as connection:
        assert drafts.waiting(connection, kind="statistics") == []


def test_a_version_that_would_show_by_its_difference_what_was_left_out_is_withheld_and_the_first_stands(light):
    release(light, made_up(7, 40))
    publish(light)
    release(light, made_up(8, 20), start=100)
    with pytest.raises(PublicationRefused, match="against the versions that are out"):
        publication.draw(light.databases["KE"], YEAR, node="KE", now=light.now)
    assert [one.ver for one in drawn(light)] == [1]
    _, tables = shown(light, "STAT-2025")
    assert tables["by_month"]["_T",] == "40"


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        (replace(YEAR, first="2025"), "from: is a month"),
        (replace(YEAR, last="2024-12"), "to: is not before"),
        (replace(YEAR, rules=Rules(threshold=2)), "threshold: is at least 3"),
        (replace(YEAR, reference="a\nb"), "reference: has"),
        (Wishes(first="2019-01", last="2019-12"), "no case"),
    ],
)
def test_wishes_that_make_no_edition_are_refused_with_the_field(light, wishes, words):
    with pytest.raises(PublicationRefused, match=words):
        publication.draw(light.databases["KE"], wishes, node="KE", now=light.now)


def test_a_regional_table_needs_three_members_behind_a_cell(light):
    light.policy("TZ", {**SEIZURES, "when": {"kind": ["seizure"], "node": ["KE"]}})
    light.policy("UG", {**SEIZURES, "when": {"kind": ["seizure"], "node": ["KE"]}})
    for at, node in enumerate(("KE", "TZ", "UG")):
        release(light, made_up(20 + at, 30), node=node)
    for node in ("TZ", "UG"):
        light.pull("KE", node)
    publish(light, replace(YEAR, scope="held"))
    about = groups_of(light)["about"]
    assert about["coverage"] == ["KE", "TZ", "UG"]
    assert about["control"]["contributor"] == "member"
    _, tables = shown(light, "STAT-2025")
    every = [(node, case) for at, node in enumerate(("KE", "TZ", "UG")) for case in made_up(20 + at, 30)]
    for key, n in tables["category_by_month"].items():
        behind = {
            node
            for node, case in every
            if all(code in ("_T", case.facts[dim]) for code, dim in zip(key, ("category", "month"), strict=True))
        }
        assert n is None or len(behind) >= 3
    assert tables["by_month"]["_T",] == "90"


def test_a_recall_ends_the_edition_and_what_was_out_still_binds_the_next(nodes):
    release(nodes, made_up(30, 40))
    publish(nodes)
    view, _ = shown(nodes, "STAT-2025")
    nodes.pull("TZ", "KE")
    with nodes.databases["KE"].write() as connection:
        recalling.recall(
            connection, nodes.publisher("KE"), [view.rid], reason="erroneous", effect="stop-use", by="officer",
            second=None, rules=RecallRules(), now=nodes.now,
        )  # fmt: skip
    nodes.pull("TZ", "KE")
    assert nodes.held("TZ", "KE", view.rid) == {}
    with pytest.raises(PublicationRefused, match="was recalled"):
        publication.draw(nodes.databases["KE"], YEAR, node="KE", now=nodes.now)
    publish(nodes, replace(YEAR, reference="STAT-2025-NEW"))
    (first,), (second,) = drawn(nodes), drawn(nodes, "STAT-2025-NEW")
    assert first.secondary | first.widths.keys() <= second.secondary | second.widths.keys()


def test_two_who_draw_at_once_each_see_what_the_other_has_drawn(nodes, monkeypatch):
    release(nodes, made_up(30, 40))
    begun, done, real = threading.Barrier(2), [], publication.suppress

    def slow(*given, **more):  # between the look at what is out and the writing
        time.sleep(0.5)
        return real(*given, **more)

    monkeypatch.setattr(publication, "suppress", slow)

    def draw(reference):
        begun.wait()
        done.append(publication.draw(
            nodes.databases["KE"], replace(YEAR, reference=reference), node="KE", now=nodes.now
        ))  # fmt: skip

    threads = [threading.Thread(target=draw, args=(name,)) for name in ("STAT-A", "STAT-B")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.reference for one in done} == {"STAT-A", "STAT-B"}
    with nodes.databases["KE"].read() as connection:
        one, other = publications.touching(connection, "2025-01", "2025-12")
    assert one.secondary | one.widths.keys() == other.secondary | other.widths.keys()


def order(form="csv"):
    return published.Order(by="officer", purpose="statistics", destination="the press", format=form)


def test_an_export_is_registered_and_logged_and_a_workbook_has_a_sheet_for_each_table(light):
    release(light, made_up(14, 40))
    publish(light)
    database = light.databases["KE"]
    made = published.export(database, "STAT-2025", order(), node="KE", now=light.now)
    rows = list(csv.reader(io.StringIO(made.data.decode("utf-8-sig"))))
    assert ["by_month", "month", "_T", "", "", "40", ""] in rows
    assert any(row[-1] == "suppressed" and not row[-2] for row in rows)
    book = published.export(database, "STAT-2025", order("xlsx"), node="KE", now=light.now)
    with zipfile.ZipFile(io.BytesIO(book.data)) as parts:
        assert sum(name.startswith("xl/worksheets/sheet") for name in parts.namelist()) == 1 + len(SHOWN)
    data = published.export(database, "STAT-2025", order("sdmx-csv"), node="KE", now=light.now).data
    assert b"2025-01-01/P12M,40,F" in data
    assert b",,N" in data
    with database.read() as connection:
        assert [row.sha256 for row in exports.listing(connection)][1:] == [book.sha256, made.sha256]
        logged = connection.scalars(select(disclosure.c.groups).where(disclosure.c.action == "export")).all()
    assert [set(groups.split(",")) for groups in logged] == [{"about", *SHOWN}] * 3


def test_a_record_that_is_no_statistics_is_neither_shown_nor_exported_here(light):
    release(light, made_up(15, 1))
    with light.databases["KE"].read() as connection:
        rid = drafts.find(connection, "KE", "seizure", ["S-0"])["S-0"].rid
    with pytest.raises(NotFound, match="no published statistics"):
        shown(light, rid)
    with pytest.raises(NotFound):
        published.export(light.databases["KE"], rid, order(), node="KE", now=light.now)
    with pytest.raises(ExportRefused, match="format"):
        published.export(light.databases["KE"], rid, order("pdf"), node="KE", now=light.now)


def test_an_edition_is_exported_only_for_a_purpose_that_its_handling_allows(light):
    release(light, made_up(17, 40))
    usual = light.publisher
    light.publisher = lambda node: replace(usual(node), handling={**usual(node).handling, "purposes": ["statistics"]})
    publish(light)
    database = light.databases["KE"]
    published.export(database, "STAT-2025", order(), node="KE", now=light.now)
    with pytest.raises(ExportRefused, match="purpose"):
        published.export(database, "STAT-2025", replace(order(), purpose="evidence"), node="KE", now=light.now)


HOSTILE = {
    "about": {"title": [{"lang": "en", "by": "author", "text": "=cmd|' /C calc'!A0"}], "caveat": "@SUM(1)"},
    "by_month": {"cells": [{"key": ['=HYPERLINK("http://x")'], "n": "3"}, {"key": ["+1"], "n": "=1"}, 7]},
}


def test_hostile_labels_of_others_are_no_formulas_and_wrong_cells_are_skipped():
    (table,) = published.tables_of(HOSTILE)
    assert table.rows == ((('=HYPERLINK("http://x")',), "3"),)
    text = published._as_csv(published._said(HOSTILE), HOSTILE).decode("utf-8-sig")
    for row in csv.reader(io.StringIO(text)):
        assert not any(cell.startswith(("=", "@", "+")) for cell in row)
    book = openpyxl.load_workbook(io.BytesIO(published._as_workbook(published._said(HOSTILE), HOSTILE)))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert all(cell.data_type != "f" for cell in cells)


def test_all_cases_that_name_no_holder_are_one_contributor_and_a_procedure_names_before_a_brand():
    case = Case("2025-02", "footwear", "CN", "KE", "sea", "Nordwind")
    groups = case.groups("S-1")
    assert crossing.holders(groups) == ("nordwind",)
    named = {"procedures": [{"right_holder": "Tide  Ltd"}, {"right_holder": "Other"}]}
    assert crossing.holders({**groups, "assessment": named}) == ("other", "tide ltd")
    assert crossing.holders({"right": [{"line": "1"}, 7], "assessment": []}) == ("",)


def test_who_is_named_with_others_in_every_case_of_a_cell_stands_alone_behind_it():
    together = Counter({("always", f"partner {at}"): 1 for at in range(9)})
    assert crossing.shares(together) == {"always": 9}
    assert Rules().width(Cell.of(crossing.shares(together))) > 0
    assert crossing.shares(Counter({("a",): 2, ("a", "b"): 1, ("b", "c"): 2, ("",): 4})) == {"": 4, "a": 3, "b": 2}


def test_a_year_without_a_month_is_in_a_period_that_has_all_of_it(light):
    release(light, [*made_up(31, 40), *[replace(case, month="2025") for case in made_up(32, 8)]])
    with light.databases["KE"].read() as connection:
        whole, half = (
            crossing.count(connection, crossing.Period(first="2025-01", last=last), node="KE", own=True, now=light.now)
            for last in ("2025-12", "2025-11")
        )
    root = ("_T",) * len(DIMS)
    assert (whole.cells[root].total(), half.cells[root].total()) == (48, 40)


def test_a_text_that_somebody_typed_becomes_no_heading(light):
    hostile = Case("2025-02", "footwear", "CN", "KE", "=cmd()", "Holder 9")
    release(light, [*made_up(16, 40), *[replace(hostile, holder=f"Holder {at}") for at in range(9)]])
    publish(light)
    _, tables = shown(light, "STAT-2025")
    assert ("(other)",) in tables["by_conveyance"]
    assert "cmd" not in json.dumps(groups_of(light))


def faulty(**changes):
    cells = [{"key": ["2025-01"], "n": "3"}, {"key": ["_T"], "n": "3"}]
    about = {
        "title": [{"lang": "en", "by": "author", "text": "T"}], "period": {"from": "2025-01", "to": "2025-12"},
        "catalogue": 1, "as_of": "2026-01-01", "by": "KE", "scope": "own", "coverage": ["KE"], "caveat": "C",
        "control": {"contributor": "holder", "threshold": 3, "width": 50},
    }  # fmt: skip
    table = {"dims": ["month"], "measure": "cases", "cells": cells}
    return {"about": about, "by_month": table, **changes}


@pytest.mark.parametrize(
    ("groups", "path"),
    [
        (faulty(by_month={"dims": ["category"], "measure": "cases", "cells": [{"key": ["a"], "n": "1"}]}), "dims"),
        (faulty(by_month={"dims": ["month"], "measure": "boxes", "cells": [{"key": ["a"], "n": "1"}]}), "measure"),
        (faulty(by_month={"dims": ["month"], "measure": "cases", "cells": [{"key": ["a", "b"], "n": "1"}]}), "key"),
        (faulty(by_month={"dims": ["month"], "measure": "cases", "cells": [{"key": ["a"], "n": "1"}] * 2}), "key"),
        (
            faulty(
                by_month={
                    "dims": ["month"], "measure": "cases", "cells": [{"key": ["a"], "n": "1", "suppressed": True}],
                }
            ),
            "cells[0]",
        ),
        (faulty(by_month={"dims": ["month"], "measure": "cases", "cells": [{"key": ["a"]}]}), "cells[0]"),
        (faulty(by_month={"dims": ["month"], "measure": "cases", "cells": [{"key": ["=a"], "n": "1"}]}), "key[0]"),
        ({"about": faulty()["about"]}, "by_month"),
        (faulty(about={**faulty()["about"], "period": {"from": "2025-02", "to": "2025-01"}}), "period.to"),
        (faulty(about={**faulty()["about"], "catalogue": 2}), "catalogue"),
    ],
)  # fmt: skip
def test_the_schema_names_the_field_that_is_wrong(groups, path):
    schema = get_schema("statistics/1")
    assert schema.validate(faulty()).ok
    assert any(fault.path.endswith(path) for fault in schema.validate(groups).errors)


def test_an_edition_is_found_by_its_period_and_can_name_nobody():
    schema = get_schema("statistics/1")
    assert schema.facets(faulty()).day == "2025-01-01"
    assert schema.nominal == frozenset()
    assert schema.digests == get_schema("seizure/1").digests


def test_who_entered_a_case_for_another_is_believed_in_its_own_edition_alone(sqlite_database):
    cases = [{**GROUPS["case"], "administration": name, "entered_by": "RILO-ESA"} for name in ("BW", "LS", "SZ")]
    entered = [version({**GROUPS, "case": case}, iss="RILO-ESA") for case in cases]
    with sqlite_database.write() as connection:
        records.keep(connection, entered, now=NOW)
    period = crossing.Period(first="2025-01", last="2025-12")
    with sqlite_database.read() as connection:
        own, others = (crossing.count(connection, period, node=node, own=False, now=NOW) for node in ("RILO-ESA", "KE"))
    root = ("_T",) * len(DIMS)
    assert set(own.cells[root]) == {("BW",), ("LS",), ("SZ",)}
    assert (set(others.cells[root]), others.coverage) == ({("RILO-ESA",)}, ("RILO-ESA",))
