"""Files come into drafts: the picture's pixels for the record, the file itself for home alone."""

from __future__ import annotations

import json
import os

import orjson
import pytest
from sqlalchemy import select

from crypto import b64
from federation.errors import NotFound
from node.services import drafting
from node.services.drafting import DraftRefused
from node.services.pictures.ingest import About, FileRefused, Intake, commits_to
from node.services.pictures.workshop import PictureRefused
from node.storage import attachments
from node.storage.blobs import address_of
from node.storage.tables import draft
from node.storage.tables.attachments import attachment, original, picture_hash
from tests.factories import NOW
from tests.node.api.conftest import seizure
from tests.pictures import TOKEN, corpus, jpeg, opened, photo, tokens

GPS_PICTURE = corpus()["EXIF with GPS and a maker note"][0]
PDF = b"%PDF-1.7\nnothing that anybody would preview"


@pytest.fixture
def intake(database, blobs, workshop):
    drafting.keep(database, kind="seizure", groups=seizure("R-1"), administration="KE", reference=None, now=NOW)
    return Intake(node="KE", database=database, blobs=blobs, workshop=workshop, token=os.urandom)


def groups_of(database, reference="R-1"):
    with database.read() as connection:
        return orjson.loads(connection.scalar(select(draft.c.groups).where(draft.c.reference == reference)))


def rows(database, table):
    with database.read() as connection:
        return connection.execute(select(table)).all()


def test_a_picture_becomes_a_rendition_and_a_thumbnail_in_the_draft(intake, database, blobs):
    about = About(view="genuine", caption="The genuine label", language="en")
    added = intake.add("R-1", GPS_PICTURE, about, by="o", now=NOW)
    full, small = groups_of(database)["media"]
    assert (full["sha256"], small["sha256"]) == (added.digest, added.thumbnail)
    assert full["view"] == "genuine_feature"
    assert full["caption"] == [{"lang": "en", "by": "author", "text": "The genuine label"}]
    assert (full["rendition"], full["role"], full["mime"]) == ("full", "picture", "image/jpeg")
    assert (small["rendition"], small["of"]) == ("thumbnail", full["sha256"])
    for item in (full, small):
        data = blobs.get(item["sha256"])
        assert len(data) == item["size"]
        assert opened(data).size == (item["w"], item["h"])
    assert {row.state for row in rows(database, attachment)} == {"here"}
    assert [row.digest for row in rows(database, picture_hash)] == [added.digest]


def test_the_original_stays_home_and_the_record_commits_to_it_with_salt(intake, database, blobs):
    added = intake.add("R-1", GPS_PICTURE, About(), by="the officer", now=NOW)
    (kept,) = rows(database, original)
    assert blobs.get_private(kept.key) == GPS_PICTURE
    assert (kept.added_by, kept.added_at, kept.digest) == ("the officer", NOW, added.digest)
    shown = groups_of(database)["media"][0]["original"]
    assert shown == kept.commitment
    assert commits_to(shown, kept.salt, GPS_PICTURE)
    assert not commits_to(shown, kept.salt, GPS_PICTURE + b"\0")
    assert not commits_to(shown, b64.encode(bytes(32)), GPS_PICTURE)
    # Neither the file's hash nor anything of it is in what will be signed, or in what may be served.
    said = json.dumps(groups_of(database))
    assert address_of(GPS_PICTURE) not in said
    for digest in blobs.addresses():
        assert not any(token in blobs.get(digest) for token in tokens())
    assert TOKEN not in said


def test_two_commitments_to_one_file_do_not_show_that_it_is_one(intake, database):
    drafting.keep(database, kind="seizure", groups=seizure("R-2"), administration="KE", reference=None, now=NOW)
    for reference in ("R-1", "R-2"):
        intake.add(reference, GPS_PICTURE, About(), by="o", now=NOW)
    one, other = (groups_of(database, name)["media"][0] for name in ("R-1", "R-2"))
    assert one["sha256"] == other["sha256"]
    assert one["original"] != other["original"]


def test_the_same_picture_twice_is_one_and_leaves_no_second_original(intake, database, blobs):
    assert intake.add("R-1", GPS_PICTURE, About(), by="o", now=NOW).outcome == "added"
    assert intake.add("R-1", GPS_PICTURE, About(), by="o", now=NOW).outcome == "unchanged"
    assert len(groups_of(database)["media"]) == 2
    assert len(rows(database, original)) == len(list(blobs.private_keys())) == 1


def test_a_picture_as_small_as_a_thumbnail_is_its_own(intake, database):
    added = intake.add("R-1", jpeg(photo(200, 100)), About(), by="o", now=NOW)
    assert added.thumbnail is None
    assert len(groups_of(database)["media"]) == 1


