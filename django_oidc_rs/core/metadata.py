"""Server metadata: where it lies and what may be believed of it.

OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from .addresses import parse_origin
from .errors import excerpt
from .http import Fetch, FetchedDocument, FetchError
from .strict_json import StrictJsonError, loads_object

__all__ = [
    "IntrospectionMetadata",
    "MetadataError",
    "ServerMetadata",
    "discover",
    "discover_introspection",
    "metadata_urls",
    "parse_metadata",
]

# Not "no such document" but "not now": falling through would ask a second form for an
# answer the first one owes.
_TRANSIENT = frozenset((408, 425, 429))


class MetadataError(ValueError):
    """The document cannot be believed; ``code`` is stable."""

    def __init__(self, code: str, message: str) -> None:
        """Keep the stable ``code`` beside the message."""
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMetadata:
    """What this library uses of an authorization server's metadata. RFC 8414 2.

    ``public_address`` tells whether the document came from a public address; if so it
    may not lead to a private one.
    """

    issuer: str
    jwks_uri: str
    url: str
    public_address: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionMetadata:
    """Where an issuer is asked about tokens, and how to authenticate. RFC 8414 2.

    ``auth_methods`` is None where the issuer does not say.
    """

    endpoint: str
    auth_methods: tuple[str, ...] | None = None


def metadata_urls(issuer: str) -> tuple[str, ...]:
    """Return the addresses to try, in order.

    OpenID Connect Discovery appends its well-known path to the issuer; RFC 8414 section
    3.1 inserts its own between host and path. A terminating slash goes first in both.
    """
    parts = urlsplit(issuer)
    path = parts.path.rstrip("/")

    def at(new_path: str) -> str:
        return urlunsplit((parts.scheme, parts.netloc, new_path, "", ""))

    return (
        at(path + "/.well-known/openid-configuration"),
        at("/.well-known/oauth-authorization-server" + path),
    )


def parse_metadata(document: FetchedDocument, *, issuer: str) -> ServerMetadata:
    """Parse a metadata document of ``issuer``.

    Raises:
        MetadataError: no strict JSON object; its ``issuer`` is not exactly ours (RFC
            8414 3.3: such data MUST NOT be used); no ``jwks_uri``.
    """
    members = _members(document, issuer)
    jwks_uri = members.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise MetadataError("no_jwks_uri", f"{document.url} names no jwks_uri")
    return ServerMetadata(
        issuer=issuer,
        jwks_uri=jwks_uri,
        url=document.url,
        public_address=document.public_address,
    )


def _members(document: FetchedDocument, issuer: str) -> dict[str, object]:
    try:
        members = loads_object(document.body)
    except StrictJsonError as error:
        raise MetadataError("not_json", f"{document.url} is no JSON: {error}") from None
    if members.get("issuer") != issuer:
        raise MetadataError(
            "issuer_mismatch",
            f"{document.url} says issuer {excerpt(members.get('issuer'))}, "
            f"the settings say {excerpt(issuer)}",
        )
    return members


def discover(
    fetch: Fetch, *, issuer: str, metadata_url: str | None = None
) -> ServerMetadata:
    """Fetch and parse the metadata of ``issuer``.

    ``metadata_url``, when given, is used verbatim. Otherwise the two well-known forms
    are tried in turn; only a 4xx falls through to the next one, because any other
    failure says nothing about where the document lies.

    Raises:
        FetchError: no answer, or an answer that is no success.
        MetadataError: a document that cannot be believed.
    """
    urls = (metadata_url,) if metadata_url else metadata_urls(issuer)
    for url in urls[:-1]:
        try:
            document = fetch(url, trusted_address=True)
        except FetchError as error:
            if not _is_elsewhere(error):
                raise
        else:
            return parse_metadata(document, issuer=issuer)
    return parse_metadata(fetch(urls[-1], trusted_address=True), issuer=issuer)


def discover_introspection(
    fetch: Fetch, *, issuer: str, metadata_url: str | None = None
) -> IntrospectionMetadata:
    """Fetch the issuer's metadata until a document names an introspection endpoint.

    Some issuers name it in their RFC 8414 document alone. The endpoint must have the
    issuer's origin: it is told our secret and every caller's token.

    Raises:
        FetchError: no answer, or an answer that is no success.
        MetadataError: no document that can be believed names a usable endpoint.
    """
    urls = (metadata_url,) if metadata_url else metadata_urls(issuer)
    read: str | None = None
    for url in urls:
        try:
            document = fetch(url, trusted_address=True)
        except FetchError as error:
            if read is not None:
                # The second form's 404 is not the cause: the first was there.
                raise MetadataError(
                    "no_introspection_endpoint",
                    f"{_no_endpoint(read)} ({url}: {error})",
                ) from None
            if url == urls[-1] or not _is_elsewhere(error):
                raise
            continue
        members, read = _members(document, issuer), url
        if members.get("introspection_endpoint") is not None:
            return _introspection(members, document.url, issuer)
    raise MetadataError("no_introspection_endpoint", _no_endpoint(read))


def _no_endpoint(url: str | None) -> str:
    return (
        f"{url} names no introspection_endpoint: if this server can be asked, write "
        "its address as ENDPOINT in INTROSPECTION"
    )


def _introspection(
    members: dict[str, object], url: str, issuer: str
) -> IntrospectionMetadata:
    endpoint = members["introspection_endpoint"]
    methods = members.get("introspection_endpoint_auth_methods_supported")
    try:
        same = isinstance(endpoint, str) and parse_origin(endpoint) == parse_origin(
            issuer
        )
    except ValueError:
        same = False
    if not isinstance(endpoint, str) or not same:
        raise MetadataError(
            "foreign_endpoint",
            f"{url} names the introspection endpoint {excerpt(endpoint)}, which is not "
            "of the issuer's origin; ENDPOINT can name it",
        )
    known = isinstance(methods, list) and all(isinstance(one, str) for one in methods)
    return IntrospectionMetadata(
        endpoint=endpoint,
        auth_methods=tuple(map(str, methods)) if known else None,  # type: ignore[call-overload]  # a list, by now
    )


def _is_elsewhere(error: FetchError) -> bool:
    """Whether the document may lie at the next address: a 4xx that is not "not now"."""
    status = error.status or 0
    return 400 <= status < 500 and status not in _TRANSIENT
