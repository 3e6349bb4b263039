"""The chapter about pictures: a photograph leaves its telephone's coordinates at home."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, Final

from node.cli.demo_checks import Check

if TYPE_CHECKING:
    from collections.abc import Sequence

    from PIL.Image import Exif, Image

    from node.cli.demo_federation import Demonstration

SEIZURE: Final = "PS-0020"
SENDER, RECIPIENT = "GB", "FR"
CAMERA: Final = "Telephone of officer 4711"
"""Written into the photograph's metadata; nothing of it may reach the other side."""
LATITUDE, LONGITUDE = (50.0, 53.0, 47.4), (1.0, 23.0, 50.6)
OF_EVERY_JPEG: Final = frozenset({"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi"})
"""What Pillow reads from the header that every JPEG has."""
CLOSE: Final = 4.0
"""Mean difference of two pictures, of 255 steps, that nobody sees."""


def without_its_position(show: Demonstration) -> list[Check]:
    """A photograph with GPS coordinates is added to a seizure of GB and looked for in the file that FR saves."""
    seen = drawn()
    file = show.folder / "photograph.jpg"
    file.write_bytes(jpeg(seen, exif()))
    show.say(
        f"An officer of GB adds a photograph to {SEIZURE}. The telephone has written into it where it was taken, and "
        "whose it is."
    )
    added = show.told(SENDER, "pictures", "add", SEIZURE, str(file), "--type", "product", "--by", "officer of GB")
    show.command(SENDER, "release", SEIZURE, "--by", "contact point of GB")
    rid = show.told(SENDER, "show", SEIZURE)["rid"]
    (picture,) = added["added"]
    here = show.until(lambda: _is_here(show, rid, picture["digest"]))
    saved = show.told(RECIPIENT, "pictures", "save", rid, "--output", str(show.folder / "saved-at-fr"))["saved"]
    files = {one["sha256"]: Path(one["path"]) for one in saved}
    arrived = files[picture["digest"]].read_bytes() if here and picture["digest"] in files else b""
    show.say(
        f"FR has the record's version {picture['ver']} and fetches the picture that it names by its hash: pixels drawn "
        f"anew, {len(arrived)} bytes. The file itself ({file.stat().st_size} bytes) stays with GB."
    )
    told = position(file.read_bytes())
    left = [word for word, found in traces(arrived).items() if found]
    apart = difference(arrived, seen) if arrived else 255.0
    whole = bool(arrived) and digest(arrived) == picture["digest"]
    return [
        Check("the photograph says where it was taken, until GB takes it in", told is not None, f"{told}"),
        Check("it arrives at FR whole, under the hash that the signed record names", whole, picture["digest"][:12]),
        Check(
            "nothing in it tells where, when or with what it was taken",
            bool(arrived) and not left, ", ".join(left) or "no EXIF, no GPS, no other metadata",
        ),
        Check("and it shows what the photograph shows", apart < CLOSE, f"{apart:.1f} of 255 apart on average"),
    ]  # fmt: skip


def _is_here(show: Demonstration, rid: str, sha256: str) -> bool:
    """Whether FR has the picture; before the record's new version came, it does not know of any."""
    found = show.told(RECIPIENT, "pictures", "show", rid)["attachments"]
    return any(one["sha256"] == sha256 and one["state"] == "here" for one in found)


def drawn(width: int = 1000, height: int = 750) -> Image:
    """Something to look at: a table with hand-held fans in rows."""
    from PIL import Image, ImageDraw

    image = Image.linear_gradient("L").resize((width, height)).convert("RGB")
    pen = ImageDraw.Draw(image)
    for row in range(3):
        for place in range(5):
            x, y = 40 + place * 190, 60 + row * 230
            pen.pieslice((x, y, x + 160, y + 160), 180, 360, fill=(200 - 30 * row, 60 + 35 * place, 90))
            pen.rectangle((x + 72, y + 80, x + 88, y + 190), fill=(90, 60, 40))
    return image


def exif() -> Exif:
    """What a telephone writes: coordinates, a time, whose it is."""
    from PIL import ExifTags, Image

    made = Image.Exif()
    made[ExifTags.Base.Model] = made[ExifTags.Base.Artist] = CAMERA
    made[ExifTags.Base.DateTime] = "2017:12:08 09:41:00"
    gps = made.get_ifd(ExifTags.IFD.GPSInfo)
    gps[ExifTags.GPS.GPSLatitudeRef], gps[ExifTags.GPS.GPSLatitude] = "N", LATITUDE
    gps[ExifTags.GPS.GPSLongitudeRef], gps[ExifTags.GPS.GPSLongitude] = "W", LONGITUDE
    return made


def jpeg(image: Image, metadata: Exif) -> bytes:
    """A JPEG of a picture, with this metadata and a comment."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=92, exif=metadata.tobytes(), comment=CAMERA.encode())
    return out.getvalue()


def position(data: bytes) -> str | None:
    """Where a photograph says that it was taken; None if it does not."""
    from PIL import ExifTags, Image

    with Image.open(io.BytesIO(data)) as image:
        gps = image.getexif().get_ifd(ExifTags.IFD.GPSInfo)
    if ExifTags.GPS.GPSLatitude not in gps:
        return None
    names = (
        (ExifTags.GPS.GPSLatitude, ExifTags.GPS.GPSLatitudeRef),
        (ExifTags.GPS.GPSLongitude, ExifTags.GPS.GPSLongitudeRef),
    )
    parts = [f"{_degrees(gps[name]):.4f}° {gps[reference]}" for name, reference in names]
    return ", ".join(parts)


def _degrees(parts: Sequence[float]) -> float:
    return sum((float(part) / 60.0**place for place, part in enumerate(parts)), 0.0)


def traces(data: bytes) -> dict[str, bool]:
    """What a picture still tells beside its pixels, by a look at the file's bytes and by Pillow's."""
    from PIL import Image

    if not data:
        return {}
    with Image.open(io.BytesIO(data)) as image:
        metadata, other = image.getexif(), sorted({str(name) for name in image.info} - OF_EVERY_JPEG)
    return {
        "GPS coordinates": position(data) is not None,
        "EXIF": bool(metadata) or b"Exif\0" in data,
        "the telephone's name": CAMERA.encode() in data,
        ", ".join(other): bool(other),
    }


def difference(data: bytes, other: Image) -> float:
    """Mean difference of two pictures, of 255 steps."""
    from PIL import Image, ImageChops, ImageStat

    with Image.open(io.BytesIO(data)) as image:
        if image.size != other.size:
            return 255.0
        means = ImageStat.Stat(ImageChops.difference(image.convert("RGB"), other)).mean
    return float(sum(means) / len(means))


def digest(data: bytes) -> str:
    """The content address of a file, as records name it."""
    from crypto import b64

    return b64.encode(hashlib.sha256(data).digest())
