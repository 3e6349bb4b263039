"""Keeping, exporting, holding and data subjects by commands, at the home of a member of a federation."""

from __future__ import annotations

import json
import shutil
import time
from typing import TYPE_CHECKING

import pytest

from node.app import open_home
from node.services import drafting
from tests.node.api.conftest import SECRET_WORD, seizure

if TYPE_CHECKING:
    from pathlib import Path

PERSONS = [{"role": "consignee", "name": "Amina Said"}]


@pytest.fixture
def folder(home_template, tmp_path, tell) -> Path:
    """The home of KE with one seizure released."""
    shutil.copytree(home_template, tmp_path / "KE")
    opened = open_home(tmp_path / "KE")
    drafting.keep(
        opened.database, kind="seizure", groups=seizure(persons=PERSONS), administration="KE", reference=None,
        now=int(time.time()),
    )  # fmt: skip
    opened.database.close()
    assert tell("--home", tmp_path / "KE", "release", "--all").status == 0
    return tmp_path / "KE"


def test_an_export_is_written_registered_and_not_written_over(folder, tell, tmp_path) -> None:
    target = tmp_path / "case.json"
    asked = (
        "--home",
        folder,
        "export",
        "R-1",
        "--purpose",
        "customs-enforcement",
        "--to",
        "a court",
        "--output",
        target,
    )
    made = tell(*asked, "--json")
    assert made.status == 0, made.err
    (item,) = json.loads(target.read_bytes())["records"]
    assert item["groups"]["persons"] == PERSONS
    assert made.json["sha256"] == tell("--home", folder, "exports", "--json").json["exports"][0]["sha256"]
    again = tell(*asked)
    assert (again.status, "is there already" in again.err) == (1, True)
    refused = tell(*asked[:4], "--purpose", "evidence", "--to", "a court", "--output", tmp_path / "no.json")
    assert (refused.status, (tmp_path / "no.json").exists()) == (1, False)
    assert "nothing was exported" in refused.err
    assert SECRET_WORD not in refused.err + refused.out
    found = tell("--home", folder, "export", "--filter", "brand=Louis Vuitton", "--purpose", "customs-enforcement",
                 "--to", "a unit", "--output", "-", "--format", "csv")  # fmt: skip
    assert (found.status, "Louis Vuitton" in found.out) == (0, True)
    terms = ("--purpose", "x", "--to", "y", "--output", "-")
    for bad in (("export", *terms), ("export", "R-1", "--words", "x", *terms)):
        assert tell("--home", folder, *bad).status == 2


def test_a_hold_is_placed_listed_and_lifted(folder, tell) -> None:
    placed = tell("--home", folder, "hold", "place", "R-1", "--reason", "order 17", "--by", "H. Officer", "--json")
    assert (placed.status, placed.json["iss"]) == (0, "KE")
    (row,) = tell("--home", folder, "hold", "list", "--json").json["holds"]
    assert (row["reason"], row["placed_by"], row["aside"]) == ("order 17", "H. Officer", 0)
    shown = tell("--home", folder, "hold", "show", "R-1", "--purpose", "evidence")
    assert (shown.status, "nothing is set aside" in shown.err) == (1, True)
    assert tell("--home", folder, "hold", "lift", "R-1", "--reason", "over", "--json").json == {
        "lifted": 1,
        "erased": 0,
    }
    again = tell("--home", folder, "hold", "lift", "R-1", "--reason", "over")
    assert (again.status, "no hold" in again.err) == (1, True)
    assert tell("--home", folder, "hold", "list").out.strip() == "No hold is in force."


def test_a_person_is_found_told_restricted_and_corrected(folder, tell, tmp_path) -> None:
    found = tell("--home", folder, "subject", "find", "SAID Amina", "--json").json
    assert [(one["where"], one["groups"][0]["group"]) for one in found["found"]] == [
        ("own", "persons"), ("draft", "persons"),
    ]  # fmt: skip
    target = tmp_path / "access.json"
    told = tell("--home", folder, "subject", "access", "Amina Said", "--output", target, "--json")
    assert (told.status, told.json["records"]) == (0, 1)
    assert json.loads(target.read_text("utf-8"))["records"][0]["data"] == {"persons": PERSONS}
    assert target.stat().st_mode & 0o077 == 0
    stopped = tell("--home", folder, "subject", "restrict", "R-1", "--subject", "file 7", "--json").json
    assert stopped["stopped"] == 1
    shown = tell("--home", folder, "show", "R-1")
    assert (shown.status, "restricted" in shown.err) == (1, True)
    assert tell("--home", folder, "subject", "lift", stopped["case"], "--json").json["resumed"] == 1
    assert tell("--home", folder, "show", "R-1").status == 0
    erased = tell("--home", folder, "subject", "erase", "R-1", "--subject", "file 7")
    assert (erased.status, "recall" in erased.err) == (1, True)
    corrected = tell(
        "--home", folder, "subject", "rectify", "R-1", "--remove", "persons", "--subject", "file 7", "--json"
    )
    assert corrected.json["reference"] == "R-1"
    assert tell("--home", folder, "release", "R-1").status == 0
    assert "persons" not in tell("--home", folder, "show", "R-1", "--json").json["groups"]
    cases = tell("--home", folder, "subject", "list", "--json").json["cases"]
    assert [case["action"] for case in cases] == ["rectify", "restrict", "access", "find"]
    assert len({case["number"] for case in cases}) == 4
    bad = tell("--home", folder, "subject", "find", "x")
    assert (bad.status, "from 3 to" in bad.err) == (1, True)


def test_what_is_due_is_listed_and_a_sweep_of_nothing_erases_nothing(folder, tell) -> None:
    assert tell("--home", folder, "review", "--json").json == {"due": []}
    settings = folder / "node.toml"
    settings.write_text(settings.read_text("utf-8") + "\n[retention]\nseizure_months = 1\n", "utf-8")
    opened = open_home(folder)
    with opened.database.write() as connection:
        connection.exec_driver_sql("UPDATE record SET iat = iat - 40 * 86400")
    opened.database.close()
    (due,) = tell("--home", folder, "review", "--json").json["due"]
    assert (due["why"], due["reference"]) == ("retention", "R-1")
    assert set(tell("--home", folder, "sweep", "--json").json.values()) == {0}
    assert tell("--home", folder, "tasks").out.strip() == "No task is open."
    assert tell("--home", folder, "tasks", "done", "9").status == 1
    settings.write_text(settings.read_text("utf-8").replace("seizure_months = 1", "seizure_months = 0"), "utf-8")
    refused = tell("--home", folder, "review")
    assert (refused.status, "retention.seizure_months" in refused.err) == (1, True)
