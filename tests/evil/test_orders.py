"""Two lanes, any order: what is held in the end is what the entry with the highest grant counter says.

Bodies come as they were before anything was taken back, as a page shows them that was fetched early and stored late.
"""

import json
from itertools import combinations

import pytest

from federation.grants import Handling, strictest
from tests.evil.desk import Victim
from tests.evil.peer import FLOOR, GRANT, EvilPeer
from tests.factories import make_federation
from tests.simulator.naive import shown_groups

FED = make_federation(["KE", "TZ", "ZA"])
GROUPS = {
    "case": {"reference": "R-1", "administration": "ZA"},
    "right": [{"brands": ["Nordwind"]}],
    "goods": [{"line": "1", "wco": ["footwear"]}],
}
RED, LATER = {**GRANT, "tlp": "red"}, {**GRANT, "keep_until": 1_900_000_000}

# (operation, groups granted after it, groups shown with it, grant): the counter is the place.
HISTORIES = {
    "a part is taken back": [("put", "case right", "case right", GRANT), ("less", "case", "", None)],
    "all is taken back": [("put", "case right", "case right", GRANT), ("less", "", "", None)],
    "it is tightened": [("put", "case right", "case right", GRANT), ("tighten", "case right", "", RED)],
    "it is tightened twice": [
        ("put", "case", "case", GRANT), ("tighten", "case", "", RED), ("tighten", "case", "", LATER),
    ],
    "a part is taken back and what stays is tightened": [
        ("put", "case right", "case right", GRANT), ("less", "right", "", None), ("tighten", "right", "", RED),
    ],
    "one group is exchanged for another": [
        ("put", "case right", "case right", GRANT), ("less", "case", "", None),
        ("more", "case goods", "goods", GRANT),
    ],
    "more is given and a part taken back": [
        ("put", "case", "case", GRANT), ("more", "case right goods", "right goods", GRANT),
        ("less", "goods", "", None),
    ],
    "more is given after a tightening": [
        ("put", "case", "case", GRANT), ("tighten", "case", "", RED), ("more", "case right", "right", RED),
    ],
    "all is taken back and a part given again": [
        ("put", "case right", "case right", GRANT), ("less", "", "", None), ("put", "right", "right", GRANT),
    ],
    "given, widened, taken back, given again, narrowed": [
        ("put", "case", "case", GRANT), ("more", "case right", "right", GRANT), ("tighten", "case right", "", RED),
        ("less", "", "", None), ("put", "right goods", "right goods", GRANT), ("less", "goods", "", None),
        ("tighten", "goods", "", LATER),
    ],
}  # fmt: skip


def orders(bulk, urgent):
    """All ways to take two lanes in, each in its own order."""
    size = len(bulk) + len(urgent)
    for places in combinations(range(size), len(bulk)):
        yield ["bulk" if place in places else "urgent" for place in range(size)]


@pytest.mark.parametrize("sentence", HISTORIES)
def test_any_order_of_arrival_ends_the_same(sentence, tmp_path, make_sqlite):
    history = HISTORIES[sentence]
    lanes = {"bulk": [], "urgent": []}
    for number, (op, *_) in enumerate(history):
        lanes["urgent" if op in {"less", "tighten"} else "bulk"].append(number)
    granted = set(history[-1][1].split())
    fresh = max(number for number, (op, *_) in enumerate(history) if op == "put")
    grants = [grant for number, (_, _, _, grant) in enumerate(history) if grant and number >= fresh]
    owed = strictest(Handling.from_json(FLOOR), *map(Handling.from_json, grants))
    for number, order in enumerate(orders(lanes["bulk"], lanes["urgent"])):
        peer, database = EvilPeer(FED, "ZA"), make_sqlite(tmp_path / f"{number}.db")
        victim, signed = Victim(FED, database), peer.record(groups=GROUPS)
        feeds = {lane: peer.feed("TZ", lane) for lane in lanes}
        for counter, (op, after, shown, grant) in enumerate(history, 1):
            leaf = {**signed.leaf(*after.split()), "op": op, "gc": counter}
            leaf |= {"gm": "000000"} if not after else {}
            if grant is None:
                leaf.pop("grant")
            else:
                leaf["grant"] = grant
            lane = "urgent" if op in {"less", "tighten"} else "bulk"
            feeds[lane].append(leaf, signed.shown(*shown.split()) if shown else None)
        taken = {"bulk": 0, "urgent": 0}
        for lane in order:
            victim.take(feeds[lane].page(taken[lane], taken[lane] + 1), lane)
            taken[lane] += 1
            (row,) = victim.rows()
            assert row.state in {"received", "withdrawn"}, order
        assert row.gc == len(history), order
        assert (shown_groups(f"x~{row.disclosures}~") if row.disclosures else set()) == granted, order
        assert not row.pending, order
        assert victim.aside("held") == victim.aside("awaiting") == {}, order
        if granted:
            assert Handling.from_json(json.loads(row.handling)) == owed, order
        else:
            assert (row.jwt, row.state) == ("", "withdrawn")
        database.close()
