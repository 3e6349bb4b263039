"""What is wrong or missing in one seizure, as a regional office sees it, from the groups that it holds.

A group that was not granted is not missing: nothing is said about it. Pure functions. Trust: what others issue may have
any form; what has another form than expected is skipped, and nothing raises.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from federation.records.facts import mapping, objects, of_seizure, readable

if TYPE_CHECKING:
    from collections.abc import Mapping

SENTENCES: Final[Mapping[str, str]] = {
    "unit_missing": "a quantity has no unit",
    "category_missing": "goods have an HS code and no category",
    "currency_missing": "a value has no currency",
    "basis_missing": "a value has no basis: declared, genuine retail ...",
    "date_unknown": "the day of the event is not told",
    "date_in_future": "the event lies after the record was signed",
    "destination_missing": "the route has no destination",
    "line_unknown": "a quantity, value or right names a line that the goods do not have",
    "place_contradicts_route": "the place and the route name different countries of discovery",
    "papers_contradict_conveyance": "the conveyance does not go with the papers: sea with an air waybill, or the like",
}
"""What can be found, in the order in which it is listed, each with its sentence."""
MAX_ENTRIES: Final = 200
"""Entries of one list that are read."""
MAX_NUMBERS: Final = 20
"""Containers of one record that are compared with those of others."""
_PAPERS: Final[Mapping[str, frozenset[str]]] = {
    "sea": frozenset({"awb", "flight"}),
    "air": frozenset({"imo"}),
}


def findings(groups: Mapping[str, Any], *, iat: int) -> tuple[str, ...]:
    """Words of `SENTENCES` that hold of a record with these held groups, signed at `iat` (seconds)."""
    found = {
        "unit_missing": any(_without(item.get("amount"), "unit") for item in _entries(groups, "quantity")),
        "category_missing": any(
            item.get("hs") and not item.get("wco") and not item.get("eu") for item in _entries(groups, "goods")
        ),
        "currency_missing": any(_without(item.get("money"), "currency") for item in _entries(groups, "value")),
        "basis_missing": any(_without(item.get("money"), "basis") for item in _entries(groups, "value")),
        **_dates(groups, iat),
        "destination_missing": _no_destination(groups),
        "line_unknown": _unknown_line(groups),
        "place_contradicts_route": _two_places(groups),
        "papers_contradict_conveyance": _wrong_papers(groups),
    }
    return tuple(word for word in SENTENCES if found[word])


def numbers(groups: Mapping[str, Any]) -> frozenset[str]:
    """Containers and the air waybill, by which two reports of one event are recognised."""
    cargo = mapping(groups.get("cargo_ids"))
    containers = cargo.get("containers")
    told = [*(containers if isinstance(containers, list) else [])[:MAX_NUMBERS], cargo.get("awb")]
    return frozenset(value for value in told if isinstance(value, str) and readable(value))


def place(groups: Mapping[str, Any]) -> str | None:
    """The country in which it was found."""
    told = mapping(groups.get("place")) or mapping(groups.get("place_coarse"))
    country = told.get("country") or mapping(groups.get("route")).get("discovered_in")
    return country if isinstance(country, str) and readable(country) else None


def _without(value: Any, member: str) -> bool:
    """Whether there is a figure here, and this member of it is not told."""
    return bool(mapping(value).get("n")) and not mapping(value).get(member)


def _dates(groups: Mapping[str, Any], iat: int) -> dict[str, bool]:
    occurred = of_seizure(groups).occurred
    told = bool({"case", "place"} & groups.keys())
    signed = datetime.fromtimestamp(iat, UTC).date()
    # A day of slack: the office's clock may be half a day ahead of UTC.
    late = occurred is not None and (occurred - signed).days > 1
    return {"date_unknown": told and occurred is None, "date_in_future": late}


def _no_destination(groups: Mapping[str, Any]) -> bool:
    route = mapping(groups.get("route"))
    steps = list(objects(route.get("chain")))
    return bool(steps) and all(step.get("role") != "destination" for step in steps)


def _unknown_line(groups: Mapping[str, Any]) -> bool:
    if "goods" not in groups:
        return False
    lines = {item["line"] for item in _entries(groups, "goods") if isinstance(item.get("line"), str)}
    named = [item.get("line") for name in ("quantity", "value", "right") for item in _entries(groups, name)]
    return any(isinstance(line, str) and line not in lines for line in named)


def _two_places(groups: Mapping[str, Any]) -> bool:
    told = mapping(groups.get("place")) or mapping(groups.get("place_coarse"))
    here, there = told.get("country"), mapping(groups.get("route")).get("discovered_in")
    return isinstance(here, str) and isinstance(there, str) and here != there


def _wrong_papers(groups: Mapping[str, Any]) -> bool:
    conveyance = mapping(groups.get("transport")).get("conveyance")
    wrong = _PAPERS.get(conveyance, frozenset()) if isinstance(conveyance, str) else frozenset()
    return any(mapping(groups.get("cargo_ids")).get(name) for name in wrong)


def _entries(groups: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    return list(objects(groups.get(name)))[:MAX_ENTRIES]
