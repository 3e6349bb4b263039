"""Bundles by commands alone: made, carried, taken in, answered; and a home that has no key for them yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.served import found, release

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.node.cli.conftest import Answer


@pytest.fixture
def homes(tmp_path: Path) -> dict[str, Path]:
    made = found(tmp_path, {"KE": "", "TZ": ""})
    release(made["KE"], ["K-1", "K-2"])
    for home in made.values():
        home.database.close()
    return {name: home.settings.home for name, home in made.items()}


def test_a_bundle_goes_there_and_its_receipt_comes_back(
    tell: Callable[..., Answer], homes: dict[str, Path], tmp_path: Path
) -> None:
    there, back = tmp_path / "there.cnp", tmp_path / "back.cnp"
    made = tell("bundle", "make", "--to", "TZ", "--output", there, "--home", homes["KE"], "--json")
    assert (made.status, made.json["entries"]) == (0, 2), made.err
    assert there.stat().st_mode & 0o777 == 0o600
    assert tell("bundle", "make", "--to", "TZ", "--output", there, "--home", homes["KE"]).status == 1
    taken = tell("bundle", "apply", there, "--receipt", back, "--home", homes["TZ"], "--json")
    assert taken.status == 0, taken.err
    assert (taken.json["from"], taken.json["entries"], taken.json["receipt"]["receipts"]) == ("KE", 2, 1)
    assert tell("search", "--home", homes["TZ"], "--json").status == 0
    answered = tell("bundle", "apply", back, "--home", homes["KE"])
    assert answered.status == 0, answered.err
    assert "1 receipts" in answered.out
    receipts = tell("receipts", "--home", homes["KE"], "--json").json["receipts"]
    assert {(one["recipient"], one["lane"], one["confirmed"]) for one in receipts if one["size"]} == {("TZ", "bulk", 2)}
    listed = tell("bundle", "list", "--home", homes["TZ"], "--json").json["bundles"]
    assert [(one["way"], one["peer"], one["entries"]) for one in listed] == [("made", "KE", 0), ("applied", "KE", 2)]
    assert "KE" in tell("bundle", "list", "--home", homes["TZ"]).out
    peers = {one["id"]: one["road"] for one in tell("peers", "--home", homes["KE"], "--json").json["peers"]}
    assert peers == {"KE": None, "TZ": "bundles"}
    assert "bundles only" in tell("peers", "--home", homes["KE"]).out


def test_a_file_that_brings_nothing_or_not_all_is_told_with_the_remedy(
    tell: Callable[..., Answer], homes: dict[str, Path], tmp_path: Path
) -> None:
    there = tmp_path / "there.cnp"
    tell("bundle", "make", "--to", "TZ", "--output", there, "--home", homes["KE"])
    for data, words in {b"": "no bundle", there.read_bytes()[:-1]: "did not come whole"}.items():
        (tmp_path / "cut.cnp").write_bytes(data)
        told = tell("bundle", "apply", tmp_path / "cut.cnp", "--home", homes["TZ"])
        assert told.status == 1
        assert words in told.err
    own = tell("bundle", "apply", there, "--home", homes["KE"])
    assert own.status == 1
    assert "for another node" in own.err
    assert tell("bundle", "apply", tmp_path / "none", "--home", homes["TZ"]).status == 1
    assert "no peer" in tell("bundle", "make", "--to", "XX", "--output", tmp_path / "x", "--home", homes["KE"]).err
    assert not (tmp_path / "x").exists()


def test_a_home_without_a_key_for_bundles_is_told_how_to_make_one(
    tell: Callable[..., Answer], homes: dict[str, Path], tmp_path: Path
) -> None:
    there = tmp_path / "there.cnp"
    tell("bundle", "make", "--to", "TZ", "--output", there, "--home", homes["KE"])
    key = homes["TZ"] / "keys" / "enc.key"
    key.unlink()
    told = tell("bundle", "apply", there, "--home", homes["TZ"])
    assert told.status == 1
    assert "tidewaiter key make enc" in told.err
    assert '"enc"' not in tell("node", "card", "--home", homes["TZ"]).out
    made = tell("key", "make", "enc", "--home", homes["TZ"], "--json")
    assert made.json["recipient"].startswith("age1")
    assert key.stat().st_mode & 0o777 == 0o600
    assert made.json["kid"] in tell("node", "card", "--home", homes["TZ"]).out
    assert tell("key", "make", "enc", "--home", homes["TZ"]).status == 1
    assert tell("key", "make", "record", "--home", homes["TZ"]).status == 2
