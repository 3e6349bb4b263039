"""Countries and currencies: ISO 3166 and ISO 4217, with what customs need beyond them.

The current codes come from `pycountry`, read once at first use. Beside them stand: members and territories of
customs without an ISO country code of their own (Kosovo, the European Union and others), countries that no
longer exist and whose codes nobody has taken over, and withdrawn currencies, because old cases keep theirs.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from federation.records.codelists import Table

PSEUDO_COUNTRIES: Final[Table] = {
    "XK": "Kosovo|xkx",
    "EU": "European Union|eu member states",
    "XI": "Northern Ireland|united kingdom (northern ireland)",
    "XC": "Ceuta",
    "XL": "Melilla",
    "XZ": "International waters|high seas",
}
"""User-assigned codes: XK and EU are members of customs bodies; XI, XC and XL are territories with a customs
regime of their own; XZ is what UN/LOCODE uses for international waters."""

COUNTRY_SYNONYMS: Final[dict[str, str]] = {
    "BO": "bolivia",
    "BN": "brunei",
    "CD": "dr congo|drc|congo kinshasa|democratic republic of the congo",
    "CG": "congo brazzaville|republic of the congo",
    "CI": "ivory coast",
    "CN": "mainland china|prc|people's republic of china",
    "CV": "cape verde",
    "CZ": "czech republic",
    "FM": "micronesia",
    "GB": "uk|great britain|britain|england|scotland|wales",
    "GR": "el|hellas",
    "HK": "hong kong sar|hong kong china|hong kong, china",
    "IR": "iran",
    "KP": "north korea",
    "KR": "south korea|korea|republic of korea",
    "LA": "laos",
    "MD": "moldova",
    "MK": "macedonia",
    "MO": "macau|macao sar|macau sar",
    "NL": "holland|the netherlands",
    "PS": "palestine",
    "RU": "russia",
    "SY": "syria",
    "SZ": "swaziland",
    "TR": "turkey",
    "TW": "taiwan|chinese taipei",
    "TZ": "tanzania",
    "AE": "uae|emirates|dubai|abu dhabi",
    "US": "usa|u.s.|u.s.a.|united states of america",
    "VA": "vatican",
    "VE": "venezuela",
    "VN": "vietnam",
}

CURRENCY_SYNONYMS: Final[dict[str, str]] = {
    "AED": "dirhams",
    "CNY": "rmb|yuan|renminbi",
    "EUR": "€|euros",
    "GBP": "£|sterling|pounds sterling|pound sterling",
    "HKD": "hk$|hong kong dollars",
    "INR": "₹|rupees|indian rupees",
    "KES": "ksh|kenya shillings|kenyan shilling|kenyan shillings",
    "KRW": "₩|won|korean won",
    "NGN": "₦|naira",
    "PHP": "₱|philippine pesos|philippine peso",
    "PLN": "zł|zloty|zlotys",
    "THB": "฿|baht",
    "TRY": "₺|turkish lira",
    "UAH": "₴|hryvnia",
    "USD": "us$|us dollars|u.s. dollars|dollars us|united states dollars",
    "VND": "₫|dong",
    "XOF": "fcfa|cfa francs",
    "ZAR": "rand|rands",
}
"""A bare dollar sign is nobody's: it stays unmatched on purpose."""

