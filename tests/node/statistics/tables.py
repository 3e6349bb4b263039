"""Random linked tables for the tests of suppression, made from contributions, and an outsider with a linear program."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import linprog

from node.services.statistics.suppression import Catalogue, Cell, Dimension
from node.services.statistics.suppression_moves import Grid

if TYPE_CHECKING:
    import random
    from collections.abc import Iterator, Mapping, Sequence

    from node.services.statistics.suppression import Key


def flat(name: str, size: int) -> Dimension:
    return Dimension(name=name, root="all", parents={f"{name}{at}": "all" for at in range(size)})


def deep(name: str, chapters: Sequence[int]) -> Dimension:
    """Chapters with so many headings each; one of 0 is a leaf itself."""
    parents = {}
    for chapter, headings in enumerate(chapters):
        parents[f"{name}{chapter}"] = "all"
        for heading in range(headings):
            parents[f"{name}{chapter}.{heading}"] = f"{name}{chapter}"
    return Dimension(name=name, root="all", parents=parents)


CATALOGUES = {
    "one dimension": Catalogue(dimensions=(flat("a", 6),), tables=(("a",),)),
    "one dimension with headings": Catalogue(dimensions=(deep("a", [3, 1, 4, 0]),), tables=(("a",),)),
    "a table with its margins": Catalogue(dimensions=(flat("a", 5), flat("b", 4)), tables=(("a", "b"),)),
    "headings in both dimensions": Catalogue(
        dimensions=(deep("a", [3, 2]), deep("b", [2, 0, 3])), tables=(("a", "b"),)
    ),
    "two tables with one margin": Catalogue(
        dimensions=(deep("a", [2, 3]), flat("b", 4), flat("c", 3)), tables=(("a", "b"), ("a", "c"))
    ),
    "three tables around": Catalogue(
        dimensions=(flat("a", 4), flat("b", 3), flat("c", 3)), tables=(("a", "b"), ("a", "c"), ("b", "c"), ("c",))
    ),
}


def leaves(dimension: Dimension) -> list[str]:
    return [code for code in dimension.parents if code not in dimension.parents.values()]


def drawn(catalogue: Catalogue, chance: random.Random, *, records: int, members: int = 5) -> list[tuple[Key, str, int]]:
    """Records at the leaves of every dimension: skewed values, and places that nobody reports from."""
    spread = [leaves(dimension) for dimension in catalogue.dimensions]
    return [
        (
            tuple(codes[int(len(codes) * chance.random() ** 1.7)] for codes in spread),
            f"member{int(members * chance.random() ** 2)}",
            int(chance.paretovariate(0.8)),
        )
        for _ in range(records)
    ]


def above(dimension: Dimension, code: str) -> Iterator[str]:
    while True:
        yield code
        if code == dimension.root:
            return
        code = dimension.parents[code]


def counted(catalogue: Catalogue, records: Sequence[tuple[Key, str, int]]) -> dict[Key, Cell]:
    """Every cell of the catalogue from the records below it."""
    sums: dict[Key, dict[str, int]] = {key: {} for key in Grid(catalogue).keys}
    for place, member, amount in records:
        spans = [list(above(dimension, code)) for dimension, code in zip(catalogue.dimensions, place, strict=True)]
        for key in itertools.product(*spans):
            if key in sums:
                sums[key][member] = sums[key].get(member, 0) + amount
    return {key: Cell.of(given) for key, given in sums.items()}


def values_of(cells: Mapping[Key, Cell]) -> dict[Key, int]:
    return {key: cell.value for key, cell in cells.items()}


class Outsider:
    """Knows every published cell, that no value is negative, and that totals are the sums of their parts."""

    def __init__(self, catalogue: Catalogue, published: Mapping[Key, int], at_least: Mapping[Key, int]) -> None:
        self.keys = sorted(at_least)
        number = {key: at for at, key in enumerate(self.keys)}
        rows = []
        # Written from the meaning of a table, and not from the product's own list of relations.
        for table in catalogue.tables:
            places = [at for at, one in enumerate(catalogue.dimensions) if one.name in table]
            for key in self.keys:
                if any(code != catalogue.dimensions[at].root for at, code in enumerate(key) if at not in places):
                    continue
                for at in places:
                    parts = [code for code, parent in catalogue.dimensions[at].parents.items() if parent == key[at]]
                    if parts:
                        row = np.zeros(len(self.keys))
                        row[number[key]] = -1
                        for code in parts:
                            row[number[(*key[:at], code, *key[at + 1 :])]] = 1
                        rows.append(row)
        self.number, self.rows = number, np.array(rows)
        self.bounds = [
            (published[key], published[key]) if key in published else (at_least[key], None) for key in self.keys
        ]

    def interval(self, key: Key, *, whole: bool = False) -> tuple[float, float]:
        """The least and the largest value that the cell can have; `whole`: he also knows that values are integers."""
        found = []
        for sign in (1, -1):
            aim = np.zeros(len(self.keys))
            aim[self.number[key]] = sign
            solved = linprog(
                aim, A_eq=self.rows, b_eq=np.zeros(len(self.rows)), bounds=self.bounds, integrality=int(whole),
                method="highs",
            )  # fmt: skip
            if sign < 0 and solved.status in {3, 4}:  # without end: HiGHS says 4 of integer programs
                found.append(float("inf"))
            else:
                assert solved.status == 0, solved.message
                found.append(sign * solved.fun)
        return found[0], found[1]


def narrowed(
    catalogue: Catalogue, values: Mapping[Key, int], widths: Mapping[Key, int], hidden: frozenset[Key],
    *, less: Mapping[Key, int] | None = None, whole: bool = False,
) -> list[Key]:  # fmt: skip
    """The sensitive cells that an outsider gets closer to than their width; `less`: what each cell may fall by."""
    room = values if less is None else less
    published = {key: value for key, value in values.items() if key not in hidden}
    outsider = Outsider(catalogue, published, {key: values[key] - room[key] for key in values})
    found = []
    for key, width in widths.items():
        low, high = outsider.interval(key, whole=whole)
        slack = 1e-6 * (1 + values[key])
        if low > values[key] - min(width, room[key]) + slack or high < values[key] + width - slack:
            found.append(key)
    return found
