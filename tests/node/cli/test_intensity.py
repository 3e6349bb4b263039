"""`tidewaiter stats intensity`: two files in, indices out, and faults named by file, row and column."""

from __future__ import annotations

import pytest

SEIZURES = "economy,product,value\nCN,61,90\nTR,64,20\nCN,85,5\n"
TRADE = "economy,product,value\nCN,61,100\nCN,85,400\nTR,64,100\nDE,84,300\nDE,97,0.5\n"


@pytest.fixture
def files(tmp_path):
    (tmp_path / "seizures.csv").write_text(SEIZURES, "utf-8")
    (tmp_path / "trade.csv").write_text(TRADE, "utf-8")
    return "--seizures", tmp_path / "seizures.csv", "--trade", tmp_path / "trade.csv"


def test_products_come_by_intensity_and_without_a_node(tell, files, tmp_path):
    answer = tell("--home", tmp_path / "none", "stats", "intensity", *files, "--minimum-trade", "1", "--json")
    assert answer.status == 0, answer.err
    (index,) = answer.json["indices"]
    assert [row["key"] for row in index["rows"]] == ["61", "64", "85", "84"]
    assert index["too_little_trade"] == ["97"]
    assert not (tmp_path / "none").exists()


def test_for_people_it_is_a_table_with_the_caveat(tell, files):
    answer = tell("stats", "intensity", *files, "--by", "economy", "--limit", "2")
    assert answer.status == 0, answer.err
    assert "TR" in answer.out
    assert "CN" in answer.out
    assert "DE" not in answer.out
    assert "better officers" in answer.err


def test_both_gives_cells_scaled_to_the_most_intensive(tell, files):
    answer = tell("stats", "intensity", *files, "--by", "both", "--json")
    assert answer.json["cells"][0] == {"economy": "TR", "product": "61", "index": 1.0}
    assert [index["by"] for index in answer.json["indices"]] == ["product", "economy"]


def test_a_fault_is_named_by_file_row_and_column(tell, files, tmp_path):
    (tmp_path / "trade.csv").write_text(TRADE + "DE,98,much\n", "utf-8")
    answer = tell("stats", "intensity", *files)
    assert answer.status == 1
    assert answer.err.startswith("tidewaiter: trade.csv, row 7, column value: is no amount")
    (tmp_path / "trade.csv").write_bytes(b"economy,product,value\n\xff\xfe")
    assert "is not UTF-8 text" in tell("stats", "intensity", *files).err
    assert tell("stats", "intensity", *files, "--by", "brand").status == 2
