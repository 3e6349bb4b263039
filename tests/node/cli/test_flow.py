"""Two administrations, from nothing to a confirmed, found, verified and explained record, by commands alone."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

from node.app import open_home
from node.services import bodies
from node.settings import config_folder
from node.storage import feeds, records
from tests.node.cli.conftest import free_port

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.node.cli.conftest import Answer


def test_two_nodes_from_nothing_to_a_confirmed_record(  # noqa: PLR0915 - one story, in its order
    tell: Callable[..., Answer], serve: Callable[[Path], None], tmp_path: Path
) -> None:
    gb, fr = tmp_path / "gb", tmp_path / "fr"
    address = f"127.0.0.1:{free_port()}"

    def good(*words: object) -> Answer:
        answer = tell(*words)
        assert answer.status == 0, answer.err
        return answer

    # Found both; import works before any federation is joined, and twice creates nothing twice.
    good("init", "--node", "GB", "--region", "EUR", "--listen", address, "--home", gb)
    good("--home", fr, "init", "--node", "FR", "--region", "EUR", "--listen", f"127.0.0.1:{free_port()}")
    assert (gb / "keyfile").stat().st_mode & 0o777 == 0o600
    sample = tmp_path / "sample.csv"
    sample.write_bytes((config_folder() / "samples" / "published-ipr-seizures.csv").read_bytes())
    first = good("import", sample, "--home", gb, "--json").json
    assert list(first) == ["rows", "records", "imported", "changed", "unchanged", "skipped", "warnings", "errors"]
    assert first["imported"] > 0
    assert first["errors"] == 0
    assert first["records"] == first["imported"] + first["skipped"]
    again = good("import", sample, "--mapping", "published-seizures", "--home", gb, "--json").json
    assert (again["imported"], again["unchanged"]) == (0, first["imported"])

    # A federation, and its second member by the fingerprint of its root.
    fingerprint = good("directory", "init", "--fed", "flow", "--home", gb).out.strip()
    good("directory", "add", "--home", gb)
    good("node", "card", "--output", tmp_path / "fr.json", "--home", fr)
    good("directory", "add", tmp_path / "fr.json", "--home", gb)
    assert good("directory", "publish", "--home", gb, "--json").json["members"] == 2
    serve(gb)
    shown = tell("join", f"http://{address}", "--home", fr)
    assert shown.status == 2
    assert fingerprint in shown.err
    assert not (fr / "directory" / "state.json").exists()
    joined = good("join", f"http://{address}", "--root", fingerprint, "--yes", "--home", fr, "--json").json
    assert joined["listed"]

    # A policy, a release, an alert drawn from a seizure.
    policy = tmp_path / "policy.toml"
    text = (config_folder() / "policies" / "region-goods.toml").read_text("utf-8").replace('"XX"', '"GB"')
    policy.write_text(text, "utf-8")
    good("policy", "check", policy, "--home", gb)
    assert tell("policy", "activate", policy, "--by", "First", "--home", gb).status == 2
    activate = ("policy", "activate", policy, "--by", "First", "--second", "Second")
    assert tell(*activate, "--home", gb).status == 2
    assert good(*activate, "--yes", "--home", gb, "--json").json["version"] == 1
    released = good("release", "--all", "--by", "First", "--home", gb, "--json").json
    assert released["released"] == first["imported"]
    assert released["recipients"] == {"FR": released["entries"]}
    alert = good("alert", "new", "--from", "PS-0030", "--title", "en=Scarves", "--home", gb, "--json").json
    good("alert", "publish", alert["reference"], "--home", gb)

    # The other side fetches, finds and shows exactly what was granted.
    assert good("sync", "--home", fr, "--json").json["peers"][0]["entries"] == released["entries"] + 1
    hits = good("search", "designer", "scarv", "--brand", "chanel", "--home", fr, "--json").json["records"]
    assert [hit["iss"] for hit in hits] == ["GB"]
    view = good("show", hits[0]["rid"], "--home", fr, "--json").json
    assert "route" in view["groups"]
    assert "place" not in view["groups"]
    assert "scarves" in good("show", hits[0]["rid"], "--home", fr).out
    alerts = good("records", "--kind", "alert", "--home", fr, "--json").json["records"]
    assert [row["title"].split(" ")[0] for row in alerts] == ["Scarves"]

    # The sender has receipts, can say why, and everything verifies from files alone.
    receipts = good("receipts", "--home", gb, "--json").json
    assert receipts["complete"]
    told = good("policy", "explain", "PS-0030", "--to", "FR", "--home", gb, "--json").json
    verdicts = {reason["group"]: reason["verdict"] for reason in told["groups"]}
    assert (verdicts["route"], verdicts["place"]) == ("granted", "withheld")
    assert sorted(view["groups"]) == told["given"]
    token, page = _signed(fr, gb, hits[0]["rid"])
    (tmp_path / "record").write_text(token)
    (tmp_path / "page").write_bytes(page)
    (tmp_path / "receipt").write_text(next(one["token"] for one in receipts["receipts"] if one["lane"] == "bulk"))
    assert good("verify", "record", tmp_path / "record", "--home", fr, "--json").json["groups"] == told["given"]
    directory = next((gb / "directory" / "mirror" / "targets").glob("*.directory.json"))
    checked = good("verify", "page", tmp_path / "page", "--directory", directory, "--json").json
    assert (checked["valid"], checked["to"]) == (True, released["entries"])
    assert good("verify", "receipt", tmp_path / "receipt", "--directory", directory, "--json").json["iss"] == "FR"
    (tmp_path / "record").write_text(token.replace("~", "~A", 1))
    refused = tell("verify", "record", tmp_path / "record", "--directory", directory)
    assert refused.status == 1
    assert "Traceback" not in refused.err

    for node in (gb, fr):
        assert good("fsck", "--home", node, "--json").json == {"findings": []}
    assert good("peers", "--home", gb, "--json").json["peers"][0]["confirmed"] == released["entries"] + 1
    assert good("quarantine", "list", "--home", fr, "--json").json == {"quarantine": []}
    diff = good("policy", "diff", _narrower(policy), "--home", gb, "--json").json
    assert {change["group"] for change in diff["lost"]} == {"route"}
    assert diff["gained"] == []


def _narrower(policy: Path) -> Path:
    path = policy.with_name("narrower.toml")
    text = policy.read_text("utf-8").replace("version = 1", "version = 2", 1).replace('"route", ', "", 1)
    path.write_text(text, "utf-8")
    return path


def _signed(holder: Path, sender: Path, rid: str) -> tuple[str, bytes]:
    """The SD-JWT that the holder has, and the first page of the sender's bulk feed to it."""
    from node.services.serving import Server  # noqa: PLC0415 - needed by this one helper

    home = open_home(holder)
    with home.database.read() as connection:
        row = records.find(connection, rid)[0]
    token = bodies.presentation(row.jwt, row.disclosures, int(row.mask, 16), int(row.mask, 16))
    home.database.close()
    home = open_home(sender)
    server = Server(node="GB", directory=home.membership.current(), log_signer=home.signer("log"))
    with home.database.read() as connection:
        assert feeds.out_feeds(connection)
        page = server.page(connection, recipient="FR", lane="bulk", start=0, limit=500, note=None, now=int(time.time()))
    home.database.close()
    assert json.loads(page)["to"]
    return token, page
