"""The documents say what the code does: settings, problem words, limits, addresses, commands, tests, links."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import tomllib
from pathlib import Path

import pytest
import typer

from crypto import httpsig, sdjwt_form
from federation import directory, envelope, feed, inbox, inventories, nodecard, pages, questions, receipts, trust
from federation.errors import ProblemType
from node import __version__, errors, settings
from node.api import peer
from node.app import build, open_home
from node.cli.arguments import globals_first
from node.cli.main import app as command_line
from node.services import founding
from node.services.pictures import ingest, worker
from tests.shared_data import ROOT

DOCS = ROOT / "docs"
PAGES = sorted([*ROOT.glob("*.md"), *DOCS.rglob("*.md")])
OPERATING = (DOCS / "operating.md").read_text("utf-8")
PROTOCOL = (DOCS / "protocol.md").read_text("utf-8")
THREATS = (DOCS / "threat-model.md").read_text("utf-8")
README = (ROOT / "README.md").read_text("utf-8")
EXAMPLE = ROOT / "config" / "node.example.toml"
SETTINGS = [f"{section}.{key}" for section, keys in settings._KEYS.items() for key in keys]
NAMED_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.fixture
def bare_environment(monkeypatch):
    for setting in SETTINGS:
        monkeypatch.delenv(settings.ENV_PREFIX + setting.replace(".", "_").upper(), raising=False)


def row_of(text: str, first: str) -> list[str]:
    """The cells of the table row whose first cell is `first`."""
    rows = [line for line in text.splitlines() if line.startswith(f"| `{first}` |")]
    assert len(rows) == 1, f"{first} has {len(rows)} rows"
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


# Settings


def test_the_example_names_every_setting_and_no_other_and_is_accepted(tmp_path, bare_environment):
    written = tomllib.loads(EXAMPLE.read_text("utf-8"))
    assert sorted(f"{section}.{key}" for section, keys in written.items() for key in keys) == sorted(SETTINGS)
    (tmp_path / settings.FILE).write_text(EXAMPLE.read_text("utf-8"), "utf-8")
    assert settings.load(tmp_path).id == "KE"


def test_every_setting_of_the_example_has_a_comment_above_it():
    before = ""
    for line in EXAMPLE.read_text("utf-8").splitlines():
        if re.match(r"[a-z_]+ = ", line):
            assert before.startswith("#"), f"{line}: nothing is said above it"
        before = line


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_operators_page_has_every_setting_with_its_default(setting, tmp_path, bare_environment):
    (tmp_path / settings.FILE).write_text('[node]\nid = "KE"\n', "utf-8")
    found = settings.load(tmp_path)
    defaults = {
        "node.kind": found.kind,
        "http.listen": found.listen,
        "database.url": found.database,
        "replication.poll_seconds": f"{found.poll_seconds:g}",
        "replication.verifiers": str(found.verifiers),
        "directory.poll_seconds": f"{found.directory_poll_seconds:g}",
        "handling.tlp": found.handling["tlp"],
        "handling.onward": found.handling["onward"],
        "handling.evidence": found.handling["evidence"],
        "recall.grace_days": f"{found.recall_grace_days:g}",
        "recall.limit": str(found.recall_limit),
        "questions.per_day": str(found.questions_per_day),
        "audit.views_per_day": str(found.views_per_day),
        "log.level": found.log_level,
        "blobs.url": found.blobs,
        "blobs.region": found.blobs_region,
    }
    _, default, *_ = row_of(OPERATING, setting)
    if setting in defaults:
        assert default.strip("`") == defaults[setting]
    if setting == "handling.purposes":
        assert default == ", ".join(f"`{purpose}`" for purpose in found.handling["purposes"])


# The protocol


@pytest.mark.parametrize("problem", list(ProblemType))
def test_the_protocol_page_has_every_problem_word_with_its_status(problem):
    _, status, when, *_ = row_of(PROTOCOL, problem)
    assert status == str(errors.STATUS[problem])
    assert when


def test_the_protocol_page_has_no_problem_word_that_there_is_not():
    table = PROTOCOL.split("## Problem types")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE)) == {str(word) for word in ProblemType}


@pytest.mark.parametrize("op", sorted(feed.OPS))
def test_the_protocol_page_has_every_operation_of_a_feed(op):
    assert row_of(PROTOCOL.split("## Feeds")[1].split("\n## ")[0], op)


LIMITS = {
    "record (SD-JWT)": (
        envelope.MAX_RECORD_BYTES,
        sdjwt_form.MAX_DISCLOSURES,
        sdjwt_form.MAX_DEPTH,
        sdjwt_form.MAX_STRING,
    ),
    "leaf": (feed.MAX_LEAF_BYTES,),
    "page": (pages.MAX_ENTRIES, pages.MAX_PAGE_BYTES),
    "body of a request": (peer.MAX_BODY,),
    "quarantined entries named in a receipt": (receipts.MAX_LISTED,),
    "question": (
        questions.MAX_QUESTION_BYTES,
        questions.MAX_TEXT,
        questions.MAX_FILTERS,
        questions.MAX_VALUES,
    ),
    "answer": (questions.MAX_ANSWER_BYTES, questions.MAX_ANSWERS, questions.MAX_HITS),
    "inventory": (inventories.MAX_INVENTORY_BYTES, inventories.MAX_ROWS),
    "directory": (directory.MAX_DIRECTORY_BYTES, trust.MAX_METADATA_BYTES),
    "node card": (nodecard.MAX_CARD_BYTES, nodecard.MAX_KEYS),
    "picture taken in": (worker.MAX_BYTES, worker.MAX_PIXELS),
    "picture given out": (worker.MAX_OUT_BYTES, worker.MAX_SIDE, worker.MAX_THUMBNAIL),
    "other attachment": (ingest.MAX_FILE,),
    "clock": (httpsig.MAX_SKEW_SECONDS, httpsig.MAX_LIFETIME_SECONDS),
}


@pytest.mark.parametrize("limit", LIMITS)
def test_the_protocol_page_has_every_limit_as_it_is(limit):
    table = PROTOCOL.split("## Limits")[1].split("\n## ")[0]
    (told,) = re.findall(rf"^\| {re.escape(limit)} \| (.*) \|$", table, re.MULTILINE)
    numbers = re.findall(r"\d+(?: \d{3})*", told)
    assert numbers == [f"{number:,}".replace(",", " ") for number in LIMITS[limit]]


def test_the_inbox_page_steps_are_numbered_to_the_last():
    steps = [int(number) for number in re.findall(r"^ ?(\d+)\. ", inbox.__doc__ or "", re.MULTILINE)]
    assert steps == list(range(1, len(steps) + 1))


# Addresses


@pytest.fixture(scope="module")
def addresses(tmp_path_factory):
    home = tmp_path_factory.mktemp("docs") / "ke"
    founding.init(settings.Settings(home=home, id="KE", name="KE", country="KE", url="http://127.0.0.1:8443"))
    opened = open_home(home)
    try:
        found = sorted(build(opened).openapi()["paths"])
    finally:
        opened.database.close()
    return found


def test_every_address_is_documented(addresses):
    api = (DOCS / "api.md").read_text("utf-8")
    assert any(path.startswith("/cnp/1/") for path in addresses)
    for path in addresses:
        page = PROTOCOL if path.startswith("/cnp/") else api + OPERATING
        assert path in page, f"{path} is in no document"


# Commands


def shell_lines(text: str) -> list[str]:
    """Commands of the product, in code blocks, in `code` and in the comments of configuration files."""
    blocks = re.findall(r"^(?:    |#   )((?:tidewaiter|make) .*)$", text, re.MULTILINE)
    inline = re.findall(r"`((?:tidewaiter|make) [^`]*)`", text)
    return [re.split(r"\s{2,}|\s#|\s\|", line)[0].strip() for line in blocks + inline]


COMMANDS = sorted(
    {
        line
        for path in [*PAGES, *ROOT.glob("config/**/*.toml")]
        for line in shell_lines(path.read_text("utf-8"))
    }
    | {
        "tidewaiter " + line
        for line in re.findall(r"docker compose run --rm (?:-T )?(?:ke|tz) (.*?)(?: [<>] .*|  .*)?$",
                               (ROOT / "docker/compose.yaml").read_text("utf-8"), re.MULTILINE)
        if not line.startswith("COMMAND")
    }
)  # fmt: skip


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("make ")])
def test_a_documented_make_target_exists(line):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for part in line.split("&&"):
        words = part.split()
        if words[0] == "make":
            assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE), f"{line}: no target {words[1]}"


@pytest.mark.parametrize("line", [line for line in COMMANDS if line.startswith("tidewaiter ")])
def test_a_documented_command_exists_with_its_options(line):
    command = typer.main.get_command(command_line)
    words = globals_first(shlex.split(line)[1:])
    options = {"--help"} | {option for parameter in command.params for option in parameter.opts}
    while words:
        word = words.pop(0)
        if word.startswith("-") and word != "-":
            assert word.partition("=")[0] in options, f"{line}: no option {word}"
            continue
        commands = getattr(command, "commands", None)
        if commands is None:
            continue
        if word == "DIR":  # the value of --home
            continue
        assert word in commands, f"{line}: no command {word}"
        command = commands[word]
        options |= {option for parameter in command.params for option in parameter.opts}


def test_the_first_screen_shows_the_two_commands_and_what_one_sees():
    first = README.split("## What it does today")[0]
    assert "    make demo" in first
    assert "    make test" in first
    assert "tidewaiter policy explain" in first
    assert len(first.splitlines()) <= 40


# The threat model, and every other page that names a test


def functions_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


def test_every_test_that_a_page_names_exists():
    named = [(page, *found) for page in PAGES for found in NAMED_TEST.findall(page.read_text("utf-8"))]
    assert named
    for page, file, function in named:
        assert (ROOT / file).is_file(), f"{name_of(page)} names {file}, which is not there"
        assert function in functions_of(ROOT / file), f"{name_of(page)}: there is no {file}::{function}"


def test_every_threat_has_a_test_or_says_that_there_is_none():
    covered = THREATS.split("## Threats")[1].split("## Not covered")[0]
    rows = re.findall(r"^\| \d+ \|.*$", covered, re.MULTILINE)
    assert rows
    numbers = [int(row.split("|")[1]) for row in rows]
    assert numbers == sorted(set(numbers))
    for row in rows:
        assert NAMED_TEST.search(row), f"no test is named: {row[:80]}"


def test_every_promise_that_is_called_proven_names_its_test():
    promises = PROTOCOL.split("## Promises")[1]
    rows = re.findall(r"^\| \d\. .*$", promises, re.MULTILINE)
    assert len(rows) == 8
    for row in rows:
        assert NAMED_TEST.search(row) or "not yet" in row, f"neither proven nor open: {row[:80]}"


# Pages, decisions, links


def headings(page: Path) -> set[str]:
    found = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in found}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_inside_the_project_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if target.startswith(("https://", "http://")):
            continue
        file, _, anchor = target.partition("#")
        linked = (page.parent / file).resolve() if file else page
        assert linked.exists(), f"{name_of(page)}: {target} is not there"
        if anchor:
            assert anchor in headings(linked), f"{name_of(page)}: {target} names no heading"


def test_decisions_are_numbered_each_once_and_listed():
    files = sorted((DOCS / "decisions").glob("0*.md"))
    listed = (DOCS / "decisions" / "README.md").read_text("utf-8")
    assert len({file.name[:4] for file in files}) == len(files)
    for file in files:
        text = file.read_text("utf-8")
        number, title = text.splitlines()[0].removeprefix("# ").split(" ", 1)
        assert number == file.name[:4]
        assert f"| [{number}]({file.name}) | {title} |" in listed
        for part in ("**Context.**", "**Options.**", "**Outcome.**", "**Cost.**"):
            assert part in text, f"{file.name} has no {part}"


def test_the_changelog_has_unreleased_and_the_version_of_the_software():
    changes = (ROOT / "CHANGELOG.md").read_text("utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert project["version"] == __version__
    assert changes.index("## [Unreleased]") < changes.index(f"## [{__version__}] - ")


def test_the_image_copies_what_there_is():
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text("utf-8")
    for line in re.findall(r"^COPY (.*)$", dockerfile, re.MULTILINE):
        for source in line.split()[:-1]:
            assert (ROOT / source).exists(), f"COPY {source}"


# Nothing of where it was made


REGISTRIES = [
    ".".join(parts)
    for parts in (
        ("pypi", "org"), ("pythonhosted", "org"), ("npmjs", "org"), ("npmjs", "com"), ("crates", "io"),
        ("docker", "io"), ("ghcr", "io"), ("quay", "io"), ("rubygems", "org"), ("proxy", "golang", "org"),
    )
]  # fmt: skip


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-z"], capture_output=True, check=False, text=True)
    names = [name for name in listed.stdout.split("\0") if name]
    if not names:  # an unpacked archive has no history
        skipped = {".venv", "build", "dist"}
        names = [
            name_of(path)
            for path in ROOT.rglob("*")
            if path.is_file()
            and not any(part in skipped or part.startswith((".", "__")) for part in path.relative_to(ROOT).parts)
        ]
    return [ROOT / name for name in names if (ROOT / name).is_file()]


def test_no_file_names_a_package_registry_or_a_path_of_the_machine_it_was_made_on():
    here = {str(ROOT) + "/", str(ROOT.parent) + "/shared"}
    home = str(Path.home())
    paths = [re.compile(rf"(?<![\w.:/-]){re.escape(path)}") for path in here if len(path) > len("/app/")]
    if home.count("/") > 1:
        paths.append(re.compile(rf"(?<![\w.:/-]){re.escape(home)}/"))
    files = tracked()
    assert files
    for file in files:
        text = file.read_bytes().decode("utf-8", errors="replace")
        for host in REGISTRIES:
            assert not re.search(rf"(?<![\w-]){re.escape(host)}\b", text), f"{name_of(file)} names {host}"
        for path in paths:
            assert not path.search(text), f"{name_of(file)} names a path of this machine: {path.pattern}"
