"""``OIDC_RS["USERS"]``, top-level and per issuer -> ``UserPolicy``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db.models import (
    BinaryField,
    Field,
    FileField,
    FilePathField,
    GeneratedField,
    Model,
)

from .core.access_token import AccessToken
from .settings_reader import Section, is_plain

__all__ = [
    "BUILT_IN_RESOLVERS",
    "USER_KEYS",
    "UserPolicy",
    "parse_users",
]

USER_KEYS = ("CREATE", "FIELDS", "GROUPS", "RESOLVER")
BUILT_IN_RESOLVERS = ("local_user", "existing_user", "token_user")

# What decides over privileges is never a claim's to say (CWE-915).
_NEVER_MAPPED = frozenset(("is_superuser", "is_staff", "is_active", "password"))
_KINDS: tuple[tuple[type[Field[Any, Any]], str, str], ...] = (
    # A claim would choose among the server's files, others' included.
    (FileField, "names a file", "Map the claim to a text field or URLField."),
    (FilePathField, "names a file", "Map the claim to a text field or URLField."),
    (BinaryField, "holds bytes", "Claims are JSON: map the claim to a text field."),
    (GeneratedField, "is computed by the database", "Map what it is computed from."),
)


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


_DEFAULT = UserPolicy()


def parse_users(section: Section, *, shared: UserPolicy = _DEFAULT) -> UserPolicy:
    """Return the user policy of ``section``, noting problems.

    Keys that are not written there are those of ``shared``.
    """
    changes: dict[str, Any] = {}
    if "RESOLVER" in section.written:
        changes["resolver"], changes["custom"] = _resolver(section)
    if "CREATE" in section.written:
        changes["create"] = section.flag("CREATE", shared.create)
    if "FIELDS" in section.written:
        changes["fields"] = _fields(section)
    if "GROUPS" in section.written:
        changes["groups_claim"], changes["groups"] = _groups(section)
    if changes.get("resolver") in ("token_user", "custom"):
        for key, problem_id in (("FIELDS", "E018"), ("GROUPS", "E019")):
            if changes.get(key.lower()):
                section.problem(
                    problem_id,
                    "has no effect with this RESOLVER",
                    key=key,
                    hint="Only local_user and existing_user write fields and groups.",
                )
    return replace(shared, **changes)


def _resolver(section: Section) -> tuple[str, Callable[[AccessToken], object] | None]:
    name = section.text("RESOLVER")
    if name is None or name in BUILT_IN_RESOLVERS:
        return name or "existing_user", None
    return "custom", section.function(
        "RESOLVER", name, hint=f"Built in: {', '.join(BUILT_IN_RESOLVERS)}."
    )


def _user_model(section: Section, key: str, problem_id: str) -> type[Model] | None:
    try:
        return get_user_model()
    except ImproperlyConfigured as error:
        section.problem(problem_id, f"needs a user model: {error}", key=key)
        return None


def _fields(section: Section) -> dict[str, str]:
    table = section.mapping("FIELDS")
    model = _user_model(section, "FIELDS", "E018") if table else None
    if not table or model is None:
        return {}
    fields: dict[str, str] = {}
    for name, path in table.items():
        place = f"maps {name!r}, which"
        try:
            model_field = model._meta.get_field(name)
        except FieldDoesNotExist:
            section.problem(
                "E018",
                f"{place} is no field of {model.__name__}",
                key="FIELDS",
                hint='FIELDS maps user fields to claims: {"email": "email"}.',
            )
            continue
        why = _unmappable(model_field)
        if why is not None:
            section.problem("E018", f"{place} {why[0]}", key="FIELDS", hint=why[1])
        elif not isinstance(path, str) or not is_plain(path):
            section.problem(
                "E018",
                f"must name a claim path for {name!r}",
                key="FIELDS",
                hint='A claim\'s name, or dots into nested ones: "realm_access.roles".',
            )
        else:
            fields[name] = path
    return fields


def _unmappable(model_field: Any) -> tuple[str, str] | None:
    """Return why no claim may fill this field, and what to do; None if one may."""
    if model_field.is_relation:
        return "is a relation", "Groups are mapped by GROUPS, others by a RESOLVER."
    if model_field.name in _NEVER_MAPPED or model_field.primary_key:
        return "can never be mapped", "No claim decides over privileges or identity."
    for kind, what, hint in _KINDS:
        if isinstance(model_field, kind):
            return what, hint
    return None


def _groups(section: Section) -> tuple[str | None, dict[str, str]]:
    groups = section.mapping("GROUPS")
    if not groups:
        return None, {}
    below = section.section("GROUPS", ("CLAIM", "MAP"))
    claim, table = groups.get("CLAIM"), groups.get("MAP")
    names = {
        value: name
        for value, name in (table.items() if isinstance(table, Mapping) else ())
        if isinstance(value, str) and isinstance(name, str)
    }
    if (
        not isinstance(claim, str)
        or not isinstance(table, Mapping)
        or not 0 < len(names) == len(table)
        or not all(is_plain(text) and len(text) <= 150 for text in names.values())
        or not is_plain(claim)
    ):
        below.problem(
            "E019",
            "must have a CLAIM path and a MAP of claim values to group names",
            hint='Like {"CLAIM": "realm_access.roles", "MAP": {"boss": "Bosses"}}.',
        )
        return None, {}
    model = _user_model(section, "GROUPS", "E019")
    if model is not None and not _has_groups(model):
        section.problem(
            "E019",
            f"needs a user model with groups, and {model.__name__} has none",
            key="GROUPS",
        )
    return claim, names


def _has_groups(model: type[Model]) -> bool:
    try:
        groups = model._meta.get_field("groups").related_model
    except FieldDoesNotExist:
        return False
    return getattr(getattr(groups, "_meta", None), "label", "") == "auth.Group"
