"""Pictures and other attachments: add them to drafts, see which are here, save them, find those that look alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from node.app import Home
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
    for command in (add, redact, show, save, similar, fetch):
        family.command()(command)
    family.command("list")(list_)
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
                if len(files) > 1:
                    at.out.say(f"{path} is refused; {len(done)} of {len(files)} files were added before it.")
                raise error from None
    _told(at, done)


def redact(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="The draft, or the released record whose next version it is for.")],
    digest: Annotated[str, typer.Argument(help="The picture, as `tidewaiter pictures show` names it.")],
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


def list_(
    context: typer.Context,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 100,
) -> None:
    """List attachments that are not here yet, or were refused, with the reason; and count those that are."""
    from node.cli.output import instant
    from node.storage import attachments

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows, tally = attachments.absent(connection, limit=limit), attachments.tally(connection)
    if at.out.json:
        at.out.result(
            {
                "here": tally.here, "wanted": tally.wanted, "refused": tally.refused,
                "absent": [
                    {
                        "sha256": row.digest, "iss": row.iss, "rid": row.rid, "state": row.state,
                        "attempts": row.attempts, "next_at": row.next_at, "problem": row.problem,
                    }
                    for row in rows
                ],
            }
        )  # fmt: skip
        return
    at.out.line(f"{tally.here} here, {tally.wanted} wanted, {tally.refused} refused (thumbnails counted).")
    told = [
        (row.digest, row.iss, row.rid, row.state, instant(row.next_at or None) if row.state == "wanted" else "",
         row.problem)
        for row in rows
    ]  # fmt: skip
    if told:
        at.out.table(("digest", "node", "record", "state", "next attempt", "problem"), told, empty="")


def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RID|REFERENCE", help="A record, or a draft of this node.")],
    node: Annotated[str | None, typer.Option(help="The node whose record it is, where two have used one id.")] = None,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:
    """Show the attachments of a record or of a draft: what they are, and which of them are here."""
    from node.services.pictures import viewing

    at = session(context)
    with at.opened() as home:
        rid, iss, draft = _named(home, name, node)
        if draft is not None:
            found: dict[str, Any] = {"reference": name, "attachments": draft}
        else:
            found = viewing.listing(
                home.database, rid=rid, iss=iss, by=officer(by), purpose=purpose, now=home.clock()
            )  # fmt: skip
    if at.out.json:
        at.out.result(found)
        return
    rows = [
        (
            one["sha256"], one["group"], one.get("rendition") or one.get("role"), one.get("view"),
            f"{one['w']}×{one['h']}" if "w" in one and "h" in one else "", one.get("size"), one.get("state", "draft"),
            one.get("problem"),
        )
        for one in found["attachments"]
    ]  # fmt: skip
    at.out.table(
        ("digest", "group", "kind", "shows", "pixels", "bytes", "state", "problem"), rows,
        empty="It has no attachments.",
    )  # fmt: skip


def save(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="RID|REFERENCE", help="A record.")],
    output: Annotated[Path, typer.Option(help="The folder; it is made if it is not there.")],
    node: Annotated[str | None, typer.Option(help="The node whose record it is, where two have used one id.")] = None,
    originals: Annotated[
        bool, typer.Option("--originals", help="Of an own record: the files that its pictures were made from.")
    ] = False,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:
    """Write a record's attachments to files. That is an export: it is registered, and a recall removes the files."""
    from node.services.pictures import viewing

    at = session(context)
    with at.opened() as home:
        rid, iss, draft = _named(home, name, node)
        if draft is not None:
            raise Refusal(f"{name} is a draft: its files are where they were added from")
        written = viewing.save(
            home.database, home.blobs(), output, rid=rid, iss=iss, by=officer(by), purpose=purpose,
            originals=originals, now=home.clock(),
        )  # fmt: skip
    if at.out.json:
        at.out.result({"saved": written})
        return
    at.out.table(
        ("file", "bytes", "digest"), [(one["path"], one["size"], one["sha256"]) for one in written],
        empty="None of its attachments is here.",
    )  # fmt: skip
    for one in written:
        if "salt" in one:
            at.out.say(f"{one['path']}: the record's commitment {one['commitment']} opens with the salt {one['salt']}")


def similar(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="JPEG, PNG or WebP. It is compared and not kept.")],
    distance: Annotated[int, typer.Option(min=0, max=31, help="Bits of 256 that may differ.")] = 31,
    by: By = None,
    purpose: Purpose = PURPOSE,
) -> None:
    """Find records, own and received, with a picture that looks like this one."""
    from node.services.pictures.likeness import Finder, hash_of

    at = session(context)
    data = _read(file)
    with at.opened() as home:
        value = hash_of(home.workshop, data)
        found = Finder(database=home.database).similar(
            value, by=officer(by), purpose=purpose, now=home.clock(), distance=distance
        )
    if at.out.json:
        at.out.result({"similar": [one.to_json() for one in found]})
        return
    at.out.table(
        ("bits apart", "node", "record", "version", "title", "picture"),
        [(one.distance, one.iss, one.rid, one.ver, one.title, one.sha256) for one in found],
        empty="No picture here looks like it.",
    )


def fetch(context: typer.Context) -> None:
    """Try now to fetch what records name and what is not here; a running server does so by itself."""
    import asyncio

    at = session(context)
    with at.opened() as home:
        home.membership.current()
        done = asyncio.run(home.fetch_pictures())
        erased = home.sweep_pictures()
    if at.out.json:
        at.out.result({"arrived": done.arrived, "failed": done.failed, "refused": done.refused, "erased": erased})
        return
    at.out.line(
        f"{done.arrived} came, {done.failed} are not here yet, {done.refused} were refused, {erased} were erased."
    )


def _named(home: Home, name: str, node: str | None) -> tuple[str, str | None, list[dict[str, Any]] | None]:
    """What a name means: (id, issuer, None) for a record, and for a draft that is not out its attachments."""
    import orjson
    from sqlalchemy import select

    from federation.records.attached import attachments
    from node.storage.tables import draft

    with home.database.read() as connection:
        row = connection.execute(select(draft).where(draft.c.reference == name).order_by(draft.c.id)).first()
    if row is None:
        return name, node, None
    if row.state != "draft":
        return row.rid, home.settings.id, None
    listed = []
    for item in attachments(orjson.loads(row.groups)):
        told = {
            "sha256": item.sha256, "group": item.group, "role": item.role, "rendition": item.rendition, "w": item.w,
            "h": item.h, "view": item.view, "size": item.size,
        }  # fmt: skip
        listed.append({key: value for key, value in told.items() if value is not None})
    return row.rid, home.settings.id, listed


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
