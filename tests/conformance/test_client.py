from __future__ import annotations

import io
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from secrets import token_bytes
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crypto import httpsig, merkle, sdjwt
from crypto.checkpoint import sign_checkpoint
from crypto.httpfields import content_digest
from crypto.signer import FileSigner
from federation.envelope import IssuedRecord, issue_record
from federation.errors import ProblemType
from federation.feed import FeedId, Leaf, key_name, leaf_text
from federation.pages import PageEntry, build_page
from tests.conformance import client
from tests.factories import NOW, Fed, make_federation
from tests.shared_data import shared

ROOT = Path(client.__file__).resolve().parents[2]
SIGNER = FileSigner.generate(token=lambda count: bytes(range(count)))
WORDS = {each.value for each in ProblemType}


class Run(SimpleNamespace):
    """What a command did: `status`, `out` (bytes) and `problem` (one word or nothing)."""


def run(data: bytes | str | dict[str, Any], *arguments: str) -> Run:
    """Run a command in this process, over these bytes."""
    raw = data if isinstance(data, bytes) else (data if isinstance(data, str) else json.dumps(data)).encode()
    out, err = io.TextIOWrapper(io.BytesIO(), encoding="utf-8"), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(raw)))
        patch.setattr(sys, "stdout", out)
        patch.setattr(sys, "stderr", err)
        status = client.main(arguments)
    return Run(status=status, out=out.buffer.getvalue(), problem=err.getvalue().strip())


def is_refused(result: Run, problem: str) -> bool:
    return (result.status, result.out, result.problem) == (1, b"", problem)


# SD-JWT


def jwk_file(folder: Path, **changed: object) -> str:
    path = folder / "key.jwk"
    jwk = SIGNER.public.jwk() | changed
    path.write_text(json.dumps({name: value for name, value in jwk.items() if value is not None}))
    return str(path)


def issued(**claims: object) -> sdjwt.Issued:
    return sdjwt.issue(
        claims={"iss": "KE", **claims},
        groups={"place": {"country": "KE"}, "goods": [{"line": "1"}]},
        digests=3,
        typ="test+sd-jwt",
        signer=SIGNER,
        token=token_bytes,
    )


def sd_jwt_options(folder: Path, *more: str, now: int = NOW, **jwk: object) -> list[str]:
    return [
        "verify-sd-jwt",
        "--jwk",
        jwk_file(folder, **jwk),
        "--typ",
        "test+sd-jwt",
        "--now",
        str(now),
        *more,
    ]


def test_a_token_prints_what_it_shows(tmp_path: Path) -> None:
    made = issued()
    token = sdjwt.present(made.jwt, [made.disclosures["place"]])
    result = run(token + "\n", *sd_jwt_options(tmp_path, "--require", "iss,place"))
    assert (result.status, result.problem) == (0, "")
    assert json.loads(result.out) == {"iss": "KE", "place": {"country": "KE"}}


def test_a_key_without_a_name_goes_by_its_thumbprint_and_other_members_do_not_count(tmp_path: Path) -> None:
    token = sdjwt.present(issued().jwt, [])
    assert run(token, *sd_jwt_options(tmp_path, kid=None, use="sig", d="x")).status == 0


def test_a_key_with_a_name_goes_by_that_name_only(tmp_path: Path) -> None:
    named = SimpleNamespace(kid="label-1", public=SIGNER.public, sign=SIGNER.sign)
    token = sdjwt.present(
        sdjwt.issue(claims={}, groups={}, digests=1, typ="test+sd-jwt", signer=named, token=token_bytes).jwt,
        [],
    )
    assert run(token, *sd_jwt_options(tmp_path, kid="label-1")).status == 0
    assert is_refused(run(token, *sd_jwt_options(tmp_path, kid=None)), "unknown-key")
    assert is_refused(run(sdjwt.present(issued().jwt, []), *sd_jwt_options(tmp_path, kid="x")), "unknown-key")


