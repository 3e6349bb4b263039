"""Found and run a node: init, migrate, serve, token, and its card."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from node.cli.output import grouped
from node.cli.session import Refusal, read_input, session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from node.settings import Settings

ROLES: Final = ("officer", "contact-point", "admin", "auditor")
DAY: Final = 86_400
LONGEST_DAYS: Final = 366  # node.auth.MAX_LIFETIME
node_app: Final = typer.Typer(help="This node's own papers.", no_args_is_help=True, rich_markup_mode=None)

M_ARENA_MAX = -8
"""The parameter of glibc's `mallopt` for the number of heaps (malloc.h)."""


def register(app: typer.Typer) -> None:
    """Add this family's commands."""
    app.command()(init)
    app.command()(serve)
    app.command()(migrate)
    app.command()(token)
    app.add_typer(node_app, name="node")


def init(
    context: typer.Context,
    node: Annotated[str, typer.Option(help="The node's id, such as KE or RILO-ESA.")],
    name: Annotated[str | None, typer.Option(help="Its name for people. Default: the id.")] = None,
    country: Annotated[str | None, typer.Option(help="ISO code. Default: the id, if it is a country code.")] = None,
    kind: Annotated[str, typer.Option(help="administration, rilo or oversight.")] = "administration",
    region: Annotated[str | None, typer.Option(help="WCO region, such as ESA or EUR.")] = None,
    url: Annotated[str | None, typer.Option(help="The address that peers use. Default: http:// and --listen.")] = None,
    behind_firewall: Annotated[
        bool, typer.Option("--behind-firewall", help="Peers cannot reach it: it has no address, and pushes.")
    ] = False,
    listen: Annotated[str | None, typer.Option(help="host:port to serve on. Default: 127.0.0.1:8443.")] = None,
    allow_address: Annotated[
        list[str] | None,
        typer.Option(
            help="An address range that may be connected to though it is not public. Default: loopback, if "
            "the node's own address is there."
        ),
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="SQLAlchemy URL. Default: SQLite in the home; or postgresql+psycopg://...")
    ] = None,
) -> None:
    """Make a node's home: keys, settings, database. Never prompts."""
    from node.services import founding

    at = session(context)
    if behind_firewall and url:
        raise Refusal("--behind-firewall: says that the node has no address; leave out it or --url", status=2)
    url = "" if behind_firewall else url
    settings = _settings(
        at.home,
        {
            "node": {"id": node, "name": name, "country": country, "kind": kind, "region": region, "url": url},
            "http": {"listen": listen},
            "database": {"url": database},
            "peers": {"allow_addresses": allow_address or _own_ranges(url, listen, behind_firewall=behind_firewall)},
        },
    )
    founding.init(settings)
    if at.out.json:
        at.out.result({"node": settings.id, "home": str(at.home), "url": settings.url, "listen": settings.listen})
        return
    at.out.line(f"{settings.id} is founded in {at.home}.")
    at.out.say(
        "Next: import FILE works at once; to share, hand the output of `node card` to the authority and `join` its "
        "federation."
    )


def _own_ranges(url: str | None, listen: str | None, *, behind_firewall: bool) -> list[str] | None:
    """Loopback for a node whose own address is there: then its federation lives on one machine."""
    from urllib.parse import urlsplit

    from federation.addresses import LOOPBACK
    from federation.directory import LOOPBACK as NAMES

    if behind_firewall:
        return None
    host = urlsplit(url or f"http://{listen or '127.0.0.1'}").hostname
    return list(LOOPBACK) if host in NAMES else None


def _settings(home: Path, given: dict[str, dict[str, Any]]) -> Settings:
    """The settings of a new home, checked as those of a file are, and besides by what a node card will demand."""
    from federation.directory import endpoint_fault
    from federation.records.codes import is_code
    from node.settings import SettingsRefused, make

    values: dict[str, dict[str, Any]] = {
        section: {key: value for key, value in keys.items() if value is not None} for section, keys in given.items()
    }
    own = values["node"]
    if "country" not in own and own.get("kind") == "administration" and is_code("country", own["id"]):
        own["country"] = own["id"]
    settings = make(home, values)
    if settings.country is not None and not is_code("country", settings.country):
        raise SettingsRefused(f"--country: {settings.country} is no country code; write two letters, such as KE")
    if settings.country is None and settings.kind == "administration":
        raise SettingsRefused("--country: an administration has one; write its two letters, such as KE")
    fault = endpoint_fault(settings.url) if settings.url else None
    if fault:
        raise SettingsRefused(f"--url: {settings.url} {fault}; write an address such as https://cnp.example/ke")
    return settings


def migrate(context: typer.Context) -> None:
    """Bring the database to the schema of this version of the software."""
    at = session(context)
    with at.opened(migrate=True) as home:
        revision = home.database.revision()
    if at.out.json:
        at.out.result({"revision": revision})
    else:
        at.out.line(f"The database is at revision {revision}.")


