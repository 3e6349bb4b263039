"""An authority in a folder, what thieves of its keys make of it, and a mirror that must not believe them."""

from __future__ import annotations

import re
import shutil
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from crypto.signer import FileSigner
from federation import trust
from federation.errors import DirectoryRefused, DirectoryStale, DirectoryUnreachable, NotFound
from federation.trust import DirectoryMirror, fingerprint, folder_fetch
from node.services import authority
from node.services.authority_repository import RoleSigner, moment
from tests.factories import make_node_card, make_signers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DAY = 86_400
NOW = int(time.time())
"""The TUF client asks the machine's clock, so these tests cannot pretend another time."""
SECRET = b"only for tests"
KE, TZ = make_signers(), make_signers()


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "fed"
    authority.init(folder, fed="test", now=NOW, secret=SECRET)
    authority.add(folder, make_node_card("KE", signers=KE, now=NOW))
    authority.publish(folder, now=NOW, secret=SECRET)
    return folder


@pytest.fixture(scope="session")
def keys(template: Path) -> dict[str, RoleSigner]:
    """Every key of the authority, for those who are said to have stolen it."""
    paths = (template / "keys").glob("*.key")
    return {path.stem: RoleSigner(FileSigner.load(path, SECRET)) for path in paths}


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "fed")


@pytest.fixture
def mirror(folder: Path, tmp_path: Path) -> DirectoryMirror:
    """A node that has joined and holds version 1."""
    joined = DirectoryMirror(tmp_path / "home" / "directory")
    joined.first_trust(_root(folder, 1), fingerprint(_root(folder, 1)))
    joined.refresh(_fetch(folder), now=NOW)
    return joined


def _fetch(folder: Path) -> Callable[[str], bytes]:
    return folder_fetch(folder / "repository")


def _metadata(folder: Path) -> Path:
    return folder / "repository" / "metadata"


def _root(folder: Path, version: int) -> bytes:
    return (_metadata(folder) / f"{version}.root.json").read_bytes()


def _publish(folder: Path, **options: Any) -> authority.Published:
    return authority.publish(folder, **{"now": NOW, "secret": SECRET, **options})


def _next_version(folder: Path, **options: Any) -> None:
    authority.set_group(folder, "east", ["KE"])
    _publish(folder, **options)


def _sign(part: Any, *signers: RoleSigner) -> bytes:
    metadata = Metadata(part)
    for signer in signers:
        metadata.sign(signer, append=True)
    return metadata.to_bytes()


def _newest(folder: Path, kind: type[Any]) -> Any:
    names = sorted(_metadata(folder).glob(f"*{kind.type}.json"), key=lambda path: int(path.name.partition(".")[0]))
    return Metadata.from_file(str(names[-1])).signed


def _point_to(folder: Path, keys: dict[str, RoleSigner], targets: bytes, *, version: int, snapshot: int = 50) -> None:
    """What the holder of both online keys can do: say that these targets are the newest."""
    meta = MetaFile.from_data(version, targets, ["sha256"])
    data = _sign(Snapshot(version=snapshot, expires=moment(NOW + DAY), meta={"targets.json": meta}), keys["snapshot-1"])
    (_metadata(folder) / f"{snapshot}.snapshot.json").write_bytes(data)
    (_metadata(folder) / f"{version}.targets.json").write_bytes(targets)
    _stamp(folder, keys, snapshot=snapshot, data=data)


def _stamp(folder: Path, keys: dict[str, RoleSigner], *, snapshot: int, data: bytes) -> None:
    described = MetaFile.from_data(snapshot, data, ["sha256"])
    stamp = Timestamp(version=50, expires=moment(NOW + DAY), snapshot_meta=described)
    (_metadata(folder) / "timestamp.json").write_bytes(_sign(stamp, keys["timestamp-1"]))


def _targets_with(folder: Path, change: Callable[[dict[str, Any]], None], *signers: RoleSigner) -> bytes:
    """Targets that lead to a changed directory, whose file is put where it will be looked for."""
    targets = _newest(folder, Targets)
    name = f"{targets.targets['directory.json'].hashes['sha256']}.directory.json"
    document = orjson.loads((folder / "repository" / "targets" / name).read_bytes())
    change(document)
    data = orjson.dumps(document)
    target = TargetFile.from_data("directory.json", data, ["sha256"])
    (folder / "repository" / "targets" / f"{target.hashes['sha256']}.directory.json").write_bytes(data)
    return _sign(Targets(version=50, expires=moment(NOW + DAY), targets={"directory.json": target}), *signers)


