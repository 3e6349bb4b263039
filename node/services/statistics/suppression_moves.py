"""Moves: how the cells of linked tables can change together while every total stays the sum of its parts.

A dimension is a tree of codes whose root is the total. A cell stands at one code of each dimension, and a table is the
product of the dimensions that it shows, with the root in the others, so tables that show a dimension in common share
its margin. A move gives each dimension a pattern over its codes in which every code has the sum of what is below it:
either a leaf with all that is above it (the total moves too), or that minus the same of another leaf (the total stays).
The product of the patterns, +1, -1 or 0 for each cell, keeps every relation of every table at once. A move of `t` units
that touches only cells that are not published, and takes none below zero, therefore turns the true tables into others
that look the same from outside. In a flat table these are the rectangles of the hypercube method; in general, cycles.

Here is the search for the cheapest such move. Which cells need protection, and how much, is for `suppression` to say.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from node.services.statistics.suppression import Catalogue, Dimension

MAX_COMBINATIONS: Final = 2_000_000
"""Moves that are compared at once (16 MB); beyond it only the most promising of each dimension are."""
_BAD: Final = float(2**30)
"""What a move pays for a cell that it may not touch: more than all costs together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidates:
    """Patterns of a dimension: row by row the codes that change, filled up with the code that is none, and +1, -1."""

    nodes: NDArray[np.intp]
    signs: NDArray[np.float64]

    def keep(self, rows: NDArray[np.intp]) -> Candidates:
        """Some of these patterns."""
        return Candidates(nodes=self.nodes[rows], signs=self.signs[rows])


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Cells by their number, each once, with the direction in which each goes."""

    cells: NDArray[np.intp]
    signs: NDArray[np.int64]


class Tree:
    """A dimension by numbers: the root is 0, and `size` is the code that is none."""

    def __init__(self, dimension: Dimension) -> None:
        self.codes = (dimension.root, *dimension.parents)
        self.number = {code: at for at, code in enumerate(self.codes)}
        self.size = len(self.codes)
        self.parent = [-1, *(self.number[parent] for parent in dimension.parents.values())]
        self.children: list[list[int]] = [[] for _ in self.codes]
        for at, parent in enumerate(self.parent[1:], start=1):
            self.children[parent].append(at)
        self.leaves = [at for at in range(self.size) if not self.children[at]]
        paths = [self._path(leaf) for leaf in self.leaves]
        deepest = max(len(path) for path in paths)
        # A leaf in each row, from the root down; short ones are filled up with the code that is none.
        self._paths = np.array([path + [self.size] * (deepest - len(path)) for path in paths], dtype=np.intp)
        self._made: dict[tuple[int, bool], Candidates | None] = {}

    def _path(self, at: int) -> list[int]:
        found = []
        while at >= 0:
            found.append(at)
            at = self.parent[at]
        return found[::-1]

    def candidates(self, node: int, *, total_moves: bool) -> Candidates | None:
        """The patterns that raise `node` by one, or None when there is none of this sort."""
        asked = (node, total_moves)
        if asked not in self._made:
            self._made[asked] = self._candidates(node, total_moves=total_moves)
        return self._made[asked]

    def _candidates(self, node: int, *, total_moves: bool) -> Candidates | None:
        under = np.any(self._paths == node, axis=1)
        inside, outside = self._paths[under], self._paths[~under]
        if total_moves:
            nodes, signs = inside, np.ones(inside.shape)
        else:
            # Every leaf inside against every leaf outside; what is above both, at the same depth, does not move.
            rising = np.repeat(inside, len(outside), axis=0)
            falling = np.tile(outside, (len(inside), 1))
            same = rising == falling
            nodes = np.hstack([np.where(same, self.size, rising), np.where(same, self.size, falling)])
            signs = np.hstack([np.ones(rising.shape), -np.ones(falling.shape)])
        if not len(nodes):
            return None
        used = np.any(nodes < self.size, axis=0)
        signs = np.where(nodes < self.size, signs, 0.0)
        return Candidates(nodes=nodes[:, used], signs=signs[:, used])


class Grid:
    """The cells of a catalogue by number, each once however many tables show it; `size` is the cell that is none."""

    def __init__(self, catalogue: Catalogue) -> None:
        self.trees = [Tree(dimension) for dimension in catalogue.dimensions]
        places = {dimension.name: at for at, dimension in enumerate(catalogue.dimensions)}
        self.tables = [tuple(sorted(places[name] for name in table)) for table in catalogue.tables]
        numbers: dict[tuple[int, ...], int] = {}
        shown = []
        for table in self.tables:
            spans = [range(tree.size) if at in table else range(1) for at, tree in enumerate(self.trees)]
            found = [numbers.setdefault(key, len(numbers)) for key in itertools.product(*spans)]
            shown.append(np.array(found, dtype=np.intp).reshape([self.trees[at].size for at in table]))
        self.size = len(numbers)
        self.places = list(numbers)
        self.keys = [tuple(tree.codes[at] for tree, at in zip(self.trees, place, strict=True)) for place in self.places]
        # One row and column more in each direction stand for the code that is none.
        self.shown = [np.pad(cells, [(0, 1)] * cells.ndim, constant_values=self.size) for cells in shown]

    def relations(self) -> list[tuple[int, list[int]]]:
        """Each total with its parts, by the numbers of the cells; once, however many tables show it."""
        found: dict[tuple[int, ...], tuple[int, list[int]]] = {}
        for table, cells in zip(self.tables, self.shown, strict=True):
            for axis, place in enumerate(table):
                lines = np.moveaxis(cells, axis, 0)
                for parent, children in enumerate(self.trees[place].children):
                    if not children:
                        continue
                    for line in np.ndindex(*(length - 1 for length in lines.shape[1:])):
                        total = int(lines[(parent, *line)])
                        parts = [int(lines[(child, *line)]) for child in children]
                        found[(total, *parts)] = (total, parts)
        return list(found.values())

    def modes(self, cell: int) -> list[tuple[bool, ...]]:
        """For each dimension whether its total moves along: first the ways in which the fewest totals do."""
        choices = [(True,) if at == 0 else (False, True) for at in self.places[cell]]
        return sorted(itertools.product(*choices), key=lambda mode: (sum(mode), mode))

    def cheapest(
        self, cell: int, mode: Sequence[bool], *, cost: NDArray[np.float64], bad: NDArray[np.float64],
        signed: NDArray[np.float64] | None = None,
    ) -> Move | None:  # fmt: skip
        """The cheapest move of one mode that raises `cell` and touches nothing that is bad; None when there is none.

        `cost` is paid for each cell that is touched, `bad` says which may not be (each array has a 0 for the cell that
        is none). With `signed`, a cell that rises is bad by `bad + signed`, one that falls by `bad - signed`.
        """
        chosen = [
            tree.candidates(at, total_moves=moves)
            for tree, at, moves in zip(self.trees, self.places[cell], mode, strict=True)
        ]
        candidates = [one for one in chosen if one is not None]
        if len(candidates) < len(chosen):
            return None
        touched = [
            (table, cells)
            for table, cells in zip(self.tables, self.shown, strict=True)
            if all(moves or at in table for at, moves in enumerate(mode))
        ]
        weights = cost + _BAD * bad
        scores = []
        for table, cells in touched:
            score = _gather(weights[cells], [candidates[at] for at in table], signed=False)
            if signed is not None:
                score += _BAD * _gather(signed[cells], [candidates[at] for at in table], signed=True)
            scores.append(score)
        return self._choose(candidates, touched, scores)

    def _choose(
        self, candidates: list[Candidates], touched: list[tuple[tuple[int, ...], NDArray[np.intp]]],
        scores: list[NDArray[np.float64]],
    ) -> Move | None:  # fmt: skip
        used = sorted({at for table, _ in touched for at in table})
        sizes = [len(candidates[at].nodes) for at in used]
        if reduce(lambda one, other: one * other, sizes, 1) > MAX_COMBINATIONS:
            most = int(MAX_COMBINATIONS ** (1 / len(used)))
            for at in used:
                lows = [
                    score.min(axis=tuple(axis for axis in range(score.ndim) if table[axis] != at))
                    for (table, _), score in zip(touched, scores, strict=True)
                    if at in table
                ]
                best = np.sort(np.argsort(np.sum(lows, axis=0), kind="stable")[:most])
                candidates[at] = candidates[at].keep(best)
                scores = [
                    np.take(score, best, axis=table.index(at)) if at in table else score
                    for (table, _), score in zip(touched, scores, strict=True)
                ]
        shape = [len(candidates[at].nodes) for at in used]
        total: Any = np.zeros([1] * len(used))
        for (table, _), score in zip(touched, scores, strict=True):
            total = total + score.reshape([shape[place] if at in table else 1 for place, at in enumerate(used)])
        best_at = np.unravel_index(int(np.argmin(total)), total.shape)
        if total[best_at] >= _BAD / 2:
            return None
        rows = dict(zip(used, best_at, strict=True))
        numbers, signs = [], []
        for table, cells in touched:
            numbers.append(cells[np.ix_(*(candidates[at].nodes[rows[at]] for at in table))].ravel())
            factors = [candidates[at].signs[rows[at]] for at in table]
            signs.append(reduce(np.multiply.outer, factors).ravel())
        found, first = np.unique(np.concatenate(numbers), return_index=True)
        real = found < self.size
        return Move(cells=found[real], signs=np.concatenate(signs)[first][real].astype(np.int64))


def _gather(matrix: NDArray[np.float64], along: Sequence[Candidates], *, signed: bool) -> NDArray[np.float64]:
    """The sum over the cells that each combination of patterns touches: one axis for each dimension."""
    for axis, one in enumerate(along):
        summed: NDArray[np.float64] | None = None
        for nodes, signs in zip(
            one.nodes.T, one.signs.T, strict=True
        ):  # a few at most: faster than a sum along an axis
            part = np.take(matrix, nodes, axis=axis)
            if signed:
                part *= signs.reshape([-1, *([1] * (part.ndim - axis - 1))])
            if summed is None:
                summed = part
            else:
                summed += part
        matrix = matrix if summed is None else summed
    return matrix