def test_a_token_is_refused_in_the_protocols_words(tmp_path: Path) -> None:
    made = issued(exp=NOW + 10)
    token = sdjwt.present(made.jwt, made.disclosures.values())
    options = sd_jwt_options(tmp_path)
    assert run(token, *options).status == 0
    assert is_refused(run(token, *sd_jwt_options(tmp_path, now=NOW + 10)), "clock-skew")
    assert is_refused(run(token[:-1], *options), "malformed")
    assert is_refused(run(token + "\n\n", *options), "malformed")
    assert is_refused(run(token.encode() + b"\xff", *options), "malformed")
    assert is_refused(run(token.replace("~", "A~", 1), *options), "bad-signature")
    assert is_refused(run(token + made.disclosures["place"] + "~", *options), "record-invalid")
    assert is_refused(run(token, *options, "--require", "persons"), "record-invalid")
    other = FileSigner.generate().public.jwk() | {"kid": SIGNER.kid}
    assert is_refused(run(token, *sd_jwt_options(tmp_path, **other)), "bad-signature")
    assert is_refused(run(token, *sd_jwt_options(tmp_path, x="AQ" + "A" * 41)), "malformed")


# Records and pages


@pytest.fixture(scope="module")
def federation() -> Fed:
    return make_federation(["KE", "UG", "TZ"])


def record_of(fed: Fed, *, iss: str = "KE", number: int = 0, **changed: object) -> IssuedRecord:
    fields: dict[str, Any] = {
        "fed": "test",
        "iss": iss,
        "rid": f"3f1c2f3e-0000-4000-8000-{number:012}",
        "ver": 1,
        "prev": None,
        "kind": "seizure",
        "sch": "seizure/1",
        "handling": {"tlp": "amber", "purposes": ["risk"], "onward": "none", "evidence": "ask"},
        "groups": {"place_coarse": {"country": "KE"}, "goods": [{"line": "1", "wco": ["footwear"]}]},
        "signer": fed.signer(iss),
        "now": NOW,
        "token": token_bytes,
    }
    return issue_record(**(fields | changed))


def directory_file(folder: Path, fed: Fed) -> str:
    path = folder / "directory.json"
    path.write_bytes(fed.data)
    return str(path)


def test_a_record_prints_its_name_and_the_groups_it_shows(tmp_path: Path, federation: Fed) -> None:
    record = record_of(federation)
    token = sdjwt.present(record.jwt, [record.disclosures["goods"]])
    result = run(token, "verify-record", "--directory", directory_file(tmp_path, federation), "--now", str(NOW))
    assert (result.status, result.problem) == (0, "")
    shown = json.loads(result.out)
    assert (shown["iss"], shown["ver"], shown["jh"], shown["groups"]) == ("KE", 1, record.jh, ["goods"])


def test_a_record_is_refused_in_the_protocols_words(tmp_path: Path, federation: Fed) -> None:
    record = record_of(federation)
    token = sdjwt.present(record.jwt, [])
    options = ["verify-record", "--directory", directory_file(tmp_path, federation), "--now", str(NOW)]
    assert is_refused(run(token.replace("~", "A~", 1), *options), "bad-signature")
    assert is_refused(run(token, *options[:-1], str(NOW - 301)), "clock-skew")
    strange = record_of(federation, signer=FileSigner.generate())
    assert is_refused(run(sdjwt.present(strange.jwt, []), *options), "unknown-key")
    wrong_use = record_of(federation, signer=federation.signer("KE", "log"))
    assert is_refused(run(sdjwt.present(wrong_use.jwt, []), *options), "wrong-key-use")
    foreign = record_of(federation, groups={"secret": {}})
    assert is_refused(run(sdjwt.present(foreign.jwt, foreign.disclosures.values()), *options), "record-invalid")
    (tmp_path / "directory.json").write_bytes(federation.data[:-1])
    assert is_refused(run(token, *options), "malformed")


FEED = FeedId("KE", "UG", "bulk", 0)


def leaf_of(record: IssuedRecord, **changed: Any) -> Leaf:
    leaf = Leaf(
        n=0,
        t=NOW,
        op="put",
        iss=record.iss,
        rid=record.rid,
        ver=record.ver,
        jh=record.jh,
        gm=1 << record.index["goods"],
        gc=1,
        grant={"gid": "g", "purposes": ["risk"], "tlp": "amber", "onward": "none", "evidence": "ask"},
    )
    return replace(leaf, **changed)


