"""Server metadata: where it lies and what may be believed of it.

OpenID Connect Discovery 1.0 section 4, RFC 8414 section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

from .errors import excerpt
from .http import Fetch, FetchedDocument, FetchError
from .strict_json import StrictJsonError, loads_object

__all__ = [
    "MetadataError",
    "ServerMetadata",
    "discover",
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
    jwks_uri = members.get("jwks_uri")
    if not isinstance(jwks_uri, str):
        raise MetadataError("no_jwks_uri", f"{document.url} names no jwks_uri")
    return ServerMetadata(
        issuer=issuer,
        jwks_uri=jwks_uri,
        url=document.url,
        public_address=document.public_address,
    )


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
            status = error.status or 0
            if not 400 <= status < 500 or status in _TRANSIENT:
                raise
        else:
            return parse_metadata(document, issuer=issuer)
    return parse_metadata(fetch(urls[-1], trusted_address=True), issuer=issuer)
