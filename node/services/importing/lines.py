"""Line ids: short, and stable for the life of a seizure: quantity, value and right are joined by them."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,15}")
_JOINED: Final = ("goods", "quantity", "value", "right")


def number_lines(wanted: Sequence[str | None]) -> list[str]:
    """Return an id for each line: the one wanted where it is fit and free, else the next number that is free.

    >>> number_lines([None, None]), number_lines(["7", None, "7"])
    (['1', '2'], ['7', '1', '2'])
    """
    taken = {text for text in wanted if text and _ID.fullmatch(text)}
    used: set[str] = set()
    ids: list[str] = []
    following = 1
    for text in wanted:
        if text and text in taken and text not in used:
            line = text
        else:
            while str(following) in taken or str(following) in used:
                following += 1
            line = str(following)
        used.add(line)
        ids.append(line)
    return ids


def keep_line_ids(groups: dict[str, Any], previous: Mapping[str, Any]) -> dict[str, Any]:
    """Return the groups with the line ids that the same lines had before: an inserted row renames none.

    Lines are the same if their goods entry is equal; then, if their description is; the rest keep their order
    where the number of lines is unchanged, and are new lines where it is not.
    """
    before = [
        entry for entry in previous.get("goods") or [] if isinstance(entry, dict) and isinstance(entry.get("line"), str)
    ]
    after = groups.get("goods", [])
    if not before or not after:
        return groups
    renamed = _same_lines(before, after)
    if all(old == new for old, new in renamed.items()):
        return groups
    result = dict(groups)
    for name in _JOINED:
        if name in result:
            result[name] = [_rename(entry, renamed) for entry in result[name]]
    assessment = result.get("assessment")
    if assessment and "procedures" in assessment:
        result["assessment"] = {
            **assessment,
            "procedures": [_rename(one, renamed) for one in assessment["procedures"]],
        }
    return result


def _same_lines(before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, str]:
    """Find for each new line id the one that the same line had before, or a new one."""
    renamed: dict[str, str] = {}
    free = {entry["line"]: entry for entry in before}
    for likeness in (_content, _description):
        for entry in after:
            wanted = likeness(entry)
            if wanted and entry["line"] not in renamed:
                same = next((line for line, old in free.items() if likeness(old) == wanted), None)
                if same is not None:
                    renamed[entry["line"]] = same
                    del free[same]
    left = [entry["line"] for entry in after if entry["line"] not in renamed]
    if len(before) == len(after):
        return {**renamed, **dict(zip(left, free, strict=True))}
    taken = {entry["line"] for entry in before}
    unused = (str(number) for number in itertools.count(1) if str(number) not in taken)
    return {**renamed, **dict(zip(left, unused, strict=False))}


def _rename(entry: dict[str, Any], renamed: Mapping[str, str]) -> dict[str, Any]:
    return {**entry, "line": renamed[entry["line"]]} if "line" in entry else entry


def _content(entry: Mapping[str, Any]) -> Any:
    return {name: value for name, value in entry.items() if name != "line"}


def _description(entry: Mapping[str, Any]) -> Any:
    return entry.get("description")
