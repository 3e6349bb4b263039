# ruff: noqa: E501, RUF001 - rows of sample files, in the scripts in which they are written
from __future__ import annotations

import csv
import json
import shutil
import time

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from federation.records import codes, get_schema
from node.services.importing.fields import FIELDS
from node.services.importing.guess import guess_mapping, recognise_template
from node.services.importing.headers import LANGUAGES, label_in
from node.services.importing.mapping import MappingRefused, dump_mapping, load_mapping, read_mapping
from node.services.importing.readers import read_table
from node.services.importing.report import COLUMNS
from node.services.importing.run import Existing, run_import
from node.services.importing.shipped import mappings_folder, shipped_mappings
from node.services.importing.tables import ImportRefused
from node.services.importing.template import write_template
from node.services.importing.values import fold
from tests.node.importing.memory import NOW, MemoryStore, import_text
from tests.shared_data import ROOT, have, shared

SAMPLE = ROOT / "config" / "samples" / "published-ipr-seizures.csv"
SCHEMA = get_schema("seizure/1")


def sample_rows() -> list[dict[str, str]]:
    with SAMPLE.open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def problems_of(report):
    return [(one.severity, one.row, one.column, one.value) for one in report.problems]


def only(store):
    (found,) = store.held.values()
    return found.groups


# The sample


@pytest.mark.skipif(not have("data/published-ipr-seizures.csv"), reason="the compilation's own file is not here")
def test_the_sample_is_the_compilation_byte_for_byte():
    assert SAMPLE.read_bytes() == shared("data/published-ipr-seizures.csv").read_bytes()


def test_the_whole_sample_is_imported_by_its_administrations_without_an_error(tmp_path):
    path = tmp_path / "sample.csv"
    shutil.copy(SAMPLE, path)
    administrations = sorted({row["administration"] for row in sample_rows()})
    imported = 0
    for administration in administrations:
        store = MemoryStore()
        report = run_import(path, administration=administration, mapping=None, store=store, now=NOW)
        counts = report.counts
        assert (counts.rows, counts.records, counts.errors) == (266, 190, 0)
        assert counts.imported + counts.skipped == 190
        assert report.mapping_kind == "shipped"
        imported += counts.imported
        for reference, found in store.held.items():
            assert SCHEMA.validate(SCHEMA.prepare(found.groups)).errors == (), reference
    assert imported == 190


def test_every_fact_of_the_sample_arrives(tmp_path):
    path = tmp_path / "sample.csv"
    shutil.copy(SAMPLE, path)
    rows = sample_rows()
    for administration in sorted({row["administration"] for row in rows}):
        store = MemoryStore()
        run_import(path, administration=administration, mapping=None, store=store, now=NOW)
        for row in (row for row in rows if row["administration"] == administration):
            text = json.dumps(store.held[row["ref"]].groups, ensure_ascii=False)
            for column in (
                "seized_on",
                "published_on",
                "office",
                "concealment",
                "description",
                "source_title",
                "source_url",
            ):
                if row[column] not in ("", "unknown"):
                    assert json.dumps(row[column], ensure_ascii=False) in text, (row["ref"], column)
            for column in ("quantity", "value"):
                if row[column]:
                    assert f'"n": "{float(row[column]):.10g}"' in text or f'"n": "{row[column]}"' in text, (
                        row["ref"],
                        column,
                    )
            for column in ("origin", "departure", "transit", "destination"):
                for country in filter(None, row[column].split(";")):
                    assert {"role": column, "country": country} in store.held[row["ref"]].groups["route"]["chain"]
            for brand in filter(None, row["brands"].split(";")):
                assert json.dumps(brand.strip(), ensure_ascii=False) in text


