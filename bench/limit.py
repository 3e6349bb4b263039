"""The limit that figures are ratios to: `cryptography`'s Ed25519 verify, 1 KB message, one core.

It is taken right before and right after what is compared with it, in short rounds of which the best counts: on a
machine that does other things too, a ratio to a limit of another minute says little.
"""

from __future__ import annotations

import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ROUND_SECONDS = 0.1
CALLS = 50


def ed25519_verify(rounds: int = 5) -> float:
    """Verifications a second, the best of some short rounds."""
    key = Ed25519PrivateKey.generate()
    message = b"m" * 1024
    signature, public = key.sign(message), key.public_key()
    best = 0.0
    for _ in range(rounds):
        count, began = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - began) < ROUND_SECONDS:
            for _ in range(CALLS):
                public.verify(signature, message)
            count += CALLS
        best = max(best, count / elapsed)
    return best
