"""Files that are made to hurt: refused, or worked on within the limits, and the node stays what it was."""

from __future__ import annotations

import io
import os
import signal
import sys
import time
import zlib
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from node.services.pictures import worker, workshop
from node.services.pictures.workshop import PictureRefused, Workshop
from tests.pictures import TOKEN, chunk, jpeg, markers, opened, photo, png, png_header, webp

MOST_KIB = 512 * 1024
"""Resident, of the process that decodes: half of the address space that it is given."""


def gif(frames: int) -> bytes:
    out = io.BytesIO()
    pictures = [Image.new("P", (500, 500), n % 255) for n in range(frames)]
    pictures[0].save(out, "GIF", save_all=True, append_images=pictures[1:])
    return out.getvalue()


def animated(kind: str) -> bytes:
    out = io.BytesIO()
    frames = [photo(80, 60, seed=n) for n in range(3)]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:], duration=50)
    return out.getvalue()


def tiff() -> bytes:
    out = io.BytesIO()
    photo(80, 60).save(out, "TIFF")
    return out.getvalue()


def zipped_text(size: int, *, kind: bytes) -> bytes:
    packed = zlib.compress(bytes(size), 9)
    if kind == b"iTXt":
        return chunk(b"iTXt", b"Comment\0\1\0\0\0" + packed)
    return chunk(kind, b"Comment\0\0" + packed)


def tall_jpeg(width: int, height: int) -> bytes:
    """A small JPEG whose header says that it is large."""
    data = bytearray(jpeg(photo(64, 64)))
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = height.to_bytes(2) + width.to_bytes(2)
    return bytes(data)


REFUSED = {
    "a PNG of 50 000 × 50 000": (lambda: png_header(50_000, 50_000), "too-many-pixels"),
    "a PNG just over the limit": (lambda: png_header(8_000, 5_001), "too-many-pixels"),
    "a JPEG that says 65 000 × 65 000": (lambda: tall_jpeg(65_000, 65_000), "too-many-pixels"),
    "a GIF": (lambda: gif(1), "not-a-picture"),
    "a GIF of many frames": (lambda: gif(200), "not-a-picture"),
    "a TIFF": (tiff, "not-a-picture"),
    "a FITS file": (lambda: b"SIMPLE  =                    T" + b" " * 2850, "not-a-picture"),
    "an SVG": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not-a-picture"),
    "an EPS": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n", "not-a-picture"),
    "nothing": (lambda: b"", "not-a-picture"),
    "an animated WebP": (lambda: animated("WEBP"), "animated"),
    "an animated PNG": (lambda: animated("PNG"), "animated"),
    "a JPEG cut off": (lambda: jpeg(photo())[:40_000], "damaged"),
    "a PNG cut off": (lambda: png(photo())[:100_000], "damaged"),
    "a PNG without its pixels": (lambda: png_header(6_000, 6_000), "damaged"),
    "a WebP cut off": (lambda: webp(photo())[:5_000], ("damaged", "not-a-picture")),
    "a file of more bytes than may be": (lambda: jpeg(photo()) + bytes(worker.MAX_BYTES), "too-large"),
    "half a gigabyte in a text chunk": (lambda: png_header(64, 64, zipped_text(500_000_000, kind=b"zTXt")), "damaged"),
    "half a gigabyte in an international text": (
        lambda: png_header(64, 64, zipped_text(500_000_000, kind=b"iTXt")), "damaged",
    ),
    "half a gigabyte in a profile": (lambda: png_header(64, 64, zipped_text(500_000_000, kind=b"iCCP")), "damaged"),
}  # fmt: skip


@pytest.mark.parametrize("sentence", REFUSED)
def test_refused_within_the_memory_that_a_picture_may_take_is(sentence, workshop):
    build, wanted = REFUSED[sentence]
    data, before = build(), psutil.Process().memory_info().rss
    started = time.monotonic()
    with pytest.raises(PictureRefused) as refused:
        workshop.sanitise(data)
    assert refused.value.word in ((wanted,) if isinstance(wanted, str) else wanted)
    assert workshop.peak_kib < MOST_KIB
    assert time.monotonic() - started < workshop.seconds
    assert psutil.Process().memory_info().rss - before < 100_000_000
    # The next picture is taken as if nothing had been.
    assert workshop.sanitise(jpeg(photo(100, 80))).full.width == 100


