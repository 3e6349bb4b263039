"""Pictures: how fast one is taken in, against bare Pillow in the same run, and how fast a likeness is looked for.

`pictures_intake`: a 12-megapixel JPEG as a camera makes it, with EXIF, from its bytes to a draft that names a rendition
and a thumbnail, both in the store and on the disk with the original, its hash in the database: everything that
`tidewaiter pictures add` does to a file that it has read. The limit is what Pillow needs, in this process, to decode
the same bytes, turn them upright, shrink, and encode rendition and thumbnail, with nothing else around it. The two
take turns, and the median of the ratios is told.

`pictures_similar`: a question to an index of a million hashes in memory: the median and the 95th percentile of many,
each for a hash that has neighbours in the index. That none is missed is checked, not measured.
"""

from __future__ import annotations

import io
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from bench.federation import BenchFailed, Federation, closing
from bench.figures import Figure, quantile, tell
from node.services.pictures.hashindex import HASH_BYTES, HashIndex
from node.services.pictures.ingest import About
from node.services.pictures.likeness import DISTANCE

NODE = "KE"
SIZE = (4_000, 3_000)
SIDE, SMALL, QUALITY = 2_048, 320, 85
NEIGHBOURS = 5


def intake(*, quick: bool) -> list[Figure]:
    """Pictures a second, and their ratio to bare Pillow."""
    count = 3 if quick else 12
    pictures = [_photo(seed) for seed in range(count + 1)]
    with (
        tempfile.TemporaryDirectory(prefix="tidewaiter-bench-") as folder,
        closing(Federation.found(Path(folder), (NODE,), only_listed=("TZ",))) as federation,
    ):
        home = federation.homes[NODE]
        federation.draft(NODE, 1)
        with home.database.read() as connection:
            (reference,) = connection.exec_driver_sql("SELECT reference FROM draft").scalars()
        door = home.picture_intake()
        door.add(reference, pictures[0], About(), by="bench", now=home.clock())  # the worker is warm from here on
        bare(pictures[0])
        ratios, seconds = [], 0.0
        for data in pictures[1:]:
            before = _timed(data)
            began = time.perf_counter()
            door.add(reference, data, About(), by="bench", now=home.clock())
            took = time.perf_counter() - began
            after = _timed(data)
            seconds += took
            ratios.append((before + after) / 2 / took)
        kept = len(list(door.blobs.addresses()))
        if kept != 2 * len(pictures):
            raise BenchFailed(f"{kept} renditions are in the store, and {2 * len(pictures)} should be")
        peak = home.workshop.peak_kib / 1024
        home.workshop.close()
    tell(f"pictures: {count} taken in, ratios {min(ratios):.2f} to {max(ratios):.2f}")
    return [
        ("pictures_intake", quantile(ratios, 0.5), "of_bare_pillow"),
        ("pictures_intake_rate", count / seconds, "1/s"),
        ("pictures_worker_rss", peak, "MB"),
    ]


def similar(*, quick: bool) -> list[Figure]:
    """Milliseconds for a question."""
    size, questions = (100_000, 20) if quick else (1_000_000, 100)
    rng = np.random.default_rng(7)
    hashes = np.frombuffer(rng.bytes(size * HASH_BYTES), dtype=np.uint8).reshape(size, HASH_BYTES).copy()
    asked = rng.integers(0, size, questions)
    planted: list[set[int]] = []
    for question in asked:
        rows = rng.integers(0, size, NEIGHBOURS)
        for row in rows:
            bits = np.unpackbits(hashes[question])
            bits[rng.choice(256, size=int(rng.integers(0, DISTANCE + 1)), replace=False)] ^= 1
            hashes[row] = np.packbits(bits)
        planted.append({int(row) for row in rows})
    index = HashIndex()
    index.add([(at + 1, hashes[at].tobytes()) for at in range(size)])
    times = []
    for question, _ in zip(asked, planted, strict=True):
        value = hashes[question].tobytes()
        began = time.perf_counter()
        found = index.near(value, DISTANCE)
        times.append(1_000 * (time.perf_counter() - began))
        bits = np.bitwise_count(hashes.view(np.uint64) ^ np.frombuffer(value, dtype=np.uint64)).sum(axis=1)
        wanted = set((np.nonzero(bits <= DISTANCE)[0] + 1).tolist())
        if {row for row, _ in found} != wanted:
            raise BenchFailed(f"{len(found)} were found, and {len(wanted)} are there")
    tell(f"similar: {questions} questions to {size} hashes, {sum(map(len, planted))} neighbours planted")
    return [("pictures_similar", quantile(times, 0.5), "ms"), ("pictures_similar_p95", quantile(times, 0.95), "ms")]


def bare(data: bytes) -> tuple[bytes, bytes]:
    """What Pillow alone needs for a rendition and a thumbnail."""
    image = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    small = image.copy()
    small.thumbnail((SMALL, SMALL), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return _jpeg(image, QUALITY), _jpeg(small, QUALITY)


def _timed(data: bytes) -> float:
    began = time.perf_counter()
    bare(data)
    return time.perf_counter() - began


def _photo(seed: int) -> bytes:
    """A picture with structure and some noise, as large as a camera's, with EXIF and a turn."""
    rng = np.random.default_rng(seed)
    width, height = SIZE
    coarse = Image.fromarray(rng.integers(0, 255, (height // 50, width // 50, 3), dtype=np.uint8))
    image = np.asarray(coarse.resize(SIZE, Image.Resampling.BICUBIC), dtype=np.int16)
    grain = rng.integers(-12, 13, (height, width, 1), dtype=np.int16)
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Bench", 6
    out = io.BytesIO()
    Image.fromarray((image + grain).clip(0, 255).astype(np.uint8)).save(out, "JPEG", quality=90, exif=exif.tobytes())
    if out.tell() > 10_000_000:
        raise BenchFailed("the picture is larger than one may be")
    return out.getvalue()


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
