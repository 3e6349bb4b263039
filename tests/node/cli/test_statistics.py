"""The statistics on the command line: published figures imported, released, and asked for."""

from __future__ import annotations

import csv
import io
import json
from typing import TYPE_CHECKING

from sqlalchemy import update

from node.app import open_home
from node.storage.tables.statistics import count_cell
from tests.node.cli.conftest import SAMPLE_HEADER
from tests.shared_data import shared

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.node.cli.conftest import Answer

GOODS = [("Nordwind", "600", "2025-02-03"), ("Tide", "40", "2025-03-04")]


def counted(tell: Callable[..., Answer], home: Path, goods: list[tuple[str, str, str]]) -> Path:
    """A home that has imported and released one seizure for each of (brand, pieces, day)."""
    names = SAMPLE_HEADER.split(",")
    text = io.StringIO()
    writer = csv.DictWriter(text, names)
    writer.writeheader()
    for number, (brand, pieces, day) in enumerate(goods):
        row = {
            "ref": f"S-{number}", "administration": "GB", "seized_on": day, "goods": "accessories", "brands": brand,
            "ip_right": "trademark", "quantity": pieces, "unit": "pieces",
        }  # fmt: skip
        writer.writerow(row)
    sample = home.parent / "sample.csv"
    sample.write_text(text.getvalue(), "utf-8")
    for words in (["import", sample, "--mapping", "published-seizures"], ["release", "--all"]):
        answer = tell(*words, "--home", home)
        assert answer.status == 0, answer.err
    return home


def test_a_table_a_page_and_their_csv_are_printed_with_total_coverage_and_caveat(
    tell: Callable[..., Answer], member: Path
) -> None:
    home = counted(tell, member, GOODS)
    said = tell("stats", "table", "by-brand", "--home", home)
    assert "nordwind" in said.out
    assert "640 H87" in said.out
    assert "Reported by GB: 2 cases, 2025-02 to 2025-03" in said.out
    assert "voluntary" in said.out
    rows = list(csv.reader(io.StringIO(tell("stats", "page", "--from", "2025-03", "--csv", "--home", home).out)))
    assert ["by-brand", "brand", "tide", "articles", "H87", "40"] in rows
    assert ["by-brand", "brand", "(total)", "cases", "", "1"] in rows
    assert len({row[0] for row in rows[1:]}) == 12
    assert len(tell("stats", "list", "--json", "--home", home).json["standard"]) == 12


def test_drafts_are_not_counted_and_a_wrong_name_is_told(tell: Callable[..., Answer], member: Path) -> None:
    assert tell("stats", "table", "by-brand", "--json", "--home", member).json["tables"][0]["total"] == []
    wrong = tell("stats", "table", "by-officer", "--home", member)
    assert wrong.status != 0
    assert "stats list" in wrong.err


def test_check_fails_when_a_figure_differs(tell: Callable[..., Answer], member: Path) -> None:
    home = counted(tell, member, GOODS)
    assert tell("stats", "check", "--json", "--home", home).json == {"differences": []}
    opened = open_home(home)
    with opened.database.write() as connection:
        connection.execute(update(count_cell).where(count_cell.c.dim == "right").values(n=9))
    opened.database.close()
    wrong = tell("stats", "check", "--home", home)
    assert wrong.status != 0
    assert "recounted" in wrong.out


def test_the_brands_of_the_published_trade_report_come_back_with_their_quantities(
    tell: Callable[..., Answer], member: Path
) -> None:
    text = shared("data/wco-itr2013-top-brands-by-quantity.csv").read_text("utf-8")
    published = list(csv.DictReader(io.StringIO(text)))
    home = counted(tell, member, [(row["brand"], row["quantity_pieces"], "2013") for row in published])
    (found,) = tell("stats", "table", "by-brand", "--json", "--home", home).json["tables"]
    pieces = {one["key"][0]: int(one["n"]) for one in found["rows"] if one["measure"] == "articles"}
    assert pieces == {row["brand"].lower(): int(row["quantity_pieces"]) for row in published}


def test_an_edition_is_published_shown_exported_and_registered(tell: Callable[..., Answer], member: Path) -> None:
    goods = [(f"Brand {at % 8}", "1", f"2025-{1 + at % 3:02d}-03") for at in range(40)]
    home = counted(tell, member, goods)
    drawn = tell("stats", "publish", "--from", "2025-01", "--to", "2025-12", "--json", "--home", home).json
    assert (drawn["reference"], drawn["version"], drawn["cases"]) == ("STAT-2025", 1, 40)
    early = tell("stats", "show", "STAT-2025", "--home", home)
    assert early.status != 0  # a draft is no record yet
    assert tell("release", "STAT-2025", "--kind", "statistics", "--home", home).status == 0
    shown = tell("stats", "show", "STAT-2025", "--home", home)
    assert "category_by_month" in shown.out
    assert "voluntary" in shown.out
    assert json.loads(tell("stats", "show", "STAT-2025", "--json", "--home", home).out)["kind"] == "statistics"
    for name in ("stat.csv", "stat.xlsx"):
        words = ["stats", "export", "STAT-2025", "--output", home.parent / name, "--purpose", "statistics"]
        assert tell(*words, "--to", "the press", "--home", home).status == 0
        assert (home.parent / name).stat().st_size
        assert "is there already" in tell(*words, "--to", "the press", "--home", home).err
    assert len(tell("exports", "--json", "--home", home).json["exports"]) == 2
    assert tell("stats", "structure", "--output", home.parent / "dsd.xml", "--home", home).status == 0
    assert b"SEIZURES" in (home.parent / "dsd.xml").read_bytes()
    assert tell("stats", "structure", "--output", home.parent / "dsd.xml", "--home", home).status != 0
    found = tell("search", "--filter", "kind=statistics", "--json", "--home", home)
    assert "2025-01 to 2025-12" in found.out


def test_a_publication_that_is_refused_says_why(tell: Callable[..., Answer], member: Path) -> None:
    home = counted(tell, member, GOODS)
    refused = tell("stats", "publish", "--from", "2025-01", "--to", "2025-12", "--home", home)
    assert refused.status == 1
    assert "nothing is published" in refused.err
    wrong = tell("stats", "publish", "--from", "2025-01", "--to", "2025-12", "--dominance", "x", "--home", home)
    assert (wrong.status, "N:K" in wrong.err) == (2, True)
