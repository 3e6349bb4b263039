"""The blob store, on a folder and on a real S3 server: put once, found whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import obstore
import pytest

from node.storage import blobs as module
from node.storage.blobs import BlobAbsent, BlobsRefused, address_of, open_blobs
from tests.shared_data import ROOT

DATA = bytes(range(256)) * 500


def test_what_is_put_is_found_by_its_hash_whole_and_in_pieces(blobs):
    digest = blobs.put(DATA)
    assert digest == address_of(DATA) == blobs.put(DATA)
    assert blobs.exists(digest)
    assert blobs.get(digest) == DATA
    assert blobs.piece(digest, 0, 10) == (DATA[:10], len(DATA))
    assert blobs.piece(digest, 1000, 3000) == (DATA[1000:3000], len(DATA))
    assert blobs.piece(digest, len(DATA) - 5, len(DATA) + 99) == (DATA[-5:], len(DATA))
    assert blobs.piece(digest, len(DATA), len(DATA) + 1) == (b"", len(DATA))
    assert list(blobs.addresses()) == [digest]


def test_what_is_deleted_is_gone_and_may_be_deleted_again(blobs):
    digest = blobs.put(DATA)
    blobs.delete(digest)
    blobs.delete(digest)
    assert not blobs.exists(digest)
    for look in (lambda: blobs.get(digest), lambda: blobs.piece(digest, 0, 1)):
        with pytest.raises(BlobAbsent):
            look()
    assert list(blobs.addresses()) == []


@pytest.mark.parametrize(
    "data", [DATA[:-1], b"", DATA[:-1] + b"\0", DATA + b"\0"], ids=["cut", "empty", "altered", "longer"]
)
@pytest.mark.parametrize("look", ["get", "piece"])
def test_an_object_that_is_not_what_its_address_says_counts_as_absent_and_is_removed(data, look, blobs):
    digest = address_of(DATA)
    obstore.put(blobs.store, module._path(digest), data)
    assert blobs.exists(digest)
    with pytest.raises(BlobAbsent):
        blobs.get(digest) if look == "get" else blobs.piece(digest, 0, 10)
    assert not blobs.exists(digest)
    assert blobs.put(DATA) == digest
    assert blobs.get(digest) == DATA


@pytest.mark.parametrize("data", [DATA[:-1], DATA[:-1] + b"\0"], ids=["cut", "altered"])
def test_putting_an_object_again_mends_one_that_is_torn(data, blobs):
    digest = address_of(DATA)
    obstore.put(blobs.store, module._path(digest), data)
    blobs.put(DATA)
    assert blobs.get(digest) == DATA


def test_originals_have_keys_by_chance_and_are_not_among_what_may_be_served(blobs):
    key, other = blobs.put_private(DATA), blobs.put_private(DATA)
    assert key != other
    assert blobs.get_private(key) == DATA
    assert sorted(blobs.private_keys()) == sorted([key, other])
    assert list(blobs.addresses()) == []
    assert not blobs.exists(address_of(DATA))
    blobs.delete_private(key)
    with pytest.raises(BlobAbsent):
        blobs.get_private(key)


@pytest.mark.parametrize("name", ["../private/x", "a/b", "", "A" * 42 + "B", "A" * 44, "ä" * 43])
def test_what_is_no_content_address_never_becomes_a_path(name, blobs):
    for look in (blobs.get, blobs.exists, blobs.delete, lambda name: blobs.piece(name, 0, 1)):
        with pytest.raises(BlobAbsent):
            look(name)


KILLED = """
import os, sys
import obstore
from node.storage import blobs
store = blobs.open_blobs(sys.argv[1])
def die(*_args, **_more):
    os._exit(9)
if sys.argv[2] == "before the rename":
    obstore.rename = die
elif sys.argv[2] == "before the disk has it":
    blobs._to_disk = die
store.put(b"x" * 100_000)
"""


@pytest.mark.parametrize("moment", ["before the rename", "before the disk has it"])
def test_a_process_that_is_killed_leaves_no_object_at_its_address(moment, tmp_path):
    url = f"file://{tmp_path / 'blobs'}"
    done = subprocess.run(
        [sys.executable, "-c", KILLED, url, moment], check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 9
    store = open_blobs(url)
    assert list(store.addresses()) == []
    stranded = list((tmp_path / "blobs" / "incoming").iterdir())
    assert len(stranded) == 1
    assert store.tidy() == 0  # it may be somebody who is writing now
    os.utime(stranded[0], (time.time() - 7200, time.time() - 7200))
    assert store.tidy() == 1
    assert store.get(store.put(b"x" * 100_000)) == b"x" * 100_000


def test_a_file_and_its_name_reach_the_disk_before_the_object_counts(tmp_path, monkeypatch):
    """In this order: the file under its waiting name, the rename, the folder of its final name."""
    store, order = open_blobs(f"file://{tmp_path / 'blobs'}"), []
    fsync, rename = os.fsync, obstore.rename

    def synced(handle):
        order.append(Path(f"/proc/self/fd/{handle}").readlink().relative_to(tmp_path / "blobs").parts[0])
        fsync(handle)

    def renamed(*args, **more):
        order.append("rename")
        rename(*args, **more)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(obstore, "rename", renamed)
    store.put(DATA)
    assert order == ["incoming", "served", "rename", "served"]


@pytest.mark.parametrize("url", ["http://x", "file://host/x", "file:relative", "s3://", "gopher"])
def test_a_store_that_cannot_be_is_refused_by_the_name_of_its_setting(url):
    with pytest.raises(BlobsRefused, match=r"blobs\.url"):
        open_blobs(url)


def test_the_folder_is_the_owners_alone(tmp_path):
    open_blobs(f"file://{tmp_path / 'blobs'}")
    assert (tmp_path / "blobs").stat().st_mode & 0o077 == 0
