"""Decide which cells of linked tables are not published, so that what is published does not give them away.

Primary: a cell is sensitive when too few stand behind it (threshold), when a few make up nearly all of it (dominance),
or when the second largest contributor could work out the largest too closely (p%). Each rule says how far an outsider
must stay from the true value: the protection width.

Secondary: totals are published, so a single empty cell is found by subtraction. For each sensitive cell two other
fillings of the unpublished cells are searched, by moves that keep every total (`suppression_moves`): one in which the
cell is larger by its width, one in which it is smaller by its width (or 0). Both have whole numbers, none below zero,
and agree with all that is published, so whoever knows only that cannot rule them out: his interval reaches from one to
the other. That holds for linear and integer programs alike, needs no solver, and stays true when more is suppressed. No
cell that is 0 hides another. When no such fillings are found, the whole catalogue is withheld.

Again: a table that is released again keeps its pattern (a cell suppressed in one version is suppressed in all later
ones). The fillings for a sensitive cell touch only cells that no version published since it is suppressed itself, and
take none below zero in any of them: added to each of these versions they change no difference between two, so even who
knows how much every cell was corrected learns nothing. A figure that was published and is sensitive only now cannot be
taken back: it is protected from the new version on.

Left to others: who counts as a contributor, and that earlier versions are handed over. Trust: whoever stands alone
behind a cell knows it; such cells are taken last to hide others, and can be taken.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from node.services.statistics.suppression_moves import Grid

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from node.services.statistics.suppression_moves import Move

Key = tuple[str, ...]
"""A cell by its code in each dimension, in the order of the catalogue; the root where a table does not show one."""
MAX_VALUE: Final = 2**53
"""Whole numbers beyond this are not exact in other people's software."""
MAX_STEPS: Final = 64
"""Moves that together protect one cell in one direction; more would empty the table for it."""
_ALONE: Final = 1
_ALONE_COSTS: Final = 100.0
"""More than the logarithm of any value: a cell behind which one contributor stands is a bad hiding place."""
_HUNDRED: Final = 100


