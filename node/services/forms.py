"""Seizures as rows of the form that people fill in: the minimal and the long form, without anybody's name.

The columns are those of the product's own template, so that what was exported can be imported elsewhere and nobody
types a case twice. A row is a line of goods; what a seizure says once stands in its first row. A form is made from the
groups that it names, and no form names a group that can name somebody: the long form has all others, the minimal form
those that the schema calls minimal.

Left to others: who may export, the log and the register (`exporting`). Trust: what others issue may have any form; what
has another than expected leaves its cell empty.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from federation.records import get_schema
from federation.records.facts import mapping, objects, readable
from node.services.importing.fields import BESIDE, FIELDS
from node.services.statistics.spreadsheet import Sheet, to_csv, to_xlsx

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from node.services.importing.fields import Field

SCHEMA: Final = "seizure/1"
MINIMAL, LONG = "minimal", "long"
FORMS: Final = (MINIMAL, LONG)
COLUMNS: Final[tuple[Field, ...]] = tuple(field for field in FIELDS.values() if not field.nominal)
"""Of the template, without those that can name somebody."""
ORIGIN: Final = BESIDE[:7]
"""Behind the form: where each row comes from and what binds its reader. An import leaves them out."""
MAX_LINES: Final = 200
_JOIN: Final = "; "
_LINED: Final = ("goods", "quantity", "value", "right")


def groups_of(form: str) -> frozenset[str]:
    """The groups that a form may show; `form` is one of `FORMS`."""
    schema = get_schema(SCHEMA)
    every = frozenset(schema.groups) if form == LONG else schema.minimal
    return every - schema.nominal


def rows(groups: Mapping[str, Any], form: str) -> list[dict[str, str]]:
    """The rows of one seizure: field to text. `groups` are those that are held; others than the form's are not read."""
    shown = {name: groups[name] for name in groups_of(form) if name in groups}
    found = [_line(shown, line) for line in _lines(shown) or (None,)]
    found[0] = {**_once(shown), **found[0]}
    identity = _identity(shown)
    return [{**identity, **row} for row in found]


def sheet(items: Iterable[Mapping[str, Any]], form: str, *, number: int) -> Sheet:
    """A table of seizures, as `exporting` gives them, in a form."""
    told = [
        (*(row.get(field.name, "") for field in COLUMNS), *_origin(item, number))
        for item in items
        for row in rows(item["groups"], form)
    ]
    return Sheet(
        title=f"seizures, {form} form", columns=(*(field.label for field in COLUMNS), *ORIGIN), rows=tuple(told)
    )  # fmt: skip


def _origin(item: Mapping[str, Any], number: int) -> tuple[str, ...]:
    handling = mapping(item["handling"])
    return (
        str(item["iss"]), str(item["rid"]), str(item["ver"]), str(handling.get("tlp", "")),
        ", ".join(handling.get("purposes", ())), str(handling.get("onward", "")), str(number),
    )  # fmt: skip


def written(items: Sequence[Mapping[str, Any]], form: str, *, number: int, as_workbook: bool) -> bytes:
    """The table as CSV or XLSX; a text is text in both, whatever a spreadsheet would take it for."""
    made = sheet(items, form, number=number)
    return to_xlsx([made]) if as_workbook else to_csv(made)


def _identity(groups: Mapping[str, Any]) -> dict[str, str]:
    case = mapping(groups.get("case"))
    return _texts({"reference": case.get("reference"), "administration": case.get("administration")})


def _once(groups: Mapping[str, Any]) -> dict[str, str]:
    """What a seizure says once; a sum of all its lines stands in its first row."""
    case, place, control = (mapping(groups.get(name)) for name in ("case", "place", "control"))
    cargo, method, assessment = (mapping(groups.get(name)) for name in ("cargo_ids", "method", "assessment"))
    basis, route = mapping(control.get("basis")), mapping(groups.get("route"))
    told: dict[str, Any] = {
        "entered_by": case.get("entered_by"),
        **{f"{when.get('kind')}_on": when.get("on") for when in reversed(list(objects(case.get("dates"))))},
        **{name: place.get(name) for name in ("office", "location_type", "unlocode")},
        **{name: control.get(name) for name in ("procedure", "traffic", "detection")},
        "basis": basis.get("type"), "application": basis.get("application"),
        "conveyance": mapping(groups.get("transport")).get("conveyance"),
        **{name: cargo.get(name) for name in ("containers", "imo", "flight", "awb", "bill_of_lading", "seals")},
        **_route(route), "discovered_in": route.get("discovered_in"),
        "concealment": _prose(method.get("description")), "modus": _prose(method.get("modus")),
        "concealment_place": method.get("place"), "cover_load": method.get("cover_load"),
        "indicators": method.get("indicators"),
        **{name: assessment.get(name) for name in ("source_grade", "information", "nature")},
    }  # fmt: skip
    link = next(iter(objects(case.get("links"))), {})
    told |= {f"link_{name}": link.get(name) for name in ("title", "publisher", "url", "on")}
    whole = [mapping(item.get("money")) for item in objects(groups.get("value")) if "line" not in item]
    told |= _money(whole)
    return _texts({name: value for name, value in told.items() if name in FIELDS and not FIELDS[name].nominal})