WITHDRAWN_CURRENCIES: Final[Table] = {
    "ADP": "Andorran Peseta",
    "AFA": "Afghani (old)",
    "ANG": "Netherlands Antillean Guilder",
    "AOR": "Angolan Kwanza Reajustado",
    "ATS": "Austrian Schilling",
    "AZM": "Azerbaijan Manat (old)",
    "BEF": "Belgian Franc",
    "BGL": "Bulgarian Hard Lev",
    "BGN": "Bulgarian Lev",
    "BYB": "Belarusian Ruble (to 1999)",
    "BYR": "Belarusian Ruble (to 2016)",
    "CHC": "WIR Franc (old)",
    "CSD": "Serbian Dinar (old)",
    "CSK": "Czechoslovak Koruna",
    "CUC": "Cuban Peso Convertible",
    "CYP": "Cyprus Pound",
    "DDM": "Mark of the German Democratic Republic",
    "DEM": "Deutsche Mark",
    "ECS": "Ecuadorian Sucre",
    "EEK": "Estonian Kroon",
    "ESP": "Spanish Peseta",
    "FIM": "Finnish Markka",
    "FRF": "French Franc",
    "GEK": "Georgian Coupon",
    "GHC": "Ghana Cedi (old)",
    "GRD": "Greek Drachma",
    "GWP": "Guinea-Bissau Peso",
    "HRK": "Croatian Kuna",
    "IEP": "Irish Pound",
    "ITL": "Italian Lira",
    "LTL": "Lithuanian Litas",
    "LUF": "Luxembourg Franc",
    "LVL": "Latvian Lats",
    "MGF": "Malagasy Franc",
    "MRO": "Mauritanian Ouguiya (old)",
    "MTL": "Maltese Lira",
    "MXP": "Mexican Peso (old)",
    "MZM": "Mozambique Metical (old)",
    "NLG": "Netherlands Guilder",
    "PLZ": "Polish Zloty (old)",
    "PTE": "Portuguese Escudo",
    "ROL": "Romanian Leu (old)",
    "RUR": "Russian Ruble (old)",
    "SDD": "Sudanese Dinar",
    "SIT": "Slovenian Tolar",
    "SKK": "Slovak Koruna",
    "SLL": "Sierra Leonean Leone (old)",
    "SRG": "Surinam Guilder",
    "STD": "Sao Tome Dobra (old)",
    "TMM": "Turkmenistan Manat (old)",
    "TPE": "Timor Escudo",
    "TRL": "Turkish Lira (old)",
    "UAK": "Ukrainian Karbovanets",
    "VEB": "Venezuelan Bolivar (to 2008)",
    "VEF": "Venezuelan Bolivar (to 2018)",
    "XEU": "European Currency Unit",
    "YUM": "Yugoslav Dinar",
    "ZMK": "Zambian Kwacha (old)",
    "ZRN": "New Zaire",
    "ZWD": "Zimbabwe Dollar (to 2008)",
    "ZWL": "Zimbabwe Dollar (2009)",
    "ZWR": "Zimbabwe Dollar (2008)",
}


@cache
def countries() -> Table:
    """Every country code with its English label and synonyms, current ones first, sorted by label."""
    # Read here and not at import: the library's data is loaded by the first question, not by every start.
    import pycountry  # noqa: PLC0415

    found: Table = {}
    for country in sorted(pycountry.countries, key=_label):
        others = [country.name, getattr(country, "official_name", ""), country.alpha_3]
        known = COUNTRY_SYNONYMS.get(country.alpha_2, "")
        found[country.alpha_2] = "|".join(filter(None, [_label(country), *others, known]))
    found.update(PSEUDO_COUNTRIES)
    for country in pycountry.historic_countries:
        # AI, BY, GE, SK ... have a present owner, and the present owner keeps the code.
        found.setdefault(country.alpha_2, f"{country.name} (former)|{country.name}")
    return found


@cache
def currencies() -> Table:
    """Every currency code with its English label and synonyms: current ones, then the withdrawn."""
    import pycountry  # noqa: PLC0415

    found: Table = {}
    for currency in sorted(pycountry.currencies, key=lambda entry: entry.alpha_3):
        known = CURRENCY_SYNONYMS.get(currency.alpha_3, "")
        found[currency.alpha_3] = "|".join(filter(None, [currency.name, known]))
    for code, label in WITHDRAWN_CURRENCIES.items():
        found.setdefault(code, f"{label}, withdrawn|{label}")
    return found


def _label(country: object) -> str:
    """Prefer the name that people use, where ISO has one: Bolivia, not Bolivia, Plurinational State of."""
    return str(getattr(country, "common_name", "") or getattr(country, "name", ""))
