"""The auditor's commands, from the node's export to a machine that has no node."""

import json
import subprocess
import sys

import pytest
from sqlalchemy import update

from node.app import open_home
from node.storage import audit, dump, settlements
from node.storage.tables import disclosure


@pytest.fixture
def member(member):
    """GB, with a few rows in its log."""
    home = member
    opened = open_home(home)
    with opened.database.write() as connection:
        audit.log(connection, [audit.Disclosure(at=at, action="view", actor="ann", rid="x") for at in range(5)])
    opened.database.close()
    return home


@pytest.fixture
def exported(member, tell, tmp_path):
    assert tell("audit", "checkpoint", "--output", tmp_path / "kept", "--home", member).status == 0
    words = ("--purpose", "yearly audit, article 9", "--by", "ann", "--second", "ben")
    answer = tell("audit", "export", "--output", tmp_path / "out", *words, "--home", member, "--json")
    assert (answer.status, answer.json["rows"]) == (0, 6)
    return tmp_path / "out", tmp_path / "kept"


def outside(*words):
    """The command as an auditor runs it: another process, no home."""
    return subprocess.run(
        [sys.executable, "-m", "federation.verifylog", *map(str, words)], capture_output=True, text=True, check=False
    )


def test_an_export_holds_against_a_checkpoint_of_before_on_a_machine_without_a_node(exported, tell, tmp_path):
    folder, kept = exported
    directory = folder / "directory.json"
    done = outside(folder, "--checkpoint", kept, "--directory", directory)
    assert (done.returncode, "6 rows of GB are as they were logged" in done.stdout) == (0, True)
    (key,) = [key for key in json.loads(directory.read_text())["nodes"][0]["keys"] if key["use"] == "log"]
    assert (
        outside(folder, "--checkpoint", kept, "--checkpoint", folder / "checkpoint", "--key", key["x"]).returncode == 0
    )
    nowhere = tmp_path / "nowhere"
    for words in (["audit", "verify", folder], ["verify", "log", folder]):
        answer = tell(*words, "--checkpoint", kept, "--directory", directory, "--home", nowhere, "--json")
        assert (answer.status, answer.json["valid"], answer.json["checkpoints"]) == (0, True, [5])
    assert oct((folder / "rows.jsonl").stat().st_mode & 0o777) == "0o600"
    assert json.loads((folder / "rows.jsonl").read_text().splitlines()[-1])["row"]["action"] == "export"


CHANGES = {
    "a row says something else": lambda text: text.replace('"actor":"ann"', '"actor":"bob"', 1),
    "a row is missing": lambda text: "".join(text.splitlines(keepends=True)[1:]),
    "a row stands twice": lambda text: text.splitlines(keepends=True)[0] + text,
    "the end is missing": lambda text: "".join(text.splitlines(keepends=True)[:3]),
    "a line is no row": lambda text: "{}\n" + text,
    "nothing is left": lambda _: "",
}


@pytest.mark.parametrize("sentence", CHANGES)
def test_an_export_does_not_hold_when(sentence, exported, tell):
    folder, kept = exported
    rows = folder / "rows.jsonl"
    rows.write_text(CHANGES[sentence](rows.read_text()))
    done = outside(folder, "--checkpoint", kept, "--directory", folder / "directory.json", "--json")
    assert (done.returncode, json.loads(done.stdout)["valid"]) == (1, False)


def test_what_cannot_be_checked_is_no_success(exported, tmp_path):
    folder, kept = exported
    directory = folder / "directory.json"
    (tmp_path / "other").write_text(kept.read_text().replace("\n5\n", "\n4\n"))
    for words in (
        ["--checkpoint", tmp_path / "other", "--directory", directory],
        ["--checkpoint", tmp_path / "none", "--directory", directory],
        ["--checkpoint", kept, "--key", "AAAA"],
    ):
        assert outside(folder, *words).returncode == 2