def page_of(
    fed: Fed,
    count: int = 3,
    *,
    start: merkle.CompactRange | None = None,
    groups: tuple[str, ...] = ("goods",),
    alter: dict[str, object] | None = None,
    **leaf: Any,
) -> bytes:
    before = merkle.CompactRange() if start is None else start
    entries = []
    for number in range(before.size, before.size + count):
        record = record_of(fed, number=number)
        body = sdjwt.present(record.jwt, [record.disclosures[name] for name in groups])
        entries.append(PageEntry(leaf_text(leaf_of(record, **({"n": number} | leaf)), width=24), body))
    after = before.extend(merkle.leaf_hash(entry.e.encode()) for entry in entries)
    note = sign_checkpoint(
        origin=FEED.origin("test"),
        size=after.size,
        root=after.root(),
        key_name=key_name("test", "KE"),
        signer=fed.signer("KE", "log"),
    )
    data = build_page(feed=FEED, start=before.size, entries=entries, checkpoint=note, head=note, directory_version=1)
    return json.dumps(json.loads(data) | (alter or {})).encode()


def page_options(folder: Path, fed: Fed, recipient: str = "UG") -> list[str]:
    return [
        "verify-page",
        "--directory",
        directory_file(folder, fed),
        "--recipient",
        recipient,
        "--now",
        str(NOW),
    ]


def test_a_page_prints_the_range_that_the_next_page_needs(tmp_path: Path, federation: Fed) -> None:
    options = page_options(tmp_path, federation)
    first = run(page_of(federation), *options)
    assert (first.status, first.problem) == (0, "")
    told = json.loads(first.out)
    assert (told["feed"], told["entries"], told["range"]["size"]) == ("KE/UG/bulk/0", 3, 3)
    range_file = tmp_path / "range.json"
    range_file.write_text(json.dumps(told["range"]))
    second = page_of(federation, 2, start=merkle.CompactRange.from_json(told["range"]))
    assert json.loads(run(second, *options, "--range", str(range_file)).out)["range"]["size"] == 5
    assert is_refused(run(second, *options), "from-beyond-head")
    range_file.write_text('{"size":3,"hashes":[]}')
    assert is_refused(run(second, *options, "--range", str(range_file)), "digest-mismatch")


def test_a_page_is_refused_in_the_protocols_words(tmp_path: Path, federation: Fed) -> None:
    options = page_options(tmp_path, federation)
    good = page_of(federation)
    other = json.loads(page_of(federation))
    assert run(good, *options).status == 0
    assert is_refused(run(good, *page_options(tmp_path, federation, "TZ")), "not-found")
    assert is_refused(run(page_of(federation, n=7), *options), "malformed")
    assert is_refused(run(page_of(federation, alter={"more": 1}), *options), "malformed")
    assert is_refused(run(page_of(federation, alter={"checkpoint": other["head"]}), *options), "feed-fork")
    assert is_refused(run(page_of(federation, groups=("goods", "place_coarse")), *options), "grant-exceeded")
    assert is_refused(run(page_of(federation, gm=1 << 24), *options), "grant-exceeded")
    assert is_refused(run(page_of(federation, ver=2), *options), "record-invalid")
    assert is_refused(run(page_of(federation, op="tomb"), *options), "record-invalid")
    assert is_refused(run(page_of(federation, iss="TZ"), *options), "no-relay-grant")
    suspended = federation.with_node("KE", status="suspended")
    assert is_refused(run(good, *page_options(tmp_path, suspended)), "suspended")


# Keys and proofs


def test_a_key_is_admitted_under_its_thumbprint() -> None:
    assert run(SIGNER.public.jwk() | {"kid": "mine"}, "admit-key").out == SIGNER.kid.encode() + b"\n"


REFUSED_KEYS = {
    "a point of low order": {"x": "AQ" + "A" * 41},
    "a point written in the wrong way": {"x": "7v" + "_" * 39 + "38"},
    "another curve": {"crv": "X25519"},
    "another type": {"kty": "EC"},
    "no x": {"x": None},
    "padding": {"x": SIGNER.public.jwk()["x"] + "="},
}


@pytest.mark.parametrize("changed", REFUSED_KEYS.values(), ids=REFUSED_KEYS)
def test_a_key_is_not_admitted_with(changed: dict[str, object]) -> None:
    assert is_refused(run(SIGNER.public.jwk() | changed, "admit-key"), "malformed")


