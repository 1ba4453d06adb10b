"""``OIDC_RS["ISSUERS"][alias]`` -> ``IssuerPolicy``."""

from __future__ import annotations

import difflib

from .core.errors import excerpt
from .core.http import FetchError, HttpPolicy, check_url
from .core.issuers import PROFILES, IssuerPolicy, Validator
from .core.scopes import is_scope_token
from .introspection_settings import parse_introspection, parse_validation
from .key_settings import (
    parse_algorithms,
    parse_jwks,
    parse_key_policy,
    parse_shared_secret,
)
from .settings_reader import Section, is_plain

__all__ = ["ISSUER_KEYS", "parse_audience", "parse_issuer"]

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
_KEY_SOURCES = ("JWKS", "JWKS_URI", "METADATA_URL", "SHARED_SECRET")
_WHY_AUDIENCE = (
    "Set AUDIENCE, here or at the top: without it a token issued for any other API "
    "would open this one."
)
_MAX_LEEWAY = 3600
_MUCH_LEEWAY = 300


def parse_issuer(
    section: Section,
    *,
    alias: str,
    audience: frozenset[str] | None,
    http: HttpPolicy,
) -> IssuerPolicy | None:
    """Return the policy of one issuer; None where problems leave none to return.

    Args:
        section: the issuer's dict.
        alias: its name in ``ISSUERS``.
        audience: the top-level ``AUDIENCE``, for issuers without their own; empty where
            it has a problem that is noted already.
        http: which addresses may be asked.
    """
    before = len(section.problems)
    _apply_profile(section)
    validation = parse_validation(section)
    issuer = _issuer(section, http)
    algorithms = parse_algorithms(section)
    policy = IssuerPolicy(
        alias=alias,
        issuer=issuer or "",
        audience=_audience(section, audience),
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
        machine=_machine(section),
        allow_nonce=section.flag("ALLOW_NONCE", False),  # noqa: FBT003 -- the default
        validators=_validators(section),
        metadata_url=_url(section, "METADATA_URL", http),
        jwks_uri=_url(section, "JWKS_URI", http),
        jwks=parse_jwks(section, algorithms),
        shared_secret=parse_shared_secret(section, algorithms),
        keys=parse_key_policy(section),
        validation=validation,
        introspection=parse_introspection(section, validation=validation, http=http),
    )
    errors = (problem.is_error for problem in section.problems[before:])
    return None if any(errors) else policy


def _apply_profile(section: Section) -> None:
    name = section.values.get("PROFILE", "default")
    if not isinstance(name, str) or name not in PROFILES:
        word = name.lower() if isinstance(name, str) else ""
        close = difflib.get_close_matches(word, PROFILES, n=1)
        meant = f"Did you mean {close[0]!r}? " if close else ""
        section.problem(
            "E008",
            f"is {excerpt(name)}, which is no profile",
            key="PROFILE",
            hint=f"{meant}Profiles: {', '.join(PROFILES)}.",
        )
        return
    section.values = {**PROFILES[name], **section.values}


def _issuer(section: Section, http: HttpPolicy) -> str | None:
    if "ISSUER" not in section.values:
        section.problem(
            "E006",
            "names no ISSUER",
            hint='Write the string that stands in the "iss" claim of its tokens.',
        )
        return None
    issuer = section.text("ISSUER")
    given = [key for key in _KEY_SOURCES if key in section.values]
    if len(given) > 1:
        section.problem(
            "E010",
            f"gives {' and '.join(given)}; one source of keys is enough",
            hint="Keep one of them, or none: METADATA_URL is for metadata that does "
            "not lie below ISSUER, JWKS_URI for issuers without metadata.",
        )
    if issuer is None:
        return None
    if not set("*{}<>").isdisjoint(issuer):
        section.problem(
            "E006",
            f"is {excerpt(issuer)}; there are no wildcards, it is compared exactly",
            key="ISSUER",
            hint="Write one issuer for each tenant, as it stands in its tokens.",
        )
    elif given:
        return issuer
    elif "://" not in issuer:
        section.problem(
            "E006",
            f"is {excerpt(issuer)}, no URL, so its keys cannot be discovered",
            key="ISSUER",
            hint='Begin it with "https://", or give JWKS_URI or JWKS as well.',
        )
    elif not {"?", "#", "@"}.isdisjoint(issuer):
        section.problem(
            "E006",
            "must have no query, fragment or user name",
            key="ISSUER",
            hint='Copy it from the tokens\' "iss" claim. If it does stand there like '
            "this, give METADATA_URL or JWKS_URI as well.",
        )
    elif "/.well-known/" in issuer:
        section.problem(
            "E006",
            "is the address of the metadata, not the issuer",
            key="ISSUER",
            hint="Write what stands in the metadata and in tokens; it ends before "
            '"/.well-known/".',
        )
    else:
        _check_address(section, "ISSUER", issuer, http)
    return issuer


