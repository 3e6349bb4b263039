"""What can happen in the pretended world, by name: every move takes the world and arguments that JSON can hold.

A schedule is a seed and a list of moves, so a failing one is kept as a file and played again (`regressions/`). A move
that makes no sense at that moment does nothing: schedules stay valid when they are cut.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from tests.evil.bad import BAD
from tests.simulator import evil_hub, keys
from tests.simulator.reference import EVIL

if TYPE_CHECKING:
    from tests.simulator.world import World

LANES: Final = ("urgent", "bulk")
SIMPLE: Final = sorted(sentence for sentence in BAD if not sentence.startswith(("another envelope", "its predecessor")))
"""Lies that concern one entry: what two entries do to each other has tests of its own."""

MOVES: Final[dict[str, Any]] = {}
FAULTS: Final[set[str]] = set()
"""Moves that are faults and attacks, for the count."""


def move(function: Any) -> Any:
    """A move under its function's name."""
    MOVES[function.__name__] = function
    return function


def fault(function: Any) -> Any:
    """A move that is a fault or an attack."""
    FAULTS.add(function.__name__)
    return move(function)


def name(world: World, number: int) -> str:
    """A node of this world, by a number: worlds have different numbers of them."""
    names = sorted(world.nodes)
    return names[number % len(names)]


def chosen(world: World, pick: int, node: str | None = None) -> str | None:
    """One of the live references, by a number; of one node where told."""
    live = [one for one in sorted(world.newest) if node is None or world.versions[one, world.newest[one]].node == node]
    return live[pick % len(live)] if live else None


@move
def issue(world: World, *, node: int, kind: str) -> None:
    """A node releases a record."""
    world.write(name(world, node), kind)


@move
def correct(world: World, *, pick: int) -> None:
    """The originator releases the next version of one of its records."""
    reference = chosen(world, pick)
    if reference is not None:
        version = world.versions[reference, world.newest[reference]]
        # A restored node that has not learned what it lost would sign a version number twice.
        if version.node not in world.amnesic:
            world.write(version.node, version.kind, reference)


@move
def change_policy(world: World, *, node: int, rules: list[dict[str, Any]]) -> None:
    """Other rules are put in force."""
    world.set_policy(name(world, node), rules)


@move
def issue_under_another_policy(world: World, *, node: int, kind: str, rules: list[dict[str, Any]]) -> None:
    """Other rules, a record under them, and everybody looks."""
    publisher = name(world, node)
    world.set_policy(publisher, rules)
    world.write(publisher, kind)
    for me in world.nodes:
        if me != publisher:
            for lane in LANES:
                world.poll(me, publisher, lane)


@move
def activate_and_break_off(world: World, *, node: int, rules: list[dict[str, Any]], batches: int) -> None:
    """Other rules are put in force, and what was released before is looked at only in part: a crash, a long night."""
    world.set_policy(name(world, node), rules, batches=batches)


@move
def go_on_with_the_review(world: World, *, node: int, batches: int) -> None:
    """The review goes on where it stood."""
    if world.nodes[name(world, node)].policy is not None:
        world.review(name(world, node), batches=batches)


@move
def poll(world: World, *, me: int, peer: int, lane: str) -> None:
    """One node drains one lane of another."""
    if name(world, me) != name(world, peer):
        world.poll(name(world, me), name(world, peer), lane)


@move
def pull_from_everybody(world: World, *, me: int) -> None:
    """One node drains all lanes of all peers."""
    world.round(name(world, me))


@move
def everybody_pulls(world: World) -> None:
    """All nodes drain all lanes."""
    for node in world.nodes:
        world.round(node)


@fault
def partition(world: World, *, one: int, other: int) -> None:
    """The road between two nodes is cut."""
    world.cut.add(frozenset((name(world, one), name(world, other))))


@move
def heal(world: World) -> None:
    """All roads are open again."""
    world.cut.clear()


