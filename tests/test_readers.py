"""Who reads what records say: every function of the node that does is on a list that a person has looked through.

A new reader fails here until it stands on the list, with how it is guarded. `grants.may` (by `search.allowed`) and the
clock (`records.in_time`) are the guards of content that is shown, found, exported or passed on; `serving` has the grant
masks; the rest moves or erases content without showing it to anybody.
"""

from __future__ import annotations

import ast

from tests.shared_data import ROOT

CONTENT = frozenset({"jwt", "disclosures"})
"""Columns of `record` and of what was set aside: an attribute of such a name is what a record says."""
OPENERS = frozenset({"reopen_row", "read_row", "reopen", "reopen_record", "presentation"})
"""Functions that give groups or presentations for stored bytes."""

MAY = "asks `grants.may` (`search.allowed`)"
MASKS = "serves a peer: the grant masks, the state and the clock"
CLOCK = "asks the clock, and shows or indexes only what is in time"
OWN = "reads own records to decide who may have them; what leaves passes the masks"
MOVES = "takes in, moves or erases content, and shows it to nobody"
CHECKS = "verifies what is stored, and tells names and faults alone"
ASKED = "answers a peer: the policy, the state, the clock, and groups that the policy grants to a question"
OFFICERS = "an officer's logged request about a person or under a hold"

READERS: dict[str, str] = {
    "node/cli/demo_changes.py::_held": "the demonstration's own check: names of groups in a node that it made",
    "node/cli/demo_figures.py::_recount": "the demonstration's own check: counts the records of a node that it made",
    "node/cli/demo_recalls.py::texts": "the demonstration's own check: whether any content is left, and shows none",
    # Shown, found, exported, passed on: a function at a time.
    "node/services/annotating.py::_fallen": "asks whether any content is left, and shows none",
    "node/services/annotating.py::_row": "asks whether any content is left, and shows none",
    "node/services/annotating.py::shown": MAY,
    "node/services/answering.py::_Found.look_at": ASKED,
    "node/services/answering.py::_Found.answer": "measures presentations that `look_at` made",
    "node/services/asking.py::Asker._open": MAY,
    "node/services/blob_serving.py::granted": MASKS,
    "node/services/bulletins/drawing.py::draw": MAY,
    "node/services/bulletins/writing.py::write": MAY,
    "node/services/blob_serving.py::_logged": "names the group in the log of a blob that `granted` let pass",
    "node/services/arriving.py::arrivals": "counts attachments of rows that a list or a view was given",
    "node/services/bundles.py::Maker._guarded": MAY,
    "node/services/desk/behalf.py::on_behalf": MAY,
    "node/services/desk/patterns.py::_counted": MAY,
    "node/services/desk/queue.py::_waiting": "of a row that the queue asked `grants.may` about",
    "node/services/desk/queue.py::_same": MAY,
    "node/services/desk/timeliness.py::_added_up": MAY,
    "node/services/exporting.py::_item": MAY,
    "node/services/exporting.py::_of_form": MAY,
    "node/services/following.py::alert_status": "the headline of an own alert",
    "node/services/holders.py::holders": "who has a record, by its grants: names of groups, no content",
    "node/services/holding.py::look": OFFICERS,
    "node/services/indexing.py::follow": CLOCK,
    "node/services/indexing.py::again": CLOCK,
    "node/services/importing/run.py::_Import._seizure": "reads a row of the officer's own file",
    "node/services/overview.py::_group_names": "names of groups, for who has which: no content",
    "node/services/pictures/viewing.py::_allowed": MAY,
    "node/services/pictures/viewing.py::save": MAY,
    "node/services/presenting.py::Holding.held": "gives an originator its own records back, signed by itself",
    "node/services/relaying.py::_Work.look_at": MAY,
    "node/services/relaying.py::_Work._for": MAY,
    "node/services/relaying.py::_names": "names of groups, for the log",
    "node/services/serving.py::_body": MASKS,
    "node/services/showing.py::show": MAY,
    "node/services/similar.py::_about": "of rows that `find` asks `grants.may` about before anything of them is shown",
    "node/services/statistics/doubles.py::entered": "of rows that were asked `grants.may` about",
    "node/services/statistics/sources.py::recounted": MAY,
    "node/services/statistics/sources.py::_contribution": "of rows that `recounted` asked `grants.may` about",
    "node/services/statistics/following.py::_said": "compares what two readings of one version said, and shows none",
    "node/services/statistics/following.py::countable": MAY,
    "node/services/statistics/following.py::_countable": MAY,
    "node/services/statistics/published.py::export": MAY,
    "node/services/subjects.py::_in_records": OFFICERS,
    "node/services/subjects.py::ask": "asks whether any content is left, and shows none",
    "node/services/subjects.py::_held": OFFICERS,
    "node/services/subjects.py::_leftovers": OFFICERS,
    "node/services/subjects.py::_told": OFFICERS,
    "node/services/subjects.py::_own": OFFICERS,
    "node/storage/feeds.py::out_entries": MASKS,
    # What shows nothing: a module at a time.
    "node/services/adopting.py": MOVES,
    "node/services/applying.py": OWN,
    "node/services/attachments.py": MOVES,
    "node/services/bodies.py": "opens what its callers were given",
    "node/services/checking.py": CHECKS,
    "node/services/disclosing.py": "a checkpoint's own token, no record",
    "node/services/deciding.py": OWN,
    "node/services/doubts.py": OWN,
    "node/services/epochs.py": OWN,
    "node/services/erasing.py": MOVES,
    "node/services/gating.py": OWN,
    "node/services/evidence.py": "proofs: signed parts without disclosures",
    "node/services/intake.py": MOVES,
    "node/services/leaving.py": OWN,
    "node/services/outgoing.py": OWN,
    "node/services/policing.py": OWN,
    "node/services/publishing.py": OWN,
    "node/services/recalling.py": "the tombstone alone, which names nobody",
    "node/services/reconciling.py": MOVES,
    "node/services/reissuing.py": OWN,
    "node/services/restating.py": OWN,
    "node/services/restricting.py": MOVES,
    "node/services/revoking.py": MOVES,
    "node/services/roads.py": MOVES,
    "node/services/stopping.py": MOVES,
    "node/services/sweeping.py": MOVES,
    "node/services/verifiers.py": CHECKS,
    "node/storage/attachments.py": MOVES,
    "node/storage/holdings.py": "names and hashes, and tombstones",
    "node/storage/holds.py": MOVES,
    "node/storage/recalls.py": "tombstones alone",
    "node/storage/records.py": MOVES,
}
"""`module::function` for what shows or passes on content, `module` for what does neither: with its guard."""


