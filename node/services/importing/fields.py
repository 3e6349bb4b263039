"""The fields that a column can be mapped to: one flat name each, and where it goes in `seizure/1`.

This is the vocabulary of mapping files and of the product's own template. A field of a *line* may differ from
line to line; a field of the *seizure* is said once, and lines that contradict each other are warned about.
"""

# ruff: noqa: E501 - a table reads better with one entry a line

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Kind = Literal["text", "prose", "code", "codes", "country", "countries", "date", "number", "yesno", "texts", "hs"]
Level = Literal["identity", "seizure", "line"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One importable field."""

    name: str
    kind: Kind
    level: Level
    label: str
    """The header of the product's template, in English."""
    help: str
    codes: str = ""
    """The code list (`federation.records.codes`) of a code field."""
    nominal: bool = False
    """Whether it can name somebody: it lands in a group that is shared only when a rule names it."""


def _field(  # noqa: PLR0917 - the columns of the table below
    name: str, kind: Kind, level: Level, label: str, text: str, codes: str = "", *, nominal: bool = False
) -> Field:
    return Field(name=name, kind=kind, level=level, label=label, help=text, codes=codes, nominal=nominal)


_ALL: Final = (
    _field("reference", "text", "identity", "Reference", "Your own number of the seizure. Rows with one reference are one seizure. Required."),
    _field("administration", "country", "identity", "Administration", "Country code of the administration that seized. Required.", "country"),
    _field("line", "text", "line", "Line", "Number of the goods line, kept for good; may be left empty."),
    _field("entered_by", "text", "seizure", "Entered by", "Who entered it for you, such as RILO-ESA."),
    _field("found_on", "date", "seizure", "Found on", "2021-03-12, 2021-03 or 2021."),
    _field("detained_on", "date", "seizure", "Detained on", "2021-03-12, 2021-03 or 2021."),
    _field("seized_on", "date", "seizure", "Seized on", "2021-03-12, 2021-03 or 2021."),
    _field("destroyed_on", "date", "seizure", "Destroyed on", "2021-03-12, 2021-03 or 2021."),
    _field("published_on", "date", "seizure", "Published on", "2021-03-12, 2021-03 or 2021."),
    _field("office", "text", "seizure", "Customs office", "The office or place."),
    _field("location_type", "code", "seizure", "Type of place", "Choose from the list.", "location_type"),
    _field("unlocode", "text", "seizure", "UN/LOCODE", "Five characters, such as GBSOU."),
    _field("procedure", "code", "seizure", "Customs procedure", "Choose from the list.", "procedure"),
    _field("traffic", "code", "seizure", "Traffic", "Freight or passengers.", "traffic"),
    _field("basis", "code", "seizure", "Intervention basis", "Ex officio or on application.", "basis"),
    _field("application", "text", "seizure", "Application number", "Number of the application for action."),
    _field("detection", "code", "seizure", "Detection method", "Choose from the list.", "detection"),
    _field("conveyance", "code", "seizure", "Means of transport", "Choose from the list.", "conveyance"),
    _field("containers", "texts", "seizure", "Container numbers", "Several are set apart by semicolons."),
    _field("imo", "text", "seizure", "Ship (IMO number)", "Seven digits."),
    _field("flight", "text", "seizure", "Flight", "Such as KQ886."),
    _field("awb", "text", "seizure", "Air waybill", "Eleven digits."),
    _field("bill_of_lading", "text", "seizure", "Bill of lading", "Its number."),
    _field("seals", "texts", "seizure", "Seals", "Several are set apart by semicolons."),
    _field("origin", "countries", "seizure", "Country of origin", "Country codes or names; several with semicolons.", "country"),
    _field("departure", "countries", "seizure", "Country of departure", "Country codes or names; several with semicolons.", "country"),
    _field("transit", "countries", "seizure", "Transit countries", "In their order; several with semicolons.", "country"),
    _field("custody", "countries", "seizure", "Transit with custody", "Those transit countries whose customs had custody.", "country"),
    _field("destination", "countries", "seizure", "Country of destination", "Country codes or names; several with semicolons.", "country"),
    _field("discovered_in", "country", "seizure", "Country of discovery", "Where it was found, if it was not at home.", "country"),
    _field("concealment", "prose", "seizure", "Concealment", "How the goods were hidden or declared."),
    _field("concealment_place", "text", "seizure", "Place of concealment", "Where they were hidden."),
    _field("modus", "prose", "seizure", "Modus operandi", "How the smuggling was organised."),
    _field("cover_load", "text", "seizure", "Cover load", "The goods that hid them."),
    _field("indicators", "texts", "seizure", "Risk indicators", "Several are set apart by semicolons."),
    _field("category", "codes", "line", "Goods category", "Choose from the list; several with semicolons.", "wco_category"),
    _field("eu_category", "codes", "line", "EU goods category", "Choose from the list; several with semicolons.", "eu_category"),
    _field("hs", "hs", "line", "HS code", "Two to six digits, edition 2022."),
    _field("description", "prose", "line", "Description of the goods", "What they are."),
    _field("gtin", "texts", "line", "GTIN", "Barcode numbers; several with semicolons."),
    _field("health_safety", "yesno", "line", "Danger to health or safety", "yes or no"),
    _field("quantity", "number", "line", "Quantity", "A number; 'about 3000' and '1000-1200' are understood."),
    _field("unit", "code", "line", "Unit", "Choose from the list.", "unit"),
    _field("packages", "number", "line", "Number of packages", "A number."),
    _field("package_type", "code", "line", "Type of package", "Choose from the list.", "package"),
    _field("gross_mass", "number", "line", "Gross mass (kg)", "Kilograms."),
    _field("value", "number", "line", "Value", "A number; one total for all lines stands on the first line."),
    _field("currency", "code", "line", "Currency", "Three letters, such as EUR.", "currency"),
    _field("value_basis", "code", "line", "Basis of the value", "Choose from the list.", "value_basis"),
    _field("value_2", "number", "line", "Second value", "The same goods valued on another basis."),
    _field("currency_2", "code", "line", "Second currency", "Three letters, such as EUR.", "currency"),
    _field("value_basis_2", "code", "line", "Basis of the second value", "Choose from the list.", "value_basis"),
    _field("brands", "texts", "line", "Brands", "Several are set apart by semicolons."),
    _field("right_types", "codes", "line", "Rights infringed", "Choose from the list; several with semicolons.", "ipr_type"),
    _field("registration", "text", "line", "Registration number", "Of the right."),
    _field("registration_office", "text", "line", "Registration office", "Such as EUIPO."),
    _field("nice", "texts", "line", "Nice classes", "1 to 45; several with semicolons."),
    _field("right_holder", "text", "line", "Right holder", "As the register names it."),
    _field("outcome", "code", "line", "Outcome", "Choose from the list.", "outcome"),
    _field("outcome_on", "date", "line", "Outcome on", "2021-03-12, 2021-03 or 2021."),
    _field("outcome_why", "text", "line", "Reason for the outcome", "Such as: right holder did not reply."),
    _field("source_grade", "code", "seizure", "Source grade", "A to F.", "source_grade"),
    _field("information", "text", "seizure", "Information grade", "1 to 6."),
    _field("nature", "code", "seizure", "Fact or assessment", "Choose from the list.", "nature"),
    _field("link_title", "text", "seizure", "Publication title", "Title of a page or release about it."),
    _field("link_publisher", "text", "seizure", "Publisher", "Who published it."),
    _field("link_url", "text", "seizure", "Publication address", "Its address."),
    _field("link_on", "date", "seizure", "Publication dated", "Date of that page."),
    _field("consignor", "text", "seizure", "Consignor", "Name. Stays at home unless a rule names it.", nominal=True),
    _field("consignee", "text", "seizure", "Consignee", "Name. Stays at home unless a rule names it.", nominal=True),
    _field("declarant", "text", "seizure", "Declarant", "Name. Stays at home unless a rule names it.", nominal=True),
    _field("carrier", "text", "seizure", "Carrier", "Name. Stays at home unless a rule names it.", nominal=True),
    _field("traveller", "text", "seizure", "Traveller", "Name. Stays at home unless a rule names it.", nominal=True),
    _field("documents", "texts", "seizure", "Document numbers", "Stay at home unless a rule names them.", nominal=True),
    _field("tracking", "texts", "seizure", "Tracking numbers", "Stay at home unless a rule names them.", nominal=True),
    _field("plates", "texts", "seizure", "Vehicle plates", "Stay at home unless a rule names them.", nominal=True),
    _field("narrative", "prose", "seizure", "Narrative", "Free text. Stays at home unless a rule names it.", nominal=True),
)  # fmt: skip

FIELDS: Final = {field.name: field for field in _ALL}
"""All fields by name, in the order of the template's columns."""

PACKAGE_PREFIX: Final = "package:"
"""Marks a package in a translation of the field `unit` (`package:CT`): the count goes to packages."""

BESIDE: Final = (
    "Node", "Record", "Version", "TLP", "Purposes", "Onward", "Export",
    "Our reference", "Query of the regional office", "Who has it", "Hits abroad", "Why not imported",
)  # fmt: skip
"""Headers of what this product writes beside the columns of a form: an import takes nothing from them."""
