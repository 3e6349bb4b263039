"""Suppression: an outsider's linear program over all that is published gets no closer than the protection width."""

from __future__ import annotations

import random
import time
from dataclasses import replace

import pytest

from node.services.statistics.suppression import (
    Catalogue,
    Cell,
    Dimension,
    Earlier,
    Rules,
    SuppressionRefused,
    suppress,
)
from tests.node.statistics.tables import CATALOGUES, counted, drawn, flat, narrowed, values_of

SEEDS = (0, 1, 2, 3, 4, 6, 9, 11)
# 9 and 11 notice when it is forgotten what earlier versions showed.
RULES = Rules(threshold=3, dominance=(2, 90), p_percent=15)


def example(name, seed, *, records=None):
    chance = random.Random(f"{name} {seed}")  # noqa: S311 - tables to try, no secret
    catalogue = CATALOGUES[name]
    return catalogue, drawn(catalogue, chance, records=records or chance.choice([15, 40, 120, 300])), chance


@pytest.mark.parametrize("name", CATALOGUES)
@pytest.mark.parametrize("seed", SEEDS)
def test_an_outsider_gets_no_closer_to_a_sensitive_cell_than_its_width(name, seed):
    catalogue, records, _ = example(name, seed)
    cells = counted(catalogue, records)
    pattern = suppress(catalogue, cells, RULES)
    assert set(pattern.primary) == {key for key, cell in cells.items() if RULES.width(cell)}
    assert pattern.withheld or all(cells[key].value for key in pattern.suppressed)
    assert narrowed(catalogue, values_of(cells), pattern.primary, pattern.suppressed) == []


@pytest.mark.parametrize("name", CATALOGUES)
@pytest.mark.parametrize("seed", range(3))
def test_to_know_that_values_are_whole_numbers_does_not_help(name, seed):
    catalogue, records, _ = example(name, seed, records=40)
    cells = counted(catalogue, records)
    pattern = suppress(catalogue, cells, RULES)
    assert pattern.primary
    assert narrowed(catalogue, values_of(cells), pattern.primary, pattern.suppressed, whole=True) == []


@pytest.mark.parametrize("name", CATALOGUES)
def test_without_secondary_suppression_the_same_outsider_does_get_closer(name):
    found = 0
    for seed in SEEDS:
        catalogue, records, _ = example(name, seed)
        cells = counted(catalogue, records)
        pattern = suppress(catalogue, cells, RULES)
        found += len(narrowed(catalogue, values_of(cells), pattern.primary, frozenset(pattern.primary)))
    assert found > 0


def corrected(records, chance):
    """What a correction does: an amount changes, a record goes, another comes."""
    found = list(records)
    for _ in range(min(chance.choice([1, 1, 3]), len(found) - 1)):
        at = chance.randrange(len(found))
        place, member, amount = found[at]
        what = chance.random()
        if what < 0.5:
            found[at] = (place, member, max(1, int(amount * chance.choice([0.2, 0.9, 1.5, 4]))))
        elif what < 0.8:
            del found[at]
        else:
            found.append((place, f"member{chance.randrange(5)}", 1 + int(amount * chance.random())))
    return found


@pytest.mark.parametrize("name", CATALOGUES)
@pytest.mark.parametrize("seed", SEEDS)
def test_who_knows_every_difference_between_versions_gets_no_closer_either(name, seed):
    catalogue, records, chance = example(name, seed)
    out = []
    for _ in range(3):
        cells = counted(catalogue, records)
        pattern = suppress(catalogue, cells, RULES, earlier=out)
        if pattern.withheld:
            break
        assert all(one.pattern.suppressed <= pattern.suppressed for one in out)
        assert narrowed(catalogue, values_of(cells), pattern.primary, pattern.suppressed) == []
        out.append(Earlier(values=values_of(cells), pattern=pattern))
        records = corrected(records, chance)
    # With the differences a cell is known in each version when one of them shows it, and is below zero in none.
    for first in range(len(out) - 1):
        versions = out[first:]
        silent = frozenset.intersection(*(one.pattern.suppressed for one in versions))
        lowest = {key: min(one.values[key] for one in versions) for key in versions[0].values}
        kept = {key: width for key, width in out[-1].pattern.primary.items() if key in silent}
        assert narrowed(catalogue, versions[0].values, kept, silent, less=lowest) == []


