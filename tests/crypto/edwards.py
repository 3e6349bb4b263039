"""Just enough arithmetic on Ed25519 to construct the points that a verifier must be asked about.

Slow, not constant in time, and for tests only (RFC 8032, section 5.1, in affine coordinates).
"""

import hashlib
from typing import Final

P: Final = 2**255 - 19
ORDER: Final = 2**252 + 27742317777372353535851937790883648493
D: Final = -121665 * pow(121666, -1, P) % P
ROOT: Final = pow(2, (P - 1) // 4, P)

Point = tuple[int, int]
IDENTITY: Final = (0, 1)


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    t = D * x1 * x2 * y1 * y2
    return (
        (x1 * y2 + x2 * y1) * pow(1 + t, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - t, -1, P) % P,
    )


def times(scalar: int, point: Point) -> Point:
    result = IDENTITY
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point = add(point, point)
        scalar >>= 1
    return result


def encode(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def at_height(y: int, sign: int) -> Point | None:
    """The point with this y, or None when there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square:
        return None
    return (x if x & 1 == sign else -x % P), y


def base() -> Point:
    point = at_height(4 * pow(5, -1, P) % P, 0)
    assert point
    return point


def torsion() -> list[Point]:
    """The eight points of small order."""
    y = 2
    while True:
        point = at_height(y, 0)
        if point and times(4, generator := times(ORDER, point)) != IDENTITY:
            return [times(k, generator) for k in range(8)]
        y += 1


def off_curve() -> bytes:
    """The encoding of a y for which there is no point."""
    y = 2
    while at_height(y, 0):
        y += 1
    return y.to_bytes(32, "little")


def sign_with(*, secret: int, nonce: int, message: bytes, a_extra: Point, r_extra: Point) -> tuple[bytes, bytes]:
    """Key and signature whose A and R have something added to them, by one who knows the secret."""
    a = encode(add(times(secret, base()), a_extra))
    r = encode(add(times(nonce, base()), r_extra))
    h = int.from_bytes(hashlib.sha512(r + a + message).digest(), "little")
    return a, r + ((nonce + h * secret) % ORDER).to_bytes(32, "little")
