"""The members of a federation, their keys and their groups, read from `directory.json`.

That file is one JSON object (times are whole seconds since 1970, in UTC):

    {"fed": "cen-test",                       id of the federation; objects of another one never verify here
     "class": "live|exercise|training",
     "version": 7, "issued": 1767225600,      one version, one content; versions only grow
     "regions": ["ESA", "EUR"],
     "groups": {"east": {"1": ["KE"], "2": ["KE", "TZ"]}},      named groups, every version that ever was
     "group_times": {"east": {"2": 1767225600}},     optional: when a version was published first
     "nodes": [{
        "id": "KE", "name": "Kenya Revenue Authority", "kind": "administration|rilo|oversight",
        "country": "KE", "region": "ESA",     country: of administrations; region: of `regions`, or absent
        "roles": ["member"], "status": "active|suspended|left",
        "endpoints": ["https://cnp.example/ke"],      none: the node pushes, and pulls on a timer
        "protocols": ["cnp/1"],
        "keys": [{"kid": RFC 7638 thumbprint, "use": "record|log|http", "x": JWK member (RFC 8037, section 2),
                  "nbf": 1767225600, "exp": 1830297600,
                  "revoked": {"since": 1780000000, "reason": "compromised"}},      revoked: only if it is
                 {"kid", "use": "enc", "alg": "X25519", "x", "nbf", "exp"}],       to seal bundles to; may be missing
        "limits": {...}, "contact": {...}}]}          optional, kept as they are

`parse_directory` is strict about all that a decision rests on, and ignores members that it does not know. A
key of an unknown use or algorithm (`alg`, by default Ed25519) is kept out of the look-ups: later versions of
the protocol add some. Left to others: whether these bytes are the federation's directory at all
(`federation.trust`), and that a key is held by whom it is listed for (`federation.nodecard`).

Trust: whoever chooses the bytes names the members and their keys, so only bytes that `federation.trust`
vouches for, or a file that the operator points to, may come here. No bytes make the reader do more than
refuse them.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, cast, get_args
from urllib.parse import urlsplit

from crypto import strictjson
from crypto.enc import ALG, admit_enc
from crypto.errors import CryptoError
from crypto.keys import KeyUse, admit_jwk
from federation.errors import DirectoryRefused
from federation.fields import Fields
from federation.membership import (
    CLASSES,
    GROUP_ID,
    GROUP_VERSION,
    KINDS,
    NODE_ID,
    STATUSES,
    Class,
    Directory,
    Kind,
    ListedEncKey,
    ListedKey,
    Member,
    Status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "COUNTRY",
    "FED_ID",
    "GROUP_ID",
    "KEY_USES",
    "MAX_DIRECTORY_BYTES",
    "NODE_ID",
    "Class",
    "Directory",
    "Kind",
    "ListedKey",
    "Member",
    "Status",
    "endpoint_fault",
    "parse_directory",
]

MAX_DIRECTORY_BYTES: Final = 5_000_000
"""Two hundred nodes with three keys each take 120 kB; this leaves room for forty times as much."""
MAX_DEPTH: Final = 16

COUNTRY: Final = re.compile(r"[A-Z]{2}")
FED_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""No slash and no space: the id stands in origin lines and key names of checkpoints."""
KEY_USES: Final = cast("tuple[KeyUse, ...]", get_args(KeyUse))
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def parse_directory(data: bytes) -> Directory:
    """Read `directory.json`, all of it or nothing.

    Raises DirectoryRefused, whose detail begins with the path of what is wrong.
    """
    if len(data) > MAX_DIRECTORY_BYTES:
        raise DirectoryRefused(f"directory: {len(data)} bytes, more than {MAX_DIRECTORY_BYTES}")
    try:
        value = strictjson.parse(data, max_depth=MAX_DEPTH)
    except CryptoError as error:
        raise DirectoryRefused(f"directory: not strict JSON: {error}") from None
    top = Fields.of(value, "directory", DirectoryRefused)
    class_ = top.one_of("class", CLASSES)
    regions = top.texts("regions")
    nodes: dict[str, Fields] = {}
    for node in top.objects("nodes"):
        name = node.text("id", NODE_ID)
        if name in nodes:
            raise node.refuse("id", f"{name} is listed twice")
        nodes[name] = node
    groups = _groups(top.object("groups"), frozenset(nodes))
    members = {name: _member(node, class_, regions, groups) for name, node in nodes.items()}
    keys = _keys(nodes)
    by_use: dict[tuple[str, KeyUse], list[ListedKey]] = {}
    for listed in keys.values():
        by_use.setdefault((listed.node, listed.use), []).append(listed)
    enc = _enc_keys(nodes)
    return Directory(
        fed=top.text("fed", FED_ID),
        class_=class_,
        version=top.whole("version", least=1),
        issued=top.whole("issued"),
        regions=regions,
        members=MappingProxyType(members),
        groups=MappingProxyType(groups),
        keys=MappingProxyType(keys),
        by_use=MappingProxyType({owner: tuple(listed) for owner, listed in by_use.items()}),
        group_times=_group_times(top.object("group_times"), groups) if "group_times" in top else {},
        enc=MappingProxyType(enc),
    )