@pytest.mark.parametrize("folder", ["inclusion", "consistency"])
def test_the_public_proof_vectors_come_out_as_their_makers_say(folder: str) -> None:
    files = sorted(shared(f"vectors/merkle-rfc6962/testdata/{folder}").rglob("*.json"))
    wrong = []
    for file in files:
        result = run(file.read_bytes(), f"verify-{folder}")
        if result.status != int(json.loads(file.read_text())["wantErr"]) or (
            result.status == 1 and result.problem not in {"digest-mismatch", "malformed"}
        ):
            wrong.append(file.name)
    assert wrong == []
    assert len(files) == 98


ROOT_OF_ONE = "bjQLnP+zepicpUTmu3gKLHiQHT+zNzh2hRGjBhevoB0="
PROOF = {"leafIdx": 0, "treeSize": 1, "root": ROOT_OF_ONE, "leafHash": ROOT_OF_ONE, "proof": None}
MALFORMED_PROOFS = {
    "an index that is a boolean": {"leafIdx": False},
    "an index that is a string": {"leafIdx": "0"},
    "a size that is a fraction": {"treeSize": 1.0},
    "a root in base64url": {"root": ROOT_OF_ONE.replace("+", "-").replace("/", "_")},
    "a root without padding": {"root": ROOT_OF_ONE[:-1]},
    "a root with a line break": {"root": ROOT_OF_ONE + "\n"},
    "a root that is not canonical": {"root": ROOT_OF_ONE[:-2] + "1="},
    "a proof that is a string": {"proof": ROOT_OF_ONE},
    "a proof of numbers": {"proof": [1]},
    "no leaf": {"leafHash": None},
}


@pytest.mark.parametrize("changed", MALFORMED_PROOFS.values(), ids=MALFORMED_PROOFS)
def test_a_proof_is_malformed_with(changed: dict[str, object]) -> None:
    assert run(PROOF, "verify-inclusion").status == 0
    assert is_refused(run(PROOF | changed, "verify-inclusion"), "malformed")


# JSON


def test_the_public_canonical_forms_are_ours_to_the_byte() -> None:
    folder = shared("vectors/jcs-rfc8785/testdata")
    files = sorted((folder / "input").glob("*.json"))
    assert len(files) == 6
    for file in files:
        expected = bytes.fromhex((folder / "outhex" / f"{file.stem}.txt").read_text())
        assert run(file.read_bytes(), "canonicalize").out == expected


def test_what_every_json_parser_has_to_take_or_refuse_we_take_or_refuse() -> None:
    files = sorted(shared("vectors/json-parsing/test_parsing").glob("*.json"))
    wrong = []
    for file in files:
        result = run(file.read_bytes(), "parse-json")
        expected = {"y": (0,), "n": (1,), "i": (0, 1)}[file.name[0]]
        if result.status not in expected or (result.status and result.problem != "malformed"):
            wrong.append(file.name)
    # The one that others take: a name that occurs twice, which here is refused on purpose.
    assert wrong == ["y_object_duplicated_key.json", "y_object_duplicated_key_and_value.json"]
    assert len(files) > 300


def test_any_json_value_is_printed() -> None:
    text = '{"a":[1.5,null,true,"\u00e9",123456789012345678901234567890]}'
    assert run(text, "parse-json").out == text.encode() + b"\n"


def test_the_depth_is_an_option() -> None:
    for command in ("parse-json", "canonicalize"):
        assert run("[" * 512 + "]" * 512, command).status == 0
        assert is_refused(run("[" * 513 + "]" * 513, command), "malformed")
        assert run("[[]]", command, "--depth", "2").status == 0
        assert is_refused(run("[[[]]]", command, "--depth", "2"), "malformed")


# HTTP


HTTP_MEMBERS = ("message", "signature_input", "signature", "key", "required", "now")


def http_case(**changed: object) -> dict[str, object]:
    """The Ed25519 example of RFC 9421 (section B.2.6) as an input of the command."""
    vectors = json.loads(shared("vectors/rfc9421-rfc9530/appendix-b.json").read_text())
    [case] = [each for each in vectors["cases"] if each["label"] == "sig-b26"]
    return {
        "message": vectors["messages"][case["message"]],
        "signature_input": case["signature_input"],
        "signature": case["signature"],
        "key": json.loads(vectors["keys"]["test-key-ed25519"][1]),
        "required": ["date", "@method", "@path", "@authority", "content-type", "content-length"],
        "now": 1618884473,
    } | changed


