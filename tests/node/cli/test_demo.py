"""What the demonstration says of itself: its checks fail when what they look for is not so."""

from __future__ import annotations

import csv
import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from federation.policy import load_policy
from node.cli import demo_changes, demo_chapters, demo_pictures, demo_relay
from node.cli.demo_checks import Check, tell
from node.cli.demo_federation import CommandFailed, Demonstration
from node.settings import config_folder
from tests.evil.peer import EvilPeer
from tests.factories import make_federation
from tests.node.cli.conftest import free_port
from tests.pictures import corpus, jpeg, photo


@pytest.fixture
def show(tmp_path):
    return Demonstration(tmp_path, Console(file=io.StringIO(), width=200), tmp_path / "bulletin.html")


def said(show):
    return show.console.file.getvalue()


def test_the_photograph_of_the_demonstration_tells_where_it_was_taken():
    data = demo_pictures.jpeg(demo_pictures.drawn(), demo_pictures.exif())
    assert demo_pictures.position(data) == "50.8965° N, 1.3974° W"
    assert demo_pictures.difference(data, demo_pictures.drawn()) < demo_pictures.CLOSE
    assert all(demo_pictures.traces(data).values())


def test_what_tells_nothing_has_no_traces_and_another_picture_is_another():
    data = jpeg(photo(1000, 750))
    assert not any(demo_pictures.traces(data).values())
    assert demo_pictures.difference(data, demo_pictures.drawn()) > demo_pictures.CLOSE
    assert demo_pictures.difference(jpeg(photo(640, 480)), demo_pictures.drawn()) > demo_pictures.CLOSE


@pytest.mark.parametrize("name", ["EXIF with GPS and a maker note", "XMP", "a profile with text", "a comment"])
def test_metadata_of_this_kind_would_be_seen(name):
    data, _ = corpus()[name]
    assert any(demo_pictures.traces(data).values())


def test_a_command_that_is_refused_fails_its_chapter_and_the_next_is_played(show, monkeypatch):
    def refused(_):
        raise CommandFailed("tidewaiter recall (as GB): no")

    def missing(_):
        raise KeyError(2)

    def fine(_):
        return [Check("this holds", held=True, detail="1")]

    monkeypatch.setattr(demo_chapters, "CHAPTERS", (("First", refused), ("Second", missing), ("Third", fine)))
    assert [check.held for check in demo_chapters.play(show)] == [False, False, True]
    assert "FAILED the chapter comes to its end (KeyError: 2)" in said(show)
    assert "FAILED the chapter comes to its end (tidewaiter recall (as GB): no)" in said(show)


def test_a_command_of_the_demonstration_is_the_product_s_own(show):
    made = show.told("GB", "init", "--node", "GB")
    assert (made["node"], made["home"]) == ("GB", str(show.home("GB")))
    with pytest.raises(CommandFailed, match=r"tidewaiter policy show \(as GB\): .*no policy is active"):
        show.command("GB", "policy", "show")
    show.move("GB", show.folder / "elsewhere")
    with pytest.raises(CommandFailed):
        show.command("GB", "policy", "show")


def test_a_server_that_ends_at_once_is_not_waited_for(show):
    show.told("GB", "init", "--node", "GB", "--listen", f"127.0.0.1:{free_port()}")
    show._ports["GB"] = free_port()
    (show.home("GB") / "keyfile").unlink()
    with pytest.raises(CommandFailed, match="has ended"):
        show.serve("GB", wait=True)
    assert "keyfile" in (show.home("GB") / "server.log").read_text("utf-8")
    show.stop()


def test_what_is_printed_of_a_check_is_no_markup(show):
    tell(show.console, [Check("held by [red]nobody[/red]", held=False, detail="0")])
    assert "FAILED held by [red]nobody[/red] (0)" in said(show)


def test_waiting_ends_with_what_is_so():
    seen = SimpleNamespace(times=0)

    def third():
        seen.times += 1
        return seen.times == 3

    assert Demonstration.until(third, 5.0)
    assert not Demonstration.until(lambda: False, 0.0)


def test_the_next_policy_is_the_one_before_with_one_line_changed_and_rules_added(show):
    home = show.home("GB")
    home.mkdir()
    sample = (config_folder() / "policies" / "region-goods.toml").read_text("utf-8")
    (home / "policy.toml").write_text(sample.replace('"XX"', '"GB"'), "utf-8")
    second = demo_changes.next_policy(show, 2, more=demo_changes.WITHHOLDING, change=demo_changes.WIDENED)
    third = demo_changes.next_policy(show, 3, more=demo_relay.RELAYING)
    read = [load_policy(file.read_text("utf-8")) for file in (home / "policy.toml", second, third)]
    assert [policy.version for policy in read] == [1, 2, 3]
    rules = [{rule.id for rule in policy.rules} for policy in read]
    assert rules[1] - rules[0] == {demo_changes.NEW_RULE}
    assert rules[2] - rules[1] == {"operation-through-the-office"}
    with pytest.raises(CommandFailed, match="does not say once"):
        demo_changes.next_policy(show, 2, more="", change=("no such line", ""))


def test_the_corrected_table_has_the_one_row_with_the_other_quantity(tmp_path):
    demo_changes._write_corrected(tmp_path / "corrected.csv")
    with (tmp_path / "corrected.csv").open(encoding="utf-8", newline="") as file:
        (row,) = csv.DictReader(file)
    assert (row["ref"], row["quantity"]) == (demo_changes.CORRECTED, demo_changes.RIGHT)


def test_the_groups_that_a_body_shows_are_read_from_its_bytes():
    signed = EvilPeer(make_federation(["KE"]), "KE").record(groups={"case": {"reference": "R"}, "value": {}})
    assert demo_changes.names(signed.shown()) == {"case", "value"}
    assert demo_changes.names(signed.shown("value")) == {"value"}
    assert demo_changes.names("") == frozenset()
