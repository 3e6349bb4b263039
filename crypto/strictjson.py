"""JSON that means the same to everybody (RFC 8259, with the choices of RFC 7493 that protect a signature).

`json` and `orjson` both take the last of two members of one name without a word, and each is lenient in its
own way elsewhere: two readers of one signed text could see different content. `parse` takes every JSON value,
and refuses duplicate names, NaN and infinities, numbers beyond a double, lone surrogates, a byte order mark,
bytes that are not UTF-8, and nesting beyond a limit. `parse_profile` is narrower: what records, leaves, pages
and the directory are made of has no fractions (decimals are strings), no null, no integer beyond ±(2^53-1).

The fast path: what orjson reads and writes again to the very same bytes cannot hold a duplicate name, since
the second writing comes from a dict; and it is in its shortest form, so that names cannot hide behind
escapes. All else (spaces, escapes, large numbers) takes the slow path. Both give the same answer, and a
property test says so.

Trust: none. Sizes are for the caller to bound, except where a function takes `max_bytes`.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, Final, NoReturn, TypeAlias, cast

import orjson

from crypto.errors import MalformedJson

if TYPE_CHECKING:
    from collections.abc import Sequence

JsonValue: TypeAlias = "dict[str, JsonValue] | list[JsonValue] | str | int | float | bool | None"

MAX_SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps exactly (RFC 7493, section 2.2)."""

_BEFORE_A_VALUE: Final = bytes.maketrans(b"[,", b"::")
_FRACTION: Final = re.compile(rb":-?[0-9]+[.e]")
"""Finds every number with a fraction or exponent in compact JSON, but one that stands alone, once all that
may stand before a value is a colon (one literal is searched for faster than a set). Some strings match too,
and then a walk over the value decides."""

_SURROGATE_ESCAPE: Final = re.compile(r"\\u[dD][89a-fA-F]")

_STRING_OR_BRACKET: Final = re.compile(rb'"(?:[^"\\]++|\\.)*+(?:"|\\?\Z)|[\[\]{}]', re.DOTALL)
"""Possessive, and a string without an end takes all that is left, so that a hostile text costs one pass."""

_CONTAINERS: Final = frozenset({dict, list, tuple})

_PROFILE_OPTIONS: Final = (
    orjson.OPT_STRICT_INTEGER
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def parse(data: bytes | str, *, max_depth: int = 512) -> JsonValue:
    """Return the value of one JSON text, or raise `MalformedJson`.

    `max_depth` counts arrays and objects inside one another; beyond about 900 Python itself sets the limit.

    >>> parse('{"line": "1", "net": 12.5}')
    {'line': '1', 'net': 12.5}
    """
    raw = _utf8(data)
    try:
        value = cast("JsonValue", orjson.loads(raw))
        exact = orjson.dumps(value) == raw
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        exact = False
    if not exact:
        return _parse_slowly(raw, max_depth=max_depth)
    check_depth(value, raw, max_depth)
    return value


def parse_profile(data: bytes | str, *, max_bytes: int, max_depth: int = 8, max_string: int | None = None) -> JsonValue:
    """Return the value of a JSON text in the record profile, or raise `MalformedJson`.

    `max_bytes` bounds the whole text in UTF-8, `max_string` the characters of any one string or member name.

    >>> parse_profile(b'{"n":"12.5","lines":[1,2]}', max_bytes=100)
    {'n': '12.5', 'lines': [1, 2]}
    """
    raw = _utf8(data)
    if len(raw) > max_bytes:
        raise MalformedJson(f"JSON of {len(raw)} bytes is larger than the {max_bytes} allowed here")
    try:
        value = cast("JsonValue", orjson.loads(raw))
        exact = orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER) == raw
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        exact = False
    if not exact:
        value = _parse_slowly(raw, max_depth=max_depth)
        check_profile(value, max_string=max_string)
        return value
    check_depth(value, raw, max_depth)
    if _may_leave_profile(raw) or (max_string is not None and len(raw) > max_string):
        check_profile(value, max_string=max_string)
    return value


def parse_profile_arrays(
    texts: Sequence[bytes], *, max_bytes: int, max_depth: int = 8, max_string: int | None = None
) -> list[JsonValue]:
    """Return what `parse_profile` returns for each of `texts`, in one reading when all are compact arrays.

    Reading them together could let two halves pass as one whole. So each value is written again by itself and
    compared with its own text; where one differs, all are read one by one.
    """
    joined = b"[%b]" % b",".join(texts)
    try:
        values = cast("list[JsonValue]", orjson.loads(joined))
        exact = [orjson.dumps(value, option=orjson.OPT_STRICT_INTEGER) for value in values] == texts
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        exact = False
    if not exact or len(joined) > max_bytes:
        limits = {"max_bytes": max_bytes, "max_depth": max_depth}
        return [parse_profile(text, **limits, max_string=max_string) for text in texts]
    for value, text in zip(values, texts, strict=True):
        check_depth(value, text, max_depth)
    if _may_leave_profile(joined) or (max_string is not None and max(map(len, texts), default=0) > max_string):
        check_profile(values, max_string=max_string)
    return values


