"""`annotation/1`: a signed remark about another record: read, found, asked, answered, verified, translated.

It says about which record it speaks, exactly: issuer, record id, version and the hash of the issuer-signed
JWT. The sentence that names nobody stands in `texts`, whose author confirms that; what may name somebody in
`narrative`::

    about      [{iss, rid, ver: int, jh}]    one record; two or more for link and same-event
    note       {type: annotation_type, result?, on?: time, respond_by?: time, answer_to?: {iss, rid}}
    texts      {text: Text, no_names: true}
    media      [Media]
    narrative  N  Text

Who gets an annotation is not decided here: it goes to the originator of what it is about, and to others only
if they hold every record that it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from federation.records import facts, titles
from federation.records.checks import Check, Findings, code, integer, listed, members, only_true
from federation.records.facts import mapping
from federation.records.model import Schema
from federation.records.parts import administration
from federation.records.values import MAX_INTEGER, digest, media, moment, translations, uuid

if TYPE_CHECKING:
    from collections.abc import Mapping

JOINING: Final = frozenset({"link", "same-event"})
"""Types that say something about two records or more."""

_FIELDS: Final[dict[str, Check]] = {
    "about": listed(
        members(
            {
                "iss": administration,
                "rid": uuid,
                "ver": integer(1, MAX_INTEGER, what="a version"),
                "jh": digest,
            },
            "iss",
            "rid",
            "ver",
            "jh",
        ),
    ),
    "note": members(
        {
            "type": code("annotation_type"),
            "result": code("result"),
            "on": moment,
            "respond_by": moment,
            "answer_to": members({"iss": administration, "rid": uuid}, "iss", "rid"),
        },
        "type",
    ),
    "texts": members({"text": translations, "no_names": only_true}, "text", "no_names"),
    "media": media,
    "narrative": translations,
}


def _speaks_of_enough(groups: Mapping[str, Any], found: Findings) -> None:
    """Ask for two records where they are joined, and for the question of an answer."""
    note, about = mapping(groups.get("note")), groups.get("about")
    type_ = note.get("type")
    if isinstance(type_, str) and type_ in JOINING and isinstance(about, list) and len(about) == 1:
        found.error(
            (None, "about"),
            about,
            "names one record only",
            f"{type_} joins two records or more: name them all",
        )
    if type_ == "answer" and "answer_to" not in note:
        found.error(((None, "note"), "answer_to"), None, "is missing", "name the query that this answers")


ANNOTATION: Final = Schema(
    id="annotation/1",
    kind="annotation",
    fields=_FIELDS,
    required=("about", "note"),
    nominal=frozenset({"narrative"}),
    minimal=frozenset({"about", "note", "texts"}),
    rules=(_speaks_of_enough,),
    facts=facts.of_nothing,
    summary=titles.of_annotation,
)
"""The annotation, version 1."""
