"""The mappings that ship with the product, and which of them fits a file exactly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import node
from node.services.importing.mapping import ImportMapping, read_mapping
from node.services.importing.values import fold

if TYPE_CHECKING:
    from collections.abc import Iterable

    from node.services.importing.tables import Table


def mappings_folder() -> Path:
    """Where the shipped mappings lie: inside the installed package, or in `config/` of a checkout."""
    inside = Path(next(iter(node.__path__)))
    installed = inside / "_config" / "mappings"
    return installed if installed.is_dir() else inside.parent / "config" / "mappings"


def shipped_mappings(folder: Path | None = None) -> tuple[ImportMapping, ...]:
    """All shipped mappings, by name."""
    return tuple(read_mapping(path, kind="shipped") for path in sorted((folder or mappings_folder()).glob("*.toml")))


def fitting(table: Table, mappings: Iterable[ImportMapping]) -> ImportMapping | None:
    """Return the one mapping whose columns are exactly those of the file, in any order."""
    headers = frozenset(map(fold, table.header))
    fits = [mapping for mapping in mappings if mapping.headers() == headers]
    return fits[0] if len(fits) == 1 else None
