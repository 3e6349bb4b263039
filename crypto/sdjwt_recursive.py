"""Digests anywhere: in objects, arrays and disclosed values (RFC 9901, section 7.1, step 3).

The letters are those of the RFC. Every place that is not exactly as it prescribes is refused, also where it
only says that an issuer must not write so: an ambiguity in a signed text is an issuer's error or an attack.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from crypto.errors import DisclosureRefused
from crypto.sdjwt_form import ELEMENT, RESERVED, SD_ALG, check_salts, decode_digests, digest_list

if TYPE_CHECKING:
    from collections.abc import Mapping

    from crypto.strictjson import JsonValue


class Recursive:
    """One pass over one payload. `shown` holds the disclosures by digest, each as its text and its array."""

    __slots__ = ("_embedded", "_max_depth", "_shown", "_unused", "top")

    def __init__(self, shown: Mapping[bytes, tuple[str, list[JsonValue]]], *, max_depth: int) -> None:
        self._shown = shown
        self._unused = set(shown)
        self._embedded: set[bytes] = set()
        self._max_depth = max_depth
        self.top: dict[str, str] = {}
        """Names disclosed at the top of the payload, each with the text of its disclosure."""

    def payload(self, claims: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
        """Return the processed payload, or raise `DisclosureRefused`."""
        processed = self._object(claims, depth=1)
        # Step 5: every disclosure must have been referenced, directly or through another.
        if self._unused:
            raise DisclosureRefused("a disclosure is referenced by no digest")
        return processed

    def _object(self, members: Mapping[str, JsonValue], *, depth: int) -> dict[str, JsonValue]:
        if ELEMENT in members:
            raise DisclosureRefused("`...` stands in an object that is not an array element")
        if SD_ALG in members and depth > 1:
            raise DisclosureRefused("`_sd_alg` stands below the top level")
        # 3e, 3f: `_sd` and `_sd_alg` are left out of the result.
        processed = {
            name: self._value(value, depth=depth + 1) for name, value in members.items() if name not in RESERVED
        }
        for digest in decode_digests(digest_list(members)):
            found = self._reveal(digest)
            if found is None:
                continue
            text, array = found
            try:
                salt, name, value = array  # 3c ii 1: three elements
            except ValueError:
                raise DisclosureRefused("a disclosure of a member must be [salt, name, value]") from None
            check_salts([salt])
            if not isinstance(name, str) or name in RESERVED:  # 3c ii 2
                raise DisclosureRefused("a disclosure must name a claim, and not _sd, _sd_alg or ...")
            if name in processed:  # 3c ii 3
                raise DisclosureRefused("a disclosure names a claim that is already there")
            processed[name] = self._value(value, depth=depth + 1)  # 3c ii 4 and 5
            if depth == 1:
                self.top[name] = text
        return processed

    def _array(self, items: list[JsonValue], *, depth: int) -> list[JsonValue]:
        processed: list[JsonValue] = []
        for item in items:
            if not isinstance(item, dict) or ELEMENT not in item:
                processed.append(self._value(item, depth=depth + 1))
                continue
            digest = item[ELEMENT]
            if len(item) != 1 or not isinstance(digest, str):
                raise DisclosureRefused("an array element with `...` must hold one digest and nothing else")
            found = self._reveal(*decode_digests([digest]))
            if found is None:
                continue  # 3d: elements whose digest was not found are left out
            try:
                salt, value = found[1]  # 3c iii 1: two elements
            except ValueError:
                raise DisclosureRefused("a disclosure of an array element must be [salt, value]") from None
            check_salts([salt])
            processed.append(self._value(value, depth=depth + 1))
        return processed

    def _value(self, value: JsonValue, *, depth: int) -> JsonValue:
        if not isinstance(value, dict | list):
            return value
        if depth > self._max_depth:
            raise DisclosureRefused(f"the payload is nested deeper than the {self._max_depth} allowed")
        return self._object(value, depth=depth) if isinstance(value, dict) else self._array(value, depth=depth)

    def _reveal(self, digest: bytes) -> tuple[str, list[JsonValue]] | None:
        """Return the disclosure of an embedded digest, if it is shown, and remember both."""
        if digest in self._embedded:  # step 4
            raise DisclosureRefused("a digest occurs twice")
        self._embedded.add(digest)
        self._unused.discard(digest)
        return self._shown.get(digest)