def test_a_face_or_a_document_goes_with_what_can_name_somebody(intake, database):
    added = intake.add("R-1", GPS_PICTURE, About(nominal=True), by="o", now=NOW)
    assert added.group == "documents"
    assert "media" not in groups_of(database)
    assert groups_of(database)["documents"]["media"][0]["sha256"] == added.digest


def test_a_file_that_is_no_picture_is_kept_as_it_is_and_is_nominal(intake, database, blobs):
    added = intake.add("R-1", PDF, About(role="document"), by="o", now=NOW)
    (item,) = groups_of(database)["documents"]["media"]
    assert (item["sha256"], item["mime"], item["role"]) == (added.digest, "application/pdf", "document")
    assert blobs.get(added.digest) == PDF
    assert rows(database, picture_hash) == rows(database, original) == []
    other = intake.add("R-1", b"\0\1\2", About(role="file"), by="o", now=NOW)
    assert groups_of(database)["documents"]["media"][1]["mime"] == "application/octet-stream"
    assert other.thumbnail is None


def test_the_same_import_again_takes_no_picture_away(intake, database):
    with database.read() as connection:
        before = connection.scalar(select(draft.c.content_hash))
    intake.add("R-1", GPS_PICTURE, About(), by="o", now=NOW)
    kept = drafting.keep(database, kind="seizure", groups=seizure("R-1"), administration="KE", reference=None, now=NOW)
    assert kept.outcome == "unchanged"
    assert len(groups_of(database)["media"]) == 2
    with database.read() as connection:
        assert connection.scalar(select(draft.c.content_hash)) == before


def test_a_redaction_is_another_digest_and_takes_the_place_of_the_picture(intake, database, blobs):
    added = intake.add("R-1", jpeg(photo(400, 300)), About(view="label"), by="o", now=NOW)
    redacted = intake.redact("R-1", added.digest, [(100, 100, 50, 60)], by="o", now=NOW)
    assert redacted.digest != added.digest
    full, small = groups_of(database)["media"]
    assert (full["sha256"], full["rendition"], full["view"]) == (redacted.digest, "redacted", "label")
    assert small["of"] == redacted.digest
    image = opened(blobs.get(redacted.digest))
    for x, y in ((105, 105), (145, 155), (120, 130)):
        assert all(abs(value - 128) < 12 for value in image.getpixel((x, y)))
    # What was covered is loose: the sweeper will erase it with its thumbnail.
    loose = {row.digest for row in rows(database, attachment) if row.loose}
    assert loose == {added.digest, added.thumbnail}


REFUSED = {
    "a draft that there is not": (lambda intake: intake.add("R-9", PDF, About(), by="o", now=NOW), NotFound),
    "what is no picture": (lambda intake: intake.add("R-1", PDF, About(), by="o", now=NOW), PictureRefused),
    "a type that is none": (lambda intake: intake.add("R-1", PDF, About(view="x"), by="o", now=NOW), FileRefused),
    "a role that is none": (lambda intake: intake.add("R-1", PDF, About(role="x"), by="o", now=NOW), FileRefused),
    "an empty file": (lambda intake: intake.add("R-1", b"", About(role="file"), by="o", now=NOW), FileRefused),
    "a file that is too large": (
        lambda intake: intake.add("R-1", bytes(10_000_001), About(role="file"), by="o", now=NOW), FileRefused,
    ),
    "a caption without words": (
        lambda intake: intake.add("R-1", GPS_PICTURE, About(caption=""), by="o", now=NOW), DraftRefused,
    ),
    "a picture that the draft has not": (
        lambda intake: intake.redact("R-1", "A" * 43, [(1, 1, 1, 1)], by="o", now=NOW), NotFound,
    ),
}  # fmt: skip


@pytest.mark.parametrize("sentence", REFUSED)
def test_nothing_is_kept_of(sentence, intake, database, blobs):
    attempt, error = REFUSED[sentence]
    before = groups_of(database)
    with pytest.raises(error):
        attempt(intake)
    assert groups_of(database) == before
    assert list(blobs.private_keys()) == []
    assert rows(database, original) == rows(database, attachment) == []


def test_a_record_has_so_many_pictures_and_no_more(intake, database, monkeypatch):
    monkeypatch.setattr("node.services.pictures.ingest.MAX_ITEMS", 2)
    intake.add("R-1", jpeg(photo(400, 300, seed=1)), About(), by="o", now=NOW)
    with pytest.raises(FileRefused):
        intake.add("R-1", jpeg(photo(400, 300, seed=2)), About(), by="o", now=NOW)
    assert len(groups_of(database)["media"]) == 2
    with database.read() as connection:
        assert attachments.tally(connection).here == 2