def serve(
    context: typer.Context,
    homes: Annotated[
        list[Path] | None,
        typer.Argument(help="Serve these homes in one process, each under the path of its address, instead of --home."),
    ] = None,
) -> None:
    """Serve peers, officers and programs, and exchange with all peers, until stopped."""
    import contextlib

    import uvicorn

    from node.api.prefix import Several
    from node.api.wire import BoundedHead
    from node.app import build, open_home

    at = session(context)
    _one_arena()
    with contextlib.ExitStack() as stack:
        opened = []
        for folder in homes or [at.home]:
            home = open_home(folder.expanduser().absolute())
            stack.callback(home.database.close)
            opened.append(home)
        nodes = _by_prefix([home.settings for home in opened])
        listening = _listen(*opened[0].settings.listen_address)
        host = opened[0].settings.listen_address[0]
        address = f"http://{host if ':' not in host else f'[{host}]'}:{listening.getsockname()[1]}"
        apps = {home.settings.served_prefix: build(home) for home in opened}
        config = uvicorn.Config(
            Several(apps) if len(apps) > 1 else next(iter(apps.values())),
            loop="auto", http=BoundedHead, ws="none", lifespan="on", log_config=None, access_log=False,
            server_header=False, date_header=False, proxy_headers=False,
            timeout_keep_alive=75,  # longer than peers keep a connection (60 s): none is reused that is being closed
        )  # fmt: skip

        class Server(uvicorn.Server):
            """Says where it serves once it does."""

            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                await super().startup(sockets)
                if self.should_exit:
                    return
                for prefix, settings in nodes.items():
                    if at.out.json:
                        at.out.result({"node": settings.id, "address": address + prefix, "url": settings.url})
                    else:
                        at.out.line(f"{settings.id} serves at {address}{prefix} (Ctrl-C stops it)")

        server = Server(config)
        server.run(sockets=[listening])
        if not server.started:
            raise Refusal(
                f"the server did not start; look at what stands above, and at {opened[0].settings.home}/node.toml"
            )


def _by_prefix(served: Sequence[Settings]) -> dict[str, Settings]:
    """The nodes of one process by their paths; the first one's address is where it listens."""
    found: dict[str, Settings] = {}
    for settings in served:
        before = found.setdefault(settings.served_prefix, settings)
        if before is not settings:
            raise Refusal(
                f"{before.id} and {settings.id} would answer at the same path {settings.served_prefix or '/'}: give "
                "each a node.url with a path of its own, such as https://host/ke, or an http.prefix"
            )
    return found


def _one_arena() -> None:
    """Let all threads share one heap, where the C library allows it.

    Pages come and go in every thread, and a heap for each would keep the memory of the largest page that it ever saw.
    """
    import contextlib
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket, or the sentence that says why not."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        raise Refusal(
            f"http.listen: {host}:{port}: {error.strerror or error}; choose another address in node.toml, or stop what "
            "listens there"
        ) from None
    return listening


def token(
    context: typer.Context,
    role: Annotated[str, typer.Option(help="officer, contact-point, admin or auditor.")],
    subject: Annotated[str, typer.Option(help="Whose token it is; the disclosure log names it.")],
    days: Annotated[int, typer.Option(min=1, max=LONGEST_DAYS, help="Days until it expires.")] = 30,
) -> None:
    """Make an access token for this node's own API."""
    from node.auth import MAX_SUBJECT, make_token

    at = session(context)
    if role not in ROLES:
        raise Refusal(f"--role: {role} is none; write one of {', '.join(ROLES)}", status=2)
    if not 0 < len(subject.strip()) <= MAX_SUBJECT or not subject.isprintable():
        raise Refusal(f"--subject: is empty, not printable or beyond {MAX_SUBJECT} characters; write a name", status=2)
    with at.opened() as home:
        secret = read_input(home.settings.home / "token.secret", what="the home of a node: `init` makes it").strip()
        made = make_token(
            secret, node=home.settings.id, subject=subject.strip(), role=role, now=home.clock(), lifetime=days * DAY
        )
    if at.out.json:
        at.out.result({"token": made, "role": role, "subject": subject.strip(), "days": days})
    else:
        at.out.line(made)


@node_app.command()
def card(
    context: typer.Context,
    output: Annotated[Path | None, typer.Option(help="Write the card into this file instead of printing it.")] = None,
) -> None:
    """Write this node's card for the authority of a federation: id, address, keys, signed by each key."""
    from federation.nodecard import open_card

    at = session(context)
    with at.opened() as home:
        data = home.card()
    if output is None:
        at.out.line(data.decode())
    else:
        output.write_bytes(data)
        at.out.say(f"The card is in {output}.")
    at.out.say(f"Fingerprint, to be compared by telephone: {grouped(open_card(data).fingerprint)}")
