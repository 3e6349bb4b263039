"""The schema's own check of what was assembled, told in the terms of the file.

The schema refuses some things outright (an address that is no web address, a text that is too long). In an
import nothing but identity refuses a seizure: what the schema refuses is taken out of its place and kept as
written, with a warning.
"""

from __future__ import annotations

import copy
import re
from typing import TYPE_CHECKING, Any, Final

from node.services.importing.report import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from federation.records import Fault, Schema
    from node.services.importing.readings import Reading

Groups = dict[str, Any]

MAX_ROUNDS: Final = 12
MAX_KEPT: Final = 4_000
"""Characters kept of a value that its own place refused."""

_STEP: Final = re.compile(r"([^.\[\]]+)|\[(\d+)\]")
_IDENTITY: Final = ("case.reference", "case.administration")


def vet(
    schema: Schema,
    groups: Groups,
    *,
    readings: Sequence[Reading],
    reference: str,
    latest: date,
    known: Sequence[Problem],
) -> tuple[Groups, list[Problem]]:
    """Return the groups without what the schema refuses, and what there is to say about them.

    `latest` is the last day that can lie in the past; `known` are problems already told, which are not told
    again.
    """
    told = {one.value for one in known}
    problems: list[Problem] = []
    report = schema.validate(schema.prepare(groups))
    rounds = 0
    while report.errors:
        rounds += 1
        identity = next((fault for fault in report.errors if fault.path in _IDENTITY), None)
        if identity is not None or rounds > MAX_ROUNDS:
            problems.append(_problem(identity or report.errors[0], groups, readings, reference, severity="error"))
            return groups, problems
        groups = copy.deepcopy(groups) if rounds == 1 else groups
        taken = [fault for fault in reversed(report.errors) if _take_out(groups, fault.path)]
        problems.extend(_problem(fault, groups, readings, reference) for fault in taken)
        report = schema.validate(schema.prepare(groups))
    problems.extend(
        _problem(fault, groups, readings, reference) for fault in report.warnings if str(fault.value) not in told
    )
    problems.extend(_future_dates(groups, readings[0], reference, latest))
    return groups, problems


def _future_dates(groups: Groups, reading: Reading, reference: str, latest: date) -> Iterator[Problem]:
    for when in groups.get("case", {}).get("dates", []):
        if when["on"] > latest.isoformat()[: len(when["on"])]:
            yield Problem(
                severity="warning",
                row=reading.row,
                reference=reference,
                column=reading.headers.get(f"{when['kind']}_on", when["kind"]),
                value=when["on"],
                wrong="a day that has not come yet",
                remedy="the day on which it happened",
            )


def _problem(
    fault: Fault, groups: Groups, readings: Sequence[Reading], reference: str, *, severity: str = "warning"
) -> Problem:
    value = fault.value if isinstance(fault.value, str) else "" if fault.value is None else str(fault.value)
    return Problem(
        severity="error" if severity == "error" else "warning",
        row=_row_of(fault.path, groups, readings),
        reference=reference,
        column=fault.path,
        value=value,
        wrong=fault.wrong,
        remedy=fault.remedy,
    )


def _row_of(path: str, groups: Groups, readings: Sequence[Reading]) -> int:
    """Return the row of the line that a path speaks of; the seizure's first row for all else."""
    steps = _steps(path)
    lines = [entry.get("line") for entry in groups.get("goods", [])]
    try:
        line = groups[str(steps[0])][steps[1]]["line"]
        return readings[lines.index(line)].row
    except (KeyError, IndexError, TypeError, ValueError):
        return readings[0].row


def _steps(path: str) -> list[str | int]:
    return [int(number) if number else name for name, number in _STEP.findall(path)]


def _take_out(groups: Groups, path: str) -> bool:
    """Remove what stands at the path (or the object that lacks it) and keep its text in `case.as_written`."""
    steps = _steps(path)
    parents: list[Any] = [groups]
    for step in steps[:-1]:
        try:
            parents.append(parents[-1][step])
        except (KeyError, IndexError, TypeError):
            return False
    while steps:
        holder, step = parents[-1], steps[-1]
        if (isinstance(holder, dict) and step in holder) or (
            isinstance(holder, list) and isinstance(step, int) and step < len(holder)
        ):
            break
        steps.pop()  # the path names a member that is missing: the object that lacks it goes
        parents.pop()
    if not steps or (steps[0] == "case" and len(steps) == 1):
        return False
    value = parents[-1].pop(steps[-1])
    case = groups.setdefault("case", {})
    text = value if isinstance(value, str) else repr(value)
    case.setdefault("as_written", []).append({"field": path[:100], "text": text[:MAX_KEPT]})
    return True
