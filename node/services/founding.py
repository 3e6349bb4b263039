"""Found a node: its folder, keys, settings and database; its card; its first trust in a federation.

Nothing prompts. Keys are encrypted with a key file made by chance, mode 0600. What is half made is removed again, so a
failed `init` can simply be repeated.

Trust: whoever reads the home can be this node. The card proves to the authority that the keys are held here.
"""

from __future__ import annotations

import os
import secrets
import shutil
from typing import TYPE_CHECKING, Final

from crypto import b64
from crypto.enc import EncKey, Opener
from crypto.signer import FileSigner, Signer
from federation.nodecard import make_card
from node import settings as node_settings
from node.services.membership import fetcher
from node.settings import Settings, SettingsRefused
from node.storage.database import Database

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from crypto.keys import KeyUse
    from federation.directory import Directory
    from federation.membership import Kind
    from federation.trust import DirectoryMirror

USES: Final[tuple[KeyUse, ...]] = ("record", "log", "http")
ENC_FILE: Final = "enc.key"
"""The key to which bundles for this node are sealed."""
SECRET_BYTES: Final = 32
ROOT: Final = "metadata/1.root.json"


def init(settings: Settings) -> None:
    """Make a home. Raises `SettingsRefused` if there is one already; leaves nothing half made."""
    home = settings.home
    if (home / node_settings.FILE).exists():
        raise SettingsRefused(f"{home} is the home of a node already: choose another folder with --home")
    existed = home.exists()
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    made: list[Path] = []
    try:
        secret = b64.encode(secrets.token_bytes(SECRET_BYTES)).encode()
        made.append(home / "keyfile")
        write_private(home / "keyfile", secret + b"\n")
        made.append(home / "token.secret")
        write_private(home / "token.secret", b64.encode(secrets.token_bytes(SECRET_BYTES)).encode() + b"\n")
        made.append(home / "keys")
        (home / "keys").mkdir(mode=0o700)
        for use in USES:
            FileSigner.generate().save(home / "keys" / f"{use}.key", secret)
        Opener.generate().save(home / "keys" / ENC_FILE, secret)
        database = Database(settings.database_url)
        database.upgrade()
        database.close()
        node_settings.write(settings)
    except BaseException:
        for path in made:
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)
        if not existed:
            shutil.rmtree(home, ignore_errors=True)
        raise


def write_private(path: Path, data: bytes) -> None:
    """Write a new file that only its owner can read."""
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def make_enc_key(home: Path) -> EncKey:
    """Make the key to which bundles are sealed, for a home that was made before there was one; never a second one."""
    try:
        secret = (home / "keyfile").read_bytes().strip()
    except FileNotFoundError:
        raise SettingsRefused(f"{home / 'keyfile'} is missing: it opens this node's keys") from None
    made = Opener.generate()
    made.save(home / "keys" / ENC_FILE, secret)
    return made.public


def card(
    settings: Settings, signer: Callable[[str], Signer], *, now: int, enc: EncKey | None = None,
    waiting: Sequence[tuple[KeyUse, Signer, int]] = (),
) -> bytes:  # fmt: skip
    """This node's card, signed by each of its keys; with the key for bundles, and keys that wait, where it has them."""
    signers: Mapping[KeyUse, Signer] = {use: signer(use) for use in USES}
    kind: Kind = (
        "rilo" if settings.kind == "rilo" else "oversight" if settings.kind == "oversight" else "administration"
    )
    return make_card(
        node=settings.id, name=settings.name, kind=kind, country=settings.country, region=settings.region,
        endpoints=[settings.url] if settings.url else [], signers=signers, enc=enc, waiting=waiting,
        now=now,
    )  # fmt: skip


def fetch_root(settings: Settings, url: str) -> bytes:
    """The first root that this address serves, unverified: its fingerprint is for two people to compare."""
    with fetcher(url, allow=settings.allow_addresses) as fetch:
        return fetch(ROOT)


def join(
    settings: Settings, mirror: DirectoryMirror, url: str, root: bytes, fingerprint: str, *, now: int
) -> Directory:
    """Trust the root if it has this fingerprint, fetch the directory, and remember where it came from."""
    mirror.first_trust(root, fingerprint)
    with fetcher(url, allow=settings.allow_addresses) as fetch:
        directory = mirror.refresh(fetch, now=now)
    node_settings.remember_directory(settings, url)
    return directory
