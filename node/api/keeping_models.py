"""The requests and answers of exports, tasks and notices."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from node.api.models import RID
from node.services.exporting import Format

_HASH = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"
_TASK: dict[str, Any] = {
    "id": 3, "iss": "TZ", "rid": RID, "why": "recalled", "officer": "a.officer", "export": 7, "state": "open",
    "opened_at": 1767700000, "destination": "Regional court", "sha256": _HASH, "purpose": "evidence",
    "exported_at": 1767600000, "file": "removed",
}  # fmt: skip


def _config(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": example})


class Named(BaseModel):
    """A record by its id."""

    model_config = _config({"rid": RID, "iss": "TZ"})
    rid: str = Field(max_length=200, description="A record's id, or the national reference of an own one.")
    iss: str | None = Field(default=None, max_length=32, description="Needed where two nodes have used one id.")


class NewExport(BaseModel):
    """What to export, what for, and who gets it."""

    model_config = _config({"records": [{"rid": RID}], "purpose": "evidence", "destination": "Regional court"})
    records: Annotated[list[Named], Field(min_length=1, max_length=1000)]
    purpose: str = Field(pattern="^[a-z][a-z0-9_-]{0,63}$", description="Compared with the handling of each record.")
    destination: str = Field(min_length=1, max_length=200, description="Who gets it.")
    format: Format = "json"


class Exported(BaseModel):
    """An export: its number in the register and its content, which is not kept here."""

    model_config = _config({"export": 7, "records": 1, "sha256": _HASH, "format": "json", "content": "{...}"})
    export: int
    records: int
    sha256: str = Field(description="Of the content, in UTF-8.")
    format: str
    content: str


class Export(BaseModel):
    """One row of the register."""

    model_config = ConfigDict(extra="forbid")
    id: int
    at: int
    officer: str
    purpose: str
    format: str
    destination: str
    sha256: str
    size: int
    records: int
    state: str = Field(description="made, stale, removed, gone, changed or handed (no file of this node's).")


class Register(BaseModel):
    """The register of exports, newest first."""

    model_config = _config(
        {
            "exports": [
                {
                    "id": 7, "at": 1767600000, "officer": "a.officer", "purpose": "evidence", "format": "json",
                    "destination": "Regional court", "sha256": _HASH, "size": 1024, "records": 1, "state": "made",
                }
            ]
        }
    )  # fmt: skip
    exports: list[Export]


class Task(BaseModel):
    """What somebody who exported a record has to do since it was withdrawn."""

    model_config = _config(_TASK)
    id: int
    iss: str
    rid: str
    why: str = Field(description="recalled, less, keep-until, data-subject, or the reason of a recall.")
    officer: str
    export: int
    state: Literal["open", "done"]
    opened_at: int
    done_at: int | None = None
    done_by: str | None = None
    note: str | None = None
    destination: str | None = None
    sha256: str | None = None
    purpose: str | None = None
    exported_at: int | None = None
    file: str | None = Field(default=None, description="What became of the file that this node wrote.")


class Tasks(BaseModel):
    """Tasks, newest first."""

    model_config = _config({"tasks": [_TASK]})
    tasks: list[Task]


class TaskDone(BaseModel):
    """That a task is done."""

    model_config = _config({"note": "both copies shredded"})
    note: str | None = Field(default=None, max_length=1000)


class Notice(BaseModel):
    """Somebody saw a record that was withdrawn."""

    model_config = ConfigDict(extra="forbid")
    id: int
    iss: str
    rid: str
    why: str
    officer: str
    seen: Literal["view", "search"] = Field(description="The whole record, or its line in a list.")
    at: int
    read_at: int | None = None


class Notices(BaseModel):
    """Notices of the officer who asks, newest first."""

    model_config = _config(
        {
            "notices": [
                {
                    "id": 9, "iss": "TZ", "rid": RID, "why": "recalled", "officer": "a.officer", "seen": "view",
                    "at": 1767700000,
                }
            ]
        }
    )  # fmt: skip
    notices: list[Notice]


class NoticesRead(BaseModel):
    """Up to which notice the officer has read."""

    model_config = _config({"upto": 9})
    upto: int = Field(ge=1, le=2**53)


class CountRead(BaseModel):
    """How many notices are read now that were not."""

    model_config = _config({"read": 2})
    read: int
