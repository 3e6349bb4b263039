"""What stands behind the commands: whole imports, policies that offer, alerts that name nobody, a watchful fsck."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from federation.trust import folder_fetch
from node.app import open_home
from node.services import authority, founding, policing
from node.services.import_store import import_file
from node.services.importing.shipped import mappings_folder, shipped_mappings
from node.storage import drafts, feeds
from node.storage.tables import draft
from tests.node.cli.conftest import SAMPLE_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from node.app import Home
    from tests.node.cli.conftest import Answer

POLICY = """
country = "GB"
version = {version}
author = "a"
approver = "b"
[[instrument]]
id = "MAA"
title = "an agreement"
{rules}
"""
EVERYTHING = '[[rule]]\nid = "all"\neffect = "grant"\ngroups = "non-nominal"\n'
NAMES = '[[rule]]\nid = "names"\neffect = "grant"\ngroups = ["narrative"]\nlegal = ["MAA"]\nneeds_release = true\n'


def row(reference: str, **cells: str) -> str:
    return ",".join(
        {"ref": reference, "administration": "GB", **cells}.get(name, "") for name in SAMPLE_HEADER.split(",")
    )


def sheet(path: Path, *rows: str) -> Path:
    path.write_text("\n".join((SAMPLE_HEADER, *rows)) + "\n", "utf-8")
    return path


@pytest.fixture
def federation(founded: dict[str, Path], tmp_path: Path) -> Iterator[tuple[Home, Home]]:
    """GB with the authority, and FR, both joined without any network."""
    home, other = tmp_path / "gb", tmp_path / "fr"
    shutil.copytree(founded["authority"], home)
    shutil.copytree(founded["fr"], other)
    gb, fr = open_home(home), open_home(other)
    repository = home / "authority" / "repository"
    fr.membership.mirror.first_trust(
        (repository / founding.ROOT).read_bytes(), authority.root_fingerprint(home / "authority")
    )
    fr.membership.mirror.refresh(folder_fetch(repository), now=fr.clock())
    yield gb, fr
    gb.database.close()
    fr.database.close()


def load(home: Home, path: Path) -> dict[str, int]:
    mapping = next(one for one in shipped_mappings(mappings_folder()) if one.name == "published-seizures")
    report = import_file(home.database, path, node="GB", administration="GB", mapping=mapping, now=home.clock())
    return report.counts.to_json()


def waiting(home: Home) -> list[Any]:
    with home.database.read() as connection:
        return list(connection.execute(draft.select().order_by(draft.c.reference)))


def release(home: Home, second: str | None = None) -> int:
    with home.database.read() as connection:
        ids = drafts.waiting(connection)
    reports = list(home.publisher().release(home.database, ids, by="Ann", second=second, now=home.clock()))
    return sum(report.released for report in reports)


def activate(home: Home, version: int, rules: str) -> policing.Activated:
    body = POLICY.format(version=version, rules=rules)
    return policing.activate(home.database, body, node="GB", by="B", publisher=home.publisher(), now=home.clock())


def sizes(home: Home) -> dict[str, int]:
    with home.database.read() as connection:
        return {row.lane: row.size for row in feeds.out_feeds(connection) if row.recipient == "FR"}


def test_a_changed_row_of_a_released_seizure_is_the_draft_of_its_next_version(
    federation: tuple[Home, Home], tmp_path: Path
) -> None:
    gb, _ = federation
    path = sheet(tmp_path / "s.csv", row("A", brands="Nike"), row("B", brands="Puma"))
    assert load(gb, path)["imported"] == 2
    sheet(path, row("A", brands="Nike;Puma"), row("B", brands="Puma"))
    assert (load(gb, path)["changed"], waiting(gb)[0].ver) == (1, 1)
    assert release(gb) == 2
    sheet(path, row("A", brands="Nike"), row("B", brands="Puma"))
    assert load(gb, path) | {"warnings": 0} == {
        "rows": 2, "records": 2, "imported": 0, "changed": 1, "unchanged": 1, "skipped": 0, "warnings": 0, "errors": 0,
    }  # fmt: skip
    first, second = waiting(gb)
    assert (first.state, first.ver, second.state, second.ver) == ("draft", 2, "released", 1)
    assert release(gb) == 1
    assert load(gb, path)["unchanged"] == 2


def test_a_seizure_that_vanished_from_its_file_is_asked_about_and_stays(
    federation: tuple[Home, Home], tmp_path: Path
) -> None:
    gb, _ = federation
    path = sheet(tmp_path / "s.csv", row("A"), row("B"))
    load(gb, path)
    report = import_file(
        gb.database, sheet(path, row("A")), node="GB", administration="GB", mapping=None, now=gb.clock()
    )
    assert [question.reference for question in report.questions] == ["B"]
    assert [item.reference for item in waiting(gb)] == ["A", "B"]


def test_an_import_that_breaks_off_keeps_nothing(
    federation: tuple[Home, Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gb, _ = federation
    path = sheet(tmp_path / "s.csv", *(row(f"R{number}") for number in range(700)))
    put = drafts.put

    def breaks(connection: Any, new: Any, *, now: int) -> None:
        put(connection, new, now=now)
        raise OSError("no space left")

    monkeypatch.setattr(drafts, "put", breaks)
    with pytest.raises(OSError, match="no space"):
        load(gb, path)
    assert waiting(gb) == []


def test_an_activation_offers_what_was_never_given_and_only_that(federation: tuple[Home, Home], tmp_path: Path) -> None:
    gb, _ = federation
    load(gb, sheet(tmp_path / "s.csv", row("A", brands="Nike"), row("B", brands="Puma")))
    release(gb)
    assert sizes(gb)["bulk"] == 0
    done = activate(gb, 1, EVERYTHING)
    assert done.offered is not None
    assert (done.offered.entries, sizes(gb)["bulk"]) == (2, 2)
    again = activate(gb, 2, EVERYTHING)
    assert again.offered is not None
    assert (again.offered.entries, again.before) == (0, 1)


def test_an_activation_does_not_stand_in_for_the_second_officer(federation: tuple[Home, Home]) -> None:
    gb, _ = federation
    groups = {
        "case": {"reference": "N", "administration": "GB"},
        "narrative": [{"lang": "en", "by": "author", "text": "a name"}],
    }

    def keep(reference: str) -> None:
        new = drafts.NewDraft(
            kind="seizure", administration="GB", reference=reference, groups=groups, content_hash=reference
        )
        with gb.database.write() as connection:
            drafts.put(connection, [new], now=gb.clock())

    keep("one officer")
    release(gb)
    activate(gb, 1, NAMES)
    assert sizes(gb)["bulk"] == 0
    keep("two officers")
    release(gb, second="Bob")
    assert sizes(gb)["bulk"] == 1
    member = gb.membership.current().members["FR"].recipient()
    compiled = gb.policy()
    assert compiled is not None
    for reference, verdict in (("one officer", "withheld"), ("two officers", "granted")):
        found = policing.explain(gb.database, reference, node="GB", recipient=member, policy=compiled, now=gb.clock())
        assert {reason.group: reason.verdict for reason in found.reasons}["narrative"] == verdict


def test_a_review_that_breaks_off_is_gone_on_with_and_the_policy_is_in_force_meanwhile(
    federation: tuple[Home, Home], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gb, _ = federation
    load(gb, sheet(tmp_path / "s.csv", row("A", brands="Nike")))
    release(gb)
    publisher = gb.publisher()

    def breaks(*_: object, **__: object) -> None:
        raise OSError("no space left")

    policy = POLICY.format(version=1, rules=EVERYTHING)
    with monkeypatch.context() as patch:
        patch.setattr("node.services.applying.Review.batch", breaks)
        with pytest.raises(OSError, match="no space"):
            policing.activate(gb.database, policy, node="GB", by="B", publisher=publisher, now=gb.clock())
    compiled = gb.policy()
    assert compiled is not None
    assert compiled.version == 1
    assert sizes(gb).get("bulk", 0) == 0
    assert gb.offer_again() == {"FR"}
    assert sizes(gb)["bulk"] == 1


def test_an_alert_from_a_seizure_takes_no_name_and_links_only_what_is_released(
    federation: tuple[Home, Home], tell: Callable[..., Answer]
) -> None:
    gb, _ = federation
    groups = {
        "case": {"reference": "SECRETREF", "administration": "GB"},
        "goods": [{"line": "1", "wco": ["watches"], "health_safety": True}],
        "persons": [{"role": "consignor", "name": "SECRETNAME"}],
        "companies": [{"role": "consignee", "name": "SECRETFIRM"}],
        "documents": {"numbers": ["SECRETDOC"]},
        "cargo_ids": {"flight": "SECRETFLIGHT"},
        "narrative": [{"lang": "en", "by": "author", "text": "SECRETTEXT"}],
        "place": {"country": "GB", "office": "SECRETOFFICE", "location_type": "airport"},
    }
    new = drafts.NewDraft(kind="seizure", administration="GB", reference="SECRETREF", groups=groups, content_hash="x")
    with gb.database.write() as connection:
        drafts.put(connection, [new], now=gb.clock())
    words = ("alert", "new", "--from", "SECRETREF", "--brand", "Rolex", "--home", gb.settings.home, "--json")
    assert tell(*words).json["reference"].endswith("-1")
    alert = next(json.loads(item.groups) for item in waiting(gb) if item.kind == "alert")
    assert "SECRET" not in json.dumps(alert)
    assert alert["headline"]["type"] == "dangerous_goods"
    assert alert["subject"]["brands"] == ["Rolex"]
    assert "links" not in alert
    release(gb)
    assert tell(*words).json["reference"].endswith("-2")
    second = next(json.loads(item.groups) for item in waiting(gb) if item.state == "draft")
    assert second["links"][0]["type"] == "seizure"


DAMAGES = {
    "a leaf that was rewritten": (
        "UPDATE entry_out SET leaf = replace(leaf, '\"op\":\"put\"', '\"op\":\"more\"') WHERE n = 1", "another range",
    ),
    "a lost entry": ("DELETE FROM entry_out WHERE n = 1", "entry 1 is missing"),
    "a feed that says to be longer": ("UPDATE feed_out SET size = size + 1 WHERE size > 0", "says size 4"),
    "a lost disclosure row": ("DELETE FROM disclosure WHERE n = 2", "0 rows in the disclosure log"),
    "a grant that was widened": ("UPDATE grant_out SET mask = 'ffffff'", "is not what the newest entry says"),
    "a lost grant": ("DELETE FROM grant_out", "went out without a grant"),
    "a decision that was rewritten": ("UPDATE decision SET body = replace(body, '\"v\":1', '\"v\":2')", "was changed"),
    "a lost decision": ("DELETE FROM decision", "have no stored decision"),
    "a record that was rewritten": ("UPDATE record SET jwt = replace(jwt, '.', 'A.')", "does not verify"),
    "a row that names another record": ("UPDATE record SET ver = 7 WHERE id = 1", "not the one that its row names"),
    "a record shown less than it says": ("UPDATE record SET mask = '0', disclosures = '' WHERE id = 1", "is found by a"),  # noqa: E501 - one statement
    "a lost facet": ("DELETE FROM facet WHERE field = 'brand'", "is not found by its brand"),
    "a facet of nothing": ("INSERT INTO facet VALUES ('brand', 'x', 999, '')", "1 belong to no record"),
    "a facet that the record does not tell": ("INSERT INTO facet VALUES ('brand', 'x', 1, '')", "does not tell"),
    "a recalled record that is still here": (
        "INSERT INTO tombstone SELECT iss, rid, ver, jwt, 1 FROM record WHERE id = 1", "was recalled",
    ),
    "erased content that is still in use": ("UPDATE record SET jwt = '' WHERE id = 1", "still in use"),
    "a draft that forgot its release": ("UPDATE draft SET state = 'draft' WHERE reference = 'A'", "is the draft of"),
    "a released draft without its record": ("UPDATE draft SET ver = 2 WHERE reference = 'A'", "counts as released"),
}  # fmt: skip


@pytest.mark.parametrize("case", DAMAGES)
def test_fsck_notices(case: str, federation: tuple[Home, Home], tell: Callable[..., Answer], tmp_path: Path) -> None:
    gb, _ = federation
    activate(gb, 1, EVERYTHING)
    load(gb, sheet(tmp_path / "s.csv", *(row(name, brands="Nike", goods="watches") for name in "ABC")))
    release(gb)
    assert tell("fsck", "--home", gb.settings.home).status == 0
    statement, sentence = DAMAGES[case]
    with gb.database.write() as connection:
        assert connection.exec_driver_sql(statement).rowcount
    answer = tell("fsck", "--home", gb.settings.home, "--json")
    assert answer.status == 1
    assert any(sentence in finding["wrong"] for finding in answer.json["findings"]), answer.out
