"""Strict checks for those who issue: small functions that are put together once and run many times.

A check takes a value, the path to it and the findings, and writes down what is wrong; it never raises,
whatever JSON it is given, and it never stops at the first fault. The path is a chain of pairs that becomes
text only when there is a fault: a record without faults costs no string building.

Errors are what must not be signed: wrong types and forms, unknown members, text that is not in normal form. A
value outside a code list is a warning and keeps its own text: real seizures hold things that no list foresaw.
"""

from __future__ import annotations

import difflib
import re
import unicodedata
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from federation.records.codes import codes_of, labels, match

Path = tuple[Any, "str | int"]
"""(path of the parent or `None`, member name or position)."""

MAX_TEXT_BYTES: Final = 16_384
"""The protocol's limit for one string."""

_SHORT: Final = MAX_TEXT_BYTES // 4
"""A text of so few characters fits the limit in any script, and is not encoded to find out."""

_MANY: Final = 12
"""A list longer than this is not recited in a remedy."""

_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_LEAVE_OUT: Final = "leave it out: what is unknown is absent"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong, said so that the reader can put it right."""

    path: str
    """Where: `goods[0].hs.code`."""
    value: Any
    """What stands there. For the screen of the one who wrote it, and for nobody else."""
    wrong: str
    remedy: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All faults of one record. Errors forbid issuing; warnings ask for a second look."""

    errors: tuple[Fault, ...] = ()
    warnings: tuple[Fault, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether the record may be issued."""
        return not self.errors


class Findings:
    """Collects faults while checks run."""

    __slots__ = ("_errors", "_warnings")

    def __init__(self) -> None:
        self._errors: list[Fault] = []
        self._warnings: list[Fault] = []

    def error(self, path: Path, value: Any, wrong: str, remedy: str) -> None:
        """Write down what must not be signed."""
        self._errors.append(Fault(path=render(path), value=value, wrong=wrong, remedy=remedy))

    def warn(self, path: Path, value: Any, wrong: str, remedy: str) -> None:
        """Write down what deserves a second look."""
        self._warnings.append(Fault(path=render(path), value=value, wrong=wrong, remedy=remedy))

    def report(self) -> Report:
        """Everything found so far."""
        return Report(errors=tuple(self._errors), warnings=tuple(self._warnings))


Check = Callable[[Any, Path, Findings], None]


def render(path: Path) -> str:
    """Write the path as text.

    >>> render((((None, "goods"), 0), "line"))
    'goods[0].line'
    """
    parts: list[str] = []
    step: Path | None = path
    while step is not None:
        parent, key = step
        if isinstance(key, int):
            parts.append(f"[{key}]")
        else:
            parts.append(f".{key}" if parent is not None else str(key))
        step = parent
    return "".join(reversed(parts))


def wrong_type(value: Any, path: Path, found: Findings, *, wanted: str) -> None:
    """Write down that the value is of another JSON type than `wanted`."""
    if value is None:
        found.error(path, value, "is null", _LEAVE_OUT)
    elif isinstance(value, float):
        found.error(path, value, f"is a binary fraction, not {wanted}", 'write a decimal text, such as "1.5"')
    else:
        found.error(path, value, f"is {_kind(value)}, not {wanted}", f"write {wanted}")


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int):
        return "a number"
    if isinstance(value, str):
        return "a text"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else f"a {type(value).__name__}"


def unknown_member(name: str, value: Any, path: Path, found: Findings, known: Collection[str]) -> None:
    """Refuse a member that the schema does not have: it would be a secret channel, or a typing error."""
    near = difflib.get_close_matches(str(name), known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else "leave it out, or put it into the narrative"
    found.error(path, value, f"the schema has no member {name!r}", remedy)


def text(value: Any, path: Path, found: Findings) -> None:
    """Check a text: not empty, in NFC, without control characters, within the protocol's limit."""
    if type(value) is str and value and len(value) <= _SHORT and value.isascii() and value.isprintable():
        return
    if not isinstance(value, str):
        wrong_type(value, path, found, wanted="a text")
    elif not value:
        found.error(path, value, "is empty", _LEAVE_OUT)
    elif any("\ud800" <= character <= "\udfff" for character in value):
        found.error(path, value, "holds half a character (a lone surrogate)", "write the text again")
    elif len(value) > _SHORT and len(value.encode()) > MAX_TEXT_BYTES:
        found.error(path, value, f"is longer than {MAX_TEXT_BYTES} bytes", "shorten it, or attach it as a document")
    elif _CONTROLS.search(value):
        found.error(path, value, "holds control characters", "write the text without them")
    elif not unicodedata.is_normalized("NFC", value):
        found.error(path, value, "is not in Unicode normal form C", "normalise the text")


def boolean(value: Any, path: Path, found: Findings) -> None:
    """Check a flag: true or false."""
    if not isinstance(value, bool):
        wrong_type(value, path, found, wanted="true or false")


def only_true(value: Any, path: Path, found: Findings) -> None:
    """Check a flag that is either true or absent."""
    if value is not True:
        if value is False:
            found.error(path, value, "is false", "leave it out: the flag is either true or absent")
        else:
            wrong_type(value, path, found, wanted="true")


def integer(low: int, high: int, *, what: str, strict: bool = True) -> Check:
    """Make a check for a whole number. Outside the range it is an error when `strict`, else a warning."""

    def check(value: Any, path: Path, found: Findings) -> None:
        if isinstance(value, bool) or not isinstance(value, int):
            wrong_type(value, path, found, wanted="a whole number")
        elif not low <= value <= high:
            report = found.error if strict else found.warn
            report(path, value, f"is not {what}", f"write a number from {low} to {high}")

    return check


def pattern(form: re.Pattern[str], *, what: str, remedy: str, strict: bool = True) -> Check:
    """Make a check for a text of a given form. Another form is an error when `strict`, else a warning."""

    def check(value: Any, path: Path, found: Findings) -> None:
        if isinstance(value, str) and form.fullmatch(value):
            return
        if not isinstance(value, str) or not value:
            text(value, path, found)
        else:
            report = found.error if strict else found.warn
            report(path, value, f"is not {what}", remedy)

    return check


def number(is_valid: Callable[[str], bool], *, what: str) -> Check:
    """Make a check for an identifier with its own form or check digit.

    A wrong one is a warning: it may be what was read on the box.
    """

    def check(value: Any, path: Path, found: Findings) -> None:
        if type(value) is str and value.isascii() and is_valid(value):
            return
        text(value, path, found)
        if isinstance(value, str) and value and not is_valid(value):
            found.warn(
                path,
                value,
                f"is not {what}",
                "compare it with the goods or the document; keep it if it stands there",
            )

    return check


def code(list_name: str) -> Check:
    """Make a check for a code of a list. Any other text is kept and warned about."""

    def check(value: Any, path: Path, found: Findings) -> None:
        if type(value) is str and value in codes_of(list_name):
            return
        text(value, path, found)
        if isinstance(value, str) and value:
            off_list(value, path, found, list_name)

    return check


def off_list(value: str, path: Path, found: Findings, list_name: str) -> None:
    """Warn that a text is no code of the list, and name the code that was probably meant."""
    meant = match(list_name, value)
    if meant is not None:
        remedy = f"write {meant} ({labels(list_name)[meant]})"
    elif len(codes_of(list_name)) <= _MANY:
        remedy = f"one of: {', '.join(labels(list_name))}; or keep the text as it is"
    else:
        remedy = "look it up in the list, or keep the text as it is"
    found.warn(path, value, f"is not in the list of codes ({list_name.replace('_', ' ')})", remedy)


def listed(item: Check) -> Check:
    """Make a check for a list that is not empty and each of whose items passes `item`."""

    def check(value: Any, path: Path, found: Findings) -> None:
        if type(value) is not list:
            wrong_type(value, path, found, wanted="a list")
        elif not value:
            found.error(path, value, "is empty", _LEAVE_OUT)
        else:
            for position, entry in enumerate(value):
                item(entry, (path, position), found)

    return check


def members(fields: Mapping[str, Check], *required: str) -> Check:
    """Make a check for an object that has the `required` members and no other than `fields`."""
    known = dict(fields)

    def check(value: Any, path: Path, found: Findings) -> None:
        if type(value) is not dict:
            wrong_type(value, path, found, wanted="an object")
            return
        if not value:
            found.error(path, value, "is empty", _LEAVE_OUT)
        for name, item in value.items():
            inner = known.get(name)
            if inner is None:
                unknown_member(name, item, (path, name), found, known)
            else:
                inner(item, (path, name), found)
        for name in required:
            if name not in value:
                found.error((path, name), None, "is missing", "fill it in")

    return check