def test_a_cell_that_grew_is_protected_in_the_new_version_as_far_as_it_can_fall_there():
    """In the first version it could fall by 1 only, and a hiding place that can lose no more served for that."""
    catalogue = Catalogue(dimensions=(flat("a", 3), flat("b", 3)), tables=(("a", "b"),))
    rules = Rules(threshold=2, width_percent=100, dominance=None, p_percent=None)
    out = []
    for version in ([1, 110, 43, 103, 6, 200, 140, 103, 41], [100, 140, 20, 110, 43, 110, 41, 4, 13]):
        records = []
        for at, amount in enumerate(version):
            place = (f"a{at // 3}", f"b{at % 3}")
            records += [(place, "KE", amount)] if at == 0 else [(place, "KE", amount - 1), (place, "UG", 1)]
        cells = counted(catalogue, records)
        pattern = suppress(catalogue, cells, rules, earlier=out)
        assert not pattern.withheld
        assert narrowed(catalogue, values_of(cells), pattern.primary, pattern.suppressed) == []
        out.append(Earlier(values=values_of(cells), pattern=pattern))


def test_when_a_new_version_chose_its_own_pattern_the_differences_would_reveal_cells():
    found = 0
    for seed in range(40):
        catalogue, records, chance = example("a table with its margins", seed, records=60)
        first, second = counted(catalogue, records), counted(catalogue, corrected(records, chance))
        before, after = suppress(catalogue, first, RULES), suppress(catalogue, second, RULES)
        silent = before.suppressed & after.suppressed
        values = values_of(first)
        less = {key: min(values[key], cell.value) for key, cell in second.items()}
        kept = {key: width for key, width in before.primary.items() if key in silent}
        found += len(narrowed(catalogue, values, kept, silent, less=less))
        found += len(before.suppressed - after.suppressed)
    assert found > 0


@pytest.mark.parametrize("name", CATALOGUES)
def test_the_same_input_gives_the_same_pattern_in_whatever_order_it_comes(name):
    catalogue, records, _ = example(name, 3)
    cells = counted(catalogue, records)
    assert suppress(catalogue, cells, RULES) == suppress(catalogue, dict(reversed(cells.items())), RULES)


def test_most_random_tables_are_not_withheld_as_a_whole():
    patterns = []
    for name in CATALOGUES:
        for seed in SEEDS:
            catalogue, records, _ = example(name, seed)
            patterns.append(suppress(catalogue, counted(catalogue, records), RULES))
    assert sum(pattern.withheld for pattern in patterns) <= len(patterns) / 20


def test_a_table_that_cannot_be_protected_is_withheld_and_does_not_bind_later_ones():
    catalogue = CATALOGUES["one dimension"]
    lone = counted(catalogue, [(("a0",), "KE", 5)])
    known = counted(catalogue, [(("a0",), member, 5) for member in ("KE", "UG", "TZ", "RW")])
    open_ = suppress(catalogue, known, Rules(dominance=None, p_percent=None))
    assert not open_.suppressed
    rules = Rules(dominance=None, p_percent=None)
    later = suppress(catalogue, lone, rules, earlier=[Earlier(values=values_of(known), pattern=open_)])
    assert later.primary == {("a0",): 3, ("all",): 3}
    nothing = replace(open_, withheld=True, secondary=frozenset(known))
    again = suppress(catalogue, known, rules, earlier=[Earlier(values=values_of(lone), pattern=nothing)])
    assert not again.suppressed


def test_a_version_that_the_differences_would_give_away_is_withheld():
    """The other hidden cell fell to nothing: to hide the first behind a third, which is out, would show it."""
    catalogue = Catalogue(dimensions=(flat("a", 3),), tables=(("a",),))
    many = {f"m{at}": 10 for at in range(9)}
    rules = Rules(dominance=None, p_percent=None)
    first = {("a0",): {"KE": 8}, ("a1",): {"m0": 5, "m1": 5, "m2": 5}, ("a2",): many}
    first = {key: Cell.of(given) for key, given in first.items()}
    first[("all",)] = Cell(value=113, count=10, largest=(10, 10))
    before = suppress(catalogue, first, rules)
    assert before.suppressed == {("a0",), ("a1",)}
    second = {**first, ("a1",): Cell(value=0, count=0), ("all",): Cell(value=98, count=10, largest=(10, 10))}
    after = suppress(catalogue, second, rules, earlier=[Earlier(values=values_of(first), pattern=before)])
    assert after.withheld
    assert after.suppressed == set(second)


RULE_CASES = {
    "two contributors are too few": (Rules(dominance=None, p_percent=None), Cell.of({"KE": 40, "UG": 60}), 50),
    "three are enough": (Rules(dominance=None, p_percent=None), Cell.of({"KE": 40, "UG": 60, "TZ": 1}), 0),
    "nobody is not too few": (Rules(), Cell(value=0, count=0), 0),
    "two that are nearly all dominate": (
        Rules(threshold=0, dominance=(2, 90), p_percent=None), Cell(value=100, count=9, largest=(80, 15)), 6,
    ),
    "two that are exactly k per cent do not": (
        Rules(threshold=0, dominance=(2, 90), p_percent=None), Cell(value=100, count=9, largest=(80, 10)), 0,
    ),
    "the second can work out the first": (
        Rules(threshold=0, dominance=None, p_percent=20), Cell(value=100, count=9, largest=(80, 15)), 11,
    ),
    "the second can not": (
        Rules(threshold=0, dominance=None, p_percent=20), Cell(value=100, count=9, largest=(70, 16)), 0,
    ),
    "the widest rule counts": (Rules(threshold=5), Cell(value=100, count=4, largest=(97, 1)), 50),
}  # fmt: skip


