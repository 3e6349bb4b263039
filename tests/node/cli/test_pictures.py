"""Pictures on the command line, as an officer uses it: add, show, save, compare, cover, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from node.app import open_home
from node.services import drafting, policing
from node.services.pictures.ingest import commits_to
from tests.node.api.conftest import seizure
from tests.node.cli.conftest import free_port
from tests.pictures import corpus, difference, jpeg, opened, photo, tokens

POLICY = """
country = "GB"
version = 1
author = "A. Author"
approver = "B. Approver"

[[instrument]]
id = "MAA"
title = "An agreement"
parties = ["GB", "FR"]

[[rule]]
id = "pictures"
effect = "grant"
mode = "replicate"
groups = ["non-nominal"]
legal = ["MAA"]
[rule.when]
node = ["FR"]
"""
GPS_PICTURE, SEEN = corpus()["EXIF with GPS and a maker note"]


def draft(folder, reference="R-1"):
    opened_home = open_home(folder)
    groups = seizure(reference)
    groups["case"]["administration"] = "GB"
    drafting.keep(
        opened_home.database, kind="seizure", groups=groups, administration="GB", reference=None,
        now=opened_home.clock(),
    )  # fmt: skip
    opened_home.close()


@pytest.fixture
def with_draft(home, tmp_path):
    draft(home)
    (tmp_path / "position.jpg").write_bytes(GPS_PICTURE)
    return home


def test_pictures_are_added_to_a_draft_shown_and_covered(with_draft, tell, tmp_path):
    file = tmp_path / "position.jpg"
    added = tell("pictures", "add", "R-1", file, "--type", "label", "--caption", "L", "--home", with_draft, "--json")
    assert added.status == 0, added.err
    (one,) = added.json["added"]
    assert (one["group"], one["outcome"], one["width"]) == ("media", "added", SEEN.width)
    shown = tell("pictures", "show", "R-1", "--home", with_draft, "--json").json
    assert [item.get("rendition") for item in shown["attachments"]] == ["full", "thumbnail"]
    covered = tell(
        "pictures", "redact", "R-1", one["digest"], "--box", "10,10,50,50", "--home", with_draft, "--json"
    ).json["added"][0]
    assert covered["digest"] != one["digest"]
    shown = tell("pictures", "show", "R-1", "--home", with_draft)
    assert covered["digest"] in shown.out
    assert one["digest"] not in shown.out
    again = tell("pictures", "add", "R-1", file, "--home", with_draft)
    assert "release R-1" in again.out


def test_files_of_other_kinds_are_told_apart(with_draft, tell, tmp_path):
    paper = tmp_path / "invoice.pdf"
    paper.write_bytes(b"%PDF-1.7 x")
    refused = tell("pictures", "add", "R-1", paper, "--home", with_draft)
    assert refused.status == 1
    assert "no JPEG, PNG or WebP" in refused.err
    kept = tell("pictures", "add", "R-1", paper, "--as", "document", "--home", with_draft, "--json")
    assert kept.json["added"][0]["group"] == "documents"
    face = tell(
        "pictures", "add", "R-1", tmp_path / "position.jpg", "--shows-face-or-document", "--home", with_draft, "--json"
    )
    assert face.json["added"][0]["group"] == "documents"


REFUSED = {
    "a draft that there is not": (("add", "R-9", "position.jpg"), 1, "reference"),
    "a file that there is not": (("add", "R-1", "none.jpg"), 1, "none.jpg"),
    "a type that is none": (("add", "R-1", "position.jpg", "--type", "x"), 1, "type"),
    "a box that is none": (("redact", "R-1", "A" * 43, "--box", "1,2"), 2, "--box"),
    "a picture that the draft has not": (("redact", "R-1", "A" * 43, "--box", "1,2,3,4"), 1, "digest"),
    "a draft to save": (("save", "R-1", "--output", "out"), 1, "draft"),
}


@pytest.mark.parametrize("sentence", REFUSED)
def test_a_sentence_and_a_status_say_what_is_wrong_with(sentence, with_draft, tell, tmp_path):
    words, status, named = REFUSED[sentence]
    words = [tmp_path / word if word.endswith(".jpg") else word for word in words]
    answer = tell("pictures", *words, "--home", with_draft)
    assert answer.status == status
    assert named in answer.err
    assert "Traceback" not in answer.err


def test_when_one_of_several_files_is_refused_it_is_said_what_was_added(with_draft, tell, tmp_path):
    wrong = tmp_path / "wrong.jpg"
    wrong.write_bytes(b"GIF89a")
    answer = tell("pictures", "add", "R-1", tmp_path / "position.jpg", wrong, "--home", with_draft)
    assert answer.status == 1
    assert "1 of 2 files" in answer.err


def test_a_picture_travels_between_two_nodes_by_commands_alone(tell, serve, tmp_path):
    gb, fr = tmp_path / "gb", tmp_path / "fr"
    address = f"127.0.0.1:{free_port()}"

    def good(*words):
        answer = tell(*words)
        assert answer.status == 0, answer.err
        return answer

    good("init", "--node", "GB", "--region", "EUR", "--listen", address, "--home", gb)
    good("init", "--node", "FR", "--region", "EUR", "--listen", f"127.0.0.1:{free_port()}", "--home", fr)
    fingerprint = good("directory", "init", "--fed", "flow", "--home", gb).out.strip()
    good("directory", "add", "--home", gb)
    good("node", "card", "--output", tmp_path / "fr.json", "--home", fr)
    good("directory", "add", tmp_path / "fr.json", "--home", gb)
    good("directory", "publish", "--home", gb)
    policy = tmp_path / "policy.toml"
    policy.write_text(POLICY)
    opened_home = open_home(gb)
    policing.activate(opened_home.database, POLICY, node="GB", by="a test", publisher=None, now=opened_home.clock())
    opened_home.close()
    draft(gb)
    picture = tmp_path / "position.jpg"
    picture.write_bytes(GPS_PICTURE)
    digest = good("pictures", "add", "R-1", picture, "--home", gb, "--json").json["added"][0]["digest"]
    good("release", "R-1", "--home", gb)
    serve(gb)
    good("join", f"http://{address}", "--root", fingerprint, "--yes", "--home", fr)
    assert "Attachments: 2 came" in good("sync", "--home", fr).out
    (hit,) = good("records", "--received", "--home", fr, "--json").json["records"]
    assert hit["attachments"] == {"total": 1, "here": 1}
    assert "1 attachment, here" in good("show", hit["rid"], "--home", fr).out
    (found,) = good("pictures", "similar", picture, "--home", fr, "--json").json["similar"]
    assert (found["sha256"], found["iss"], found["rid"]) == (digest, "GB", hit["rid"])
    assert good("pictures", "list", "--home", fr, "--json").json["here"] == 2
    assert good("pictures", "fetch", "--home", fr, "--json").json["arrived"] == 0
    out = tmp_path / "out"
    (saved,) = good("pictures", "save", hit["rid"], "--output", out, "--purpose", "customs-enforcement", "--home", fr,
                    "--json").json["saved"]  # fmt: skip
    data = Path(saved["path"]).read_bytes()
    assert difference(opened(data), SEEN) < 4
    assert not any(token in data for token in tokens())
    refused = tell("pictures", "save", hit["rid"], "--output", out, "--originals", "--home", fr)
    assert refused.status == 1
    (kept,) = good("pictures", "save", "R-1", "--output", tmp_path / "originals", "--originals", "--purpose",
                   "customs-enforcement", "--home", gb, "--json").json["saved"]  # fmt: skip
    assert Path(kept["path"]).read_bytes() == GPS_PICTURE
    assert commits_to(kept["commitment"], kept["salt"], GPS_PICTURE)
    with_nothing_like_it = tmp_path / "other.jpg"
    with_nothing_like_it.write_bytes(jpeg(photo(seed=8)))
    assert "No picture here" in good("pictures", "similar", with_nothing_like_it, "--home", fr).out
