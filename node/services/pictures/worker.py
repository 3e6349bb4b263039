"""The process that touches pictures of strangers: decode, turn, shrink, encode from pixels, hash. Run by `workshop`.

It is started with an empty environment and no open files but its two pipes, and before it reads the first byte it
gives up its network (where the system lets it), more memory than `MEMORY_BYTES`, files to write, and new processes'
privileges; each job gives it `CPU_SECONDS`. It imports nothing of this project, so there is no secret for it to find.
A picture that breaks a decoder breaks this process, and the next picture gets a new one.

The order for a picture: bytes were counted by the parent → the format is one of three, by its header → pixels by its
header → one frame → decode (JPEG at the smallest scale that is large enough) → shrink → to sRGB by its own profile →
on white where it is transparent → upright → a new image of the pixels alone → JPEG. What is not a pixel is never
copied, so no list of metadata to remove has to be complete.

The wire, both ways: a line of JSON that says how many bytes follow, and those bytes.

Trust: the parent is believed; what it hands over is hostile. What this process answers is looked at by the parent
(`bare`), since a decoder that was taken over answers for itself.
"""

from __future__ import annotations

import io
import json
import os
import sys
from typing import Any, Final

MAX_BYTES: Final = 10_000_000
"""Of a picture that is taken in (protocol page, section 8)."""
MAX_PIXELS: Final = 40_000_000
MAX_OUT_BYTES: Final = 2_000_000
MAX_SIDE: Final = 2_048
MAX_THUMBNAIL: Final = 320
HASH_SIDE: Final = 512
"""PDQ works on 64 × 64 anyway, and from 512 on only its time grows."""
FORMATS: Final = ("JPEG", "PNG", "WEBP")
QUALITIES: Final = (85, 75, 60, 45, 30)
"""JPEG qualities, until the picture is no larger than it may be; 85 is enough for nearly every one."""
MEMORY_BYTES: Final = 1_000_000_000
"""Address space: 40 million pixels with transparency, and a copy of them, beside the libraries."""
CPU_SECONDS: Final = 20
MAX_BOXES: Final = 100
ORIENTATION: Final = 0x0112
_DEEP: Final = ("I;16", "I;16B", "I;16L", "I")
_KNOWN: Final = ("1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", *_DEEP)


class Refused(Exception):  # noqa: N818 - the name is the sentence
    """The picture is not taken; `word` is stable."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


def opened(data: bytes) -> Any:
    """The picture with its header read: one of three formats, not too many pixels, one frame."""
    # Not at the top: the parent imports this module for its limits alone.
    from PIL import Image, UnidentifiedImageError  # noqa: PLC0415

    if len(data) > MAX_BYTES:
        raise Refused("too-large")
    try:
        image = Image.open(io.BytesIO(data), formats=FORMATS)
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise Refused("too-many-pixels") from None
    except UnidentifiedImageError:
        raise Refused("not-a-picture") from None
    width, height = image.size
    if width * height > MAX_PIXELS:
        raise Refused("too-many-pixels")
    # Cameras put a second, smaller or depth picture behind a JPEG (MPO): the first one is the picture.
    if getattr(image, "n_frames", 1) != 1 and image.format != "MPO":
        raise Refused("animated")
    if image.mode not in _KNOWN:
        raise Refused("unknown-pixels")
    return image


def pixels(image: Any, side: int) -> Any:
    """Upright sRGB pixels, no side longer than `side`, in a new image that has nothing else."""
    from PIL import Image  # noqa: PLC0415

    profile = image.info.get("icc_profile")
    image.draft(None, (side, side))
    image.load()
    # After loading: a PNG may tell its orientation behind its pixels.
    turn = image.getexif().get(ORIENTATION)
    if image.mode in _DEEP:
        image = _eight_bits(image)
    elif image.mode in {"P", "PA"}:
        image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
    elif image.mode == "1":
        image = image.convert("L")
    elif image.mode in {"L", "RGB"} and "transparency" in image.info:
        image = image.convert("RGBA")
    image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if image.mode in {"LA", "La", "RGBA"}:
        image = _on_white(image)
    image = _to_srgb(image, profile)
    turns = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    if turn in turns:
        image = image.transpose(turns[turn])
    clean = Image.new("RGB", image.size)
    clean.paste(image)
    return clean


def _eight_bits(image: Any) -> Any:
    import numpy as np  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    return Image.fromarray((np.asarray(image) >> 8).clip(0, 255).astype(np.uint8))


def _on_white(image: Any) -> Any:
    from PIL import Image  # noqa: PLC0415

    image = image.convert("RGBA")
    ground = Image.new("RGB", image.size, (255, 255, 255))
    ground.paste(image, mask=image.getchannel("A"))
    return ground


def _to_srgb(image: Any, profile: bytes | None) -> Any:
    from PIL import Image, ImageCms  # noqa: PLC0415

    if profile and image.mode in {"RGB", "L", "CMYK"}:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None  # a profile that is none says nothing about the colours
        if isinstance(converted, Image.Image):
            return converted
    return image if image.mode == "RGB" else image.convert("RGB")


def encoded(image: Any) -> bytes:
    """A JPEG of the pixels, at the best quality that keeps it within its size."""
    for quality in QUALITIES:
        out = io.BytesIO()
        image.save(out, "JPEG", quality=quality)
        if out.tell() <= MAX_OUT_BYTES:
            return out.getvalue()
    raise Refused("too-large")


def thumbnail(image: Any) -> Any:
    """A small copy."""
    from PIL import Image  # noqa: PLC0415

    small = image.copy()
    small.thumbnail((MAX_THUMBNAIL, MAX_THUMBNAIL), Image.Resampling.LANCZOS, reducing_gap=2.0)
    return small


def likeness(image: Any) -> dict[str, Any]:
    """The perceptual hash (PDQ) of upright pixels, as hex, and how much there was to go by (0-100)."""
    import numpy as np  # noqa: PLC0415
    import pdqhash  # noqa: PLC0415
    from PIL import Image  # noqa: PLC0415

    small = image.copy()
    small.thumbnail((HASH_SIDE, HASH_SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
    vector, quality = pdqhash.compute(np.asarray(small))
    return {"pdq": np.packbits(np.asarray(vector, dtype=np.uint8)).tobytes().hex(), "quality": int(quality)}


def sanitise(data: bytes, _: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """A rendition and a thumbnail of a picture."""
    return _rendered(pixels(opened(data), MAX_SIDE))


def redact(data: bytes, asked: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """The same, with boxes (x, y, width, height in pixels of the rendition) filled: nothing shines through grey."""
    image = pixels(opened(data), MAX_SIDE)
    boxes = asked.get("boxes", [])
    if not 0 < len(boxes) <= MAX_BOXES:
        raise Refused("no-box")
    for x, y, width, height in boxes:
        box = (max(0, x), max(0, y), min(image.width, x + width), min(image.height, y + height))
        if box[0] >= box[2] or box[1] >= box[3]:
            raise Refused("no-box")
        image.paste((128, 128, 128), box)
    return _rendered(image)


def _rendered(image: Any) -> tuple[dict[str, Any], list[bytes]]:
    small = thumbnail(image)
    found = {"w": image.width, "h": image.height, "thumbnail": [small.width, small.height], **likeness(image)}
    return found, [encoded(image), encoded(small)]


def check(data: bytes, _: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
    """Whether somebody else's rendition decodes within the limits: its format, its size, its likeness."""
    image = opened(data)
    found = {"w": image.width, "h": image.height, "format": "JPEG" if image.format == "MPO" else image.format}
    image.load()
    return {**found, **likeness(pixels(image, MAX_SIDE))}, []


