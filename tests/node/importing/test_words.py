from __future__ import annotations

import pytest

from federation.records import codes
from node.services.importing import words
from node.services.importing.words import match

MEANINGS = {
    "a French country": ("country", "Allemagne", "DE"),
    "an Arabic country, with and without vowel signs": ("country", "السعودية", "SA"),
    "an Arabic country that one translation gives to another": ("country", "المالديف", "MV"),
    "a Russian country": ("country", "Россия", "RU"),
    "a Chinese country": ("country", "中国", "CN"),
    "a code": ("country", "NA", "NA"),
    "a German procedure": ("procedure", "Einfuhr", "import"),
    "a Spanish unit": ("unit", "pares", "PR"),
    "an Arabic conveyance": ("conveyance", "بحراً", "sea"),
    "no country at all": ("country", "Atlantis", None),
    "a country that is only like one": ("country", "Nigera", None),
}


@pytest.mark.parametrize("case", MEANINGS, ids=str)
def test_a_word_means_its_code_and_nothing_like_it(case):
    list_name, text, code = MEANINGS[case]
    assert match(list_name, text) == code


def test_words_lead_only_to_codes_that_exist_and_never_to_two():
    for list_name, table in words._WORDS.items():
        seen: dict[str, str] = {}
        for code, text in table.items():
            assert codes.is_code(list_name, code), code
            for word in text.split("|"):
                assert seen.setdefault(words._plain(word), code) == code, (list_name, word)
