"""How fast records are signed and opened, measured against the Ed25519 check of `cryptography`.

The limit and what is compared with it are measured in turns within one run, in short rounds, and the best
round of each counts: on a machine shared with others, ratios of best rounds are what repeats.

"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from crypto import sdjwt
from crypto.signer import FileSigner

if TYPE_CHECKING:
    from collections.abc import Callable

    from crypto.strictjson import JsonValue

TYP: Final = "cnp-record+sd-jwt"
DIGESTS: Final = 24
ROUND_SECONDS: Final = 0.05

CLAIMS: Final[dict[str, JsonValue]] = {
    "fed": "bench",
    "iss": "KE",
    "rid": "5c1a6f6e-3c0c-4b0e-9b0a-0a3b7a1f2c11",
    "ver": 1,
    "iat": 1_760_000_000,
    "kind": "seizure",
    "sch": "seizure/1",
    "crit": [],
    "h": {"tlp": "amber", "purposes": ["customs-enforcement"], "onward": "none", "evidence": "ask"},
}

GROUPS: Final[dict[str, JsonValue]] = {
    "case": {
        "reference": "2026/0417/MBA",
        "administration": "KE",
        "dates": [{"kind": "found", "on": "2026-03-09"}, {"kind": "seized", "on": "2026-03-11"}],
    },
    "place": {
        "country": "KE",
        "office": "Mombasa, Kilindini",
        "location_type": "seaport",
        "unlocode": "KEMBA",
    },
    "place_coarse": {"country": "KE", "location_type": "seaport", "month": "2026-03"},
    "control": {
        "procedure": "import",
        "traffic": "freight",
        "basis": {"type": "on_application", "application": "KE-2025-0093"},
        "detection": ["risk_profile", "x_ray"],
    },
    "transport": {"conveyance": "vessel"},
    "route": {
        "chain": [
            {"role": "departure", "country": "CN"},
            {"role": "transit", "country": "AE"},
            {"role": "destination", "country": "UG"},
        ],
        "discovered_in": "transit",
    },
    "route_ends": {"departure": ["CN"], "destination": ["UG"]},
    "goods": [
        {
            "line": "1",
            "wco": ["footwear"],
            "hs": {"scheme": "HS", "edition": "2022", "code": "640411"},
            "description": [{"lang": "en", "by": "author", "text": "Sports shoes, sizes 38 to 45, no boxes"}],
        },
        {"line": "2", "wco": ["clothing"], "hs": {"scheme": "HS", "edition": "2022", "code": "610910"}},
    ],
    "quantity": [
        {"line": "1", "amount": {"n": "1200", "unit": "NPR"}},
        {"line": "2", "amount": {"n": "640", "unit": "H87"}},
    ],
    "quantity_band": [{"line": "1", "band": "1000-9999", "unit": "NPR"}],
    "value": [{"line": "1", "money": {"n": "48000.50", "currency": "USD", "basis": "genuine_retail"}}],
    "right": [{"line": "1", "brands": ["Fleet Foot"], "types": ["trademark"], "holder": "Fleet Foot Ltd"}],
}
"""Twelve of the groups of a seizure; with the claims some 1.7 KB as JSON, 4.3 KB as a token."""


def run(quick: bool) -> list[tuple[str, float, str]]:
    """Return name, value and unit of each figure; `quick` measures fewer rounds."""
    signer = FileSigner.generate()

    def issue() -> sdjwt.Issued:
        return sdjwt.issue(claims=CLAIMS, groups=GROUPS, digests=DIGESTS, typ=TYP, signer=signer)

    issued = issue()
    token = sdjwt.present(issued.jwt, issued.disclosures.values())
    keys = {signer.kid: signer.public}

    def verify() -> sdjwt.Opened:
        return sdjwt.verify(token, typ=TYP, key_for=keys.__getitem__)

    assert verify().groups == GROUPS
    private = Ed25519PrivateKey.generate()
    public, message = private.public_key(), bytes(1024)
    signature = private.sign(message)
    limit, issues, verifies = _best_rates(
        [lambda: public.verify(signature, message), issue, verify], rounds=8 if quick else 40
    )
    return [
        ("ed25519_verify", limit, "1/s"),
        ("issue", issues, "1/s"),
        ("issue_ratio", issues / limit, "of ed25519_verify"),
        ("verify", verifies, "1/s"),
        ("verify_ratio", verifies / limit, "of ed25519_verify"),
        ("record_bytes", len(token), "B"),
    ]


def _best_rates(tasks: list[Callable[[], object]], *, rounds: int) -> list[float]:
    """Return calls per second of each task in its best round, the tasks taking turns."""
    calls = [max(1, int(ROUND_SECONDS / _seconds(task, 20) * 20)) for task in tasks]
    best = [0.0] * len(tasks)
    for _ in range(rounds):
        for number, task in enumerate(tasks):
            best[number] = max(best[number], calls[number] / _seconds(task, calls[number]))
    return best


def _seconds(task: Callable[[], object], calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        task()
    return time.perf_counter() - start


def main() -> None:
    """Print one line a figure."""
    for name, value, unit in run(quick=False):
        print(f"BENCH {name} {value:.3f} {unit}")


if __name__ == "__main__":
    main()