def _audience(section: Section, shared: frozenset[str] | None) -> frozenset[str]:
    """Return what the audience claim must hold one of; never nothing."""
    audience = parse_audience(section)
    if audience is None:
        audience = shared
    if audience is None:
        section.problem("E007", "names no audience", hint=_WHY_AUDIENCE)
    return audience or frozenset()


def parse_audience(section: Section) -> frozenset[str] | None:
    """Return ``AUDIENCE``, None where it is not written, empty where it is wrong."""
    if "AUDIENCE" not in section.values:
        return None
    audience = section.texts("AUDIENCE", bare=True)
    if audience == ():
        section.problem("E007", "is empty", key="AUDIENCE", hint=_WHY_AUDIENCE)
    elif audience and "*" in audience:
        section.problem(
            "E007",
            "holds '*'; there are no wildcards",
            key="AUDIENCE",
            hint="List the names under which the issuer knows this API.",
        )
    return frozenset(audience or ())


def _check_address(section: Section, key: str, url: str, http: HttpPolicy) -> None:
    try:
        check_url(url, http)
    except FetchError as error:
        section.problem(
            "E013",
            f"cannot be asked: {error.detail}",
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
    claims = section.texts(key, ordered=True)
    if claims == ():
        # The default instead would grant what nobody wrote.
        section.problem(
            "E003",
            "is empty",
            key=key,
            hint="Name a claim, or leave the key out to have its default.",
        )
    return claims or default


def _token_types(section: Section) -> frozenset[str]:
    value = section.values.get("TOKEN_TYPES", ("at+jwt", "JWT", None))
    if (
        not isinstance(value, list | tuple | set | frozenset)
        or not value
        or not all(item is None or is_plain(item) for item in value)
    ):
        section.wrong(
            "TOKEN_TYPES",
            "a list of typ values; None stands for a token without one",
        )
        return frozenset()
    return frozenset(
        "" if item is None else item.lower().removeprefix("application/")
        for item in value
    )


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
    return section.number("MAX_TOKEN_AGE", 0, least=1, most=10 * 365 * 86400)


def _machine(section: Section) -> dict[str, object]:
    machine = section.mapping("MACHINE") or {}
    for path, pattern in machine.items():
        if not is_plain(path) or not isinstance(pattern, str | bool | int | float):
            # What matches nothing would make users of machines.
            section.problem(
                "E003",
                "must map claims to strings, numbers or booleans",
                key="MACHINE",
                hint='A string may be a pattern: "service-account-*".',
            )
            break
    return machine


def _grantable_scopes(section: Section) -> frozenset[str] | None:
    scopes = section.texts("SCOPES")
    if scopes is None:
        return None
    wrong = [scope for scope in scopes if not is_scope_token(scope)]
    if wrong:
        section.problem(
            "E014",
            f"holds {excerpt(wrong[0])}, which is no scope-token (RFC 6749 3.3)",
            key="SCOPES",
            hint="One scope per string: ASCII without blanks, quotes and backslashes.",
        )
    return frozenset(scopes)


def _validators(section: Section) -> tuple[Validator, ...]:
    paths = section.texts("VALIDATORS", ordered=True) or ()
    found = [section.function("VALIDATORS", path) for path in paths]
    return tuple(validator for validator in found if validator is not None)