def endpoint_fault(url: str, *, class_: Class | None = None) -> str | None:
    """Return what is wrong with the base address of a node, or None if nothing is.

    Plain http is for this machine only once the federation is live; a test federation may use it anywhere.

    >>> endpoint_fault("https://user@cnp.example/ke")
    'holds a user name or password'
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL"
    remote = host not in LOOPBACK
    faults = {
        "is not an http or https URL with a host": parts.scheme not in {"http", "https"} or not host,
        "holds a user name or password": "@" in parts.netloc,
        "holds a query or a fragment": "?" in url or "#" in url,
        "holds characters or steps that no base address needs": (
            re.search(r"[^!-~]|\\|/\.{1,2}(/|$)", url) is not None
        ),
        "is plain http, which a live federation allows on the machine itself only": (
            class_ == "live" and parts.scheme == "http" and remote
        ),
    }
    return next((fault for fault, present in faults.items() if present), None)


def _groups(groups: Fields, ids: frozenset[str]) -> dict[str, Mapping[int, frozenset[str]]]:
    found: dict[str, Mapping[int, frozenset[str]]] = {}
    for name in groups.value:
        if not GROUP_ID.fullmatch(name):
            raise groups.refuse(name, "is not the id of a group")
        versions = groups.object(name)
        by_version: dict[int, frozenset[str]] = {}
        for version in versions.value:
            if not GROUP_VERSION.fullmatch(version):
                raise versions.refuse(version, "a version is a number from 1 on, without leading zeros")
            listed = frozenset(versions.texts(version))
            if not listed <= ids:
                raise versions.refuse(version, f"{min(listed - ids)} is not a listed node")
            by_version[int(version)] = listed
        if not by_version:
            raise groups.refuse(name, "has no version")
        found[name] = MappingProxyType(by_version)
    return found


def _group_times(times: Fields, groups: Mapping[str, Mapping[int, frozenset[str]]]) -> dict[str, Mapping[int, int]]:
    found: dict[str, Mapping[int, int]] = {}
    for name in times.value:
        versions = times.object(name)
        for version in versions.value:
            if not GROUP_VERSION.fullmatch(version) or int(version) not in groups.get(name, {}):
                raise versions.refuse(version, "is not a version of a listed group")
        found[name] = MappingProxyType({int(version): versions.whole(version) for version in versions.value})
    return found


def _member(
    node: Fields,
    class_: Class,
    regions: tuple[str, ...],
    groups: Mapping[str, Mapping[int, frozenset[str]]],
) -> Member:
    name = node.text("id", NODE_ID)
    kind = node.one_of("kind", KINDS)
    country = node.text("country", COUNTRY) if kind == "administration" or "country" in node else None
    region = node.text("region") if "region" in node else None
    if region is not None and region not in regions:
        raise node.refuse("region", f"{region!r} is not one of the directory's regions")
    endpoints = node.texts("endpoints")
    for at, url in enumerate(endpoints):
        fault = endpoint_fault(url, class_=class_)
        if fault:
            raise node.refuse(f"endpoints[{at}]", fault)
    return Member(
        id=name,
        name=node.text("name"),
        kind=kind,
        country=country,
        region=region,
        roles=frozenset(node.texts("roles")),
        status=node.one_of("status", STATUSES),
        endpoints=endpoints,
        protocols=frozenset(node.texts("protocols")),
        groups=frozenset(
            f"{group}@{version}"
            for group, versions in groups.items()
            for version, listed in versions.items()
            if name in listed and name in versions[max(versions)]
        ),
        limits=MappingProxyType(dict(node.object("limits").value) if "limits" in node else {}),
        contact=MappingProxyType(dict(node.object("contact").value) if "contact" in node else {}),
    )


def _keys(nodes: Mapping[str, Fields]) -> dict[str, ListedKey]:
    """Collect the keys that this version of the protocol can use. An id stands once in the whole file."""
    found: dict[str, ListedKey] = {}
    owners: dict[str, str] = {}
    for name, node in nodes.items():
        for key in node.objects("keys"):
            kid, use = key.text("kid"), key.text("use")
            if kid in owners:
                raise key.refuse("kid", f"this key is already listed under {owners[kid]}")
            owners[kid] = f"{name} for {use}"
            if use in KEY_USES and key.value.get("alg", "Ed25519") == "Ed25519":
                found[kid] = _key(key, name, kid)
    return found


def _enc_keys(nodes: Mapping[str, Fields]) -> dict[str, tuple[ListedEncKey, ...]]:
    """Collect the keys to seal bundles to. That no id stands twice `_keys` has seen."""
    found: dict[str, tuple[ListedEncKey, ...]] = {}
    for name, node in nodes.items():
        for key in node.objects("keys"):
            if (key.text("use"), key.value.get("alg")) != ("enc", ALG):
                continue
            try:
                public = admit_enc(key.text("x"))
            except CryptoError as error:
                raise key.refuse("x", str(error)) from None
            if public.kid != key.text("kid"):
                raise key.refuse("kid", f"is not the thumbprint of the key, which is {public.kid}")
            nbf, exp, since, _ = _window(key)
            listed = ListedEncKey(kid=public.kid, node=name, nbf=nbf, exp=exp, revoked_since=since, public=public)
            found[name] = (*found.get(name, ()), listed)
    return found


def _window(key: Fields) -> tuple[int, int, int | None, str | None]:
    """From when to when a key is valid, and since when and why it is revoked."""
    nbf, exp = key.whole("nbf"), key.whole("exp")
    if exp <= nbf:
        raise key.refuse("exp", "is not after nbf")
    if "revoked" not in key:
        return nbf, exp, None, None
    revoked = key.object("revoked")
    return nbf, exp, revoked.whole("since"), revoked.text("reason")


def _key(key: Fields, node: str, kid: str) -> ListedKey:
    try:
        public = admit_jwk({"kty": "OKP", "crv": "Ed25519", "x": key.text("x")})
    except CryptoError as error:
        raise key.refuse("x", str(error)) from None
    if public.kid != kid:
        raise key.refuse("kid", f"is not the thumbprint of the key, which is {public.kid}")
    nbf, exp, since, reason = _window(key)
    return ListedKey(
        kid=kid,
        node=node,
        use=key.one_of("use", KEY_USES),
        nbf=nbf,
        exp=exp,
        revoked_since=since,
        revoked_reason=reason,
        public=public,
    )
