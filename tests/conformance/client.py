"""Conformance client: this implementation's verifiers as one command that any test suite can drive.

    python -m tests.conformance.client COMMAND [OPTIONS] < INPUT

Each command reads bytes on standard input. Exit status 0: valid. 1: invalid, and standard error has the
problem type, one word on one line (--why adds a line with the reason). 2: the command line itself is wrong,
or a file that it names cannot be read. Nothing is kept between calls, nothing is fetched, and no input makes
it crash. "Base64" below is standard base64 with padding (RFC 4648, section 4), "base64url" is without padding
(section 5); both have to be canonical.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from crypto import jcs, merkle, sdjwt, strictjson
from crypto.keys import admit_jwk
from federation import directory, envelope, errors, feed, pages
from tests.conformance import http_input
from tests.conformance.inputs import Malformed, key_of, members, only, required

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

MAX_RECURSION: Final = 20_000
"""Python's own limit is lower than the depths that `parse-json --depth` may be asked for."""


def verify_sd_jwt(options: argparse.Namespace, data: bytes) -> str:
    """Verify an SD-JWT by RFC 9901 with the strict rules, any number of digests, any JSON values.

    Input: the token, `<JWT>~<disclosure>~...~`, ASCII; one newline at the end is not part of it.
    --jwk FILE holds an Ed25519 public key as a JWK. The token's `kid` must be the JWK's `kid` if it has one,
    else its thumbprint (RFC 7638); other members are ignored. --typ is the exact `typ` of the header. `exp`
    and `nbf` are compared with --now, without leeway. --require names claims that have to be visible.
    Prints the processed payload as JSON.
    """
    key = key_of(strictjson.parse(options.jwk))
    opened = sdjwt.verify(
        _token(data),
        typ=options.typ,
        key_for=only(key),
        now=options.now,
        require=[name for name in options.require.split(",") if name],
        profile=False,
    )
    return _json(opened.payload)


def verify_record(options: argparse.Namespace, data: bytes) -> str:
    """Verify a record as every receiver does: key in the directory, claims, schema, digest count, groups.

    Input: the record as an SD-JWT, ASCII; one newline at the end is not part of it.
    --directory FILE is a `directory.json`. --now is by default the clock: a record cannot be issued more than
    300 s in the future.
    Prints {"iss", "rid", "ver", "kind", "sch", "jh", "groups": [names shown]} as JSON.
    """
    now = int(time.time()) if options.now is None else options.now
    listed = directory.parse_directory(options.directory)
    record = envelope.verify_record(_token(data), directory=listed, now=now)
    shown = {name: getattr(record, name) for name in ("iss", "rid", "ver", "kind", "sch", "jh")}
    return _json(shown | {"groups": sorted(record.groups)})


def verify_page(options: argparse.Namespace, data: bytes) -> str:
    """Verify a page of a feed, and every entry in it as far as the page alone can tell.

    Input: the page, one JSON object {"feed", "from", "to", "entries", "checkpoint", "head", "dir"}.
    --directory FILE is a `directory.json`, --recipient the node that the feed is for. --range FILE is the
    compact range before the page, {"size": n, "hashes": [base64url, ...]} with the largest subtree first;
    without it the page begins the feed. Each body that is there has to verify as with `verify-record`, be
    the version that its leaf names and show no more than is granted; what depends on records held already
    (`more`, versions, `prev`) is not judged.
    Prints {"feed", "entries": count, "range": the compact range after the page} as JSON.
    """
    start = merkle.CompactRange()
    if options.range is not None:
        start = merkle.CompactRange.from_json(strictjson.parse(options.range))
    listed = directory.parse_directory(options.directory)
    page = pages.verify_page(data, directory=listed, recipient=options.recipient, start=start, now=options.now)
    for offset, entry in enumerate(page.entries):
        _check_entry(page, page.start + offset, entry, listed, now=options.now)
    return _json({"feed": str(page.feed), "entries": len(page.entries), "range": page.range.to_json()})


def admit_key(_options: argparse.Namespace, data: bytes) -> str:
    """Say whether an Ed25519 public key may be listed: no low-order and no non-canonical point.

    Input: a JWK, one JSON object with "kty", "crv" and "x"; a private key ("d") is refused.
    Prints its thumbprint (RFC 7638).
    """
    return admit_jwk(members(strictjson.parse(data))).kid


