"""Mutations that keep the shape of a token or of a JSON answer.

Blind mutation hardly ever gets past a signature, or past a JSON parser.
"""

from __future__ import annotations

import base64
import binascii
import json
from random import Random

from .harness import Mutate
from .issuers import CLAIMS, HEADER
from .keys import SIGNERS, encode
from .oracle import AUDIENCE, NOW

__all__ = ["edit_answer", "resign"]

_NAMES = (
    *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "client_id"),
    *("azp", "appid", "cid", "cnf", "typ", "type", "token_use", "token_type", "nonce"),
    *("at_hash", "events", "user", "user.id", "client", "resource", "realm", "level"),
    *("alg", "kid", "crit", "b64", "cty", "jwk", "jku", "zip"),
    *("keys", "kty", "crv", "use", "key_ops", "n", "e", "x", "y", "d", "k", "x5c"),
    *("issuer", "jwks_uri", "https://secret.test/scopes"),
)
_VALUES = (
    *("null", "true", "false", "0", "-0", "1", "-1", "0.5", "1e308", "1e999", "NaN"),
    *('""', '" "', '"\\u0000"', '"\\ud800"', '"\\u202e"', '"é"', "[]", "{}", "[[]]"),
    *('"a b"', '["a", "b"]', '["a", 1]', '{"id": "a"}', '{"id": {"id": "a"}}'),
    *('"none"', '"ES256"', '"EdDSA"', '"HS256"', '"RS256"', '"ES512"', '"Ed448"'),
    *('"at+jwt"', '"JWT"', '"application/at+jwt"', '"logout+jwt"', '"ID"', '"Bearer"'),
    *('"ec"', '"ed"', '"rsa"', '"read"', '"service-1"', '{"kind": "service-1"}', "3"),
    *('"RSA"', '"EC"', '"OKP"', '"oct"', '"P-256"', '"Ed25519"', '"sig"', '"enc"'),
    *('["verify"]', '["sign"]', '["verify", "verify"]', '"AQAB"', '"AQ"', '"AAAA"'),
    *('"https://issuer.test"', '"https://strict.test"', '"https://secret.test"'),
    *('"https://[::1]/"', '"http://issuer.test/"', '"https://a@b/"', '"https://a:0/"'),
    *(f'"{AUDIENCE}"', f'["{AUDIENCE}"]', f'{{"id": "{AUDIENCE}"}}'),
    *("9" * 400, "9" * 5000, "[" * 40 + "]" * 40, "[" * 2000, '{"a":' * 33 + "1"),
)

_DATES = ("exp", "nbf", "iat")
_INSTANTS = tuple(str(NOW + step) for step in (-3631, -31, -30, -29, 0.5, 29, 30, 31))


def _pick(name: str, random: Random) -> str:
    """Return a value as JSON; for a date, one where the verdict turns, quite often."""
    is_date = json.loads(name) in _DATES and random.random() < 0.5
    return random.choice(_INSTANTS if is_date else _VALUES)


def _edited(value: object, random: Random, mutate: Mutate) -> str:
    """Return ``value`` as JSON, or as what is no longer JSON, with one edit."""
    if isinstance(value, list) and value and random.random() < 0.8:
        texts = [json.dumps(item) for item in value]
        place = random.randrange(len(value))
        texts[place] = _edited(value[place], random, mutate)
        if random.random() < 0.2:
            texts.insert(place, random.choice(texts))
        return f"[{', '.join(texts)}]"
    if isinstance(value, dict) and random.random() < 0.9:
        return _edited_members(value, random, mutate)
    if random.random() < 0.3:
        return mutate(json.dumps(value).encode(), 400).decode("utf-8", "ignore")
    return random.choice(_VALUES)


def _edited_members(members: dict[str, object], random: Random, mutate: Mutate) -> str:
    # Pairs of texts: a name may stand twice, and a value need not be JSON.
    pairs = [(json.dumps(name), json.dumps(value)) for name, value in members.items()]
    at = random.randrange(len(pairs)) if pairs else 0
    kind = random.random()
    if kind < 0.3 and pairs:
        name, _ = pairs[at]
        pairs[at] = name, _edited(members[json.loads(name)], random, mutate)
    elif kind < 0.5 and pairs:
        name, _ = pairs[at]
        pairs[at] = name, _pick(name, random)
    elif kind < 0.6 and pairs:
        del pairs[at]
    elif kind < 0.65 and pairs:
        pairs.insert(at, random.choice(pairs))
    else:
        name = json.dumps(random.choice(_NAMES))
        # Not beside the old one, most of the time: a parser refuses duplicates.
        pairs = [pair for pair in pairs if pair[0] != name or random.random() < 0.1]
        pairs.append((name, _pick(name, random)))
    return "{" + ", ".join(f"{name}: {value}" for name, value in pairs) + "}"


def _json_object(data: bytes, default: dict[str, object]) -> dict[str, object]:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return default
    return value if isinstance(value, dict) else default


def _decoded(part: bytes) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except binascii.Error:
        return b""


def resign(data: bytes, random: Random, mutate: Mutate, max_size: int) -> bytes:
    """Return the token with its header or claims edited, and signed again."""
    del max_size
    parts = [_decoded(part) for part in data.split(b".", 3)]
    header, claims = (parts + [b""] * 2)[:2]
    if random.random() < 0.3:
        header = _octets(header, HEADER, random, mutate)
    else:
        claims = _octets(claims, CLAIMS, random, mutate)
    algorithm = _json_object(header, HEADER).get("alg")
    signer = SIGNERS.get(algorithm) if isinstance(algorithm, str) else None
    head = f"{encode(header)}.{encode(claims)}"
    signature = (signer or SIGNERS["EdDSA"])(head.encode())
    if random.random() < 0.05:
        signature = mutate(signature, 600)
    return f"{head}.{encode(signature)}".encode()


def _octets(
    part: bytes, default: dict[str, object], random: Random, mutate: Mutate
) -> bytes:
    if random.random() < 0.2:
        return mutate(part, 1000)
    members = _json_object(part, default)
    return _edited_members(members, random, mutate).encode("utf-8", "ignore")


def edit_answer(data: bytes, random: Random, mutate: Mutate, max_size: int) -> bytes:
    """Return an answer with one edit in its headers or in its JSON document."""
    headers, blank, body = data.rpartition(b"\n\n")
    if random.random() < 0.2:
        return mutate(headers, max_size // 2) + b"\n\n" + body
    text = _edited_members(_json_object(body, {"keys": []}), random, mutate)
    return headers + blank + text.encode("utf-8", "ignore")
