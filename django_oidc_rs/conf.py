"""``settings.OIDC_RS`` -> ``Config``, parsed once, frozen, every problem collected."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from .core.errors import excerpt
from .core.http import HttpPolicy
from .core.issuers import IssuerPolicy
from .core.token_cache import TokenCachePolicy
from .http_settings import HTTP_KEYS, parse_http
from .introspection_settings import INTROSPECTION_KEYS, parse_cache
from .issuer_settings import ISSUER_KEYS, parse_audience, parse_issuer
from .key_settings import KEYS_KEYS
from .settings_reader import Problem, Section, is_plain
from .user_settings import USER_KEYS, UserPolicy, parse_users

__all__ = ["Config", "get_config", "on_change", "parse"]

_TOP_KEYS = (
    "AUDIENCE",
    "CACHE",
    "HTTP",
    "ISSUERS",
    "MAX_TOKEN_LENGTH",
    "REALM",
    "REQUIRED_PATHS",
    "TOKEN_CACHE",
    "USERS",
)
_ONE_ISSUER = 'Set "ISSUERS": {"default": {"ISSUER": "https://..."}}.'
_OF_ISSUERS = dict.fromkeys(
    set(ISSUER_KEYS) - set(_TOP_KEYS), 'an issuer: OIDC_RS["ISSUERS"][alias]'
)
_ELSEWHERE = {
    **dict.fromkeys(KEYS_KEYS, 'OIDC_RS["ISSUERS"][alias]["KEYS"]'),
    **dict.fromkeys(INTROSPECTION_KEYS, 'OIDC_RS["ISSUERS"][alias]["INTROSPECTION"]'),
    **_OF_ISSUERS,
}
# RFC 6750 section 3 restricts other parameters alike; no escapes are ever needed then.
_REALM = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")
_NO_PATH = ("//", *"*?#%^$<>[](){}|\\")

_MISSING = Problem(
    id="E001",
    message="The setting OIDC_RS is missing.",
    hint='Name an audience and an issuer: OIDC_RS = {"AUDIENCE": ..., "ISSUERS": '
    '{"default": {"ISSUER": ...}}}.',
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole of ``OIDC_RS``, typed.

    Attributes:
        issuers: the issuer policies, in the order written.
        users: issuer alias -> user policy.
        realm: of every challenge.
        required_paths: what ``AccessTokenRequiredMiddleware`` covers.
        max_token_length: characters.
        token_cache: how many verified tokens each process keeps, and how long.
        http: how metadata and keys are fetched.
        cache: the alias in ``CACHES`` where introspection answers are kept.
    """

    issuers: tuple[IssuerPolicy, ...]
    users: Mapping[str, UserPolicy]
    realm: str
    required_paths: tuple[str, ...]
    max_token_length: int
    token_cache: TokenCachePolicy
    http: HttpPolicy
    cache: str


def parse(raw: object) -> tuple[Config, list[Problem]]:
    """Return the configuration and every problem with it.

    With an error among the problems the configuration is incomplete and must not be
    used; ``get_config`` sees to that.
    """
    problems: list[Problem] = []
    if raw is None:
        problems.append(_MISSING)
    # One mistake is one problem: what follows from it is not listed.
    usable = isinstance(raw, Mapping)
    top = Section(
        {} if raw is None else raw,
        place="OIDC_RS",
        problems=problems,
        keys=_TOP_KEYS,
        elsewhere=_ELSEWHERE,
    )
    http = parse_http(top.section("HTTP", HTTP_KEYS))
    issuers, users = _issuers(top, http) if usable else ((), {})
    return Config(
        issuers=issuers,
        users=users,
        realm=_realm(top),
        required_paths=_required_paths(top),
        max_token_length=int(
            top.number("MAX_TOKEN_LENGTH", 16384, least=256, most=1048576)
        ),
        token_cache=_token_cache(top),
        http=http,
        cache=parse_cache(top, issuers),
    ), problems


def _token_cache(top: Section) -> TokenCachePolicy:
    cache = top.section("TOKEN_CACHE", ("MAX_AGE", "SIZE"))
    return TokenCachePolicy(
        size=int(cache.number("SIZE", 0, least=0, most=1_000_000)),
        max_age=cache.number("MAX_AGE", 60, least=1, most=3600),
    )


