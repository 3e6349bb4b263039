"""The one place where the parts of a node are put together.

`open_home` reads a home (settings, keys, database, directory); `build` makes the web application of it. Nothing else
in the project reaches for a part that it was not given.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import time
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from crypto import httpsig
from crypto.enc import Opener
from crypto.errors import KeyFileRefused
from crypto.signer import FileSigner, RotatingSigner
from federation.errors import DirectoryStale
from federation.transport import PeerLink, make_client
from federation.trust import DirectoryMirror
from node import __version__, auth, telemetry
from node.services import (
    annotating,
    attachments,
    collector,
    counters,
    disclosing,
    founding,
    insiders,
    keyring,
    leaving,
    offering,
    recalling,
    reconciling,
    relaying,
    replaying,
    revoking,
    settling,
    sweeping,
)
from node.services.answering import Answerer
from node.services.asking import Asker
from node.services.bundles import Maker as BundleMaker
from node.services.bundles import Taker as BundleTaker
from node.services.exchange import Chore, Exchange
from node.services.intake import PeerDesk
from node.services.limits import DiskFloor, Share, Shares
from node.services.membership import Membership
from node.services.pictures.ingest import Intake
from node.services.pictures.likeness import Finder
from node.services.pictures.workshop import Workshop
from node.services.publishing import Publisher
from node.services.pushing import road_to
from node.services.reconciling import Reconciler
from node.services.statistics import following
from node.services.stopping import DAY, RecallRules
from node.services.verifiers import Verifiers
from node.settings import Settings, SettingsRefused, load
from node.storage import attachments as stored_attachments
from node.storage import policies
from node.storage.blobs import Blobs, open_blobs
from node.storage.database import Database
from node.storage.nonces import Nonces

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Collection
    from pathlib import Path

    from fastapi import FastAPI
    from httpx import AsyncClient

    from crypto.keys import KeyUse
    from crypto.signer import Signer
    from federation.policy import CompiledPolicy

KEY_USES: Final = ("record", "log", "http")
ENC_FILE: Final = founding.ENC_FILE
KEY_FILE: Final = "keyfile"
SPOOL: Final = "spool"
"""In the home: parts of attachments that are on their way in."""
FETCH_SECONDS: Final = 2.0
SWEEP_SECONDS: Final = 2.0
RECONCILE_SECONDS: Final = 86_400.0
WATCH_SECONDS: Final = 30.0
KEY_SECONDS: Final = 1.0
"""How often it is looked whether a key that waits may sign."""
LOG_SECONDS: Final = 1.0
"""The longest that a disclosure row waits for the log while the node is served and idle."""


def wall_clock() -> int:
    """Now, in whole seconds."""
    return int(time.time())


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """The parts of one node, opened. Keys are opened when they are first used: most commands sign nothing."""

    settings: Settings
    database: Database
    membership: Membership
    clock: Callable[[], int] = wall_clock
    opened: dict[str, RotatingSigner] = field(default_factory=dict)
    """Signers by use, once opened: deriving the key of a key file is slow on purpose."""
    workshop: Workshop = field(default_factory=Workshop)
    """Where pictures are worked on; its process is started by the first one."""
    opening: threading.Lock = field(default_factory=threading.Lock)
    """One key is opened at a time: each takes 16 MB for a moment, and chores that begin together ask for the same."""

    def signer(self, use: str) -> Signer:
        """The signer for one use: `record`, `log` or `http`."""
        with self.opening:
            if use not in self.opened:
                self._settle_keys()
                self.opened[use] = RotatingSigner(self._load(use))
            return self.opened[use]

    def _load(self, use: str) -> FileSigner:
        try:
            return FileSigner.load(self.settings.home / "keys" / f"{use}.key", self.secret())
        except KeyFileRefused as error:
            raise SettingsRefused(f"the {use} key of this node cannot be opened: {error}") from error

    def secret(self) -> bytes:
        """What opens this node's keys."""
        try:
            return (self.settings.home / KEY_FILE).read_bytes().strip()
        except FileNotFoundError:
            raise SettingsRefused(f"{self.settings.home / KEY_FILE} is missing: it opens this node's keys") from None

    def settle_keys(self) -> None:
        """Let keys sign that were waiting and are due, also where another process of this node has seen to it."""
        with self.opening:
            self._settle_keys()

    def _settle_keys(self) -> None:
        keys = self.settings.home / "keys"
        with contextlib.suppress(DirectoryStale):
            patience = keyring.POLLS * self.settings.directory_poll_seconds
            keyring.settle(keys, self.membership.current(), now=self.clock(), patience=patience)
        for use, signer in self.opened.items():
            if signer.kid != keyring.kid_in(keys / f"{use}.key"):
                signer.replace(self._load(use))

    def waiting_keys(self) -> list[tuple[KeyUse, Signer, int]]:
        """Keys that wait until the directory lists them, each with the time from which it may sign."""
        found = ((use, keyring.waiting(self.settings.home / "keys", use, secret=self.secret())) for use in keyring.USES)
        return [(use, *waits) for use, waits in found if waits is not None]

    def opener(self) -> Opener:
        """What opens bundles that are sealed to this node."""
        settings = self.settings
        if not (settings.home / "keys" / ENC_FILE).exists():
            raise SettingsRefused(
                "this node has no key for bundles: run `tidewaiter key make enc`, and hand the output of `tidewaiter "
                "node card` to the authority of the federation"
            )
        try:
            return Opener.load(settings.home / "keys" / ENC_FILE, self.secret())
        except KeyFileRefused as error:
            raise SettingsRefused(f"the enc key of this node cannot be opened: {error}") from error

    def card(self) -> bytes:
        """This node's card, of today."""
        enc = self.opener().public if (self.settings.home / "keys" / ENC_FILE).exists() else None
        return founding.card(self.settings, self.signer, now=self.clock(), enc=enc, waiting=self.waiting_keys())

    def policy(self) -> CompiledPolicy | None:
        """The policy in force, compiled; None where none was activated."""
        with self.database.read() as connection:
            return policies.in_force(connection)

    def publisher(self) -> Publisher:
        """The one who releases for this node."""
        directory = self.membership.current()
        return Publisher(
            fed=directory.fed, node=self.settings.id, signer=self.signer("record"), directory=directory,
            policy=self.policy(), handling=self.settings.handling, token=os.urandom,
        )  # fmt: skip

    def offer_again(self) -> Collection[str]:
        """Offer what is live to members that never had it and may have it now; whose feeds have grown."""
        return offering.offer_again(self.database, self.publisher(), now=self.clock())

    def blobs(self) -> Blobs:
        """The store of attachments."""
        return open_blobs_of(self.settings)

    def picture_intake(self) -> Intake:
        """Where officers' pictures and files come in."""
        return Intake(
            node=self.settings.id, database=self.database, blobs=self.blobs(), workshop=self.workshop,
            token=os.urandom,
        )  # fmt: skip

    def picture_desk(self) -> Any:
        """What the officers' face needs for pictures."""
        from node.api.pictures import Desk  # noqa: PLC0415 - only `serve` has faces

        intake = self.picture_intake()
        return Desk(blobs=intake.blobs, workshop=self.workshop, intake=intake, finder=Finder(database=self.database))

    async def fetch_pictures(self) -> attachments.Fetched:
        """Fetch what records name and what is not here, with connections of this call's own."""
        async with make_client(self.settings.allow_addresses) as client:
            return await self.fetcher(client).round()

    def fetcher(self, client: AsyncClient) -> attachments.Fetcher:
        """Who fetches attachments from peers."""
        return attachments.Fetcher(
            node=self.settings.id, database=self.database, blobs=self.blobs(), workshop=self.workshop,
            spool=self.settings.home / SPOOL, link=partial(self._link, client), clock=self.clock,
        )  # fmt: skip

    def _link(self, client: AsyncClient, peer: str) -> PeerLink:
        return PeerLink(
            peer=peer, node=self.settings.id, client=client, directory=self.membership.current,
            signer=self.signer("http"), clock=self.clock,
        )  # fmt: skip

    def asker(self, client: AsyncClient) -> Asker:
        """Who asks other nodes for this node's officers."""
        return Asker(
            node=self.settings.id, database=self.database, membership=self.membership, policy=self.policy,
            link=partial(self._link, client), clock=self.clock, token=os.urandom,
        )  # fmt: skip

    def answerer(self) -> Answerer:
        """Who answers other nodes' questions."""
        settings = self.settings
        return Answerer(
            node=settings.id, database=self.database, membership=self.membership,
            contact=settings.duty_contact or settings.name, per_day=settings.questions_per_day,
        )  # fmt: skip

    def _fetch_if_due(self) -> None:
        with self.database.read() as connection:
            if not stored_attachments.due(connection, now=self.clock(), node=self.settings.id, limit=1):
                return
        asyncio.run(self.fetch_pictures())

    def sweep_pictures(self) -> int:
        """Erase attachments that nothing names any more; how many."""
        return attachments.sweep(self.database, self.blobs(), self.settings.home / SPOOL)

    def _sweep_pictures(self) -> None:
        self.sweep_pictures()

    def _reconcile_pictures(self) -> None:
        attachments.reconcile(self.database, self.blobs(), now=self.clock())

    def close(self) -> None:
        """Close what was opened."""
        self.workshop.close()
        self.database.close()

    def exchange(self) -> Exchange:
        """The exchange with all peers, not started."""
        settings = self.settings
        return Exchange(
            node=settings.id, database=self.database, membership=self.membership, log_signer=self.signer("log"),
            http_signer=self.signer("http"), client=make_client(settings.allow_addresses),
            poll_seconds=settings.poll_seconds,
            directory_url=settings.directory_url, directory_poll_seconds=settings.directory_poll_seconds,
            clock=self.clock,
            verifiers=Verifiers(settings.verifiers),
            offer_again=self.offer_again,
            chores=self.chores(),
            followers=(self.count_records,),
            rules=self.recall_rules(),
            shares=Shares(self.share()),
            floor=DiskFloor(settings.home, settings.limits["disk_reserve"]),
        )  # fmt: skip

    def reconciler(self) -> Reconciler:
        """The desk at which peers show what they hold of this node's records."""
        return Reconciler(
            node=self.settings.id, database=self.database, directory=self.membership.current,
            log_signer=self.signer("log"), clock=self.clock, publisher=self.publisher,
        )  # fmt: skip

    def replay(self) -> None:
        """Compare what is out with what the policy in force says, and keep what came of it."""
        if self.membership.joined():
            replaying.run(self.database, self.publisher(), now=self.clock())

    def count(self) -> None:
        """Raise the counters beside the database to what it has reached."""
        directory = self.membership.current().version if self.membership.joined() else 0
        counters.advance(self.settings.home, self.database, directory=directory)

    def settle(self) -> Collection[str]:
        """Offer everything again to peers that have shown what they hold since a restore; whose feeds have grown."""
        return reconciling.settle_all(self.database, self.publisher(), now=self.clock())

    def desk(self, peer: str, verifiers: Verifiers) -> PeerDesk:
        """A desk for what a peer brings otherwise than over the network.

        A bundle is of yesterday, and so is the checkpoint of our log that it shows. Where there is another road, that
        road carries newer ones; where there is none, the counters beside the database have to do.
        """
        alone = self.membership.joined() and road_to(self.membership.current(), self.settings.id, peer) == "bundles"
        return PeerDesk(
            peer=peer, node=self.settings.id, database=self.database, directory=self.membership.current,
            log_signer=self.signer("log"), clock=self.clock, verifiers=verifiers, witness=alone,
        )  # fmt: skip

    def bundle_maker(self) -> BundleMaker:
        """Who makes bundles for this node's peers."""
        return BundleMaker(
            node=self.settings.id, database=self.database, membership=self.membership, log_signer=self.signer("log"),
            clock=self.clock, token=os.urandom, desk=partial(self.desk, verifiers=Verifiers(0)),
        )  # fmt: skip

    def bundle_taker(self, verifiers: Verifiers) -> BundleTaker:
        """Who takes bundles in; the caller stops the verifiers."""
        return BundleTaker(
            node=self.settings.id, database=self.database, membership=self.membership, openers=[self.opener()],
            clock=self.clock, desk=partial(self.desk, verifiers=verifiers),
        )  # fmt: skip

    def share(self) -> Share:
        """What one peer may use of this node."""
        limits = self.settings.limits
        return Share(
            requests=limits["peer_requests"], bytes=limits["peer_bytes"], entries=limits["peer_entries"],
            seconds=limits["peer_seconds"], at_once=limits["peer_at_once"],
        )  # fmt: skip

    def count_records(self) -> bool:
        """Let the statistics follow the records by a batch; whether there was one."""
        return following.follow(self.database, now=self.clock())

    def chores(self) -> tuple[Chore, ...]:
        """What this node does by itself now and then while it is served."""
        return (
            Chore(name="disclosure log", seconds=LOG_SECONDS, run=lambda: disclosing.follow(self.database)),
            Chore(name="retention", seconds=sweeping.SECONDS, run=self.sweep),
            Chore(name="relay", seconds=relaying.SECONDS, run=self.relay),
            Chore(name="relay leave", seconds=leaving.SECONDS, run=self.renew_leave),
            Chore(name="settle", seconds=reconciling.SETTLE_SECONDS, run=self.settle),
            Chore(name="officers", seconds=WATCH_SECONDS, run=self.watch_officers),
            Chore(name="keys", seconds=KEY_SECONDS, run=self.settle_keys),
            Chore(name="directory changes", seconds=LOG_SECONDS, run=self.settle_directory),
            Chore(name="fallen annotations", seconds=annotating.SECONDS, run=self.end_fallen),
            Chore(name="fetch attachments", seconds=FETCH_SECONDS, run=self._fetch_if_due),
            Chore(name="erase attachments", seconds=SWEEP_SECONDS, run=self._sweep_pictures),
            Chore(name="compare attachments", seconds=RECONCILE_SECONDS, run=self._reconcile_pictures),
            Chore(name="replay", seconds=replaying.SECONDS, run=self.replay),
            Chore(name="counters", seconds=counters.SECONDS, run=self.count),
            Chore(name="recalls", seconds=settling.SECONDS, run=self.settle_recalls),
        )

    def end_fallen(self) -> Collection[str]:
        """Take back what this node said about records that were recalled since; whose feeds have grown."""
        return annotating.end_fallen(self.database, self.publisher, now=self.clock())

    def renew_leave(self) -> Collection[str]:
        """Give hubs other leave where the policy or the directory has changed; whose feeds have grown."""
        return leaving.renew(self.database, self.publisher(), now=self.clock())

    def relay(self) -> Collection[str]:
        """As a regional office: pass on what originators let it pass on; whose feeds have grown."""
        hub = relaying.Hub(node=self.settings.id, directory=self.membership.current(), token=os.urandom)
        return relaying.relay_round(self.database, hub, now=self.clock())

    def recall_rules(self) -> RecallRules:
        """What this node does with recalls."""
        return RecallRules(limit=self.settings.recall_limit, grace=int(self.settings.recall_grace_days * DAY))

    def settle_recalls(self) -> Collection[str]:
        """Erase what was recalled and whose grace is over; undo what is void; offer what is owed. Whose feeds grew."""
        settling.settle(
            self.database, node=self.settings.id, directory=self.membership.current(),
            log_signer=self.signer("log"), now=self.clock(),
        )  # fmt: skip
        with self.database.write() as connection:
            return recalling.offer_owed(connection, node=self.settings.id, now=self.clock())

    def sweep(self) -> None:
        """Erase what may not be kept any longer."""
        sweeping.sweep(self.database, now=self.clock())

    def watch_officers(self) -> None:
        """Count what officers looked at, and raise what the rules say."""
        insiders.watch(self.database, views_per_day=self.settings.views_per_day, now=self.clock())

    def settle_directory(self) -> None:
        """Do what a new version of the directory asks for: revoked keys, members that are back."""
        if self.membership.joined():
            revoking.settle(
                self.database, self.membership.current(), node=self.settings.id, signer=self.signer("log"),
                now=self.clock(),
            )  # fmt: skip


