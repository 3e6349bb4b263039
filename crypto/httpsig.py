"""HTTP messages signed and verified: RFC 9421 signatures over RFC 9530 digests, in the profile of `cnp-1`.

One signature, label `cnp`, Ed25519. A request covers `@method @authority @path @query`; a response `@status`
and, of the request that it answers, the same four and its signature (RFC 9421, section 2.4), so that it
answers nothing else. Whatever has a body covers `content-digest` (sha-256) and `content-type`; `range` and
`content-range` are covered where they are set. The parameters are `created expires nonce keyid tag`, a response has
no nonce, and there is no `alg`: the key decides.

What is checked, in this order:

 1. form        one signature, with these parameters and no others
 2. times       our clock and theirs differ by 300 s at most, the lifetime is 300 s at most
 3. coverage    nothing that has to be covered is left out
 4. key         the caller's directory knows the key, for this use, now
 5. signature   over the method, URL and headers as the caller gives them
 6. body        has the digest that was signed
 7. replay      last, so that a stranger's nonce is never remembered

What this module leaves to others: sockets, content codings (the digest is over the bytes as received, so no
layer below may decode them), which key belongs to whom, and the durable `NonceStore`.
Trust: the message is hostile until the function has returned. The authority is never read from the message: a
proxy, or a sender, can write what it likes into `Host`.
"""

from __future__ import annotations

import base64
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Protocol

