from __future__ import annotations

import copy
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from crypto.enc import Opener
from crypto.errors import KeyOutsideWindow, RevokedKey, UnknownKey, WrongKeyUse
from federation.directory import MAX_DIRECTORY_BYTES, endpoint_fault, parse_directory
from federation.errors import DirectoryRefused
from tests.factories import NOW, YEAR, make_federation, make_signers

if TYPE_CHECKING:
    from collections.abc import Callable

FED = make_federation(
    ["KE", "TZ", "GB", "RILO-ESA", "OLAF"],
    groups={"east": {"1": ["KE"], "2": ["KE", "TZ"]}, "all": {"1": ["KE", "TZ", "GB"]}},
)
LOW_ORDER_X = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
"""The neutral element: with it as a key, one signature covers every message."""


def test_members_are_found_with_all_that_a_decision_asks_of_them() -> None:
    kenya = FED.directory.member("KE")
    assert kenya is not None
    recipient = kenya.recipient()
    assert (recipient.id, recipient.country, recipient.region) == ("KE", "KE", "ESA")
    assert recipient.roles == {"member"}
    assert recipient.groups == {"east@1", "east@2", "all@1"}
    assert kenya.endpoint == "http://127.0.0.1:1/ke"
    assert kenya.status == "active"
    assert FED.directory.member("ZZ") is None


def test_an_office_that_is_no_country_has_none() -> None:
    office = FED.directory.member("RILO-ESA")
    assert office is not None
    assert (office.kind, office.country, office.region) == ("rilo", None, "ESA")


def test_a_node_without_an_endpoint_is_listed_as_one_that_pushes() -> None:
    directory = make_federation(["KE"], endpoints={"KE": None}).directory
    assert directory.members["KE"].endpoint is None


def test_the_status_of_a_suspended_member_is_told_and_its_keys_still_verify() -> None:
    fed = FED.with_node("TZ", status="suspended")
    assert fed.directory.members["TZ"].status == "suspended"
    kid = fed.signer("TZ").kid
    assert fed.directory.key(kid, use="record", at=NOW, node="TZ").node == "TZ"


GROUPS = {
    "a group at an old version has the members of that version": ("east@1", {"KE"}),
    "a group at its newest version has the newest members": ("east@2", {"KE", "TZ"}),
    "a version that was never published has nobody": ("east@3", set()),
    "a group that does not exist has nobody": ("west@1", set()),
    "a group without a version has nobody": ("east", set()),
    "a version that is no number has nobody": ("east@two", set()),
    "a version in other digits has nobody": ("east@\u0661", set()),
    "an empty name has nobody": ("", set()),
}


@pytest.mark.parametrize(("name", "members"), GROUPS.values(), ids=GROUPS)
def test_groups(name: str, members: set[str]) -> None:
    assert FED.directory.group_members(name) == members


def test_the_newest_version_of_a_group_is_told() -> None:
    assert FED.directory.newest_group("east") == "east@2"
    assert FED.directory.newest_group("west") is None


EDGE = YEAR
KEY_CASES: dict[str, tuple[dict[str, Any], dict[str, Any], type[Exception] | None]] = {
    "a key is good for its use at a time inside its window": ({}, {}, None),
    "the first second of the window counts": ({}, {"at": NOW - EDGE}, None),
    "the last second of the window counts": ({}, {"at": NOW + EDGE}, None),
    "before the window the key is refused": ({}, {"at": NOW - EDGE - 1}, KeyOutsideWindow),
    "after the window the key is refused": ({}, {"at": NOW + EDGE + 1}, KeyOutsideWindow),
    "what was accepted before is compared with no window": ({"exp": NOW - 1}, {"at": None}, None),
    "a record key signs no requests": ({}, {"use": "http"}, WrongKeyUse),
    "a record key signs no checkpoints": ({}, {"use": "log"}, WrongKeyUse),
    "the key of another node is unknown for this one": ({}, {"node": "TZ"}, UnknownKey),
    "a key is found without naming its owner": ({}, {"node": None}, None),
    "an id that nobody lists is unknown": ({}, {"kid": "A" * 43}, UnknownKey),
    "a revoked key is refused, whatever time its holder claims": (
        {"revoked": {"since": NOW, "reason": "stolen"}},
        {"at": NOW - 100},
        RevokedKey,
    ),
    "a revoked key is refused where no window is compared": (
        {"revoked": {"since": NOW, "reason": "stolen"}},
        {"at": None},
        RevokedKey,
    ),
    "what our log stored before the misuse stays valid under a revoked key": (
        {"revoked": {"since": NOW, "reason": "stolen"}},
        {"at": NOW - 100, "received": NOW - 1},
        None,
    ),
    "what our log stored from then on does not": (
        {"revoked": {"since": NOW, "reason": "stolen"}},
        {"at": NOW - 100, "received": NOW},
        RevokedKey,
    ),
}


