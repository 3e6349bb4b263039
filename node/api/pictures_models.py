"""The shapes of `/api/v1/pictures` and of a record's attachments."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

RID = "6b0f5a2e-7f0c-4b7e-9f1a-0d5b7a4c2e11"
DIGEST = "n4bQgYhMfWWaL-qgxVrQFaO_TxsrC4Is0V1sFbDwCgg"


def _config(example: dict[str, Any]) -> ConfigDict:
    return ConfigDict(extra="forbid", json_schema_extra={"example": example})


class AddedFile(BaseModel):
    """What became of a file that was added to a draft."""

    model_config = _config(
        {
            "reference": "KE-2026-17", "ver": 1, "group": "media", "digest": DIGEST, "thumbnail": DIGEST,
            "width": 2048, "height": 1536, "size": 464288, "outcome": "added",
        }
    )  # fmt: skip
    reference: str
    ver: int = Field(description="The version that the draft will be.")
    group: str = Field(description="media, or documents for what can name somebody.")
    digest: str = Field(description="SHA-256 of what will be served.")
    thumbnail: str | None = None
    width: int | None = None
    height: int | None = None
    size: int
    outcome: str = Field(description="added, or unchanged when the draft had it.")


class Attachment(BaseModel):
    """One attachment of a record, as its record tells of it."""

    model_config = ConfigDict(extra="forbid")
    sha256: str
    group: str
    role: str | None = None
    rendition: str | None = None
    of: str | None = Field(default=None, description="Of a thumbnail: its picture.")
    w: int | None = None
    h: int | None = None
    view: str | None = None
    size: int | None = None
    state: str = Field(description="here, wanted or refused.")
    problem: str | None = None


class RecordAttachments(BaseModel):
    """The attachments of a record."""

    model_config = _config(
        {
            "iss": "KE", "rid": RID, "ver": 1, "title": "Footwear 1200 pairs, CN to KE, sea", "total": 1, "here": 1,
            "attachments": [
                {
                    "sha256": DIGEST, "group": "media", "role": "picture", "rendition": "full", "w": 2048, "h": 1536,
                    "view": "label", "size": 464288, "state": "here",
                }
            ],
        }
    )  # fmt: skip
    iss: str
    rid: str
    ver: int
    title: str
    attachments: list[Attachment]
    total: int | None = Field(default=None, description="Thumbnails are not counted; absent without attachments.")
    here: int | None = None


class SimilarPicture(BaseModel):
    """A picture that looks like the one asked about, in a record."""

    model_config = ConfigDict(extra="forbid")
    sha256: str
    distance: int = Field(description="Bits of 256 that differ.")
    iss: str
    rid: str
    ver: int
    title: str


class SimilarPictures(BaseModel):
    """Pictures that look alike, nearest first."""

    model_config = _config(
        {
            "similar": [
                {
                    "sha256": DIGEST, "distance": 4, "iss": "KE", "rid": RID, "ver": 1,
                    "title": "Footwear 1200 pairs, CN to KE, sea",
                }
            ]
        }
    )  # fmt: skip
    similar: list[SimilarPicture]