def _issuers(
    top: Section, http: HttpPolicy
) -> tuple[tuple[IssuerPolicy, ...], dict[str, UserPolicy]]:
    audience = parse_audience(top)
    shared_section = top.section("USERS", USER_KEYS)
    shared = parse_users(shared_section)
    table = top.mapping("ISSUERS", _ONE_ISSUER)
    if table is None:
        return (), {}
    if not table:
        top.problem(
            "E004",
            "names no issuer",
            key="ISSUERS",
            hint=_ONE_ISSUER,
        )
    sections = {
        alias: Section(
            raw,
            place=f"{top.at('ISSUERS')}[{alias!r}]",
            problems=top.problems,
            keys=ISSUER_KEYS,
            hint=_ONE_ISSUER,
        )
        for alias, raw in table.items()
    }
    _check_identifiers(sections)
    policies: list[IssuerPolicy] = []
    users: dict[str, UserPolicy] = {}
    for alias, section in sections.items():
        if not isinstance(table[alias], Mapping):
            continue
        policy = parse_issuer(section, alias=alias, audience=audience, http=http)
        users[alias] = parse_users(section.section("USERS", USER_KEYS), shared=shared)
        if policy is not None:
            policies.append(policy)
    opaque = [policy.alias for policy in policies if policy.takes_opaque_tokens]
    if len(opaque) > 1:
        top.problem(
            "E029",
            f"has several issuers for opaque tokens: {', '.join(opaque)}",
            key="ISSUERS",
            hint="An opaque token does not say whose it is, and must not be shown to "
            'the wrong issuer: set OPAQUE_TOKENS False in the "INTROSPECTION" of all '
            "but one.",
        )
    if sum(policy.grantable_scopes is None for policy in policies) > 1:
        top.problem(
            "W003",
            "has several issuers without SCOPES: each of them can grant any scope",
            key="ISSUERS",
            hint="Set SCOPES per issuer, or issuers= on the views.",
            deploy=True,
        )
    # The very same table: what an issuer writes itself is another, whatever it says.
    sharing = (
        each.groups is shared.groups
        and each.resolver in ("local_user", "existing_user")
        for each in (users[policy.alias] for policy in policies)
    )
    if shared.groups and sum(sharing) > 1:
        shared_section.problem(
            "W005",
            "holds for several issuers: each of them can put users into these groups",
            key="GROUPS",
            hint="Write GROUPS in the USERS of each issuer that may, or {} in others.",
            deploy=True,
        )
    return tuple(policies), users


def _check_identifiers(sections: Mapping[str, Section]) -> None:
    """Demand that alias and identifier each mean one issuer: commands take either."""
    aliases: dict[str, str] = {}
    for alias, section in sections.items():
        if not is_plain(alias):
            section.problem(
                "E003",
                "must have a printable name without blanks around",
                hint="Rename the alias: commands, logs and views use it.",
            )
        issuer = section.values.get("ISSUER")
        if not isinstance(issuer, str):
            continue
        if issuer in aliases:
            section.problem(
                "E005",
                f"is that of {aliases[issuer]!r} too",
                key="ISSUER",
                hint="Keep one of the two: a token must mean one set of rules.",
            )
        elif issuer != alias and issuer in sections:
            section.problem(
                "E005",
                "is the alias of another issuer",
                key="ISSUER",
                hint=f"Rename the alias {excerpt(issuer)}.",
            )
        aliases.setdefault(issuer, alias)


def _realm(top: Section) -> str:
    realm = top.text("REALM") or "api"
    if not _REALM.fullmatch(realm):
        top.problem(
            "E003",
            "must be printable ASCII without quotes and backslashes",
            key="REALM",
        )
    return realm


def _required_paths(top: Section) -> tuple[str, ...]:
    paths = top.texts("REQUIRED_PATHS")
    if paths is None:
        return ("/",)
    wrong = [path for path in paths if not _is_path(path)]
    if wrong or not paths:
        # A pattern, or a path no request can have, would cover nothing.
        top.problem(
            "E003",
            f"holds {excerpt(wrong[0])}, which is no plain path"
            if wrong
            else "is empty",
            key="REQUIRED_PATHS",
            hint='Paths as requests have them, like ["/api/"]: what lies below is '
            "covered. No wildcards, patterns, escapes or host names.",
        )
        return ("/",)
    return paths


def _is_path(path: str) -> bool:
    return (
        path.startswith("/")
        and not any(mark in path for mark in _NO_PATH)
        and {".", ".."}.isdisjoint(path.split("/"))
    )


_cached: Config | None = None
_listeners: list[Callable[[], None]] = []


def get_config() -> Config:
    """Return the configuration of this process.

    Raises:
        ImproperlyConfigured: the settings have errors; all of them are listed, with
            the hints ``manage.py check`` gives.
    """
    global _cached  # noqa: PLW0603 -- the one cache, cleared by setting_changed
    if _cached is None:
        config, problems = parse(getattr(settings, "OIDC_RS", None))
        errors = [problem for problem in problems if problem.is_error]
        if errors:
            raise ImproperlyConfigured("\n".join(map(str, errors)))
        _cached = config
    return _cached


def on_change(listener: Callable[[], None]) -> None:
    """Call ``listener`` whenever the settings change, as ``override_settings`` does."""
    _listeners.append(listener)


def _follow(*, setting: str, **_kwargs: object) -> None:
    global _cached  # noqa: PLW0603 -- see get_config
    if setting in ("OIDC_RS", "AUTH_USER_MODEL", "CACHES"):
        _cached = None
        for listener in _listeners:
            listener()


setting_changed.connect(_follow, dispatch_uid="django_oidc_rs.conf")
