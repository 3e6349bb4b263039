"""Relative-intensity indices after OECD and EUIPO, from two files of figures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.session import Refusal, session

if TYPE_CHECKING:
    from node.services.statistics.intensity import Flow, Index, Joint

BY: Final = ("product", "economy", "both")


def register(group: typer.Typer) -> None:
    """Add the command to the group of statistics."""
    group.command()(intensity)


def intensity(
    context: typer.Context,
    seizures: Annotated[Path, typer.Option(help="CSV of seized value: economy,product,value (and reporter).")],
    trade: Annotated[Path, typer.Option(help="CSV of imported value with the same columns.")],
    by: Annotated[str, typer.Option(help="product (GTRIC-p), economy (GTRIC-e) or both (their product).")] = "product",
    minimum_trade: Annotated[
        float, typer.Option("--minimum-trade", min=0.0, help="Leave out what is imported for less than this.")
    ] = 0.0,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows, the most intensive first.")] = 100,
) -> None:
    """Print where seizures are intensive against trade: indices from 0 to 1 after OECD/EUIPO (GTRIC)."""
    from node.services.statistics.intensity import IntensityRefused, joint_intensity, relative_intensity

    at = session(context)
    if by not in BY:
        raise Refusal(f"--by: is one of {', '.join(BY)}", status=2)
    try:
        seized, traded = _read(seizures), _read(trade)
        indices = [
            relative_intensity(seized, traded, axis=axis, minimum_trade=minimum_trade)
            for axis in ("product", "economy")
            if by in (axis, "both")
        ]
    except IntensityRefused as refused:
        raise Refusal(str(refused)) from refused
    joint = joint_intensity(indices[0], indices[1])[:limit] if by == "both" else ()
    if at.out.json:
        at.out.result(
            {"indices": [_told(index, limit) for index in indices]}
            | ({"cells": [_cell(one) for one in joint]} if joint else {})
        )
        return
    if joint:
        rows = [(one.economy, one.product, f"{one.index:.4f}") for one in joint]
        at.out.table(("economy", "product", "GTRIC"), rows, empty="Nothing was seized.")
    else:
        at.out.table(
            (by, "seized", "imported", "factor", "GTRIC"),
            [
                (row["key"], f"{row['seizures']:.2f}", f"{row['imports']:.2f}", f"{row['factor']:.4f}",
                 f"{row['index']:.4f}")
                for row in _told(indices[0], limit)["rows"]
            ],
            empty="Nothing was seized.",
        )  # fmt: skip
    for index in indices:
        if index.too_little_trade:
            at.out.say(f"Without an index, for too little trade ({index.axis}): {', '.join(index.too_little_trade)}")
    if indices[0].without_seizures:
        at.out.say(f"Left out, as they report no seizures or no trade: {', '.join(indices[0].without_seizures)}")
    at.out.say(
        "Reporting is voluntary, and more seizures can mean better officers: an index ranks, it does not measure."
    )


def _read(path: Path) -> list[Flow]:
    from node.services.statistics.intensity import read_flows

    try:
        text = path.read_text("utf-8")
    except UnicodeDecodeError:
        raise Refusal(f"{path.name}: is not UTF-8 text; save it as CSV in UTF-8") from None
    return read_flows(text, name=path.name)


def _told(index: Index, limit: int) -> dict[str, Any]:
    rows = sorted(index.rows, key=lambda row: (-row.index, row.key))[:limit]
    return {
        "by": index.axis, "mean": index.mean, "deviation": index.deviation,
        "too_little_trade": list(index.too_little_trade), "without_seizures": list(index.without_seizures),
        "rows": [
            {
                "key": row.key, "seizures": row.seizures, "imports": row.imports, "factor": row.factor,
                "index": row.index,
            }
            for row in rows
        ],
    }  # fmt: skip


def _cell(one: Joint) -> dict[str, Any]:
    return {"economy": one.economy, "product": one.product, "index": one.index}
