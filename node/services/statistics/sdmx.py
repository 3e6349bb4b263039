"""Published tables as SDMX-CSV 2.0, and the data structure definition that they follow as SDMX-ML 3.0.

One dataflow has all tables: a dimension that a table does not show has the code `_T`, and the total over months has the
whole period as a time range (`2025-01-01/P12M`). A suppressed cell has no value and the confidentiality status `N`, not
for publication, whatever the reason. Written by hand: both are plain text, and the libraries for them want pandas.

Sources: SDMX 3.0, section 3B (SDMX-ML schemas) and the SDMX-CSV 2.0 field guide; CL_CONF_STATUS of the cross-domain
code lists. Left to others: what may be exported. Trust: a code that is no SDMX identifier refuses the file.
"""

from __future__ import annotations

import csv
import io
import re
from typing import TYPE_CHECKING, Final
from xml.etree import ElementTree as ET

from federation.records import codes
from federation.records.statistics import TOTAL
from node.services.statistics.counting import SEVERAL, UNKNOWN
from node.services.statistics.crossing import OTHER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from node.services.statistics.published import Published

AGENCY: Final = "TIDEWAITER"
FLOW: Final = "SEIZURES"
VERSION: Final = "1.0.0"
NOT_PUBLISHED: Final = "N"
FREE: Final = "F"
LISTS: Final = {
    "category": ("CATEGORY", "wco_category"), "right": ("IPR_TYPE", "ipr_type"), "origin": ("ORIGIN", "country"),
    "destination": ("DESTINATION", "country"), "conveyance": ("CONVEYANCE", "conveyance"),
    "procedure": ("PROCEDURE", "procedure"),
}  # fmt: skip
"""Dimension of a table → its name in SDMX, and its list of codes."""
_SPECIAL: Final = {TOTAL: "_T", UNKNOWN: "_U", SEVERAL: "_M", OTHER: "_O"}
_LABELS: Final = {"_T": "Total", "_U": "Unknown", "_M": "Several", "_O": "Other"}
_ID: Final = re.compile(r"[A-Za-z0-9_@$-]{1,64}", re.ASCII)
_MONTH: Final = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])", re.ASCII)
_TIME: Final = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2]))?", re.ASCII)
_MESSAGE: Final = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/message"
_STRUCTURE: Final = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/structure"
_COMMON: Final = "http://www.sdmx.org/resources/sdmxml/schemas/v3_0/common"
_XML: Final = "http://www.w3.org/XML/1998/namespace"


def to_csv(tables: Iterable[Published], *, reporter: str, first: str, last: str) -> bytes:
    """The tables of one edition, each cell once. `first` and `last` are the months of the period.

    Raises ValueError for a period or a code that SDMX cannot name.
    """
    if not (_MONTH.fullmatch(first) and _MONTH.fullmatch(last) and _ID.fullmatch(reporter)):
        raise ValueError("about: names no period of two months, such as 2025-01 to 2025-12")
    months = (int(last[:4]) - int(first[:4])) * 12 + int(last[5:]) - int(first[5:]) + 1
    whole = f"{first}-01/P{months}M"
    found: dict[tuple[str, ...], str | None] = {}
    for table in tables:
        for key, n in table.rows:
            place = dict(zip(table.dims, key, strict=True))
            month = place.get("month", TOTAL)
            if month != TOTAL and not _TIME.fullmatch(month):
                raise ValueError(f"{table.name}: has a month that is none; export it as csv")
            names = [_code(place.get(dim, TOTAL), table.name) for dim in LISTS]
            found[(*names, whole if month == TOTAL else month)] = n
    stream = io.StringIO(newline="")
    writer = csv.writer(stream)
    dims = [name for name, _ in LISTS.values()]
    writer.writerow(
        ("STRUCTURE", "STRUCTURE_ID", "ACTION", "REPORTER", *dims, "TIME_PERIOD", "OBS_VALUE", "CONF_STATUS")
    )
    flow = f"{AGENCY}:{FLOW}({VERSION})"
    for where, n in sorted(found.items()):
        told = ("", NOT_PUBLISHED) if n is None else (n, FREE)
        writer.writerow(("dataflow", flow, "I", reporter, *where, *told))
    return stream.getvalue().encode()