def _line(groups: Mapping[str, Any], line: str | None) -> dict[str, str]:
    """What one line says; with None what is said of the whole seizure, where nothing names a line."""
    goods, quantity, right = (_entry(groups, name, line) for name in ("goods", "quantity", "right"))
    packages, registration = mapping(quantity.get("packages")), mapping(right.get("registration"))
    procedures = list(objects(mapping(groups.get("assessment")).get("procedures")))
    decided: list[dict[str, Any]] = [item for item in procedures if item.get("line", line) == line]
    procedure = decided[0] if decided else {}
    told: dict[str, Any] = {
        "line": line, "category": goods.get("wco"), "eu_category": goods.get("eu"),
        "hs": mapping(goods.get("hs")).get("code"), "description": _prose(goods.get("description")),
        "gtin": goods.get("gtin"), "health_safety": goods.get("health_safety"),
        "quantity": _number(mapping(quantity.get("amount"))), "unit": mapping(quantity.get("amount")).get("unit"),
        "packages": _number(packages), "package_type": packages.get("code"),
        "gross_mass": _number(mapping(quantity.get("gross_mass"))),
        "brands": right.get("brands"), "right_types": right.get("types"), "registration": registration.get("number"),
        "registration_office": registration.get("office"), "nice": right.get("nice"),
        "right_holder": procedure.get("right_holder") or right.get("holder"), "outcome": procedure.get("outcome"),
        "outcome_on": procedure.get("on"), "outcome_why": procedure.get("why"),
    }  # fmt: skip
    own = [mapping(item.get("money")) for item in objects(groups.get("value")) if item.get("line") == line]
    return _texts({**told, **_money(own)})


def _lines(groups: Mapping[str, Any]) -> list[str]:
    named = [item["line"] for name in _LINED for item in objects(groups.get(name)) if readable(item.get("line"))]
    return list(dict.fromkeys(named))[:MAX_LINES]


def _entry(groups: Mapping[str, Any], name: str, line: str | None) -> dict[str, Any]:
    found = [item for item in objects(groups.get(name)) if item.get("line") == line]
    return found[0] if found else {}


def _route(route: Mapping[str, Any]) -> dict[str, Any]:
    by_role: dict[str, list[Any]] = {"origin": [], "departure": [], "transit": [], "destination": [], "custody": []}
    for step in objects(route.get("chain")):
        role = step.get("role")
        if isinstance(role, str) and role in by_role:
            by_role[role].append(step.get("country"))
            if role == "transit" and step.get("custody") is True:
                by_role["custody"].append(step.get("country"))
    return by_role


def _money(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for end, money in zip(("", "_2"), told, strict=False):
        found[f"value{end}"] = _number(money)
        found[f"currency{end}"], found[f"value_basis{end}"] = money.get("currency"), money.get("basis")
    return found


def _number(value: Mapping[str, Any]) -> str | None:
    n, to = value.get("n"), value.get("to")
    if not isinstance(n, str):
        return None
    text = f"{n}-{to}" if isinstance(to, str) else n
    return f"about {text}" if value.get("about") is True else text


def _prose(value: Any) -> str | None:
    return " ".join(text["text"] for text in objects(value) if readable(text.get("text"))) or None


def _texts(told: Mapping[str, Any]) -> dict[str, str]:
    """What is told as texts of cells; what is of no form that a cell has is left out."""
    found = {}
    for name, value in told.items():
        match value:
            case bool():
                found[name] = "yes" if value else "no"
            case str() if value:
                found[name] = value
            case int():
                found[name] = str(value)
            case list():
                texts = [str(item) for item in value if readable(item) or type(item) is int]
                if texts:
                    found[name] = _JOIN.join(texts)
    return found
