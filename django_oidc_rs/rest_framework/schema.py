"""The API's description by drf-spectacular: who may call what, and what is refused.

``AccessTokenScheme`` is found by itself where ``drf_spectacular`` is in
``INSTALLED_APPS``; ``describe_refusals`` is a postprocessing hook to be named in
``SPECTACULAR_SETTINGS``. Neither opens a connection.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from drf_spectacular.drainage import set_override, warn
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.settings import spectacular_settings

from ..conf import get_config
from ..core.issuers import IssuerPolicy
from ..core.metadata import metadata_urls
from .admission import Caller, Way, is_open, ways_in
from .authentication import AccessTokenAuthentication
from .described_answers import COMPONENTS, answers, merged, shared

if TYPE_CHECKING:
    from drf_spectacular.openapi import AutoSchema

__all__ = ["AccessTokenScheme", "describe_refusals"]

# Subclasses publish the same schemes.
set_override(AccessTokenAuthentication, "suppress_collision_warning", value=True)

# OpenAPI 3.0 section 4.7.7.1: names of components.
_NO_NAME = re.compile(r"[^A-Za-z0-9._-]")
_FLOW_URLS = {
    "authorizationUrl": ("OAUTH2_AUTHORIZATION_URL", ("implicit", "authorizationCode")),
    "tokenUrl": (
        "OAUTH2_TOKEN_URL",
        ("password", "clientCredentials", "authorizationCode"),
    ),
}


class _Requirement(dict[str, list[str]]):
    """A security requirement object that tells ``describe_refusals`` more.

    Attributes:
        caller: the least that gets into the operation.
        scopes: what this alternative demands, though its scheme could not say so.
        media_types: of the operation's answers.
    """

    def __init__(
        self,
        published: dict[str, list[str]],
        *,
        caller: Caller,
        scopes: tuple[str, ...],
        media_types: tuple[str, ...],
    ) -> None:
        super().__init__(published)
        self.caller = caller
        self.scopes = scopes
        self.media_types = media_types


class AccessTokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """Publishes one security scheme per issuer, and what each operation demands.

    The alternatives of an operation are those of its permissions: OpenAPI's
    ``security`` is a list of which one suffices. Override ``security_scheme`` in a
    subclass with ``priority = 1`` to publish something else for an issuer.
    """

    target_class = (
        "django_oidc_rs.rest_framework.authentication.AccessTokenAuthentication"
    )
    match_subclasses = True
    priority = -1

    def __init__(self, target: Any) -> None:
        """Name the schemes of the configured issuers."""
        super().__init__(target)  # type: ignore[no-untyped-call]
        self._policies = get_config().issuers
        self._names = _scheme_names()
        self.name = list(self._names.values())

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        """Return the issuers' security schemes, in the order of ``name``."""
        del auto_schema
        return [self.security_scheme(policy) for policy in self._policies]

    def security_scheme(self, policy: IssuerPolicy) -> dict[str, Any]:
        """Return the security scheme object of one issuer.

        ``oauth2`` where ``SPECTACULAR_SETTINGS`` names ``OAUTH2_FLOWS`` and there is
        one issuer whose they can be; else ``openIdConnect`` with the address of the
        metadata, which tells flows and scopes; else, for an issuer whose keys are
        given in settings, ``http`` with the scheme ``bearer``.
        """
        described = {"description": f"An access token of {policy.issuer}."}
        if spectacular_settings.OAUTH2_FLOWS and len(self._policies) == 1:
            flows = dict(map(_flow, spectacular_settings.OAUTH2_FLOWS))
            return {"type": "oauth2", "flows": flows, **described}
        if (policy.jwks_uri, policy.jwks, policy.shared_secret) != (None, None, None):
            bearer = {"scheme": "bearer", "bearerFormat": "JWT"}
            return {"type": "http", **bearer, **described}
        url = policy.metadata_url or metadata_urls(policy.issuer)[0]
        return {"type": "openIdConnect", "openIdConnectUrl": url, **described}

    def get_security_requirement(
        self, auto_schema: AutoSchema
    ) -> list[dict[str, list[Any]]]:
        """Return the alternatives of the operation ``auto_schema`` is at."""
        view = auto_schema.view
        permissions = view.get_permissions()
        try:
            ways = ways_in(permissions, view.request, view)
        except ImproperlyConfigured as error:
            warn(str(error))
            ways = ()
        caller = min((way.caller for way in ways), default=Caller.TOKEN)
        found: dict[object, dict[str, list[Any]]] = {}
        for way, policy in self._alternatives(ways):
            scopes = way.scopes if _takes_scopes(self.security_scheme(policy)) else ()
            requirement = _Requirement(
                {self._names[policy.alias]: list(scopes)},
                caller=caller,
                scopes=way.scopes,
                media_types=tuple(auto_schema.map_renderers("media_type")),
            )
            found.setdefault((policy.alias, frozenset(scopes)), requirement)
        alternatives = list(found.values())
        # drf-spectacular adds it itself where such a permission stands alone.
        added = any(is_open(each, view.request) for each in permissions)
        if caller is Caller.ANYBODY and not added:
            alternatives.append({})
        return alternatives

    def _alternatives(
        self, ways: tuple[Way, ...]
    ) -> tuple[tuple[Way, IssuerPolicy], ...]:
        open_ways = tuple(
            (way, policy)
            for way in ways
            for policy in self._policies
            if way.is_open_to(policy)
        )
        # Nobody comes in; an empty list would say that everybody does.
        denied = Way(caller=Caller.TOKEN)
        return open_ways or tuple((denied, policy) for policy in self._policies)


