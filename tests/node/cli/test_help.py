"""Every command says what it does, mistakes in a call are told with status 2, and help is there at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import typer

from node.cli.arguments import globals_first
from node.cli.main import app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.node.cli.conftest import Answer

ISSUE = (
    "init",
    "serve",
    "migrate",
    "sync",
    "records",
    "search",
    "show",
    "peers",
    "receipts",
    "fsck",
    "token",
    "version",
    "import",
    "release",
    "join",
    "demo",
    "bench",
    "directory:init",
    "directory:add",
    "directory:publish",
    "node:card",
    "alert:new",
    "alert:publish",
    "policy:check",
    "policy:explain",
    "policy:diff",
    "policy:activate",
    "policy:propose",
    "policy:approve",
    "officer:key",
    "tripwire:add",
    "approvals",
    "approve",
    "quarantine:list",
    "quarantine:show",
    "quarantine:retry",
    "verify:record",
    "verify:page",
    "verify:receipt",
)


def commands(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield ":".join((*path, name)), command
            yield from commands(command, (*path, name))
        else:
            yield ":".join((*path, name)), command


ALL = dict(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_command_and_every_option_has_help(name: str) -> None:
    command = ALL[name]
    assert (command.help or "").strip().splitlines()[0].endswith(".")
    for parameter in command.params:
        assert parameter.name == "help" or parameter.help, f"{name}: {parameter.name} says nothing"


@pytest.mark.parametrize("name", ISSUE)
def test_every_promised_command_is_there(name: str) -> None:
    assert name in ALL


def test_without_arguments_it_prints_help(tell: Callable[..., Answer]) -> None:
    answer = tell()
    assert answer.status == 0
    assert "directory" in answer.out
    assert "quarantine" in answer.out


def test_the_installed_command_answers_without_loading_the_node() -> None:
    """Half a second is promised for help; what costs time are the parts, so none may be loaded."""
    code = (
        "import sys; from node.cli.main import run; run(['--help']); "
        "print([name for name in ('sqlalchemy', 'fastapi', 'tuf', 'httpx', 'openpyxl') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_python_m_node_is_the_same_command() -> None:
    line = [sys.executable, "-m", "node", "version", "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == '{"version":"0.1.0"}\n'


CALLS = {
    "a command that does not exist": (["fetch"], "No such command"),
    "an option that does not exist": (["init", "--nod", "GB"], "--nod"),
    "an option without its value": (["init", "--node"], "--node"),
    "--home without its value": (["version", "--home"], "--home"),
    "a missing argument": (["show"], "Missing argument"),
    "a limit that is no number": (["records", "--limit", "many"], "--limit"),
    "release without saying what": (["release"], "--all"),
    "release of all and of one": (["release", "--all", "X"], "--all"),
    "release of an unknown kind": (["release", "--all", "--kind", "x"], "--kind"),
    "own and received at once": (["records", "--own", "--received"], "--own"),
    "an unknown role": (["token", "--role", "king", "--subject", "A"], "--role"),
    "an alert from nothing": (["alert", "new"], "--from"),
    "an unknown state": (["quarantine", "list", "--state", "lost"], "--state"),
    "retry of nothing": (["quarantine", "retry"], "--all"),
    "a filter without a value": (["search", "--filter", "brand"], "--filter"),
    "an unknown class": (["directory", "init", "--class", "war"], "--class"),
}


@pytest.mark.parametrize("case", CALLS)
def test_a_mistake_in_the_call_has_status_2_and_names_what_is_wrong(case: str, tell: Callable[..., Answer]) -> None:
    words, named = CALLS[case]
    answer = tell(*words)
    assert answer.status == 2
    assert named in answer.err
    assert "Traceback" not in answer.err


MOVED = {
    "behind the command": (["peers", "--json"], ["--json", "peers"]),
    "behind a command of a group": (["policy", "check", "x", "--home", "h"], ["--home", "h", "policy", "check", "x"]),
    "with an equals sign": (["peers", "--home=h"], ["--home=h", "peers"]),
    "in front": (["--home", "h", "peers"], ["--home", "h", "peers"]),
    "not behind --": (["show", "--", "--json"], ["show", "--", "--json"]),
}


@pytest.mark.parametrize("case", MOVED)
def test_home_and_json_are_global_wherever_they_stand(case: str) -> None:
    given, moved = MOVED[case]
    assert globals_first(given) == moved
