"""Pictures and other attachments: add them to drafts, see which are here, save them, find those that look alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from node.services.pictures.ingest import Added

MAX_READ: Final = 10_000_001
"""One byte more than any attachment may have: what is larger is refused without being read whole."""
By = Annotated[str | None, typer.Option(help="Who acts; it is written down. Default: the user of this machine.")]
Purpose = Annotated[str, typer.Option(help="What for; the disclosure log keeps it.")]
PURPOSE: Final = "customs-enforcement"


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    family = typer.Typer(
        name="pictures", help="Pictures and other attachments of records.", no_args_is_help=True, rich_markup_mode=None
    )
    family.command()(add)
    family.command()(redact)
    app.add_typer(family)


def add(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="The draft, or the released record whose next version it is for.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="JPEG, PNG or WebP, or with --as any file.")],
    type_: Annotated[
        str | None,
        typer.Option("--type", help="What it shows: product, label, packaging, concealment, genuine or fake."),
    ] = None,
    caption: Annotated[str | None, typer.Option(help="A line under it. It must name nobody.")] = None,
    language: Annotated[str, typer.Option(help="The caption's language.")] = "en",
    shows_face_or_document: Annotated[
        bool,
        typer.Option("--shows-face-or-document", help="Keep it with what can name somebody: no wildcard grants it."),
    ] = False,
    as_: Annotated[
        str, typer.Option("--as", help="picture, or document, scan, video, file: kept as it is, never previewed.")
    ] = "picture",
    by: By = None,
) -> None:
    """Add files to a draft. Of a picture only the pixels go on; where it was taken and with what stays here."""
    from node.services.pictures.ingest import About

    at = session(context)
    name = officer(by)
    about = About(view=type_, caption=caption, language=language, nominal=shows_face_or_document, role=as_)
    read = [(path, _read(path)) for path in files]
    done: list[Added] = []
    with at.opened() as home:
        intake = home.picture_intake()
        for path, data in read:
            try:
                done.append(intake.add(reference, data, about, by=name, now=home.clock()))
            except Exception as error:
                if done:
                    at.out.say(f"{len(done)} of {len(files)} files were added before {path} was refused.")
                raise error from None
    _told(at, done)


def redact(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="The draft, or the released record whose next version it is for.")],
    digest: Annotated[str, typer.Argument(help="The picture, as `tidewaiter pictures list` names it.")],
    box: Annotated[
        list[str], typer.Option("--box", help="x,y,width,height in pixels of the picture; is filled grey. Repeatable.")
    ],
    by: By = None,
) -> None:
    """Put a copy with faces or plates covered in the place of a picture of a draft; its digest is another one."""
    at = session(context)
    boxes = [_box(text) for text in box]
    with at.opened() as home:
        added = home.picture_intake().redact(reference, digest, boxes, by=officer(by), now=home.clock())
    _told(at, [added])


def _told(at: Session, added: list[Added]) -> None:
    if at.out.json:
        at.out.result({"added": [one.to_json() for one in added]})
        return
    rows: list[tuple[Any, ...]] = [
        (one.digest, one.group, f"{one.width}×{one.height}" if one.width else "", one.size, one.outcome)
        for one in added
    ]
    at.out.table(("digest", "group", "pixels", "bytes", "outcome"), rows, empty="")
    if added:
        at.out.line(f"`tidewaiter release {added[0].reference}` signs version {added[0].ver} with them.")


def _box(text: str) -> tuple[int, int, int, int]:
    parts = text.split(",")
    if len(parts) != 4 or not all(part.strip().isascii() and part.strip().isdigit() for part in parts):  # noqa: PLR2004
        raise Refusal("--box: is not x,y,width,height in whole pixels, such as 120,80,60,60", status=2)
    x, y, width, height = (int(part[:9]) for part in parts)
    return x, y, width, height


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_READ)
    except OSError as error:
        raise Refusal(f"{path}: {error.strerror or 'cannot be read'}; give a picture or another file") from None
