"""`/api/v1/policy`: read the policy in force, and check one before it is activated on the command line."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends

from federation.errors import DirectoryStale
from federation.policy import compile_policy
from node.api.deps import InOffice, MayCheckPolicy, MayReadPolicy, body_of
from node.api.documented import answers, takes
from node.api.models import PolicyInForce, PolicySound, PolicyText
from node.api.problems import problem
from node.services import policing
from node.storage import policies

router: Final = APIRouter(prefix="/api/v1/policy", tags=["policy"])


@router.get("", summary="The policy in force", **answers(PolicyInForce, "no-policy"))
def policy_in_force(officer: MayReadPolicy, office: InOffice) -> PolicyInForce:  # noqa: ARG001 - the right
    """Show the policy in force as it was written, and who put it in force."""
    with office.database.read() as connection:
        row = policies.active(connection)
    if row is None:
        raise problem("no-policy", "no sharing policy was ever activated: nothing is shared with anybody")
    return PolicyInForce(
        version=row.version,
        author=row.author,
        activated_by=row.activated_by,
        activated_at=row.activated_at,
        text=row.body,
    )


@router.post(
    "/check",
    summary="Check a policy and change nothing",
    openapi_extra=takes(PolicyText),
    **answers(PolicySound, "policy-refused", bodied=True),
)
def check_policy(
    officer: MayCheckPolicy,  # noqa: ARG001 - the right
    office: InOffice,
    policy: Annotated[PolicyText, Depends(body_of(PolicyText))],
) -> PolicySound:
    """Read a policy whole; a faulty one is refused whole, with every fault at once."""
    sound = policing.check(policy.text, node=office.settings.id)
    compile_policy(sound)
    try:
        strangers = policing.strangers(sound, office.membership.current())
    except DirectoryStale:
        strangers = ()
    return PolicySound(
        version=sound.version,
        rules=[rule.id for rule in sound.rules],
        instruments=[instrument.id for instrument in sound.instruments],
        strangers=list(strangers),
    )