def readers() -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for path in sorted((ROOT / "node").rglob("*.py")):
        tree = ast.parse(path.read_text("utf-8"))
        _walk(tree, str(path.relative_to(ROOT)), "", found)
    return found


def _walk(node: ast.AST, path: str, name: str, found: dict[str, list[int]]) -> None:
    for child in ast.iter_child_nodes(node):
        inner = name
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            inner = f"{name}.{child.name}" if name else child.name
        elif (isinstance(child, ast.Attribute) and child.attr in CONTENT | OPENERS) or (
            isinstance(child, ast.Name) and child.id in OPENERS
        ):
            found.setdefault(f"{path}::{name}", []).append(child.lineno)
        _walk(child, path, inner, found)


def test_every_reader_of_content_is_on_the_reviewed_list():
    strangers = {
        name: lines for name, lines in readers().items() if not {name, name.partition("::")[0]} & READERS.keys()
    }
    assert strangers == {}, (
        "new readers of content: see that `grants.may` or the grant masks, and the clock, stand before what they show, "
        "then put each on the list with its guard"
    )


def test_the_list_names_no_reader_that_there_is_not():
    there = readers()
    assert sorted(READERS.keys() - there.keys() - {name.partition("::")[0] for name in there}) == []


def test_a_reader_that_is_on_no_list_is_seen():
    tree = ast.parse("def show(row):\n    return bodies.reopen_row(row).groups, row.jwt\n")
    found: dict[str, list[int]] = {}
    _walk(tree, "node/new.py", "", found)
    assert found == {"node/new.py::show": [2, 2]}