def test_an_export_needs_a_second_person_a_purpose_and_an_empty_folder(member, tell, tmp_path):
    out = ("--output", tmp_path / "out", "--home", member)
    assert tell("audit", "export", *out, "--purpose", "p", "--by", "ann", "--second", "Ann").status == 1
    assert tell("audit", "export", *out, "--purpose", " ", "--by", "ann", "--second", "ben").status == 2
    (tmp_path / "out").mkdir(exist_ok=True)
    (tmp_path / "out" / "x").touch()
    assert tell("audit", "export", *out, "--purpose", "p", "--by", "ann", "--second", "ben").status == 1


def test_a_node_checks_its_own_database_and_finds_the_row_that_was_changed(member, tell, tmp_path):
    kept = tmp_path / "kept"
    assert tell("audit", "checkpoint", "--output", kept, "--home", member).status == 0
    assert tell("audit", "verify", "--checkpoint", kept, "--home", member).status == 0
    opened = open_home(member)
    with opened.database.write() as connection:
        connection.execute(update(disclosure).where(disclosure.c.at == 3).values(actor="bob"))
    opened.database.close()
    answer = tell("audit", "verify", "--checkpoint", kept, "--home", member, "--json")
    assert answer.status == 1
    assert answer.json["findings"] == [
        {"n": 3, "what": "edited", "detail": "the row is not the one that was logged: it does not give its leaf"}
    ]


def test_one_row_is_proven_to_somebody_who_keeps_the_checkpoint(member, tell, tmp_path):
    proof, kept = tmp_path / "row.json", tmp_path / "kept"
    tell("audit", "checkpoint", "--output", kept, "--home", member)
    assert tell("audit", "prove", 2, "--output", proof, "--home", member).status == 0
    answer = tell("verify", "log", proof, "--checkpoint", kept, "--home", member, "--json")
    assert (answer.status, answer.json["row"]["id"]) == (0, 2)
    proof.write_text(proof.read_text().replace('"actor":"ann"', '"actor":"bob"'))
    assert tell("verify", "log", proof, "--checkpoint", kept, "--home", member).status == 1
    assert tell("audit", "prove", 99, "--home", member).status == 1


def test_a_checkpoint_from_before_a_restore_is_told_what_it_proves_and_what_not(member, tell, tmp_path):
    assert tell("audit", "checkpoint", "--output", tmp_path / "early", "--home", member).status == 0
    opened = open_home(member)
    with opened.database.read() as connection:
        then = [piece for _, piece in dump.pieces(connection)]
    with opened.database.write() as connection:
        audit.log(connection, [audit.Disclosure(at=at, action="view", actor="ben", rid="y") for at in range(4)])
    assert tell("audit", "checkpoint", "--output", tmp_path / "late", "--home", member).status == 0
    with opened.database.write() as connection:
        dump.clear(connection)
        for piece in then:
            dump.load(connection, piece)
        dump.finish(connection)
        settlements.mark(connection, "restored", now=9)
    opened.database.close()
    words = ("--purpose", "yearly audit", "--by", "ann", "--second", "ben", "--home", member)
    assert tell("audit", "export", "--output", tmp_path / "out", *words).status == 0
    new = tell("audit", "checkpoint", "--home", member, "--json").json
    assert (new["size"], new["epoch"] > 9_000_000) == (7, True)
    directory = tmp_path / "out" / "directory.json"
    early = outside(tmp_path / "out", "--checkpoint", tmp_path / "early", "--directory", directory)
    assert (early.returncode, "7 rows of GB are as they were logged" in early.stdout) == (0, True)
    assert "It began anew at row 5, 9 (seconds): the node was restored from a backup" in early.stdout
    late = outside(tmp_path / "out", "--checkpoint", tmp_path / "late", "--directory", directory)
    assert late.returncode == 1
    assert "4 of them, from position 5 on, are not in it any more" in late.stdout
    assert "does not continue what was signed" in late.stdout
    answer = tell("audit", "verify", "--checkpoint", tmp_path / "late", "--home", member, "--json")
    assert (answer.status, [each["what"] for each in answer.json["findings"]]) == (1, ["lost"])
