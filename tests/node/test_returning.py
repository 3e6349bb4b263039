"""The contact point's own file comes back with what became of each row, and can be imported again."""

import csv
import io

import openpyxl
import pytest
from openpyxl.styles import Font

from node.services.importing.report import Problem
from node.services.importing.tables import ImportRefused
from node.services.returning import COLUMNS, returned
from tests.federated import SEIZURE
from tests.node.importing.memory import NOW as THEN
from tests.node.importing.memory import MemoryStore, run_import
from tests.node.test_annotating import TO_TZ, light  # noqa: F401 - the fixture

HEADER = ("Reference", "Administration", "Goods category", "My own notes")


def rows(*references):
    return [(reference, "KE", "watches", "=1+1") for reference in references]


def as_csv(path, *references):
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([HEADER[:3], *(row[:3] for row in rows(*references))])
    return path


def give_back(nodes, path, problems=()):
    return returned(
        nodes.databases["KE"], path, node="KE", administration="KE", mapping=None, problems=problems
    )  # fmt: skip


def told(made):
    """Reference → the columns beside it."""
    found = list(csv.reader(io.StringIO(made.data.decode("utf-8-sig"))))
    assert tuple(found[0][-len(COLUMNS) :]) == COLUMNS
    return {row[0]: dict(zip(COLUMNS, row[-len(COLUMNS) :], strict=True)) for row in found[1:]}


def test_each_row_has_its_record_who_has_it_what_is_asked_and_what_was_seen_abroad(light, tmp_path):  # noqa: F811
    rid = light.release("KE", SEIZURE, reference="R-1")
    light.pull("TZ", "KE")
    light.annotate("TZ", rid, type="query", respond_by="2026-01-09")
    light.annotate("TZ", rid, type="sighting", on="2026-01-02")
    light.pull("KE", "TZ")
    made = give_back(light, as_csv(tmp_path / "own.csv", "R-1", "R-2"))
    beside = told(made)
    assert beside["R-1"] == {
        "Our reference": rid, "Query of the regional office": "TZ: open, by 2026-01-09",
        "Who has it": beside["R-1"]["Who has it"], "Hits abroad": "TZ", "Why not imported": "",
    }  # fmt: skip
    assert beside["R-1"]["Who has it"].startswith("TZ")
    assert set(beside["R-2"].values()) == {""}
    assert (made.rows, made.known) == (2, 1)


def test_a_row_that_was_not_imported_says_why_and_a_draft_that_it_is_one(light, tmp_path):  # noqa: F811
    problem = Problem(
        severity="error", row=3, reference="", column="Reference", value="", wrong="is missing", remedy="write one"
    )
    path = as_csv(tmp_path / "own.csv", "R-9", "R-2")
    assert told(give_back(light, path, [problem]))["R-2"]["Why not imported"] == "Reference: is missing; write one"


def test_a_workbook_keeps_its_columns_and_their_look_and_nothing_added_is_a_formula(light, tmp_path):  # noqa: F811
    rid = light.release("KE", SEIZURE, reference="R-1")
    path = tmp_path / "own.xlsx"
    book = openpyxl.Workbook()
    page = book.active
    page.title = "seizures"
    for row in [HEADER[:3], *(row[:3] for row in rows("R-1", "=cmd"))]:
        page.append(row)
    page["A2"].font = Font(bold=True)
    page.column_dimensions["A"].width = 33
    book.save(path)
    wrong = Problem(severity="error", row=3, reference="", column="", value="", wrong="=HYPERLINK(1)", remedy="x")
    path.with_name("back.xlsx").write_bytes(give_back(light, path, [wrong]).data)
    back = openpyxl.load_workbook(path.with_name("back.xlsx"))["seizures"]
    assert [cell.value for cell in back[1]] == [*HEADER[:3], *COLUMNS]
    assert (back["A2"].font.bold, back.column_dimensions["A"].width, back["D2"].value) == (True, 33, rid)
    assert [cell.value for row in back.iter_rows(min_col=4) for cell in row if cell.data_type == "f"] == []
    # Returned once more, the same columns are filled anew, and an import takes nothing from them.
    again = give_back(light, path.with_name("back.xlsx")).data
    path.with_name("again.xlsx").write_bytes(again)
    assert [cell.value for cell in openpyxl.load_workbook(path.with_name("again.xlsx"))["seizures"][1]] == [
        *HEADER[:3], *COLUMNS,
    ]  # fmt: skip
    store = MemoryStore()
    report = run_import(
        path.with_name("again.xlsx"), administration="KE", mapping=None, store=store, now=THEN
    )  # fmt: skip
    assert report.mapping_kind == "template"
    assert store.held["R-1"].groups["goods"] == [{"line": "1", "wco": ["watches"]}]


@pytest.mark.parametrize(("name", "text"), [("own.jsonl", '{"reference": "R-1"}\n'), ("own.csv", "a,b\n1,2\n")])
def test_what_cannot_come_back_is_refused(name, text, light, tmp_path):  # noqa: F811
    path = tmp_path / name
    path.write_text(text, "utf-8")
    with pytest.raises(ImportRefused):
        give_back(light, path)
