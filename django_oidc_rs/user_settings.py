"""``OIDC_RS["USERS"]``, top-level and per issuer -> ``UserPolicy``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist
from django.utils.module_loading import import_string

from .core.access_token import AccessToken
from .settings_reader import Section

__all__ = ["BUILT_IN_RESOLVERS", "USER_KEYS", "UserPolicy", "parse_users"]

USER_KEYS = ("CREATE", "FIELDS", "GROUPS", "RESOLVER")
BUILT_IN_RESOLVERS = ("local_user", "existing_user", "token_user")

# What decides over privileges is never a claim's to say (CWE-915).
_NEVER_MAPPED = frozenset(("is_superuser", "is_staff", "is_active", "password"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UserPolicy:
    """How the users of one issuer are found.

    Attributes:
        resolver: one of ``BUILT_IN_RESOLVERS``, or ``custom`` is set.
        custom: the project's own ``(access_token) -> user | None``.
        create: whether ``local_user`` may create users.
        fields: user field -> claim path.
        groups_claim, groups: claim path, and its values -> group names.
    """

    resolver: str = "local_user"
    custom: Callable[[AccessToken], object] | None = None
    create: bool = True
    fields: Mapping[str, str] = field(default_factory=dict)
    groups_claim: str | None = None
    groups: Mapping[str, str] = field(default_factory=dict)


def parse_users(section: Section) -> UserPolicy:
    """Return the user policy of ``section``, noting problems."""
    resolver, custom = _resolver(section)
    groups_claim, groups = _groups(section)
    return UserPolicy(
        resolver=resolver,
        custom=custom,
        create=section.flag("CREATE", True),  # noqa: FBT003 -- the default
        fields=_fields(section),
        groups_claim=groups_claim,
        groups=groups,
    )


def _resolver(section: Section) -> tuple[str, Callable[[AccessToken], object] | None]:
    name = section.text("RESOLVER")
    if name is None or name in BUILT_IN_RESOLVERS:
        return name or "local_user", None
    try:
        custom = import_string(name)
    except ImportError as error:
        section.problem(
            "E015",
            f"cannot be imported: {error}",
            key="RESOLVER",
            hint=f"Built in: {', '.join(BUILT_IN_RESOLVERS)}.",
        )
        return "custom", None
    if not callable(custom):
        section.problem("E015", "names no function", key="RESOLVER")
        return "custom", None
    return "custom", custom


def _fields(section: Section) -> dict[str, str]:
    model = get_user_model()
    fields: dict[str, str] = {}
    for name, path in section.mapping("FIELDS").items():
        place = f"maps {name!r}, which"
        try:
            model_field = model._meta.get_field(name)
        except FieldDoesNotExist:
            section.problem(
                "E018", f"{place} is no field of {model.__name__}", key="FIELDS"
            )
            continue
        if name in _NEVER_MAPPED or getattr(model_field, "primary_key", False):
            section.problem("E018", f"{place} can never be mapped", key="FIELDS")
        elif model_field.is_relation:
            section.problem("E018", f"{place} is a relation", key="FIELDS")
        elif not isinstance(path, str) or not path:
            section.problem(
                "E018", f"must name a claim path for {name!r}", key="FIELDS"
            )
        else:
            fields[name] = path
    return fields


def _groups(section: Section) -> tuple[str | None, dict[str, str]]:
    if not section.values.get("GROUPS"):
        return None, {}
    groups = Section(
        section.mapping("GROUPS"),
        place=section.at("GROUPS"),
        problems=section.problems,
        keys=("CLAIM", "MAP"),
    )
    claim, table = groups.text("CLAIM"), groups.mapping("MAP")
    names = {
        value: name
        for value, name in table.items()
        if isinstance(name, str) and 0 < len(name) <= 150
    }
    if claim is None or not table or len(names) != len(table):
        groups.problem(
            "E019",
            "must have a CLAIM path and a MAP of claim values to group names",
        )
    return claim, names
