"""`/api/v1/questions`: ask other nodes, or see whom a question would go to. Logged here and at each of them."""

from __future__ import annotations

from typing import Annotated, Final

import anyio.from_thread
from fastapi import APIRouter, Depends, Path, Query

from federation.questions import Identifier, Selector
from node.api.deps import InOffice, MayView, body_of
from node.api.documented import answers, takes
from node.api.problems import invalid, problem
from node.api.questions_models import Answers, NewQuestion, Request, Requests, Settlement
from node.services import requests, search
from node.services.asking import Asked

router: Final = APIRouter(prefix="/api/v1", tags=["questions"])


@router.post(
    "/questions",
    summary="Ask other nodes about their records",
    openapi_extra=takes(NewQuestion),
    **answers(Answers, "no-policy", bodied=True),
)
def ask(
    officer: MayView,
    office: InOffice,
    new: Annotated[NewQuestion, Depends(body_of(NewQuestion))],
) -> Answers:
    """Send a question to every peer that the policy lets it go to, and show what comes within the deadline.

    With `dry_run` nothing is sent: the answer names who would be asked, and who would not and why. What is shown is not
    kept as a record of this node.
    """
    if (new.peers is None) != new.all_peers:
        raise invalid([("peers", "is missing, or stands beside all", "name the peers to ask, or say all: true")])
    if office.policy() is None:
        raise problem("no-policy", "no sharing policy was ever activated: nothing is asked of anybody")
    asker = office.asker()
    plan = asker.plan(_asked(new))
    if new.dry_run:
        return Answers.model_validate(plan.to_json())
    asker.announce(plan, by=officer.name)
    replies = anyio.from_thread.run(asker.send, plan)
    return Answers.model_validate(asker.conclude(plan, replies, by=officer.name).to_json())


@router.get("/requests", summary="What peers said that they hold", **answers(Requests))
def list_requests(
    officer: MayView,  # noqa: ARG001 - the right
    office: InOffice,
    every: Annotated[bool, Query(alias="all", description="Also those that are settled.")] = False,
    limit: Annotated[int, Query(ge=1, le=requests.MAX_LIMIT)] = 100,
) -> Requests:
    """List the requests that hits have opened, the first that is due first."""
    found = requests.listing(office.database, every=every, limit=limit, now=office.clock())
    return Requests.model_validate({"requests": [one.to_json() for one in found]})


@router.post(
    "/requests/{number}/settle", summary="Say what came of a request", openapi_extra=takes(Settlement),
    **answers(Request, "request-settled", bodied=True),
)  # fmt: skip
def settle_request(
    officer: MayView,
    office: InOffice,
    number: Annotated[int, Path(ge=1, le=search.LAST_ID)],
    said: Annotated[Settlement, Depends(body_of(Settlement))],
) -> Request:
    """Close a request with a remark that names nobody."""
    try:
        found = requests.settle(office.database, number, said.remark, by=officer.name, now=office.clock())
    except requests.Settled as error:
        raise problem("request-settled", str(error)) from None
    return Request.model_validate(found.to_json())


def _asked(new: NewQuestion) -> Asked:
    told = new.selector
    number = None if told.identifier is None else Identifier(type=told.identifier.type, value=told.identifier.value)
    filters = {name: frozenset(values) for name, values in told.filters.items()}
    if not (filters.keys() - {"kind"} or told.words or number):
        raise invalid([("selector", "asks for everything", "give a filter beside the kind, words, or an identifier")])
    selector = Selector(
        filters=filters, day_from=search.first_day(told.from_), day_to=search.last_day(told.to), words=told.words,
        identifier=number,
    )  # fmt: skip
    return Asked(selector=selector, purpose=new.purpose, case=new.case, peers=new.peers, seconds=float(new.seconds))
