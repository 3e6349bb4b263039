"""Keep a directory and sign it: the authority of a development or demonstration federation, in one folder.

    draft.json              the directory as it will be published next, without its version
    cards/<id>.json         the newest node card of each member, as it came
    keys/*.key              five root keys, three targets keys, snapshot and timestamp, encrypted
    (crypto.signer)
    keys/secret             what they are encrypted with, mode 0600, unless the caller has a passphrase
    repository/             metadata/ and targets/ of TUF, consistent snapshots: any static file server will
    do

`init` makes the keys and the first root, `add` enters a member by its card, `publish` signs. What is signed
is read back through `federation.directory` first, so nothing is published that a member would refuse.

Left to others: comparing a card's fingerprint with its sender by telephone before `add`.

Trust: whoever reads this folder and the secret is the federation. A live federation keeps the root keys and
the targets keys apart, with five and three people (the thresholds here are the same: 3 of 5, 2 of 3), and
only the snapshot and timestamp keys on a server; this module is for federations whose members are not real.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

import orjson
from tuf.api.metadata import Snapshot, Targets, Timestamp

from crypto.enc import ALG
from federation.directory import GROUP_ID, parse_directory
from federation.errors import CardRefused, DirectoryRefused
from federation.membership import STATUSES
from federation.nodecard import open_card
from federation.trust import DIRECTORY_TARGET, fingerprint
from node.services.authority_repository import Repository, moment, write

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from federation.membership import Class, Kind, Status
    from federation.nodecard import NodeCard

DAY: Final = 86_400
TIMESTAMP_LIFETIME: Final = 7 * DAY
"""How long a published directory lasts unless it is published again. A live one renews it every day."""
LONG_LIFETIME: Final = 365 * DAY
RENEW_BEFORE: Final = 90 * DAY
ROLE_OF_KIND: Final = {"administration": "member", "rilo": "rilo", "oversight": "oversight"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """What `publish` did."""

    version: int
    """The version of the directory."""
    changed: bool
    """Whether its content is new; if not, only the signatures on its being the newest are."""
    expires: int
    fingerprint: str
    """Of the first root, for joining."""


def init(
    folder: Path,
    *,
    fed: str,
    now: int,
    class_: Class = "exercise",
    regions: Collection[str] = (),
    secret: bytes | None = None,
) -> str:
    """Make the keys and the first root in an empty folder; return the root's fingerprint for reading aloud.

    With no `secret` one is made and kept beside the keys. Raises DirectoryRefused if an authority is there.
    """
    document = {
        "fed": fed,
        "class": class_,
        "version": 0,
        "regions": sorted(set(regions)),
        "groups": {},
        "nodes": [],
    }
    _public_bytes(document, version=1, issued=now)
    repository = Repository.create(folder, secret=secret, expires=moment(now + LONG_LIFETIME))
    _save_draft(folder, document)
    return fingerprint(repository.root_bytes(1))


def root_fingerprint(folder: Path) -> str:
    """Return the fingerprint of the first root, in groups of four hexadecimal digits."""
    return fingerprint(Repository(folder).root_bytes(1))


def draft(folder: Path) -> dict[str, Any]:
    """Return the directory as it will be published next, in the form of `federation.directory`."""
    try:
        value = orjson.loads((folder / "draft.json").read_bytes())
    except (OSError, ValueError) as error:
        raise DirectoryRefused(f"{folder}: there is no authority here: {error}") from None
    return cast("dict[str, Any]", value)


def add(
    folder: Path,
    card: bytes,
    *,
    kind: Kind | None = None,
    country: str | None = None,
    region: str | None = None,
    roles: Collection[str] | None = None,
    replace: bool = False,
) -> NodeCard:
    """Enter a member by its card, or change what a member says of itself; return the card.

    What is given here overrides what the card claims. A key that is listed under another node is refused,
    and so are new keys for a listed node unless `replace` says that they were asked for: then they are
    added, and the old ones stay listed for what they have signed. An older card never follows a newer one.
    Raises CardRefused, and DirectoryRefused for what the directory would not be valid with.
    """
    opened = open_card(card)
    document = draft(folder)
    nodes: list[dict[str, Any]] = document["nodes"]
    for node in nodes:
        listed = {key["kid"] for key in node["keys"]}
        if node["id"] != opened.id and any(key.public.kid in listed for key in opened.keys):
            raise CardRefused(f"card.keys: one is already listed under {node['id']}")
    entry = next((node for node in nodes if node["id"] == opened.id), None)
    known: list[dict[str, Any]] = [] if entry is None else entry["keys"]
    held = {key["kid"]: key for key in known}
    fresh = [key for key in opened.keys if key.public.kid not in held]
    if entry is not None and fresh and not replace:
        raise CardRefused(
            f"card.id: {opened.id} is listed with other keys; `directory add FILE --replace` takes these, if it asked"
        )
    for key in opened.keys:
        before = held.get(key.public.kid)
        if before is not None and (before["use"] != key.use or "revoked" in before):
            raise CardRefused(f"card.keys: {key.public.kid} is listed for {before['use']}, or revoked")
    card_file = folder / "cards" / f"{opened.id}.json"
    if card_file.exists() and open_card(card_file.read_bytes()).iat > opened.iat:
        raise CardRefused(f"card.iat: a newer card of {opened.id} was entered before")

    new: dict[str, Any] = {
        "id": opened.id,
        "name": opened.name,
        "kind": kind or opened.kind,
        "status": entry["status"] if entry else "active",
        "endpoints": list(opened.endpoints),
        "protocols": list(opened.protocols),
        "roles": sorted(roles if roles is not None else {ROLE_OF_KIND[kind or opened.kind]}),
        "keys": known
        + [
            {
                "kid": key.public.kid,
                "use": key.use,
                **({"alg": ALG} if key.use == "enc" else {}),
                "x": key.public.jwk()["x"],
                "nbf": key.nbf,
                "exp": key.exp,
            }
            for key in fresh
        ],
    }
    if country or opened.country:
        new["country"] = country or opened.country
    if region or opened.region:
        new["region"] = region or opened.region
        document["regions"] = sorted({*document["regions"], new["region"]})
    document["nodes"] = sorted([node for node in nodes if node is not entry] + [new], key=lambda node: str(node["id"]))
    _save_draft(folder, document)
    write(card_file, card)
    return opened


def set_status(folder: Path, node: str, status: Status) -> None:
    """Suspend a member, let it back in, or note that it has left. It stays listed for what it has signed."""
    if status not in STATUSES:
        raise DirectoryRefused(f"status: {status!r} is none of {', '.join(STATUSES)}")
    document = draft(folder)
    _entry(document, node)["status"] = status
    _save_draft(folder, document)


def set_group(folder: Path, name: str, members: Iterable[str]) -> int:
    """Give a named group its next version, with these members, and return the version. Old versions stay."""
    if not GROUP_ID.fullmatch(name):
        raise DirectoryRefused(f"groups: {name!r} is not of the form {GROUP_ID.pattern}")
    document = draft(folder)
    versions: dict[str, list[str]] = document["groups"].setdefault(name, {})
    version = max(map(int, versions), default=0) + 1
    versions[str(version)] = sorted(set(members))
    _save_draft(folder, document)
    return version


def group_members(folder: Path, name: str) -> list[str]:
    """Return who is in the newest version of a group; nobody for one that is not there yet."""
    versions: dict[str, list[str]] = draft(folder)["groups"].get(name, {})
    return versions[str(max(map(int, versions)))] if versions else []


def revoke(folder: Path, kid: str, *, since: int, reason: str) -> None:
    """Revoke a key from the time of its earliest possible misuse (seconds). This is never taken back."""
    document = draft(folder)
    key = next((key for node in document["nodes"] for key in node["keys"] if key["kid"] == kid), None)
    if key is None:
        raise DirectoryRefused("keys: no member lists a key with this id")
    # A later finding can only move the misuse to an earlier time.
    since = min(since, key.get("revoked", {}).get("since", since))
    key["revoked"] = {"since": since, "reason": reason}
    _save_draft(folder, document)


def publish(folder: Path, *, now: int, secret: bytes | None = None, lifetime: int = TIMESTAMP_LIFETIME) -> Published:
    """Sign the draft and put it into the repository; members see it when the last file is written.

    A changed draft becomes the next version of the directory. An unchanged one is not published again: what
    is renewed is the word of the online keys that it is still the newest, for another `lifetime` seconds.
    The root is renewed when it has less than ninety days left. Raises DirectoryRefused, and KeyFileRefused
    for a wrong secret.
    """
    document = draft(folder)
    repository = Repository.open(folder, secret=secret)
    root = repository.root()
    if root.expires < moment(now + RENEW_BEFORE):
        root.version += 1
        root.expires = moment(now + LONG_LIFETIME)
        repository.sign(root)

    for name, versions in document["groups"].items():
        # Since when somebody is no longer in a group: what a hub is held to.
        times = document.setdefault("group_times", {}).setdefault(name, {})
        for number in versions:
            times.setdefault(number, now)
    content = hashlib.sha256(orjson.dumps(_content(document), option=orjson.OPT_SORT_KEYS)).hexdigest()
    targets = repository.newest(Targets)
    changed = targets is None or document.get("published") != content
    if changed:
        document["version"] += 1
        data = _public_bytes(document, version=document["version"], issued=now)
        listed = {DIRECTORY_TARGET: repository.put(DIRECTORY_TARGET, data)}
    if targets is None or changed or targets.expires < moment(now + RENEW_BEFORE):
        targets = Targets(
            version=targets.version + 1 if targets else 1,
            expires=moment(now + LONG_LIFETIME),
            targets=listed if changed or targets is None else targets.targets,
        )
        repository.sign(targets)
    snapshot = repository.newest(Snapshot)
    snapshot = Snapshot(
        version=snapshot.version + 1 if snapshot else 1,
        expires=moment(now + LONG_LIFETIME),
        meta={"targets.json": repository.described(targets)},
    )
    repository.sign(snapshot)
    # The draft remembers its version before the last file makes that visible: a crash between the two costs
    # nothing, and never gives one number to two contents.
    document["published"] = content
    _save_draft(folder, document)
    repository.sign(
        Timestamp(
            version=snapshot.version,
            expires=moment(now + lifetime),
            snapshot_meta=repository.described(snapshot),
        )
    )
    return Published(
        version=document["version"],
        changed=changed,
        expires=now + lifetime,
        fingerprint=root_fingerprint(folder),
    )


def _entry(document: dict[str, Any], node: str) -> dict[str, Any]:
    entry = next((entry for entry in document["nodes"] if entry["id"] == node), None)
    if entry is None:
        raise DirectoryRefused(f"nodes: there is no {node!r}")
    return cast("dict[str, Any]", entry)


def _content(document: dict[str, Any]) -> dict[str, Any]:
    """Return what is published, but for the version and the time of issue."""
    return {name: value for name, value in document.items() if name not in {"version", "published"}}


def _public_bytes(document: dict[str, Any], *, version: int, issued: int) -> bytes:
    """Return `directory.json`, after reading it as a member would."""
    data = orjson.dumps({**_content(document), "version": version, "issued": issued}, option=orjson.OPT_SORT_KEYS)
    parse_directory(data)
    return data


def _save_draft(folder: Path, document: dict[str, Any]) -> None:
    """Keep the draft, unless no member would accept it."""
    _public_bytes(document, version=document["version"] + 1, issued=0)
    write(folder / "draft.json", orjson.dumps(document, option=orjson.OPT_INDENT_2))
