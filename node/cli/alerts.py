"""Alerts: drawn from a seizure or from what an officer says, and published."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from node.cli.releasing import release_drafts
from node.cli.session import Refusal, session

alert_app: Final = typer.Typer(help="Alerts to other members.", no_args_is_help=True, rich_markup_mode=None)
Many = list[str] | None


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.add_typer(alert_app, name="alert")


@alert_app.command("new")
def new(
    context: typer.Context,
    from_: Annotated[
        str | None, typer.Option("--from", help="Reference of the seizure that the alert is drawn from.")
    ] = None,
    reference: Annotated[
        str | None, typer.Option(help="The alert's own reference. Default: the next free number.")
    ] = None,
    title: Annotated[Many, typer.Option(help="LANG=TEXT, or text in English. Repeat it for other languages.")] = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="new_modus_operandi, dangerous_goods, hot_shipment or product_feature."),
    ] = None,
    priority: Annotated[str | None, typer.Option(help="routine, high or immediate.")] = None,
    respond_by: Annotated[str | None, typer.Option(help="YYYY-MM-DD or YYYY-MM-DDTHH:MM:SSZ.")] = None,
    until: Annotated[str | None, typer.Option(help="Last day on which it counts, YYYY-MM-DD.")] = None,
    action: Annotated[Many, typer.Option(help="inform, monitor, control or stop_and_call. Repeatable.")] = None,
    text: Annotated[Many, typer.Option(help="LANG=TEXT, or text in English. Repeat it for other languages.")] = None,
    no_names: Annotated[
        bool, typer.Option("--no-names", help="I have read the texts: they name no person and no firm.")
    ] = False,
    category: Annotated[Many, typer.Option(help="Goods category, such as footwear. Repeatable.")] = None,
    hs: Annotated[Many, typer.Option(help="HS code. Repeatable.")] = None,
    brand: Annotated[Many, typer.Option(help="Brand. Repeatable.")] = None,
    right: Annotated[Many, typer.Option(help="Type of right, such as trademark. Repeatable.")] = None,
    gtin: Annotated[Many, typer.Option(help="GTIN of the product. Repeatable.")] = None,
    health_safety: Annotated[bool, typer.Option("--health-safety", help="Health or safety is at stake.")] = False,
    origin: Annotated[Many, typer.Option(help="Country code. Repeatable.")] = None,
    departure: Annotated[Many, typer.Option(help="Country code. Repeatable.")] = None,
    transit: Annotated[Many, typer.Option(help="Country code. Repeatable.")] = None,
    destination: Annotated[Many, typer.Option(help="Country code. Repeatable.")] = None,
    conveyance: Annotated[Many, typer.Option(help="post, express, air, sea, road, rail ... Repeatable.")] = None,
    method: Annotated[Many, typer.Option(help="How it was hidden: LANG=TEXT, or text in English.")] = None,
    indicator: Annotated[Many, typer.Option(help="What to look for. Repeatable.")] = None,
) -> None:
    """Draw up an alert as a draft. Options replace what the seizure says; persons and firms are never taken over."""
    from node.services import alerting

    at = session(context)
    if from_ is None and not title:
        raise Refusal("give --from REFERENCE of a seizure, or at least --title and --type", status=2)
    wishes = alerting.Wishes(
        title=texts_of(title), type=type_, priority=priority, respond_by=respond_by, until=until, actions=action or (),
        texts=texts_of(text), no_names=no_names, category=category or (), hs=hs or (), brand=brand or (),
        right=right or (), gtin=gtin or (), health_safety=health_safety, origin=origin or (),
        departure=departure or (), transit=transit or (), destination=destination or (),
        conveyance=conveyance or (), method=texts_of(method), indicators=indicator or (),
    )  # fmt: skip
    with at.opened() as home:
        drawn = alerting.draw(
            home.database, wishes, node=home.settings.id, seizure=from_, reference=reference, now=home.clock()
        )
    for warning in drawn.warnings:
        at.out.say(f"warning: {warning}")
    if at.out.json:
        at.out.result({"reference": drawn.reference, "title": drawn.title, "warnings": list(drawn.warnings)})
        return
    at.out.line(drawn.reference)
    at.out.say(f"{drawn.title}\nA draft: `tidewaiter alert publish {drawn.reference}` signs and sends it.")


@alert_app.command("publish")
def publish(
    context: typer.Context,
    reference: Annotated[str, typer.Argument(help="The alert's reference.")],
    by: Annotated[str | None, typer.Option(help="Who publishes. Default: the user of this machine.")] = None,
    second: Annotated[
        str | None, typer.Option(help="The second officer, where a rule of the policy needs one.")
    ] = None,
) -> None:
    """Sign an alert and put it into the urgent lane of every member that the policy grants it to."""
    at = session(context)
    with at.opened() as home:
        release_drafts(at, home, references=[reference], kind="alert", by=by, second=second)


def texts_of(given: list[str] | None) -> list[tuple[str, str]]:
    """LANG=TEXT pairs; what has no short word before an equals sign is English."""
    pairs = []
    for item in given or []:
        language, mark, text = item.partition("=")
        tagged = mark and language.replace("-", "").isalpha() and len(language) <= 12  # noqa: PLR2004 - pt-BR and the like
        pairs.append((language, text) if tagged else ("en", item))
    return pairs
