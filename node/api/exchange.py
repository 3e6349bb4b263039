"""`/api/v1/peers`, `/receipts`, `/node`: how the exchange with the others stands, in counts and times."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter

from node.api.deps import InOffice, MaySeeExchange, MaySeeReceipts
from node.api.documented import answers
from node.api.models import Node, Peers, Receipts
from node.services import overview

router: Final = APIRouter(prefix="/api/v1", tags=["exchange"])


@router.get("/peers", summary="Every other member, and the feeds both ways", **answers(Peers))
def list_peers(officer: MaySeeExchange, office: InOffice) -> Peers:  # noqa: ARG001 - the right
    """Show how far each peer's feeds are stored and confirmed, and what is in trouble."""
    trouble = {
        peer: "; ".join(f"{lane}: {state.problem}" for lane, state in loop.lanes.items() if state.problem)
        for peer, loop in list(office.exchange.loops.items())
    }
    found = overview.peers(
        office.database,
        office.membership.current(),
        node=office.settings.id,
        trouble={peer: text for peer, text in trouble.items() if text},
    )
    return Peers.model_validate({"peers": [view.to_json() for view in found]})


@router.get("/receipts", summary="The newest receipts, both ways", **answers(Receipts))
def list_receipts(officer: MaySeeReceipts, office: InOffice) -> Receipts:  # noqa: ARG001 - the right
    """Show the signed words on how far each feed has come, with what is quarantined."""
    return Receipts.model_validate(overview.receipts(office.database))


@router.get("/node", summary="The node itself, in counts", **answers(Node))
def this_node(officer: MaySeeExchange, office: InOffice) -> Node:  # noqa: ARG001 - the right
    """Show what this node is and how much it holds."""
    settings = office.settings
    view = overview.node_view(
        office.database,
        office.membership,
        node=settings.id,
        name=settings.name,
        kind=settings.kind,
        now=office.clock(),
    )
    return Node.model_validate(view.to_json())
