from __future__ import annotations

import shutil
import stat
import time
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from tuf.api.metadata import Metadata, Root

from crypto.errors import KeyFileRefused
from federation.directory import parse_directory
from federation.errors import CardRefused, DirectoryRefused
from federation.trust import DirectoryMirror, folder_fetch
from node.services import authority
from tests.factories import make_node_card, make_signers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from federation.membership import Directory

DAY = 86_400
NOW = int(time.time())
KE, TZ = make_signers(), make_signers()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("authority") / "fed"
    authority.init(folder, fed="test", now=NOW)
    authority.add(folder, _card("KE", KE))
    return folder


@pytest.fixture
def folder(template: Path, tmp_path: Path) -> Path:
    return shutil.copytree(template, tmp_path / "fed")


def _card(node: str, signers: Any, *, now: int = NOW, **members: Any) -> bytes:
    return make_node_card(node, signers=signers, now=now, **members)


def _draft(folder: Path) -> Directory:
    return parse_directory(orjson.dumps({**authority.draft(folder), "version": 1, "issued": 0}))


def _join(folder: Path, home: Path) -> DirectoryMirror:
    mirror = DirectoryMirror(home)
    root = (folder / "repository" / "metadata" / "1.root.json").read_bytes()
    mirror.first_trust(root, authority.root_fingerprint(folder))
    return mirror


def test_a_federation_is_made_published_and_joined(folder: Path, tmp_path: Path) -> None:
    published = authority.publish(folder, now=NOW)
    assert (published.version, published.changed, published.expires) == (1, True, NOW + 7 * DAY)
    directory = _join(folder, tmp_path / "home").refresh(folder_fetch(folder / "repository"), now=NOW)
    assert (directory.fed, directory.class_, directory.regions) == ("test", "exercise", ("ESA",))
    assert directory.key(KE["http"].kid, use="http", at=NOW, node="KE").public == KE["http"].public
    assert directory.members["KE"].roles == {"member"}


def test_five_root_keys_of_which_three_sign_and_three_targets_keys_of_which_two(folder: Path) -> None:
    root = Metadata[Root].from_file(str(folder / "repository" / "metadata" / "1.root.json")).signed
    roles = {name: (len(role.keyids), role.threshold) for name, role in root.roles.items()}
    assert roles == {"root": (5, 3), "targets": (3, 2), "snapshot": (1, 1), "timestamp": (1, 1)}
    assert len(root.keys) == 10, "no key has two roles"


def test_every_key_lies_encrypted_and_for_its_owner_alone(folder: Path) -> None:
    files = list((folder / "keys").iterdir())
    assert len(files) == 11
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    assert stat.S_IMODE((folder / "keys").stat().st_mode) == 0o700
    with pytest.raises(KeyFileRefused):
        authority.publish(folder, now=NOW, secret=b"a guess")


def test_with_a_passphrase_no_secret_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "fed"
    authority.init(folder, fed="test", now=NOW, secret=b"correct horse")
    assert not (folder / "keys" / "secret").exists()
    with pytest.raises(DirectoryRefused, match="passphrase"):
        authority.publish(folder, now=NOW)
    assert authority.publish(folder, now=NOW, secret=b"correct horse").version == 1


@pytest.mark.parametrize("lost", ["keys", "repository", None])
def test_an_authority_is_never_made_over_another(lost: str | None, folder: Path) -> None:
    if lost:
        shutil.rmtree(folder / lost)
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    with pytest.raises(DirectoryRefused, match="already"):
        authority.init(folder, fed="other", now=NOW)
    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("fed", ["", "a/b", "two words", "x" * 65])
def test_a_federation_id_that_cannot_stand_in_a_checkpoint_makes_no_authority(fed: str, tmp_path: Path) -> None:
    with pytest.raises(DirectoryRefused, match="fed"):
        authority.init(tmp_path / "fed", fed=fed, now=NOW)
    assert not (tmp_path / "fed").exists()


