"""Pictures for tests: made here, with a secret token in every place where a camera or a program may put one."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

TOKEN = "ZQX7secretplace"
"""Stands wherever metadata can stand."""
GPS = (1.2921, 36.8219)


def photo(width: int = 1200, height: int = 900, *, seed: int = 1) -> Image.Image:
    """Something with structure, a different picture for each seed: soft blobs and hard edges."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (max(2, height // 60), max(2, width // 60), 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    for _ in range(6):
        x, y = int(rng.integers(0, width * 3 // 4)), int(rng.integers(0, height * 3 // 4))
        image.paste(tuple(int(v) for v in rng.integers(0, 255, 3)), (x, y, x + width // 6, y + height // 6))
    return image


def jpeg(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, **options)
    return out.getvalue()


def exif(*, orientation: int = 1) -> Image.Exif:
    made = Image.Exif()
    made[0x010E] = made[0x010F] = made[0x013B] = made[0x8298] = TOKEN
    made[0x0112] = orientation
    gps = made.get_ifd(0x8825)
    gps[1], gps[2] = "S", (1.0, 17.0, 31.56)
    gps[3], gps[4] = "E", (36.0, 49.0, 18.84)
    gps[0x1D] = TOKEN
    more = made.get_ifd(0x8769)
    more[0x927C] = TOKEN.encode()  # maker note
    more[0x9286] = b"ASCII\0\0\0" + TOKEN.encode()
    more[0xA430] = more[0xA431] = TOKEN
    return made


def xmp() -> bytes:
    return f"<x:xmpmeta xmlns:x='adobe:ns:meta/'><GPS>{TOKEN}</GPS></x:xmpmeta>".encode()


def profile_with_text() -> bytes:
    """An ICC profile of sRGB whose copyright text is the token."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for name in (b"cprt", b"desc"):
        at = data.index(name)
        offset, size = struct.unpack(">II", data[at + 4 : at + 12])
        text = TOKEN.encode("utf-16-be") if data[offset : offset + 4] == b"mluc" else TOKEN.encode()
        start = offset + (28 if data[offset : offset + 4] == b"mluc" else 12)
        room = min(len(text), offset + size - start)
        data[start : start + room] = text[:room]
    return bytes(data)


def segment(marker: int, body: bytes) -> bytes:
    return bytes([0xFF, marker]) + struct.pack(">H", len(body) + 2) + body


def inside(data: bytes, *segments: bytes) -> bytes:
    """The JPEG with segments right behind its start."""
    return data[:2] + b"".join(segments) + data[2:]


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_header(width: int, height: int, *more: bytes) -> bytes:
    """A PNG that says it is so large, with hardly any pixels in it."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    pixels = chunk(b"IDAT", zlib.compress(bytes(1000)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + pixels + chunk(b"IEND", b"")


def png(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1, **options)
    return out.getvalue()


def webp(image: Image.Image, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, "WEBP", quality=90, method=0, **options)
    return out.getvalue()


def png_text() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", TOKEN)
    info.add_text("Zipped", TOKEN, zip=True)
    info.add_itxt("XML:com.adobe.xmp", xmp().decode())
    info.add_itxt("Location", TOKEN, zip=True)
    return info


def corpus() -> dict[str, tuple[bytes, Image.Image]]:
    """Name → (file full of secrets, what a person sees on it, upright)."""
    seen = photo()
    plain = jpeg(seen)
    small = jpeg(seen.resize((160, 120)), comment=TOKEN.encode())
    tagged = exif().tobytes()
    turned = exif(orientation=6)
    iptc = (
        b"Photoshop 3.0\x008BIM\x04\x04\x00\x00"
        + struct.pack(">I", len(TOKEN) + 5)
        + b"\x1c\x02\x5a\x00"
        + bytes([len(TOKEN)])
        + TOKEN.encode()
        + b"\0"
    )
    made = {
        "EXIF with GPS and a maker note": jpeg(seen, exif=tagged),
        "XMP": jpeg(seen, xmp=xmp()),
        "extended XMP": inside(plain, segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + xmp())),
        "IPTC in APP13": inside(plain, segment(0xED, iptc)),
        "a profile with text": jpeg(seen, icc_profile=profile_with_text()),
        "a comment": jpeg(seen, comment=TOKEN.encode()),
        "every APP segment": inside(plain, *(segment(0xE0 + n, TOKEN.encode() + bytes([n])) for n in range(2, 16))),
        "a JFIF thumbnail": inside(plain, segment(0xE0, b"JFXX\0\x10" + small)),
        "an embedded thumbnail": inside(plain, segment(0xE1, b"Exif\0\0" + _with_thumbnail(small))),
        "bytes behind the end": plain + b"PK\x03\x04" + TOKEN.encode() * 3,
        "a second picture behind the end": plain + small,
        "PNG text, zipped text, international text": png(seen, pnginfo=png_text()),
        "PNG with EXIF and a profile": png(seen, exif=tagged, icc_profile=profile_with_text()),
        "PNG with a chunk of its own and bytes behind": png(seen)[:-12] + chunk(b"prVt", TOKEN.encode())
        + chunk(b"IEND", b"") + TOKEN.encode(),
        "WebP with EXIF, XMP and a profile": webp(seen, exif=tagged, xmp=xmp(), icc_profile=profile_with_text()),
    }  # fmt: skip
    result = {name: (data, seen) for name, data in made.items()}
    result["a picture on its side"] = (jpeg(seen.transpose(Image.Transpose.ROTATE_90), exif=turned.tobytes()), seen)
    return result


def _with_thumbnail(small: bytes) -> bytes:
    """A TIFF block with nothing but a thumbnail (IFD1)."""
    head = b"II*\0" + struct.pack("<I", 8)
    first = struct.pack("<H", 0) + struct.pack("<I", 14)
    at = 14 + 2 + 3 * 12 + 4
    entries = [(0x0103, 3, 6), (0x0201, 4, at), (0x0202, 4, len(small))]
    second = struct.pack("<H", 3) + b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return head + first + second + struct.pack("<I", 0) + small


def tokens(text: str = TOKEN) -> list[bytes]:
    """The token in every coding in which it may lie in a file."""
    return [
        text.encode(),
        text.encode("utf-16-le"),
        text.encode("utf-16-be"),
        text[::-1].encode(),
        text.lower().encode(),
    ]


def markers(data: bytes) -> list[int]:
    """The markers of a JPEG from its start to its end, by a walk of its own; asserts that nothing is behind the end."""
    assert data[:2] == b"\xff\xd8"
    at, found = 2, [0xD8]
    while True:
        assert data[at] == 0xFF, at
        marker = data[at + 1]
        found.append(marker)
        at += 2
        if marker == 0xD9:
            assert at == len(data), "bytes behind the end"
            return found
        if marker in range(0xD0, 0xD8):
            continue
        length = struct.unpack(">H", data[at : at + 2])[0]
        at += length
        if marker == 0xDA:
            while not (data[at] == 0xFF and data[at + 1] not in {0, *range(0xD0, 0xD8)}):
                at += 1


def difference(one: Image.Image, other: Image.Image) -> float:
    """Mean absolute difference of two pictures of one shape, of 255."""
    size = (400, 300)
    left, right = (np.asarray(each.convert("RGB").resize(size), dtype=np.int16) for each in (one, other))
    return float(np.abs(left - right).mean())


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image