def noise(width: int, height: int) -> Image.Image:
    return Image.fromarray(np.zeros((height, width), dtype=np.uint8))


TAKEN = {
    "CMYK": lambda: jpeg(photo(400, 300).convert("CMYK")),
    "grey": lambda: jpeg(photo(400, 300).convert("L")),
    "a palette": lambda: png(photo(400, 300).convert("P")),
    "transparency": lambda: png(photo(400, 300).convert("RGBA")),
    "grey with transparency": lambda: png(photo(400, 300).convert("LA")),
    "a palette with one transparent colour": lambda: png(photo(400, 300).convert("P"), transparency=3),
    "one bit": lambda: png(photo(400, 300).convert("1")),
    "sixteen bits of grey": lambda: png(Image.fromarray(np.full((300, 400), 40_000, dtype=np.uint16))),
    "a progressive JPEG": lambda: jpeg(photo(400, 300), progressive=True),
    "a lossless WebP": lambda: webp(photo(400, 300), lossless=True),
    "a file that is a web page as well": lambda: jpeg(photo(400, 300), comment=b"<script>" + TOKEN.encode())
    + b"<html>" + TOKEN.encode(),
}  # fmt: skip


@pytest.mark.parametrize("sentence", TAKEN)
def test_every_kind_of_pixels_becomes_an_ordinary_picture(sentence, workshop):
    made = workshop.sanitise(TAKEN[sentence]())
    assert (made.full.width, made.full.height) == (400, 300)
    assert markers(made.full.data)[-1] == 0xD9
    assert TOKEN.encode() not in made.full.data + made.small.data
    assert opened(made.full.data).mode == "RGB"


def test_what_is_transparent_becomes_white_and_hides_nothing(workshop):
    image = Image.new("RGBA", (100, 100), (255, 0, 0, 0))
    assert min(opened(workshop.sanitise(png(image)).full.data).getpixel((50, 50))) > 250


def test_sixteen_bits_keep_their_brightness(workshop):
    deep = png(Image.fromarray(np.full((80, 80), 40_000, dtype=np.uint16)))
    assert abs(opened(workshop.sanitise(deep).full.data).getpixel((40, 40))[0] - 40_000 // 256) <= 2


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA"])
def test_the_largest_picture_that_may_come_stays_within_the_memory(mode):
    made = Workshop()
    try:
        data = png(noise(8_000, 5_000).convert(mode))
        assert len(data) < worker.MAX_BYTES
        assert made.sanitise(data).full.width == worker.MAX_SIDE
        assert made.peak_kib < MOST_KIB
    finally:
        made.close()


# The process


def pid_of(shop: Workshop) -> int:
    assert shop._process is not None
    return shop._process.pid


@pytest.fixture
def shop():
    made = Workshop()
    yield made
    made.close()


def test_one_process_serves_many_pictures_and_is_replaced_after_its_share(shop):
    shop.jobs = 3
    seen = []
    for _ in range(5):
        shop.start()
        seen.append(pid_of(shop))
        shop.sanitise(jpeg(photo(60, 60)))
    assert seen[0] == seen[1] == seen[2] != seen[3] == seen[4]


def test_a_process_that_dies_costs_one_picture(shop):
    shop.start()
    os.kill(pid_of(shop), signal.SIGKILL)
    shop._process.wait()
    assert shop.sanitise(jpeg(photo(60, 60))).full.width == 60


def test_a_process_that_hangs_is_ended_and_the_picture_refused(shop):
    shop.start()
    shop.seconds = 0.5
    os.kill(pid_of(shop), signal.SIGSTOP)
    with pytest.raises(PictureRefused) as refused:
        shop.sanitise(jpeg(photo(60, 60)))
    assert refused.value.word == "too-long"
    shop.seconds = 30.0
    assert shop.sanitise(jpeg(photo(60, 60))).full.width == 60


@pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0, reason="only Linux tells, and only root may look into such a process"
)
def test_the_process_has_no_secrets_no_files_and_its_limits(shop, monkeypatch, tmp_path):
    monkeypatch.setenv("TIDEWAITER_SECRET_OF_THE_TEST", TOKEN)
    with (tmp_path / "database").open("w"):
        shop.start()
        process = psutil.Process(pid_of(shop))
        assert process.rlimit(psutil.RLIMIT_AS) == (worker.MEMORY_BYTES, worker.MEMORY_BYTES)
        assert process.rlimit(psutil.RLIMIT_FSIZE) == (0, 0)
        assert process.rlimit(psutil.RLIMIT_CORE) == (0, 0)
        shop.sanitise(jpeg(photo(60, 60)))
        assert 0 < process.rlimit(psutil.RLIMIT_CPU)[0] <= worker.CPU_SECONDS + 2
        handles = [str(handle.readlink()) for handle in Path(f"/proc/{process.pid}/fd").iterdir()]
        assert all(name.startswith("pipe:") or name == "/dev/null" for name in handles), handles
        assert TOKEN not in str(process.environ())
        assert set(process.environ()) <= {*workshop_environment(), "LC_CTYPE"}


