"""Read a sharing policy from TOML or JSON, or refuse it with everything that is wrong with it.

The form is that of `config/policy.example.toml`, which explains every member; JSON has the same members.
Reading is strict: a member, a condition or a group that is not known is a fault and never skipped, because
a condition that is skipped shares more than its author wrote.

Left to others: whether the policy belongs to this node, and that author and approver are who they say
(the node asks). Whether nodes, regions and named groups exist is known only to a directory, and
may change: a name that no directory knows matches nobody.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from crypto import strictjson
from crypto.errors import MalformedJson
from federation.grants import ANY_MEMBER, EVIDENCE, ONWARD, PURPOSE, TLP, Handling
from federation.membership import GROUP_ID, GROUP_VERSION, NODE_ID
from federation.policy.model import (
    ALL,
    GROUP_PREFIX,
    ON_ROUTE,
    ROLES,
    ROUTE,
    WORDS,
    Effect,
    Instrument,
    Mode,
    Policy,
    Relay,
    Rule,
    Terms,
    When,
)
from federation.policy.reading import Check, PolicyFault, PolicyRefused, Table, one_of
from federation.records import codes, get_schema

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_POLICY_BYTES: Final = 1_000_000
MAX_RULES: Final = 2_000
SCHEMAS: Final = ("seizure/1", "alert/1", "annotation/1", "statistics/1", "bulletin/1")
"""Schemas whose groups a policy can name, unless the caller says otherwise."""
DEFAULT_REASON: Final = "default"
"""Stands for "no rule" in reasons, so no rule may be called so."""

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_REGION: Final = re.compile(r"[A-Z][A-Z0-9-]{1,31}")
_HS: Final = re.compile(r"[0-9]{2,6}")
_GRANT_ONLY: Final = ("mode", "embargo_until", "embargo_days", "needs_release", "obligations", "relay")
MAX_RELAY_DAYS: Final = 366
_HOUR: Final = 3600


class SchemaGroups(Protocol):
    """What the reader needs to know of a record schema."""

    @property
    def kind(self) -> str:
        """Seizure, alert, annotation ..."""

    @property
    def groups(self) -> Collection[str]:
        """The names of its disclosure groups."""

    @property
    def nominal(self) -> Collection[str]:
        """Those that can name somebody."""


def load_policy(
    text: str | bytes,
    *,
    format: Literal["toml", "json"] = "toml",  # noqa: A002 - the word of the field
    schemas: Collection[SchemaGroups] | None = None,
) -> Policy:
    """Return the policy that `text` tells, or raise `PolicyRefused` with all faults at once.

    `schemas` are those whose groups the policy may name; by default the schemas of this version.
    """
    if schemas is None:
        schemas = [get_schema(name) for name in SCHEMAS]
    faults: list[PolicyFault] = []
    top = Table(_data(text, format), "", faults)
    instruments = tuple(_instrument(table) for table in top.tables("instrument"))
    _refuse_twins("instrument", [item.id for item in instruments], faults)
    tables = top.tables("rule")
    if len(tables) > MAX_RULES:
        top.fault("rule", f"{len(tables)} rules", f"keep to {MAX_RULES}")
        tables = []
    rules = tuple(_rule(table, schemas, frozenset(item.id for item in instruments)) for table in tables)
    _refuse_twins("rule", [rule.id for rule in rules], faults)
    policy = Policy(
        country=top.text("country", check=_like(NODE_ID, "the id of a node, such as KE"), required=True),
        version=top.whole("version", least=1, required=True) or 0,
        author=top.text("author", required=True),
        approver=top.text("approver", required=True),
        instruments=instruments,
        rules=rules,
    )
    if policy.author and policy.author.casefold() == policy.approver.casefold():
        top.fault("approver", "is the author", "let a second person approve the policy")
    top.close()
    if faults:
        raise PolicyRefused(faults)
    return policy


def _data(text: str | bytes, form: str) -> Mapping[str, Any]:
    """Return the file as a table, or refuse it: a fault of syntax hides all others."""
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if len(raw) > MAX_POLICY_BYTES:
        wrong = f"{len(raw)} bytes are more than {MAX_POLICY_BYTES}"
        raise PolicyRefused([PolicyFault("(file)", wrong, "make the policy smaller")])
    try:
        if form == "json":
            value = strictjson.parse(raw, max_depth=16)
        elif form == "toml":
            value = tomllib.loads(raw.decode("utf-8"))
        else:
            raise ValueError(f"no such form of a policy file: {form!r}")
    except (MalformedJson, tomllib.TOMLDecodeError) as error:
        raise PolicyRefused([PolicyFault("(file)", f"not {form.upper()}: {error}", "mend the syntax")]) from None
    except (UnicodeDecodeError, RecursionError):
        raise PolicyRefused([PolicyFault("(file)", "not readable as UTF-8 text", "save it as UTF-8")]) from None
    if not isinstance(value, dict):
        raise PolicyRefused([PolicyFault("(file)", "is not one JSON object", "begin with { and end with }")])
    return value


def _instrument(table: Table) -> Instrument:
    instrument = Instrument(
        id=table.text("id", check=_like(_ID, "letters, digits, dot, hyphen"), required=True),
        title=table.text("title", required=True),
        parties=_listed(table, "parties"),
        articles=_listed(table, "articles"),
        scope=table.text("scope"),
        valid_from=table.day("valid_from"),
        valid_until=table.day("valid_until"),
    )
    begin, end = instrument.valid_from, instrument.valid_until
    if begin and end and end < begin:
        table.fault("valid_until", "is before valid_from", "give the last day of validity")
    table.close()
    return instrument


def _rule(table: Table, schemas: Collection[SchemaGroups], instruments: frozenset[str]) -> Rule:
    effect = table.choice("effect", Effect, Effect.GRANT)
    if "effect" not in table:
        table.fault("effect", "is missing", 'add effect = "grant" or "withhold"')
    name = table.text("id", check=_rule_id, required=True)
    when = _when(table.table("when"), schemas)
    legal = tuple(sorted(table.words("legal", check=one_of(instruments)) or ()))
    if effect is Effect.WITHHOLD:
        for member in _GRANT_ONLY:
            if member in table:
                table.fault(member, "belongs to a grant", "leave it out: a withholding holds in every mode")
    mode = table.choice("mode", Mode, Mode.REPLICATE)
    embargo_until = table.instant("embargo_until")
    embargo_days = table.whole("embargo_days", least=1, most=36_500)
    if embargo_until is not None and embargo_days is not None:
        table.fault("embargo_days", "stands beside embargo_until", "keep one of the two")
    terms = _terms(table.table("obligations"))
    relay = _relay(table, mode, terms)
    if relay is not None and relay.group is not None and terms.handling.onward == ANY_MEMBER:
        # What may be passed on to a group need not be said twice.
        onward = GROUP_PREFIX + relay.group
        terms = replace(terms, handling=replace(terms.handling, onward=onward))
    rule = Rule(
        id=name,
        effect=effect,
        mode=mode,
        groups=_groups(table, effect, mode, when, bool(legal), schemas),
        when=when,
        legal=legal,
        embargo_until=embargo_until,
        embargo_days=embargo_days,
        needs_release=bool(table.flag("needs_release")),
        terms=terms,
        relay=relay,
    )
    table.close()
    return rule


def _relay(table: Table, mode: Mode, terms: Terms) -> Relay | None:
    """Read to whom a regional office may pass on what the rule grants it."""
    if "relay" not in table:
        return None
    inner = table.table("relay")
    to = inner.words("to", check=_relayed_to)
    days = inner.whole("days", least=1, most=MAX_RELAY_DAYS)
    inner.close()
    if mode is not Mode.REPLICATE:
        table.fault("relay", f"stands in a {mode} rule", "leave it out: only what a hub holds can be passed on")
    if to is None:
        inner.fault("to", "is missing", "name a group, such as group:ncp@3, or the ids of nodes")
    if not to:
        return None
    if len(to) > 1 and any(name.startswith(GROUP_PREFIX) for name in to):
        inner.fault("to", "is a group beside others", "name one group, or nodes alone; write a rule for each")
    relay = Relay(to=to) if days is None else Relay(to=to, days=days)
    allowed = {ANY_MEMBER, None if relay.group is None else GROUP_PREFIX + relay.group}
    if terms.handling.onward not in allowed:
        remedy = "leave onward out, or let it name the same group"
        table.fault("relay", "is not allowed by the rule's own onward", remedy)
    return relay


def _groups(  # noqa: PLR0917 - one call, and every one of them changes what is allowed
    table: Table, effect: Effect, mode: Mode, when: When, legal: bool, schemas: Collection[SchemaGroups]
) -> frozenset[str]:
    """Read the groups of a rule: known ones, and nominal ones in a grant only with a legal basis."""
    kinds = when.kind or frozenset(schema.kind for schema in schemas)
    meant = [schema for schema in schemas if schema.kind in kinds]
    known = frozenset(name for schema in meant for name in schema.groups)
    nominal = frozenset(name for schema in meant for name in schema.nominal)
    groups = table.words("groups", check=one_of(known | WORDS)) or frozenset()
    grants = effect is Effect.GRANT
    if grants and mode is Mode.HIT:
        if "groups" in table:
            table.fault("groups", "stands in a hit rule", "leave it out: a hit shows no group")
        return frozenset()
    if "groups" not in table:
        table.fault("groups", "is missing", f"name groups, or write one of {', '.join(sorted(WORDS))}")
    if grants and ALL in groups:
        table.fault("groups", f"{ALL!r} would grant nominal groups", "write non-nominal, and name nominal groups")
    named = sorted(groups & nominal)
    if grants and named and not legal:
        wrong = f"{', '.join(named)} can name persons or firms, and the rule has no legal basis"
        table.fault("groups", wrong, "name the instrument in legal = [...], or leave the group out")
    return groups


def _when(table: Table, schemas: Collection[SchemaGroups]) -> When:
    age = table.whole("age_at_most_days", least=0, most=36_500)
    brands = table.words("brand")
    when = When(
        node=table.words("node", check=_like(NODE_ID, "the id of a node, such as RILO-ESA")),
        country=table.words("country", check=_code("country")),
        region=table.words("region", check=_like(_REGION, "a region of the directory, such as ESA")),
        role=table.words("role", check=one_of(ROLES)),
        group=table.words("group", check=_named_group),
        relation=table.words("relation", check=one_of((*ROUTE, ON_ROUTE))),
        kind=table.words("kind", check=one_of({schema.kind for schema in schemas})),
        right=table.words("right", check=_code("ipr_type")),
        brand=None if brands is None else frozenset(fold(brand) for brand in brands),
        category=table.words("category", check=_code("wco_category")),
        hs=table.words("hs", check=_like(_HS, "two to six digits")),
        tlp_at_most=table.text("tlp_at_most", check=one_of(TLP)) or None,
        health_safety=table.flag("health_safety"),
        age_at_most_days=age,
        status=table.words("status", check=_code("outcome")),
        source_grade=table.words("source_grade", check=_code("source_grade")),
        media=table.flag("media"),
        purpose=table.words("purpose", check=_purpose),
    )
    table.close()
    return when


def _terms(table: Table) -> Terms:
    keep_until = table.instant("keep_until")
    keep_days = table.whole("keep_days", least=1, most=36_500)
    if keep_until is not None and keep_days is not None:
        table.fault("keep_days", "stands beside keep_until", "keep one of the two")
    hours = table.whole("receipt_within", least=1, most=8_784)
    terms = Terms(
        handling=Handling(
            tlp=table.text("tlp", check=one_of(TLP)) or TLP[0],
            purposes=table.words("purposes", check=_purpose),
            onward=table.text("onward", check=_like(ONWARD, "none, any-member or group:<id>@<version>")) or ANY_MEMBER,
            evidence=table.text("evidence", check=one_of(EVIDENCE)) or EVIDENCE[0],
            keep_until=keep_until,
            review_by=table.instant("review_by"),
        ),
        keep_days=keep_days,
        report_back=bool(table.flag("report_back")),
        receipt_within=None if hours is None else hours * _HOUR,
    )
    table.close()
    return terms


def fold(brand: str) -> str:
    """Return a brand as conditions compare it: NFC, casefolded, single spaces.

    >>> fold("Louis  VUITTON")
    'louis vuitton'
    """
    return " ".join(unicodedata.normalize("NFC", brand).casefold().split())


def _listed(table: Table, name: str) -> tuple[str, ...]:
    return tuple(sorted(table.words(name) or ()))


def _refuse_twins(name: str, ids: list[str], faults: list[PolicyFault]) -> None:
    for place, item in enumerate(ids):
        if item and item in ids[:place]:
            faults.append(PolicyFault(f"{name}[{place}].id", f"{item!r} is taken", "give each its own id"))


def _like(pattern: re.Pattern[str], what: str) -> Check:
    def check(word: str) -> tuple[str, str] | None:
        return None if pattern.fullmatch(word) else (f"{word!r} is not of the right form", f"write {what}")

    return check


def _code(name: str) -> Check:
    """Return the check against a code list; the remedy is what the word probably means."""

    def check(word: str) -> tuple[str, str] | None:
        if codes.is_code(name, word):
            return None
        meant = codes.match(name, word)
        remedy = f"did you mean {meant!r}?" if meant else f"write a code of the list {name}"
        return f"{word!r} is not a known code", remedy

    return check


def _rule_id(word: str) -> tuple[str, str] | None:
    if word == DEFAULT_REASON:
        return f"{word!r} stands for no rule at all", "choose another id"
    return _like(_ID, "letters, digits, dot, hyphen")(word)


def _purpose(word: str) -> tuple[str, str] | None:
    return _like(PURPOSE, "lower case letters, digits, hyphen")(word)


def _relayed_to(word: str) -> tuple[str, str] | None:
    if word.startswith(GROUP_PREFIX):
        return _named_group(word.removeprefix(GROUP_PREFIX))
    return _like(NODE_ID, "the id of a node, such as TZ, or group:<id>@<version>")(word)


def _named_group(word: str) -> tuple[str, str] | None:
    name, at, version = word.partition("@")
    if at and GROUP_ID.fullmatch(name) and GROUP_VERSION.fullmatch(version):
        return None
    return f"{word!r} names no version", "write the group with its version, such as east@2"
