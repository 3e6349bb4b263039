"""Bad input at every edge of the command line: one sentence with field and remedy, and nothing half-written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from node.app import open_home
from node.cli.output import Output
from node.storage import drafts, policies
from tests.node.cli.conftest import SAMPLE_HEADER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.node.cli.conftest import Answer

POLICY = """
country = "GB"
version = 1
author = "a"
approver = "b"
[[rule]]
id = "all"
effect = "grant"
groups = "non-nominal"
"""

FOUNDING = {
    "a node id in small letters": (["--node", "gb"], "node.id"),
    "an administration without a country": (["--node", "HQ-1"], "--country"),
    "a country that is none": (["--node", "HQ-1", "--country", "QQ"], "--country"),
    "a kind that is none": (["--node", "GB", "--kind", "ministry"], "node.kind"),
    "an address that is no URL": (["--node", "GB", "--url", "cnp.example"], "--url"),
    "a place to listen without a port": (["--node", "GB", "--listen", "127.0.0.1"], "http.listen"),
    "a port beyond all ports": (["--node", "GB", "--listen", "127.0.0.1:99999"], "http.listen"),
    "a database of an unknown kind": (["--node", "GB", "--database", "oracle9://x"], "database.url"),
    "a database that is no URL": (["--node", "GB", "--database", "here"], "database.url"),
    "a database that is not there": (
        ["--node", "GB", "--database", "postgresql+psycopg://127.0.0.1:1/x?connect_timeout=2"],
        "database.url",
    ),
}


@pytest.mark.parametrize("case", FOUNDING)
def test_a_refused_init_leaves_nothing_behind(case: str, tell: Callable[..., Answer], tmp_path: Path) -> None:
    words, named = FOUNDING[case]
    answer = tell("init", "--home", tmp_path / "x", *words)
    assert answer.status == 1
    assert named in answer.err
    assert "Traceback" not in answer.err
    assert not (tmp_path / "x").exists()


def test_a_second_init_changes_nothing(tell: Callable[..., Answer], home: Path) -> None:
    before = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and "node.db" not in path.name}
    answer = tell("init", "--node", "FR", "--home", home)
    assert answer.status == 1
    assert "--home" in answer.err
    assert all(path.read_bytes() == data for path, data in before.items())


COMMANDS = {
    "release before any federation is joined": (["release", "--all"], 1, "join"),
    "peers before any federation is joined": (["peers"], 1, "join"),
    "sync before any federation is joined": (["sync"], 1, "join"),
    "publish without an authority": (["directory", "publish"], 1, "directory init"),
    "a card that is not there": (["directory", "add", "nowhere.json"], 1, "directory init"),
    "join of an address that does not answer": (["join", "http://127.0.0.1:1", "--root", "00"], 1, "does not answer"),
    "import of a file that is not there": (["import", "nowhere.csv"], 2, "nowhere.csv"),
    "a mapping that is not there": (["import", "x.csv", "--mapping", "nobody"], 2, "published-seizures"),
    "a mapping path that is not there": (["import", "x.csv", "--mapping", "a/b.toml"], 2, "--mapping"),
    "a template under another ending": (["import", "x.csv", "--template"], 2, ".xlsx"),
    "a template in no language of ours": (["import", "t.xlsx", "--template", "--language", "tlh"], 2, "--language"),
    "an alert from a seizure that is not there": (["alert", "new", "--from", "X"], 1, "records --drafts"),
    "an alert without a type": (["alert", "new", "--title", "x"], 1, "headline.type"),
    "an alert with a day that is none": (
        ["alert", "new", "--title", "x", "--type", "hot_shipment", "--respond-by", "tomorrow"],
        1,
        "headline.respond_by",
    ),
    "texts that nobody has read for names": (
        ["alert", "new", "--title", "x", "--type", "hot_shipment", "--text", "y"], 1, "texts",
    ),
    "an alert that is not there": (["alert", "publish", "ALERT-1"], 1, "join"),
    "a record that is not there": (["show", "X"], 1, "no record"),
    "a filter that is none": (["search", "--filter", "colour=red"], 1, "colour"),
    "a day that is none": (["search", "--from", "yesterday"], 1, "from"),
    "a purpose that is none": (["records", "--purpose", "Fun Time"], 1, "purpose"),
    "a cursor that nobody gave": (["records", "--cursor", "abc"], 1, "cursor"),
    "a policy that is not there": (["policy", "check", "nowhere.toml"], 1, "nowhere.toml"),
    "no policy to show": (["policy", "show"], 1, "policy activate"),
    "an entry that is not in quarantine": (["quarantine", "show", "7"], 1, "quarantine list"),
    "a record file that is not there": (["verify", "record", "nowhere", "--directory", "nowhere"], 1, "nowhere"),
    "verify without any directory": (["verify", "record", "card"], 1, "join"),
    "a directory that is none": (["verify", "record", "card", "--directory", "card"], 1, "directory"),
    "a folder instead of a file": (["policy", "check", "folder"], 1, "folder"),
    "a second officer who is the first": (["release", "--all", "--by", "Ann", "--second", "ann"], 2, "--second"),
    "nobody who acts": (["release", "--all", "--by", " "], 2, "--by"),
    "serve on an address of somebody else": (["serve"], 1, "http.listen"),
}  # fmt: skip


@pytest.mark.parametrize("case", COMMANDS)
def test_every_refusal_names_the_field_and_the_remedy(
    case: str, tell: Callable[..., Answer], home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words, status, named = COMMANDS[case]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "card").write_text("{}")
    (tmp_path / "folder").mkdir()
    if "serve" in words:
        text = (home / "node.toml").read_text().replace("127.0.0.1:8443", "192.0.2.7:8443")
        (home / "node.toml").write_text(text)
    answer = tell(*words, "--home", home)
    assert answer.status == status, answer.err
    assert named in answer.err
    assert answer.out == ""
    assert "Traceback" not in answer.err
    assert not (home / "directory" / "state.json").exists()


POLICIES = {
    "an unknown word": (POLICY.replace("effect", "affect"), "rule[0].affect"),
    "another node": (POLICY.replace('"GB"', '"FR"'), "country"),
    "the placeholder of the examples": (POLICY.replace('"GB"', '"XX"'), 'country = "GB"'),
    "an author who approves": (POLICY.replace('"b"', '"A"'), "approver"),
    "not TOML": ("country = ", "TOML"),
    "the version in force": (POLICY, "version"),
    "an older version": (POLICY.replace("version = 1", "version = 0"), "version"),
}


@pytest.mark.parametrize("case", POLICIES)
def test_a_policy_with_a_mistake_is_refused_whole_and_the_old_one_stays(
    case: str, tell: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    sound, bad = tmp_path / "sound.toml", tmp_path / "bad.toml"
    sound.write_text(POLICY)
    assert tell("policy", "activate", sound, "--by", "A", "--second", "B", "--yes", "--home", home).status == 0
    text, named = POLICIES[case]
    bad.write_text(text)
    answer = tell("policy", "activate", bad, "--by", "A", "--second", "B", "--yes", "--home", home)
    assert answer.status == 1
    assert named in answer.err
    opened = open_home(home)
    with opened.database.read() as connection:
        row = policies.active(connection)
    opened.database.close()
    assert row is not None
    assert (row.version, row.body) == (1, POLICY)


def test_all_faults_of_a_policy_are_told_at_once(tell: Callable[..., Answer], home: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.toml"
    bad.write_text(POLICY.replace("effect", "affect").replace('"b"', '"a"').replace("version = 1", ""))
    answer = tell("policy", "check", bad, "--home", home)
    assert all(name in answer.err for name in ("rule[0].affect", "approver", "version"))


def test_a_database_of_an_older_version_is_told_with_the_remedy(
    tell: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    text = (home / "node.toml").read_text().replace("node.db", "empty.db")
    (home / "node.toml").write_text(text)
    assert "tidewaiter migrate" in tell("serve", "--home", home).err
    assert tell("migrate", "--home", home).status == 0
    assert tell("records", "--home", home).status == 0


def test_a_broken_settings_file_is_told_by_its_key(tell: Callable[..., Answer], home: Path) -> None:
    text = (home / "node.toml").read_text()
    (home / "node.toml").write_text(text.replace("listen =", "lissen ="))
    answer = tell("records", "--home", home)
    assert answer.status == 1
    assert "http.lissen" in answer.err


def test_a_wrong_key_file_is_told_and_no_key_is_lost(tell: Callable[..., Answer], home: Path) -> None:
    (home / "keyfile").write_bytes(b"another secret\n")
    answer = tell("node", "card", "--home", home)
    assert answer.status == 1
    assert "key" in answer.err
    assert "Traceback" not in answer.err
    assert sorted(path.name for path in (home / "keys").iterdir()) == ["enc.key", "http.key", "log.key", "record.key"]


def test_a_refused_file_keeps_nothing_and_a_bad_row_never_stops_the_rest(
    tell: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad.xlsx"
    bad.write_bytes(b"PK\x03\x04 not a workbook")
    refused = tell("import", bad, "--home", home)
    assert refused.status == 2
    assert "Traceback" not in refused.err
    rows = tmp_path / "rows.csv"
    commas = "," * (SAMPLE_HEADER.count(",") - 1)
    rows.write_text(f"{SAMPLE_HEADER}\nA-1,GB{commas}\n,GB{commas}\nA-2,FR{commas}\n", "utf-8")
    counts = tell("import", rows, "--home", home, "--json")
    assert counts.status == 0
    assert (counts.json["imported"], counts.json["errors"], counts.json["skipped"]) == (1, 1, 1)
    assert (tmp_path / "rows.csv.errors.csv").is_file()
    opened = open_home(home)
    with opened.database.read() as connection:
        assert len(drafts.waiting(connection)) == 1
    opened.database.close()


def test_a_guessed_mapping_is_shown_and_nothing_imported_until_it_is_confirmed(
    tell: Callable[..., Answer], home: Path, tmp_path: Path
) -> None:
    file, saved = tmp_path / "own.csv", tmp_path / "own.toml"
    file.write_text("Case number;Date of seizure;Brand\nK 1;12.03.2024;Nike\nK 2;13.03.2024;Puma\n", "utf-8")
    shown = tell("import", file, "--save-mapping", saved, "--home", home)
    assert shown.status == 1
    assert "--yes" in shown.err
    assert "[[columns]]" in saved.read_text("utf-8")
    assert tell("records", "--drafts", "--home", home, "--json").json == {"drafts": []}
    dry = tell("import", file, "--dry-run", "--home", home, "--json")
    assert dry.status == 0
    assert tell("records", "--drafts", "--home", home, "--json").json == {"drafts": []}
    done = tell("import", file, "--yes", "--home", home, "--json")
    assert done.json["imported"] == 2


def test_the_template_is_written_and_can_be_imported(tell: Callable[..., Answer], home: Path, tmp_path: Path) -> None:
    file = tmp_path / "seizures.xlsx"
    assert tell("import", "--template", file, "--home", home).status == 0
    answer = tell("import", file, "--home", home, "--json")
    assert answer.status == 0, answer.err
    assert answer.json["rows"] == 0
    assert tell("import", "--template", file, "--home", home).status == 1


def test_an_unexpected_fault_is_one_line_and_shows_its_trace_only_when_asked(
    tell: Callable[..., Answer], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a secret of a record")

    monkeypatch.setattr("node.services.search.find", fails)
    answer = tell("records", "--home", home)
    assert answer.status == 1
    assert "ZeroDivisionError" in answer.err
    assert "report" in answer.err
    assert "secret" not in answer.err
    assert "Traceback" not in answer.err
    monkeypatch.setenv("TIDEWAITER_DEBUG", "1")
    assert "Traceback" in tell("records", "--home", home).err


def test_what_others_wrote_cannot_steer_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    title = "red\x1b[31m\u202etext [bold]"
    out = Output(json=False)
    out.table(("title",), [(title,)], empty="")
    out.line(title)
    out.say(title)
    out.pairs([("title", title)])
    said = capsys.readouterr()
    for text in (said.out, said.err):
        assert "red" in text
        assert "[bold]" in text
        assert "\x1b" not in text
        assert "\u202e" not in text