@pytest.mark.parametrize(("listed", "asked", "refusal"), KEY_CASES.values(), ids=KEY_CASES)
def test_keys(listed: dict[str, Any], asked: dict[str, Any], refusal: type[Exception] | None) -> None:
    fed = FED.with_key("KE", "record", **listed)
    question = {"kid": fed.signer("KE").kid, "use": "record", "at": NOW, "node": "KE", **asked}
    kid = question.pop("kid")
    if refusal:
        with pytest.raises(refusal):
            fed.directory.key(kid, **question)
    else:
        found = fed.directory.key(kid, **question)
        assert (found.node, found.use, found.public) == ("KE", "record", fed.signer("KE").public)


def test_the_keys_of_a_node_are_told_by_use_without_the_revoked_ones() -> None:
    fed = FED.with_key("TZ", "log", revoked={"since": NOW, "reason": "stolen"})
    assert fed.directory.keys_of("KE", "log") == (fed.signer("KE", "log").public,)
    assert fed.directory.keys_of("TZ", "log") == ()
    assert fed.directory.keys_of("ZZ", "log") == ()
    assert FED.directory.keys_of("KE", "log", at=NOW + 2 * YEAR) == ()


def test_a_key_look_up_does_not_grow_with_the_directory() -> None:
    directory = make_federation([f"N{number:03}" for number in range(100)]).directory
    kid = next(iter(directory.keys))
    rounds = 20_000
    best = min(_timed(lambda: directory.key(kid, use="record", at=NOW), rounds) for _ in range(3))
    assert best / rounds < 20e-6, "a look-up is called for every record"


def _timed(call: Callable[[], object], rounds: int) -> float:
    started = time.perf_counter()
    for _ in range(rounds):
        call()
    return time.perf_counter() - started


def test_members_and_keys_that_a_later_version_adds_are_ignored() -> None:
    document = copy.deepcopy(FED.document)
    document["later"] = {"any": [None, 1.5]}
    document["nodes"][0]["later"] = True
    document["nodes"][0]["keys"][0]["later"] = {}
    document["nodes"][0]["keys"].append({"kid": "x" * 43, "use": "sign", "alg": "ML-DSA-44", "x": "later"})
    document["nodes"][0]["keys"].append({"kid": "y" * 43, "use": "record", "alg": "ML-DSA-65", "pub": "later"})
    directory = parse_directory(orjson.dumps(document))
    assert directory.members["KE"].name == "Office of KE"
    assert len(directory.keys) == len(FED.directory.keys)


def test_the_newest_key_to_seal_to_that_is_valid_and_not_revoked_is_used() -> None:
    old, new = Opener.generate(), Opener.generate()
    document = copy.deepcopy(FED.document)
    document["nodes"][0]["keys"] = [key for key in document["nodes"][0]["keys"] if key["use"] != "enc"]
    entries = [
        {"kid": each.kid, "use": "enc", "alg": "X25519", "x": each.public.jwk()["x"], "nbf": NOW - 9, "exp": NOW + 9}
        for each in (old, new)
    ]
    document["nodes"][0]["keys"] += entries
    directory = parse_directory(orjson.dumps(document))
    assert directory.enc_key("KE", at=NOW) == new.public
    assert directory.enc_key("KE", at=NOW + 10) is None
    assert directory.enc_key("XX", at=NOW) is None
    assert new.kid not in directory.keys
    entries[1]["revoked"] = {"since": NOW, "reason": "lost"}
    assert parse_directory(orjson.dumps(document)).enc_key("KE", at=NOW) == old.public


