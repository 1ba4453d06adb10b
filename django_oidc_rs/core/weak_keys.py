"""Public keys whose signatures others can make. RFC 7518 section 3.3, RFC 8032."""

from __future__ import annotations

import math
from functools import lru_cache

__all__ = ["check_edwards_point", "check_rsa"]

_RSA_LEAST_BITS = 2048
_RSA_MOST_BITS = 8192
_RSA_MAX_EXPONENT = 2**64
_PRIME_BITS = 4096

_P25519 = 2**255 - 19
_P448 = 2**448 - 2**224 - 1
_Y_ORDER_8 = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
# y of the points of small order: with such a "key" anybody can make signatures.
_SMALL_ORDER_Y = {
    "Ed25519": frozenset((0, 1, _P25519 - 1, _Y_ORDER_8, _P25519 - _Y_ORDER_8)),
    "Ed448": frozenset((0, 1, _P448 - 1)),
}
_FIELD = {"Ed25519": (_P25519, 255), "Ed448": (_P448, 455)}

_ROCA_PRIMES = tuple(
    n for n in range(3, 168) if all(n % d for d in range(2, math.isqrt(n) + 1))
)
_ROCA_RESIDUES = {
    prime: frozenset(pow(65537, power, prime) for power in range(prime))
    for prime in _ROCA_PRIMES
}


def check_rsa(modulus: int, exponent: int) -> str | None:
    """Return why nobody should trust this RSA key, or None.

    ``weak_key``: shorter than 2048 bits, an even or tiny exponent, an even modulus or
    a prime one (looked for up to 4096 bits). ``oversized_key``: over 8192 bits, which
    cost more than they are worth.
    ``roca_key``: made by a generator whose keys can be factored (CVE-2017-15361).
    """
    if modulus.bit_length() < _RSA_LEAST_BITS:
        return "weak_key"
    if modulus.bit_length() > _RSA_MOST_BITS:
        return "oversized_key"
    if modulus % 2 == 0 or exponent % 2 == 0 or not 3 <= exponent < _RSA_MAX_EXPONENT:
        return "weak_key"
    if all(modulus % prime in _ROCA_RESIDUES[prime] for prime in _ROCA_PRIMES):
        return "roca_key"
    return "weak_key" if _is_prime(modulus) else None


@lru_cache(maxsize=1024)
def _is_prime(modulus: int) -> bool:
    """Whether ``modulus`` passes Fermat's test: then its private key is no secret.

    One product of two primes in very many would pass too. Each key is looked at once
    in a process, and not above 4096 bits: a set full of such keys would take minutes.
    """
    if modulus.bit_length() > _PRIME_BITS:
        return False
    power = 1
    # Step by step: one pow() would keep all other threads waiting for 100 ms.
    for bit in f"{modulus - 1:b}":
        power = power * power % modulus
        if bit == "1":
            power = power * 2 % modulus
    return power == 1


def check_edwards_point(encoded: bytes, curve: str) -> str | None:
    """Return ``weak_key`` for a point of small order or no canonical one, else None."""
    prime, bits = _FIELD[curve]
    y = int.from_bytes(encoded, "little") & ((1 << bits) - 1)
    return "weak_key" if y >= prime or y in _SMALL_ORDER_Y[curve] else None
