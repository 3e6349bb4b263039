"""Published tables in SDMX: what is in the file, what the structure says of it, and that both agree."""

from __future__ import annotations

import csv
import io
import warnings
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest

from node.services.statistics import sdmx
from node.services.statistics.published import Published

MONTHS = Published(name="by_month", dims=("month",), rows=((("2025-02",), "7"), (("2025",), None), (("_T",), "9")))
CROSSED = Published(
    name="category_by_origin", dims=("category", "origin"),
    rows=(
        (("footwear", "(unknown)"), "7"), (("footwear", "CN"), None), (("_T", "(several)"), "2"), (("_T", "_T"), "9"),
    ),
)  # fmt: skip
SPACE = "{http://www.sdmx.org/resources/sdmxml/schemas/v3_0/structure}"


def rows_of(*tables):
    text = sdmx.to_csv(tables, reporter="KE", first="2025-01", last="2025-12").decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_each_cell_is_one_observation_and_a_total_that_two_tables_show_is_there_once():
    rows = rows_of(MONTHS, CROSSED)
    assert len(rows) == 6
    (total,) = [row for row in rows if row["TIME_PERIOD"] == "2025-01-01/P12M" and row["ORIGIN"] == "_T"]
    assert (total["OBS_VALUE"], total["CONF_STATUS"], total["REPORTER"]) == ("9", "F", "KE")
    assert {row["ORIGIN"] for row in rows} == {"_T", "_U", "_M", "CN"}
    assert {row["STRUCTURE_ID"] for row in rows} == {"TIDEWAITER:SEIZURES(1.0.0)"}


def test_a_suppressed_cell_has_no_value_and_is_not_for_publication():
    hidden = [row for row in rows_of(MONTHS, CROSSED) if row["CONF_STATUS"] == "N"]
    assert [(row["OBS_VALUE"], row["TIME_PERIOD"]) for row in hidden] == [("", "2025"), ("", "2025-01-01/P12M")]


def test_the_structure_has_the_columns_of_the_file_in_their_order_and_every_code():
    root = ET.fromstring(sdmx.structure())  # noqa: S314 - made here
    dims = [one.get("id") for one in root.iter() if one.tag in {f"{SPACE}Dimension", f"{SPACE}TimeDimension"}]
    (first, *_) = rows_of(MONTHS)
    assert list(first)[3:] == [*dims, "OBS_VALUE", "CONF_STATUS"]
    lists = {one.get("id"): {code.get("id") for code in one} for one in root.iter(f"{SPACE}Codelist")}
    for row in rows_of(MONTHS, CROSSED):
        for name, value in row.items():
            assert f"CL_{name}" not in lists or value in lists[f"CL_{name}"]
    assert all(sdmx._ID.fullmatch(code) for name, found in lists.items() for code in found - {None})


@pytest.mark.parametrize("code", ["=cmd()", "a,b", "a\nb", ""])
def test_a_hostile_code_refuses_the_file(code):
    hostile = Published(name="by_category", dims=("category",), rows=(((code,), "1"),))
    with pytest.raises(ValueError, match="by_category: has a code"):
        rows_of(hostile)
    with pytest.raises(ValueError, match="by_month: has a month"):
        rows_of(Published(name="by_month", dims=("month",), rows=(((code,), "1"),)))
    with pytest.raises(ValueError, match="about"):
        sdmx.to_csv([], reporter="KE", first=code, last="2025-12")


@pytest.fixture
def files(tmp_path):
    """The structure and the figures as files; and what was published: (category, origin, time) to the figure."""
    structure, data = tmp_path / "structure.xml", tmp_path / "figures.csv"
    structure.write_bytes(sdmx.structure())
    data.write_bytes(sdmx.to_csv([MONTHS, CROSSED], reporter="KE", first="2025-01", last="2025-12"))
    whole = "2025-01-01/P12M"
    return structure, data, {
        ("_T", "_T", "2025-02"): 7, ("_T", "_T", "2025"): None, ("_T", "_T", whole): 9, ("footwear", "_U", whole): 7,
        ("footwear", "CN", whole): None, ("_T", "_M", whole): 2,
    }  # fmt: skip


def test_pysdmx_reads_the_structure_and_the_same_figures(files):
    structure, data, published = files
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own
        from pysdmx.io import get_datasets, read_sdmx  # noqa: PLC0415 - pandas is slow to load

        (definition,) = [
            one for one in read_sdmx(structure).structures if type(one).__name__ == "DataStructureDefinition"
        ]
        (dataset,) = get_datasets(data, structure)
    assert [one.id for one in definition.components.dimensions][-1] == "TIME_PERIOD"
    rows = dataset.data.astype(object).where(dataset.data.notna(), None).to_dict("records")
    read = {(row["CATEGORY"], row["ORIGIN"], row["TIME_PERIOD"]): row["OBS_VALUE"] for row in rows}
    assert read == published
    assert {row["CONF_STATUS"] for row in rows if row["OBS_VALUE"] is None} == {"N"}


def test_sdmx1_reads_the_structure_and_the_same_figures(files):
    structure, data, published = files
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the library's own
        import sdmx as sdmx1  # noqa: PLC0415 - pandas is slow to load

        (definition,) = sdmx1.read_sdmx(structure).structure.values()
        (dataset,) = sdmx1.read_sdmx(data, structure=definition).data
    read = {}
    for one in dataset.obs:
        told = {name: value.value for name, value in one.dimension.values.items()}
        read[told["CATEGORY"], told["ORIGIN"], told["TIME_PERIOD"]] = Decimal(one.value) if one.value else None
        assert (str(one.attached_attribute["CONF_STATUS"].value) == "N") == (not one.value)
    assert read == published