@pytest.mark.parametrize("case", RULE_CASES)
def test_a_rule_gives_the_width_that_it_asks_for(case):
    rules, cell, width = RULE_CASES[case]
    assert rules.width(cell) == width


def test_the_report_counts_cells_and_values():
    catalogue = Catalogue(dimensions=(flat("a", 3), flat("b", 3)), tables=(("a", "b"),))
    members = ("KE", "UG", "TZ", "RW")
    records = [((f"a{i}", f"b{j}"), member, 10) for i in range(3) for j in range(3) for member in members]
    records = [one for one in records if one[0] != ("a0", "b0")] + [(("a0", "b0"), "KE", 7)]
    pattern = suppress(catalogue, counted(catalogue, records), Rules(dominance=None, p_percent=None))
    assert pattern.primary == {("a0", "b0"): 4}
    assert pattern.secondary == {("a0", "b1"), ("a1", "b0"), ("a1", "b1")}
    assert (pattern.cells, pattern.primary_value, pattern.secondary_value) == (16, 7, 120)
    assert pattern.total_value == 4 * (8 * 40 + 7)


def test_a_cell_behind_which_one_stands_alone_hides_others_last():
    catalogue = CATALOGUES["one dimension"]
    records = [((f"a{i}",), member, 100 + i) for i in range(2, 6) for member in ("KE", "UG", "TZ")]
    records += [(("a0",), "KE", 2), (("a1",), "KE", 9)]
    rules = Rules(threshold=1, dominance=(1, 90), p_percent=None)
    cells = counted(catalogue, records)
    cells[("a1",)] = Cell(value=9, count=1, largest=(8,))  # 8 of 9: it does not dominate by these rules
    pattern = suppress(catalogue, cells, rules)
    assert pattern.primary == {("a0",): 1}
    assert ("a1",) not in pattern.suppressed


def _small(**changes):
    catalogue = Catalogue(dimensions=(flat("a", 2),), tables=(("a",),))
    cells = {("a0",): Cell.of({"KE": 1}), ("a1",): Cell.of({"UG": 2}), ("all",): Cell.of({"KE": 1, "UG": 2})}
    return catalogue, {**cells, **changes.get("cells", {})}


REFUSED = {
    "a total that is no sum": ({("all",): Cell(value=4, count=2, largest=(2, 1))}, "all is not the sum of its parts"),
    "a negative value": ({("a0",): Cell(value=-1, count=1, largest=(1,))}, "a0: a value is a whole number from 0"),
    "a cell of no table": ({("a7",): Cell(value=0, count=0)}, "every cell of every table"),
    "largest contributions that are not given": ({("all",): Cell(value=3, count=2)}, "give its 2 largest"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_set_of_tables_is_refused(case):
    cells, words = REFUSED[case]
    catalogue, given = _small(cells=cells)
    with pytest.raises(SuppressionRefused, match=words):
        suppress(catalogue, given, Rules())


def test_codes_that_lead_to_no_total_and_tables_of_nothing_are_refused():
    with pytest.raises(SuppressionRefused, match="does not lead up"):
        Dimension(name="a", root="all", parents={"x": "y", "y": "x"})
    with pytest.raises(SuppressionRefused, match="does not lead up"):
        Dimension(name="a", root="all", parents={"x": "lost"})
    with pytest.raises(SuppressionRefused, match="unknown dimensions"):
        Catalogue(dimensions=(flat("a", 2),), tables=(("b",),))
    with pytest.raises(SuppressionRefused, match="percentages"):
        Rules(width_percent=0)


def test_a_hundred_by_a_hundred_is_done_in_seconds():
    catalogue = Catalogue(dimensions=(flat("a", 100), flat("b", 100)), tables=(("a", "b"),))
    chance = random.Random(7)  # noqa: S311 - the same table each time
    cells = counted(catalogue, drawn(catalogue, chance, records=60_000, members=12))
    began = time.perf_counter()
    pattern = suppress(catalogue, cells, Rules())
    took = time.perf_counter() - began
    assert not pattern.withheld
    assert took < 10  # about 1 s on a free machine; a loop that grows with the square of the cells takes minutes