def test_a_folder_that_is_no_authority_is_named(tmp_path: Path) -> None:
    for call in (
        lambda: authority.publish(tmp_path, now=NOW),
        lambda: authority.set_group(tmp_path, "east", []),
        lambda: authority.root_fingerprint(tmp_path),
    ):
        with pytest.raises(DirectoryRefused, match=str(tmp_path)):
            call()


# --- publishing ----------------------------------------------------------------------------------------


def test_a_change_is_the_next_version_and_no_change_is_a_renewal(folder: Path, tmp_path: Path) -> None:
    mirror = _join(folder, tmp_path / "home")
    fetch = folder_fetch(folder / "repository")
    assert authority.publish(folder, now=NOW).version == 1
    assert mirror.refresh(fetch, now=NOW).version == 1

    renewed = authority.publish(folder, now=NOW, lifetime=9 * DAY)
    assert (renewed.version, renewed.changed) == (1, False)
    assert mirror.refresh(fetch, now=NOW).version == 1
    assert mirror.expires() == NOW + 9 * DAY

    authority.set_status(folder, "KE", "suspended")
    changed = authority.publish(folder, now=NOW)
    assert (changed.version, changed.changed) == (2, True)
    assert mirror.refresh(fetch, now=NOW).members["KE"].status == "suspended"


