"""The process that verifies beside the server comes to the same verdicts as the server itself."""

import secrets
from types import SimpleNamespace

from crypto import sdjwt
from federation.envelope import issue_record
from federation.errors import ProblemType
from federation.inbox import verify_texts
from federation.pages import PageEntry
from node.services.verifiers import WORTH_IT, Verifiers
from tests.factories import NOW, make_federation

FED = make_federation(["KE", "TZ"])


def body(number):
    issued = issue_record(
        fed=FED.directory.fed, iss="KE", rid=f"5c1a6f6e-3c0c-4b0e-9b0a-{number:012x}", ver=1, prev=None, kind="seizure",
        sch="seizure/1", handling={"tlp": "green", "onward": "none"}, signer=FED.signer("KE", "record"), now=NOW,
        groups={"case": {"reference": f"R-{number}", "administration": "KE"}, "transport": {"conveyance": "sea"}},
        token=secrets.token_bytes,
    )  # fmt: skip
    return sdjwt.present(issued.jwt, issued.disclosures.values())


def test_bodies_verified_beside_get_the_verdicts_that_they_get_here():
    texts = [body(number) for number in range(WORTH_IT + 8)]
    for at in (0, WORTH_IT):  # one that is verified here, one that is verified beside
        texts[at] = texts[at][:-3] + ("A" if texts[at][-3] != "A" else "B") + texts[at][-2:]
    page = SimpleNamespace(entries=tuple(PageEntry("", text) for text in texts))
    verifiers = Verifiers(1)
    try:
        found = verifiers.open(page, directory=FED.directory, now=NOW).bodies
    finally:
        verifiers.stop()
    here = verify_texts(texts, directory=FED.directory, now=NOW)
    assert len(found) == len(texts)
    assert found.keys() == here.keys()
    # What comes from beside brings no groups: this was not done here after all.
    assert not found[texts[-1]].groups
    assert found[texts[1]].groups
    for at, text in enumerate(texts):
        one, other = found[text], here[text]
        if at in {0, WORTH_IT}:
            assert one.problem == other.problem == ProblemType.RECORD_INVALID
            continue
        assert (one.rid, one.jh, one.mask, one.index, one.disclosures, one.title) == (
            other.rid, other.jh, other.mask, other.index, other.disclosures, other.title,
        )  # fmt: skip
        assert {name: set(values) for name, values in one.facets.values.items()} == other.facets.values
