"""``OIDC_RS["ISSUERS"][alias]["INTROSPECTION"]`` -> ``IntrospectionPolicy``.

``OIDC_RS["CACHE"]`` as well: where the answers are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings

from .core.client_authentication import (
    METHODS,
    ClientAuthenticationError,
    ClientCredentials,
    choose_method,
)
from .core.errors import excerpt
from .core.http import FetchError, HttpPolicy, check_url
from .core.issuers import IntrospectionPolicy, IssuerPolicy
from .settings_reader import Section

__all__ = [
    "INTROSPECTION_KEYS",
    "parse_cache",
    "parse_introspection",
    "parse_validation",
]

INTROSPECTION_KEYS = (
    "AUDIENCE_OPTIONAL",
    "AUTH_METHOD",
    "BEARER_TOKEN",
    "CACHE_SECONDS",
    "CERTIFICATE",
    "CLIENT_ID",
    "CLIENT_SECRET",
    "ENDPOINT",
    "KEY_ID",
    "OPAQUE_TOKENS",
    "PRIVATE_KEY",
    "SIGNED_RESPONSES",
)
_VALIDATIONS = ("local", "introspection", "auto")
_PROOFS = ("CLIENT_SECRET", "PRIVATE_KEY", "CERTIFICATE", "BEARER_TOKEN")
_MAX_CACHE = 3600
_MUCH_CACHE = 300
_DATABASE_CACHE = "django.core.cache.backends.db.DatabaseCache"


def parse_cache(top: Section, policies: Iterable[IssuerPolicy]) -> str:
    """Return ``CACHE``, the alias in ``CACHES`` where answers are kept."""
    cache = top.text("CACHE") or "default"
    if cache not in settings.CACHES:
        top.problem(
            "E026",
            f"names the cache {excerpt(cache)}, which is not in CACHES",
            key="CACHE",
            hint=f"One of {', '.join(sorted(settings.CACHES))}.",
        )
    elif any(map(_keeps_answers, policies)) and _is_rolled_back(settings.CACHES[cache]):
        top.problem(
            "W008",
            f"is {excerpt(cache)}, a DatabaseCache, and DATABASES has ATOMIC_REQUESTS: "
            'what was kept of a "not active" is rolled back with the refused request',
            key="CACHE",
            hint="Use Redis or Memcached.",
        )
    return cache


def _keeps_answers(policy: IssuerPolicy) -> bool:
    asked = policy.introspection
    return asked is not None and asked.cache_seconds > 0


def _is_rolled_back(cache: object) -> bool:
    if not isinstance(cache, Mapping) or cache.get("BACKEND") != _DATABASE_CACHE:
        return False
    return any(each.get("ATOMIC_REQUESTS") for each in settings.DATABASES.values())


def parse_validation(section: Section) -> str:
    """Return ``VALIDATION``: ``"local"``, ``"introspection"`` or ``"auto"``."""
    validation = section.values.get("VALIDATION", "local")
    if not isinstance(validation, str) or validation not in _VALIDATIONS:
        section.wrong("VALIDATION", '"local", "introspection" or "auto"')
        return "local"
    if validation != "local" and "INTROSPECTION" not in section.values:
        section.problem(
            "E027",
            f"is {validation!r}, but INTROSPECTION is missing",
            key="VALIDATION",
            hint='Set "INTROSPECTION": {"CLIENT_ID": ..., "CLIENT_SECRET": ...}: the '
            "issuer wants to know who asks (RFC 7662 section 2.1).",
        )
    return validation


def parse_introspection(
    section: Section, *, validation: str, http: HttpPolicy
) -> IntrospectionPolicy | None:
    """Return how the issuer is asked; None where it is not, or problems are noted."""
    if "INTROSPECTION" not in section.values:
        return None
    asked = section.section("INTROSPECTION", INTROSPECTION_KEYS)
    if not isinstance(section.values["INTROSPECTION"], Mapping):
        return None
    credentials = _credentials(asked)
    cache_seconds = asked.number(
        "CACHE_SECONDS", 0, least=0, most=_MAX_CACHE, problem_id="E028"
    )
    if cache_seconds > _MUCH_CACHE:
        asked.problem(
            "W007",
            f"is {cache_seconds:g}; a revoked token is let in for that long",
            key="CACHE_SECONDS",
            hint="10 to 60 seconds take nearly all the load off the issuer.",
        )
    opaque = asked.flag("OPAQUE_TOKENS", validation != "local")
    if opaque and validation == "local":
        asked.problem(
            "E028",
            "has no effect with VALIDATION 'local'",
            key="OPAQUE_TOKENS",
            hint='Set VALIDATION to "auto" to ask about opaque tokens.',
        )
    endpoint = _endpoint(asked, http)
    if endpoint is None and "://" not in str(section.values.get("ISSUER")):
        asked.problem(
            "E028",
            "names no ENDPOINT, and ISSUER is no URL to discover it from",
            hint="Write the address of the issuer's introspection endpoint.",
        )
    signed = asked.flag("SIGNED_RESPONSES", False)  # noqa: FBT003 -- the default
    if signed and "SHARED_SECRET" in section.values:
        asked.problem(
            "E028",
            "needs keys that the issuer publishes, not a SHARED_SECRET",
            key="SIGNED_RESPONSES",
            hint="Name JWKS_URI or JWKS instead, or leave SIGNED_RESPONSES out.",
        )
    if credentials is None:
        return None
    return IntrospectionPolicy(
        credentials=credentials,
        endpoint=endpoint,
        cache_seconds=cache_seconds,
        signed_responses=signed,
        audience_optional=asked.flag("AUDIENCE_OPTIONAL", False),  # noqa: FBT003 -- the default
        opaque_tokens=opaque,
    )


def _endpoint(asked: Section, http: HttpPolicy) -> str | None:
    endpoint = asked.text("ENDPOINT")
    if endpoint is None:
        return None
    try:
        check_url(endpoint, http)
    except FetchError as error:
        asked.problem(
            "E013",
            f"cannot be asked: {error.detail}",
            key="ENDPOINT",
            hint="Use https. Plain http is for loopback hosts and for host names "
            'listed in OIDC_RS["HTTP"]["ALLOW_INSECURE"].',
        )
    return endpoint


def _credentials(asked: Section) -> ClientCredentials | None:
    before = len(asked.problems)
    given = [key for key in _PROOFS if key in asked.values]
    if len(given) != 1:
        asked.problem(
            "E028",
            f"gives {' and '.join(given)}" if given else "gives no credentials",
            hint=f"Give one of {', '.join(_PROOFS)}.",
        )
    client_id = asked.text("CLIENT_ID")
    if client_id is None and "CLIENT_ID" not in asked.values:
        asked.problem(
            "E028",
            "names no CLIENT_ID",
            hint="Register this API at the authorization server as a client that may "
            "introspect; signed answers name it as their audience, too.",
        )
    method = asked.text("AUTH_METHOD")
    if method is not None and method not in METHODS:
        asked.problem(
            "E028",
            f"is {excerpt(method)}, which is no method",
            key="AUTH_METHOD",
            hint=f"Methods: {', '.join(METHODS)}.",
        )
    values = {
        "client_secret": _secret(asked, "CLIENT_SECRET"),
        "private_key": _secret(asked, "PRIVATE_KEY", lines=True),
        "bearer_token": _secret(asked, "BEARER_TOKEN"),
    }
    if "KEY_ID" in asked.values and "PRIVATE_KEY" not in asked.values:
        asked.problem(
            "E028",
            "goes with PRIVATE_KEY alone",
            key="KEY_ID",
            hint="A secret has no key ID; some servers refuse one.",
        )
    certificate = _certificate(asked)
    key_id = asked.text("KEY_ID")
    if len(asked.problems) > before:
        return None
    try:
        credentials = ClientCredentials(
            client_id=client_id or "",
            key_id=key_id,
            certificate=certificate,
            method=method,
            **values,
        )
        choose_method(credentials, None)
    except ClientAuthenticationError as error:
        asked.problem(
            "E028",
            f"cannot be used: {error}",
            hint="A PRIVATE_KEY is PEM text without a password, RSA from 2048 bits, EC "
            "or Ed25519; a CLIENT_SECRET for client_secret_jwt has 32 bytes at least.",
        )
        return None
    return credentials


def _secret(asked: Section, key: str, *, lines: bool = False) -> str | None:
    """Return a secret; what stands in it is never shown."""
    if key not in asked.values:
        return None
    value = asked.values[key]
    if not isinstance(value, str) or not value.strip():
        asked.wrong(key, "a non-empty string")
        return None
    if lines:
        return value
    if value != value.strip() or not value.isprintable():
        asked.problem(
            "E028",
            "has white space around it, or characters that cannot be printed",
            key=key,
            hint="Strip the line end that a file left there.",
        )
        return None
    return value


def _certificate(asked: Section) -> tuple[str, str | None] | None:
    if "CERTIFICATE" not in asked.values:
        return None
    paths = asked.texts("CERTIFICATE", bare=True, ordered=True)
    if paths is None or len(paths) not in (1, 2):
        if paths is not None:
            asked.wrong(
                "CERTIFICATE", "a PEM file, or a list of certificate and key file"
            )
        return None
    for path in paths:
        try:
            with open(path, "rb"):
                pass
        except OSError as error:
            asked.problem(
                "E028",
                f"names {excerpt(path)}, which cannot be read: {error.strerror}",
                key="CERTIFICATE",
                hint="Give the paths of PEM files that the server's user can read.",
            )
    return paths[0], paths[1] if len(paths) == 2 else None