def test_a_root_near_its_end_is_renewed_by_three_of_its_keys(folder: Path, tmp_path: Path) -> None:
    late = NOW - 300 * DAY
    old = tmp_path / "old"
    authority.init(old, fed="test", now=late)
    authority.publish(old, now=late)
    mirror = _join(old, tmp_path / "home")
    fingerprint = authority.publish(old, now=NOW).fingerprint
    assert mirror.refresh(folder_fetch(old / "repository"), now=NOW).version == 1
    assert mirror.serve("metadata/2.root.json")
    assert fingerprint == authority.root_fingerprint(old), "people compare the first root, for ever"


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_publication_that_breaks_is_healed_by_the_next(
    role: str, when: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority.publish(folder, now=NOW)
    mirror = _join(folder, tmp_path / "home")
    fetch = folder_fetch(folder / "repository")
    mirror.refresh(fetch, now=NOW)
    authority.set_group(folder, "east", ["KE"])
    real = authority.Repository.sign

    def breaking(self: authority.Repository, part: Any) -> None:
        if part.type == role and when == "before":
            raise OSError("disk full")
        real(self, part)
        if part.type == role:
            raise OSError("power lost")

    with monkeypatch.context() as patch:
        patch.setattr(authority.Repository, "sign", breaking)
        with pytest.raises(OSError, match=r"disk|power"):
            authority.publish(folder, now=NOW)
    mirror.refresh(fetch, now=NOW)
    authority.publish(folder, now=NOW)
    assert mirror.refresh(fetch, now=NOW).group_members("east@1") == {"KE"}


# --- members -------------------------------------------------------------------------------------------


def test_what_the_authority_says_overrides_what_the_card_claims(folder: Path) -> None:
    authority.add(folder, _card("RILO-ESA", TZ), kind="oversight", region="EUR", roles=["observer"])
    member = _draft(folder).members["RILO-ESA"]
    assert (member.kind, member.region, member.roles) == ("oversight", "EUR", {"observer"})


def test_a_newer_card_with_the_same_keys_changes_what_a_member_says_of_itself(folder: Path) -> None:
    authority.set_status(folder, "KE", "suspended")
    authority.add(folder, _card("KE", KE, now=NOW + 1, endpoints=["https://new.example"]))
    member = _draft(folder).members["KE"]
    assert member.endpoint == "https://new.example"
    assert member.status == "suspended", "a card does not lift a suspension"


def test_a_rotated_key_is_added_and_the_old_one_stays_listed(folder: Path) -> None:
    fresh = make_signers()["record"]
    authority.add(folder, _card("KE", {**KE, "record": fresh}, now=NOW + 1), replace=True)
    directory = _draft(folder)
    assert set(directory.keys_of("KE", "record")) == {KE["record"].public, fresh.public}
    assert directory.keys_of("KE", "log") == (KE["log"].public,)


CARDS: dict[str, tuple[Callable[[], bytes], bool, str]] = {
    "new keys for a listed node, unless they were asked for": (
        lambda: _card("KE", TZ, now=NOW + 1),
        False,
        "other keys",
    ),
    "a key that is listed under another node": (lambda: _card("TZ", {**TZ, "http": KE["http"]}), False, "KE"),
    "such a key even when keys are to be replaced": (
        lambda: _card("TZ", {**TZ, "http": KE["http"]}),
        True,
        "KE",
    ),
    "a listed key for another use": (
        lambda: _card("KE", {**KE, "record": KE["http"], "http": KE["record"]}, now=NOW + 1),
        True,
        "listed for",
    ),
    "an older card after a newer one": (lambda: _card("KE", KE, now=NOW - 1), False, "newer card"),
    "a card that proves nothing": (lambda: _card("TZ", TZ).replace(b"Office", b"Palace"), False, "proof"),
}


@pytest.mark.parametrize(("card", "replace", "wrong"), CARDS.values(), ids=CARDS)
def test_the_authority_refuses(card: Callable[[], bytes], replace: bool, wrong: str, folder: Path) -> None:
    before = authority.draft(folder)
    with pytest.raises(CardRefused, match=wrong):
        authority.add(folder, card(), replace=replace)
    assert authority.draft(folder) == before


def test_a_live_federation_refuses_a_member_on_plain_http(tmp_path: Path) -> None:
    folder = tmp_path / "fed"
    authority.init(folder, fed="test", now=NOW, class_="live", secret=b"x")
    with pytest.raises(DirectoryRefused, match="plain http"):
        authority.add(folder, _card("KE", KE, endpoints=["http://cnp.example"]))
    assert authority.draft(folder)["nodes"] == []


def test_groups_get_a_new_version_each_time_and_keep_the_old(folder: Path) -> None:
    authority.add(folder, _card("TZ", TZ))
    assert authority.set_group(folder, "east", ["KE"]) == 1
    assert authority.set_group(folder, "east", ["KE", "TZ"]) == 2
    directory = _draft(folder)
    assert directory.group_members("east@1") == {"KE"}
    assert directory.group_members("east@2") == {"KE", "TZ"}


MISTAKES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a group with an unknown member": (lambda folder: authority.set_group(folder, "east", ["ZZ"]), "ZZ"),
    "a group with a name that cannot be written": (
        lambda folder: authority.set_group(folder, "a@b", ["KE"]),
        "a@b",
    ),
    "the status of an unknown member": (lambda folder: authority.set_status(folder, "ZZ", "left"), "ZZ"),
    "an unknown status": (lambda folder: authority.set_status(folder, "KE", "gone"), "gone"),  # type: ignore[arg-type]
    "the revocation of an unknown key": (
        lambda folder: authority.revoke(folder, "nobody's", since=NOW, reason="lost"),
        "no member",
    ),
    "a revocation without a reason": (
        lambda folder: authority.revoke(folder, KE["record"].kid, since=NOW, reason=""),
        "reason",
    ),
}


@pytest.mark.parametrize(("mistake", "wrong"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_leaves_the_draft_as_it_was(mistake: Callable[[Path], object], wrong: str, folder: Path) -> None:
    before = authority.draft(folder)
    with pytest.raises(DirectoryRefused, match=wrong):
        mistake(folder)
    assert authority.draft(folder) == before


def test_a_revocation_only_ever_moves_to_an_earlier_time(folder: Path) -> None:
    kid = KE["record"].kid
    for since in (NOW, NOW - DAY, NOW):
        authority.revoke(folder, kid, since=since, reason="stolen")
    assert _draft(folder).keys[kid].revoked_since == NOW - DAY


def test_a_revoked_key_does_not_come_back_on_a_card(folder: Path) -> None:
    authority.revoke(folder, KE["record"].kid, since=NOW, reason="stolen")
    with pytest.raises(CardRefused, match="revoked"):
        authority.add(folder, _card("KE", KE, now=NOW + 1), replace=True)
