"""The command line as a person uses it: `tell` runs one command in this process and returns what came of it."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from node.app import build, open_home
from node.cli.main import run

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SAMPLE_HEADER = (
    "ref,administration,seized_on,published_on,office,location_type,procedure,conveyance,origin,departure,transit,"
    "destination,detection,concealment,goods,description,brands,ip_right,quantity,unit,value,value_currency,"
    "value_basis,health_safety,outcome,source_title,source_publisher,source_url,source_date"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command left: its exit status and both its outputs."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The last document on standard output."""
        return json.loads(self.out.splitlines()[-1])


Tell = "Callable[..., Answer]"


@pytest.fixture
def tell(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Answer]:
    monkeypatch.setenv("TIDEWAITER_LOG_LEVEL", "error")
    monkeypatch.delenv("TIDEWAITER_HOME", raising=False)

    def command(*words: object) -> Answer:
        capsys.readouterr()
        status = run([str(word) for word in words])
        said = capsys.readouterr()
        return Answer(status, said.out, said.err)

    return command


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Homes that are made once, by the commands, and copied for each test: nothing in them says where they lie.

    `gb` is founded; `member` is too, in a federation of its own; `authority` and `fr` are two of one federation, which
    FR has not joined yet.
    """
    folder = tmp_path_factory.mktemp("founded")
    made = {name: folder / name for name in ("gb", "member", "authority", "fr")}

    def said(*words: object) -> None:
        quiet = io.StringIO()
        with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
            assert run([str(word) for word in words]) == 0, quiet.getvalue()

    said("init", "--node", "GB", "--home", made["gb"])
    shutil.copytree(made["gb"], made["member"])
    said("directory", "init", "--home", made["member"])
    said("directory", "add", "--home", made["member"])
    shutil.copytree(made["member"], made["authority"])
    said("directory", "publish", "--home", made["member"])
    said("init", "--node", "FR", "--home", made["fr"])
    said("node", "card", "--output", folder / "fr.json", "--home", made["fr"])
    said("directory", "add", folder / "fr.json", "--home", made["authority"])
    said("directory", "publish", "--home", made["authority"])
    return made


@pytest.fixture
def home(founded: dict[str, Path], tmp_path: Path) -> Path:
    """The home of GB, founded."""
    return Path(shutil.copytree(founded["gb"], tmp_path / "gb"))


@pytest.fixture
def member(founded: dict[str, Path], tmp_path: Path) -> Path:
    """The home of GB, founded, in a federation of its own."""
    return Path(shutil.copytree(founded["member"], tmp_path / "gb"))


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def serve() -> Iterator[Callable[[Path], None]]:
    """Serve a home on its own address until the test ends."""
    running: list[tuple[uvicorn.Server, threading.Thread]] = []

    def start(folder: Path) -> None:
        opened = open_home(folder)
        host, port = opened.settings.listen_address
        config = uvicorn.Config(build(opened), host=host, port=port, log_config=None, ws="none", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        running.append((server, thread))
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.02)
        assert server.started

    yield start
    for server, thread in running:
        server.should_exit = True
        thread.join(15)