HELD_BACK = {
    "seized_on": ["2021", "2021-05", "2021-05-06", ""],
    "location_type": ["seaport", "airport", "inland", "land_border", "unknown", "express_hub", "warehouse", "market", "mail_centre", "free_zone", "at_sea"],
    "procedure": ["import", "unknown", "transit", "warehouse", "export", "internet_order", "postal", "transshipment", "free_zone", "free_port"],
    "conveyance": ["sea", "unknown", "road", "air", "express", "post", "rail", "inland_waterway", "pedestrian"],
    "transit": ["", "VN;LA", "XK"],
    "destination": ["CG;GA", "FR;US;JP", "PR", "RE", "PS", "TW"],
    "detection": ["unknown", "risk_profile", "routine", "intelligence", "investigation", "scanner", "tip_off", "random", "dog"],
    "goods": ["apparel", "footwear", "other", "cosmetics", "watches", "electronics", "handbags", "labels_packaging", "pharmaceuticals", "phones", "toys", "cigarettes", "alcohol", "auto_parts", "eyewear", "optical_media", "jewellery", "food", "food;footwear;cosmetics"],
    "ip_right": ["trademark", "unknown", "copyright", "gi", "design", "patent", "trademark;copyright"],
    "quantity": ["12.5", "1000000", "3"],
    "unit": ["pieces", "pairs", "packages", "kg", "cartons", "litres", "sticks", "cans", "sets", "boxes", "square_metres", "bottles", "square metres"],
    "value_currency": ["LTL", "BGN", "HRK", "LVL", "XOF", "TWD"],
    "value_basis": ["estimated", "retail_genuine", "unknown", "duty_paid", "damage", "tax_loss", "customs_appraisal", "declared"],
    "outcome": ["seized", "detained", "destroyed", "unknown", "forfeited", "released"],
}  # fmt: skip


@pytest.mark.parametrize("column", HELD_BACK)
@pytest.mark.parametrize("administration", ["TW", "XK"])
def test_further_rows_of_the_compilation_are_read_without_a_warning(column, administration, tmp_path):
    rows = sample_rows()
    full = next(row for row in rows if row["ref"] == "PS-0001")
    path = tmp_path / "more.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(full))
        writer.writeheader()
        for number, value in enumerate(HELD_BACK[column]):
            writer.writerow({**full, "ref": f"PS-9{number:03}", "administration": administration, column: value})
    report = run_import(path, administration=administration, mapping=None, store=MemoryStore(), now=NOW)
    assert report.counts.imported == len(HELD_BACK[column])
    told = [one for one in report.problems if (one.value, one.wrong) != ("", "is missing")]
    assert told == []


def test_the_shipped_mapping_names_only_codes_that_exist():
    for mapping in shipped_mappings():
        for column in mapping.columns:
            for target in (code for targets in column.codes.values() for code in targets):
                bare = target.removeprefix("package:")
                list_name = FIELDS[column.field].codes if bare == target else "package"
                assert codes.is_code(list_name, bare), (column.column, target)


# Counting, and importing again

ROWS = "reference,administration,seized_on,category,quantity,unit\n"


def test_lines_with_one_reference_are_one_seizure_and_counts_add_up(tmp_path):
    text = ROWS + (
        "A,GB,2021,footwear,5,pairs\n"
        "B,FR,2021,footwear,5,pairs\n"
        "A,GB,2021,watches,7,pieces\n"
        ",GB,2021,watches,7,pieces\n"
        "C,,2021,watches,7,pieces\n"
        "D,Atlantis,2021,watches,7,pieces\n"
        "B,FR,2021,watches,7,pieces\n"
        "E,GB,2021,spaceships,7,pieces\n"
    )
    report, store = import_text(tmp_path, text)
    assert report.counts.to_json() == {
        "rows": 8, "records": 6, "imported": 2, "changed": 0, "unchanged": 0, "skipped": 1, "warnings": 1, "errors": 3,
    }  # fmt: skip
    assert list(report.counts.to_json()) == [
        "rows", "records", "imported", "changed", "unchanged", "skipped", "warnings", "errors",
    ]  # fmt: skip
    assert [entry["line"] for entry in store.held["A"].groups["goods"]] == ["1", "2"]
    assert store.held["E"].groups["goods"][0]["wco"] == ["spaceships"]


def test_an_identity_fault_in_one_row_leaves_the_other_rows_of_its_reference_alone(tmp_path):
    report, store = import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\nA,,2021,watches,7,pieces\n")
    assert (report.counts.imported, report.counts.errors, report.counts.records) == (1, 1, 2)
    assert len(store.held["A"].groups["goods"]) == 1


def test_the_same_file_twice_creates_nothing_twice(tmp_path):
    store = MemoryStore()
    text = ROWS + "A,GB,2021,footwear,5,pairs\nB,GB,2021,watches,7,pieces\n"
    import_text(tmp_path, text, store=store)
    writes = store.writes
    report, _ = import_text(tmp_path, text, store=store)
    assert (report.counts.unchanged, report.counts.imported, report.counts.changed) == (2, 0, 0)
    assert store.writes == writes


