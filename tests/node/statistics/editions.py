"""Made-up seizures for the tests of published tables, and a recount in plain Python."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from node.services.statistics import publication
from node.services.statistics.publication import Wishes
from node.storage import drafts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.federated import Nodes

SHOWN = {
    "by_month": ("month",), "by_category": ("category",), "by_right": ("right",),
    "by_origin": ("origin",), "by_destination": ("destination",), "by_conveyance": ("conveyance",),
    "by_procedure": ("procedure",), "category_by_month": ("category", "month"),
    "category_by_origin": ("category", "origin"), "category_by_destination": ("category", "destination"),
    "category_by_conveyance": ("category", "conveyance"), "category_by_procedure": ("category", "procedure"),
}  # fmt: skip
GOODS = {"footwear": "64", "clothing": "61", "pharmaceuticals": "30"}
YEAR = Wishes(first="2025-01", last="2025-12")


@dataclass(frozen=True)
class Case:
    month: str
    category: str
    origin: str | None
    destination: str
    conveyance: str
    holder: str
    """Right holder."""

    @property
    def facts(self) -> dict[str, str]:
        return {
            "month": self.month, "category": self.category, "right": "trademark",
            "origin": self.origin or "(unknown)", "destination": self.destination, "conveyance": self.conveyance,
            "procedure": "(unknown)",
        }  # fmt: skip

    def groups(self, reference: str, administration: str = "KE") -> dict[str, Any]:
        chain = [{"role": "destination", "country": self.destination}]
        if self.origin:
            chain.insert(0, {"role": "origin", "country": self.origin})
        return {
            "case": {
                "reference": reference, "administration": administration,
                "dates": [{"kind": "seized", "on": self.month}],
            },
            "goods": [
                {
                    "line": "1", "wco": [self.category],
                    "hs": {"scheme": "HS", "edition": "2022", "code": GOODS[self.category]},
                }
            ],
            "right": [{"line": "1", "types": ["trademark"], "brands": [self.holder]}],
            "route": {"chain": chain},
            "transport": {"conveyance": self.conveyance},
        }  # fmt: skip


def made_up(seed: int, count: int, *, holders: int = 8) -> list[Case]:
    chance = random.Random(seed)  # noqa: S311 - cases to try, no secret

    def one_of(values: Sequence[Any]) -> Any:
        return values[int(len(values) * chance.random() ** 1.4)]

    return [
        Case(
            month=one_of(["2025-02", "2025-03", "2025-05"]), category=one_of(list(GOODS)),
            origin=one_of(["CN", "TR", None]), destination=one_of(["KE", "UG", "RW"]),
            conveyance=one_of(["sea", "air", "post"]), holder=f"Holder {int(holders * chance.random())}",
        )
        for _ in range(count)
    ]  # fmt: skip


def recounted(cases: Sequence[Case]) -> dict[str, dict[tuple[str, ...], Counter[str]]]:
    """Table → key → holder → cases."""
    found: dict[str, dict[tuple[str, ...], Counter[str]]] = {}
    for name, dims in SHOWN.items():
        table = found.setdefault(name, {})
        for case in cases:
            keys: list[tuple[str, ...]] = [()]
            for dim in dims:
                keys = [(*key, code) for key in keys for code in (case.facts[dim], "_T")]
            for key in keys:
                table.setdefault(key, Counter())[case.holder.lower()] += 1
    return found


def release(nodes: Nodes, cases: Sequence[Case], *, node: str = "KE", start: int = 0) -> None:
    """Release these seizures as records of a node, in one go."""
    nodes.now += 1
    database = nodes.databases[node]
    new = [
        drafts.NewDraft(
            kind="seizure", administration=node, reference=f"S-{start + at}",
            groups=case.groups(f"S-{start + at}", node), content_hash=str(at),
        )
        for at, case in enumerate(cases)
    ]  # fmt: skip
    with database.write() as connection:
        drafts.put(connection, new, now=nodes.now)
        ids = drafts.waiting(connection, kind="seizure")
    for report in nodes.publisher(node).release(database, ids, by="officer", second=None, now=nodes.now):
        assert not report.refused, report.refused


def publish(nodes: Nodes, wishes: Wishes = YEAR, *, node: str = "KE") -> publication.Edition:
    """Draw an edition and release it."""
    nodes.now += 1
    database = nodes.databases[node]
    drawn = publication.draw(database, wishes, node=node, now=nodes.now)
    with database.write() as connection:
        ids = drafts.waiting(connection, kind="statistics")
    for report in nodes.publisher(node).release(database, ids, by="officer", second=None, now=nodes.now):
        assert not report.refused, report.refused
    return drawn
