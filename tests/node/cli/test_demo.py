"""What the demonstration says of itself: its checks fail when what they look for is not so."""

from __future__ import annotations

import io
from types import SimpleNamespace

import pytest
from rich.console import Console

from node.cli import demo_chapters, demo_pictures
from node.cli.demo_checks import Check, tell
from node.cli.demo_federation import CommandFailed, Demonstration
from tests.pictures import corpus, jpeg, photo


@pytest.fixture
def show(tmp_path):
    return Demonstration(tmp_path, Console(file=io.StringIO(), width=200))


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

    def fine(_):
        return [Check("this holds", held=True, detail="1")]

    monkeypatch.setattr(demo_chapters, "CHAPTERS", (("First", refused), ("Second", fine)))
    assert [check.held for check in demo_chapters.play(show)] == [False, True]
    assert "FAILED the chapter comes to its end (tidewaiter recall (as GB): no)" in said(show)


def test_a_command_of_the_demonstration_is_the_product_s_own(show):
    made = show.told("GB", "init", "--node", "GB")
    assert (made["node"], made["home"]) == ("GB", str(show.home("GB")))
    with pytest.raises(CommandFailed, match=r"tidewaiter policy show \(as GB\): .*no policy is active"):
        show.command("GB", "policy", "show")
    show.move("GB", show.folder / "elsewhere")
    with pytest.raises(CommandFailed):
        show.command("GB", "policy", "show")


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
