"""`/api/v1/policy/proposals`: policies are proposed, read with letter and preview, approved by another, put in force.

The token says who proposes and who approves: they are two tokens with two names. Where officers have keys, an approval
is a signature besides (`services.officers`), which a program of the officer's makes and this API only checks.

Trust: whoever has the secret of the tokens is any officer; from the first officer's key on that is not enough.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import anyio.from_thread
from fastapi import APIRouter, Depends, Path

from node.api.deps import InOffice, MayDecidePolicy, MayReadPolicy, Office, body_of
from node.api.documented import answers, takes
from node.api.models import PolicyText
from node.api.problems import problem
from node.api.proposals_models import Activation, Approval, Listed, Listing, Proposal
from node.services import proposing
from node.services.officers import NotApproved

if TYPE_CHECKING:
    from sqlalchemy import Row

router: Final = APIRouter(prefix="/api/v1/policy/proposals", tags=["policy"])
Version = Annotated[int, Path(ge=1, le=2**31 - 1)]


@router.get("", summary="Proposed policies", **answers(Listing))
def list_proposals(officer: MayReadPolicy, office: InOffice) -> Listing:  # noqa: ARG001 - the right
    """List proposals by name: who proposed and who approved, and the hashes that an approval binds."""
    with office.database.read() as connection:
        rows = proposing.listing(connection)
    return Listing(proposals=[Listed.model_validate(_named(row)) for row in rows])


@router.post(
    "",
    summary="Propose a policy",
    openapi_extra=takes(PolicyText),
    **answers(Proposal, "policy-refused", status=201, bodied=True),
)
def propose(
    officer: MayDecidePolicy, office: InOffice, policy: Annotated[PolicyText, Depends(body_of(PolicyText))]
) -> Proposal:
    """Keep a policy for a second officer, with its letter and its preview; an older proposal of its version goes."""
    made = proposing.propose(
        office.database, policy.text, node=office.settings.id, by=officer.name, recipients=_recipients(office),
        now=office.clock(),
    )  # fmt: skip
    return _whole(office, made.version)


@router.get("/{version}", summary="A proposal with its letter and preview", **answers(Proposal, "no-policy"))
def show(officer: MayDecidePolicy, office: InOffice, version: Version) -> Proposal:  # noqa: ARG001 - the right
    """Show what the second officer approves: who gains and who loses which group of which record, and the letter."""
    return _whole(office, version)


@router.post(
    "/{version}/approval",
    summary="Approve a proposal as the second officer",
    openapi_extra=takes(Approval),
    **answers(Listed, "policy-not-approved", "no-policy", status=201, bodied=True),
)
def approve(
    officer: MayDecidePolicy,
    office: InOffice,
    version: Version,
    approval: Annotated[Approval, Depends(body_of(Approval))],
) -> Listed:
    """Approve exactly what was shown: the hashes say what that was. The proposer and the author cannot."""
    row = _row(office, version)
    if approval.letter_hash != row.letter_hash:
        raise problem("policy-not-approved", "letter_hash: this is not the letter of the proposal; read it again")
    try:
        proposing.approve(
            office.database, version, node=office.settings.id, by=officer.name, digest=approval.preview_digest,
            token=approval.signature, now=office.clock(),
        )  # fmt: skip
    except NotApproved as error:
        raise problem("policy-not-approved", str(error)) from error
    return Listed.model_validate(_named(_row(office, version)))


@router.post(
    "/{version}/activation",
    summary="Put an approved policy in force",
    **answers(Activation, "policy-not-approved", "no-policy", status=201),
)
def activate(officer: MayDecidePolicy, office: InOffice, version: Version) -> Activation:
    """Put it in force if it still changes what was approved; what was shared before is looked at again."""
    _row(office, version)
    joined = office.membership.joined()
    try:
        done = proposing.activate(
            office.database, version, node=office.settings.id, by=officer.name,
            publisher=office.publisher() if joined else None, recipients=_recipients(office), now=office.clock(),
        )  # fmt: skip
    except (NotApproved, proposing.PreviewChanged) as error:
        raise problem("policy-not-approved", str(error)) from error
    recipients = frozenset() if done.offered is None else frozenset(done.offered.recipients)
    anyio.from_thread.run_sync(office.exchange.grown, recipients)
    counts = {} if done.offered is None else done.offered.counts()
    return Activation(version=done.version, before=done.before, recipients=sorted(recipients), **counts)


def _recipients(office: Office) -> list[Any]:
    return list(office.publisher().recipients()) if office.membership.joined() else []


def _row(office: Office, version: int) -> Row[Any]:
    with office.database.read() as connection:
        row = proposing.find(connection, version)
    if row is None:
        raise problem("no-policy", f"no policy of version {version} is proposed: POST /api/v1/policy/proposals does")
    return row


def _named(row: Row[Any]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in Listed.model_fields}


def _whole(office: Office, version: int) -> Proposal:
    row = _row(office, version)
    shown = json.loads(row.preview)
    return Proposal.model_validate(
        {**_named(row), "text": row.body, "letter": row.letter, "preview": shown, "to_sign": proposing.claims(row)}
    )
