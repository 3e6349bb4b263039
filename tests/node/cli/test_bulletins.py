"""A bulletin on the command line: drawn from a published edition, released, and written as a page with its charts."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import pytest

from federation.records import get_schema
from node.services.bulletins import charts, page
from node.services.bulletins.places import POINTS
from node.services.bulletins.words import LANGUAGES, named
from tests.node.cli.test_statistics import counted

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.node.cli.conftest import Answer

GOODS = [(f"Brand {at % 8}", "1", f"2025-{1 + at % 3:02d}-03") for at in range(40)]
TEXTS = ("--title", "en:Trade in 2025", "--title", "fr:Le commerce en 2025", "--edition", "STAT-2025")
SECTION = ("--heading", "en:What stands out", "--text", "en:More <b>small</b> parcels.", "--text", "fr:Plus de colis.")


def published(tell: Callable[..., Answer], member: Path) -> Path:
    home = counted(tell, member, GOODS)
    for words in (
        ["stats", "publish", "--from", "2025-01", "--to", "2025-12"],
        ["release", "STAT-2025", "--kind", "statistics"],
    ):
        answer = tell(*words, "--home", home)
        assert answer.status == 0, answer.err
    return home


def test_a_bulletin_is_drawn_released_shown_and_written(tell: Callable[..., Answer], member: Path) -> None:
    home = published(tell, member)
    drawn = tell("bulletin", "draw", *TEXTS, *SECTION, "--no-names", "--json", "--home", home).json
    assert drawn["figures"] == 9
    assert tell("release", drawn["reference"], "--kind", "bulletin", "--home", home).status == 0
    shown = tell("bulletin", "show", drawn["reference"], "--home", home)
    assert "What stands out" in shown.out
    assert "Cases by month" in shown.out
    edition = tell("stats", "show", "STAT-2025", "--json", "--home", home).json
    bulletin = tell("bulletin", "show", drawn["reference"], "--json", "--home", home).json
    (source,) = bulletin["groups"]["about"]["sources"]
    assert (source["rid"], source["jh"]) == (edition["rid"], edition["jh"])
    for figure in bulletin["groups"]["figures"]:  # every figure is the table of the edition, cell by cell
        assert figure["cells"] == edition["groups"][figure["table"]]["cells"]
    for language, word in (("en", "Trade in 2025"), ("fr", "Le commerce en 2025"), ("es", "Casos")):
        path = home.parent / f"{language}.html"
        words = ["bulletin", "write", drawn["reference"], "--output", path, "--to", "the press"]
        assert tell(*words, "--language", language, "--home", home).status == 0
        text = path.read_text("utf-8")
        assert word in text
        assert "<b>small" not in text
        assert "<script" not in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert text.count("<svg") == 8
    assert "is there already" in tell(*words, "--home", home).err
    assert len(tell("exports", "--json", "--home", home).json["exports"]) == 3


REFUSED = {
    "texts that nobody has read": ([*TEXTS, *SECTION], "no person"),
    "an edition that there is not": (["--title", "en:T", "--edition", "STAT-1999"], "no record of this id"),
    "another template": ([*TEXTS, "--template", "x"], "template: is one of"),
    "a title without its language": (["--title", "Trade", "--edition", "STAT-2025"], "--title: is LANGUAGE:TEXT"),
}


def test_what_cannot_be_drawn_is_refused_with_the_remedy(tell: Callable[..., Answer], member: Path) -> None:
    home = published(tell, member)
    for name, (words, said) in REFUSED.items():
        answer = tell("bulletin", "draw", *words, "--home", home)
        assert answer.status != 0, name
        assert said in answer.err, name
    assert (
        "is no published statistics"
        in tell("bulletin", "draw", "--title", "en:T", "--edition", _seizure(tell, home), "--home", home).err
    )


def _seizure(tell: Callable[..., Answer], home: Path) -> str:
    found = tell("search", "--filter", "kind=seizure", "--limit", "1", "--json", "--home", home).json
    rid: str = found["records"][0]["rid"]
    return rid


def test_a_suppressed_figure_is_drawn_without_a_length_and_said_in_the_table() -> None:
    cells = [{"key": ["CN"], "n": "7"}, {"key": ["HK"], "suppressed": True}, {"key": ["_T"], "n": "9"}]
    figure = {"table": "by_origin", "chart": "map", "title": [], "cells": cells}
    html = page.page(
        {"figures": [figure, {**figure, "chart": "bars"}]}, marking="TLP:AMBER", said=[], issuer="KE", ver=1,
        language="en",
    ).decode()  # fmt: skip
    assert html.count("not published") == 2  # the row of the table, and the note under the bars
    assert html.count("<circle") == 1
    assert "Hong Kong: " not in html


CELLS = [{"key": ["<x>"], "n": "5"}, {"key": ["A"], "n": "-1"}]
HOSTILE = {
    "about": {"title": [{"lang": "en", "text": "<script>alert(1)</script>"}, 7], "sources": [{"title": "</ol><x>"}, 3]},
    "texts": {"sections": [{"text": [{"lang": 'en" onload="x', "text": "a\u202eb"}]}, None]},
    "figures": [
        {"table": "by_origin", "chart": "bars", "cells": [*CELLS, {"key": [3], "n": "1"}]},
        {"table": "nothing", "chart": "bars", "cells": []}, {"table": "by_month", "chart": "columns", "cells": "x"}, 5,
    ],
}  # fmt: skip


def test_a_hostile_bulletin_becomes_no_markup() -> None:
    html = page.page(HOSTILE, marking="<m>", said=["<o>"], issuer="<i>", ver=1, language="en").decode()
    for tag in ("<script", "<x>", "<m>", "<o>", "<i>", 'onload="x'):
        assert tag not in html
    assert "\u202e" not in html


@pytest.mark.parametrize("language", [*LANGUAGES, "ar", "zz"])
def test_a_page_is_one_tree_in_every_language(language: str) -> None:
    groups = get_schema("bulletin/1").prepare({"about": {"title": [{"lang": "ar", "by": "author", "text": "عنوان"}]}})
    html = page.page(groups, marking="TLP:GREEN", said=[], issuer="KE", ver=1, language=language).decode()
    assert f'lang="{language}"' in html
    assert ('dir="rtl"' in html) or language != "ar"


def test_charts_are_well_formed_and_as_long_as_their_figures() -> None:
    data = [charts.Datum("CN", "China", 10.0), charts.Datum("HK", "Hong Kong", 5.0), charts.Datum("XX", "?", None)]
    for make in (charts.bars, charts.columns, charts.world):
        ET.fromstring(ET.tostring(make(data, title="t")))  # noqa: S314 - made here
    first, second = [one for one in charts.bars(data, title="t").iter("rect") if one.get("fill") == charts.BAR]
    assert float(first.get("width", "0")) == pytest.approx(2 * float(second.get("width", "0")))
    areas = [float(one.get("r", "0")) ** 2 for one in charts.world(data, title="t").iter("circle")]
    assert areas[0] == pytest.approx(2 * areas[1], rel=1e-4)


def test_every_point_lies_on_the_map_and_known_ones_where_they_are() -> None:
    for code, (lat, lon) in POINTS.items():
        x, y = charts.project(lat, lon, 312)
        assert 0 < x < charts.WIDTH, code
        assert 0 < y < 312, code
    east, north = charts.project(*POINTS["JP"], 312), charts.project(*POINTS["NO"], 312)
    assert east[0] > charts.project(*POINTS["IN"], 312)[0] > charts.project(*POINTS["KE"], 312)[0]
    assert north[1] < charts.project(*POINTS["ZA"], 312)[1]


def test_a_code_that_no_list_has_is_shown_as_it_is() -> None:
    assert named("origin", "QQ", "fr") == "QQ"
    assert named("month", "2025-01", "fr") == "2025-01"
