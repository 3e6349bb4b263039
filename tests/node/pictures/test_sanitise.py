"""What leaves of a picture: its pixels, and nothing that a camera or a program wrote beside them."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageCms, ImageOps

from node.services.pictures import bare, worker
from tests.pictures import (
    GPS,
    TOKEN,
    corpus,
    difference,
    exif,
    inside,
    jpeg,
    markers,
    opened,
    photo,
    segment,
    tokens,
)

CORPUS = corpus()
PLAIN = {0xD8, 0xE0, 0xDB, 0xC0, 0xC4, 0xDA, 0xD9}


@pytest.mark.parametrize("sentence", CORPUS)
def test_the_corpus_does_have_the_secret_in(sentence):
    data, _ = CORPUS[sentence]
    if sentence == "a picture on its side":
        assert opened(data).getexif()[0x0112] == 6
    assert any(token in data for token in tokens())


@pytest.mark.parametrize("sentence", CORPUS)
def test_no_metadata_leaves_whatever_the_file_had(sentence, workshop):
    data, seen = CORPUS[sentence]
    made = workshop.sanitise(data)
    for rendition in (made.full, made.small):
        for token in tokens():
            assert token not in rendition.data
        assert set(markers(rendition.data)) == PLAIN
        image = opened(rendition.data)
        assert image.format == "JPEG"
        assert dict(image.getexif()) == {}
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"}
        assert image.size == (rendition.width, rendition.height)
    assert opened(made.full.data).size == seen.size
    assert difference(opened(made.full.data), seen) < 4
    assert difference(opened(made.small.data), seen) < 8


def test_the_position_of_the_corpus_is_readable_before_and_gone_after(workshop):
    data, _ = CORPUS["EXIF with GPS and a maker note"]
    gps = opened(data).getexif().get_ifd(0x8825)
    assert round(float(gps[4][0] + gps[4][1] / 60 + gps[4][2] / 3600), 4) == GPS[1]
    assert dict(opened(workshop.sanitise(data).full.data).getexif().get_ifd(0x8825)) == {}


@pytest.mark.parametrize(
    ("size", "wanted"), [((4000, 3000), (2048, 1536)), ((900, 3000), (614, 2048)), ((50, 40), (50, 40))]
)
def test_a_rendition_is_no_larger_than_it_may_be_and_never_made_larger(size, wanted, workshop):
    made = workshop.sanitise(jpeg(photo(*size)))
    assert (made.full.width, made.full.height) == wanted
    assert max(made.small.width, made.small.height) <= worker.MAX_THUMBNAIL
    assert len(made.full.data) <= worker.MAX_OUT_BYTES


@pytest.mark.parametrize("turn", range(1, 9))
def test_a_picture_stands_upright_without_its_orientation(turn, workshop):
    data = jpeg(photo(600, 400), exif=exif(orientation=turn).tobytes())
    upright = ImageOps.exif_transpose(opened(data))
    made = opened(workshop.sanitise(data).full.data)
    assert made.size == upright.size
    assert difference(made, upright) < 4


def test_colours_are_those_that_the_profile_means(workshop):
    """A picture in a profile with red and green exchanged shows, without it, what the profile meant."""
    srgb = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = srgb.index(b"rXYZ"), srgb.index(b"gXYZ")
    srgb[red : red + 4], srgb[green : green + 4] = b"gXYZ", b"rXYZ"
    out = io.BytesIO()
    Image.new("RGB", (64, 64), (255, 0, 0)).save(out, "PNG", icc_profile=bytes(srgb))
    r, g, b = opened(workshop.sanitise(out.getvalue()).full.data).getpixel((32, 32))
    assert (r < 40, g > 215, b < 40) == (True, True, True)


BARE = {
    "a comment": lambda data: inside(data, segment(0xFE, TOKEN.encode())),
    "EXIF": lambda data: inside(data, segment(0xE1, b"Exif\0\0" + TOKEN.encode())),
    "a profile": lambda data: inside(data, segment(0xE2, b"ICC_PROFILE\0\1\1" + TOKEN.encode())),
    "a long JFIF segment": lambda data: inside(data, segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0" + TOKEN.encode())),
    "a thumbnail of JFIF": lambda data: inside(data, segment(0xE0, b"JFIF\0\1\1\0\0\1\0\1\1\1")),
    "bytes behind the end": lambda data: data + b"\0",
    "a second picture": lambda data: data + data,
    "no end": lambda data: data[:-2],
    "a second scan": lambda data: data[:-2] + segment(0xDA, bytes(10)) + data[-2:],
    "another start": lambda data: b"\x89PNG" + data,
    "nothing at all": lambda _: b"",
}


@pytest.mark.parametrize("sentence", BARE)
def test_a_rendition_is_not_kept_that_has(sentence):
    plain = jpeg(photo(200, 100))
    assert bare.size_of(plain) == (200, 100)
    assert bare.size_of(BARE[sentence](plain)) is None
