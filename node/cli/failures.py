"""Every known error as one sentence and an exit status; never a stack trace.

1 is refused or failed, 2 is a call that cannot be understood. What nobody expected is told in one line with its type
and where to report it; TIDEWAITER_DEBUG=1 shows the trace as well.
"""

from __future__ import annotations

import os
import sys
import traceback
from typing import Final

DEBUG_VARIABLE: Final = "TIDEWAITER_DEBUG"
USAGE: Final = 2

_REMEDIES: Final = {
    "directory-stale": "`tidewaiter join URL --root FINGERPRINT` joins one, and a running server keeps it fresh; "
    "the authority renews it with `tidewaiter directory publish`",
    "suspended": "ask the authority of the federation",
    "not-member": "ask the authority of the federation to enter this node's card (`tidewaiter node card`)",
}


def describe(error: Exception) -> tuple[str, int] | None:
    """The sentence and the exit status for an error that is known; None for one that nobody expected."""
    from crypto.errors import CryptoError
    from federation.errors import DirectoryUnreachable, FederationError
    from node.cli.session import Refusal

    if isinstance(error, Refusal):
        return str(error), error.status
    if isinstance(error, DirectoryUnreachable):
        return f"{error.detail}; check the address, and that a node or a repository serves there", 1
    if isinstance(error, FederationError):
        remedy = _REMEDIES.get(str(error.problem))
        return f"{error}{f'; {remedy}' if remedy else ''}", 1
    if isinstance(error, CryptoError):
        return f"{type(error).__name__}: {error}", 1
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}", 1
    return _by_name(error)


def _by_name(error: Exception) -> tuple[str, int] | None:  # noqa: PLR0911 - one for each kind of error
    """Errors of parts that most commands never load: known by name, so that nothing is imported to look."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if "PolicyRefused" in names:
        return f"the policy is refused whole, and the one in force stays:\n{_indented(error)}", 1
    if "PreviewChanged" in names:
        appeared, vanished = len(getattr(error, "appeared", ())), len(getattr(error, "vanished", ()))
        return f"{error} ({appeared} changes are new, {vanished} are gone; `tidewaiter policy diff` lists them)", 1
    if "AlertRefused" in names:
        return f"the alert is not kept:\n{_indented(error)}", 1
    if names & {"HoldRefused", "SubjectRefused"}:
        return str(error), 1
    if "ExportRefused" in names:
        return f"nothing was exported:\n{_indented(error)}", 1
    if "ImportRefused" in names:
        return f"nothing was imported: {error}", USAGE
    if "DraftRefused" in names:
        faults = getattr(error, "faults", ())
        return "the draft would have faults: " + "; ".join(
            f"{one.path}: {one.wrong}; {one.remedy}" for one in faults
        ), 1
    if names & {
        "SettingsRefused", "WrongSchema", "NotAllowed", "HandlingRefused", "CriteriaRefused", "PictureRefused",
        "FileRefused", "BlobsRefused", "BlobAbsent", "BackupRefused", "SealRefused", "DumpRefused", "NotApproved",
        "PublicationRefused", "BulletinRefused",
    }:  # fmt: skip
        return str(error), 1
    if "NoSuchModuleError" in names or "ArgumentError" in names:
        return f"database.url: {error}; write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME", 1
    if names & {"OperationalError", "DatabaseError", "InterfaceError", "CommandError"}:
        cause = " ".join(str(getattr(error, "orig", None) or error).split())
        return f"database.url: the database does not answer as it should: {cause}; check that it is there and free", 1
    return None


def tell(error: Exception) -> int:
    """Print the error on standard error and return the exit status."""
    from node.cli.output import Output

    out = Output(json=False)
    known = describe(error)
    if known is not None:
        sentence, status = known
        out.say(f"tidewaiter: {sentence}")
    else:
        status = 1
        out.say(
            f"tidewaiter: a fault of the program, {type(error).__name__}: please report it (see SECURITY.md and "
            f"CONTRIBUTING.md); {DEBUG_VARIABLE}=1 shows where it arose"
        )
    if os.environ.get(DEBUG_VARIABLE) == "1":
        traceback.print_exception(error, file=sys.stderr)
    return status


def _indented(error: Exception) -> str:
    return "\n".join(f"  {line}" for line in str(error).splitlines())
