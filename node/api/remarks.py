"""`/api/v1` for annotations, the queries that wait, the status of an alert, and what hubs passed on."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Final

import anyio.from_thread
from fastapi import APIRouter, Depends, Path, Query

from node.api.deps import InOffice, MayRelease, MaySeeReceipts, MayTrace, MayView, Purpose, body_of
from node.api.documented import answers, takes
from node.api.problems import invalid
from node.api.remarks_models import (
    AlertStatus,
    AnnotationMade,
    AskedOfUs,
    NewAnnotation,
    Queries,
    RelayComparison,
    Remark,
    Remarks,
    Said,
)
from node.auth import Right
from node.services import annotating, hearing, reporting
from node.services.search import DEFAULT_PURPOSE

router: Final = APIRouter(prefix="/api/v1", tags=["annotations"])
Rid = Annotated[str, Path(pattern="^[0-9a-f-]{36}$")]


@router.post(
    "/annotations",
    summary="Say something about records: signed, and sent to whom it concerns",
    openapi_extra=takes(NewAnnotation),
    **answers(AnnotationMade, status=201, bodied=True),
)
def annotate(
    officer: MayRelease,
    office: InOffice,
    new: Annotated[NewAnnotation, Depends(body_of(NewAnnotation))],
) -> AnnotationMade:
    """Sign an annotation in the officer's name. It goes to the originator of what it is about."""
    remark = annotating.Remark(
        about=new.about, type=new.type, result=new.result, on=new.on, respond_by=new.respond_by,
        answer_to=new.answer_to, texts=_pairs(new.texts), no_names=new.no_names, narrative=_pairs(new.narrative),
    )  # fmt: skip
    try:
        done = annotating.annotate(
            office.database, office.publisher(), remark, by=officer.name, now=office.clock()
        )  # fmt: skip
    except annotating.AnnotationRefused as error:
        parts = [fault.partition(": ") for fault in error.faults]
        raise invalid([(field, wrong, "put it right and send it again") for field, _, wrong in parts]) from error
    anyio.from_thread.run_sync(office.exchange.grown, frozenset(done.recipients))
    return AnnotationMade(rid=done.rid, title=done.title, recipients=list(done.recipients))


@router.get("/records/{rid}/annotations", summary="What was said about a record", **answers(Remarks))
def list_annotations(
    officer: MayView,
    office: InOffice,
    rid: Rid,
    iss: Annotated[str | None, Query(pattern="^[A-Z][A-Z0-9-]{1,31}$")] = None,
    purpose: Purpose = DEFAULT_PURPOSE,
) -> Remarks:
    """List annotations on a record that is in use here, oldest first. The reading is logged."""
    found, words = hearing.said_about(
        office.database, rid, iss=iss, node=office.settings.id, by=officer.name, purpose=purpose, now=office.clock()
    )
    return Remarks(annotations=[Remark.model_validate(item) for item in found], evidence=words)


@router.get("/queries", summary="What others ask about own records", **answers(Queries))
def list_queries(
    officer: MayView, office: InOffice, purpose: Purpose = DEFAULT_PURPOSE
) -> Queries:  # fmt: skip
    """List queries and requests for evidence, with their answers. The reading is logged."""
    found = hearing.asked_of(
        office.database, node=office.settings.id, by=officer.name, purpose=purpose, now=office.clock()
    )
    return Queries(queries=[AskedOfUs.model_validate(item) for item in found])


@router.get("/alerts/{name}/status", summary="What became of an alert", **answers(AlertStatus))
def alert_status(
    officer: MayTrace,
    office: InOffice,
    name: Annotated[str, Path(max_length=200)],
    purpose: Purpose = DEFAULT_PURPOSE,
) -> AlertStatus:
    """Per member that got it: received, read by an officer, answered, unanswered or overdue.

    What members wrote is told to those who may view records, and that is logged.
    """
    found = hearing.on_alert(
        office.database, name, node=office.settings.id, directory=office.membership.current(), by=officer.name,
        purpose=purpose, now=office.clock(), texts=officer.may(Right.VIEW),
    )  # fmt: skip
    return AlertStatus.model_validate(asdict(found))


@router.get("/relay/report", summary="Relay grants against the hubs' reports", **answers(RelayComparison))
def relay_report(
    officer: MaySeeReceipts,  # noqa: ARG001 - the right
    office: InOffice,
    grace: Annotated[int, Query(ge=0, le=31_536_000)] = reporting.GRACE,
) -> RelayComparison:
    """Compare what hubs may pass on of own records with what they have reported; `grace` in seconds."""
    found = reporting.compare(
        office.database, directory=office.membership.current(), node=office.settings.id, now=office.clock(),
        grace=grace,
    )  # fmt: skip
    return RelayComparison.model_validate(asdict(found))


def _pairs(said: list[Said]) -> list[tuple[str, str]]:
    return [(item.lang, item.text) for item in said]
