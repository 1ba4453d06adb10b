"""The keys of an issuer as settings: algorithms, secrets, key sets, lifetimes."""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings

from .core.errors import excerpt
from .core.issuers import DATABASE, DEFAULT_ALGORITHMS, KeyPolicy
from .core.jwk import (
    ASYMMETRIC_ALGORITHMS,
    SYMMETRIC_ALGORITHMS,
    JwkSetError,
    parse_jwk_set,
)
from .settings_reader import Section

__all__ = [
    "KEYS_KEYS",
    "parse_algorithms",
    "parse_jwks",
    "parse_key_policy",
    "parse_shared_secret",
]

KEYS_KEYS = (
    "COOLDOWN",
    "DEFAULT_AGE",
    "MAX_STALE",
    "REFRESH",
    "STALE_IF_ERROR",
    "STORE",
)

_MONTH = 30 * 86400
_PRIVATE_CACHES = (".LocMemCache", ".DummyCache", ".FileBasedCache")


def parse_algorithms(section: Section) -> tuple[str, ...]:
    """Return the algorithms tokens may be signed with, by name."""
    has_secret = "SHARED_SECRET" in section.values
    default = ("HS256",) if has_secret else DEFAULT_ALGORITHMS
    if has_secret and "ALGORITHMS" not in section.written:
        return default
    algorithms = section.texts("ALGORITHMS")
    if algorithms is None:
        return default
    usable = SYMMETRIC_ALGORITHMS if has_secret else ASYMMETRIC_ALGORITHMS
    wrong = [name for name in algorithms if name not in usable]
    if wrong or not algorithms:
        section.problem(
            "E009",
            f"holds {excerpt(', '.join(wrong))}" if wrong else "is empty",
            key="ALGORITHMS",
            hint=f"Usable here: {', '.join(sorted(usable))}. HMAC algorithms go with "
            "SHARED_SECRET alone, and never beside others.",
        )
        return default
    return algorithms


def parse_shared_secret(section: Section, algorithms: tuple[str, ...]) -> bytes | None:
    """Return ``SHARED_SECRET`` as bytes, at least as long as the hash. RFC 7518 3.2."""
    if "SHARED_SECRET" not in section.values:
        return None
    value = section.values["SHARED_SECRET"]
    if not isinstance(value, str | bytes):
        section.wrong("SHARED_SECRET", "a string or bytes")
        return None
    if isinstance(value, str):
        if value != value.strip() or not value.isprintable():
            section.problem(
                "E010",
                "has white space around it, or characters that cannot be printed",
                key="SHARED_SECRET",
                hint="Strip the line end that a file left there. If all of it belongs "
                "to the secret, give bytes.",
            )
            return None
        value = value.encode()
    longest = max(algorithms, key=lambda name: SYMMETRIC_ALGORITHMS[name])
    least = SYMMETRIC_ALGORITHMS[longest]
    if len(value) < least:
        section.problem(
            "E010",
            f"is {len(value)} bytes long, but {longest} wants at least {least}",
            key="SHARED_SECRET",
            hint="A short secret can be guessed from one token (RFC 7518 3.2). Make a "
            "new one with secrets.token_urlsafe(48), here and at the issuer.",
        )
    return value


def parse_jwks(
    section: Section, algorithms: tuple[str, ...]
) -> Mapping[str, object] | None:
    """Return ``JWKS``, all of whose keys can be used. RFC 7517 section 5."""
    if "JWKS" not in section.values:
        return None
    jwks = section.mapping("JWKS")
    if jwks is None:
        return None
    try:
        keys = parse_jwk_set(
            jwks, algorithms=[a for a in algorithms if a in ASYMMETRIC_ALGORITHMS]
        )
    except JwkSetError as error:
        section.problem(
            "E016",
            f"cannot be used: {error}",
            key="JWKS",
            hint='Copy the issuer\'s JWK Set, {"keys": [...]}, public keys alone; its '
            "keys must fit ALGORITHMS.",
        )
        return None
    for refused in keys.refused:
        if refused.alarming:
            section.problem(
                "E016",
                f"holds a key that is refused: {refused.reason}",
                key="JWKS",
                hint="Public keys alone belong into settings.",
            )
    return jwks


def parse_key_policy(section: Section) -> KeyPolicy:
    """Return how long keys live and how often they are fetched."""
    keys = section.section("KEYS", KEYS_KEYS)
    refresh = keys.values.get("REFRESH", "on_demand")
    by_command = refresh == "command"
    if not by_command and refresh != "on_demand":
        keys.wrong("REFRESH", '"on_demand" or "command"')
    for key, needed in (("MAX_STALE", True), ("STALE_IF_ERROR", False)):
        if key in keys.written and by_command is not needed:
            keys.problem(
                "E017",
                f"has no effect with REFRESH {excerpt(refresh)}",
                key=key,
                hint='MAX_STALE goes with REFRESH "command", STALE_IF_ERROR with '
                '"on_demand".',
            )

    def seconds(key: str, default: float, *, least: float, most: float) -> float:
        return keys.number(key, default, least=least, most=most, problem_id="E017")

    default_age = seconds("DEFAULT_AGE", 600, least=300, most=3600)
    cooldown = seconds("COOLDOWN", 30, least=5, most=300)
    if cooldown >= default_age:
        keys.problem(
            "E017", f"must be shorter than DEFAULT_AGE, {default_age:g}", key="COOLDOWN"
        )
    return KeyPolicy(
        default_age=default_age,
        cooldown=cooldown,
        stale_if_error=seconds("STALE_IF_ERROR", 86400, least=0, most=_MONTH),
        by_command=by_command,
        max_stale=seconds("MAX_STALE", 7 * 86400, least=3600, most=_MONTH),
        store=_store(keys),
    )


def _store(keys: Section) -> str:
    store = keys.text("STORE") or DATABASE
    if store != DATABASE and store not in settings.CACHES:
        keys.problem(
            "E026",
            f"names the cache {excerpt(store)}, which is not in CACHES",
            key="STORE",
            hint=f'"database", or one of {", ".join(sorted(settings.CACHES))}.',
        )
        return DATABASE
    if store != DATABASE and _is_private(settings.CACHES[store]):
        keys.problem(
            "W006",
            "names a cache that processes, or hosts, do not share",
            key="STORE",
            hint='Use "database", Redis or Memcached.',
        )
    return store


def _is_private(cache: object) -> bool:
    backend = cache.get("BACKEND") if isinstance(cache, Mapping) else None
    return isinstance(backend, str) and backend.endswith(_PRIVATE_CACHES)
