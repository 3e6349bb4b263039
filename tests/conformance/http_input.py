"""The input of `verify-http`: HTTP messages as raw text or as JSON objects, and their verification."""

from __future__ import annotations

import re
from typing import Any, Final

from crypto import httpsig
from crypto.httpsig import Request, Response, VerifiedMessage, authority_of, public_url
from tests.conformance.inputs import Malformed, key_of, members, only, required

_REQUEST_LINE: Final = re.compile(r"([^ ]+) ([^ ]+) HTTP/[0-9](?:\.[0-9])?")
_STATUS_LINE: Final = re.compile(r"HTTP/[0-9](?:\.[0-9])? ([0-9]{3})(?: .*)?")


class _NoNonces:
    """The client keeps nothing, so every nonce is new to it."""

    def remember(self, kid: str, nonce: str, expires: int, now: int) -> bool:
        return True


def verify(case: dict[str, Any]) -> VerifiedMessage:
    """Verify the message of a `verify-http` input, whose form the client's help tells."""
    key = key_of(case.get("key"))
    now = required(case, "now", int)
    components = required(case, "required" if "required" in case else "required_components", list)
    if not all(isinstance(each, str) for each in components):
        raise Malformed("the required components are not strings")
    message, body = _message(case.get("message"), request=case.get("request"))
    _add_signature(message.headers, case)
    authority = case.get("authority")
    if authority is not None and isinstance(message, Request):
        message = Request(method=message.method, url=public_url(str(authority), message.url), headers=message.headers)
    if case.get("profile") is None:
        return httpsig.verify_message(message, body=body, key_for=only(key), now=now, require=components)
    if case["profile"] != httpsig.TAG:
        raise Malformed("the only profile is cnp-1")
    if isinstance(message, Response):
        return httpsig.verify_response(
            status=message.status,
            headers=message.headers,
            body=body,
            request=message.request,
            key_for=only(key),
            now=now,
            require=(*httpsig.RESPONSE_COMPONENTS, *components),
        )
    return httpsig.verify_request(
        method=message.method,
        url=message.url,
        authority=authority_of(message.url),
        headers=message.headers,
        body=body,
        key_for=only(key),
        nonces=_NoNonces(),
        now=now,
        require=(*httpsig.REQUEST_COMPONENTS, *components),
    )


def _message(value: object, *, request: object) -> tuple[Request | Response, bytes]:
    given = _from_text(value) if isinstance(value, str) else members(value)
    body = required({"body": ""} | given, "body", str).encode()
    headers = _headers(given.get("headers", {}))
    if "status" not in given:
        url = given.get("url") or f"https://{headers.get('host', '')}{required(given, 'target', str)}"
        return Request(method=required(given, "method", str), url=str(url), headers=headers), body
    status = required(given, "status", int)
    about = given.get("request", request)
    asked = (
        Request(method="GET", url="https://unknown.invalid/", headers={})
        if about is None
        else _message(about, request=None)[0]
    )
    if not isinstance(asked, Request):
        raise Malformed("a response answers a request")
    return Response(status=status, headers=headers, request=asked), body


def _from_text(text: str) -> dict[str, Any]:
    end = re.search(r"\r?\n\r?\n", text)
    head, body = (text[: end.start()], text[end.end() :]) if end else (text, "")
    start, *lines = [line.removesuffix("\r") for line in head.split("\n")]
    headers = []
    for line in lines:
        name, separator, value = line.partition(":")
        if not separator or not name or name != name.strip():
            raise Malformed("a header line is not a name, a colon and a value")
        headers.append([name, value.strip(" \t")])
    given: dict[str, Any] = {"headers": headers, "body": body}
    if answer := _STATUS_LINE.fullmatch(start):
        return given | {"status": int(answer[1])}
    if line := _REQUEST_LINE.fullmatch(start):
        return given | {"method": line[1], "target": line[2]}
    raise Malformed("the message begins with neither a request line nor a status line")


def _headers(given: object) -> dict[str, str]:
    """Return the fields under their lower-case names, lines of one name joined (RFC 9421, section 2.1)."""
    pairs = list(given.items()) if isinstance(given, dict) else given
    if not isinstance(pairs, list):
        raise Malformed("the headers are neither an object nor a list of pairs")
    fields: dict[str, str] = {}
    for pair in pairs:
        if not isinstance(pair, list | tuple) or [type(each) for each in pair] != [str, str]:
            raise Malformed("a header is not a pair of strings")
        name = pair[0].lower()
        fields[name] = f"{fields[name]}, {pair[1]}" if name in fields else pair[1]
    return fields


def _add_signature(headers: Any, case: dict[str, Any]) -> None:
    for member, name in (("signature_input", "signature-input"), ("signature", "signature")):
        if member in case:
            if name in headers:
                raise Malformed(f"{name} is given twice")
            headers[name] = required(case, member, str)