def _scheme_names() -> dict[str, str]:
    """Return alias -> name; adding an issuer changes no name."""
    names: dict[str, str] = {}
    for policy in get_config().issuers:
        suffix = "" if policy.alias == "default" else f"_{policy.alias}"
        name = "accessToken" + _NO_NAME.sub("_", suffix)
        while name in names.values():
            name += "_"
        names[policy.alias] = name
    return names


def _flow(name: str) -> tuple[str, dict[str, Any]]:
    flow: dict[str, Any] = {
        key: getattr(spectacular_settings, setting)
        for key, (setting, flows) in _FLOW_URLS.items()
        if name in flows
    }
    if spectacular_settings.OAUTH2_REFRESH_URL:
        flow["refreshUrl"] = spectacular_settings.OAUTH2_REFRESH_URL
    return name, {**flow, "scopes": dict(spectacular_settings.OAUTH2_SCOPES or {})}


def _takes_scopes(scheme: Mapping[str, Any]) -> bool:
    """Whether a requirement may name scopes. OpenAPI 3.0 section 4.7.30, 3.1 4.8.30."""
    is_3_0 = spectacular_settings.OAS_VERSION.startswith("3.0")
    return scheme["type"] in ("oauth2", "openIdConnect") or not is_3_0


def describe_refusals(
    result: dict[str, Any], generator: Any, request: Any, public: Any
) -> dict[str, Any]:
    """Describe the library's answers in every operation that takes access tokens.

    A postprocessing hook of drf-spectacular. 400, 401, 403 and 503 get their headers
    and body; what is described there already stays, as an alternative. Alternatives
    that the permissions refuse, such as a session where a scope is demanded, go.
    """
    del generator, request, public
    names = set(_scheme_names().values())
    components = result.setdefault("components", {})
    described = False
    for operation in _operations(result):
        ours = [each for each in operation["security"] if names & each.keys()]
        if ours:
            described = True
            _describe(operation, ours, components)
            _collect_scopes(components.get("securitySchemes", {}), ours)
    if described:
        schemas = components.setdefault("schemas", {})
        components["schemas"] = dict(sorted({**COMPONENTS, **schemas}.items()))
    return result


def _operations(result: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for path in result["paths"].values():
        for operation in path.values():
            # Others' hooks may have put parameters or a summary beside the operations.
            if isinstance(operation, dict) and operation.get("security"):
                yield operation


def _describe(
    operation: dict[str, Any], ours: list[dict[str, Any]], components: dict[str, Any]
) -> None:
    told = [each for each in ours if isinstance(each, _Requirement)]
    # What extend_schema says of an operation is left as it is.
    caller = told[0].caller if told else Caller.ANYBODY
    foreign = [each for each in operation["security"] if each and each not in ours]
    operation["security"] = [
        each
        for each in operation["security"]
        if each in ours
        or each in spectacular_settings.SECURITY
        or caller is Caller.ANYBODY
        or (each and caller is Caller.AUTHENTICATED)
    ]
    named = (each.scopes for each in told if each.scopes)
    responses = operation["responses"]
    described = answers(
        scope=" ".join(next(named, ())) or None,
        media_types=told[0].media_types if told else None,
        others_authenticate=bool(foreign),
        may_be_denied={} not in operation["security"],
        takes_input=_takes_input(operation) and "400" not in responses,
    )
    for status, answer in described.items():
        if status in responses:
            responses[status] = merged(responses[status], answer)
        else:
            responses[status] = shared(components, status, answer)
    operation["responses"] = dict(sorted(responses.items()))


def _takes_input(operation: Mapping[str, Any]) -> bool:
    """Whether a serializer or filter may have something to say with 400 as well."""
    parameters = operation.get("parameters", ())
    return "requestBody" in operation or any(
        each.get("in") == "query" for each in parameters
    )


def _collect_scopes(
    schemes: Mapping[str, Any], requirements: list[dict[str, Any]]
) -> None:
    """Let the flows of an ``oauth2`` scheme know every scope that is demanded."""
    for name, scopes in (item for each in requirements for item in each.items()):
        for flow in schemes.get(name, {}).get("flows", {}).values():
            for scope in scopes:
                flow["scopes"].setdefault(scope, "")
