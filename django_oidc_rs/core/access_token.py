"""The verified facts about one access token. RFC 9068 section 2.2."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, make_dataclass

from .strict_json import FrozenDict

__all__ = ["AccessToken", "AccessTokenDraft", "lookup"]


def lookup(claims: dict[str, object], path: str) -> object:
    """Return the claim at ``path``, or None where it is missing.

    A literal claim name, dots and slashes included (``https://x.example/roles``), comes
    first; else each dot leads into a nested object (``realm_access.roles``).
    """
    value = claims.get(path)
    if value is not None or "." not in path or path in claims:
        return value
    value = claims
    for name in path.split("."):
        if not isinstance(value, dict) or name not in value:
            return None
        value = value[name]
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """A token that passed every check. It does not hold the raw token.

    Frozen, deeply: ``claims`` is a dict whose mutators raise and whose arrays are
    tuples. It can be pickled, copied and its claims dumped as JSON. ``repr`` leaves
    the claims out: error reports print the local variables of every frame.

    Attributes:
        issuer: the identifier string, equal to ``iss``.
        issuer_alias: the name of the issuer policy in ``OIDC_RS["ISSUERS"]``.
        subject: ``sub`` (or what ``SUBJECT_CLAIM`` names); None for some machines.
        audience: the values of the audience claim.
        client_id: the client the token was issued to, if the issuer tells.
        scopes: the scopes granted, those of ``SCOPES`` alone where that is set.
        issued_at, expires_at: seconds since the epoch.
        token_id: ``jti``.
        claims: every claim as the issuer wrote it.
        confirmation: the ``cnf`` claim; always None in this version, which refuses
            tokens bound to a key.
        validated_by: ``"jwt"`` or ``"introspection"``; ``"test"`` for the test kit's.
        is_machine: whether the token stands for a client without a user.
    """

    issuer: str
    issuer_alias: str
    subject: str | None = field(repr=False)
    audience: tuple[str, ...]
    client_id: str | None
    scopes: frozenset[str]
    issued_at: float | None
    expires_at: float | None
    token_id: str | None
    claims: FrozenDict = field(repr=False, hash=False)
    confirmation: FrozenDict | None = field(hash=False)
    validated_by: str
    is_machine: bool

    def has_scope(self, *scopes: str) -> bool:
        """Whether every one of ``scopes`` was granted; False for none named."""
        return bool(scopes) and self.scopes.issuperset(scopes)

    def claim(self, path: str) -> object:
        """Return the claim at ``path`` (literal name or dotted), or None."""
        return lookup(self.claims, path)


AccessTokenDraft = make_dataclass(
    "AccessTokenDraft",
    [(each.name, each.type) for each in fields(AccessToken)],
    slots=True,
    kw_only=True,
)
"""What becomes an ``AccessToken`` by ``draft.__class__ = AccessToken``: the same slots,
not frozen yet. Filling in a frozen one takes three times as long."""
