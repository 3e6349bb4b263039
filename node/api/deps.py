"""What routes ask for in their signatures: the office with its parts, an officer with a right, a strict body.

A right stands in the signature: `officer: MayView`. It is checked before anything else of the request is looked at,
then the names of the query's parameters: a misspelt filter must not silently find everything.

Trust: nothing of a request is believed before its token is; a body is read only as far as it may be long.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, Final, TypeVar, cast

from fastapi import Depends, FastAPI, Query, Request, Security
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel, ValidationError

from crypto import strictjson
from crypto.errors import CryptoError
from federation.policy import CompiledPolicy
from node.api.problems import MAX_NAME, finding, invalid, problem
from node.auth import ROLES, Officer, Right, TokenRefused, read_token
from node.services.asking import Asker
from node.services.exchange import Exchange
from node.services.membership import Membership
from node.services.publishing import Publisher
from node.services.search import DEFAULT_PURPOSE
from node.settings import Settings
from node.storage.database import Database

MAX_BODY: Final = 1_048_576
"""Bytes of one request: a draft at its largest is a fourth of it."""
JSON_DEPTH: Final = 12

Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """The parts that the routes use, put together in `node.app`."""

    settings: Settings
    database: Database
    membership: Membership
    exchange: Exchange
    secret: bytes
    """Opens access tokens."""
    publisher: Callable[[], Publisher]
    policy: Callable[[], CompiledPolicy | None]
    clock: Callable[[], int]
    asker: Callable[[], Asker]
    """Who asks other nodes, with the connections of this process."""

    def officer(self, token: str) -> Officer:
        """The officer whom a token names, now."""
        return read_token(token, secret=self.secret, node=self.settings.id, now=self.clock())


def open_office(app: FastAPI, office: Office) -> None:
    """Let the routes of this application find their office."""
    app.state.office = office
    app.state.parameters = {}


def _office(request: Request) -> Office:
    return cast("Office", request.app.state.office)


InOffice = Annotated[Office, Depends(_office)]
_bearer: Final = HTTPBearer(auto_error=False, description="A token of this node: `tidewaiter token --role ROLE`.")


def require(right: Right) -> Callable[..., Coroutine[Any, Any, Officer]]:
    """A dependency that gives the officer who asks, if the role has the right."""

    async def officer(
        request: Request,
        office: InOffice,
        credentials: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
    ) -> Officer:
        if credentials is None:
            raise problem("unauthenticated", "send a token of this node: Authorization: Bearer TOKEN")
        try:
            found = office.officer(credentials.credentials)
        except TokenRefused as error:
            raise problem("unauthenticated", str(error)) from error
        if not found.may(right):
            roles = ", ".join(role for role, rights in ROLES.items() if right in rights)
            raise problem("forbidden", f"this needs the role {roles}; the token's role is {found.role}")
        _only_known_parameters(request)
        return found

    return officer


MayView = Annotated[Officer, Depends(require(Right.VIEW))]
MayTrace = Annotated[Officer, Depends(require(Right.TRACE))]
MayExplain = Annotated[Officer, Depends(require(Right.EXPLAIN))]
MayDraft = Annotated[Officer, Depends(require(Right.DRAFT))]
MayRecall = Annotated[Officer, Depends(require(Right.RECALL))]
MayRelease = Annotated[Officer, Depends(require(Right.RELEASE))]
MaySeeExchange = Annotated[Officer, Depends(require(Right.EXCHANGE))]
MaySeeReceipts = Annotated[Officer, Depends(require(Right.RECEIPTS))]
MaySeeQuarantine = Annotated[Officer, Depends(require(Right.QUARANTINE))]
MayRetry = Annotated[Officer, Depends(require(Right.RETRY))]
MayReadPolicy = Annotated[Officer, Depends(require(Right.POLICY))]
MayCheckPolicy = Annotated[Officer, Depends(require(Right.POLICY_CHECK))]
MayDecidePolicy = Annotated[Officer, Depends(require(Right.DECIDE_POLICY))]
MayAudit = Annotated[Officer, Depends(require(Right.AUDIT))]
MayExport = Annotated[Officer, Depends(require(Right.EXPORT))]
MaySeeRegister = Annotated[Officer, Depends(require(Right.REGISTER))]
MaySeeTasks = Annotated[Officer, Depends(require(Right.TASKS))]
MayDoTasks = Annotated[Officer, Depends(require(Right.DO_TASKS))]

Purpose = Annotated[
    str,
    Query(
        pattern="^[a-z][a-z0-9_-]{0,63}$",
        description=f"What it is asked for; logged, and compared with the handling. Default {DEFAULT_PURPOSE}.",
        examples=["customs-enforcement", "risk-analysis", "evidence"],
    ),
]


def body_of(model: type[Model]) -> Callable[[Request], Coroutine[Any, Any, Model]]:
    """A dependency that gives the body as `model`: bounded, strict JSON, and no value repeated in a refusal."""

    async def body(request: Request) -> Model:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise problem("unsupported-media-type", "send the body as application/json")
        data = await _read(request)
        try:
            value = strictjson.parse_profile(data, max_bytes=MAX_BODY, max_depth=JSON_DEPTH)
        except CryptoError as error:
            raise problem("malformed", f"the body is not JSON of the strict kind: {type(error).__name__}") from error
        try:
            return model.model_validate(value, strict=True)
        except ValidationError as error:
            found = error.errors(include_url=False, include_input=False)
            raise invalid(finding(cast("dict[str, Any]", item)) for item in found) from None

    return body


async def _read(request: Request) -> bytes:
    told = request.headers.get("content-length", "0")
    data = bytearray()
    if told.isascii() and told.isdigit() and int(told[:18]) <= MAX_BODY:
        async for piece in request.stream():
            data += piece
            if len(data) > MAX_BODY:
                break
        else:
            return bytes(data)
    raise problem("too-large", f"a body here has at most {MAX_BODY} bytes")


def _only_known_parameters(request: Request) -> None:
    """Refuse names that the route's own documentation does not list."""
    route: APIRoute = request.scope["route"]
    known_of: dict[tuple[str, str], tuple[str, ...]] = request.app.state.parameters
    key = (request.method, route.path)
    if key not in known_of:
        known_of[key] = _documented(route)
    known = known_of[key]
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        listed = ", ".join(known) if known else "there are none"
        raise invalid((name[:MAX_NAME], "is not a parameter here", f"known: {listed}") for name in unknown)


def _documented(route: APIRoute) -> tuple[str, ...]:
    (operations,) = get_openapi(title="", version="", routes=[route])["paths"].values()
    (operation,) = operations.values()
    return tuple(parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == "query")
