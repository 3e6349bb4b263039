"""Bulletins: drawn from published tables as a draft, shown, and written as a page."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from node.cli.output import instant
from node.cli.reading import By, Many
from node.cli.session import Refusal, officer, session

if TYPE_CHECKING:
    from node.services.bulletins import drawing

bulletin: typer.Typer = typer.Typer(help="Bulletins: frozen figures and what is said about them.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(metavar="REFERENCE|RID", help="An own bulletin by its reference, any by its id.")]
Of = Annotated[str | None, typer.Option("--node", help="The node that published it, where two used one id.")]
Purpose = Annotated[str, typer.Option(help="What for; compared with its handling, and logged.")]


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(bulletin, name="bulletin")


@bulletin.command()
def draw(
    context: typer.Context,
    title: Annotated[list[str], typer.Option(help="LANGUAGE:TITLE, such as en:Trade in 2025. Repeatable.")],
    edition: Annotated[list[str], typer.Option(help="Reference or id of published statistics. Repeatable.")],
    text: Annotated[Many, typer.Option(help="LANGUAGE:TEXT of a section. Repeatable.")] = None,
    heading: Annotated[Many, typer.Option(help="LANGUAGE:HEADING. The n-th belongs to the n-th text.")] = None,
    no_names: Annotated[bool, typer.Option("--no-names", help="I have read the texts: they name nobody.")] = False,
    template: Annotated[str, typer.Option(help="Which tables and figures.")] = "trade-report",
    reference: Annotated[str | None, typer.Option(help="Default: BULLETIN-, the year and a number.")] = None,
    by: By = None,
) -> None:  # fmt: skip
    """Draw a bulletin as a draft, its figures copied from published tables; nothing leaves before it is released."""
    from node.services.bulletins import drawing

    sections = _sections(text or [], heading or [])
    wishes = drawing.Wishes(
        title=tuple(_said("--title", one) for one in title), editions=tuple(edition), sections=sections,
        no_names=no_names, template=template, reference=reference,
    )  # fmt: skip
    at = session(context)
    with at.opened() as home:
        drawn = drawing.draw(home.database, wishes, node=home.settings.id, by=officer(by), now=home.clock())
    if at.out.json:
        at.out.result(drawn.to_json())
        return
    at.out.line(drawn.reference)
    left = f"; no edition has {', '.join(drawn.left_out)}" if drawn.left_out else ""
    at.out.say(f"{drawn.title}: {drawn.figures} figures{left}.")
    at.out.say(f"`tidewaiter release {drawn.reference}` signs and sends it.")


def _sections(texts: list[str], headings: list[str]) -> tuple[drawing.Section, ...]:
    """The n-th text of a language belongs to the n-th section, and so does its heading."""
    from node.services.bulletins.drawing import Section

    said: dict[str, list[str]] = {}
    above: dict[str, list[str]] = {}
    for option, given, into in (("--text", texts, said), ("--heading", headings, above)):
        for one in given:
            language, words = _said(option, one)
            into.setdefault(language, []).append(words)
    count = max((len(words) for words in said.values()), default=0)
    return tuple(
        Section(
            text=tuple((language, words[at]) for language, words in said.items() if at < len(words)),
            heading=tuple((language, words[at]) for language, words in above.items() if at < len(words)),
        )
        for at in range(count)
    )


def _said(option: str, written: str) -> tuple[str, str]:
    language, mark, words = written.partition(":")
    if not mark or not language.strip() or not words.strip():
        raise Refusal(f"{option}: is LANGUAGE:TEXT, such as en:Trade in 2025", status=2)
    return language.strip(), words.strip()


@bulletin.command()
def show(context: typer.Context, name: Name, node: Of = None, purpose: Purpose = "statistics", by: By = None) -> None:
    """Say what a bulletin has: its texts, figures and sources. Logged as a view."""
    from node.services.bulletins import page, writing

    at = session(context)
    with at.opened() as home:
        view = writing.show(
            home.database, name, node=home.settings.id, iss=node, by=officer(by), purpose=purpose, now=home.clock()
        )
    if at.out.json:
        at.out.result(view.to_json())
        return
    at.out.line(f"{view.title}\n{view.iss} {view.rid}, version {view.ver}, issued {instant(view.iat)}")
    groups = view.to_json()["groups"]
    for section in groups.get("texts", {}).get("sections", []):
        at.out.line("\n" + "\n".join(page.chosen(section.get(part), "en")[1] for part in ("heading", "text")).strip())
    at.out.table(
        ("figure", "table", "drawn as", "cells"),
        [
            (page.chosen(one.get("title"), "en")[1], one.get("table"), one.get("chart"), len(one.get("cells", [])))
            for one in groups.get("figures", [])
        ],
        empty="No figures.",
    )


@bulletin.command()
def write(
    context: typer.Context,
    name: Name,
    output: Annotated[Path, typer.Option(help="The HTML file to write. It prints well, and needs nothing else.")],
    to: Annotated[str, typer.Option(help="Who gets it.")],
    language: Annotated[str, typer.Option(help="Language of the page: en, fr or es.")] = "en",
    node: Of = None,
    purpose: Purpose = "statistics",
    by: By = None,
) -> None:  # fmt: skip
    """Write a bulletin as a page with its charts, logged and registered like every export."""
    from node.services import exporting
    from node.services.bulletins import writing

    at, path = session(context), output.expanduser().absolute()
    if path.exists():
        raise Refusal(f"{output}: is there already; name another file")
    if not path.parent.is_dir():
        raise Refusal(f"{path.parent}: there is no such folder; make it first")
    order = writing.Order(by=officer(by), purpose=purpose, destination=to, language=language, path=str(path))
    with at.opened() as home:
        made = writing.write(home.database, name, order, node=home.settings.id, iss=node, now=home.clock())
    exporting.write_file(path, made.data)
    if at.out.json:
        at.out.result({"export": made.number, "sha256": made.sha256, "path": str(path)})
        return
    at.out.line(str(path))
    at.out.say(f"Export {made.number}: SHA-256 {made.sha256}")
