"""Back up, check, restore and examine a node by command, as the operator's page says it."""

from __future__ import annotations

import os

import pytest


def test_a_stranger_backs_up_and_restores_with_two_commands(member, tell, tmp_path):
    key, file, again = tmp_path / "2026-11.key", tmp_path / "gb.backup", tmp_path / "again"
    recipient = tell("backup-key", key, "--json").json["recipient"]
    made = tell("backup", file, "--to-recipient", recipient, "--home", member, "--json")
    assert (made.status, made.json["node"]) == (0, "GB")
    checked = tell("verify", "backup", file, "--identity", key, "--json")
    assert (checked.status, checked.json["rows"]) == (0, made.json["rows"])
    restored = tell("restore", file, "--identity", key, "--home", again)
    assert restored.status == 0
    assert "GB is restored" in restored.out
    assert "tidewaiter doctor" in restored.err
    examined = tell("doctor", "--home", again, "--json")
    assert (examined.status, examined.json["sound"]) == (0, True)
    told = tell("recovery", "status", "--home", again, "--json").json
    assert (told["restored"], told["reason"]) == (True, "restored")
    assert tell("recovery", "accept-policy", "--by", "ann", "--home", again, "--json").json == {"accepted_by": "ann"}
    assert "no peer of this node" in tell("recovery", "without", "GB", "--home", again).err
    assert tell("fsck", "--home", again).status == 0


def test_a_backup_with_a_passphrase(member, tell, tmp_path):
    word, file = tmp_path / "word", tmp_path / "gb.backup"
    word.write_text("long and only here\n")
    word.chmod(0o600)
    assert tell("backup", file, "--passphrase-file", word, "--home", member).status == 0
    assert tell("verify", "backup", file, "--passphrase-file", word).status == 0
    word.chmod(0o644)
    if os.name == "posix":
        assert "others can read" in tell("verify", "backup", file, "--passphrase-file", word).err


REFUSED = {
    "no key at all": (["backup", "FILE"], 2, "either --to-recipient or --passphrase-file"),
    "a key that is none": (["backup", "FILE", "--to-recipient", "age1nonsense"], 1, "age recipient"),
    "a file that is no backup": (["verify", "backup", "KEY", "--identity", "KEY"], 1, "does not open"),
    "an identity that is none": (["verify", "backup", "KEY", "--identity", "WORD"], 1, "AGE-SECRET-KEY-1"),
    "a key written over another": (["backup-key", "KEY"], 1, "never written over"),
    "nobody to wait for": (["recovery", "without", "FR"], 1, "never restored"),
    "nothing to accept": (["recovery", "accept-policy"], 1, "never restored"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused_with_a_sentence(sentence, member, tell, tmp_path):
    words, status, said = REFUSED[sentence]
    tell("backup-key", tmp_path / "KEY")
    (tmp_path / "WORD").write_text("word")
    names = {name: tmp_path / name for name in ("FILE", "KEY", "WORD")}
    answer = tell(*[names.get(word, word) for word in words], "--home", member)
    assert (answer.status, said in answer.err) == (status, True), answer.err
    assert not (tmp_path / "FILE").exists()


def test_the_doctor_ends_with_status_1_and_says_what_helps(member, tell):
    (member / "keyfile").chmod(0o644)
    answer = tell("doctor", "--quick", "--home", member)
    assert answer.status == 1
    assert "chmod 600" in answer.out
    assert "WRONG" in answer.out


def test_the_doctor_tells_of_a_home_that_does_not_open(tell, tmp_path):
    answer = tell("doctor", "--home", tmp_path, "--json")
    assert (answer.status, answer.json["sound"]) == (1, False)


def test_a_node_that_was_never_restored_says_so(member, tell):
    assert tell("recovery", "status", "--home", member, "--json").json == {"restored": False, "peers": []}