class SuppressionRefused(ValueError):  # noqa: N818 - the name is the sentence
    """The input is no set of tables that can be protected; the message names what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dimension:
    """A tree of codes: `root` is the total, `parents` leads from every other code to the one above it."""

    name: str
    root: str
    parents: Mapping[str, str]

    def __post_init__(self) -> None:
        for code in self.parents:
            seen, at = {code}, code
            while at != self.root:
                at = self.parents.get(at, "")
                if at in seen or (at != self.root and at not in self.parents):
                    raise SuppressionRefused(f"{self.name}: the code {code} does not lead up to {self.root}")
                seen.add(at)
        if self.root in self.parents:
            raise SuppressionRefused(f"{self.name}: the total {self.root} stands below another code")


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The tables that are published together: each is the names of the dimensions that it shows, with all totals."""

    dimensions: tuple[Dimension, ...]
    tables: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        names = [dimension.name for dimension in self.dimensions]
        if not self.tables or len(set(names)) < len(names):
            raise SuppressionRefused("catalogue: give at least one table, and each dimension a name of its own")
        for table in self.tables:
            if not table or len(set(table)) < len(table) or not set(table) <= set(names):
                raise SuppressionRefused(f"catalogue: the table {' × '.join(table)} names no or unknown dimensions")

    def key(self, **codes: str) -> Key:
        """The cell with these codes, at the total of every other dimension."""
        return tuple(codes.get(dimension.name, dimension.root) for dimension in self.dimensions)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """A figure: its value, how many contributors stand behind it, and the largest contributions, largest first."""

    value: int
    count: int
    largest: tuple[int, ...] = ()

    @classmethod
    def of(cls, contributions: Mapping[str, int]) -> Cell:
        """The cell that these contributors (administrations, right holders) make up.

        >>> Cell.of({"KE": 5, "UG": 90, "TZ": 0})
        Cell(value=95, count=2, largest=(90, 5))
        """
        given = sorted((amount for amount in contributions.values() if amount), reverse=True)
        return cls(value=sum(given), count=len(given), largest=tuple(given))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a cell is sensitive. A rule that is None or 0 is not asked."""

    threshold: int = 3
    """Fewer contributors than this are too few."""
    width_percent: int = 50
    """Protection width, in per cent of the value, of a cell with too few contributors."""
    dominance: tuple[int, int] | None = (1, 85)
    """(n, k): the n largest contributions together are more than k per cent of the value."""
    p_percent: int | None = 10
    """What remains beside the two largest contributions is less than this share of the largest."""

    def __post_init__(self) -> None:
        n, k = self.dominance or (1, 1)
        if self.threshold < 0 or not 0 < self.width_percent <= _HUNDRED or n < 1 or not 0 < k < _HUNDRED:
            raise SuppressionRefused("rules: percentages lie between 0 and 100, n and the threshold are not negative")

    def needed(self) -> int:
        """How many of the largest contributions of a cell have to be given."""
        return max(self.dominance[0] if self.dominance else 0, 2 if self.p_percent else 0)

    def width(self, cell: Cell) -> int:
        """How far an outsider must stay from the value, at least; 0 when the cell is not sensitive.

        >>> Rules().width(Cell(value=100, count=9, largest=(95, 1)))
        12
        """
        if cell.value == 0:
            return 0
        width = 0
        if cell.count < self.threshold:
            width = max(1, _up(cell.value * self.width_percent, _HUNDRED))
        if self.dominance:
            n, k = self.dominance
            # So much more, and the n largest would be k per cent and no longer above it.
            width = max(width, _up(_HUNDRED * sum(cell.largest[:n]), k) - cell.value)
        if self.p_percent and cell.largest:
            rest = cell.value - sum(cell.largest[:2])
            width = max(width, _up(self.p_percent * cell.largest[0], _HUNDRED) - rest)
        return width


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """What is not published. `primary`: the width of each cell that is sensitive, or was in an earlier version."""

    primary: Mapping[Key, int]
    secondary: frozenset[Key]
    withheld: bool
    """No pattern protects: nothing of the catalogue is published in this version, and what is out stands."""
    cells: int
    primary_value: int
    """The sum of the values in sensitive cells; totals and their parts are counted each."""
    secondary_value: int
    total_value: int
    """The sum of the values in all cells, counted in the same way."""

    @property
    def suppressed(self) -> frozenset[Key]:
        """Every cell that is not published."""
        return self.secondary | frozenset(self.primary)


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """A version of the same catalogue that is out: its true values and its pattern."""

    values: Mapping[Key, int]
    pattern: Pattern


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ground:
    """What a move may use: how much each cell can lose, and which cells it may touch at all."""

    room: NDArray[np.int64]
    usable: NDArray[np.bool_]


@dataclass(kw_only=True)
class _State:
    """What is suppressed so far, and what one more cell costs. The last place is the cell that is none."""

    suppressed: NDArray[np.bool_]
    cost: NDArray[np.float64]

    def take(self, move: Move) -> None:
        self.suppressed[move.cells] = True
        self.cost[move.cells] = 0.0


def suppress(
    catalogue: Catalogue, cells: Mapping[Key, Cell], rules: Rules, *, earlier: Sequence[Earlier] = ()
) -> Pattern:
    """Return what is not published of these tables; the same input gives the same pattern.

    `cells` has every cell of every table. Raises `SuppressionRefused` when one is missing, negative or not the sum of
    its parts, and when earlier versions are of another catalogue.
    """
    grid = Grid(catalogue)
    values = _checked(grid, {key: cell.value for key, cell in cells.items()}, "cells")
    short = next((key for key in grid.keys if len(cells[key].largest) < min(rules.needed(), cells[key].count)), None)
    if short is not None:
        raise SuppressionRefused(f"cells: {' '.join(short)}: give its {rules.needed()} largest contributions")
    out = [one for one in earlier if not one.pattern.withheld]  # where nothing was published, nothing can differ
    versions = [*(_checked(grid, one.values, "earlier") for one in out), values]
    number = {key: at for at, key in enumerate(grid.keys)}

    sensitive = {at: width for at, key in enumerate(grid.keys) if (width := rules.width(cells[key]))}
    since = np.full(grid.size, len(out))  # the version from which on a cell is suppressed
    for at, one in reversed(list(enumerate(out))):
        since[[number[key] for key in one.pattern.suppressed]] = at
        for key, width in one.pattern.primary.items():
            sensitive[number[key]] = max(width, sensitive.get(number[key], 0))

    cost = np.append(1.0 + np.log2(1.0 + values), 0.0)
    cost[[at for at, key in enumerate(grid.keys) if cells[key].count == _ALONE]] += _ALONE_COSTS
    state = _State(suppressed=np.append(since < len(out), False), cost=cost)
    state.suppressed[list(sensitive)] = True
    state.cost[state.suppressed] = 0.0
    grounds = {}
    for first in range(len(versions)):
        # For a cell suppressed from this version on: those that were published in none since, as low as they were.
        room = np.append(np.min(versions[first:], axis=0), 0)
        grounds[first] = _Ground(room=room, usable=(room > 0) & np.append(since <= first, False))
    order = sorted(sensitive, key=lambda at: (-sensitive[at], at))
    withheld = not all(
        _protect(grid, at, sensitive[at], state, ground)
        for at in order
        for ground in _asked(at, sensitive[at], [grounds[first] for first in range(int(since[at]), len(versions))])
    )
    if withheld:
        state.suppressed[:] = True
    return _pattern(grid, sensitive, state.suppressed, values, withheld=withheld)


def _asked(cell: int, width: int, grounds: Sequence[_Ground]) -> Iterator[_Ground]:
    """The first ground, for all versions since the cell is suppressed; a later one where the cell can fall further."""
    reached = -1
    for ground in grounds:
        fall = min(width, int(ground.room[cell]))
        if fall > reached:
            reached = fall
            yield ground


def _protect(grid: Grid, cell: int, width: int, state: _State, ground: _Ground) -> bool:
    """Suppress what keeps the cell uncertain by `width` both ways, as far as it can fall; False: impossible."""
    down = min(width, int(ground.room[cell]))
    # Mostly one move serves both ways: it is made of cells that each could lose the whole width.
    bad = (~ground.usable | (ground.room < width)).astype(np.float64)
    bad[cell] = bad[-1] = 0.0
    both = grid.cheapest(cell, grid.modes(cell)[0], cost=state.cost, bad=bad)
    if both is not None:
        state.take(both)
        return True
    return all(_widen(grid, cell, way, state, ground) for way in (width, -down))


def _widen(grid: Grid, cell: int, change: int, state: _State, ground: _Ground) -> bool:
    """Find moves that add up to `change` (below 0: the cell falls): of one mode if that is enough, then of all."""
    modes = grid.modes(cell)
    for mode in modes:
        tried = _State(suppressed=state.suppressed.copy(), cost=state.cost.copy())
        if _add_up(grid, cell, change, [mode], state=tried, ground=ground):
            state.suppressed, state.cost = tried.suppressed, tried.cost
            return True
    return _add_up(grid, cell, change, modes, state=state, ground=ground)


def _add_up(
    grid: Grid, cell: int, change: int, modes: Sequence[Sequence[bool]], *, state: _State, ground: _Ground
) -> bool:
    """Apply the cheapest moves one after another, large ones first, to one filling of the tables."""
    way, left = (1 if change > 0 else -1), abs(change)
    filling = ground.room.copy()
    hard = (~ground.usable).astype(np.float64)
    hard[cell] = hard[-1] = 0.0
    steps = 0
    for mode in modes:
        size = left
        while left > 0 and size > 0 and steps < MAX_STEPS:
            size = min(size, left)
            half = (filling < size).astype(np.float64) / 2
            half[-1] = 0.0
            move = grid.cheapest(cell, mode, cost=state.cost, bad=hard + half, signed=-way * half)
            if move is None:
                size //= 2
                continue
            state.take(move)
            filling[move.cells] += way * size * move.signs
            left -= size
            steps += 1
    return left == 0


def _checked(grid: Grid, values: Mapping[Key, int], what: str) -> NDArray[np.int64]:
    if set(values) != set(grid.keys):
        raise SuppressionRefused(f"{what}: give every cell of every table of the catalogue, and no other")
    wrong = next((key for key in grid.keys if not 0 <= values[key] <= MAX_VALUE), None)
    if wrong is not None:
        raise SuppressionRefused(f"{what}: {' '.join(wrong)}: a value is a whole number from 0 to {MAX_VALUE}")
    found = np.array([values[key] for key in grid.keys], dtype=np.int64)
    for total, parts in grid.relations():
        if found[total] != found[parts].sum():
            raise SuppressionRefused(f"{what}: {' '.join(grid.keys[total])} is not the sum of its parts")
    return found


def _pattern(
    grid: Grid, sensitive: Mapping[int, int], suppressed: NDArray[np.bool_], values: NDArray[np.int64], *,
    withheld: bool,
) -> Pattern:  # fmt: skip
    hidden = {int(at) for at in np.flatnonzero(suppressed[:-1])}
    secondary = hidden - set(sensitive)
    figures = values.tolist()  # their sums may be larger than 64 bits
    return Pattern(
        primary={grid.keys[at]: width for at, width in sorted(sensitive.items())},
        secondary=frozenset(grid.keys[at] for at in secondary), withheld=withheld, cells=grid.size,
        primary_value=sum(figures[at] for at in sensitive), secondary_value=sum(figures[at] for at in secondary),
        total_value=sum(figures),
    )  # fmt: skip


def _up(numerator: int, denominator: int) -> int:
    """The quotient, rounded up."""
    return -(-numerator // denominator)