JOBS: Final = {"sanitise": sanitise, "redact": redact, "check": check}


def answer(asked: dict[str, Any], data: bytes) -> tuple[dict[str, Any], list[bytes], bool]:
    """What came of a job, and whether this process can take another one."""
    try:
        found, parts = JOBS[asked["job"]](data, asked)
    except Refused as error:
        return {"refused": error.word}, [], True
    except MemoryError:
        return {"refused": "too-much-memory"}, [], False
    except Exception as error:  # noqa: BLE001 - decoders raise whatever they like at what is broken
        return {"refused": "damaged", "kind": type(error).__name__}, [], True
    return found, parts, True


def confine() -> bool:
    """Give up what no picture needs. True if the network is gone as well."""
    import ctypes  # noqa: PLC0415
    import resource  # noqa: PLC0415

    alone = False
    if sys.platform == "linux":
        system = ctypes.CDLL(None, use_errno=True)
        new_user, new_net, new_ipc = 0x10000000, 0x40000000, 0x08000000
        alone = 0 in (system.unshare(new_user | new_net | new_ipc), system.unshare(new_net))
        system.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
        system.prctl(4, 0, 0, 0, 0)  # PR_SET_DUMPABLE: no core, and no tracing by other processes of this user
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    return alone


def more_time() -> None:
    """So many seconds of processor from now on; then the system ends this process."""
    import resource  # noqa: PLC0415

    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + CPU_SECONDS
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def peak_kib() -> int:
    """The most memory that this program ever had resident."""
    try:
        # Not getrusage first: what it tells includes the process that this one was forked from.
        with open("/proc/self/status", encoding="ascii") as status:  # noqa: PTH123 - pathlib is not imported here
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    except (OSError, StopIteration):
        import resource  # noqa: PLC0415

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """Do jobs until the parent closes the pipe."""
    source, sink = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(nowhere, standard)  # what a library prints is no answer
    alone = confine()

    import warnings  # noqa: PLC0415

    import numpy  # noqa: F401, ICN001, PLC0415 - imported now, not while the first picture waits
    import pdqhash  # noqa: F401, PLC0415
    from PIL import Image, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401, PLC0415

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    warnings.simplefilter("error", Image.DecompressionBombWarning)
    sink.write(json.dumps({"alone": alone}).encode() + b"\n")
    sink.flush()
    going = True
    while going:
        line = source.readline()
        if not line:
            return
        asked = json.loads(line)
        data = source.read(asked["size"])
        more_time()
        found, parts, going = answer(asked, data)
        found |= {"parts": [len(part) for part in parts], "peak_kib": peak_kib(), "last": not going}
        sink.write(json.dumps(found).encode() + b"\n")
        for part in parts:
            sink.write(part)
        sink.flush()


if __name__ == "__main__":
    main()
