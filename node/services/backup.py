"""Back up a node while it runs, and restore it: one sealed file with everything that makes the node what it is.

The file is a tar, sealed with age (`services.sealing`), written and read as a stream:

    tidewaiter-backup.json        what it is of: node, time, schema revision
    database/<n>-<table>.jsonl    all rows, of one consistent look (`storage.dump`)
    home/<path>                   node.toml, keyfile, token.secret, keys/, directory/, counters.json ...
    blobs/served/<digest>, blobs/private/<key>
    manifest.json                 SHA-256 and size of each of the others, last

The database is looked at first, files and blobs afterwards: blobs are named by their content, so one that is newer than
the look is merely one too many. A restore goes into an empty home and an empty database: everything is read, hashed
and compared with the manifest before `node.toml`, which makes a folder a home, is put into its place. The node knows
then that it was restored (`storage.settlements`), and settles with every peer before it gives anything.

Trust: whoever has the file and its key has the node: its keys, and every record. Whoever has only the file has nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final

import orjson

from node import __version__
from node import settings as node_settings
from node.services import counters, sweeping
from node.services.files import write_whole
from node.services.sealing import Lock, Opener, seal, unseal
from node.storage import dump, settlements
from node.storage.blobs import ADDRESS, BlobAbsent, Blobs, BlobsRefused
from node.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from node.settings import Settings

FORMAT: Final = "tidewaiter-backup/1"
HEAD: Final = "tidewaiter-backup.json"
MANIFEST: Final = "manifest.json"
MAX_MEMBER: Final = 256 * 1024 * 1024
"""A piece of the database has 4 MB and the largest record besides, a blob some more: nothing in a backup is larger."""
MAX_MANIFEST: Final = 512 * 1024 * 1024
_NOT_FILES: Final = (".db", ".db-wal", ".db-shm", ".db-journal", ".lock", ".new")
"""Ends of names in a home that are no papers of the node: its database comes by rows."""
Tell = "Callable[[str, int], None]"


class BackupRefused(Exception):  # noqa: N818 - the name is the sentence
    """The backup cannot be made or used; the message says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What is in a backup."""

    node: str
    made_at: int
    revision: str
    software: str
    rows: int
    files: int
    blobs: int
    size: int
    """Bytes before sealing."""

    def to_json(self) -> dict[str, Any]:
        """The members of `--json`."""
        return {name: getattr(self, name) for name in self.__slots__}


def make(path: Path, settings: Settings, database: Database, blobs: Blobs | None, lock: Lock, *, now: int) -> Summary:
    """Write a backup of a node that may be running. Raises `BackupRefused`, `SealRefused` or `OSError`."""
    found: list[Summary] = []
    try:
        seal(lambda sink: found.append(_write(sink, settings, database, blobs, now=now)), path, lock)
    except FileExistsError:
        raise BackupRefused(f"{path} is there already: choose another name, a backup is never written over") from None
    return found[0]


class _Packer:
    """Adds members to the tar and remembers their hashes."""

    def __init__(self, sink: IO[bytes], now: int) -> None:
        self._tar = tarfile.open(mode="w|", fileobj=sink, format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by `close`
        self._now = now
        self.hashes: dict[str, dict[str, Any]] = {}
        self.size = 0

    def add(self, name: str, data: bytes) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mtime, info.mode = len(data), self._now, 0o600
        self._tar.addfile(info, io.BytesIO(data))
        self.hashes[name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
        self.size += len(data)

    def close(self) -> None:
        self.add(MANIFEST, orjson.dumps({"members": self.hashes}))
        self._tar.close()

    def abandon(self) -> None:
        """Let go of the stream while it is open; after `close` there is nothing to do."""
        with contextlib.suppress(OSError):
            self._tar.close()


def _write(sink: IO[bytes], settings: Settings, database: Database, blobs: Blobs | None, *, now: int) -> Summary:
    packer = _Packer(sink, now)
    try:
        return _pack(packer, settings, database, blobs, now=now)
    finally:
        packer.abandon()


def _pack(packer: _Packer, settings: Settings, database: Database, blobs: Blobs | None, *, now: int) -> Summary:
    revision = database.revision() or ""
    head = {"format": FORMAT, "node": settings.id, "made_at": now, "revision": revision, "software": __version__}
    packer.add(HEAD, orjson.dumps(head))
    rows = number = 0
    with dump.one_look(database) as connection:
        for number, (table, piece) in enumerate(dump.pieces(connection)):
            packer.add(f"database/{number:06}-{table}.jsonl", piece)
            rows += piece.count(b"\n") - 1
    files = 0
    for name, data in _papers(settings):
        packer.add(f"home/{name}", data)
        files += 1
    count = 0
    for name, data in _blobs(blobs):
        packer.add(f"blobs/{name}", data)
        count += 1
    size = packer.size
    packer.close()
    return Summary(
        node=settings.id, made_at=now, revision=revision, software=__version__, rows=rows, files=files, blobs=count,
        size=size,
    )  # fmt: skip


def _papers(settings: Settings) -> Iterator[tuple[str, bytes]]:
    """The files of a home, but the database and the blobs; links are not followed out of it."""
    store = Path(settings.blobs_url.removeprefix("file://")) if settings.blobs_url.startswith("file://") else None
    for path in sorted(settings.home.rglob("*")):
        inside = path.relative_to(settings.home)
        if path.is_symlink() or not path.is_file() or path.name.endswith(_NOT_FILES) or path.name.startswith("."):
            continue
        if (store is not None and path.is_relative_to(store)) or _is_database(path):
            continue
        yield inside.as_posix(), path.read_bytes()


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def _blobs(blobs: Blobs | None) -> Iterator[tuple[str, bytes]]:
    if blobs is None:
        return
    for kind, names, get in (
        ("served", blobs.addresses(), blobs.get),
        ("private", blobs.private_keys(), blobs.get_private),
    ):
        for name in names:
            try:
                yield f"{kind}/{name}", get(name)
            except (BlobAbsent, FileNotFoundError):
                continue  # erased since it was listed: what the database says of it is the sweeper's


LAST_BACKUP: Final = "last-backup"
"""In the home: when it was last backed up, as a number of seconds. `doctor` reads it."""


def remember(home: Path, *, now: int) -> None:
    """A backup was made."""
    write_whole(home / LAST_BACKUP, f"{now}\n".encode())


def last(home: Path) -> int | None:
    """When the node was last backed up, as far as it knows."""
    try:
        return int((home / LAST_BACKUP).read_text("ascii"))
    except (OSError, ValueError):
        return None


def verify(path: Path, opener: Opener) -> Summary:
    """Read a backup to its end and compare everything with the manifest; writes nothing."""
    found: Summary = unseal(path, opener, lambda source: _read(source, _Nothing()))
    return found


class _Nothing:
    """Takes everything and keeps nothing."""

    def begin(self, head: dict[str, Any]) -> None:
        """Nothing is made ready."""

    def take(self, name: str, data: bytes) -> None:
        """Nothing is kept."""


def _read(source: IO[bytes], taker: Any) -> Summary:
    """Hand every member to `taker` in order; raises `BackupRefused` for what is no whole backup."""
    hashes: dict[str, dict[str, Any]] = {}
    head: dict[str, Any] | None = None
    manifest: Any = None
    rows = size = 0
    try:
        with tarfile.open(mode="r|", fileobj=source) as tar:
            for member in tar:
                file = tar.extractfile(member) if member.isreg() and member.size <= MAX_MEMBER else None
                if file is None or manifest is not None:
                    raise BackupRefused("the file holds something that no backup has; take another copy")
                data = file.read()
                if member.name == MANIFEST:
                    manifest = orjson.loads(data)
                    continue
                if head is None:
                    head = _head(member.name, data)
                    taker.begin(head)
                hashes[member.name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
                size += len(data)
                rows += data.count(b"\n") - 1 if member.name.startswith("database/") else 0
                if member.name != HEAD:
                    taker.take(member.name, data)
    except (tarfile.TarError, orjson.JSONDecodeError, EOFError) as error:
        raise BackupRefused("the file is no whole backup; take another copy") from error
    if head is None or not isinstance(manifest, dict) or manifest.get("members") != hashes:
        raise BackupRefused("the backup's contents are not those of its manifest; take another copy")
    return Summary(
        node=head["node"], made_at=head["made_at"], revision=head["revision"], software=head["software"], rows=rows,
        files=sum(name.startswith("home/") for name in hashes),
        blobs=sum(name.startswith("blobs/") for name in hashes), size=size,
    )  # fmt: skip


def _head(name: str, data: bytes) -> dict[str, Any]:
    head: Any = orjson.loads(data) if name == HEAD else None
    if not isinstance(head, dict) or head.get("format") != FORMAT:
        raise BackupRefused("the file is no backup of this kind of node; give a file that `tidewaiter backup` made")
    if not isinstance(head.get("node"), str) or type(head.get("made_at")) is not int:
        raise BackupRefused("the backup does not say of which node and time it is; take another copy")
    return head


def restore(
    path: Path, opener: Opener, home: Path, *, database: str | None, open_store: Callable[[Settings], Blobs], now: int
) -> Summary:
    """Make a node of a backup in an empty home. `database`: an SQLAlchemy URL other than the backup's own.

    Raises `BackupRefused` for a home or a database that is not empty, or a backup that is not whole, `SealRefused` for
    one that does not open. Then nothing is left of it.
    """
    if home.exists() and any(home.iterdir()):
        raise BackupRefused(f"{home} is not empty: choose a new folder with --home; a restore never writes over a node")
    existed = home.exists()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    taker = _Restorer(home, database, open_store)
    try:
        summary: Summary = unseal(path, opener, lambda source: _read(source, taker))
        taker.finish(summary, now=now)
    except BaseException:
        taker.undo()
        shutil.rmtree(home, ignore_errors=True)
        if existed:
            home.mkdir(mode=0o700)
        raise
    return summary


class _Restorer:
    """Puts the members of a backup into their places; the home becomes one at the end."""

    def __init__(self, home: Path, database: str | None, open_store: Callable[[Settings], Blobs]) -> None:
        self._home, self._url, self._open_store = home, database, open_store
        self._staging = home / ".restoring"
        self._database: Database | None = None
        self._settings: Settings | None = None
        self._blobs: Blobs | None = None
        self._revision = ""
        self._ours = False

    def begin(self, head: dict[str, Any]) -> None:
        """Make room."""
        self._staging.mkdir(mode=0o700)
        self._revision = str(head.get("revision", ""))

    def take(self, name: str, data: bytes) -> None:
        """Put one member where it belongs. Rows and blobs wait beside until the settings are known."""
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or path.parts[0] not in {"home", "database", "blobs"}:
            raise BackupRefused("a name in the backup leads out of the home; take another copy")
        if path.parts[0] == "blobs" and not _is_blob(path):
            raise BackupRefused("a blob of the backup has another name than blobs have; take another copy")
        target = self._staging / path
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        target.touch(mode=0o600)
        target.write_bytes(data)

    def finish(self, summary: Summary, *, now: int) -> None:
        """The manifest holds: load rows and blobs, put the papers into their places, the settings last."""
        staged = self._staging / "home"
        settings = node_settings.load(staged) if (staged / node_settings.FILE).exists() else None
        if settings is None:
            raise BackupRefused("the backup has no settings: it is of no node; take another copy")
        settings = replace(settings, home=self._home, database=self._url or settings.database)
        self._load(settings, summary, now=now)
        self._keep_blobs(settings)
        last = staged / node_settings.FILE
        if self._url is not None:
            node_settings.move_database(last, self._url)
        for path in sorted(staged.iterdir()):
            if path != last:
                shutil.move(path, self._home / path.name)
        shutil.move(last, self._home / node_settings.FILE)
        shutil.rmtree(self._staging)

    def _load(self, settings: Settings, summary: Summary, *, now: int) -> None:
        database = self._database = Database(settings.database_url)
        database.upgrade(self._revision)
        with database.write() as connection:
            if not dump.empty(connection):
                raise BackupRefused("database.url: the database is not empty; give an empty one with --database")
            self._ours = True
            dump.clear(connection)
            for piece in sorted((self._staging / "database").glob("*.jsonl")):
                dump.load(connection, piece.read_bytes())
            dump.finish(connection)
        database.upgrade()
        with database.write() as connection:
            there = counters.of_database(connection, directory=0)
            policy = there.policy or None
            settlements.mark(connection, "restored", now=now, backup_at=summary.made_at, policy_version=policy)
        # What was to be kept no longer than until some day between then and now is read by nobody again.
        sweeping.sweep(database, now=now)
        database.close()

    def _keep_blobs(self, settings: Settings) -> None:
        folder = self._staging / "blobs"
        if not folder.exists():
            return
        try:
            store = self._blobs = self._open_store(settings)
        except BlobsRefused as error:
            raise BackupRefused(f"{error}; the backup has attachments that belong there") from error
        for path in sorted((folder / "served").glob("*")):
            store.put(path.read_bytes())
        for path in sorted((folder / "private").glob("*")):
            store.restore_private(path.name, path.read_bytes())

    def undo(self) -> None:
        """Nothing stays in a database outside the home."""
        if self._database is not None:
            if self._ours and not self._database.is_sqlite:
                self._database.empty()
            self._database.close()


def _is_blob(path: PurePosixPath) -> bool:
    if len(path.parts) != 3:  # noqa: PLR2004 - blobs, kind, name
        return False
    _, kind, name = path.parts
    return (kind == "served" and ADDRESS.fullmatch(name) is not None) or (
        kind == "private" and name.replace("-", "").replace("_", "").isalnum()
    )
