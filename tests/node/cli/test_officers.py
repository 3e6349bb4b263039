"""Two officers on the command line: keys, a proposal from end to end, approvals of a release, and the tripwire."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.node.cli.conftest import Answer

POLICY = """
country = "GB"
version = {version}
author = "Ann"
approver = "Bob"
[[rule]]
id = "r"
effect = "grant"
groups = ["case"]
when = {{ kind = ["seizure"] }}
"""


@pytest.fixture
def run(tell: Callable[..., Answer], tmp_path: Path) -> Callable[..., Answer]:
    home = tmp_path / "gb"
    tell("init", "--node", "GB", "--region", "EUR", "--home", home)
    tell("directory", "init", "--fed", "two", "--home", home)
    tell("directory", "add", "--home", home)
    tell("directory", "publish", "--home", home)
    return lambda *words: tell(*words, "--home", home)


def test_a_policy_from_its_proposal_to_its_activation_by_signature(run: Callable[..., Answer], tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("correct horse battery\n")
    made = run("officer", "key", "Bob", "--passphrase-file", secret, "--json").json
    assert Path(made["path"]).stat().st_mode & 0o777 == 0o600
    assert run("officer", "list", "--json").json["officers"][0]["officer"] == "Bob"
    policy = tmp_path / "p.toml"
    policy.write_text(POLICY.format(version=1))
    names = ("--by", "Ann", "--second", "Bob", "--yes")
    assert "sign with keys" in run("policy", "activate", policy, *names).err
    shown = run("policy", "propose", policy, "--by", "Ann", "--json").json
    assert run("policy", "letter", "1", "--json").json["letter_hash"] == shown["letter_hash"]
    assert "WHO GETS WHAT" in run("policy", "letter").out
    assert run("policy", "activate", "1", "--by", "Ann").status == 1
    assert run("policy", "approve", "1", "--by", "Bob").status == 2
    assert "--key" in run("policy", "approve", "1", "--by", "Bob", "--yes").err
    key = ("--key", made["path"], "--passphrase-file", secret)
    approved = run("policy", "approve", "1", "--by", "Bob", *key, "--yes", "--json").json
    assert (approved["signed"], approved["preview_digest"]) == (True, shown["preview"]["digest"])
    assert run("policy", "activate", "1", "--by", "Ann", "--json").json["version"] == 1
    status = run("policy", "status", "--json").json
    assert (status["applied"], status["activated_by"]) == (True, "Ann and Bob")
    assert run("officer", "revoke", made["kid"], "--json").json == {"revoked": made["kid"]}


@pytest.mark.parametrize("kid", ["-Mabc", "--abc", "-h_1"])
def test_a_key_whose_id_begins_with_a_hyphen_is_a_key_and_no_option(run: Callable[..., Answer], kid: str) -> None:
    answer = run("officer", "revoke", kid)
    assert answer.status == 1
    assert f"{kid} is no key in use" in answer.err
    answer = run("directory", "revoke", kid, "--since", "2026-01-01", "--reason", "lost")
    assert "No such option" not in answer.err


def test_a_wrong_passphrase_opens_no_key_and_a_short_one_makes_none(run: Callable[..., Answer], tmp_path: Path) -> None:
    secret = tmp_path / "passphrase"
    secret.write_text("short")
    assert "longer" in run("officer", "key", "Bob", "--passphrase-file", secret).err
    assert run("officer", "list", "--json").json == {"officers": []}


def test_the_preview_is_written_out_whole(run: Callable[..., Answer], tmp_path: Path) -> None:
    policy = tmp_path / "p.toml"
    policy.write_text(POLICY.format(version=1))
    for name in ("changes.csv", "changes.jsonl"):
        assert run("policy", "diff", policy, "--export", tmp_path / name).status == 0
    assert (tmp_path / "changes.csv").read_text().splitlines() == ["record,recipient,group,was,becomes"]
    assert (tmp_path / "changes.jsonl").read_text() == ""


def test_a_tripwire_is_set_listed_and_taken_away(run: Callable[..., Answer]) -> None:
    assert run("tripwire", "add", "x", "--token").status == 1
    number = run("tripwire", "add", "canary-7f3a", "--token", "--note", "exercise", "--json").json["tripwire"]
    listed = run("tripwire", "list", "--json").json
    assert [(row["value"], row["note"]) for row in listed["tripwires"]] == [("canary-7f3a", "exercise")]
    assert json.dumps(listed["alarms"]) == "[]"
    assert run("tripwire", "remove", number).status == 0
    assert run("tripwire", "remove", number).status == 1
    assert run("approvals", "--json").json == {"waiting": []}
    assert run("receipts", "--overdue", "--json").json == {"overdue": []}
