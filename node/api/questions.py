"""`/api/v1/questions`: ask other nodes, or see whom a question would go to. Logged here and at each of them."""

from __future__ import annotations

from typing import Annotated, Final

import anyio.from_thread
from fastapi import APIRouter, Depends

from federation.questions import Identifier, Selector
from node.api.deps import InOffice, MayView, body_of
from node.api.documented import answers, takes
from node.api.problems import invalid, problem
from node.api.questions_models import Answers, NewQuestion
from node.services import search
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