def open_blobs_of(settings: Settings) -> Blobs:
    """The store of attachments that the settings name."""
    return open_blobs(
        settings.blobs_url, endpoint=settings.blobs_endpoint, region=settings.blobs_region,
        credentials=settings.bucket_keys,
    )  # fmt: skip


def open_home(home: Path, *, clock: Callable[[], int] = wall_clock, migrate: bool = False) -> Home:
    """Read a home. With `migrate` its database is brought to the newest schema, else the schema must fit."""
    opened = assemble(home, clock=clock)
    if migrate:
        opened.database.upgrade()
    else:
        opened.database.check_schema()
    counters.notice(home, opened.database, now=clock())
    return opened


def assemble(home: Path, *, clock: Callable[[], int] = wall_clock) -> Home:
    """The parts of a home as they are, whatever state they are in: for who looks what is wrong with them."""
    settings = load(home)
    return Home(
        settings=settings,
        database=Database(settings.database_url),
        membership=Membership(DirectoryMirror(home / "directory"), settings.allow_addresses),
        clock=clock,
    )


def build(home: Home) -> FastAPI:
    """The web application of a node, with its exchange running as long as the application does."""
    # Here, because every command opens a home and only `serve` builds the web application.
    from fastapi import FastAPI  # noqa: PLC0415

    from node.api import (  # noqa: PLC0415
        admin,
        completeness,
        deps,
        desk,
        evidence,
        exchange,
        finding,
        health,
        holders,
        keeping,
        middleware,
        peer,
        peer_blobs,
        peer_inbox,
        peer_inventories,
        peer_log,
        peer_query,
        peer_relay,
        pictures,
        policies,
        prefix,
        problems,
        proposals,
        publications,
        questions,
        recalls,
        records,
        releases,
        remarks,
        statistics,
    )

    telemetry.configure(home.settings.log_level)
    loops = home.exchange()

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        collector.for_good()
        running = asyncio.create_task(loops.run(), name="exchange")
        try:
            yield
        finally:
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
            await loops.stop()
            home.close()

    app = FastAPI(
        title="Tidewaiter",
        version=__version__,
        summary="A federated intelligence-sharing node for customs.",
        lifespan=lifespan,
        openapi_tags=[peer.describe()],
        docs_url=None,
        redoc_url=None,
    )
    face = peer.PeerFace(
        node=home.settings.id,
        authority=httpsig.authority_of(home.settings.url or f"http://{home.settings.listen}"),
        database=home.database,
        membership=home.membership,
        nonces=Nonces(home.database),
        http_signer=loops.http_signer,
        log_signer=loops.log_signer,
        exchange=loops,
        clock=home.clock,
        shares=loops.shares,
        public_prefix=home.settings.public_prefix,
        served_prefix=home.settings.served_prefix,
    )
    for face_of_peers in (peer, peer_inbox, peer_log, peer_relay):
        app.include_router(face_of_peers.router(face))
    app.include_router(peer_blobs.router(face, home.blobs()))
    app.include_router(peer_inventories.router(face, home.reconciler()))
    app.include_router(peer_query.router(face, home.answerer()))
    office = deps.Office(
        settings=home.settings,
        database=home.database,
        membership=home.membership,
        exchange=loops,
        secret=auth.load_secret(home.settings.home),
        publisher=home.publisher,
        policy=home.policy,
        clock=home.clock,
        asker=partial(home.asker, loops.client),
    )
    deps.open_office(app, office)
    for face_of_officers in (
        records, releases, recalls, policies, proposals, exchange, admin, evidence, holders, keeping, completeness,
        remarks, questions, finding, statistics, publications, desk, health,
    ):  # fmt: skip
        app.include_router(face_of_officers.router)
    app.include_router(pictures.router(home.picture_desk))
    problems.install(app)
    if home.settings.served_prefix:
        app.add_middleware(prefix.Under, prefix=home.settings.served_prefix)
    app.add_middleware(middleware.Surround)
    return app