def verify_inclusion(_options: argparse.Namespace, data: bytes) -> str:
    """Verify a Merkle inclusion proof (RFC 9162, section 2.1.3.2).

    Input: {"leafIdx": n, "treeSize": n, "root": base64, "leafHash": base64, "proof": [base64, ...] or null};
    other members are ignored. Prints nothing.
    """
    case = members(strictjson.parse(data))
    merkle.verify_inclusion(
        index=required(case, "leafIdx", int),
        size=required(case, "treeSize", int),
        leaf_hash=_base64(required(case, "leafHash", str)),
        root=_base64(required(case, "root", str)),
        proof=_proof(case),
    )
    return ""


def verify_consistency(_options: argparse.Namespace, data: bytes) -> str:
    """Verify a Merkle consistency proof (RFC 9162, section 2.1.4.2). From size 0 nothing is proven: refused.

    Input: {"size1": n, "size2": n, "root1": base64, "root2": base64, "proof": [base64, ...] or null}; other
    members are ignored. Prints nothing.
    """
    case = members(strictjson.parse(data))
    merkle.verify_consistency(
        size1=required(case, "size1", int),
        size2=required(case, "size2", int),
        root1=_base64(required(case, "root1", str)),
        root2=_base64(required(case, "root2", str)),
        proof=_proof(case),
    )
    return ""


def canonicalize(options: argparse.Namespace, data: bytes) -> bytes:
    """Write a JSON value in its canonical form (JCS, RFC 8785).

    Input: any JSON text (RFC 8259) in UTF-8, nested up to --depth; duplicate names, NaN and lone surrogates
    are refused. Prints the canonical bytes, without a newline.
    """
    return jcs.canonicalize(strictjson.parse(data, max_depth=options.depth))


def parse_json(options: argparse.Namespace, data: bytes) -> str:
    """Parse strict JSON: any value of RFC 8259, no duplicate names, no lone surrogates, no byte order mark.

    Input: one JSON text in UTF-8, nested up to --depth. Prints the value as JSON.
    """
    return _json(strictjson.parse(data, max_depth=options.depth))


def verify_http(_options: argparse.Namespace, data: bytes) -> str:
    """Verify the one Ed25519 signature of an HTTP message (RFC 9421) and its Content-Digest (RFC 9530).

    Input: one JSON object with these members:
      "message"    the raw text, as in RFC 9421, Appendix B: start line, header lines, an empty line, the
                   body, with newlines or CRLF: "POST /foo?a=b HTTP/1.1\\nHost: example.com\\n\\n{...}"
                   (the URL is then https:// with Host as the authority); or an object {"method",
                   "url" (absolute), "headers": {name: value} or [[name, value], ...], "body": text}.
                   A response begins with "HTTP/1.1 200 OK", or is an object {"status": n, "headers", "body"}.
      "request"    for a response: the request that it answers, in either form, where components have ;req
      "signature_input", "signature"
                   the fields of these names, unless they stand in the message's headers
      "key"        the JWK; `keyid` must be its "kid" if it has one, else its thumbprint; other members are
                   ignored
      "required"   [component, ...] that the signature must cover, each as "@method" or as
                   "\\"@method\\";req" ("required_components" is read as well)
      "now"        seconds since 1970: created <= now + 300, expires >= now - 300, expires - created <= 300;
                   without `expires` the signature lives for 300 s
      "authority"  optional: what @authority must be, whatever Host says
      "profile"    optional: "cnp-1" asks for the whole profile of the protocol (label, tag, exact parameters,
                   components, sha-256)
    A Content-Digest that is there must fit the body (sha-256 or sha-512), covered or not. Replay is not
    looked at: nothing is kept. Prints {"keyid", "created"} as JSON.
    """
    verified = http_input.verify(members(strictjson.parse(data)))
    return _json({"keyid": verified.kid, "created": verified.created})