def workshop_environment() -> set[str]:
    return set(workshop._ENVIRONMENT)


@pytest.mark.skipif(sys.platform != "linux", reason="network namespaces are Linux's")
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look into such a process")
def test_the_process_has_no_network_where_the_system_lets_it_go(shop):
    shop.start()
    if not shop.alone:
        pytest.skip("this system lets no process give up its network")
    assert Path(f"/proc/{pid_of(shop)}/ns/net").readlink() != Path("/proc/self/ns/net").readlink()


LIES = {
    "no line": b"",
    "no JSON": b"hello\n",
    "a list": b"[]\n",
    "no parts": b"{}\n",
    "three parts": b'{"parts":[1,1,1]}\nabc',
    "a part that is larger than a picture may be": b'{"parts":[3000000000,1]}\n',
    "a length that is none": b'{"parts":[-1,1]}\n',
    "less than it said": b'{"parts":[10,10]}\nabc',
    "a line without end": b"x" * 10_000,
    "no hash": b'{"parts":[],"peak_kib":1,"w":1,"h":1,"format":"JPEG","quality":1}\n',
}


@pytest.mark.parametrize("sentence", LIES)
def test_a_process_that_was_taken_over_is_not_believed_when_it_answers(sentence, shop, monkeypatch, tmp_path):
    program = tmp_path / "worker.py"
    program.write_text(
        "import sys\nsys.stdout.write('{\"alone\":true}\\n'); sys.stdout.flush()\nsys.stdin.buffer.readline()\n"
        f"sys.stdout.buffer.write({LIES[sentence]!r}); sys.stdout.flush()\n"
    )
    monkeypatch.setattr(worker, "__file__", str(program))
    with pytest.raises(PictureRefused) as refused:
        shop.check(b"x")
    assert refused.value.word == "broken"


def test_a_rendition_with_something_beside_its_pixels_is_not_believed(shop, monkeypatch, tmp_path):
    leaking = jpeg(photo(60, 60), comment=TOKEN.encode())
    program = tmp_path / "worker.py"
    program.write_text(
        "import sys\nsys.stdout.write('{\"alone\":true}\\n'); sys.stdout.flush()\nsys.stdin.buffer.readline()\n"
        f"data = {leaking!r}\n"
        'sys.stdout.write(\'{"parts":[%d,%d],"peak_kib":1,"quality":1,"pdq":"%s"}\\n\''
        " % (len(data), len(data), '00' * 32))\nsys.stdout.flush()\nsys.stdout.buffer.write(data * 2)\n"
        "sys.stdout.flush()\nsys.stdin.read()\n"
    )
    monkeypatch.setattr(worker, "__file__", str(program))
    with pytest.raises(PictureRefused) as refused:
        shop.sanitise(b"x")
    assert refused.value.word == "broken"