def check_profile(value: JsonValue, *, max_string: int | None = None) -> None:
    """Raise `MalformedJson` unless `value` is in the record profile (protocol, section 3)."""
    longest = math.inf if max_string is None else max_string
    waiting: list[JsonValue] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            if len(item) > longest:
                raise MalformedJson(f"a string of {len(item)} characters is longer than the {max_string} allowed")
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
        elif isinstance(item, float):
            raise MalformedJson("a number with a fraction or exponent: decimals are strings here")
        elif item is None:
            raise MalformedJson("null: what is unknown is left out here")
        elif not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER:
            raise MalformedJson("an integer beyond ±(2^53-1): large numbers are strings here")


def dumps(value: JsonValue) -> bytes:
    r"""Return `value` as compact UTF-8 JSON, members in the order given, or raise `MalformedJson`.

    Infinities and NaN would become null in silence, so they are refused here.

    >>> dumps({"b": 1, "a": "ü"})
    b'{"b":1,"a":"\xc3\xbc"}'
    """
    raw = _dump(value, orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME)
    if b"null" in raw:
        _refuse_nonfinite(value)
    return raw


def dumps_profile(value: JsonValue, *, sort: bool = False) -> bytes:
    """Return a value of the record profile as `dumps` does; `sort` orders members by code point.

    >>> dumps_profile({"b": 1, "a": True}, sort=True)
    b'{"a":true,"b":1}'
    """
    raw = _dump(value, _PROFILE_OPTIONS | orjson.OPT_SORT_KEYS if sort else _PROFILE_OPTIONS)
    if _may_leave_profile(raw):
        check_profile(value)
    return raw


def _may_leave_profile(raw: bytes) -> bool:
    """Whether compact JSON may hold null or a fraction: `_FRACTION`, or a number that stands alone."""
    return b"null" in raw or _FRACTION.search(raw.translate(_BEFORE_A_VALUE)) is not None or raw[:1] in b"-0123456789"


def check_depth(value: JsonValue, raw: bytes, max_depth: int) -> None:
    """Raise `MalformedJson` when arrays and objects in `value` stand more than `max_depth` deep.

    `raw` is the JSON of `value`: most have so few brackets that nothing need be walked.
    """
    if raw.count(b"[") + raw.count(b"{") <= max_depth:
        return
    level: list[Any] = [value]
    for _ in range(max_depth):
        level = [
            child
            for item in level
            if type(item) in _CONTAINERS
            for child in (item.values() if type(item) is dict else item)
        ]
    if any(type(item) in _CONTAINERS for item in level):
        raise MalformedJson(f"JSON is nested deeper than the {max_depth} allowed")


def _dump(value: JsonValue, option: int) -> bytes:
    try:
        return orjson.dumps(value, option=option)
    except orjson.JSONEncodeError as error:
        raise MalformedJson(f"not a JSON value: {error}") from None


def _utf8(data: bytes | str) -> bytes:
    if isinstance(data, bytes):
        return data
    try:
        return data.encode("utf-8")
    except UnicodeEncodeError:
        raise MalformedJson("JSON holds a lone surrogate") from None


def _parse_slowly(raw: bytes, *, max_depth: int) -> JsonValue:
    """Read any JSON text strictly, whatever its spacing and escapes."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedJson(f"JSON is not UTF-8 at byte {error.start}") from None
    _scan_depth(raw, max_depth)
    try:
        value = cast(
            "JsonValue",
            json.loads(text, object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite_float),
        )
    except json.JSONDecodeError as error:
        raise MalformedJson(f"not JSON at character {error.pos}: {error.msg}") from None
    except RecursionError:
        raise MalformedJson("JSON is nested deeper than can be read") from None
    except ValueError:  # Python's own limit on the digits of an integer
        raise MalformedJson("an integer in the JSON has too many digits") from None
    if _SURROGATE_ESCAPE.search(text):
        _refuse_lone_surrogates(value)
    return value


def _scan_depth(raw: bytes, max_depth: int) -> None:
    """Refuse too deep a nesting before a recursive reader meets it."""
    depth = 0
    for found in _STRING_OR_BRACKET.finditer(raw):
        match found[0][:1]:
            case b"[" | b"{":
                depth += 1
                if depth > max_depth:
                    raise MalformedJson(f"JSON is nested deeper than the {max_depth} allowed")
            case b"]" | b"}":
                depth -= 1
            case _:  # a string: brackets inside it do not count
                pass


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise MalformedJson("an object in the JSON has two members of one name")
    return members


def _refuse_constant(name: str) -> NoReturn:
    raise MalformedJson(f"{name} is not JSON")


def _finite_float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise MalformedJson("a number in the JSON is beyond what a double holds")
    return number


def _refuse_lone_surrogates(value: JsonValue) -> None:
    waiting: list[JsonValue] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, str):
            try:
                item.encode("utf-8")
            except UnicodeEncodeError:
                raise MalformedJson("a string in the JSON holds a lone surrogate") from None
        elif isinstance(item, dict):
            waiting.extend(item)
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)


def _refuse_nonfinite(value: JsonValue) -> None:
    waiting: list[JsonValue] = [value]
    while waiting:
        item = waiting.pop()
        if isinstance(item, float) and not math.isfinite(item):
            raise MalformedJson("NaN and infinities have no form in JSON")
        if isinstance(item, dict):
            waiting.extend(item.values())
        elif isinstance(item, list | tuple):
            waiting.extend(item)