def test_the_example_of_rfc_9421_is_taken_in_each_form() -> None:
    case = http_case()
    told = run(case, "verify-http")
    assert (told.status, told.problem) == (0, "")
    assert json.loads(told.out) == {"keyid": "test-key-ed25519", "created": 1618884473}
    text = str(case["message"])
    head, _, body = text.partition("\n\n")
    signature = f"\nSignature-Input: {case.pop('signature_input')}\nSignature: {case.pop('signature')}"
    within = f"{head}{signature}\n\n{body}"
    lines = [line.split(": ", 1) for line in within.partition("\n\n")[0].split("\n")[1:]]
    plain = {"method": "POST", "url": "https://example.com/foo?param=Value&Pet=dog", "body": body}
    forms = {
        "signature headers inside": within,
        "carriage returns": within.replace("\n", "\r\n"),
        "an object with a list of pairs": plain | {"headers": lines},
        "an object with an object": plain | {"headers": dict(lines)},
    }
    for name, form in forms.items():
        assert run(case | {"message": form}, "verify-http").status == 0, name


REFUSED_HTTP = {
    "another body": (lambda case: {"message": case["message"] + " "}, "digest-mismatch"),
    "another path": (lambda case: {"message": case["message"].replace("/foo", "/bar")}, "bad-signature"),
    "another method": (lambda case: {"message": case["message"].replace("POST", "PUT")}, "bad-signature"),
    "another host": (
        lambda case: {"message": case["message"].replace("example.com", "x.com")},
        "bad-signature",
    ),
    "another authority": (lambda _: {"authority": "ke.example"}, "bad-signature"),
    "the date taken away": (
        lambda case: {"message": case["message"].replace("\nDate: Tue, 20 Apr 2021 02:07:55 GMT", "")},
        "bad-signature",
    ),
    "more required": (lambda _: {"required": ["@method", "@query"]}, "missing-coverage"),
    "a later time": (lambda _: {"now": 1618884473 + 601}, "clock-skew"),
    "an earlier time": (lambda _: {"now": 1618884473 - 301}, "clock-skew"),
    "another key": (
        lambda _: {"key": SIGNER.public.jwk() | {"kid": "test-key-ed25519"}},
        "bad-signature",
    ),
    "a key of another name": (lambda case: {"key": case["key"] | {"kid": "x"}}, "unknown-key"),
    "the profile asked for": (lambda _: {"profile": "cnp-1"}, "malformed"),
    "an unknown profile": (lambda _: {"profile": "cnp-9"}, "malformed"),
    "no signature": (lambda _: {"signature": ""}, "malformed"),
    "no start line": (lambda _: {"message": "hello"}, "malformed"),
    "a header without a colon": (lambda _: {"message": "GET / HTTP/1.1\nHost\n\n"}, "malformed"),
    "no message": (lambda _: {"message": None}, "malformed"),
    "no components": (lambda _: {"required": None}, "malformed"),
    "components that are numbers": (lambda _: {"required": [1]}, "malformed"),
    "a time that is a string": (lambda _: {"now": "1618884473"}, "malformed"),
}


@pytest.mark.parametrize(("change", "problem"), REFUSED_HTTP.values(), ids=REFUSED_HTTP)
def test_a_message_is_refused_with(change: Any, problem: str) -> None:
    case = http_case()
    assert is_refused(run(case | change(case), "verify-http"), problem)


