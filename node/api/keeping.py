"""`/api/v1/exports`, `/tasks` and `/notices`: what was taken out, and who has to be told that it was withdrawn."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from fastapi import APIRouter, Depends, Path, Query

from federation.errors import NotFound
from node.api.deps import InOffice, MayDoTasks, MayExport, MaySeeRegister, MaySeeTasks, body_of
from node.api.documented import answers, takes
from node.api.keeping_models import (
    CountRead,
    Export,
    Exported,
    NewExport,
    Notice,
    Notices,
    NoticesRead,
    Register,
    Task,
    TaskDone,
    Tasks,
)
from node.api.problems import problem
from node.auth import Officer, Role
from node.services import exporting
from node.storage import exports, tasks

router: Final = APIRouter(prefix="/api/v1", tags=["exports"])
Limit = Annotated[int, Query(ge=1, le=1000)]
Number = Annotated[int, Path(ge=1, le=2**63 - 1)]


@router.post(
    "/exports",
    summary="Export records for a purpose",
    openapi_extra=takes(NewExport),
    **answers(Exported, "export-refused", status=201, bodied=True),
)
def export_records(
    officer: MayExport, office: InOffice, wanted: Annotated[NewExport, Depends(body_of(NewExport))]
) -> Exported:
    """Export what the handling of every record allows for this purpose, or nothing. Logged, a row a record."""
    order = exporting.Order(
        by=officer.name, purpose=wanted.purpose, destination=wanted.destination, format=wanted.format
    )
    names = [(item.rid, item.iss) for item in wanted.records]
    made = exporting.export_named(office.database, names, order, node=office.settings.id, now=office.clock())
    return Exported(
        export=made.number, records=made.records, sha256=made.sha256, format=wanted.format, content=made.data.decode()
    )


@router.get("/exports", summary="The register of exports", **answers(Register))
def list_exports(officer: MaySeeRegister, office: InOffice, limit: Limit = 100) -> Register:  # noqa: ARG001 - the right
    """List who exported how much, when, for what and to whom; paths of this machine are not told."""
    with office.database.read() as connection:
        rows = exports.listing(connection, limit=limit)
    return Register(exports=[Export(**{name: getattr(row, name) for name in Export.model_fields}) for row in rows])


@router.get("/tasks", summary="Tasks of those who exported what was withdrawn", **answers(Tasks))
def list_tasks(
    officer: MaySeeTasks, office: InOffice, state: Literal["open", "done"] = "open", limit: Limit = 100
) -> Tasks:
    """List tasks: an officer sees their own, a contact point and an auditor everybody's."""
    with office.database.read() as connection:
        rows = tasks.tasks(connection, state=state, officer=_own(officer), limit=limit)
    return Tasks(tasks=[Task(**{name: getattr(row, name) for name in Task.model_fields}) for row in rows])


@router.post(
    "/tasks/{task}/done",
    summary="Say that a task is done",
    openapi_extra=takes(TaskDone),
    **answers(Task, "task-closed", bodied=True),
)
def finish_task(
    officer: MayDoTasks, office: InOffice, task: Number, said: Annotated[TaskDone, Depends(body_of(TaskDone))]
) -> Task:
    """Close a task: every copy of the export is destroyed or corrected. An officer closes their own."""
    with office.database.write() as connection:
        row = tasks.get(connection, task)
        if row is None or _own(officer) not in (None, row.officer):
            raise NotFound("no such task")
        if not tasks.done(connection, task, by=officer.name, note=said.note, now=office.clock()):
            raise problem("task-closed", "the task is done already")
        (found,) = tasks.tasks(connection, state=None, number=task)
    return Task(**{name: getattr(found, name) for name in Task.model_fields})


@router.get("/notices", summary="What the officer saw that was withdrawn since", **answers(Notices))
def list_notices(officer: MayDoTasks, office: InOffice, unread: bool = True, limit: Limit = 100) -> Notices:
    """List the notices of whoever asks."""
    with office.database.read() as connection:
        rows = tasks.notices(connection, officer=officer.name, unread=unread, limit=limit)
    return Notices(notices=[Notice(**{name: getattr(row, name) for name in Notice.model_fields}) for row in rows])


@router.post(
    "/notices/read",
    summary="Say that notices were read",
    openapi_extra=takes(NoticesRead),
    **answers(CountRead, bodied=True),
)
def read_notices(
    officer: MayDoTasks, office: InOffice, said: Annotated[NoticesRead, Depends(body_of(NoticesRead))]
) -> CountRead:
    """Mark the notices of whoever asks as read, up to the one named."""
    with office.database.write() as connection:
        count = tasks.mark_read(connection, officer=officer.name, now=office.clock(), upto=said.upto)
    return CountRead(read=count)


def _own(officer: Officer) -> str | None:
    """Whose tasks the officer may see: their own alone, or (None) everybody's."""
    return officer.name if officer.role is Role.OFFICER else None
