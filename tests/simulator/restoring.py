"""Backups of a node of the pretended world, and their restore: the whole database as it was, on either kind of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from node.storage import dump, settlements

if TYPE_CHECKING:
    from tests.simulator.world import World


def snapshot(world: World, node: str) -> list[bytes]:
    """All that a node's database holds now."""
    with dump.one_look(world.nodes[node].database) as connection:
        return [piece for _, piece in dump.pieces(connection)]


def restore(world: World, node: str, pieces: list[bytes], *, told: bool = True) -> None:
    """The node is as it was then. `told`: by the command, which says so to the node; else by copying files about."""
    database: Any = world.nodes[node].database
    world.crash(node)
    with database.write() as connection:
        dump.clear(connection)
        for piece in pieces:
            dump.load(connection, piece)
        dump.finish(connection)
        if told:
            settlements.mark(connection, "restored", now=world.clock(node)())
