"""Recall own records, see how far each recall is, and decide about recalls of others that wait for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import instant
from node.cli.session import Refusal, Session, officer, session

if TYPE_CHECKING:
    from node.app import Home
    from node.services.recall_board import Board

recalls_app: Final = typer.Typer(
    help="Recalls, own and of others: how far each is, and what waits for a person.", rich_markup_mode=None
)
By = Annotated[str | None, typer.Option(help="Who decides. Default: the user of this machine.")]
Rid = Annotated[str, typer.Argument(metavar="REFERENCE|RID", help="The record.")]
Iss = Annotated[str | None, typer.Option(help="Whose record, where several have the id.")]


HERE: Final = {
    "held": "It waits for a person and the record stays in use: `tidewaiter recalls approve {rid}`, or `refuse`.",
    "refused": "An officer has refused it: the record stays in use here.",
    "stopped": "It is out of use here, and erased when the grace is over.",
    "erased": "It is erased here.",
}
"""What another's recall is at this node, by the board's word."""


OPTIONS: Final = {
    "tomb.reason:": "--reason:", "tomb.effect:": "--effect:", "tomb.ref.iss:": "--use-instead:",
    "tomb.ref.rid:": "--use-instead:", "tomb.ref:": "--use-instead ISS/RID (or --ref):",
}  # fmt: skip
"""What a fault of the tombstone is called by whoever typed it."""


def _in_options(sentence: str) -> str:
    for member, option in OPTIONS.items():
        sentence = sentence.replace(member, option)
    return sentence


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(recall)
    app.add_typer(recalls_app, name="recalls")


def recall(
    context: typer.Context,
    names: Annotated[list[str], typer.Argument(metavar="REFERENCE|RID...", help="Records that this node issued.")],
    reason: Annotated[
        str,
        typer.Option(
            help="erroneous, unlawful, court-order, retention, withdrawn, data-subject or duplicate-of. Peers read it."
        ),
    ],
    effect: Annotated[
        str,
        typer.Option(help="stop-use (erased after a time of grace), replace (the same), or erase (at once; --second)."),
    ] = "stop-use",
    by: Annotated[str | None, typer.Option(help="Who recalls. Default: the user of this machine.")] = None,
    second: Annotated[str | None, typer.Option(help="The second officer: for erase, and for many at once.")] = None,
    ref: Annotated[str | None, typer.Option(help="One line that peers read, such as a court's file number.")] = None,
    use_instead: Annotated[
        str | None, typer.Option(help="ISS/RID of the record to use instead: for duplicate-of and replace.")
    ] = None,
) -> None:
    """Recall records: use stops everywhere they went, and their content is erased. This cannot be taken back."""
    from node.services import recall_board, recalling

    at = session(context)
    who = officer(by)
    if ref is not None and use_instead is not None:
        raise Refusal("give either --ref or --use-instead", status=2)
    told: Any = ref
    if use_instead is not None:
        iss, _, rid = use_instead.partition("/")
        told = {"iss": iss, "rid": rid}
    with at.opened() as home:
        publisher = home.publisher()
        try:
            with home.database.write() as connection:
                rids = recalling.named(connection, home.settings.id, names)
                report = recalling.recall(
                    connection, publisher, rids, reason=reason, effect=effect, by=who, second=second,
                    rules=home.recall_rules(), now=home.clock(), ref=told,
                )  # fmt: skip
        except recalling.RecallRefused as error:
            raise Refusal(f"nothing was recalled: {_in_options(str(error))}") from None
        with home.database.read() as connection:
            boards = [
                recall_board.board(connection, rid, directory=publisher.directory, node=publisher.node)
                for rid in report.rids
            ]
        if home.membership.stale(home.clock()):
            at.out.say("The directory has expired: peers get nothing until it is renewed.")
    if at.out.json:
        at.out.result(
            {
                "recalled": report.rids, "entries": report.entries, "recipients": sorted(report.recipients),
                "boards": [board.to_json() for board in boards],
            }
        )  # fmt: skip
        return
    at.out.line(f"{len(report.rids)} recalled, offered to {len(report.recipients)} members that ever got them.")
    at.out.line("`tidewaiter recalls show RID` tells who has confirmed it.")


@recalls_app.callback(invoke_without_command=True)
def recalls(
    context: typer.Context,
    held: Annotated[bool, typer.Option("--held", help="Only those of others that wait for a person.")] = False,
    open_: Annotated[bool, typer.Option("--open", help="Only those that not everybody has confirmed.")] = False,
) -> None:
    """List recalls, own and of others, the newest first."""
    from node.services import recall_board
    from node.storage import recalls as kept

    if context.invoked_subcommand is not None:
        return
    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        rows = kept.listing(connection, states=(kept.HELD,) if held else kept.STATES)
        found = recall_board.boards(
            connection, rows, directory=home.membership.current(), node=home.settings.id
        )  # fmt: skip
    if open_:
        found = [board for board in found if board.not_erased]
    if at.out.json:
        at.out.result({"recalls": [board.to_json() for board in found]})
        return
    at.out.table(
        ("node", "record", "reference", "reason", "effect", "here", "since", "applied", "erased", "of", "open"),
        [
            (
                board.iss, board.rid, board.reference, board.reason, board.effect, board.here, instant(board.at),
                len(board.steps) - len(board.not_applied), len(board.steps) - len(board.not_erased), len(board.steps),
                ", ".join(board.not_erased),
            )
            for board in found
        ],
        empty="No recall waits for a person." if held else "Nothing was recalled.",
    )  # fmt: skip


@recalls_app.command("show")
def show(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="REFERENCE|RID", help="The record.")],
    iss: Iss = None,
) -> None:
    """Show the board of one recall: per member sent, received, applied, erased, or refused with the reason."""
    from federation.errors import NotFound
    from node.services import recall_board

    at = session(context)
    with at.opened() as home, home.database.read() as connection:
        try:
            board = recall_board.board(
                connection, name, directory=home.membership.current(), node=home.settings.id, iss=iss
            )
        except NotFound as error:
            raise Refusal(f"{error.detail}; `tidewaiter recalls` lists them") from None
    _tell(at, board)


@recalls_app.command("approve")
def approve(context: typer.Context, rid: Rid, iss: Iss = None, by: By = None) -> None:
    """Let a recall take effect that was held because its originator recalled too many at once."""
    _decide(context, "approve", rid, iss, by)


@recalls_app.command("refuse")
def refuse(context: typer.Context, rid: Rid, iss: Iss = None, by: By = None) -> None:
    """Refuse a recall that was held: the record stays in use, and its originator is told."""
    _decide(context, "refuse", rid, iss, by)


@recalls_app.command("confirm")
def confirm(context: typer.Context, rid: Rid, iss: Iss = None, by: By = None) -> None:
    """Confirm a recall that took effect: erase the content now and not when the grace is over."""
    _decide(context, "confirm", rid, iss, by)


def _decide(context: typer.Context, what: str, rid: str, iss: str | None, by: str | None) -> None:
    from federation.errors import NotFound
    from node.services import recall_board, recall_decisions

    at = session(context)
    who = officer(by)
    with at.opened() as home:
        try:
            named = _board(home, recall_board, rid, iss)  # by its id, or by the reference of an own one
            rid, iss = named.rid, named.iss
            recall_decisions.decide(
                home.database, what, rid=rid, iss=iss, by=who, node=home.settings.id, rules=home.recall_rules(),
                directory=home.membership.current(), log_signer=home.signer("log"), now=home.clock(),
            )  # fmt: skip
        except NotFound as error:
            raise Refusal(f"{error.detail}; `tidewaiter recalls` lists them") from None
        except recall_decisions.SamePerson as error:
            raise Refusal(str(error), status=2) from None
        board = _board(home, recall_board, rid, iss)
    _tell(at, board)


def _board(home: Home, recall_board: Any, rid: str, iss: str | None) -> Board:
    with home.database.read() as connection:
        found: Board = recall_board.board(
            connection, rid, directory=home.membership.current(), node=home.settings.id, iss=iss
        )
    return found


def _tell(at: Session, board: Board) -> None:
    if at.out.json:
        at.out.result(board.to_json())
        return
    at.out.line(f"{board.iss} {board.rid} version {board.ver}: recalled as {board.reason}, effect {board.effect}.")
    at.out.pairs(
        (
            ("reference", board.reference), ("at", instant(board.at)), ("by", board.by), ("second", board.second_by),
            ("here", board.here), ("erased here after", instant(board.due)),
        )
    )  # fmt: skip
    at.out.table(
        ("member", "status", "through", "state", "sent", "received", "erased", "reason"),
        [
            (
                step.recipient, step.status, step.through, step.state, instant(step.sent_at),
                instant(step.received_at), instant(step.erased_at), step.reason,
            )
            for step in board.steps
        ],
        empty="Nobody ever got it from this node.",
    )  # fmt: skip
    if not board.own:
        told = HERE.get(board.here, "").format(rid=board.rid)
        at.out.line(f"{told} Who else has it, and who has confirmed the recall, {board.iss} knows.".strip())
    if board.not_erased:
        at.out.line(f"Erasure not confirmed by: {', '.join(board.not_erased)}.")
    elif board.own:
        at.out.line("Complete: everybody who got it has confirmed its erasure.")