def structure() -> bytes:
    """The data structure definition, with its code lists and concepts, as an SDMX-ML 3.0 structure message."""
    for prefix, uri in (("mes", _MESSAGE), ("str", _STRUCTURE), ("com", _COMMON)):
        ET.register_namespace(prefix, uri)
    root = ET.Element(f"{{{_MESSAGE}}}Structure")
    header = ET.SubElement(root, f"{{{_MESSAGE}}}Header")
    for name, text in (("ID", FLOW), ("Test", "false"), ("Prepared", "2026-12-01T00:00:00Z")):
        ET.SubElement(header, f"{{{_MESSAGE}}}{name}").text = text
    ET.SubElement(header, f"{{{_MESSAGE}}}Sender", id=AGENCY)
    body = ET.SubElement(root, f"{{{_MESSAGE}}}Structures")
    lists = {name: {**codes.labels(of), **_LABELS} for name, of in LISTS.values()}
    lists["CONF_STATUS"] = {FREE: "Free", NOT_PUBLISHED: "Not for publication"}
    named = {
        "REPORTER": "Who published", **{name: name.replace("_", " ").capitalize() for name in lists},
        "TIME_PERIOD": "Time period", "OBS_VALUE": "Cases",
    }  # fmt: skip
    holder = _under(body, "Codelists")
    for name, labels in lists.items():
        _items(_maintained(holder, "Codelist", f"CL_{name}"), "Code", labels)
    _items(_maintained(_under(body, "ConceptSchemes"), "ConceptScheme", "CONCEPTS"), "Concept", named)
    flow = _maintained(_under(body, "Dataflows"), "Dataflow", FLOW)
    _under(flow, "Structure").text = _urn("datastructure.DataStructure", FLOW)
    made = _maintained(_under(body, "DataStructures"), "DataStructure", FLOW)
    parts = _under(made, "DataStructureComponents")
    dims = _under(parts, "DimensionList", id="DimensionDescriptor")
    for at, name in enumerate(("REPORTER", *(name for name, _ in LISTS.values())), start=1):
        one = _component(dims, "Dimension", name, position=str(at))
        _represented(one, name if name in lists else None)
    time = _under(_component(dims, "TimeDimension", "TIME_PERIOD"), "LocalRepresentation")
    _under(time, "TextFormat", textType="ObservationalTimePeriod")
    attributes = _under(parts, "AttributeList", id="AttributeDescriptor")
    status = _component(attributes, "Attribute", "CONF_STATUS", usage="mandatory")
    _represented(status, "CONF_STATUS")
    _under(_under(status, "AttributeRelationship"), "Observation")
    measure = _component(_under(parts, "MeasureList", id="MeasureDescriptor"), "Measure", "OBS_VALUE")
    _under(_under(measure, "LocalRepresentation"), "TextFormat", textType="Decimal")
    written: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return written


def _code(code: str, table: str) -> str:
    found = _SPECIAL.get(code, code)
    if not _ID.fullmatch(found):
        raise ValueError(f"{table}: has a code that SDMX cannot name; export it as csv")
    return found


def _under(parent: ET.Element, name: str, **attributes: str) -> ET.Element:
    return ET.SubElement(parent, f"{{{_STRUCTURE}}}{name}", attributes)


def _maintained(parent: ET.Element, kind: str, name: str) -> ET.Element:
    made = _under(parent, kind, id=name, agencyID=AGENCY, version=VERSION)
    _name(made, name.removeprefix("CL_").replace("_", " ").capitalize())
    return made


def _items(parent: ET.Element, kind: str, labels: Mapping[str, str]) -> None:
    for code, label in labels.items():
        _name(_under(parent, kind, id=code), label)


def _name(parent: ET.Element, text: str) -> None:
    ET.SubElement(parent, f"{{{_COMMON}}}Name", {f"{{{_XML}}}lang": "en"}).text = text


def _component(parent: ET.Element, kind: str, name: str, **attributes: str) -> ET.Element:
    made = _under(parent, kind, id=name, **attributes)
    _under(made, "ConceptIdentity").text = _urn("conceptscheme.Concept", "CONCEPTS", name)
    return made


def _represented(parent: ET.Element, codelist: str | None) -> None:
    local = _under(parent, "LocalRepresentation")
    if codelist is None:
        _under(local, "TextFormat", textType="String")
    else:
        _under(local, "Enumeration").text = _urn("codelist.Codelist", f"CL_{codelist}")


def _urn(kind: str, name: str, *inside: str) -> str:
    item = "".join(f".{part}" for part in inside)
    return f"urn:sdmx:org.sdmx.infomodel.{kind}={AGENCY}:{name}({VERSION}){item}"
