"""A node's settings: one TOML file in its home, every key explained in `config/node.example.toml`.

A home is a folder: `node.toml`, `keys/` with the encrypted private keys, `keyfile` with the secret that opens them
(mode 0600), `node.db` unless another database is named, `directory/` with the federation's directory.

Trust: whoever can write to the home is the node.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from federation.addresses import Guard
from federation.grants import Handling, HandlingRefused
from federation.questions import MAX_TEXT

FILE: Final = "node.toml"
NODE_ID: Final = re.compile(r"[A-Z][A-Z0-9-]{1,31}")
PREFIX: Final = re.compile(r"(/[A-Za-z0-9._~-]+)*")
DEFAULT_LISTEN: Final = "127.0.0.1:8443"
DEFAULT_BLOBS: Final = "file:///blobs"
ENV_PREFIX: Final = "TIDEWAITER_"
DEFAULT_HANDLING: Final = {
    "tlp": "amber",
    "purposes": ["customs-enforcement", "statistics"],
    "onward": "none",
    "evidence": "ask",
}


DEFAULT_LIMITS: Final = {
    "peer_requests": 6_000,
    "peer_bytes": 4_000_000_000,
    "peer_entries": 600_000,
    "peer_seconds": 200,
    "peer_at_once": 3,
    "disk_reserve": 500_000_000,
}
"""A minute of one peer, several times what replication at full speed needs; and bytes that stay free."""


class SettingsRefused(Exception):  # noqa: N818 - the name is the sentence
    """The settings cannot be used; the message names the key and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the operator decides. `home` is where the file lies."""

    home: Path
    id: str
    name: str
    kind: str = "administration"
    country: str | None = None
    region: str | None = None
    url: str = ""
    """The public address that peers use; its authority is what signed requests must name. Empty: peers cannot reach
    this node, which pushes its pages and fetches those of others."""
    listen: str = DEFAULT_LISTEN
    prefix: str | None = None
    """The path under which requests reach this process; None: that of `url`. Empty: a proxy in front takes it off."""
    database: str = "sqlite:///node.db"
    poll_seconds: float = 60.0
    verifiers: int = 1
    """Processes beside the server that verify large pages; 0 verifies in the server itself."""
    allow_addresses: tuple[str, ...] = ()
    """Address ranges that are connected to besides the public ones, and in plain HTTP."""
    limits: dict[str, int] = field(default_factory=lambda: dict(DEFAULT_LIMITS))
    """What one peer may use in a minute, and what stays free on the disk."""
    directory_url: str | None = None
    """Where directory updates come from; without it, from peers in turn."""
    directory_poll_seconds: float = 300.0
    handling: dict[str, Any] = field(default_factory=lambda: dict(DEFAULT_HANDLING))
    """The handling floor of what this node releases."""
    retention: dict[str, int] = field(default_factory=dict)
    """Kind → months after which an own record is proposed for a recall; a kind that is missing is kept."""
    recall_grace_days: float = 7.0
    """Days from a recall's stop of use to its erasure."""
    recall_limit: int = 100
    """Recalls of one originator in an hour that take effect without a person; own ones without a second officer."""
    questions_per_day: int = 200
    """Questions of one peer that are answered in a day."""
    duty_contact: str = ""
    """Whom a peer is told to ask that was told of a hit; empty: the node's name."""
    views_per_day: int = 200
    """More views than this of one officer in a day raise an alarm; 0: none do."""
    log_level: str = "info"
    blobs: str = DEFAULT_BLOBS
    """Where attachments lie; a folder of one name is in the home."""
    blobs_endpoint: str | None = None
    blobs_region: str = "us-east-1"
    blobs_credentials: str | None = None
    """A file with the keys of the bucket; without it the environment's AWS_ variables count."""

    @property
    def blobs_url(self) -> str:
        """The address of the blob store; file:///NAME is a folder in the home."""
        name = self.blobs.removeprefix("file:///")
        if self.blobs.startswith("file:///") and name and "/" not in name:
            return f"file://{(self.home / name).resolve()}"
        return self.blobs

    @property
    def bucket_keys(self) -> dict[str, str] | None:
        """The keys of the bucket from the credentials file; None without one."""
        if self.blobs_credentials is None:
            return None
        path = self.home / self.blobs_credentials
        try:
            found = tomllib.loads(path.read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingsRefused(f"blobs.credentials: {path} cannot be read: {type(error).__name__}") from None
        names = ("access_key_id", "secret_access_key")
        if sorted(found) != sorted(names) or not all(isinstance(found[name], str) and found[name] for name in names):
            raise SettingsRefused(f"blobs.credentials: {path} has the two texts {' and '.join(names)}, and no more")
        return {name: found[name] for name in names}

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL; a relative SQLite path is in the home."""
        prefix = "sqlite:///"
        if self.database.startswith(prefix) and not self.database.startswith(prefix + "/"):
            return f"{prefix}{(self.home / self.database.removeprefix(prefix)).resolve()}"
        return self.database

    @property
    def public_prefix(self) -> str:
        """The path of the public address, which peers sign: `/ke`, or nothing."""
        return urlsplit(self.url).path.rstrip("/")

    @property
    def served_prefix(self) -> str:
        """The path under which requests reach this process."""
        return self.public_prefix if self.prefix is None else self.prefix

    @property
    def listen_address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)


_KEYS: Final[dict[str, dict[str, type | tuple[type, ...]]]] = {
    "node": {"id": str, "name": str, "kind": str, "country": str, "region": str, "url": str},
    "http": {"listen": str, "prefix": str},
    "database": {"url": str},
    "replication": {"poll_seconds": (int, float), "verifiers": int},
    "peers": {"allow_addresses": list},
    "limits": dict.fromkeys(
        ("peer_requests", "peer_bytes", "peer_entries", "peer_seconds", "peer_at_once", "disk_reserve"), int
    ),
    "directory": {"url": str, "poll_seconds": (int, float)},
    "handling": {"tlp": str, "purposes": list, "onward": str, "evidence": str, "review_by": str},
    "retention": {"seizure_months": int, "alert_months": int, "annotation_months": int},
    "blobs": {"url": str, "endpoint": str, "region": str, "credentials": str},
    "recall": {"grace_days": (int, float), "limit": int},
    "questions": {"per_day": int},
    "duty": {"contact": str},
    "audit": {"views_per_day": int},
    "log": {"level": str},
}
KINDS: Final = ("administration", "rilo", "oversight")
MAX_VERIFIERS: Final = 16
MAX_PORT: Final = 65_535
DEFAULT_VIEWS: Final = 200
DEFAULT_QUESTIONS: Final = 200
MAX_VIEWS: Final = 1_000_000
MAX_MONTHS: Final = 1_200
"""A hundred years: longer is forever, and forever is to leave the setting out."""
MAX_GRACE_DAYS: Final = 90
"""Longer is not a time to find a mistake in, but a way to keep what was recalled."""
LEVELS: Final = ("debug", "info", "warning", "error")


def load(home: Path) -> Settings:
    """Read the settings of a home. `TIDEWAITER_DATABASE_URL` and the like take precedence over the file."""
    path = home / FILE
    try:
        data = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsRefused(f"{path} is not there: run `tidewaiter --home {home} init --node ID` first") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsRefused(f"{path} is not TOML: {error}") from error
    return _settings(home, data)


def make(home: Path, values: dict[str, dict[str, Any]]) -> Settings:
    """The settings of a new home from values by section and key, checked like those of a file."""
    return _settings(home, values)


def _settings(home: Path, data: dict[str, Any]) -> Settings:
    values: dict[str, dict[str, Any]] = {section: {} for section in _KEYS}
    for section, keys in data.items():
        if section not in _KEYS or not isinstance(keys, dict):
            raise SettingsRefused(f"{FILE}: unknown section [{section}]; known are {', '.join(sorted(_KEYS))}")
        for key, value in keys.items():
            wanted = _KEYS[section].get(key)
            if wanted is None:
                known = ", ".join(sorted(_KEYS[section]))
                raise SettingsRefused(f"{FILE}: unknown key {section}.{key}; known are {known}")
            if not isinstance(value, wanted) or isinstance(value, bool):
                raise SettingsRefused(f"{FILE}: {section}.{key} has the wrong type; see config/node.example.toml")
            values[section][key] = value
    for section, keys in _KEYS.items():
        for key, wanted in keys.items():
            given = os.environ.get(f"{ENV_PREFIX}{section}_{key}".upper())
            if given is not None:
                try:
                    values[section][key] = given if wanted is str else json.loads(given)
                except ValueError:
                    variable = f"{ENV_PREFIX}{section}_{key}".upper()
                    raise SettingsRefused(f"{variable}: is no value of {section}.{key}; write JSON") from None
    return _check(home, values)


def _views(values: dict[str, Any]) -> int:
    views: int = values.get("views_per_day", DEFAULT_VIEWS)
    if not 0 <= views <= MAX_VIEWS:
        raise SettingsRefused(f"{FILE}: audit.views_per_day is a number from 0 (no limit) to {MAX_VIEWS}")
    return views


def _questions(values: dict[str, Any]) -> int:
    number: int = values.get("per_day", DEFAULT_QUESTIONS)
    if not 0 <= number <= MAX_VIEWS:
        raise SettingsRefused(f"{FILE}: questions.per_day is a number from 0 (none are answered) to {MAX_VIEWS}")
    return number


def _contact(values: dict[str, Any]) -> str:
    contact: str = values.get("contact", "").strip()
    if len(contact) > MAX_TEXT or not contact.isprintable():
        raise SettingsRefused(f"{FILE}: duty.contact is one line of text of at most {MAX_TEXT} characters")
    return contact


def _check(home: Path, values: dict[str, dict[str, Any]]) -> Settings:
    node, handling = values["node"], values["handling"]
    if not NODE_ID.fullmatch(str(node.get("id", ""))):
        raise SettingsRefused(f"{FILE}: node.id is capital letters, digits and hyphens, such as KE or RILO-ESA")
    if node.get("kind", "administration") not in KINDS:
        raise SettingsRefused(f"{FILE}: node.kind is one of {', '.join(KINDS)}")
    listen = values["http"].get("listen", DEFAULT_LISTEN)
    if not re.fullmatch(r"[^\s]+:[0-9]{1,5}", listen) or int(listen.rpartition(":")[2]) > MAX_PORT:
        raise SettingsRefused(f"{FILE}: http.listen is host:port, such as {DEFAULT_LISTEN}")
    prefix = values["http"].get("prefix")
    if prefix is not None and not PREFIX.fullmatch(prefix):
        raise SettingsRefused(f"{FILE}: http.prefix is a path such as /ke, without a slash at its end, or empty")
    try:
        floor = {**DEFAULT_HANDLING, **handling}
        Handling.from_json(floor)
    except HandlingRefused as error:
        raise SettingsRefused(f"{FILE}: handling: {error}") from error
    if values["log"].get("level", "info") not in LEVELS:
        raise SettingsRefused(f"{FILE}: log.level is one of {', '.join(LEVELS)}")
    for section in ("replication", "directory"):
        if values[section].get("poll_seconds", 60) <= 0:
            raise SettingsRefused(f"{FILE}: {section}.poll_seconds is a number of seconds above 0")
    _check_recall(values["recall"])
    allow = _ranges(values["peers"].get("allow_addresses", []))
    verifiers = values["replication"].get("verifiers", 1)
    if not 0 <= verifiers <= MAX_VERIFIERS:
        raise SettingsRefused(f"{FILE}: replication.verifiers is a number from 0 to {MAX_VERIFIERS}")
    for key, months in values["retention"].items():
        if not 1 <= months <= MAX_MONTHS:
            raise SettingsRefused(f"{FILE}: retention.{key} is a number of months from 1 to {MAX_MONTHS}")
    return Settings(
        home=home,
        id=node["id"],
        name=node.get("name", node["id"]),
        kind=node.get("kind", "administration"),
        country=node.get("country"),
        region=node.get("region"),
        url=node.get("url", f"http://{listen}"),
        listen=listen,
        prefix=prefix,
        database=values["database"].get("url", "sqlite:///node.db"),
        poll_seconds=float(values["replication"].get("poll_seconds", 60.0)),
        verifiers=verifiers,
        allow_addresses=allow,
        limits=_limits(values["limits"]),
        directory_url=values["directory"].get("url"),
        directory_poll_seconds=float(values["directory"].get("poll_seconds", 300.0)),
        handling=floor,
        questions_per_day=_questions(values["questions"]),
        duty_contact=_contact(values["duty"]),
        views_per_day=_views(values["audit"]),
        retention={key.removesuffix("_months"): months for key, months in values["retention"].items()},
        recall_grace_days=float(values["recall"].get("grace_days", 7.0)),
        recall_limit=values["recall"].get("limit", 100),
        log_level=values["log"].get("level", "info"),
        blobs=_blobs_url(values["blobs"].get("url", DEFAULT_BLOBS)),
        blobs_endpoint=values["blobs"].get("endpoint"),
        blobs_region=values["blobs"].get("region", "us-east-1"),
        blobs_credentials=values["blobs"].get("credentials"),
    )


def _blobs_url(url: str) -> str:
    if not re.fullmatch(r"file:///.+|s3://[^/\s]+(?:/.*)?", url):
        raise SettingsRefused(f"{FILE}: blobs.url is file:///FOLDER or s3://BUCKET/PREFIX")
    return url


def _check_recall(given: dict[str, Any]) -> None:
    if not 0 <= given.get("grace_days", 7) <= MAX_GRACE_DAYS or given.get("limit", 100) < 0:
        raise SettingsRefused(
            f"{FILE}: recall.grace_days is a number of days from 0 to {MAX_GRACE_DAYS}, recall.limit a number from 0 on"
        )


def _limits(given: dict[str, int]) -> dict[str, int]:
    for name, value in given.items():
        if value < (0 if name == "disk_reserve" else 1):
            raise SettingsRefused(f"{FILE}: limits.{name} is a number above 0")
    return {**DEFAULT_LIMITS, **given}


def _ranges(listed: list[Any]) -> tuple[str, ...]:
    try:
        Guard.of(listed)
    except (ValueError, TypeError):
        raise SettingsRefused(
            f'{FILE}: peers.allow_addresses is a list of address ranges, such as ["10.20.0.0/16"]'
        ) from None
    return tuple(listed)


def write(settings: Settings) -> None:
    """Write the file of a new home; it must not be there yet."""
    lines = ["# Settings of this node. config/node.example.toml explains every key.", "", "[node]"]
    for key in ("id", "name", "kind", "country", "region", "url"):
        value = getattr(settings, key)
        if value or key == "url":  # an empty one is said: without the line there would be one by default
            lines.append(f"{key} = {json.dumps(value, ensure_ascii=False)}")
    lines += ["", "[http]", f"listen = {json.dumps(settings.listen)}"]
    if settings.prefix is not None:
        lines += [f"prefix = {json.dumps(settings.prefix)}"]
    lines += ["", "[database]", f"url = {json.dumps(settings.database)}"]
    lines += ["", "[replication]", f"poll_seconds = {settings.poll_seconds}"]
    if settings.allow_addresses:
        lines += ["", "[peers]", f"allow_addresses = {json.dumps(settings.allow_addresses)}"]
    if settings.directory_url:
        lines += ["", "[directory]", f"url = {json.dumps(settings.directory_url)}"]
        lines += [f"poll_seconds = {settings.directory_poll_seconds}"]
    with (settings.home / FILE).open("x", encoding="utf-8") as file:
        file.write("\n".join(lines) + "\n")


def remember_directory(settings: Settings, url: str) -> None:
    """Add where directory updates come from to the file of a home that has joined."""
    path = settings.home / FILE
    text = path.read_text("utf-8")
    if "[directory]" in text:
        return
    temporary = path.with_suffix(".toml.new")
    temporary.write_text(f"{text}\n[directory]\nurl = {json.dumps(url)}\n", "utf-8")
    temporary.replace(path)


def move_database(path: Path, url: str) -> None:
    """Give another database in the file of a home that was restored; everything else stays as it is written there."""
    lines = path.read_text("utf-8").splitlines()
    section = ""
    for at, line in enumerate(lines):
        if line.startswith("["):
            section = line.strip()
        elif section == "[database]" and re.match(r"url\s*=", line):
            lines[at] = f"url = {json.dumps(url)}"
            break
    else:
        if "[database]" in lines:
            lines.insert(lines.index("[database]") + 1, f"url = {json.dumps(url)}")
        else:
            lines += ["", "[database]", f"url = {json.dumps(url)}"]
    path.write_text("\n".join(lines) + "\n", "utf-8")


def config_folder() -> Path:
    """The shipped configuration: examples, mappings, sample data and policies."""
    here = Path(__file__).resolve().parent
    packaged = here / "_config"
    return packaged if packaged.is_dir() else here.parent / "config"
