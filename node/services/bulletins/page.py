"""A bulletin as one HTML page that prints well: no script, nothing loaded from elsewhere, every figure also as a table.

The page is built as a tree and written as text by the library, so nothing that a record says becomes markup. Text in
another language than the page's stands in its own `lang`. What is suppressed says so, and is never 0.

Trust: groups may be of another node and hostile; what has another form than expected is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final
from xml.etree.ElementTree import Element, SubElement, tostring

from federation.records.bulletin import CHARTS
from federation.records.facts import mapping, objects, readable
from federation.records.statistics import TABLES, TOTAL
from federation.records.values import DECIMAL
from node.services.bulletins import charts
from node.services.bulletins.words import RIGHT_TO_LEFT, named, word
from node.services.readable import plain

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MAX_ROWS: Final = 20
"""Values of a figure that are drawn and listed; the rest is one line."""
MAX_FIGURES: Final = 60
_STYLE: Final = """
@page { size: A4; margin: 18mm 16mm; @bottom-right { content: counter(page) " / " counter(pages); } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1rem; color: #16252d; background: #fff;
       font: 1rem/1.5 "IBM Plex Sans", "Noto Sans", Arial, sans-serif; }
.marking { font-weight: 600; letter-spacing: .04em; text-transform: uppercase; color: #8a4b00; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .3rem 0 .6rem; }
h2 { font-size: 1.25rem; margin: 2rem 0 .5rem; border-top: 2px solid #12303b; padding-top: .6rem; }
h3 { font-size: 1.05rem; margin: 0 0 .5rem; }
dl.facts { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 0 1rem; }
dt { color: #46555e; } dd { margin: 0; }
figure { margin: 1.6rem 0 2rem; break-inside: avoid; }
figcaption { color: #46555e; font-size: .9rem; margin-top: .4rem; }
svg { max-width: 100%; height: auto; display: block; }
table { border-collapse: collapse; width: 100%; margin-top: .8rem; font-size: .92rem; }
th, td { padding: .2rem .5rem; border-bottom: 1px solid #d8dcd8; text-align: start; vertical-align: top; }
td.n, th.n { text-align: end; font-variant-numeric: tabular-nums; white-space: nowrap; }
tr.total td { font-weight: 600; border-top: 2px solid #16252d; }
td.out { color: #8a4b00; }
.note { background: #f4f3ee; padding: .8rem 1rem; margin-top: 2rem; font-size: .92rem; }
@media print { body { padding: 0; max-width: none; font-size: 10pt; } .note { background: none; padding: 0; } }
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a figure: its codes, and the figure, None where it is suppressed."""

    key: tuple[str, ...]
    n: str | None

    @property
    def total(self) -> bool:
        """Whether it is the total of everything."""
        return all(code == TOTAL for code in self.key)


def page(
    groups: Mapping[str, Any], *, marking: str, said: Sequence[str], issuer: str, ver: int, language: str
) -> bytes:
    """The page of a bulletin's groups. `marking` is its TLP, `said` its obligations in words."""
    about = mapping(groups.get("about"))
    html = Element("html", lang=language, dir="rtl" if language in RIGHT_TO_LEFT else "ltr")
    head, body = SubElement(html, "head"), SubElement(html, "body")
    SubElement(head, "meta", charset="utf-8")
    SubElement(head, "meta", name="viewport", content="width=device-width, initial-scale=1")
    title = chosen(about.get("title"), language)
    SubElement(head, "title").text = title[1]
    SubElement(head, "style").text = _STYLE
    SubElement(body, "p", {"class": "marking"}).text = plain(marking)
    _in(SubElement(body, "h1"), title, language)
    _facts(body, about, issuer=issuer, ver=ver, language=language)
    for section in objects(mapping(groups.get("texts")).get("sections")):
        heading = chosen(section.get("heading"), language)
        if heading[1]:
            _in(SubElement(body, "h2"), heading, language)
        text = chosen(section.get("text"), language)
        for paragraph in text[1].split("\n"):
            if paragraph.strip():
                _in(SubElement(body, "p"), (text[0], paragraph), language)
    for number, figure in enumerate(list(objects(groups.get("figures")))[:MAX_FIGURES], start=1):
        _figure(body, figure, number, language)
    _note(body, about, said, language)
    written: bytes = tostring(html, encoding="utf-8", method="html")
    return b"<!doctype html>\n" + written


def chosen(texts: Any, language: str) -> tuple[str, str]:
    """(language, text) of a Text: in the language asked for, else its author's first; empty where there is none."""
    told = [(one.get("lang"), one.get("text")) for one in objects(texts)]
    sound = [(lang, text) for lang, text in told if isinstance(lang, str) and readable(lang) and isinstance(text, str)]
    same = [one for one in sound if one[0].split("-")[0] == language]
    lang, text = next(iter(same or sound), (language, ""))
    return lang, "\n".join(plain(line) for line in text.split("\n"))


def rows_of(figure: Mapping[str, Any]) -> list[Row]:
    """The cells of a figure that have the form of a cell, in their order; the total last."""
    dims = TABLES.get(str(figure.get("table")), ())
    found = []
    for cell in objects(figure.get("cells")):
        key, n = cell.get("key"), cell.get("n")
        if not isinstance(key, list) or len(key) != len(dims) or not all(readable(code) for code in key):
            continue
        if cell.get("suppressed") is True:
            found.append(Row(tuple(key), None))
        elif isinstance(n, str) and DECIMAL.fullmatch(n):
            found.append(Row(tuple(key), n))
    by_time = "month" in dims

    def place(row: Row) -> tuple[Any, ...]:
        rest = any(code.startswith("(") for code in row.key)
        return (row.total, rest, row.key if by_time else (row.n is None, -Decimal(row.n or 0), row.key))

    return sorted(found, key=place)


def _facts(body: Element, about: Mapping[str, Any], *, issuer: str, ver: int, language: str) -> None:
    period = mapping(about.get("period"))
    facts = SubElement(body, "dl", {"class": "facts"})
    for name, value in (
        ("period", f"{period.get('from', '')} – {period.get('to', '')}"),
        ("by", f"{issuer}, {word('version', language)} {ver}"),
        ("as_of", str(about.get("as_of", "")).replace("T", " ").replace("Z", " UTC")),
    ):
        SubElement(facts, "dt").text = word(name, language)
        SubElement(facts, "dd").text = plain(value)


def _figure(body: Element, figure: Mapping[str, Any], number: int, language: str) -> None:
    rows, dims = rows_of(figure), TABLES.get(str(figure.get("table")), ())
    chart = figure.get("chart")
    if not rows or not dims or chart not in CHARTS:
        return
    whole = SubElement(body, "figure")
    lang, title = chosen(figure.get("title"), language)
    _in(SubElement(whole, "h3"), (lang, f"{number}. {title}"), language)
    shown = [row for row in rows if not any(code == TOTAL for code in row.key)]
    drawn = shown if dims == ("month",) else shown[:MAX_ROWS]
    if len(dims) == 1 and chart != "table":
        data = [
            charts.Datum(row.key[0], named(dims[0], row.key[0], language), None if row.n is None else float(row.n))
            for row in drawn
        ]
        make = {"bars": charts.bars, "columns": charts.columns, "map": charts.world}[chart]
        whole.append(make(data, title=title))
    if chart != "bars":
        _table(whole, [*drawn, *[row for row in rows if row.total]], dims, numbered=chart == "map", language=language)
    notes = [word("hatched", language)] if any(row.n is None for row in drawn) and chart in {"bars", "columns"} else []
    notes += [word("numbers", language)] if chart == "map" else []
    if len(drawn) < len(shown):
        notes.append(f"+ {len(shown) - len(drawn)}")
    if notes:
        SubElement(whole, "figcaption").text = " ".join(notes)


def _table(whole: Element, rows: Sequence[Row], dims: Sequence[str], *, numbered: bool, language: str) -> None:
    table = SubElement(whole, "table")
    head = SubElement(SubElement(table, "thead"), "tr")
    for text in (["#"] if numbered else []) + [dim.replace("_", " ") for dim in dims]:
        SubElement(head, "th", scope="col").text = text
    SubElement(head, "th", {"scope": "col", "class": "n"}).text = word("cases", language)
    body = SubElement(table, "tbody")
    for at, row in enumerate(rows, start=1):
        line = SubElement(body, "tr", {"class": "total"} if row.total else {})
        if numbered:
            SubElement(line, "td").text = "" if row.total else str(at)
        for at_dim, (dim, code) in enumerate(zip(dims, row.key, strict=True)):
            SubElement(line, "td").text = "" if row.total and at_dim else named(dim, code, language)
        cell = SubElement(line, "td", {"class": "n out" if row.n is None else "n"})
        cell.text = word("suppressed", language) if row.n is None else row.n


def _note(body: Element, about: Mapping[str, Any], said: Sequence[str], language: str) -> None:
    note = SubElement(body, "section", {"class": "note"})
    SubElement(note, "h3").text = word("note", language)
    SubElement(note, "p", lang="en").text = plain(str(about.get("caveat", "")))
    for sentence in said:
        SubElement(note, "p", lang="en").text = plain(sentence)
    SubElement(note, "h3").text = word("sources", language)
    listed = SubElement(note, "ol")
    for source in objects(about.get("sources")):
        told = " · ".join(plain(str(source.get(name, ""))) for name in ("title", "iss", "rid", "ver", "jh"))
        SubElement(listed, "li").text = told


def _in(element: Element, said: tuple[str, str], language: str) -> None:
    """A text in its own language."""
    lang, text = said
    element.text = text
    if lang.split("-")[0] != language:
        element.set("lang", lang)
        element.set("dir", "rtl" if lang.split("-")[0] in RIGHT_TO_LEFT else "ltr")
