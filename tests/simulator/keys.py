"""Keys of the pretended world: nodes change them, some are stolen, and what they signed is signed again.

The directory travels by itself, at once; what a node makes of a new one it does when it looks (`look`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.services import reissuing, revoking, settling
from tests.simulator.reference import Crash, Version

if TYPE_CHECKING:
    from tests.simulator.world import World


def rotate(world: World, me: str, use: Any) -> None:
    """A node signs with a new key of one use; the old one stays good until it ends by itself."""
    world.fed = world.fed.rotated(me, use)
    _take_up(world, me)


def steal(world: World, me: str, *, back: int) -> None:
    """A node's record key is revoked from some seconds before now, and it signs with another."""
    old = world.fed.signer(me, "record")
    world.fed = world.fed.rotated(me, "record").revoked(old.kid, since=world.now - back)
    _take_up(world, me)
    world.counts["key revoked"] += 1


def look(world: World, me: str) -> None:
    """A node does what the directory asks for: stolen keys, recalls that are void with them."""
    database, directory, signer = world.nodes[me].database, world.fed.directory, world.fed.signer(me, "log")
    now = world.clock(me)()
    revoking.settle(database, directory, node=me, signer=signer, now=now)
    settling.settle(database, node=me, directory=directory, log_signer=signer, now=now)
    world.look_at_members(me)


def sign_again(world: World, me: str) -> bool:
    """A node signs again what stands under its revoked keys; whether there was anything."""
    node = world.nodes[me]
    world.now += 1
    with node.database.read() as connection:
        rows = reissuing.affected(connection, world.fed.directory, node=me, now=world.clock(me)())
    references = {rid: reference for reference, rid in world.rids.items()}
    database: Any = node.release_database
    while True:
        try:
            done = reissuing.reissue(database, world.publisher(me), by="officer", now=world.clock(me)())
        except Crash:
            world.counts["crash of a release"] += 1
            database = node.database
            continue
        break
    for row in rows:
        _follow(world, me, references[row.rid])
    return bool(rows or done.recalls)


def _follow(world: World, me: str, reference: str) -> None:
    before = world.versions[reference, world.newest[reference]]
    ver = before.ver + 1
    version = Version(node=me, kind=before.kind, ver=ver, groups=set(before.groups))
    for who, allowed in world.allowed(version).items():
        if allowed:
            version.grant(who, allowed)
    for who, groups in world.through_the_hub(version).items():
        version.relay(who, groups)
    world.versions[reference, ver] = version
    world.newest[reference] = ver
    for token, (one, vers, group) in world.tokens.items():
        if one == reference and before.ver in vers:
            world.tokens[token] = (one, (*vers, ver), group)
    before.end()


def _take_up(world: World, me: str) -> None:
    """What runs with the old key begins anew with the new one."""
    world.now += 1
    world.renew_faces(me)
