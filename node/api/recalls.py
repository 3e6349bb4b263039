"""`/api/v1/recalls`: recall own records, see how far each recall is, decide about those of others."""

from __future__ import annotations

from typing import Annotated, Final, Literal
from uuid import UUID

import anyio.from_thread
from fastapi import APIRouter, Depends, Query

from node.api.deps import InOffice, MayRecall, MayTrace, body_of
from node.api.documented import answers, takes
from node.api.problems import problem
from node.api.recalls_models import Board, Boards, Decision, NewRecall, Recalled
from node.api.releases import second_officer
from node.services import recall_board, recall_decisions, recalling
from node.services.stopping import DAY, RecallRules
from node.settings import Settings
from node.storage import recalls

router: Final = APIRouter(prefix="/api/v1", tags=["recalls"])


@router.get("/recalls", summary="Recalls, own and of others, with their boards", **answers(Boards))
def list_recalls(
    officer: MayTrace,  # noqa: ARG001 - the right
    office: InOffice,
    state: Literal["stopped", "kept", "erased", "held", "refused", "void"] | None = None,
    iss: Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$")] = None,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
) -> Boards:
    """List recalls, the newest first; `state` is what the recall is at this node."""
    with office.database.read() as connection:
        rows = recalls.listing(connection, states=recalls.STATES if state is None else (state,), iss=iss, limit=limit)
        found = recall_board.boards(
            connection, rows, directory=office.membership.current(), node=office.settings.id
        )  # fmt: skip
    return Boards.model_validate({"recalls": [board.to_json() for board in found]})


@router.get("/recalls/{rid}", summary="The board of one recall", **answers(Board))
def show_recall(
    officer: MayTrace,  # noqa: ARG001 - the right
    office: InOffice,
    rid: UUID,
    iss: Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$")] = None,
) -> Board:
    """Show per member: sent, received, applied, erased, or held and refused with the reason."""
    with office.database.read() as connection:
        found = recall_board.board(
            connection, str(rid), directory=office.membership.current(), node=office.settings.id, iss=iss
        )
    return Board.model_validate(found.to_json())


@router.post(
    "/recalls",
    summary="Recall records of this node",
    openapi_extra=takes(NewRecall),
    **answers(Recalled, "recall-refused", status=201, bodied=True),
)
def recall(officer: MayRecall, office: InOffice, wanted: Annotated[NewRecall, Depends(body_of(NewRecall))]) -> Recalled:
    """Sign a tombstone for each and offer it to everybody who ever got the record. This cannot be taken back."""
    second = second_officer(office, officer, wanted.second)
    ref = wanted.ref if wanted.use_instead is None else wanted.use_instead.model_dump()
    publisher = office.publisher()
    try:
        with office.database.write() as connection:
            rids = recalling.named(connection, office.settings.id, wanted.records)
            report = recalling.recall(
                connection, publisher, rids, reason=wanted.reason, effect=wanted.effect, by=officer.name,
                second=second, rules=_rules(office.settings), now=office.clock(), ref=ref,
            )  # fmt: skip
    except recalling.RecallRefused as error:
        raise problem("recall-refused", str(error)) from error
    anyio.from_thread.run_sync(office.exchange.grown, sorted(report.recipients))
    return Recalled(recalled=report.rids, entries=report.entries, recipients=sorted(report.recipients))


@router.post(
    "/recalls/{rid}/decision",
    summary="Approve or refuse a recall that was held, or confirm one that took effect",
    openapi_extra=takes(Decision),
    **answers(Board, "recall-refused", bodied=True),
)
def decide(
    officer: MayRecall, office: InOffice, rid: UUID, wanted: Annotated[Decision, Depends(body_of(Decision))]
) -> Board:
    """Decide; the originator is told by the next receipt."""
    try:
        recall_decisions.decide(
            office.database, wanted.decision, rid=str(rid), iss=wanted.iss, by=officer.name, node=office.settings.id,
            rules=_rules(office.settings), directory=office.membership.current(),
            log_signer=office.exchange.log_signer, now=office.clock(),
        )  # fmt: skip
    except recall_decisions.SamePerson as error:
        raise problem("recall-refused", str(error)) from error
    return show_recall(officer, office, rid, wanted.iss)


def _rules(settings: Settings) -> RecallRules:
    return RecallRules(limit=settings.recall_limit, grace=int(settings.recall_grace_days * DAY))
