"""Who is a member, with which keys and in which groups: the directory as values.

`federation.directory` makes these from bytes. Nothing here reads, fetches or trusts anything. The look-ups
are called for every record, and are look-ups in dictionaries.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, cast, get_args

from crypto.errors import KeyOutsideWindow, RevokedKey, UnknownKey, WrongKeyUse
from federation.attributes import Recipient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto.enc import EncKey
    from crypto.keys import KeyUse, PublicKey
    from crypto.strictjson import JsonValue

Class = Literal["live", "exercise", "training"]
Kind = Literal["administration", "rilo", "oversight"]
Status = Literal["active", "suspended", "left"]

NODE_ID: Final = re.compile(r"[A-Z][A-Z0-9-]{1,31}")
GROUP_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
"""No `@` and no `:`, which separate a group from its version and from the word before it."""
GROUP_VERSION: Final = re.compile(r"[1-9][0-9]{0,8}")
"""One spelling for each number: "01" beside "1" would be two groups under one name."""
CLASSES: Final = cast("tuple[Class, ...]", get_args(Class))
KINDS: Final = cast("tuple[Kind, ...]", get_args(Kind))
STATUSES: Final = cast("tuple[Status, ...]", get_args(Status))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedKey:
    """A public key as the directory lists it: whose, for what, and when."""

    kid: str
    node: str
    use: KeyUse
    nbf: int
    exp: int
    revoked_since: int | None
    """Earliest possible misuse, in seconds; None for a key that is not revoked."""
    revoked_reason: str | None
    public: PublicKey

    def check(self, *, at: int | None, received: int | None = None) -> None:
        """Refuse the key outside its window, or revoked.

        `at` is the time that the window is compared with, both ends included: the `iat` of a record (the
        caller checks iat ≤ now + 300), the time of a leaf, or now for a request; None compares with no
        window, for what was accepted before. `received` is when our own log stored the signed bytes: what
        was stored before `since` stays valid under a key revoked later. Without `received` a revoked key is
        always refused, for the thief who holds it writes any `iat`. Raises RevokedKey, KeyOutsideWindow.
        """
        if self.revoked_since is not None and (received is None or received >= self.revoked_since):
            raise RevokedKey(f"key {self.kid} of {self.node} is revoked since {self.revoked_since}")
        if at is not None and not self.nbf <= at <= self.exp:
            raise KeyOutsideWindow(f"key {self.kid} of {self.node} is valid from {self.nbf} to {self.exp}, not at {at}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedEncKey:
    """A key to which bundles for a node are sealed."""

    kid: str
    node: str
    nbf: int
    exp: int
    revoked_since: int | None
    public: EncKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One node: an administration, a regional office (RILO) or an oversight body."""

    id: str
    name: str
    kind: Kind
    country: str | None
    region: str | None
    roles: frozenset[str]
    status: Status
    endpoints: tuple[str, ...]
    protocols: frozenset[str]
    groups: frozenset[str]
    """The named groups that list this node, written `id@version`: none of a group that it has been removed from."""
    limits: Mapping[str, JsonValue] = field(default_factory=dict, compare=False)
    contact: Mapping[str, JsonValue] = field(default_factory=dict, compare=False)

    @property
    def endpoint(self) -> str | None:
        """Where the node answers; None for one that pushes."""
        return self.endpoints[0] if self.endpoints else None

    def recipient(self) -> Recipient:
        """Return the recipient side of a decision. Whether the status allows anything, the caller asks."""
        return Recipient(id=self.id, country=self.country, region=self.region, roles=self.roles, groups=self.groups)


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """One version of a federation's directory. Look-ups are dictionary look-ups."""

    fed: str
    class_: Class
    version: int
    issued: int
    regions: tuple[str, ...]
    members: Mapping[str, Member]
    groups: Mapping[str, Mapping[int, frozenset[str]]]
    keys: Mapping[str, ListedKey] = field(repr=False)
    """Every key of a known use by its id, revoked and expired ones included."""
    by_use: Mapping[tuple[str, KeyUse], tuple[ListedKey, ...]] = field(repr=False, compare=False)
    group_times: Mapping[str, Mapping[int, int]] = field(default_factory=dict, compare=False)
    """When each version of each group was published first, in seconds, as far as the directory tells."""
    enc: Mapping[str, tuple[ListedEncKey, ...]] = field(default_factory=dict, repr=False, compare=False)
    """The keys to which bundles for a node are sealed, by node."""

    def member(self, node: str) -> Member | None:
        """Return the member with this id, whatever its status, or None."""
        return self.members.get(node)

    def key(
        self, kid: str, *, use: KeyUse, at: int | None, node: str | None = None, received: int | None = None
    ) -> ListedKey:
        """Return the key with this id if it may be used so.

        `node` is who must own it (None: anybody; the caller then looks at `.node`); `at` and `received` as in
        `ListedKey.check`. Raises UnknownKey (also for the key of another node: as a key of `node` it is
        unknown), WrongKeyUse, RevokedKey, KeyOutsideWindow. The owner's status is not looked at: the
        tombstones of a suspended node still count.
        """
        listed = self.keys.get(kid)
        if listed is None:
            raise UnknownKey("no node of this federation lists a key with this id")
        if node is not None and listed.node != node:
            raise UnknownKey(f"{node} lists no key with this id")
        if listed.use != use:
            raise WrongKeyUse(f"key {kid} of {listed.node} is listed for {listed.use}, not for {use}")
        if listed.revoked_since is not None or (at is not None and not listed.nbf <= at <= listed.exp):
            listed.check(at=at, received=received)
        return listed

    def keys_of(self, node: str, use: KeyUse, *, at: int | None = None) -> tuple[PublicKey, ...]:
        """Return the keys that `node` lists for `use` and has not revoked; with `at` only those valid then.

        Expired ones are among them, for the verification of what is old. An unknown node has none.
        """
        return tuple(
            listed.public
            for listed in self.by_use.get((node, use), ())
            if listed.revoked_since is None and (at is None or listed.nbf <= at <= listed.exp)
        )

    def enc_key(self, node: str, *, at: int) -> EncKey | None:
        """Return the key to seal to for a node: of those valid at `at` and not revoked, the one listed last."""
        usable = [
            listed.public
            for listed in self.enc.get(node, ())
            if listed.revoked_since is None and listed.nbf <= at <= listed.exp
        ]
        return usable[-1] if usable else None

    def group_members(self, group: str) -> frozenset[str]:
        """Return the ids in a group named as `id@version`. Unknown group or version: nobody.

        An empty set, and no error, because an audience that cannot be told is an audience of none.
        """
        name, separator, version = group.rpartition("@")
        if not separator or not (version.isascii() and version.isdecimal()):
            return frozenset()
        return self.groups.get(name, {}).get(int(version), frozenset())

    def removed_since(self, name: str, node: str) -> int | None:
        """Return since when the newest versions of a group no longer list a node; None if they do, or nobody tells."""
        since = None
        for version, listed in sorted(self.groups.get(name, {}).items(), reverse=True):
            if node in listed:
                break
            since = self.group_times.get(name, {}).get(version)
        return since

    def newest_group(self, name: str) -> str | None:
        """Return the newest version of the group as `id@version`, or None if there is no such group."""
        versions = self.groups.get(name)
        return f"{name}@{max(versions)}" if versions else None
