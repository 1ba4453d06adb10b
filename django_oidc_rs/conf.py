"""``settings.OIDC_RS`` -> ``Config``, parsed once, frozen, every problem collected."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.signals import setting_changed

from .core.http import HttpPolicy
from .core.issuers import IssuerPolicy
from .issuer_settings import ISSUER_KEYS, parse_issuer
from .settings_reader import Problem, Section
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
_HTTP_KEYS = (
    "ALLOW_INSECURE",
    "ALLOW_PRIVATE_ADDRESSES",
    "CA_BUNDLE",
    "CONNECT_TIMEOUT",
    "MAX_BYTES",
    "PROXIES",
    "READ_TIMEOUT",
    "TOTAL_TIMEOUT",
)
# RFC 6750 section 3 restricts other parameters alike; no escapes are ever needed then.
_REALM = re.compile(r"[\x20-\x21\x23-\x5B\x5D-\x7E]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """The whole of ``OIDC_RS``, typed.

    Attributes:
        issuers: the issuer policies, in the order written.
        users: issuer alias -> user policy.
        realm: of every challenge.
        required_paths: what ``AccessTokenRequiredMiddleware`` covers.
        max_token_length: characters.
        http: how metadata and keys are fetched.
    """

    issuers: tuple[IssuerPolicy, ...]
    users: Mapping[str, UserPolicy]
    realm: str
    required_paths: tuple[str, ...]
    max_token_length: int
    http: HttpPolicy


def parse(raw: object) -> tuple[Config, list[Problem]]:
    """Return the configuration and every problem with it.

    With an error among the problems the configuration is incomplete and must not be
    used; ``get_config`` sees to that.
    """
    problems: list[Problem] = []
    top = Section(raw, place="OIDC_RS", problems=problems, keys=_TOP_KEYS)
    if "CACHE" in top.values:
        top.not_built("CACHE", "a cache of introspection answers")
    _refuse_token_cache(top)
    http = _http(top)
    issuers, users = _issuers(top, http)
    return Config(
        issuers=issuers,
        users=users,
        realm=_realm(top),
        required_paths=_required_paths(top),
        max_token_length=int(
            top.number("MAX_TOKEN_LENGTH", 16384, least=256, most=1048576)
        ),
        http=http,
    ), problems


def _refuse_token_cache(top: Section) -> None:
    cache = Section(
        top.mapping("TOKEN_CACHE"),
        place=top.at("TOKEN_CACHE"),
        problems=top.problems,
        keys=("MAX_AGE", "SIZE"),
    )
    if cache.values.get("SIZE", 0) != 0:
        cache.not_built("SIZE", "a cache of verified tokens")


def _http(top: Section) -> HttpPolicy:
    http = Section(
        top.mapping("HTTP"),
        place=top.at("HTTP"),
        problems=top.problems,
        keys=_HTTP_KEYS,
    )

    def seconds(key: str, default: float) -> float:
        return http.number(key, default, least=0.1, most=60, problem_id="E020")

    proxies = http.mapping("PROXIES")
    if not all(isinstance(url, str) for url in proxies.values()):
        http.problem("E020", "must map schemes to proxy URLs", key="PROXIES")
        proxies = {}
    insecure = http.texts("ALLOW_INSECURE") or ()
    if insecure:
        http.problem(
            "W002",
            f"lets plain http reach {', '.join(insecure)}; whoever sits between can "
            "hand out keys",
            key="ALLOW_INSECURE",
        )
    return HttpPolicy(
        connect_timeout=seconds("CONNECT_TIMEOUT", 2),
        read_timeout=seconds("READ_TIMEOUT", 3),
        total_timeout=seconds("TOTAL_TIMEOUT", 5),
        max_bytes=int(
            http.number(
                "MAX_BYTES", 262144, least=1024, most=16777216, problem_id="E020"
            )
        ),
        ca_bundle=http.text("CA_BUNDLE"),
        proxies={scheme: str(url) for scheme, url in proxies.items()},
        allow_insecure=frozenset(insecure),
        allow_private_addresses=frozenset(http.texts("ALLOW_PRIVATE_ADDRESSES") or ()),
    )


def _issuers(
    top: Section, http: HttpPolicy
) -> tuple[tuple[IssuerPolicy, ...], dict[str, UserPolicy]]:
    audience = top.texts("AUDIENCE", bare=True)
    shared_users = top.mapping("USERS")
    table = top.mapping("ISSUERS")
    if not table:
        top.problem(
            "E004",
            "names no issuer",
            key="ISSUERS",
            hint='Set "ISSUERS": {"default": {"ISSUER": "https://..."}}.',
        )
    policies: list[IssuerPolicy] = []
    users: dict[str, UserPolicy] = {}
    seen: dict[str, str] = {}
    shared_policy = parse_users(
        Section(
            shared_users,
            place=top.at("USERS"),
            problems=top.problems,
            keys=USER_KEYS,
        )
    )
    for alias, raw in table.items():
        section = Section(
            raw,
            place=f"{top.at('ISSUERS')}[{alias!r}]",
            problems=top.problems,
            keys=ISSUER_KEYS,
        )
        policy = parse_issuer(section, alias=alias, audience=audience, http=http)
        issuer = section.values.get("ISSUER")
        if isinstance(issuer, str) and issuer in seen:
            section.problem("E005", f"is that of {seen[issuer]!r} too", key="ISSUER")
        elif isinstance(issuer, str):
            seen[issuer] = alias
        own = section.mapping("USERS")
        users[alias] = shared_policy
        if own:
            users[alias] = parse_users(
                Section(
                    own,
                    place=section.at("USERS"),
                    problems=top.problems,
                    keys=USER_KEYS,
                    defaults=shared_users,
                )
            )
        if policy is not None:
            policies.append(policy)
    if len(policies) > 1 and all(p.grantable_scopes is None for p in policies):
        top.problem(
            "W003",
            "has several issuers and no SCOPES: each of them can grant any scope",
            key="ISSUERS",
            hint="Set SCOPES per issuer, or issuers= on the views.",
            deploy=True,
        )
    return tuple(policies), users


def _realm(top: Section) -> str:
    realm = top.text("REALM") or "api"
    if not _REALM.fullmatch(realm):
        top.problem("E003", "holds a quote or a control character", key="REALM")
    return realm


def _required_paths(top: Section) -> tuple[str, ...]:
    paths = top.texts("REQUIRED_PATHS")
    if paths is None:
        return ("/",)
    if not paths or not all(path.startswith("/") for path in paths):
        top.problem(
            "E003", "must hold paths that begin with a slash", key="REQUIRED_PATHS"
        )
    return paths


_cached: Config | None = None
_listeners: list[Callable[[], None]] = []


def get_config() -> Config:
    """Return the configuration of this process.

    Raises:
        ImproperlyConfigured: the settings have errors; all of them are listed.
    """
    global _cached  # noqa: PLW0603 -- the one cache, cleared by setting_changed
    if _cached is None:
        config, problems = parse(getattr(settings, "OIDC_RS", None))
        errors = [problem for problem in problems if problem.is_error]
        if errors:
            lines = (f"django_oidc_rs.{each.id}: {each.message}" for each in errors)
            raise ImproperlyConfigured("\n".join(lines))
        _cached = config
    return _cached


def on_change(listener: Callable[[], None]) -> None:
    """Call ``listener`` whenever the settings change, as ``override_settings`` does."""
    _listeners.append(listener)


def _follow(*, setting: str, **_kwargs: object) -> None:
    global _cached  # noqa: PLW0603 -- see get_config
    if setting in ("OIDC_RS", "AUTH_USER_MODEL"):
        _cached = None
        for listener in _listeners:
            listener()


setting_changed.connect(_follow, dispatch_uid="django_oidc_rs.conf")
