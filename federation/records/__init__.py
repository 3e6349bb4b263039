"""The register of record schemas: (kind, version) to `Schema`.

    get_schema("seizure/1").validate(groups)

Each schema has a module whose docstring is its public form: `seizure`, `alert`, `annotation`, `statistics`, `bulletin`,
`tombstone`.
The code lists are in `codes`. Nothing here knows signatures, feeds or databases.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from federation.records.alert import ALERT
from federation.records.annotation import ANNOTATION
from federation.records.bulletin import BULLETIN
from federation.records.checks import Fault, Report
from federation.records.facts import Facets
from federation.records.model import Schema, UnknownSchema
from federation.records.seizure import SEIZURE
from federation.records.statistics import STATISTICS
from federation.records.tombstone import TOMBSTONE, check_tomb

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMAS: Final[Mapping[str, Schema]] = MappingProxyType(
    {schema.id: schema for schema in (SEIZURE, ALERT, ANNOTATION, STATISTICS, BULLETIN, TOMBSTONE)},
)
"""Every schema that this version speaks, by id."""


def get_schema(name: str) -> Schema:
    """Return the schema of this id, such as `seizure/1`; `UnknownSchema` when there is none."""
    schema = SCHEMAS.get(name)
    if schema is None:
        raise UnknownSchema(name)
    return schema


__all__ = [
    "SCHEMAS",
    "Facets",
    "Fault",
    "Report",
    "Schema",
    "UnknownSchema",
    "check_tomb",
    "get_schema",
]