def test_the_same_facts_from_another_kind_of_file_are_unchanged(tmp_path):
    store = MemoryStore()
    import_text(tmp_path, ROWS + "A,GB,2021-03-12,footwear,600,pairs\n", store=store)
    line = {
        "reference": "A",
        "administration": "GB",
        "seized_on": "2021-03-12",
        "category": "footwear",
        "quantity": 600,
        "unit": "pairs",
    }
    report, _ = import_text(tmp_path, json.dumps(line), name="in.jsonl", store=store)
    assert report.counts.unchanged == 1


def test_a_changed_row_is_a_correction_and_a_vanished_one_a_question(tmp_path):
    store = MemoryStore()
    import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\nB,GB,2021,watches,7,pieces\n", store=store)
    report, _ = import_text(tmp_path, ROWS + "A,GB,2021,footwear,6,pairs\n", store=store)
    assert (report.counts.changed, report.counts.imported, report.counts.unchanged) == (1, 0, 0)
    assert store.corrections == ["A"]
    assert [question.reference for question in report.questions] == ["B"]
    assert "B" in store.held, "a vanished row recalls nothing by itself"


def test_a_line_put_in_front_does_not_rename_the_others(tmp_path):
    store = MemoryStore()
    import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\nA,GB,2021,watches,7,pieces\n", store=store)
    import_text(
        tmp_path,
        ROWS + "A,GB,2021,alcohol,1,litres\nA,GB,2021,footwear,5,pairs\nA,GB,2021,watches,7,pieces\n",
        store=store,
    )
    groups = only(store)
    assert [(entry["line"], entry["wco"]) for entry in groups["goods"]] == [
        ("3", ["alcohol"]),
        ("1", ["footwear"]),
        ("2", ["watches"]),
    ]
    assert [entry["line"] for entry in groups["quantity"]] == ["3", "1", "2"]
    assert SCHEMA.validate(groups).ok


def test_a_recalled_seizure_does_not_come_back(tmp_path):
    store = MemoryStore()
    store.held["A"] = Existing(content_hash="other", state="withdrawn", groups={})
    report, _ = import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\n", store=store)
    assert (report.counts.skipped, report.counts.warnings, store.writes) == (1, 1, 0)


def test_a_dry_run_reports_and_writes_nothing_to_the_store(tmp_path):
    report, store = import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\n", dry_run=True)
    assert (report.status, report.counts.imported, store.writes) == ("dry-run", 1, 0)


