"""Questions over real HTTP: KE asks TZ and UG, each behind a socket, and ZA, who takes calls and says nothing."""

import asyncio
import json
import socket
import time

import httpx
import pytest
from sqlalchemy import select

from federation.errors import FederationError, Quota
from federation.transport import make_client
from node import auth
from node.cli.main import run
from node.services import indexing
from node.storage import policies
from node.storage.tables import disclosure, record
from tests.served import application, found, free_port, release, serving

POLICY = """
country = "{node}"
version = 2
author = "a"
approver = "b"
[[rule]]
id = "on-request"
effect = "grant"
mode = "{mode}"
{groups}
"""
TO_ALL = 'groups = ["case", "transport"]'
BY_SEA = {"filters": {"conveyance": ["sea"]}}


@pytest.fixture
def homes(tmp_path):
    ports = {name: free_port() for name in ("TZ", "UG")}
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        urls = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
        urls |= {"KE": "", "ZA": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        made = found(tmp_path, urls, duty_contact="Duty officer", questions_per_day=3)
        for name in ("TZ", "UG"):
            release(made[name], [f"{name}-1"])
            while indexing.follow(made[name].database, now=int(time.time())):
                pass
        in_force(made["KE"], "query", TO_ALL)
        in_force(made["TZ"], "query", TO_ALL)
        in_force(made["UG"], "hit", "")
        with serving(application(made["TZ"]), ports["TZ"]), serving(application(made["UG"]), ports["UG"]):
            yield made
    for name in ("KE", "ZA"):
        made[name].close()


def in_force(home, mode, groups):
    body = POLICY.format(node=home.settings.id, mode=mode, groups=groups)
    with home.database.write() as connection:
        policies.activate(connection, version=2, body=body, author="a", by="b", now=int(time.time()))


def rows(home, *actions):
    with home.database.read() as connection:
        statement = select(disclosure).where(disclosure.c.action.in_(actions)).order_by(disclosure.c.id)
        return [(row.action, row.recipient, row.groups) for row in connection.execute(statement)]


def told(capsys, home, *words):
    status = run(["--json", "--home", str(home.settings.home), "ask", "--purpose", "customs-enforcement", *words])
    said = capsys.readouterr()
    return status, json.loads(said.out.splitlines()[-1]) if status == 0 else said.err


def test_the_command_shows_what_is_granted_a_hit_and_who_is_silent(homes, capsys):
    begun = time.monotonic()
    status, answer = told(capsys, homes["KE"], "--case", "C-7", "--filter", "conveyance=sea", "--seconds", "2")
    assert status == 0
    assert time.monotonic() - begun < 10
    assert [(one["iss"], sorted(one["groups"])) for one in answer["records"]] == [("TZ", ["case", "transport"])]
    assert [(one["peer"], one["contact"], one["reference"]) for one in answer["hits"]] == [
        ("UG", "Duty officer", answer["id"])
    ]
    assert {one["peer"]: one["state"] for one in answer["peers"]} == {
        "TZ": "answered", "UG": "answered", "ZA": "silent",
    }  # fmt: skip
    assert answer["complete"] is False
    assert rows(homes["KE"], "ask", "view") == [
        ("ask", "TZ", "transport"), ("ask", "UG", "transport"), ("ask", "ZA", "transport"),
        ("view", None, "case,transport"),
    ]  # fmt: skip
    assert rows(homes["TZ"], "question", "query") == [("question", "KE", None), ("query", "KE", "case,transport")]
    assert rows(homes["UG"], "question", "hit") == [("question", "KE", None), ("hit", "KE", "")]
    with homes["KE"].database.read() as connection:
        assert connection.execute(select(record.c.id).where(record.c.iss == "TZ")).all() == []


def test_the_command_says_whom_it_would_ask_and_sends_nothing(homes, capsys):
    status, answer = told(capsys, homes["KE"], "--case", "C-7", "--filter", "conveyance=sea", "--dry-run")
    assert (status, answer["asked"]) == (0, ["TZ", "UG", "ZA"])
    status, answer = told(capsys, homes["KE"], "--case", "C-7", "--dry-run", "Mwangi")
    assert (answer["asked"], {one["why"] for one in answer["not_asked"]}) == ([], {"policy"})
    assert rows(homes["KE"], "ask") == rows(homes["TZ"], "question") == []


def test_the_command_for_people_ends_with_that_nothing_is_kept(homes, capsys):
    words = ["ask", "--purpose", "customs-enforcement", "--case", "C-7", "--filter", "conveyance=sea", "--peer", "TZ"]
    assert run(["--home", str(homes["KE"].settings.home), *words]) == 0
    said = capsys.readouterr().out
    assert "Asked: TZ" in said
    assert "conveyance: sea" in said
    assert "not kept" in said


@pytest.mark.parametrize("words", [("--case", "C-7"), ("--case", " ", "sea"), ("--filter", "conveyance=sea")])
def test_the_command_refuses_a_question_without_selector_or_case(words, homes, capsys):
    status, said = told(capsys, homes["KE"], *words)
    assert status
    assert said
    assert rows(homes["KE"], "ask") == []


def question(number):
    return json.dumps(
        {
            "v": 1, "id": f"{number:022}", "purpose": "customs-enforcement", "case": "C-7",
            "until": int(time.time()) + 5, "selector": BY_SEA,
        }
    ).encode()  # fmt: skip


def test_beyond_the_budget_of_the_day_a_peer_is_refused_until_tomorrow_and_what_is_no_question_costs_none(homes):
    async def send():
        async with make_client(homes["KE"].settings.allow_addresses) as client:
            link = homes["KE"].asker(client).link("TZ")

            async def post(body):
                return await link.request("POST", "/cnp/1/query", body=body, content_type="application/json")

            with pytest.raises(FederationError) as refused:
                await post(b"{}")
            for number in range(3):
                await post(question(number))
            with pytest.raises(Quota) as over:
                await post(question(9))
            return refused.value.problem, over.value.after

    problem, after = asyncio.run(send())
    assert problem == "malformed"
    assert 0 < after <= 86_400


def test_a_question_through_the_api_goes_out_by_the_server_s_own_connections(homes):
    home = homes["TZ"]
    secret = auth.load_secret(home.settings.home)
    token = auth.make_token(secret=secret, subject="a.officer", role="officer", node="TZ", now=int(time.time()))
    good = {"selector": BY_SEA, "purpose": "customs-enforcement", "case": "C-7", "peers": ["UG"]}

    def post(body):
        with httpx.Client() as client:
            answer = client.post(
                f"{home.settings.url}/api/v1/questions", json=body, headers={"authorization": f"Bearer {token}"}
            )
        return answer.status_code, answer.json()

    status, answer = post(good)
    assert (status, [hit["peer"] for hit in answer["hits"]]) == (200, ["UG"])
    status, answer = post({**good, "dry_run": True})
    assert (status, answer["asked"], "hits" in answer) == (200, ["UG"], False)
    assert rows(home, "ask") == [("ask", "UG", "transport")]
    nobody = {name: value for name, value in good.items() if name != "peers"}
    wrong = [{"selector": {}}, {"case": ""}, {"case": " "}, {"purpose": "Why"}, {"peers": ["XX"]}, {"peers": ["TZ"]}]
    wrong.append({"all": True})
    assert {post(body)[0] for body in (nobody, *(good | one for one in wrong))} == {422}
    assert rows(home, "ask") == [("ask", "UG", "transport")]
