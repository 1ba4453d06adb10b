"""``OIDC_RS["ISSUERS"][alias]`` -> ``IssuerPolicy``."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from django.utils.module_loading import import_string

from .core.http import FetchError, HttpPolicy, check_url
from .core.issuers import (
    DEFAULT_ALGORITHMS,
    PROFILES,
    IssuerPolicy,
    KeyPolicy,
    Validator,
)
from .core.jwk import (
    ASYMMETRIC_ALGORITHMS,
    SYMMETRIC_ALGORITHMS,
    JwkSetError,
    parse_jwk_set,
)
from .core.scopes import is_scope_token
from .settings_reader import Section

__all__ = ["ISSUER_KEYS", "KEYS_KEYS", "parse_issuer"]

ISSUER_KEYS = (
    "ALGORITHMS",
    "ALLOW_NONCE",
    "AUDIENCE",
    "AUDIENCE_CLAIMS",
    "CLIENT_ID_CLAIMS",
    "INTROSPECTION",
    "ISSUER",
    "JWKS",
    "JWKS_URI",
    "KEYS",
    "LEEWAY",
    "MACHINE",
    "MAX_TOKEN_AGE",
    "METADATA_URL",
    "PROFILE",
    "REQUIRED_CLAIMS",
    "SCOPES",
    "SCOPE_CLAIMS",
    "SHARED_SECRET",
    "SUBJECT_CLAIM",
    "TOKEN_TYPES",
    "USERS",
    "VALIDATION",
    "VALIDATORS",
)
KEYS_KEYS = (
    "COOLDOWN",
    "DEFAULT_AGE",
    "MAX_STALE",
    "REFRESH",
    "STALE_IF_ERROR",
    "STORE",
)

_MAX_LEEWAY = 3600
_MUCH_LEEWAY = 300
_MONTH = 30 * 86400


def parse_issuer(
    section: Section,
    *,
    alias: str,
    audience: tuple[str, ...] | None,
    http: HttpPolicy,
) -> IssuerPolicy | None:
    """Return the policy of one issuer; None where problems leave none to return.

    Args:
        section: the issuer's dict.
        alias: its name in ``ISSUERS``.
        audience: the top-level ``AUDIENCE``, for issuers without their own.
        http: which addresses may be asked.
    """
    before = len(section.problems)
    _apply_profile(section)
    _refuse_what_is_not_built(section)
    issuer = _issuer(section, http)
    audience = section.texts("AUDIENCE", bare=True) or audience
    if not audience:
        section.problem(
            "E007",
            "names no audience",
            hint="Set AUDIENCE, here or at the top: without it a token issued for any "
            "other API would open this one.",
        )
    secret = _shared_secret(section)
    algorithms = _algorithms(section, has_secret=secret is not None)
    policy = IssuerPolicy(
        alias=alias,
        issuer=issuer or "",
        audience=frozenset(audience or ()),
        algorithms=frozenset(algorithms),
        audience_claims=_claims(section, "AUDIENCE_CLAIMS", ("aud",)),
        token_types=_token_types(section),
        required_claims=section.texts("REQUIRED_CLAIMS") or ("exp",),
        leeway=_leeway(section),
        max_token_age=_max_token_age(section),
        subject_claim=section.text("SUBJECT_CLAIM") or "sub",
        scope_claims=_claims(section, "SCOPE_CLAIMS", ("scope", "scp")),
        client_id_claims=_claims(
            section, "CLIENT_ID_CLAIMS", ("client_id", "azp", "appid", "cid")
        ),
        grantable_scopes=_grantable_scopes(section),
        machine=section.mapping("MACHINE"),
        allow_nonce=section.flag("ALLOW_NONCE", False),  # noqa: FBT003 -- the default
        validators=_validators(section),
        metadata_url=_url(section, "METADATA_URL", http),
        jwks_uri=_url(section, "JWKS_URI", http),
        jwks=_jwks(section, algorithms),
        shared_secret=secret,
        keys=_key_policy(section),
    )
    errors = (problem.is_error for problem in section.problems[before:])
    return None if any(errors) else policy


def _apply_profile(section: Section) -> None:
    name = section.values.get("PROFILE", "default")
    if not isinstance(name, str) or name not in PROFILES:
        section.problem(
            "E008",
            f"is {name!r}, which is no profile",
            key="PROFILE",
            hint=f"Profiles: {', '.join(PROFILES)}.",
        )
        return
    section.values = {**PROFILES[name], **section.values}


def _refuse_what_is_not_built(section: Section) -> None:
    validation = section.values.get("VALIDATION", "local")
    if validation in ("introspection", "auto"):
        section.not_built("VALIDATION", "token introspection")
    elif validation != "local":
        section.problem("E003", 'must be "local"', key="VALIDATION")
    if "INTROSPECTION" in section.values:
        section.not_built("INTROSPECTION", "token introspection")


def _issuer(section: Section, http: HttpPolicy) -> str | None:
    issuer = section.text("ISSUER")
    if issuer is None:
        if "ISSUER" not in section.values:
            section.problem("E006", "names no ISSUER")
        return None
    given = [
        key
        for key in ("JWKS", "JWKS_URI", "SHARED_SECRET")
        if section.values.get(key) is not None
    ]
    if len(given) > 1:
        section.problem(
            "E010", f"gives {' and '.join(given)}; one source of keys is enough"
        )
    if given or section.values.get("METADATA_URL") is not None:
        return issuer
    parts = urlsplit(issuer)
    if not parts.scheme or not parts.netloc:
        section.problem(
            "E006",
            f"is {issuer!r}, no URL, so its keys cannot be discovered",
            key="ISSUER",
            hint="Give JWKS_URI or JWKS as well, or correct the URL.",
        )
    elif parts.query or parts.fragment or "@" in parts.netloc:
        section.problem(
            "E006", "must have no query, fragment or user name", key="ISSUER"
        )
    else:
        _check_address(section, "ISSUER", issuer, http)
    return issuer


def _check_address(section: Section, key: str, url: str, http: HttpPolicy) -> None:
    try:
        check_url(url, http)
    except (FetchError, ValueError) as error:
        section.problem(
            "E013",
            f"cannot be asked: {error}",
            key=key,
            hint="Use https. Plain http is for loopback hosts and for host names "
            'listed in OIDC_RS["HTTP"]["ALLOW_INSECURE"].',
        )


def _url(section: Section, key: str, http: HttpPolicy) -> str | None:
    url = section.text(key)
    if url is not None:
        _check_address(section, key, url, http)
    return url


def _claims(section: Section, key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    return section.texts(key) or default


def _token_types(section: Section) -> frozenset[str]:
    value = section.values.get("TOKEN_TYPES", ("at+jwt", "JWT", None))
    if (
        not isinstance(value, list | tuple | set | frozenset)
        or not value
        or not all(item is None or isinstance(item, str) for item in value)
    ):
        section.problem(
            "E003",
            "must be a list of typ values; None stands for a token without one",
            key="TOKEN_TYPES",
        )
        return frozenset()
    return frozenset(
        "" if item is None else item.lower().removeprefix("application/")
        for item in value
    )


def _algorithms(section: Section, *, has_secret: bool) -> tuple[str, ...]:
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
            f"holds {', '.join(wrong)}" if wrong else "is empty",
            key="ALGORITHMS",
            hint=f"Usable here: {', '.join(sorted(usable))}. HMAC algorithms go with "
            "SHARED_SECRET alone, and never beside others.",
        )
    return algorithms


def _shared_secret(section: Section) -> bytes | None:
    value = section.values.get("SHARED_SECRET")
    if value is None:
        return None
    if not isinstance(value, str | bytes):
        section.problem("E003", "must be a string or bytes", key="SHARED_SECRET")
        return None
    secret = value.encode() if isinstance(value, str) else value
    names = section.values.get("ALGORITHMS", ())
    chosen = names if "ALGORITHMS" in section.written else ("HS256",)
    least = max(
        (
            SYMMETRIC_ALGORITHMS.get(name, 32)
            for name in (chosen if isinstance(chosen, list | tuple) else ())
            if isinstance(name, str)
        ),
        default=32,
    )
    if len(secret) < least:
        section.problem(
            "E010",
            f"is {len(secret)} bytes long; the algorithm wants at least {least}",
            key="SHARED_SECRET",
            hint="A short secret can be guessed from one token (RFC 7518 3.2).",
        )
    return secret


def _leeway(section: Section) -> float:
    leeway = section.number("LEEWAY", 30, least=0, most=_MAX_LEEWAY)
    if leeway > _MUCH_LEEWAY:
        section.problem(
            "W001",
            f"is {leeway:g} seconds; tokens live on that long after they expire",
            key="LEEWAY",
            hint="Correct the hosts' clocks; 30 to 60 seconds are enough then.",
        )
    return leeway


def _max_token_age(section: Section) -> float | None:
    if section.values.get("MAX_TOKEN_AGE") is None:
        return None
    return section.number("MAX_TOKEN_AGE", 0, least=0, most=10 * 365 * 86400)


def _grantable_scopes(section: Section) -> frozenset[str] | None:
    scopes = section.texts("SCOPES")
    if scopes is None:
        return None
    wrong = [scope for scope in scopes if not is_scope_token(scope)]
    if wrong:
        section.problem(
            "E014",
            f"holds {wrong[0]!r}, which is no scope-token (RFC 6749 3.3)",
            key="SCOPES",
        )
    return frozenset(scopes)


def _validators(section: Section) -> tuple[Validator, ...]:
    validators: list[Validator] = []
    for path in section.texts("VALIDATORS") or ():
        try:
            validator = import_string(path)
        except ImportError as error:
            section.problem("E015", f"cannot be imported: {error}", key="VALIDATORS")
            continue
        if not callable(validator):
            section.problem("E015", f"names {path}, no function", key="VALIDATORS")
            continue
        validators.append(validator)
    return tuple(validators)


def _jwks(section: Section, algorithms: tuple[str, ...]) -> Mapping[str, object] | None:
    if section.values.get("JWKS") is None:
        return None
    jwks = section.mapping("JWKS")
    try:
        keys = parse_jwk_set(
            jwks, algorithms=[a for a in algorithms if a in ASYMMETRIC_ALGORITHMS]
        )
    except JwkSetError as error:
        section.problem("E016", f"cannot be used: {error}", key="JWKS")
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


def _key_policy(section: Section) -> KeyPolicy:
    keys = Section(
        section.mapping("KEYS"),
        place=section.at("KEYS"),
        problems=section.problems,
        keys=KEYS_KEYS,
    )
    if keys.values.get("REFRESH", "on_demand") == "command":
        keys.not_built("REFRESH", "keys refreshed by command alone")
    elif keys.values.get("REFRESH", "on_demand") != "on_demand":
        keys.problem("E003", 'must be "on_demand"', key="REFRESH")
    if "MAX_STALE" in keys.values:
        keys.not_built("MAX_STALE", "keys refreshed by command alone")
    if keys.values.get("STORE", "database") != "database":
        keys.not_built("STORE", "a key store other than the database")
    return KeyPolicy(
        default_age=keys.number(
            "DEFAULT_AGE", 600, least=300, most=3600, problem_id="E017"
        ),
        cooldown=keys.number("COOLDOWN", 30, least=5, most=300, problem_id="E017"),
        stale_if_error=keys.number(
            "STALE_IF_ERROR", 86400, least=0, most=_MONTH, problem_id="E017"
        ),
    )