def _tree(mirror: DirectoryMirror) -> dict[str, bytes]:
    base = mirror._mirror
    return {str(path.relative_to(base)): path.read_bytes() for path in base.rglob("*") if path.is_file()}


# --- first trust ---------------------------------------------------------------------------------------


FINGERPRINTS: dict[str, tuple[Callable[[str], str], bool]] = {
    "as it is shown": (lambda shown: shown, True),
    "in capitals and without spaces": (lambda shown: shown.replace(" ", "").upper(), True),
    "with colons": (lambda shown: shown.replace(" ", ":"), True),
    "with one digit changed": (lambda shown: ("0" if shown[0] != "0" else "1") + shown[1:], False),
    "the first half of it": (lambda shown: shown[:39], False),
    "nothing": (lambda _: "", False),
    "with something after it": (lambda shown: shown + " 00", False),
}


@pytest.mark.parametrize(("spell", "trusted"), FINGERPRINTS.values(), ids=FINGERPRINTS)
def test_a_root_is_trusted_only_by_its_whole_fingerprint(
    spell: Callable[[str], str], trusted: bool, template: Path, tmp_path: Path
) -> None:
    mirror = DirectoryMirror(tmp_path / "directory")
    root = _root(template, 1)
    if trusted:
        mirror.first_trust(root, spell(fingerprint(root)))
        assert mirror.trusted_root() == root
    else:
        with pytest.raises(DirectoryRefused):
            mirror.first_trust(root, spell(fingerprint(root)))
        with pytest.raises(DirectoryRefused):
            mirror.refresh(_fetch(template), now=NOW)


def test_a_fingerprint_that_is_not_whole_is_called_so(template: Path, tmp_path: Path) -> None:
    root = _root(template, 1)
    with pytest.raises(DirectoryRefused, match="compare the whole"):
        DirectoryMirror(tmp_path / "directory").first_trust(root, fingerprint(root)[:39])


def test_a_root_that_too_few_of_its_own_keys_signed_is_refused(
    keys: dict[str, RoleSigner], template: Path, tmp_path: Path
) -> None:
    weak = _sign(_newest(template, Root), keys["root-1"], keys["root-2"])
    with pytest.raises(DirectoryRefused):
        DirectoryMirror(tmp_path / "directory").first_trust(weak, fingerprint(weak))


def test_bytes_that_are_no_root_are_refused(tmp_path: Path) -> None:
    for data in (b"", b"{}", b"[" * 100_000):
        with pytest.raises(DirectoryRefused):
            DirectoryMirror(tmp_path / "directory").first_trust(data, fingerprint(data))


def test_a_node_that_trusts_one_root_never_trusts_another(mirror: DirectoryMirror, tmp_path: Path) -> None:
    other = tmp_path / "other"
    authority.init(other, fed="test", now=NOW, secret=SECRET)
    with pytest.raises(DirectoryRefused, match="another root"):
        mirror.first_trust(_root(other, 1), fingerprint(_root(other, 1)))
    mirror.first_trust(mirror.trusted_root(), fingerprint(mirror.trusted_root()))


# --- refresh -------------------------------------------------------------------------------------------


def test_a_directory_is_fetched_kept_and_read_again_without_a_network(mirror: DirectoryMirror, tmp_path: Path) -> None:
    assert mirror.current().members["KE"].country == "KE"
    again = DirectoryMirror(tmp_path / "home" / "directory").current()
    assert (again.fed, again.version) == ("test", 1)
    assert again.key(KE["record"].kid, use="record", at=NOW).node == "KE"


def test_a_node_without_a_directory_says_so(tmp_path: Path) -> None:
    mirror = DirectoryMirror(tmp_path / "directory")
    assert mirror.stale(NOW)
    with pytest.raises(DirectoryStale, match="join"):
        mirror.current()
    with pytest.raises(DirectoryRefused, match="join"):
        mirror.refresh(lambda _: b"", now=NOW)


