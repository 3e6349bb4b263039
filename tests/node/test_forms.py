"""The minimal and the long form: nobody is named, nothing is lost on the way through a table and back."""

import csv
import io
import json
import shutil

import openpyxl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from federation.records import get_schema
from node.services import exporting, forms
from node.services.exporting import ExportRefused, Order
from node.services.importing.fields import FIELDS
from node.services.importing.run import run_import
from node.services.statistics import counting
from node.storage import audit, records
from tests.evil.desk import Victim
from tests.evil.peer import GRANT, EvilPeer
from tests.factories import NOW, make_federation
from tests.node.importing.memory import NOW as THEN
from tests.node.importing.memory import MemoryStore
from tests.node.statistics.test_following import version
from tests.shared_data import ROOT

SAMPLE = ROOT / "config" / "samples" / "published-ipr-seizures.csv"
LAX = {"tlp": "green", "purposes": ["statistics"], "onward": "none"}
SCHEMA = get_schema("seizure/1")


def item(groups, rid="r-1"):
    return {"iss": "ZA", "rid": rid, "ver": 1, "handling": LAX, "groups": groups}


@pytest.fixture(scope="module")
def sample(tmp_path_factory):
    """Administration to its seizures of the sample: the groups that an import makes of them."""
    path = tmp_path_factory.mktemp("sample") / "sample.csv"
    shutil.copy(SAMPLE, path)
    with path.open(encoding="utf-8", newline="") as stream:
        administrations = sorted({row["administration"] for row in csv.DictReader(stream)})
    found = {}
    for administration in administrations:
        store = MemoryStore()
        run_import(path, administration=administration, mapping=None, store=store, now=THEN)
        found[administration] = {reference: held.groups for reference, held in store.held.items()}
    return found


@pytest.mark.parametrize("suffix", ["csv", "xlsx"])
def test_what_was_exported_in_the_long_form_is_imported_again_and_counts_the_same(suffix, sample, tmp_path):
    for administration, seizures in sample.items():
        path = tmp_path / f"{administration}.{suffix}"
        items = [item(groups, reference) for reference, groups in seizures.items()]
        path.write_bytes(forms.written(items, "long", number=7, as_workbook=suffix == "xlsx"))
        store = MemoryStore()
        report = run_import(path, administration=administration, mapping=None, store=store, now=THEN)
        assert report.mapping_kind == "template", administration
        assert store.held.keys() == seizures.keys()
        for reference, groups in seizures.items():
            again = counting.contribution(store.held[reference].groups, node="ZA")
            assert again == counting.contribution(groups, node="ZA"), (administration, reference)


def test_the_minimal_form_has_no_more_than_the_minimal_groups():
    assert forms.groups_of("minimal") == SCHEMA.minimal - SCHEMA.nominal
    assert forms.groups_of("long") == frozenset(SCHEMA.groups) - SCHEMA.nominal
    groups = {
        "case": {"reference": "R", "administration": "ZA"}, "place": {"office": "Durban"},
        "cargo_ids": {"containers": ["CSQU3054383"]}, "goods": [{"line": "1", "wco": ["watches"]}],
    }  # fmt: skip
    (minimal,), (long,) = (forms.rows(groups, form) for form in ("minimal", "long"))
    assert minimal == {"reference": "R", "administration": "ZA", "line": "1", "category": "watches"}
    assert (long["office"], long["containers"]) == ("Durban", "CSQU3054383")


def test_no_column_of_a_form_can_name_somebody():
    assert not [field.name for field in forms.COLUMNS if field.nominal]
    assert {name for name, field in FIELDS.items() if field.nominal} >= {"consignee", "traveller", "narrative"}


SECRET = "XQZV"
ANY = st.recursive(
    st.sampled_from([f"{SECRET}-1", f"{SECRET} & Sons", 3, True]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "role", "text", "lang", "numbers", "line", "address", "holder"]), inner, max_size=3
    ),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(sorted(SCHEMA.nominal)), ANY), st.sampled_from(forms.FORMS))
@settings(max_examples=150, deadline=None)
def test_nothing_of_a_group_that_can_name_somebody_is_in_a_form(nominal, form):
    groups = {"case": {"reference": "R", "administration": "ZA"}, "goods": [{"line": "1"}], **nominal}
    assert SECRET not in forms.written([item(groups)], form, number=1, as_workbook=False).decode()


@given(st.dictionaries(st.sampled_from(SCHEMA.groups), ANY))
@settings(max_examples=150, deadline=None)
def test_hostile_groups_make_rows_and_no_error(groups):
    for form in forms.FORMS:
        assert forms.rows(groups, form)


def test_a_text_that_a_spreadsheet_would_run_is_text(tmp_path):
    groups = {
        "case": {"reference": "=1+1", "administration": "ZA"}, "goods": [{"line": "1"}],
        "right": [{"line": "1", "brands": ["@SUM(A1)"]}],
    }  # fmt: skip
    path = tmp_path / "form.xlsx"
    path.write_bytes(forms.written([item(groups)], "long", number=1, as_workbook=True))
    cells = [cell for row in openpyxl.load_workbook(path).active.iter_rows() for cell in row]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    data = forms.written([item(groups)], "long", number=1, as_workbook=False).decode("utf-8-sig")
    (_, row) = csv.reader(io.StringIO(data))
    assert not [cell for cell in row if cell[:1] in "=+-@" and cell]


def export(database, *rids, form="long-csv", purpose="statistics"):
    order = Order(by="A. Officer", purpose=purpose, destination="the ministry", format=form)
    return exporting.export_named(database, [(rid, None) for rid in rids], order, node="TZ", now=NOW)


def test_an_export_in_a_form_is_logged_with_the_groups_that_it_shows(database):
    fed = make_federation(["TZ", "ZA"])
    peer, victim = EvilPeer(fed, "ZA"), Victim(fed, database)
    groups = {
        "case": {"reference": "R", "administration": "ZA"}, "goods": [{"line": "1", "wco": ["watches"]}],
        "persons": [{"role": "traveller", "name": SECRET}], "cargo_ids": {"awb": "020-12345675"},
    }  # fmt: skip
    signed, feed = peer.record(groups=groups, h={"tlp": "green", "onward": "none", "evidence": "yes"}), peer.feed("TZ")
    feed.put(signed, *groups, grant={**GRANT, "purposes": ["statistics"], "evidence": "yes"})
    victim.pull(feed)
    rid = signed.claims["rid"]
    for form, shown in (("long-csv", "cargo_ids,case,goods"), ("minimal-xlsx", "case,goods")):
        assert SECRET.encode() not in export(database, rid, form=form).data
        with database.read() as connection:
            row = next(row for row in audit.rows(connection) if row.action == "export")  # the newest
        assert (row.groups, row.actor, json.loads(row.detail)["to"]) == (shown, "A. Officer", "the ministry")
    with pytest.raises(ExportRefused):
        export(database, rid, purpose="risk-analysis")


def test_what_is_no_seizure_has_no_form(database):
    made = version({"headline": {"title": [], "type": "other"}}, kind="alert")
    with database.write() as connection:
        records.keep(connection, [made], now=NOW)
    with pytest.raises(ExportRefused, match="is no seizure"):
        export(database, made.rid)