from http_message_signatures import HTTPMessageSigner, HTTPSignatureComponentResolver
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from crypto import b64
from crypto.errors import BadSignature, ClockSkew, MessageRefused, MissingCoverage, Replayed
from crypto.httpfields import (
    HASHES,
    Component,
    Ed25519,
    Fields,
    OneKey,
    ResponseView,
    Verifier,
    View,
    check_digest,
    component,
    content_digest,
    dictionary,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from crypto.keys import PublicKey
    from crypto.signer import Signer

LABEL: Final = "cnp"
TAG: Final = "cnp-1"

REQUEST_COMPONENTS: Final = ("@method", "@authority", "@path", "@query")
RESPONSE_COMPONENTS: Final = (
    "@status",
    '"@method";req',
    '"@authority";req',
    '"@path";req',
    '"@query";req',
    f'"signature";req;key="{LABEL}"',
)
BODY_COMPONENTS: Final = ("content-digest", "content-type")
"""Covered as well wherever there is a body."""
PART_COMPONENTS: Final = ("range", "content-range")
"""Covered as well wherever they are set: which part of something was asked for, and which part this is (RFC 9110,
section 14). Nobody on the way exchanges one piece of a picture for another."""

MAX_SKEW_SECONDS: Final = 300
"""Clocks of nodes without reliable time service drift; five minutes is what Kerberos has lived with."""

MAX_LIFETIME_SECONDS: Final = 300
"""A signature is for one request, now: what replay protection has to remember is bounded by this."""

NONCE_KEPT_SECONDS: Final = 600
"""How long past `expires` a nonce store remembers: twice the skew, so that no clock revives a request."""

MAX_NONCE_CHARACTERS: Final = 128

_REQUEST_PARAMETERS: Final = frozenset({"created", "expires", "nonce", "keyid", "tag"})
_RESPONSE_PARAMETERS: Final = _REQUEST_PARAMETERS - {"nonce"}


class NonceStore(Protocol):
    """Remembers which nonces were used, for longer than any clock lets their signatures live.

    `remember` is durable once it returns, and atomic: of two calls with one (kid, nonce), in whatever
    process, exactly one returns True. What it holds may be dropped `NONCE_KEPT_SECONDS` after `expires`.
    """

    def remember(self, kid: str, nonce: str, expires: int, now: int) -> bool:
        """Return True the first time, False when this nonce of this key was seen before."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request as it was signed: `url` is absolute, with the authority that the signer meant."""

    method: str
    url: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """A response with the request that it answers."""

    status: int
    headers: Mapping[str, str]
    request: Request


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifiedMessage:
    """Who signed a message, and when. There is no nonce in a response."""

    kid: str
    created: int
    nonce: str | None


def sign_request(
    *,
    method: str,
    url: str,
    headers: Mapping[str, str],
    body: bytes,
    signer: Signer,
    now: int,
    nonce: str | None = None,
    token: Callable[[int], bytes] = secrets.token_bytes,
) -> dict[str, str]:
    """Return the headers to add to a request before it is sent.

    `url` is absolute and as it will stand on the wire; `headers` are those already set, which with a body
    have to include `content-type`; `now` is in epoch seconds. Raises `ValueError` for a message that cannot
    be signed.
    """
    added = _digest(headers, body)
    message = View(method=method, url=url, headers=Fields([*headers.items(), *added.items()]))
    covered = (*REQUEST_COMPONENTS, *(BODY_COMPONENTS if body else ()), *_parts(headers))
    return added | _sign(message, covered, signer=signer, now=now, nonce=nonce or b64.encode(token(16)))


def sign_response(
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    request: Request,
    signer: Signer,
    now: int,
) -> dict[str, str]:
    """Return the headers to add to a response, which bind it to the signed `request` that it answers.

    Raises `ValueError` for a message that cannot be signed, among them the answer to an unsigned request.
    """
    added = _digest(headers, body)
    message = ResponseView(
        status_code=status,
        headers=Fields([*headers.items(), *added.items()]),
        request=_view_of(request),
    )
    covered = (*RESPONSE_COMPONENTS, *(BODY_COMPONENTS if body else ()), *_parts(headers))
    return added | _sign(message, covered, signer=signer, now=now, nonce=None)


def verify_request(
    *,
    method: str,
    url: str,
    authority: str,
    headers: Mapping[str, str],
    body: bytes,
    key_for: Callable[[str], PublicKey],
    nonces: NonceStore,
    now: int,
    require: Sequence[str] = REQUEST_COMPONENTS,
) -> VerifiedMessage:
    """Return who signed the request. Of `url` only path and query are read.

    `authority` is this node's own name as configured, in the form of `authority_of`. `key_for` raises a
    `KeyNotUsable`; `nonces` is written when all else has been found in order.
    """
    target = Request(method=method, url=public_url(authority, url), headers=headers)
    message, given = _open(target, parameters=_REQUEST_PARAMETERS)
    needed = (*require, *(BODY_COMPONENTS if body else ()), *_parts(headers))
    _verify(message, given, body=body, key_for=key_for, now=now, require=needed, hashes=("sha-256",))
    nonce = given.parameters["nonce"]
    if not 0 < len(nonce) <= MAX_NONCE_CHARACTERS:
        raise MessageRefused(f"the nonce is empty or longer than {MAX_NONCE_CHARACTERS} characters")
    if not nonces.remember(given.kid, nonce, given.parameters["expires"], now):
        raise Replayed("this request was received before")
    return VerifiedMessage(kid=given.kid, created=given.parameters["created"], nonce=nonce)


def verify_response(
    *,
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    request: Request,
    key_for: Callable[[str], PublicKey],
    now: int,
    require: Sequence[str] = RESPONSE_COMPONENTS,
) -> VerifiedMessage:
    """Return who signed the response to `request`, whose headers are those sent, signature included.

    No nonce is kept: the request's signature, which is covered, was made for this exchange and no other.
    """
    response = Response(status=status, headers=headers, request=request)
    message, given = _open(response, parameters=_RESPONSE_PARAMETERS)
    needed = (*require, *(BODY_COMPONENTS if body else ()), *_parts(headers))
    _verify(message, given, body=body, key_for=key_for, now=now, require=needed, hashes=("sha-256",))
    return VerifiedMessage(kid=given.kid, created=given.parameters["created"], nonce=None)


def verify_message(
    message: Request | Response,
    *,
    body: bytes,
    key_for: Callable[[str], PublicKey],
    now: int,
    require: Sequence[str],
) -> VerifiedMessage:
    """Return who signed any message with one Ed25519 signature, whatever its label and tag.

    Not for traffic between nodes: the profile is not asked for and replay is not looked at. `created` and
    `keyid` are necessary; a signature without `expires` lives as long as one of ours may. A digest that is
    there has to be right, sha-256 or sha-512, covered or not.
    """
    view, given = _open(message, parameters=None)
    _verify(view, given, body=body, key_for=key_for, now=now, require=require, hashes=tuple(HASHES))
    return VerifiedMessage(kid=given.kid, created=given.parameters["created"], nonce=given.parameters.get("nonce"))


def public_url(authority: str, url: str) -> str:
    """Return the absolute URL of a request to us: our configured authority with the path and query of `url`.

    >>> public_url("ke.example", "http://10.0.0.7:8080/cnp/1/hints?x=1")
    'https://ke.example/cnp/1/hints?x=1'
    """
    _, separator, rest = url.partition("://")
    # A fragment is no part of a request; whoever routes by it would route by something that nobody signed.
    if "#" in url or not (url.startswith("/") or separator):
        raise MessageRefused("the request target is neither a path nor an absolute URL")
    if url.startswith("/"):
        return f"https://{authority}{url}"
    ends = [rest.find(mark) for mark in "/?" if mark in rest]
    return f"https://{authority}{rest[min(ends) :] if ends else ''}"


def authority_of(url: str) -> str:
    """Return the authority of an endpoint as signatures cover it: lower case, without a default port.

    Raises `ValueError` when it is no absolute URL. (RFC 9421, section 2.2.3)

    >>> authority_of("https://KE.example:443/node")
    'ke.example'
    """
    resolver: Callable[[View], Any] = HTTPSignatureComponentResolver
    try:
        return str(resolver(View(method="GET", url=url, headers=Fields(()))).get_authority())
    except HTTPMessageSignaturesException as error:
        raise ValueError("the endpoint is not an absolute URL with a host") from error


@dataclass(frozen=True, slots=True)
class _Given:
    """What the one signature of a message says of itself, read and not yet believed."""

    label: str
    kid: str
    covered: frozenset[Component]
    parameters: dict[str, Any]


def _parts(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Those of `PART_COMPONENTS` that a message has."""
    names = {name.lower() for name in headers}
    return tuple(name for name in PART_COMPONENTS if name in names)


def _view_of(request: Request) -> View:
    return View(method=request.method, url=request.url, headers=Fields(request.headers.items()))


def _digest(headers: Mapping[str, str], body: bytes) -> dict[str, str]:
    """Return the digest to add, after a look at whether these headers can be signed with this body."""
    names = {name.lower() for name in headers}
    if "content-digest" in names:
        raise ValueError("the content-digest is set by the signing, not before it")
    if body and "content-type" not in names:
        raise ValueError("a message with a body needs a content-type before it is signed")
    return {"content-digest": content_digest(body)} if body else {}


def _sign(
    message: View | ResponseView, covered: Sequence[str], *, signer: Signer, now: int, nonce: str | None
) -> dict[str, str]:
    try:
        prepared = HTTPMessageSigner(signature_algorithm=Ed25519).prepare(
            message,
            key_id=signer.kid,
            created=datetime.fromtimestamp(now, UTC),
            expires=datetime.fromtimestamp(now + MAX_LIFETIME_SECONDS, UTC),
            nonce=nonce,
            label=LABEL,
            tag=TAG,
            include_alg=False,
            covered_component_ids=covered,
            use_existing_digest="content-digest" in covered,
        )
    except HTTPMessageSignaturesException as error:
        raise ValueError(f"this message cannot be signed: {error}") from error
    signature = base64.b64encode(signer.sign(prepared.signature_base)).decode("ascii")
    return {
        "signature-input": f"{LABEL}={prepared.signature_params}",
        "signature": f"{LABEL}=:{signature}:",
    }


def _open(message: Request | Response, *, parameters: frozenset[str] | None) -> tuple[View | ResponseView, _Given]:
    """Read the one signature, step 1. With `parameters` the profile holds: label, tag, exactly these."""
    view: View | ResponseView
    if isinstance(message, Response):
        view = ResponseView(
            status_code=message.status,
            headers=Fields(message.headers.items()),
            request=_view_of(message.request),
        )
    else:
        view = _view_of(message)
    inputs = dictionary(view.headers.get("signature-input"), "signature-input")
    signatures = dictionary(view.headers.get("signature"), "signature")
    if len(inputs) != 1 or inputs.keys() != signatures.keys():
        raise MessageRefused("the message does not have exactly one signature")
    [(label, (components, given))] = inputs.items()
    if not isinstance(components, list):
        raise MessageRefused("signature-input is not a list of components")
    for name, kind in (("created", int), ("keyid", str)):
        if type(given.get(name)) is not kind:
            raise MissingCoverage(f"the signature parameter {name} is missing or of the wrong type")
    if parameters is not None:
        if label != LABEL or given.get("tag") != TAG:
            raise MessageRefused(f"the signature is not labelled {LABEL} and tagged {TAG}")
        if parameters - given.keys():
            raise MissingCoverage(f"signature parameters missing: {', '.join(sorted(parameters - given.keys()))}")
        if given.keys() - parameters:
            raise MessageRefused("the signature has a parameter that the profile does not know")
    covered = frozenset((str(name), frozenset(options.items())) for name, options in components)
    return view, _Given(label, given["keyid"], covered, given)


def _verify(
    message: View | ResponseView,
    given: _Given,
    *,
    body: bytes,
    key_for: Callable[[str], PublicKey],
    now: int,
    require: Sequence[str],
    hashes: Sequence[str],
) -> None:
    """Take steps 2 to 6, as the top of the module lists them."""
    # 2. Times.
    _check_times(given.parameters, now)
    # 3. Coverage. More than what is required may be covered, less may not.
    missing = [each for each in require if component(each) not in given.covered]
    if missing:
        raise MissingCoverage(f"the signature does not cover {', '.join(missing)}")
    # 4. Key.
    key = key_for(given.kid)
    # 5. Signature.
    verifier = Verifier(signature_algorithm=Ed25519, key_resolver=OneKey(key))
    try:
        verifier.verify(message, max_age=None)
    except HTTPMessageSignaturesException as error:
        raise BadSignature("the signature does not cover this method, URL and headers") from error
    # 6. Body.
    field = message.headers.get("content-digest")
    if field is not None:
        check_digest(field, body, hashes=hashes)


def _check_times(parameters: Mapping[str, Any], now: int) -> None:
    created = parameters["created"]
    expires = parameters.get("expires", created + MAX_LIFETIME_SECONDS)
    if type(expires) is not int or not 0 <= expires - created <= MAX_LIFETIME_SECONDS:
        raise ClockSkew(f"the signature does not live between 0 and {MAX_LIFETIME_SECONDS} seconds")
    if created > now + MAX_SKEW_SECONDS:
        raise ClockSkew("the signature was made in the future: compare the clocks")
    if expires < now - MAX_SKEW_SECONDS:
        raise ClockSkew("the signature has expired: compare the clocks")