def test_a_new_version_comes_into_force_and_another_process_sees_it(
    mirror: DirectoryMirror, folder: Path, tmp_path: Path
) -> None:
    other_process = DirectoryMirror(tmp_path / "home" / "directory")
    assert other_process.current().version == 1
    _next_version(folder)
    assert mirror.refresh(_fetch(folder), now=NOW).version == 2
    assert mirror.current().group_members("east@1") == {"KE"}
    assert other_process.current().version == 2


def test_a_peer_that_mirrors_the_directory_serves_it_to_others(
    mirror: DirectoryMirror, folder: Path, tmp_path: Path
) -> None:
    _next_version(folder)
    mirror.refresh(_fetch(folder), now=NOW)
    third = DirectoryMirror(tmp_path / "third")
    third.first_trust(mirror.serve("metadata/1.root.json"), fingerprint(_root(folder, 1)))
    assert third.refresh(mirror.serve, now=NOW).version == 2
    assert _tree(third).keys() <= _tree(mirror).keys()


def test_a_directory_that_nobody_renews_is_stale_and_stays_readable(mirror: DirectoryMirror) -> None:
    assert mirror.expires() == NOW + 7 * DAY
    assert not mirror.stale(NOW + 7 * DAY - 1)
    assert mirror.stale(NOW + 7 * DAY)
    assert mirror.current().version == 1


def test_an_unchanged_directory_that_was_renewed_lasts_longer(mirror: DirectoryMirror, folder: Path) -> None:
    _publish(folder, lifetime=14 * DAY)
    assert mirror.refresh(_fetch(folder), now=NOW).version == 1
    assert not mirror.stale(NOW + 13 * DAY)


def test_what_is_served_expired_by_the_time_of_this_node_is_stale(mirror: DirectoryMirror, folder: Path) -> None:
    with pytest.raises(DirectoryStale):
        mirror.refresh(_fetch(folder), now=NOW + 8 * DAY)


# --- attacks -------------------------------------------------------------------------------------------

Attack = "Callable[[Path, Path, dict[str, RoleSigner]], None]"


