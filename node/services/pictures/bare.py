"""Whether a JPEG is nothing but a picture: a walk over its markers, with a short list of those that may be there.

Beside the decoder and the encoder, which run where hostile bytes do. What is kept as a rendition of ours has passed
here, so no fault over there can put a comment, a profile, a second picture or bytes behind the end into it.
(ITU-T T.81, annex B.)
"""

from __future__ import annotations

from typing import Final

START: Final = b"\xff\xd8"
END: Final = 0xD9
SCAN: Final = 0xDA
ALLOWED: Final = {0xDB, 0xC0, 0xC4, 0xDD}
"""Quantisation, the frame of a baseline picture, Huffman tables, the restart interval."""
FRAME: Final = 0xC0
JFIF: Final = b"JFIF\0"
JFIF_BYTES: Final = 16
"""Of its segment when it holds no thumbnail."""
RESTARTS: Final = range(0xD0, 0xD8)


def size_of(data: bytes) -> tuple[int, int] | None:
    """Width and height of a JPEG that is nothing but a picture; None for anything else."""
    if data[:2] != START:
        return None
    at, size = 2, None
    while at + 4 <= len(data) and data[at] == 0xFF:  # noqa: PLR2004 - every marker begins so
        marker, length = data[at + 1], int.from_bytes(data[at + 2 : at + 4])
        body = data[at + 4 : at + 2 + length]
        if marker == 0xE0:  # noqa: PLR2004 - APP0
            if length != JFIF_BYTES or body[:5] != JFIF or body[-2:] != b"\0\0":
                return None
        elif marker == SCAN:
            return size if _ends(data, at + 2 + length) else None
        elif marker not in ALLOWED or len(body) != length - 2:
            return None
        if marker == FRAME:
            if size is not None:
                return None
            size = int.from_bytes(body[3:5]), int.from_bytes(body[1:3])
        at += 2 + length
    return None


def _ends(data: bytes, at: int) -> bool:
    """Whether the one scan that begins here runs to the end of the picture, which is the end of the data."""
    while True:
        at = data.find(b"\xff", at)
        if at < 0 or at + 1 >= len(data):
            return False
        following = data[at + 1]
        if following == END:
            return at + 2 == len(data)
        if following != 0 and following not in RESTARTS:
            return False
        at += 2
