"""Pictures over the API: add a file to a draft, see and fetch a record's attachments, find pictures that look alike.

Files come as the raw body, bounded before they are read. Bytes go out as bytes: never guessed at by a browser, never
run, never kept by a cache, with a name that this node made.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from node.api.deps import InOffice, MayDraft, MayView, Purpose
from node.api.documented import answers
from node.api.pictures_models import AddedFile, RecordAttachments, SimilarPictures
from node.api.problems import problem
from node.api.records import NodeId
from node.services.pictures import viewing, worker
from node.services.pictures.ingest import About, FileRefused, Intake
from node.services.pictures.likeness import Finder, hash_of
from node.services.pictures.workshop import PictureRefused, Workshop
from node.services.search import DEFAULT_PURPOSE
from node.storage.blobs import Blobs

MAX_FILE: Final = worker.MAX_BYTES
SAFE: Final = {
    "x-content-type-options": "nosniff",
    "content-security-policy": "default-src 'none'; sandbox",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
BYTES: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """The parts that these routes use beside the office."""

    blobs: Blobs
    workshop: Workshop
    intake: Intake
    finder: Finder


async def raw_file(request: Request) -> bytes:
    """The body, of at most `MAX_FILE` bytes."""
    told = request.headers.get("content-length", "0")
    data = bytearray()
    if told.isascii() and told.isdigit() and int(told[:18]) <= MAX_FILE:
        async for piece in request.stream():
            data += piece
            if len(data) > MAX_FILE:
                break
        else:
            return bytes(data)
    raise problem("too-large", f"a file has at most {MAX_FILE} bytes")


RawFile = Annotated[bytes, Depends(raw_file)]


def router(make: Callable[[], Desk]) -> APIRouter:
    """The routes; `make` opens the desk when it is first needed."""
    routes = APIRouter(prefix="/api/v1", tags=["pictures"])
    opened: list[Desk] = []
    lock = threading.Lock()

    def desk() -> Desk:
        with lock:
            if not opened:
                opened.append(make())
            return opened[0]

    @routes.post(
        "/pictures",
        summary="Add a file to a draft: a picture as pixels alone, or with `as` any other file as it is",
        openapi_extra=BYTES,
        **answers(AddedFile, "picture-refused", "draft-refused", "too-large", status=201),
    )
    def add(  # noqa: PLR0917 - the framework calls it by name
        officer: MayDraft,
        office: InOffice,
        data: RawFile,
        reference: Annotated[str, Query(min_length=1, max_length=200)],
        view: Annotated[
            Literal["product", "label", "packaging", "concealment", "genuine", "fake"] | None, Query(alias="type")
        ] = None,
        caption: Annotated[str | None, Query(max_length=500)] = None,
        language: Annotated[str, Query(pattern="^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$")] = "en",
        shows_face_or_document: Annotated[bool, Query()] = False,
        role: Annotated[Literal["picture", "document", "scan", "video", "file"], Query(alias="as")] = "picture",
    ) -> AddedFile:
        """Keep what will leave and what stays home apart, from the first moment."""
        about = About(view=view, caption=caption, language=language, nominal=shows_face_or_document, role=role)
        try:
            added = desk().intake.add(reference, data, about, by=officer.name, now=office.clock())
        except (PictureRefused, FileRefused) as error:
            raise problem("picture-refused", str(error)) from None
        return AddedFile.model_validate(added.to_json())

    @routes.get(
        "/records/{rid}/attachments",
        summary="The attachments of a record, and which of them are here",
        **answers(RecordAttachments, "purpose-refused"),
    )
    def attachments(
        officer: MayView, office: InOffice, rid: UUID, iss: NodeId | None = None, purpose: Purpose = DEFAULT_PURPOSE
    ) -> RecordAttachments:
        """Tell what the record tells of them. Logged as a view."""
        found = viewing.listing(
            office.database, rid=str(rid), iss=iss, by=officer.name, purpose=purpose, now=office.clock()
        )
        return RecordAttachments.model_validate(found)

    @routes.get(
        "/records/{rid}/attachments/{digest}",
        summary="The bytes of one attachment",
        response_class=Response,
        responses={
            **answers(RecordAttachments, "purpose-refused")["responses"],
            200: {"description": "The bytes.", "content": {"application/octet-stream": {}}},
        },
    )
    def bytes_of(  # noqa: PLR0917
        officer: MayView,
        office: InOffice,
        rid: UUID,
        digest: str,
        iss: NodeId | None = None,
        purpose: Purpose = DEFAULT_PURPOSE,
    ) -> Response:
        """Give the bytes as a file to save. Logged as a view, with the digest."""
        found = viewing.opened(
            office.database, desk().blobs, rid=str(rid), iss=iss, digest=digest[:64], by=officer.name, purpose=purpose,
            now=office.clock(),
        )  # fmt: skip
        headers = {**SAFE, "content-disposition": f'attachment; filename="{found.name}"'}
        return Response(found.data, media_type=found.mime, headers=headers)

    @routes.post(
        "/pictures/similar",
        summary="Records with a picture that looks like this one",
        openapi_extra=BYTES,
        **answers(SimilarPictures, "picture-refused", "too-large"),
    )
    def similar(
        officer: MayView, office: InOffice, data: RawFile, purpose: Purpose = DEFAULT_PURPOSE
    ) -> SimilarPictures:  # fmt: skip
        """Compare with every picture that is here. The question is logged as a search; the picture is not kept."""
        try:
            value = hash_of(desk().workshop, data)
        except PictureRefused as error:
            raise problem("picture-refused", str(error)) from None
        found = desk().finder.similar(value, by=officer.name, purpose=purpose, now=office.clock())
        return SimilarPictures.model_validate({"similar": [one.to_json() for one in found]})

    return routes
