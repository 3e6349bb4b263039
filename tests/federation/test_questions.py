"""The forms of questions and answers: what was made is read back, and everything else is refused by name."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from federation.errors import FederationError, Malformed, TooLarge
from federation.grants import Handling
from federation.questions import (
    MAX_ANSWER_BYTES,
    MAX_QUESTION_BYTES,
    Answer,
    Granted,
    Hit,
    Identifier,
    Question,
    Selector,
    parse_answer,
    parse_question,
)

NOW = 1_767_225_600
SELECTOR = Selector(
    filters={"brand": frozenset({"adler", "bussard"}), "kind": frozenset({"seizure"})}, day_from="2025-01-01",
    day_to="2025-12-31", words="Mwangi", identifier=Identifier(type="awb", value="020-12345675"),
)  # fmt: skip
QUESTION = Question(id="Q" * 22, selector=SELECTOR, purpose="risk-analysis", case="C-7", until=NOW + 5)
ANSWER = Answer(
    id="Q" * 22,
    answers=(Granted(presentation="a.b.c~", handling=Handling(tlp="green"), legal=("MAA",)),),
    hits=(Hit(contact="Duty officer", reference="R", until=NOW),),
    more=True,
)


def changed(value, path, new):
    made = json.loads(value.to_bytes())
    *steps, last = path
    inner = made
    for step in steps:
        inner = inner[step]
    if new is None:
        del inner[last]
    else:
        inner[last] = new
    return json.dumps(made).encode()


def test_what_was_made_is_read_back():
    assert parse_question(QUESTION.to_bytes(), now=NOW) == QUESTION
    assert parse_answer(ANSWER.to_bytes(), question=QUESTION) == ANSWER
    assert parse_answer(Answer(id="Q" * 22).to_bytes(), question=QUESTION) == Answer(id="Q" * 22)


BAD_QUESTIONS = [
    (("purpose",), None), (("case",), None), (("id",), None), (("until",), None), (("v",), None),
    (("purpose",), ""), (("purpose",), "Why not"), (("case",), ""), (("case",), " "), (("case",), "x" * 201),
    (("case",), "a\nb"), (("case",), 7), (("id",), "Q"), (("id",), "Q" * 21 + "!"), (("v",), 2), (("v",), True),
    (("until",), NOW - 301), (("until",), NOW + 3_601), (("until",), "5"), (("until",), True), (("note",), "x"),
    (("selector",), {}), (("selector",), []), (("selector",), {"filters": {"kind": ["seizure"]}}),
    (("selector",), {"from": "2025-01-01"}), (("selector", "note"), "x"), (("selector", "from"), "2025"),
    (("selector", "from"), "2025-13-01"), (("selector", "to"), 7), (("selector", "words"), ""),
    (("selector", "words"), "x" * 201), (("selector", "filters", "node"), ["KE"]),
    (("selector", "filters", "brand"), []), (("selector", "filters", "brand"), "adler"),
    (("selector", "filters", "brand"), ["x"] * 51), (("selector", "filters", "brand"), [7]),
    (("selector", "filters", "brand"), ["\x1b"]), (("selector", "identifier", "type"), "imo"),
    (("selector", "identifier", "value"), "--"), (("selector", "identifier", "note"), "x"),
    (("selector", "identifier"), "020"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "new"), BAD_QUESTIONS)
def test_a_question_with_another_form_is_malformed(path, new):
    with pytest.raises(Malformed):
        parse_question(changed(QUESTION, path, new), now=NOW)


BAD_ANSWERS = [
    (("v",), 2), (("id",), "R" * 22), (("more",), 1), (("more",), None), (("answers",), {}), (("hits",), None),
    (("answers",), [{}] * 51), (("answers", 0), "x"), (("answers", 0, "sd"), 7), (("answers", 0, "sd"), "x" * 262_145),
    (("answers", 0, "grant"), []), (("answers", 0, "grant", "tlp"), "pink"), (("answers", 0, "grant", "tlp"), None),
    (("answers", 0, "grant", "legal"), None), (("answers", 0, "grant", "legal"), ["x"] * 65),
    (("answers", 0, "grant", "legal"), ["\x1b"]), (("answers", 0, "note"), "x"), (("hits", 0, "contact"), ""),
    (("hits", 0, "contact"), "a\u202eb"), (("hits", 0, "reference"), "x" * 201), (("hits", 0, "until"), -1),
    (("hits", 0, "note"), "x"), (("note",), "x"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "new"), BAD_ANSWERS)
def test_an_answer_with_another_form_is_malformed(path, new):
    with pytest.raises(Malformed):
        parse_answer(changed(ANSWER, path, new), question=QUESTION)


def test_what_is_too_large_is_refused_unread():
    with pytest.raises(TooLarge):
        parse_question(b" " * (MAX_QUESTION_BYTES + 1), now=NOW)
    with pytest.raises(TooLarge):
        parse_answer(b" " * (MAX_ANSWER_BYTES + 1), question=QUESTION)


def test_a_name_twice_is_malformed():
    for data in (b'{"v":1,"v":1}', QUESTION.to_bytes()[:-1] + b',"case":"C-8"}'):
        with pytest.raises(Malformed):
            parse_question(data, now=NOW)


@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_any_bytes_are_read_or_refused_with_an_error_of_ours(data):
    for read in (lambda: parse_question(data, now=NOW), lambda: parse_answer(data, question=QUESTION)):
        with pytest.raises(FederationError):
            read()