def test_progress_ends_with_all(tmp_path):
    seen = []
    import_text(
        tmp_path,
        ROWS + "A,GB,2021,footwear,5,pairs\n",
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen[-1] == (1, 1)


# Cells that do not fit

FULL = "reference,administration,seized_on,quantity,unit,value,currency,destination,health_safety,hs,procedure\n"


def test_what_can_not_be_read_keeps_its_words_and_gets_a_warning(tmp_path):
    line = "A,GB,last Friday,a lorry-load,pieces,plenty,GBP,Narnia,perhaps,shoes,smuggling\n"
    report, store = import_text(tmp_path, FULL + line)
    groups = only(store)
    assert {"field": "seized_on", "text": "last Friday"} in groups["case"]["as_written"]
    assert {"quantity: a lorry-load", "value: plenty", "health_safety: perhaps", "hs: shoes"} <= set(
        groups["goods"][0]["as_written"]
    )
    assert groups["route"]["chain"] == [{"role": "destination", "country": "Narnia"}]
    assert groups["control"]["procedure"] == "smuggling"
    assert SCHEMA.validate(SCHEMA.prepare(groups)).ok
    assert {column for _, _, column, _ in problems_of(report)} == {
        "seized_on", "quantity", "value", "destination", "health_safety", "hs", "procedure",
    }  # fmt: skip
    assert {row for _, row, _, _ in problems_of(report)} == {2}
    assert (report.counts.imported, report.counts.errors, report.counts.warnings) == (1, 0, 7)


def test_what_is_unknown_is_absent(tmp_path):
    _, store = import_text(tmp_path, FULL + "A,GB,unknown,,,n/a,,-,?,,Unknown\n")
    assert only(store) == {"case": {"reference": "A", "administration": "GB"}, "place": {"country": "GB"}}


def test_namibia_is_a_country(tmp_path):
    report, store = import_text(tmp_path, FULL + "A,NA,,,,,,NA,,,\n", administration="NA")
    assert report.counts.imported == 1
    assert only(store)["route"]["chain"][0]["country"] == "NA"


def test_a_value_without_a_currency_is_kept_as_written(tmp_path):
    report, store = import_text(tmp_path, FULL + "A,GB,,,,1000,,,,,\n")
    assert only(store)["case"]["as_written"] == [{"field": "value", "text": "1000"}]
    assert report.counts.warnings == 1


def test_a_range_an_estimate_and_a_unit_in_the_number_are_understood(tmp_path):
    _, store = import_text(tmp_path, FULL + "A,GB,,1000-1200,pairs,about 3 000,EUR,,,,\nB,GB,,500 kg,,€ 2.500,,,,,\n")
    assert store.held["A"].groups["quantity"][0]["amount"] == {
        "n": "1000",
        "to": "1200",
        "as_written": "1000-1200",
        "unit": "PR",
    }
    assert store.held["A"].groups["value"][0]["money"] == {"n": "3000", "about": True, "currency": "EUR"}
    assert store.held["B"].groups["quantity"][0]["amount"]["unit"] == "KGM"
    assert store.held["B"].groups["value"][0]["money"]["currency"] == "EUR"


def test_cartons_are_packages_and_no_unit(tmp_path):
    _, store = import_text(tmp_path, FULL + "A,GB,,256,cartons,,,,,,\n")
    assert only(store)["quantity"] == [{"line": "1", "packages": {"n": "256", "code": "CT"}}]


def test_a_tariff_code_gets_back_its_zero_and_keeps_its_national_digits(tmp_path):
    _, store = import_text(tmp_path, FULL + "A,GB,,,,,,,,6404.11.0000,\nB,GB,,,,,,,,10121,\n")
    assert store.held["A"].groups["goods"][0]["hs"]["code"] == "640411"
    assert store.held["A"].groups["goods"][0]["as_written"] == ["hs: 6404.11.0000"]
    assert store.held["B"].groups["goods"][0]["hs"]["code"] == "010121"


def test_lines_that_contradict_each_other_are_told_with_both_rows_and_nothing_is_lost(tmp_path):
    report, store = import_text(
        tmp_path, "reference,administration,office,category\nA,GB,Dover,footwear\nA,GB,Calais,watches\n"
    )
    groups = only(store)
    assert groups["place"]["office"] == "Dover"
    assert groups["case"]["as_written"] == [{"field": "office", "text": "Calais"}]
    (told,) = report.problems
    assert "row 2" in told.wrong
    assert "row 3" in told.wrong


def test_one_total_on_the_first_of_several_lines_is_the_seizures(tmp_path):
    head = "reference,administration,category,value,currency\n"
    _, store = import_text(
        tmp_path,
        head + "A,GB,footwear,100,EUR\nA,GB,watches,,\nB,GB,footwear,5,EUR\nC,GB,footwear,5,EUR\nC,GB,watches,6,EUR\n",
    )
    assert store.held["A"].groups["value"] == [{"money": {"n": "100", "currency": "EUR", "scope": "seizure"}}]
    assert store.held["B"].groups["value"] == [{"line": "1", "money": {"n": "5", "currency": "EUR"}}]
    assert [entry["line"] for entry in store.held["C"].groups["value"]] == ["1", "2"]


def test_an_outcome_of_all_lines_is_said_once_and_different_ones_by_line(tmp_path):
    head = "reference,administration,category,outcome\n"
    _, store = import_text(
        tmp_path,
        head + "A,GB,footwear,seized\nA,GB,watches,seized\nB,GB,footwear,detained\nB,GB,watches,destroyed\n",
    )
    assert store.held["A"].groups["assessment"]["procedures"] == [{"outcome": "seized"}]
    assert store.held["B"].groups["assessment"]["procedures"] == [
        {"line": "1", "outcome": "detained"},
        {"line": "2", "outcome": "destroyed"},
    ]


def test_names_go_only_into_groups_that_can_name_somebody(tmp_path):
    head = "reference,administration,consignor,consignee,traveller,documents,plates,narrative,right_holder\n"
    _, store = import_text(tmp_path, head + "A,GB,Zenith Ltd,Umbra SA,Jo Quill,D-77,AB12,Quill drove,Brandco\n")
    groups = only(store)
    open_text = json.dumps({name: group for name, group in groups.items() if name not in SCHEMA.nominal})
    for name in ("Zenith", "Umbra", "Quill", "D-77", "AB12"):
        assert name not in open_text
    assert groups["right"][0]["holder"] == "Brandco"
    assert SCHEMA.validate(groups).ok


def test_a_text_too_long_for_a_record_becomes_several_pieces(tmp_path):
    text = "müde " * 6_000
    _, store = import_text(tmp_path, f"reference,administration,description\nA,GB,{text}\n")
    pieces = [entry["text"] for entry in only(store)["goods"][0]["description"]]
    assert len(pieces) == 3
    assert " ".join(pieces) == text.strip()
    assert SCHEMA.validate(only(store)).ok


def test_what_the_schema_refuses_is_kept_as_written(tmp_path):
    report, store = import_text(tmp_path, "reference,administration,link_title,link_url\nA,GB,Release,see the file\n")
    groups = only(store)
    assert groups["case"]["links"] == [{"type": "publication", "title": "Release"}]
    assert groups["case"]["as_written"] == [{"field": "case.links[0].url", "text": "see the file"}]
    assert (report.counts.imported, report.counts.warnings) == (1, 1)


def test_a_date_that_has_not_come_yet_is_warned_about(tmp_path):
    report, _ = import_text(tmp_path, "reference,administration,seized_on\nA,GB,2031-01-01\n")
    assert [one.wrong for one in report.problems] == ["a day that has not come yet"]


def test_foreign_words_and_names_of_countries_are_understood(tmp_path):
    head = "reference,administration,origin,departure,destination,conveyance,unit,quantity,category\n"
    _, store = import_text(
        tmp_path,
        head + "A,GB,الصين,Allemagne,Vereinigtes Königreich,по морю,шт,5,chaussures\n",
        administration="GB",
    )
    assert [step["country"] for step in only(store)["route"]["chain"]] == ["CN", "DE", "GB"]
    assert only(store)["quantity"][0]["amount"]["unit"] == "H87"
    assert only(store)["goods"][0]["wco"] == ["footwear"]


# The errors file


def test_errors_and_warnings_stand_beside_the_file_and_run_no_formula(tmp_path):
    report, _ = import_text(
        tmp_path, ROWS + "=cmd|'/c calc'!A1,,2021,footwear,5,pairs\nA,GB,+1+1,footwear,@SUM(A1),pairs\n"
    )
    path = tmp_path / "in.csv.errors.csv"
    assert report.errors_path == path
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert tuple(rows[0]) == COLUMNS
    assert [(row["severity"], row["row"], row["column"]) for row in rows] == [
        ("error", "2", "administration"), ("warning", "3", "seized_on"), ("warning", "3", "quantity"),
    ]  # fmt: skip
    assert rows[0]["reference"] == "'=cmd|'/c calc'!A1"
    assert rows[1]["value"] == "'+1+1"
    assert rows[2]["value"] == "'@SUM(A1)"
    assert all(row["wrong"] and row["remedy"] for row in rows)


def test_a_clean_import_leaves_no_errors_file_and_removes_a_stale_one_of_ours_only(tmp_path):
    import_text(tmp_path, ROWS + ",GB,2021,footwear,5,pairs\n")
    path = tmp_path / "in.csv.errors.csv"
    assert path.exists()
    report, _ = import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\n")
    assert report.errors_path is None
    assert not path.exists()
    path.write_text("my own notes")
    import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\n")
    assert path.read_text() == "my own notes"


def test_an_errors_file_that_can_not_be_written_stops_nothing(tmp_path, monkeypatch):
    def full(*_args, **_options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("node.services.importing.report.tempfile.mkstemp", full)
    report, _ = import_text(tmp_path, ROWS + ",GB,2021,footwear,5,pairs\nA,GB,2021,footwear,5,pairs\n")
    assert report.counts.imported == 1
    assert any("No space left" in note for note in report.notes)


# Mapping files

MAPPING = """
[constants]
administration = "KE"
conveyance = "sea"
[dates]
order = "mdy"
[numbers]
decimal = ","
[[columns]]
column = "Nr"
field = "reference"
[[columns]]
column = "Am"
field = "seized_on"
[[columns]]
column = "Ware"
field = "category"
codes = { Latschen = "footwear", Krempel = ["other", "textiles"], nix = [] }
[[columns]]
column = "Menge"
field = "quantity"
"""


def test_a_mapping_tells_columns_constants_codes_dates_and_decimals(tmp_path):
    text = "Nr;Am;Ware;Menge;Rest\n1;03/04/2021;LATSCHEN|Krempel;1,234;x\n"
    report, store = import_text(tmp_path, text, administration="KE", mapping=load_mapping(MAPPING))
    groups = only(store)
    assert groups["case"]["administration"] == "KE"
    assert groups["case"]["dates"] == [{"kind": "seized", "on": "2021-03-04"}]
    assert groups["goods"][0]["wco"] == ["footwear", "other", "textiles"]
    assert groups["quantity"][0]["amount"]["n"] == "1.234"
    assert groups["transport"] == {"conveyance": "sea"}
    assert any("not imported: Rest" in note for note in report.notes)


def test_a_mapping_whose_reference_column_is_missing_refuses_the_file(tmp_path):
    with pytest.raises(ImportRefused, match="'Nr'"):
        import_text(tmp_path, "a,b\n1,2\n", mapping=load_mapping(MAPPING))


BAD_MAPPINGS = {
    "no TOML": ("[[columns", "not TOML"),
    "no columns": ('name = "x"', "columns"),
    "no reference": ('[[columns]]\ncolumn = "a"\nfield = "office"', "reference"),
    "an unknown field": ('[[columns]]\ncolumn = "a"\nfield = "colour"', "colour"),
    "an unknown word": ('colour = "x"\n[[columns]]\ncolumn = "a"\nfield = "reference"', "colour"),
    "a field filled twice": ('[[columns]]\ncolumn = "a"\nfield = "reference"\n[[columns]]\ncolumn = "b"\nfield = "reference"', "two columns"),
    "a decimal sign that is none": ('[numbers]\ndecimal = "x"\n[[columns]]\ncolumn = "a"\nfield = "reference"', "decimal"),
    "an encoding that is none": ('[file]\nencoding = "x"\n[[columns]]\ncolumn = "a"\nfield = "reference"', "encoding"),
    "a header row that is none": ('[file]\nheader_row = 0\n[[columns]]\ncolumn = "a"\nfield = "reference"', "header_row"),
    "a constant reference": ('[constants]\nreference = "x"\n[[columns]]\ncolumn = "a"\nfield = "reference"', "constants.reference"),
    "a translation that is no text": ('[[columns]]\ncolumn = "a"\nfield = "reference"\ncodes = { a = 1 }', "codes.a"),
    "columns that are no tables": ('columns = ["a"]', "columns"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_MAPPINGS, ids=str)
def test_a_mapping_with_a_mistake_is_refused_and_says_where(case):
    text, word = BAD_MAPPINGS[case]
    with pytest.raises(MappingRefused) as refused:
        load_mapping(text)
    assert any(word in fault for fault in refused.value.faults)


def test_all_mistakes_of_a_mapping_are_told_at_once():
    with pytest.raises(MappingRefused) as refused:
        load_mapping('colour = 1\n[[columns]]\ncolumn = "a"\nfield = "size"')
    assert len(refused.value.faults) == 3


@settings(max_examples=100, deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=200)))
def test_any_text_as_a_mapping_is_read_or_refused(text):
    try:
        load_mapping(text)
    except MappingRefused as refused:
        said = refused.faults
    else:
        said = ("read",)
    assert said


def test_a_mapping_written_out_reads_back_the_same():
    for path in mappings_folder().glob("*.toml"):
        mapping = read_mapping(path)
        again = load_mapping(dump_mapping(mapping), name=mapping.name)
        assert [(c.column, c.field, c.codes, c.separators) for c in again.columns] == [
            (c.column, c.field, c.codes, c.separators) for c in mapping.columns
        ]


# Guessing

WORKBOOKS = {
    "French": ("N° dossier;Pays de saisie;Date de saisie;Bureau de douane;Marchandises;Quantité;Unité;Valeur;Devise;Marque;Pays d'origine\nX1;France;12 mars 2021;Le Havre;chaussures;1 234;paires;1 234,50;EUR;Nike;Chine\n", {"reference", "administration", "seized_on", "office", "category", "quantity", "unit", "value", "currency", "brands", "origin"}),
    "Spanish": ("Expediente;País;Fecha de incautación;Aduana;Mercancía;Cantidad;Unidad;Marca;Procedencia;Destino\nX1;España;12/03/2021;Algeciras;calzado;1.234;pares;Nike;China;España\n", {"reference", "administration", "seized_on", "office", "category", "quantity", "unit", "brands", "departure", "destination"}),
    "German": ("Aktenzeichen;Land;Datum;Zollstelle;Warenbeschreibung;Menge;Einheit;Wert;Währung;Marke\nX1;Deutschland;12.03.2021;Hamburg;Schuhe;1.234;Paar;1.234,50;EUR;Nike\n", {"reference", "administration", "seized_on", "office", "description", "quantity", "unit", "value", "currency", "brands"}),
    "Portuguese": ("Processo;País;Data da apreensão;Alfândega;Descrição;Quantidade;Unidade;Marca;Origem\nX1;Brasil;12/03/2021;Santos;calçados;1.234;pares;Nike;China\n", {"reference", "administration", "seized_on", "office", "description", "quantity", "unit", "brands", "origin"}),
    "Arabic": ("رقم القضية,الدولة,تاريخ الضبط,المنفذ,نوع البضاعة,الكمية,بلد المنشأ\nX1,الكويت,١٢ مارس ٢٠٢١,ميناء الشويخ,أحذية,١٬٢٣٤,الصين\n", {"reference", "administration", "seized_on", "office", "category", "quantity", "origin"}),
    "Russian": ("Номер дела;Страна;Дата изъятия;Таможня;Наименование товара;Количество;Единица измерения;Страна происхождения\nX1;Россия;12 марта 2021;Смоленск;обувь;1 234;пар;Китай\n", {"reference", "administration", "seized_on", "office", "description", "quantity", "unit", "origin"}),
    "English, spelt its own way": ("Seizure Nr.,Reporting Country,Date of Seizures,Customs Office,HS-Code,Qty,Brand(s),Destination Country\nX1,Kenya,2021-03-12,Mombasa,640411,1234,Nike,Uganda\n", {"reference", "administration", "seized_on", "office", "hs", "quantity", "brands", "destination"}),
}  # fmt: skip


@pytest.mark.parametrize("case", WORKBOOKS, ids=str)
def test_a_mapping_is_guessed_shown_and_only_used_when_confirmed(case, tmp_path):
    text, fields = WORKBOOKS[case]
    country = {
        "French": "FR",
        "Spanish": "ES",
        "German": "DE",
        "Portuguese": "BR",
        "Arabic": "KW",
        "Russian": "RU",
    }.get(case, "KE")
    report, store = import_text(tmp_path, text, administration=country)
    assert (report.status, store.writes) == ("confirm-mapping", 0)
    guessed = load_mapping(report.mapping_toml)
    assert {column.field for column in guessed.columns} == fields
    report, store = import_text(tmp_path, text, administration=country, accept_guess=True)
    assert (report.counts.imported, report.counts.errors) == (1, 0), report.problems
    groups = only(store)
    assert groups["case"]["dates"][0]["on"] == "2021-03-12"
    (entry,) = groups["quantity"]
    assert entry["amount"]["n"] == "1234"
    saved, _ = import_text(tmp_path, text, administration=country, mapping=guessed)
    assert saved.counts.imported == 1


def test_a_guess_without_a_reference_is_never_imported(tmp_path):
    report, _ = import_text(tmp_path, "colour,shape\nred,round\n")
    assert "MISSING" in report.mapping_toml
    with pytest.raises(ImportRefused, match="reference"):
        import_text(tmp_path, "colour,shape\nred,round\n", accept_guess=True)


def test_a_header_that_its_cells_do_not_bear_out_is_not_believed():
    table = read_table(b"Reference,Date of seizure\nA,Dover\nB,Calais\n", name="x.csv")
    guess = guess_mapping(table, name="x", administration="GB")
    assert {column.field for column in guess.mapping.columns} == {"reference"}
    assert guess.mapping.constants == {"administration": "GB"}


def test_header_names_are_known_in_eight_languages_and_none_is_used_twice():
    for language in LANGUAGES:
        labels = [fold(label_in(name, language)) for name in FIELDS]
        assert len(set(labels)) == len(labels), language


# The template


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_template_goes_out_empty_and_comes_back_filled(language, tmp_path):
    path = tmp_path / "seizures.xlsx"
    write_template(path, language=language)
    book = openpyxl.load_workbook(path)
    sheet = book["seizures"]
    columns = {name: position for position, name in enumerate(FIELDS, start=1)}
    filled = (
        {"reference": "A-1", "administration": "KE", "seized_on": "2021-03", "procedure": "transit", "category": "footwear; clothing",
         "quantity": 1200, "unit": "PR", "value": 5000.5, "currency": "KES", "value_basis": "estimated", "destination": "CG;GA",
         "health_safety": "no", "outcome": "detained", "right_types": "trademark", "brands": "Nike;Puma", "hs": "640411"},
        {"reference": "A-1", "administration": "KE", "category": "watches", "quantity": 5, "unit": "H87"},
        {"reference": "A-2", "administration": "KE", "detained_on": "2021-03-12", "category": "tobacco", "gross_mass": 50},
    )  # fmt: skip
    for row, values in enumerate(filled, start=2):
        for name, value in values.items():
            sheet.cell(row=row, column=columns[name], value=value)
    book.save(path)
    store = MemoryStore()
    report = run_import(path, administration="KE", mapping=None, store=store, now=NOW)
    assert report.mapping_kind == "template"
    assert report.counts.to_json() == {
        "rows": 3, "records": 2, "imported": 2, "changed": 0, "unchanged": 0, "skipped": 0, "warnings": 0, "errors": 0,
    }, report.problems  # fmt: skip
    for found in store.held.values():
        assert SCHEMA.validate(SCHEMA.prepare(found.groups)).ok
    groups = store.held["A-1"].groups
    assert groups["case"]["dates"] == [{"kind": "seized", "on": "2021-03"}]
    assert groups["value"] == [{"money": {"n": "5000.5", "currency": "KES", "basis": "estimated", "scope": "seizure"}}]
    assert groups["right"][0]["brands"] == ["Nike", "Puma"]


def test_the_template_offers_the_code_lists_as_drop_downs(tmp_path):
    path = tmp_path / "t.xlsx"
    write_template(path)
    book = openpyxl.load_workbook(path)
    choices = {str(one.sqref).split(":")[0]: one.formula1 for one in book["seizures"].data_validations.dataValidation}
    listed = {book["lists"].cell(row=1, column=position).value for position in range(1, book["lists"].max_column + 1)}
    assert {field.codes for field in FIELDS.values() if field.codes} | {"yesno"} == listed
    assert len(choices) == sum(1 for field in FIELDS.values() if field.codes or field.kind == "yesno")
    column = [
        cell.value for cell in next(c for c in book["lists"].iter_cols() if c[0].value == "procedure")[1:] if cell.value
    ]
    assert column == list(codes.labels("procedure"))
    assert book["lists"].sheet_state == "hidden"


def test_an_empty_template_imports_nothing(tmp_path):
    path = tmp_path / "t.xlsx"
    write_template(path)
    assert recognise_template(read_table(path.read_bytes(), name=path.name)) is not None
    report = run_import(path, administration="KE", mapping=None, store=MemoryStore(), now=NOW)
    assert (report.counts.rows, report.counts.records) == (0, 0)


def test_a_template_in_a_language_that_there_is_none_in_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no template"):
        write_template(tmp_path / "t.xlsx", language="tlh")


# Anything at all


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.one_of(st.text(max_size=12), st.sampled_from(["1,5", "2021-03", "KE", "=1", "٣", "NaN", "-0", "1e999", "31/02/2021", "🧦"])), min_size=11, max_size=13), max_size=4),
)  # fmt: skip
def test_any_cells_become_valid_seizures_or_errors(tmp_path, rows):
    lines = [
        dict(zip(FULL.strip().split(","), row, strict=False)) | {"reference": f"R{n}", "administration": "GB"}
        for n, row in enumerate(rows)
    ]
    text = "\n".join(json.dumps(line) for line in [{"reference": "R", "administration": "GB"}, *lines])
    report, store = import_text(tmp_path, text, name="any.jsonl", accept_guess=True)
    assert report.counts.imported == len(rows) + 1
    for found in store.held.values():
        assert SCHEMA.validate(SCHEMA.prepare(found.groups)).ok


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=400), st.sampled_from(["a.csv", "a.xlsx", "a.jsonl", "a"]), st.booleans())
def test_importing_any_bytes_never_crashes(tmp_path, data, name, accept):
    said = "read"
    try:
        import_text(tmp_path, data, name=name, accept_guess=accept)
    except ImportRefused as refused:
        said = str(refused)
    assert said


def test_twenty_thousand_rows_are_imported_within_fifteen_seconds(tmp_path):
    rows = sample_rows()
    path = tmp_path / "many.csv"
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        for number in range(20_000):
            row = rows[number % len(rows)]
            writer.writerow(
                {
                    **row,
                    "ref": f"{row['ref']}-{number // len(rows)}",
                    "administration": "GB",
                    "seized_on": f"20{number % 20:02}-0{number % 9 + 1}",
                }
            )
    started = time.process_time()
    report = run_import(path, administration="GB", mapping=None, store=MemoryStore(), now=NOW)
    assert report.counts.imported > 14_000
    assert time.process_time() - started < 15


def test_a_row_that_lost_its_administration_has_not_vanished(tmp_path):
    store = MemoryStore()
    import_text(tmp_path, ROWS + "A,GB,2021,footwear,5,pairs\n", store=store)
    report, _ = import_text(tmp_path, ROWS + "A,,2021,footwear,5,pairs\n", store=store)
    assert report.questions == []
    assert report.counts.errors == 1
