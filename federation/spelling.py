"""Names across spellings and scripts: the keys under which they are filed, and how alike two of them are.

A name is folded to Latin letters (transliteration character by character), cut into tokens, and each token is filed
under the skeleton of its consonants and under every skeleton with one letter left out. Mohamed, Muhammad, محمد and
Мохаммед share keys; so do names that differ in one consonant. Who searches takes what shares a key and ranks it by
`alike`. Nothing here depends on a database, so every database gives the same answers.

Left to others: where names stand in a record (`federation.records.traces`) and the index (`node.storage.names`). What a
transliteration cannot know (Arabic writes no short vowels, one Chinese sign has several readings) is a miss, never an
error. Trust: names come from anywhere; they are cut to `MAX_NAME` characters and `MAX_TOKENS` tokens.

Sources: the classes of consonants follow what Soundex and the romanisations of ICAO Doc 9303 and of ISO 9, 233 and 7098
confuse.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from anyascii import anyascii
from rapidfuzz.distance import DamerauLevenshtein

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

MAX_NAME: Final = 200
"""Characters of a name that are looked at."""
MAX_TOKENS: Final = 12
"""Tokens of a name that are filed."""
THRESHOLD: Final = 78.0
"""From 0 to 100: two names that are less alike are not told as hits."""
NEAR: Final = 60.0
"""Two tokens that are less alike have nothing to do with each other."""
_WORD: Final = re.compile(r"[a-z0-9]+")
_CAPITALS: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SOUNDS: Final = (
    ("tsch", "s"), ("shch", "s"), ("sch", "s"), ("tch", "s"), ("kh", "h"), ("gh", "h"), ("ph", "f"), ("th", "t"),
    ("dh", "t"), ("sh", "s"), ("ch", "s"), ("zh", "s"), ("ts", "s"), ("tz", "s"), ("cz", "s"), ("sz", "s"), ("ck", "k"),
    ("qu", "k"), ("x", "ks"), ("ce", "se"), ("ci", "si"), ("cy", "si"), ("dj", "s"), ("dzh", "s"),
)  # fmt: skip
"""Letters that one language writes for a sound of another, longest first."""
_CLASSES: Final = str.maketrans({"b": "p", "d": "t", "c": "k", "g": "k", "q": "k", "v": "f", "z": "s"})
"""Consonants that spellings of one name exchange."""
_SOFT: Final = re.compile(r"[aeiouyhw]+")
"""Vowels, and what is written and not heard, or heard and not written."""
_VOWELS: Final = str.maketrans({"e": "a", "y": "i", "j": "i", "o": "u", "w": "u", "h": None})
_DOUBLE: Final = re.compile(r"(.)\1+")
_ARTICLES: Final = frozenset({"al", "el", "ul", "l", "ar", "as", "ash", "at", "an", "ad", "az"})
"""The Arabic article as it is written before sun and moon letters: Abd al-Rahman, Abderrahmane."""
_SHORT: Final = 2
"""Skeletons below this length tell too little; such tokens are filed by their vowels as well."""
_LONG: Final = 3
"""From this length on a letter of a skeleton may be missing."""


def fold(name: str) -> str:
    """The name in lower-case Latin letters and digits, its tokens parted by single spaces.

    >>> fold("Müller-Lüdenscheidt"), fold("Мохаммед"), fold("华为")
    ('muller ludenscheidt', 'mokhammed', 'hua wei')
    """
    text = name[:MAX_NAME]
    if not text.isascii():
        # Marks go before the letters are looked up, so that one letter has one reading however it was typed. Signs of
        # scripts without capitals get one each (HuaWei), which is where they part.
        text = _CAPITALS.sub(" ", anyascii(_bare(text)))
    return " ".join(_WORD.findall(text.lower().replace("'", "").replace("`", ""))[:MAX_TOKENS])


@lru_cache(maxsize=65536)
def skeleton(token: str) -> str:
    """The consonants of a folded token, those that are confused as one, doubled ones once.

    >>> skeleton("mohamed"), skeleton("muhammad"), skeleton("mhmd"), skeleton("yusuf"), skeleton("youssef")
    ('mmt', 'mmt', 'mmt', 'sf', 'sf')
    """
    text = token
    for written, sound in _SOUNDS:
        text = text.replace(written, sound)
    text = _DOUBLE.sub(r"\1", text.translate(_CLASSES))
    return _SOFT.sub("", text)


def tokens(folded: str) -> frozenset[str]:
    """What a folded name is filed by: its tokens, and every two beside each other as one, with and without articles.

    >>> sorted(tokens("abd al rahman"))
    ['abd', 'abdal', 'abdrahman', 'al', 'alrahman', 'rahman']
    """
    found = folded.split()
    bare = [token for token in found if token not in _ARTICLES]
    return frozenset(found) | _pairs(found) | _pairs(bare)


def keys(token: str) -> frozenset[str]:
    """The keys of one token: its skeleton, and those with one letter less; of a short one its vowels, too.

    A w is a vowel in one language and a v in another, so it gives the keys of both.

    >>> sorted(keys("rahman")), sorted(keys("ali")), keys("ali") & keys("aly") == keys("ali")
    (['mn', 'rm', 'rmn', 'rn'], ['=ali'], True)
    >>> keys("iwan") >= keys("ivan")
    True
    """
    found = _keys(token)
    return found | _keys(token.replace("w", "v")) if "w" in token else found


def _keys(token: str) -> frozenset[str]:
    bones = skeleton(token)
    if len(bones) < _SHORT:
        return frozenset({"=" + _sounds(token)})
    if len(bones) < _LONG:
        return frozenset({bones})
    return frozenset({bones, *(bones[:at] + bones[at + 1 :] for at in range(len(bones)))})


@lru_cache(maxsize=65536)
def token_alike(one: str, other: str) -> float:
    """From 0 to 100: how alike two folded tokens are, by their letters or by their consonants, whichever is more.

    >>> token_alike("ivanov", "ivanov"), token_alike("mohamed", "muhammad") > 85, token_alike("ivanov", "petrov") < 60
    (100.0, True, True)
    """
    if one == other:
        return 100.0
    letters = 100.0 * DamerauLevenshtein.normalized_similarity(one, other)
    if _sounds(one) == _sounds(other):
        return max(letters, 90.0)
    bones = skeleton(one)
    if len(bones) >= _SHORT and bones == skeleton(other):
        return max(letters, 80.0 + letters / 5)
    return letters


def alike(asked: str, name: str) -> float:
    """From 0 to 100: how well a folded name answers a folded question; each asked token finds its best counterpart.

    Longer tokens weigh more, and a name with more tokens than were asked for is no worse. Two tokens asked for may
    stand there as one, and one as two. A token without a counterpart that is `NEAR` counts nothing.

    >>> alike("mohamed al rashid", "muhammad rashid") > 90, alike("abdulrahman", "abd al rahman") > 80
    (True, True)
    >>> alike("abd al rahman", "abdulrahman") > 80, alike("hua wei", "huawei trading"), alike("ivanov", "petrov") < 60
    (True, 100.0, True)
    """
    there = tokens(name)
    scores = {
        unit: {other: score for other in there if (score := token_alike(unit, other)) >= NEAR} for unit in units(asked)
    }
    return combined(asked, there, scores)


def units(asked: str) -> tuple[str, ...]:
    """What of a folded question is looked for: its tokens without articles, and every two beside each other as one.

    >>> units("abd al rahman")
    ('abd', 'rahman', 'abdrahman')
    """
    wanted = _wanted(asked)
    return (*wanted, *(one + other for one, other in itertools.pairwise(wanted)))


def weight(asked: str, unit: str) -> float:
    """What part of the score of a question a unit can give, from 0 to 1."""
    wanted = _wanted(asked)
    total = sum(map(len, wanted)) or 1
    return len(unit) * (wanted.count(unit) or 1) / total


def combined(asked: str, there: Collection[str], scores: Mapping[str, Mapping[str, float]]) -> float:
    """`alike` for a name with these tokens, from how near each unit of the question is to each of them."""
    wanted = _wanted(asked)
    if not wanted:
        return 0.0

    def best(unit: str) -> float:
        near = scores.get(unit, {})
        return max((near[token] for token in there if token in near), default=0.0)

    found = [best(token) for token in wanted]
    for at, (one, other) in enumerate(itertools.pairwise(wanted)):
        together = best(one + other)
        found[at], found[at + 1] = max(found[at], together), max(found[at + 1], together)
    weights = [len(token) for token in wanted]
    return sum(part * score for part, score in zip(weights, found, strict=True)) / sum(weights)


def _wanted(asked: str) -> list[str]:
    return [token for token in asked.split() if token not in _ARTICLES] or asked.split()


def _sounds(token: str) -> str:
    return _DOUBLE.sub(r"\1", token.translate(_VOWELS))


def _pairs(found: list[str]) -> frozenset[str]:
    return frozenset(one + other for one, other in itertools.pairwise(found))


def _bare(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text)
    return unicodedata.normalize("NFC", "".join(char for char in decomposed if not unicodedata.combining(char)))
