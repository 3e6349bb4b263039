"""What a record says of its attachments, read without trust: pictures, documents, files, by their digests.

They are listed in `media`, and those that can name somebody in `documents.media`. Nothing here raises: an item without
a digest that could be one is no attachment, and a member of another type than expected is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DIGEST: Final = re.compile(r"[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]")
"""A SHA-256 in base64url without padding, in its one form."""
MAX_ATTACHMENTS: Final = 200
"""Of one record that are followed: each costs the receiver a request, and a record is at most 256 kB."""
GROUPS: Final = ("media", "documents")
PICTURE: Final = "picture"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """One attachment as its record describes it; None for what it does not tell."""

    group: str
    sha256: str
    size: int | None
    mime: str | None
    role: str | None
    rendition: str | None
    of: str | None
    w: int | None
    h: int | None
    view: str | None

    @property
    def is_picture(self) -> bool:
        """Whether it is decoded before anybody sees it; everything else is opaque."""
        return self.role == PICTURE


def attachments(groups: Mapping[str, Any]) -> list[Attachment]:
    """The attachments that these groups name, each digest once a group, in the record's order."""
    found: dict[tuple[str, str], Attachment] = {}
    for group in GROUPS:
        for item in _items(group, groups.get(group)):
            digest = item.get("sha256")
            if isinstance(digest, str) and DIGEST.fullmatch(digest) and (group, digest) not in found:
                found[group, digest] = Attachment(
                    group=group, sha256=digest, size=_whole(item.get("size")), mime=_text(item.get("mime")),
                    role=_text(item.get("role")), rendition=_text(item.get("rendition")), of=_text(item.get("of")),
                    w=_whole(item.get("w")), h=_whole(item.get("h")), view=_text(item.get("view")),
                )  # fmt: skip
            if len(found) == MAX_ATTACHMENTS:
                return list(found.values())
    return list(found.values())


def digests(groups: Mapping[str, Any]) -> frozenset[str]:
    """The digests of all attachments."""
    if not any(group in groups for group in GROUPS):
        return frozenset()
    return frozenset(item.sha256 for item in attachments(groups))


def _items(group: str, value: Any) -> Iterator[dict[str, Any]]:
    if group == "documents":
        value = value.get("media") if isinstance(value, dict) else None
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 129 else None  # noqa: PLR2004 - the longest media type


def _whole(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
