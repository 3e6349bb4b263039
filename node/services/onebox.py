"""One box: whatever was typed or scanned, everything that this node holds on it, and who else may be asked.

A text is looked for as a number, as a name and as words, as far as it can be one; a record found twice is told once, by
what fits best. Each of the searches is a search like any other: guarded and logged with its purpose. Then it is said
whom the same question may go to (`asking.Asker.plan`, which sends nothing), with the contact that the directory names.

Left to others: sending the question (`asking`). Trust: the text is an officer's; contacts are the authority's word.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from federation import spelling
from federation.questions import Identifier, Selector
from federation.records.identifiers import is_awb, is_container, is_gtin
from federation.records.traces import asked_keys, number_key
from node.services import asking, search
from node.services.criteria import MAX_WORDS, Criteria, CriteriaRefused
from node.storage import fulltext

if TYPE_CHECKING:
    from collections.abc import Mapping

    from node.services.asking import Asker, Plan
    from node.services.search import Hit
    from node.storage.database import Database

LIMIT: Final = 20
"""Records told of each way to look."""
_AWB: Final = 11
NO_CASE: Final = "none yet"
"""The case of a question that is only planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What is held on a text, and who may be asked."""

    looked_for: tuple[str, ...]
    """number, name, words: as what the text was looked for."""
    hits: tuple[tuple[str, Hit], ...]
    """By what, and the record; the best first."""
    more: bool
    """There are more records than are told."""
    lag: int
    plan: Plan | None
    """Whom the question may go to; None without a policy."""
    contacts: Mapping[str, Mapping[str, Any]]
    """Peer that may be asked → what the directory names as its contact."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        value: dict[str, Any] = {
            "looked_for": list(self.looked_for),
            "records": [{"by": by, **hit.to_json()} for by, hit in self.hits],
            "more": self.more,
            "lag": self.lag,
        }
        if self.plan is not None:
            told = self.plan.to_json()
            value["not_asked"] = told["not_asked"]
            value["may_be_asked"] = [
                {"peer": peer, "contact": dict(self.contacts.get(peer, {}))} for peer in told["asked"]
            ]
        return value


def look(
    database: Database, asker: Asker | None, typed: str, *, by: str, purpose: str, case: str, now: int
) -> Found:  # fmt: skip
    """Look for a text. `asker` None where there is no policy, and so nobody to ask. Raises `CriteriaRefused`."""
    ways = ways_of(typed)
    hits: dict[tuple[str, str, int], tuple[str, Hit]] = {}
    more, lag = False, 0
    for way, criteria in ways.items():
        page = search.find(database, criteria, by=by, purpose=purpose, now=now)
        more, lag = more or page.next is not None or page.capped, max(lag, page.lag)
        for hit in page.rows:
            hits.setdefault((hit.iss, hit.rid, hit.ver), (way, hit))
    plan = None
    contacts: dict[str, Mapping[str, Any]] = {}
    if asker is not None:
        plan = asker.plan(asking.Asked(selector=selector_of(typed), purpose=purpose, case=case))
        members = asker.membership.current().members
        contacts = {peer: members[peer].contact for peer in plan.to}
    return Found(
        looked_for=tuple(ways), hits=tuple(hits.values()), more=more, lag=lag, plan=plan, contacts=contacts
    )  # fmt: skip


def ways_of(typed: str) -> dict[str, Criteria]:
    """As what a text is looked for, the surest first; raises `CriteriaRefused` for one that can be nothing.

    >>> list(ways_of("CSQU3054383")), list(ways_of("Nordwind")), list(ways_of("020-12345675"))
    (['number', 'words'], ['name', 'words'], ['number', 'words'])
    """
    text = typed.strip()
    if not text or len(text) > MAX_WORDS or not text.isprintable():
        raise CriteriaRefused("text", f"is one line of 1 to {MAX_WORDS} characters")
    ways: dict[str, Criteria] = {}
    if asked_keys(text):
        ways["number"] = Criteria(number=text, limit=LIMIT)
    if any(token.isalpha() and len(token) > 1 for token in spelling.fold(text).split()):
        ways["name"] = Criteria(name=text, limit=LIMIT)
    if fulltext.normalise(text):
        ways["words"] = Criteria(words=text, limit=LIMIT)
    if not ways:
        raise CriteriaRefused("text", "has no letter and no digit to look for")
    return ways


def selector_of(typed: str) -> Selector:
    """The question to other nodes: about the number where the text is one that is printed on goods, else its words.

    >>> selector_of("csqu 305438-3").identifier, selector_of("Nordwind").words
    (Identifier(type='container', value='CSQU3054383'), 'Nordwind')
    """
    text = typed.strip()
    key = number_key(text)
    if is_container(key):
        return Selector(identifier=Identifier(type="container", value=key))
    if len(key) == _AWB and key.isdecimal() and is_awb(f"{key[:3]}-{key[3:]}"):
        return Selector(identifier=Identifier(type="awb", value=key))
    if is_gtin(key):
        return Selector(identifier=Identifier(type="gtin", value=key))
    return Selector(words=text)