COMMANDS: Final[dict[str, Callable[[argparse.Namespace, bytes], str | bytes]]] = {
    "verify-sd-jwt": verify_sd_jwt,
    "verify-record": verify_record,
    "verify-page": verify_page,
    "admit-key": admit_key,
    "verify-inclusion": verify_inclusion,
    "verify-consistency": verify_consistency,
    "canonicalize": canonicalize,
    "parse-json": parse_json,
    "verify-http": verify_http,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command over standard input and return the exit status."""
    options = _parser().parse_args(arguments)
    try:
        output = COMMANDS[options.command](options, sys.stdin.buffer.read())
    except Exception as error:  # noqa: BLE001 - whatever a hostile input brings about is a refusal, never a trace
        sys.stderr.write(f"{errors.problem_of(error)}\n")
        if options.why:
            sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return 1
    if isinstance(output, bytes):
        sys.stdout.buffer.write(output)
    elif output:
        sys.stdout.buffer.write(output.encode() + b"\n")
    return 0


def _check_entry(
    page: pages.VerifiedPage, n: int, entry: pages.PageEntry, listed: directory.Directory, *, now: int
) -> None:
    """Judge what an entry says by itself; `federation.inbox` judges it against what is held."""
    leaf = feed.parse_leaf(entry.e)
    if leaf.n != n:
        raise errors.Malformed(f"the leaf at {n} names the index {leaf.n}")
    if leaf.op == "epoch" or entry.s is None:
        return
    if leaf.op != "tomb" and listed.member(page.feed.sender).status != "active":
        raise errors.Suspended("the directory does not list the sender as active")
    if leaf.op != "tomb" and leaf.iss != page.feed.sender:
        raise errors.NoRelayGrant("the record is not the sender's own")
    record = envelope.verify_record(entry.s, directory=listed, now=now)
    if (record.iss, record.rid, record.ver, record.jh) != (leaf.iss, leaf.rid, leaf.ver, leaf.jh):
        raise errors.RecordInvalid("the body is not the record version that the leaf names")
    if record.mask & ~leaf.gm or leaf.gm >> record.width:
        raise errors.GrantExceeded("more is shown, or granted, than there is leave for")
    if (leaf.op == "tomb") != (record.tomb is not None):
        raise errors.RecordInvalid("a tombstone travels as a tomb entry, and nothing else does")


def _token(data: bytes) -> str:
    try:
        return data.removesuffix(b"\n").removesuffix(b"\r").decode("ascii")
    except UnicodeDecodeError as error:
        raise Malformed("a token is ASCII") from error


def _base64(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Malformed("not base64") from error
    if base64.b64encode(data).decode() != text:
        raise Malformed("not canonical base64")
    return data


def _proof(case: dict[str, Any]) -> list[bytes]:
    proof = case.get("proof")
    if proof is None:
        return []
    if not isinstance(proof, list) or not all(isinstance(each, str) for each in proof):
        raise Malformed("the proof is not a list of base64 strings")
    return [_base64(each) for each in proof]


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _file(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise argparse.ArgumentTypeError(f"cannot read {name}: {error.strerror}") from error


def _parser() -> argparse.ArgumentParser:
    shape = argparse.RawDescriptionHelpFormatter
    forms = "\n\n".join(f"{name}\n    {call.__doc__}" for name, call in COMMANDS.items())
    parser = argparse.ArgumentParser(
        prog="python -m tests.conformance.client", description=__doc__, epilog=forms, formatter_class=shape
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {}
    for name, call in COMMANDS.items():
        summary = (call.__doc__ or "").partition("\n")[0]
        parsers[name] = subparsers.add_parser(name, help=summary, description=f"{call.__doc__}", formatter_class=shape)
        parsers[name].add_argument("--why", action="store_true", help="tell the reason of a refusal as well")
    add = parsers["verify-sd-jwt"].add_argument
    add("--jwk", type=_file, required=True, metavar="FILE")
    add("--typ", required=True, metavar="TYPE")
    add("--now", type=int, required=True, metavar="SECONDS")
    add("--require", default="", metavar="NAME,NAME")
    add = parsers["verify-record"].add_argument
    add("--directory", type=_file, required=True, metavar="FILE")
    add("--now", type=int, metavar="SECONDS")
    add = parsers["verify-page"].add_argument
    add("--directory", type=_file, required=True, metavar="FILE")
    add("--recipient", required=True, metavar="ID")
    add("--now", type=int, required=True, metavar="SECONDS")
    add("--range", type=_file, metavar="FILE")
    for name in ("canonicalize", "parse-json"):
        parsers[name].add_argument("--depth", type=int, default=512, metavar="N")
    return parser


if __name__ == "__main__":
    sys.setrecursionlimit(MAX_RECURSION)
    sys.exit(main())