def _set(*path: Any, to: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = to

    return change


def _remove(*path: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        holder: Any = document
        for step in path[:-1]:
            holder = holder[step]
        del holder[path[-1]]

    return change


def _move_key(document: dict[str, Any]) -> None:
    document["nodes"][1]["keys"].append(dict(document["nodes"][0]["keys"][0]))


def _key_for_two_uses(document: dict[str, Any]) -> None:
    document["nodes"][0]["keys"].append({**document["nodes"][0]["keys"][0], "use": "http"})


def _unknown_use_of_anothers_key(document: dict[str, Any]) -> None:
    document["nodes"][1]["keys"].append({**document["nodes"][0]["keys"][0], "use": "enc"})


def _weak_enc(document: dict[str, Any]) -> None:
    keys = document["nodes"][0]["keys"]
    keys.append({**keys[3], "kid": "x" * 43, "x": "A" * 43})


def _enc_id(document: dict[str, Any]) -> None:
    document["nodes"][0]["keys"][3]["kid"] = "x" * 43


KE = ("nodes", 0)
KEY = ("nodes", 0, "keys", 0)
REFUSED: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "a key to seal to that is a point of small order": (_weak_enc, "directory.nodes[0].keys[4].x"),
    "a key to seal to under a chosen id": (_enc_id, "directory.nodes[0].keys[3].kid"),
    "a node listed twice": (_set("nodes", 1, "id", to="KE"), "directory.nodes[1].id"),
    "a key listed under two nodes": (_move_key, "directory.nodes[1].keys[4].kid: this key is already listed"),
    "a key listed for two uses": (_key_for_two_uses, "directory.nodes[0].keys[4].kid"),
    "a key listed elsewhere for a use of the future": (
        _unknown_use_of_anothers_key,
        "directory.nodes[1].keys[4].kid",
    ),
    "an id that is not the thumbprint": (_set(*KEY, "kid", to="A" * 43), "directory.nodes[0].keys[0].kid"),
    "a point of low order": (_set(*KEY, "x", to=LOW_ORDER_X), "directory.nodes[0].keys[0].x"),
    "a key of the wrong length": (_set(*KEY, "x", to="AAAA"), "directory.nodes[0].keys[0].x"),
    "a key that ends before it begins": (_set(*KEY, "exp", to=1), "directory.nodes[0].keys[0].exp"),
    "a window in milliseconds": (_set(*KEY, "exp", to=NOW * 1000), "directory.nodes[0].keys[0].exp"),
    "a time that is a truth value": (_set(*KEY, "nbf", to=True), "directory.nodes[0].keys[0].nbf"),
    "a time with a fraction": (_set(*KEY, "nbf", to=1.5), "directory.nodes[0].keys[0].nbf"),
    "a revocation without a time": (
        _set(*KEY, "revoked", to={"reason": "lost"}),
        "directory.nodes[0].keys[0].revoked.since",
    ),
    "a revocation that is no object": (_set(*KEY, "revoked", to=True), "directory.nodes[0].keys[0].revoked"),
    "an unknown status": (_set(*KE, "status", to="retired"), "directory.nodes[0].status"),
    "an unknown kind": (_set(*KE, "kind", to="police"), "directory.nodes[0].kind"),
    "an unknown class": (_set("class", to="demo"), "directory.class"),
    "an administration without a country": (_remove(*KE, "country"), "directory.nodes[0].country"),
    "a country that is no code": (_set(*KE, "country", to="Kenya"), "directory.nodes[0].country"),
    "a region that the directory does not have": (
        _set(*KE, "region", to="ESSA"),
        "directory.nodes[0].region",
    ),
    "an id in small letters": (_set(*KE, "id", to="ke"), "directory.nodes[0].id"),
    "an id with a slash": (_set(*KE, "id", to="KE/TZ"), "directory.nodes[0].id"),
    "an id of one letter": (_set(*KE, "id", to="K"), "directory.nodes[0].id"),
    "a name over two lines": (_set(*KE, "name", to="a\nb"), "directory.nodes[0].name"),
    "a group with a node that is not listed": (
        _set("groups", "east", "2", to=["KE", "ZZ"]),
        "directory.groups.east.2: ZZ",
    ),
    "a group version with a leading zero": (_set("groups", "east", "02", to=[]), "directory.groups.east.02"),
    "a group version of zero": (_set("groups", "east", "0", to=[]), "directory.groups.east.0"),
    "a group without versions": (_set("groups", "west", to={}), "directory.groups.west"),
    "a group whose name holds the separator": (_set("groups", "a@b", to={"1": []}), "directory.groups.a@b"),
    "a version of nought": (_set("version", to=0), "directory.version"),
    "a federation id with a slash": (_set("fed", to="a/b"), "directory.fed"),
    "an endpoint that is no address": (_set(*KE, "endpoints", to=["ke"]), "directory.nodes[0].endpoints[0]"),
    "nodes that are no list": (_set("nodes", to={}), "directory.nodes: is not a list"),
    "a node that is no object": (_set("nodes", 0, to="KE"), "directory.nodes[0]"),
    **{
        f"no {name} at the top": (_remove(name), f"directory.{name}: is missing")
        for name in ("fed", "class", "version", "issued", "regions", "groups", "nodes")
    },
    **{
        f"no {name} of a node": (_remove(*KE, name), f"directory.nodes[0].{name}: is missing")
        for name in ("id", "name", "kind", "roles", "status", "endpoints", "protocols", "keys")
    },
    **{
        f"no {name} of a key": (_remove(*KEY, name), f"directory.nodes[0].keys[0].{name}: is missing")
        for name in ("kid", "use", "x", "nbf", "exp")
    },
}


@pytest.mark.parametrize(("change", "path"), REFUSED.values(), ids=REFUSED)
def test_a_directory_is_refused_whole_for(change: Callable[[dict[str, Any]], None], path: str) -> None:
    document = copy.deepcopy(FED.document)
    change(document)
    with pytest.raises(DirectoryRefused) as refused:
        parse_directory(orjson.dumps(document))
    assert path in refused.value.detail


NOT_JSON = {
    "nothing": b"",
    "an array": b"[]",
    "a member twice": FED.data.replace(b'"fed":', b'"fed":"other","fed":', 1),
    "a byte order mark": b"\xef\xbb\xbf" + FED.data,
    "nesting without end": b'{"a":' + b"[" * 100_000,
    "more bytes than any directory has": FED.data + b" " * MAX_DIRECTORY_BYTES,
}


@pytest.mark.parametrize("data", NOT_JSON.values(), ids=NOT_JSON)
def test_bytes_that_are_no_directory_are_refused(data: bytes) -> None:
    with pytest.raises(DirectoryRefused):
        parse_directory(data)


ENDPOINTS = {
    "https is an address": ("https://cnp.example/ke", None, False),
    "an address may have a port": ("https://cnp.example:8443", "live", False),
    "plain http is for test federations": ("http://cnp.example/ke", "exercise", False),
    "plain http is not for a live one": ("http://cnp.example/ke", "live", True),
    "plain http on the machine itself is for any": ("http://127.0.0.1:8001", "live", False),
    "a name and password do not belong there": ("https://me:secret@cnp.example", None, True),
    "a query does not belong there": ("https://cnp.example/?a=1", None, True),
    "a fragment does not belong there": ("https://cnp.example/#a", None, True),
    "steps upwards do not belong there": ("https://cnp.example/a/../b", None, True),
    "a file is no node": ("file:///etc/passwd", None, True),
    "a port that is none": ("https://cnp.example:port", None, True),
    "no host": ("https:///ke", None, True),
    "a space": ("https://cnp.example/a b", None, True),
    "letters outside ASCII": ("https://cnp.ex\u0430mple/", None, True),
}


@pytest.mark.parametrize(("url", "class_", "refused"), ENDPOINTS.values(), ids=ENDPOINTS)
def test_endpoints(url: str, class_: Any, refused: bool) -> None:
    assert (endpoint_fault(url, class_=class_) is not None) is refused


def test_a_rotated_key_stands_beside_the_old_one() -> None:
    fresh = make_signers()["record"]
    document = copy.deepcopy(FED.document)
    document["nodes"][0]["keys"].append(
        {"kid": fresh.kid, "use": "record", "x": fresh.public.jwk()["x"], "nbf": NOW, "exp": NOW + YEAR}
    )
    directory = parse_directory(orjson.dumps(document))
    assert set(directory.keys_of("KE", "record")) == {FED.signer("KE").public, fresh.public}
