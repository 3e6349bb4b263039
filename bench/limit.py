"""The limit that figures are ratios to: `cryptography`'s Ed25519 verify, 1 KB message, one core."""

from __future__ import annotations

import time
from collections.abc import Callable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROUND_SECONDS = 0.25


def ed25519_verify(rounds: int = 3) -> float:
    """Verifications a second, the best of some short rounds."""
    key = Ed25519PrivateKey.generate()
    message = b"m" * 1024
    signature, public = key.sign(message), key.public_key()
    return max(_rate(lambda: public.verify(signature, message)) for _ in range(rounds))


def _rate(work: Callable[[], object]) -> float:
    count, began = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - began) < ROUND_SECONDS:
        for _ in range(50):
            work()
        count += 50
    return count / elapsed
