"""The rows of one reference become the groups of one `seizure/1`.

A row is a goods line; what the seizure says once is taken from the first row that says it. Lines that
contradict it are warned about, and what they say is kept as written. Nothing is made up: a field that no row
fills is absent.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from node.services.importing.dates import PartialDate
from node.services.importing.fields import FIELDS, PACKAGE_PREFIX
from node.services.importing.lines import number_lines
from node.services.importing.report import Problem
from node.services.importing.values import Number
from node.services.importing.words import match

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from node.services.importing.readings import Reading

Groups = dict[str, Any]

MAX_TEXT_BYTES: Final = 16_000
"""One string of a record holds 16 kB; a longer text becomes several pieces."""

DATE_KINDS: Final = ("found", "detained", "seized", "destroyed", "published")
_COMPANIES: Final = ("consignor", "consignee", "declarant", "carrier")
_ONCE: Final = tuple(
    name for name, field in FIELDS.items() if field.level == "seizure" and not name.startswith("link_")
)
_LINE_FIELDS: Final = tuple(name for name, field in FIELDS.items() if field.level == "line" and name != "line")
_NICE: Final = re.compile("[0-9]{1,2}")
_MONEY: Final = (("value", "currency", "value_basis"), ("value_2", "currency_2", "value_basis_2"))
_MONEY_FIELDS: Final = frozenset(name for names in _MONEY for name in names)


def assemble(
    readings: Sequence[Reading],
    *,
    reference: str,
    administration: str,
    language: Callable[[str], tuple[str, str]],
    problems: list[Problem],
) -> Groups:
    """Put the readings of one seizure together; `language` gives language and authorship of a prose field."""
    return _Assembler(readings, reference, administration, language, problems).groups()


class _Assembler:
    """Builds the groups one after the other."""

    def __init__(
        self,
        readings: Sequence[Reading],
        reference: str,
        administration: str,
        language: Callable[[str], tuple[str, str]],
        problems: list[Problem],
    ) -> None:
        self.readings, self.reference, self.administration = readings, reference, administration
        self.language, self.problems = language, problems
        self.written: list[dict[str, str]] = []
        self.once: dict[str, Any] = {}
        for reading in readings:
            self._merge(reading)
        self.rows = [reading for reading in readings if self._is_line(reading)]
        ids = number_lines([reading.values.get("line") for reading in self.rows])
        self.lines = list(zip(ids, self.rows, strict=True))
        self._warn_repeated_lines()

    def groups(self) -> Groups:
        goods, quantity, value, right = self._goods(), self._quantity(), self._value(), self._right()
        groups: Groups = {
            "case": self._case(),
            "place": {"country": self.administration, **self._take("office", "location_type", "unlocode")},
            "control": self._control(),
            "transport": self._take("conveyance"),
            "cargo_ids": self._take("containers", "imo", "flight", "awb", "bill_of_lading", "seals"),
            "route": self._route(),
            "goods": goods,
            "quantity": quantity,
            "value": value,
            "right": right,
            "method": self._method(),
            "persons": [{"role": "traveller", "name": self.once["traveller"]}] if "traveller" in self.once else [],
            "companies": [{"role": role, "name": self.once[role]} for role in _COMPANIES if role in self.once],
            "documents": self._take("documents", "tracking", "plates", documents="numbers"),
            "narrative": self._prose("narrative", self.once.get("narrative")),
            "assessment": self._assessment(),
        }
        if self.written:
            groups["case"]["as_written"] = _unique(self.written)
        return {name: group for name, group in groups.items() if group}

    # What the seizure says once

    def _merge(self, reading: Reading) -> None:
        for name in _ONCE:
            value = reading.values.get(name)
            if value is None:
                continue
            if name not in self.once:
                self.once[name] = value
                self.once.setdefault(f"{name}@", reading.row)
            elif self.once[name] != value:
                self._contradicted(name, value, reading)
        for name, text in reading.written:
            if FIELDS[name].level == "seizure":
                self._keep(name, text)

    def _contradicted(self, name: str, value: Any, reading: Reading) -> None:
        first, other = show(self.once[name]), show(value)
        self._keep(name, other)
        before = f"row {self.once[name + '@']} of this seizure says {first[:200]!r}"
        wrong = f"{before}, row {reading.row} says {other[:200]!r}"
        self._warn(reading, name, other, wrong, "say the same in all lines of a seizure; the first was taken")

    def _keep(self, name: str, text: str) -> None:
        for piece in _pieces(text):
            self.written.append({"field": name, "text": piece})

    def _warn(self, reading: Reading, name: str, value: str, wrong: str, remedy: str) -> None:
        self.problems.append(
            Problem(
                severity="warning",
                row=reading.row,
                reference=self.reference,
                column=reading.headers.get(name, name),
                value=value,
                wrong=wrong,
                remedy=remedy,
            )
        )

    def _take(self, *names: str, **renamed: str) -> dict[str, Any]:
        return {renamed.get(name, name): self.once[name] for name in names if name in self.once}

    def _prose(self, name: str, text: str | None) -> list[dict[str, str]]:
        if not text:
            return []
        language, by = self.language(name)
        return [{"lang": language, "by": by, "text": piece} for piece in _pieces(text)]

    def _case(self) -> dict[str, Any]:
        case: dict[str, Any] = {"reference": self.reference, "administration": self.administration}
        case.update(self._take("entered_by"))
        dates = [{"kind": kind, **when(self.once[f"{kind}_on"])} for kind in DATE_KINDS if f"{kind}_on" in self.once]
        if dates:
            case["dates"] = dates
        links: list[dict[str, Any]] = []
        for reading in self.readings:
            link: dict[str, Any] = {"type": "publication"}
            for name in ("title", "publisher", "url"):
                if text := reading.values.get(f"link_{name}"):
                    link[name] = text
            on = reading.values.get("link_on")
            if isinstance(on, PartialDate):
                link["on"] = on.on
            if len(link) > 1 and link not in links:
                links.append(link)
        if links:
            case["links"] = links
        return case

    def _control(self) -> dict[str, Any]:
        control = self._take("procedure", "traffic", "detection")
        basis = self._take("basis", "application", basis="type")
        if basis:
            # A number of an application says that somebody applied.
            control["basis"] = {"type": "on_application", **basis}
        return control

    def _route(self) -> dict[str, Any]:
        custody = set(self.once.get("custody", []))
        chain: list[dict[str, Any]] = []
        for role in ("origin", "departure", "transit", "destination"):
            countries = list(self.once.get(role, []))
            if role == "transit":
                countries += [country for country in self.once.get("custody", []) if country not in countries]
            for country in countries:
                step: dict[str, Any] = {"role": role, "country": country}
                if role == "transit" and country in custody:
                    step["custody"] = True
                chain.append(step)
        return {**({"chain": chain} if chain else {}), **self._take("discovered_in")}

    def _method(self) -> dict[str, Any]:
        method: dict[str, Any] = {}
        if text := self._prose("concealment", self.once.get("concealment")):
            method["description"] = text
        if text := self._prose("modus", self.once.get("modus")):
            method["modus"] = text
        return {
            **method,
            **self._take("concealment_place", "cover_load", "indicators", concealment_place="place"),
        }

    # What each line says

    def _is_line(self, reading: Reading) -> bool:
        """Whether a row speaks of goods; a row with nothing but a sum is no line of goods when others are."""
        said = {name for name in _LINE_FIELDS if name in reading.values}
        said |= {name for name, _ in reading.written if FIELDS[name].level == "line"}
        return bool(said - _MONEY_FIELDS) or (bool(said) and len(self.readings) > 1)

    def _warn_repeated_lines(self) -> None:
        seen: dict[str, int] = {}
        for line, reading in self.lines:
            wanted = reading.values.get("line")
            if wanted is not None and wanted != line:
                self._warn(
                    reading,
                    "line",
                    wanted,
                    "no line number that is free",
                    f"another number; it was read as line {line}",
                )
            content = repr([(name, reading.values.get(name)) for name in _LINE_FIELDS])
            if content in seen:
                wrong = f"says the same as row {seen[content]}"
                self._warn(
                    reading,
                    "reference",
                    self.reference,
                    wrong,
                    "remove the row if it was entered twice; it was kept as a line",
                )
            seen.setdefault(content, reading.row)

    def _goods(self) -> list[dict[str, Any]]:
        goods: list[dict[str, Any]] = []
        for line, reading in self.lines:
            entry: dict[str, Any] = {"line": line}
            values = reading.values
            for name, ours in (
                ("category", "wco"),
                ("eu_category", "eu"),
                ("gtin", "gtin"),
                ("health_safety", "health_safety"),
            ):
                if name in values:
                    entry[ours] = values[name]
            if "hs" in values:
                entry["hs"] = {"scheme": "HS", "edition": "2022", "code": values["hs"]}
            if text := self._prose("description", values.get("description")):
                entry["description"] = text
            kept = [
                piece
                for name, text in reading.written
                if FIELDS[name].level == "line"
                for piece in _pieces(f"{name}: {text}")
            ]
            if kept:
                entry["as_written"] = list(dict.fromkeys(kept))
            goods.append(entry)
        return goods

    def _quantity(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for line, reading in self.lines:
            values = reading.values
            entry: dict[str, Any] = {}
            amount, packages, mass = (values.get(name) for name in ("quantity", "packages", "gross_mass"))
            unit = values.get("unit") or self._own_unit(amount)
            if isinstance(amount, Number):
                if unit and unit.startswith(PACKAGE_PREFIX):
                    if packages is None:
                        entry["packages"] = {**count(amount), "code": unit.removeprefix(PACKAGE_PREFIX)}
                    else:
                        entry["amount"] = {**count(amount), "unit": unit.removeprefix(PACKAGE_PREFIX)}
                else:
                    entry["amount"] = {**count(amount), **({"unit": unit} if unit else {})}
            if isinstance(packages, Number):
                kind = values.get("package_type") or (
                    match("package", packages.unit) or packages.unit if packages.unit else None
                )
                entry["packages"] = {**count(packages), **({"code": kind} if kind else {})}
            if isinstance(mass, Number):
                entry["gross_mass"] = {**count(mass), "unit": self._own_unit(mass) or "KGM"}
            if entry:
                found.append({"line": line, **entry})
        return found

    @staticmethod
    def _own_unit(amount: Any) -> str | None:
        """Return the unit that stood behind the number itself."""
        if not isinstance(amount, Number) or not amount.unit:
            return None
        if (package := match("package", amount.unit)) and match("unit", amount.unit) is None:
            return PACKAGE_PREFIX + package
        return match("unit", amount.unit) or amount.unit

    def _value(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        ids = {id(reading): line for line, reading in self.lines}
        for names in _MONEY:
            rows = [(reading, money) for reading in self.readings if (money := self._money(reading, names))]
            # One sum on the first of several lines is the sum of them all; so it is where no goods are told.
            total = len(rows) == 1 and rows[0][0] is self.readings[0] and len(self.lines) > 1
            for reading, money in rows:
                line = ids.get(id(reading))
                if total or line is None:
                    found.append({"money": {**money, "scope": "seizure"}})
                else:
                    found.append({"line": line, "money": money})
        return found

    def _money(self, reading: Reading, names: tuple[str, str, str]) -> dict[str, Any] | None:
        number, currency, basis = (reading.values.get(name) for name in names)
        if not isinstance(number, Number):
            return None
        if currency is None and number.unit:
            currency = match("currency", number.unit) or number.unit
        if currency is None:
            shown = show(number)
            self._keep(names[0], shown)
            self._warn(
                reading,
                names[0],
                shown,
                "a value without a currency",
                "its currency, such as EUR; the value is kept as written",
            )
            return None
        money = {key: value for key, value in count(number).items() if key != "as_written"}
        return {**money, "currency": currency, **({"basis": basis} if basis else {})}

    def _right(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for line, reading in self.lines:
            values, entry = reading.values, {}
            for name, ours in (("brands", "brands"), ("right_types", "types"), ("right_holder", "holder")):
                if name in values:
                    entry[ours] = values[name]
            if "registration" in values:
                entry["registration"] = {"number": values["registration"]}
                if "registration_office" in values:
                    entry["registration"]["office"] = values["registration_office"]
            if classes := self._nice(reading):
                entry["nice"] = classes
            if entry:
                found.append({"line": line, **entry})
        return found

    def _nice(self, reading: Reading) -> list[int]:
        classes: list[int] = []
        for text in reading.values.get("nice", []):
            if _NICE.fullmatch(text):
                classes.append(int(text))
            else:
                self._keep("nice", text)
                self._warn(reading, "nice", text, "not a Nice class", "numbers from 1 to 45; the text is kept")
        return classes

    def _assessment(self) -> dict[str, Any]:
        decided: list[tuple[str, dict[str, Any]]] = []
        for line, reading in self.lines or [("", reading) for reading in self.readings[:1]]:
            values, procedure = reading.values, {}
            for name, ours in (
                ("right_holder", "right_holder"),
                ("outcome", "outcome"),
                ("outcome_why", "why"),
            ):
                if name in values:
                    procedure[ours] = values[name]
            if isinstance(on := values.get("outcome_on"), PartialDate):
                procedure["on"] = on.on
            if procedure.keys() - {"right_holder"}:
                decided.append((line, procedure))
        assessment: dict[str, Any] = {}
        if decided and all(one == decided[0][1] for _, one in decided) and len(decided) == max(len(self.lines), 1):
            assessment["procedures"] = [decided[0][1]]
        elif decided:
            assessment["procedures"] = [{"line": line, **one} for line, one in decided]
        assessment.update(self._take("source_grade", "nature"))
        if (text := self.once.get("information")) is not None:
            if text in ("1", "2", "3", "4", "5", "6"):
                assessment["information"] = int(text)
            else:
                self._keep("information", text)
                self._warn(
                    self.readings[0],
                    "information",
                    text,
                    "not an information grade",
                    "1 to 6; the text is kept",
                )
        return assessment


def when(found: PartialDate) -> dict[str, Any]:
    """Return the date members of a `When`."""
    return {
        "on": found.on,
        **({"until": found.until} if found.until else {}),
        **({"about": True} if found.about else {}),
    }


def count(number: Number) -> dict[str, Any]:
    """Return the number members of an `Amount`; the wording too, where the cell held more than a number."""
    found: dict[str, Any] = {"n": number.n}
    if number.to:
        found["to"] = number.to
    if number.about:
        found["about"] = True
    if number.wording:
        found["as_written"] = number.wording
    return found


def show(value: Any) -> str:
    """Return a read value as a person would write it."""
    if isinstance(value, PartialDate):
        return f"{value.on} to {value.until}" if value.until else value.on
    if isinstance(value, Number):
        return value.wording or value.n
    if isinstance(value, list):
        return "; ".join(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _pieces(text: str) -> list[str]:
    """Return the text in pieces that fit a record's string, cut between words where there are any."""
    pieces: list[str] = []
    while len(text.encode()) > MAX_TEXT_BYTES:
        cut = len(text.encode()[:MAX_TEXT_BYTES].decode(errors="ignore"))
        space = text.rfind(" ", cut // 2, cut)
        cut = space if space > 0 else cut
        pieces.append(text[:cut].strip())
        text = text[cut:].strip()
    return [piece for piece in (*pieces, text) if piece]


def _unique(entries: list[dict[str, str]]) -> list[dict[str, str]]:
    return [entry for position, entry in enumerate(entries) if entry not in entries[:position]]
