"""Exchange rates: loaded in editions that are never changed, and values converted with the rate of their month.

An edition is a table that an officer loads whole, with its source: so much of a currency is one of the base, from a
day on. A value is converted with the newest rate of an edition up to the end of the month of its seizure. What has no
month, no currency that the edition knows, or no rate so early is not converted, and is told with its sum: a figure in
one currency never hides what it leaves out. All in decimals.

Left to others: which values there are (`tables`). Trust: rates are the officer's word; each figure names their source.
"""

from __future__ import annotations

import calendar
import csv
import io
import re
from bisect import bisect_right
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import func, select

from federation.errors import NotFound
from node.storage.database import insert_rows
from node.storage.tables.statistics import exchange_rate

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from node.storage.database import Database

COLUMNS: Final = ("base", "currency", "day", "rate")
MAX_RATES: Final = 200_000
MAX_SOURCE: Final = 200
_CURRENCY: Final = re.compile(r"[A-Z]{3}")
_RATE: Final = re.compile(r"[0-9]{1,12}(\.[0-9]{1,12})?")
_MONTH: Final = 7
_TABLE: Final = ("edition", *COLUMNS, "source", "loaded_at", "loaded_by")


class RatesRefused(Exception):  # noqa: N818 - the name is the sentence
    """A table of rates that is not loaded; each fault names its row, the field and the remedy."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Edition:
    """One loaded table."""

    number: int
    source: str
    loaded_at: int
    loaded_by: str
    rates: int
    first: str
    last: str
    """Days, YYYY-MM-DD."""

    def to_json(self) -> dict[str, Any]:
        """The members of the API and of `--json`."""
        return {
            "edition": self.number, "source": self.source, "loaded_at": self.loaded_at, "loaded_by": self.loaded_by,
            "rates": self.rates, "first": self.first, "last": self.last,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """One edition, for converting into one currency."""

    edition: int
    source: str
    currency: str
    _known: Mapping[str, tuple[tuple[str, ...], tuple[Decimal, ...]]]
    """Currency → days, rising, and how much of `currency` one of it is from each on."""

    def convert(self, n: int, currency: str, month: str) -> tuple[int, str] | None:
        """Thousandths of a currency in thousandths of this one, and the day of the rate; None where there is none."""
        if currency == self.currency:
            return n, ""
        days, rates = self._known.get(currency, ((), ()))
        if len(month) != _MONTH:
            return None
        at = bisect_right(days, _last_day(month)) - 1
        if at < 0:
            return None
        return int((Decimal(n) * rates[at]).to_integral_value(ROUND_HALF_EVEN)), days[at]


def load(database: Database, data: str, *, source: str, by: str, now: int) -> Edition:
    """Load a table as the next edition. Raises `RatesRefused` with every fault; nothing is kept then."""
    faults: list[str] = []
    said = source.strip()
    if not 0 < len(said) <= MAX_SOURCE or not said.isprintable():
        faults.append(f"source: is one line of 1 to {MAX_SOURCE} characters that says where the rates are from")
    found = _read(data, faults)
    if faults:
        raise RatesRefused(faults)
    with database.write() as connection:
        number = (connection.scalar(select(func.max(exchange_rate.c.edition))) or 0) + 1
        insert_rows(
            connection, exchange_rate, _TABLE,
            [(number, *key, rate, said, now, by) for key, rate in sorted(found.items())],
        )  # fmt: skip
        return next(one for one in _listing(connection) if one.number == number)


def editions(database: Database) -> list[Edition]:
    """All editions, the newest first."""
    with database.read() as connection:
        return _listing(connection)


def of(connection: Connection, currency: str, *, edition: int | None = None) -> Rates:
    """An edition for converting into a currency; the newest by default. Raises `NotFound`."""
    if not _CURRENCY.fullmatch(currency):
        raise NotFound("a currency is three capitals, such as EUR")
    table = exchange_rate.c
    number = edition if edition is not None else connection.scalar(select(func.max(table.edition)))
    rows = connection.execute(select(exchange_rate).where(table.edition == (number or 0)).order_by(table.day)).all()
    if not rows:
        raise NotFound("there is no such edition of exchange rates; load one with `tidewaiter stats rates load`")
    own: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        if row.currency == currency:
            own.setdefault(row.base, {})[row.day] = Decimal(row.rate)
    known = {name: dict(rates) for name, rates in own.items()}
    for row in rows:
        if row.base == currency:
            known.setdefault(row.currency, {}).setdefault(row.day, 1 / Decimal(row.rate))
        elif row.base in own and row.currency != currency:
            # Through the base: what one of it was on that day, or when it was told last before.
            day = max((day for day in own[row.base] if day <= row.day), default=None)
            if day is not None:
                known.setdefault(row.currency, {}).setdefault(row.day, own[row.base][day] / Decimal(row.rate))
    if not known:
        raise NotFound(f"edition {rows[0].edition} of the exchange rates has no rate of {currency}")
    return Rates(
        edition=rows[0].edition, source=rows[0].source, currency=currency,
        _known={name: (tuple(sorted(by)), tuple(by[day] for day in sorted(by))) for name, by in known.items()},
    )  # fmt: skip


def _read(data: str, faults: list[str]) -> dict[tuple[str, str, str], str]:
    rows = csv.DictReader(io.StringIO(data.lstrip("\ufeff")))
    if tuple(sorted(rows.fieldnames or ())) != tuple(sorted(COLUMNS)):
        faults.append(f"columns: are {', '.join(COLUMNS)}, in any order; the first line names them")
        return {}
    found: dict[tuple[str, str, str], str] = {}
    for number, row in enumerate(rows, 2):
        if number > MAX_RATES:
            faults.append(f"row {number}: an edition has at most {MAX_RATES} rates; load two")
            break
        wrong = _wrong(row)
        if wrong is not None:
            faults.append(f"row {number}: {wrong}")
            continue
        key = (row["base"], row["currency"], row["day"])
        if key in found:
            faults.append(f"row {number}: day: there is a rate of these currencies for this day already; leave one out")
        found[key] = row["rate"]
    if not found and not faults:
        faults.append("rows: there is none")
    return found


def _wrong(row: Mapping[str, Any]) -> str | None:
    """What is wrong with a row, or None."""
    for name in ("base", "currency"):
        if not _CURRENCY.fullmatch(row[name] or ""):
            return f"{name}: is three capitals of ISO 4217, such as EUR"
    if row["base"] == row["currency"]:
        return "currency: is the base itself; leave the row out"
    try:
        if date.fromisoformat(row["day"] or "").isoformat() != row["day"]:
            return "day: is YYYY-MM-DD"
    except ValueError:
        return "day: is YYYY-MM-DD"
    if not _RATE.fullmatch(row["rate"] or "") or not Decimal(row["rate"]):
        return "rate: is a number above 0 with a point, such as 1.0832: so much of currency is one of base"
    return None


def _listing(connection: Connection) -> list[Edition]:
    table = exchange_rate.c
    rows = connection.execute(
        select(
            table.edition, table.source, table.loaded_at, table.loaded_by, func.count().label("rates"),
            func.min(table.day).label("first"), func.max(table.day).label("last"),
        )
        .group_by(table.edition, table.source, table.loaded_at, table.loaded_by)
        .order_by(table.edition.desc())
    )  # fmt: skip
    return [
        Edition(
            number=row.edition, source=row.source, loaded_at=row.loaded_at, loaded_by=row.loaded_by, rates=row.rates,
            first=row.first, last=row.last,
        )
        for row in rows
    ]  # fmt: skip


def _last_day(month: str) -> str:
    year, number = int(month[:4]), int(month[5:7])
    return f"{month}-{calendar.monthrange(year, number)[1]:02d}"