def test_the_profile_of_the_protocol_is_there_for_requests_and_answers() -> None:
    url, body = "https://ke.example/cnp/1/inbox?a=1", '{"a":1}'
    headers = {"content-type": "application/json"}
    headers |= httpsig.sign_request(method="POST", url=url, headers=headers, body=body.encode(), signer=SIGNER, now=NOW)
    question = {"method": "POST", "url": url, "headers": headers, "body": body}
    case = {"key": SIGNER.public.jwk(), "required": [], "now": NOW, "profile": "cnp-1"}
    assert run(case | {"message": question}, "verify-http").status == 0
    altered = question | {"headers": headers | {"content-digest": content_digest(b"{}")}}
    assert is_refused(run(case | {"message": altered}, "verify-http"), "bad-signature")
    request = httpsig.Request(method="POST", url=url, headers=headers)
    answered = {"content-type": "text/plain"}
    answered |= httpsig.sign_response(status=202, headers=answered, body=b"ok", request=request, signer=SIGNER, now=NOW)
    answer = {"status": 202, "headers": answered, "body": "ok"}
    assert run(case | {"message": answer, "request": question}, "verify-http").status == 0
    text = "HTTP/1.1 202 Accepted\n" + "".join(f"{k}: {v}\n" for k, v in answered.items()) + "\nok"
    assert run(case | {"message": text, "request": question}, "verify-http").status == 0
    elsewhere = question | {"url": url.replace("inbox", "hints")}
    assert is_refused(run(case | {"message": answer, "request": elsewhere}, "verify-http"), "bad-signature")
    assert is_refused(run(case | {"message": answer}, "verify-http"), "bad-signature")


# The command itself


def command(*arguments: str, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "tests.conformance.client", *arguments],
        input=data,
        capture_output=True,
        cwd=ROOT,
        timeout=60,
        check=False,
    )


def test_the_module_is_a_command() -> None:
    good = command("parse-json", data=b"[1.0,null]")
    assert (good.returncode, good.stdout, good.stderr) == (0, b"[1.0,null]\n", b"")
    bad = command("parse-json", data=b"[1,]")
    assert (bad.returncode, bad.stdout, bad.stderr) == (1, b"", b"malformed\n")


def test_nesting_beyond_every_limit_is_a_refusal_and_no_crash() -> None:
    for name in ("parse-json", "canonicalize"):
        assert command(name, "--depth", "5000", data=b"[" * 5000 + b"]" * 5000).returncode == 0
        result = command(name, "--depth", "1000000", data=b"[" * 100_000 + b"]" * 100_000)
        assert (result.returncode, result.stderr) == (1, b"malformed\n")


def test_a_wrong_command_line_is_told_apart_from_a_wrong_input(tmp_path: Path) -> None:
    wrong = [
        [],
        ["verify-everything"],
        ["verify-sd-jwt", "--typ", "x", "--now", "1"],
        ["verify-record", "--directory", str(tmp_path / "missing.json")],
        ["parse-json", "--depth", "deep"],
    ]
    for arguments in wrong:
        with pytest.raises(SystemExit) as caught:
            run(b"", *arguments)
        assert caught.value.code == 2


def test_the_reason_is_told_on_request() -> None:
    result = run(b"[1,]", "parse-json", "--why")
    word, reason = result.problem.split("\n")
    assert word == "malformed"
    assert reason.startswith("MalformedJson: ")


def test_the_help_tells_the_input_form_of_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        client.main(["--help"])
    whole = capsys.readouterr().out
    for name, call in client.COMMANDS.items():
        assert call.__doc__ is not None
        assert "    Input: " in call.__doc__
        assert call.__doc__ in whole
        with pytest.raises(SystemExit):
            client.main([name, "--help"])
        assert "Input: " in capsys.readouterr().out


OPTIONLESS = (
    "admit-key",
    "verify-inclusion",
    "verify-consistency",
    "canonicalize",
    "parse-json",
    "verify-http",
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()), which=st.data())
def test_whatever_the_input_there_is_a_status_and_a_word_and_never_a_trace(
    tmp_path: Path, federation: Fed, data: bytes, which: st.DataObject
) -> None:
    lines = [
        *([name] for name in OPTIONLESS),
        sd_jwt_options(tmp_path),
        ["verify-record", "--directory", directory_file(tmp_path, federation)],
        page_options(tmp_path, federation),
    ]
    result = run(data, *which.draw(st.sampled_from(lines)))
    assert (result.status, result.problem) == (0, "") or (result.status == 1 and result.problem in WORDS)


@settings(max_examples=60)
@given(changes=st.dictionaries(st.sampled_from(HTTP_MEMBERS), JSON, min_size=1))
def test_whatever_stands_in_an_http_case_is_judged_and_never_a_trace(changes: dict[str, object]) -> None:
    result = run(http_case() | changes, "verify-http")
    assert (result.status, result.problem) == (0, "") or (result.status == 1 and result.problem in WORDS)