def _old_timestamp(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    shutil.copy(_metadata(old) / "timestamp.json", _metadata(folder) / "timestamp.json")


def _old_snapshot(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    _stamp(folder, keys, snapshot=1, data=(_metadata(old) / "1.snapshot.json").read_bytes())


def _old_targets(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    _point_to(folder, keys, (_metadata(old) / "1.targets.json").read_bytes(), version=1)


def _add_member(document: dict[str, Any]) -> None:
    document["version"] = 50
    document["nodes"].append({**document["nodes"][0], "id": "ZZ", "keys": []})


def _change_key(document: dict[str, Any]) -> None:
    document["version"] = 50
    fresh = make_signers()["record"]
    document["nodes"][0]["keys"][0].update({"kid": fresh.kid, "x": fresh.public.jwk()["x"]})


def _online_keys_add_a_member(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    data = _targets_with(folder, _add_member, keys["snapshot-1"], keys["timestamp-1"])
    _point_to(folder, keys, data, version=50)


def _online_keys_change_a_key(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    data = _targets_with(folder, _change_key, keys["snapshot-1"], keys["timestamp-1"])
    _point_to(folder, keys, data, version=50)


def _one_targets_key(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    _point_to(folder, keys, _targets_with(folder, _add_member, keys["targets-1"]), version=50)


def _one_targets_key_twice(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    metadata = orjson.loads(_targets_with(folder, _add_member, keys["targets-1"]))
    metadata["signatures"] *= 2
    _point_to(folder, keys, orjson.dumps(metadata), version=50)


def _change_the_file_itself(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    _next_version(folder)
    for path in (folder / "repository" / "targets").iterdir():
        path.write_bytes(path.read_bytes().replace(b'"status":"active"', b'"status":"actlve"'))


def _drop_the_targets(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    data = _sign(Snapshot(version=50, expires=moment(NOW + DAY), meta={}), keys["snapshot-1"])
    (_metadata(folder) / "50.snapshot.json").write_bytes(data)
    _stamp(folder, keys, snapshot=50, data=data)


def _another_root(folder: Path, keys: dict[str, RoleSigner], *signers: str) -> None:
    """The next root, in which one targets key is enough, signed by these."""
    root = _newest(folder, Root)
    root.version += 1
    root.roles["targets"].threshold = 1
    data = _sign(root, *(keys[name] for name in signers))
    (_metadata(folder) / f"{root.version}.root.json").write_bytes(data)
    _one_targets_key(folder, folder, keys)


def _root_by_two(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    _another_root(folder, keys, "root-1", "root-2")


def _root_by_online_keys(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    _another_root(folder, keys, "snapshot-1", "timestamp-1", "root-1")


def _root_skips_a_version(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    root = _newest(folder, Root)
    root.version = 3
    data = _sign(root, keys["root-1"], keys["root-2"], keys["root-3"])
    (_metadata(folder) / "2.root.json").write_bytes(data)


def _not_json(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    (_metadata(folder) / "timestamp.json").write_bytes(b"[" * 10_000)


def _no_directory(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    empty = Targets(version=50, expires=moment(NOW + DAY))
    _point_to(folder, keys, _sign(empty, keys["targets-1"], keys["targets-2"]), version=50)


def _too_many_targets(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
    files = {
        f"t{at}.json": TargetFile.from_data(f"t{at}.json", b"{}", ["sha256"]) for at in range(trust.MAX_TARGETS + 1)
    }
    many = Targets(version=50, expires=moment(NOW + DAY), targets=files)
    _point_to(folder, keys, _sign(many, keys["targets-1"], keys["targets-2"]), version=50)


def _properly(change: Callable[[dict[str, Any]], None]) -> Any:
    """Signed as it should be, by two of three: what the directory itself must then be refused for."""

    def attack(folder: Path, old: Path, keys: dict[str, RoleSigner]) -> None:
        data = _targets_with(folder, change, keys["targets-1"], keys["targets-2"])
        _point_to(folder, keys, data, version=50)

    return attack


ATTACKS: dict[str, Any] = {
    "an old timestamp is served again": _old_timestamp,
    "the online keys lead to an old snapshot": _old_snapshot,
    "the online keys lead to old targets": _old_targets,
    "the online keys leave the targets out": _drop_the_targets,
    "the online keys add a member": _online_keys_add_a_member,
    "the online keys change a key": _online_keys_change_a_key,
    "one targets key of two adds a member": _one_targets_key,
    "one targets key signs twice": _one_targets_key_twice,
    "the file is changed where it lies": _change_the_file_itself,
    "a root lowers a threshold, signed by two of the three it needs": _root_by_two,
    "a root lowers a threshold, signed by one root key and the online keys": _root_by_online_keys,
    "a root skips a version": _root_skips_a_version,
    "the timestamp is no JSON": _not_json,
    "there is no directory in the repository": _no_directory,
    "there are more files than a directory has": _too_many_targets,
    "the directory is of another federation": _properly(
        lambda document: document.update({"fed": "other", "version": 50})
    ),
    "the directory is of another class": _properly(lambda document: document.update({"class": "live", "version": 50})),
    "the version of the directory falls": _properly(lambda document: document.update({"version": 1})),
    "one version has two contents": _properly(lambda document: document.update({"issued": 1})),
    "the directory does not parse": _properly(lambda document: document.pop("nodes")),
}


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nothing_changes_when(
    attack: Any, mirror: DirectoryMirror, folder: Path, template: Path, keys: dict[str, RoleSigner]
) -> None:
    _next_version(folder)
    mirror.refresh(_fetch(folder), now=NOW)
    before, served = mirror.current(), _tree(mirror)

    attack(folder, template, keys)
    with pytest.raises(DirectoryRefused):
        mirror.refresh(_fetch(folder), now=NOW)

    assert mirror.current() == before
    assert _tree_without_targets(_tree(mirror)) == _tree_without_targets(served)
    assert not mirror.stale(NOW)


def _tree_without_targets(tree: dict[str, bytes]) -> dict[str, bytes]:
    """A file that no metadata in force leads to may lie there: its name is its hash."""
    return {name: data for name, data in tree.items() if name.startswith("metadata/")}


def _without_revocations(document: dict[str, Any]) -> None:
    document["version"] = 50
    for node in document["nodes"]:
        for key in node["keys"]:
            key.pop("revoked", None)


def _later_revocations(document: dict[str, Any]) -> None:
    document["version"] = 50
    for node in document["nodes"]:
        for key in node["keys"]:
            if "revoked" in key:
                key["revoked"]["since"] += 1


def _back_in_good_standing(document: dict[str, Any]) -> None:
    document["version"] = 50
    for node in document["nodes"]:
        node["status"] = "active"


REVIVALS: dict[str, tuple[Callable[[dict[str, Any]], None], tuple[str, ...]]] = {
    "all online keys take a revocation back": (_without_revocations, ("snapshot-1", "timestamp-1")),
    "all online keys and one targets key take a revocation back": (
        _without_revocations, ("snapshot-1", "timestamp-1", "targets-1"),
    ),
    "all online keys let a revocation begin later": (_later_revocations, ("snapshot-1", "timestamp-1")),
    "all online keys let a suspended member back in": (_back_in_good_standing, ("snapshot-1", "timestamp-1")),
    "two targets keys take a revocation back": (_without_revocations, ("targets-1", "targets-2")),
    "two targets keys let a revocation begin later": (_later_revocations, ("targets-1", "targets-2")),
}  # fmt: skip


@pytest.mark.parametrize("sentence", REVIVALS)
def test_a_revoked_key_and_a_suspended_member_stay_so_when(
    sentence: str, mirror: DirectoryMirror, folder: Path, keys: dict[str, RoleSigner]
) -> None:
    change, signers = REVIVALS[sentence]
    authority.add(folder, make_node_card("TZ", signers=TZ, now=NOW))
    authority.revoke(folder, KE["record"].kid, since=NOW - DAY, reason="stolen")
    authority.set_status(folder, "TZ", "suspended")
    _publish(folder)
    mirror.refresh(_fetch(folder), now=NOW)
    data = _targets_with(folder, change, *(keys[name] for name in signers))
    _point_to(folder, keys, data, version=50)
    with pytest.raises(DirectoryRefused):
        mirror.refresh(_fetch(folder), now=NOW)
    held = mirror.current()
    assert held.keys[KE["record"].kid].revoked_since == NOW - DAY
    assert held.members["TZ"].status == "suspended"


def test_a_revocation_that_moves_to_an_earlier_time_is_taken(mirror: DirectoryMirror, folder: Path) -> None:
    for version, since in ((2, NOW - DAY), (3, NOW - 2 * DAY)):
        authority.revoke(folder, KE["record"].kid, since=since, reason="stolen")
        _publish(folder)
        assert mirror.refresh(_fetch(folder), now=NOW).version == version
        assert mirror.current().keys[KE["record"].kid].revoked_since == since


def test_a_node_that_was_attacked_takes_the_next_good_version(
    mirror: DirectoryMirror, folder: Path, keys: dict[str, RoleSigner], tmp_path: Path
) -> None:
    attacked = shutil.copytree(folder, tmp_path / "attacked")
    _one_targets_key(attacked, folder, keys)
    with pytest.raises(DirectoryRefused):
        mirror.refresh(_fetch(attacked), now=NOW)
    # The thief of the online keys has counted far ahead, so three root keys replace what he stole.
    root = _newest(folder, Root)
    root.version += 1
    for role in ("snapshot", "timestamp"):
        fresh = FileSigner.generate()
        fresh.save(folder / "keys" / f"{role}-1.key", SECRET, replace=True)
        root.revoke_key(keys[f"{role}-1"].public_key.keyid, role)
        root.add_key(RoleSigner(fresh).public_key, role)
    data = _sign(root, keys["root-3"], keys["root-4"], keys["root-5"])
    (_metadata(folder) / f"{root.version}.root.json").write_bytes(data)
    _next_version(folder)
    assert mirror.refresh(_fetch(folder), now=NOW).version == 2


def test_a_root_that_three_of_the_old_keys_signed_replaces_the_keys(
    mirror: DirectoryMirror, folder: Path, keys: dict[str, RoleSigner]
) -> None:
    root = _newest(folder, Root)
    root.version = 2
    fresh = RoleSigner(FileSigner.generate())
    root.revoke_key(keys["root-5"].public_key.keyid, "root")
    root.add_key(fresh.public_key, "root")
    data = _sign(root, keys["root-1"], keys["root-2"], keys["root-3"], fresh)
    (_metadata(folder) / "2.root.json").write_bytes(data)
    mirror.refresh(_fetch(folder), now=NOW)
    assert mirror.serve("metadata/2.root.json") == data
    assert fingerprint(mirror.trusted_root()) == fingerprint(_root(folder, 1)), "what was compared stays"


def test_a_frozen_directory_is_stale_once_it_has_expired(template: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(template, tmp_path / "fed")
    authority.publish(folder, now=NOW - 8 * DAY, secret=SECRET)
    mirror = DirectoryMirror(tmp_path / "directory")
    mirror.first_trust(_root(folder, 1), fingerprint(_root(folder, 1)))
    with pytest.raises(DirectoryStale):
        mirror.refresh(_fetch(folder), now=NOW)
    assert mirror.stale(NOW)


def _no_network(path: str) -> bytes:
    raise ConnectionError("the line is cut")


def _nothing_there(path: str) -> bytes:
    raise FileNotFoundError(path)


def _endless(path: str) -> bytes:
    if path.endswith("root.json"):
        raise NotFound("no newer root")
    return b" " * 1_000_000


FAILURES = {
    "the line is cut": _no_network,
    "nothing is there": _nothing_there,
    "the answer is too long": _endless,
}


@pytest.mark.parametrize("fetch", FAILURES.values(), ids=FAILURES)
def test_a_directory_that_cannot_be_had_leaves_the_old_one(
    fetch: Callable[[str], bytes], mirror: DirectoryMirror
) -> None:
    with pytest.raises(DirectoryUnreachable):
        mirror.refresh(fetch, now=NOW)
    assert mirror.current().version == 1


@pytest.mark.parametrize("nth", range(6))
@pytest.mark.parametrize("moment_", ["before", "after"])
def test_a_refresh_that_breaks_at_any_write_is_healed_by_the_next(
    nth: int, moment_: str, mirror: DirectoryMirror, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _next_version(folder)
    writes = iter(range(100))
    real = trust._write

    def breaking(path: Path, data: bytes) -> None:
        at = next(writes)
        if at == nth and moment_ == "before":
            raise OSError("disk full")
        real(path, data)
        if at == nth:
            raise OSError("power lost")

    with monkeypatch.context() as patch:
        patch.setattr(trust, "_write", breaking)
        try:
            mirror.refresh(_fetch(folder), now=NOW)
        except OSError:
            assert mirror.current().version in {1, 2}
        else:
            assert nth == 5, "five files are written"
    assert mirror.refresh(_fetch(folder), now=NOW).version == 2
    assert DirectoryMirror(mirror._folder).current().version == 2


def test_a_state_that_cannot_be_read_stops_a_refresh_and_all_egress(mirror: DirectoryMirror, folder: Path) -> None:
    mirror._state_file.write_bytes(b"{")
    with pytest.raises(DirectoryRefused, match=re.escape("state.json")):
        mirror.refresh(_fetch(folder), now=NOW)
    assert mirror.stale(NOW)


# --- serving -------------------------------------------------------------------------------------------

PATHS = {
    "nothing": "",
    "a folder": "metadata",
    "a step upwards": "metadata/../state.json",
    "steps out of the home": "../../../etc/passwd",
    "an absolute path": "/etc/passwd",
    "the state": "state.json",
    "the client's own folder": "trust/timestamp.json",
    "the lock": "lock",
    "a snapshot without its version": "metadata/snapshot.json",
    "a version that is not there": "metadata/99.root.json",
    "a version with a leading zero": "metadata/01.root.json",
    "a target without its hash": "targets/directory.json",
    "a name with an end of line": "metadata/timestamp.json\n",
    "a name with a zero byte": "metadata/timestamp.json\0",
    "an encoded step": "metadata/%2e%2e/state.json",
    "a backslash": "metadata\\timestamp.json",
}


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_only_the_files_of_the_directory_are_served(path: str, mirror: DirectoryMirror) -> None:
    with pytest.raises(NotFound):
        mirror.serve(path)


def test_no_link_is_followed(mirror: DirectoryMirror) -> None:
    name = f"targets/{'a' * 64}.directory.json"
    (mirror._mirror / name).symlink_to(mirror._state_file)
    with pytest.raises(NotFound):
        mirror.serve(name)


def test_all_that_a_client_asks_for_is_served(mirror: DirectoryMirror, folder: Path) -> None:
    for name in ("timestamp.json", "1.root.json", "1.snapshot.json", "1.targets.json"):
        assert mirror.serve(f"metadata/{name}") == (_metadata(folder) / name).read_bytes()