@fault
def crash_at_the_next_page(world: World, *, node: int, moment: str) -> None:
    """The next page that a node stores ends its process, before or after the commit."""
    world.nodes[name(world, node)].desk_database.moment = moment


@fault
def crash_at_the_next_release(world: World, *, node: int, moment: str) -> None:
    """The same for the next release."""
    world.nodes[name(world, node)].release_database.moment = moment


@fault
def crash(world: World, *, node: int) -> None:
    """A node's process ends now."""
    world.crash(name(world, node))


@fault
def clock_jump(world: World, *, node: int, seconds: int) -> None:
    """A node's clock is wrong from now on."""
    world.nodes[name(world, node)].skew = seconds


@move
def recall(world: World, *, pick: int, effect: str) -> None:
    """The originator recalls one of its records."""
    reference = chosen(world, pick)
    if reference is not None:
        world.recall(reference, effect=effect)


@move
def bundle(world: World, *, me: int, to: int) -> None:
    """A node writes a bundle for another."""
    if name(world, me) != name(world, to):
        world.make_bundle(name(world, me), name(world, to))


@fault
def carry_a_bundle(world: World, *, pick: int, damage: int) -> None:
    """A bundle arrives: late, again, out of order, or with a byte changed."""
    world.carry(pick, damage=damage)


@move
def relay(world: World) -> None:
    """The hub passes on what it may of what it holds."""
    world.pass_on()


@move
def rotate_a_key(world: World, *, node: int, use: str) -> None:
    """A node signs with a new key."""
    keys.rotate(world, name(world, node), use)


@fault
def steal_a_key(world: World, *, node: int, back: int) -> None:
    """A node's record key is revoked, from so many seconds ago."""
    keys.steal(world, name(world, node), back=back)


@move
def sign_again(world: World, *, node: int) -> None:
    """A node signs again what its revoked keys had signed."""
    if name(world, node) not in world.amnesic:
        keys.sign_again(world, name(world, node))


@move
def ask_for_logs(world: World, *, me: int) -> None:
    """A node asks everybody for the newest checkpoint of their disclosure logs."""
    for peer in world.nodes:
        if peer != name(world, me):
            world.ask_log(name(world, me), peer)


@move
def look_at_records(world: World, *, node: int, count: int) -> None:
    """An officer looks at records: only the node's disclosure log tells."""
    world.look(name(world, node), count)


@move
def change_the_group(world: World, *, members: list[str]) -> None:
    """The directory lists other members of the named group: some joined, some are removed."""
    world.change_group(set(members) & set(world.nodes))


@fault
def the_hub_overshares(world: World, *, giver: int, victim: int, lane: str, pick: int) -> None:
    """The regional office that lies passes on what it may not."""
    if name(world, giver) != name(world, victim):
        evil_hub.pass_on(world, name(world, giver), name(world, victim), lane=lane, pick=pick)


@move
def backup(world: World, *, node: int) -> None:
    """A node is backed up."""
    world.backup(name(world, node))


@fault
def restore_backup(world: World, *, pick: int, told: bool) -> None:
    """A node is as it was at its last backup: it knows that (`told`), or has to find out."""
    there = sorted(world.backups)
    if there:
        world.restore(there[pick % len(there)], told=told)


@fault
def evil_action(world: World, *, recipient: int, lane: str, pick: int) -> None:
    """The member that lies appends a good entry, a bad one and a good one to a feed."""
    to = name(world, recipient)
    feed = world.evil_feed(to, lane)
    append, problem = BAD[SIMPLE[pick % len(SIMPLE)]]
    for expected in (None, problem, None):
        n = feed.put(feed.peer.record()) if expected is None else append(feed)
        world.evil_expected[to, lane, n] = expected


@fault
def apply_a_page_again(world: World, *, node: int) -> None:
    """A page that was stored is stored again: nothing may change."""
    world.reapply(name(world, node))


__all__ = ["EVIL", "FAULTS", "LANES", "MOVES", "SIMPLE", "chosen", "fault", "move", "name"]
