"""Every requirement this package is held against, by section."""

from __future__ import annotations

from .records import Requirement, Section, Status
from .sections.a_http_auth import HTTP_AUTH
from .sections.b_bearer import BEARER
from .sections.c_jws import JWS
from .sections.d_jwk import JWK
from .sections.e_jwa import JWA
from .sections.f_jwt import JWT
from .sections.g_best_practice import BEST_PRACTICE
from .sections.h_access_tokens import ACCESS_TOKENS
from .sections.i_introspection import INTROSPECTION
from .sections.j_signed_answers import SIGNED_ANSWERS
from .sections.k_discovery import DISCOVERY
from .sections.v_security_practice import SECURITY_PRACTICE
from .sections.x_algorithms import ALGORITHMS

__all__ = ["REQUIREMENTS", "SECTIONS", "Requirement", "Section", "Status"]

SECTIONS: tuple[Section, ...] = (
    HTTP_AUTH,
    BEARER,
    JWS,
    JWK,
    JWA,
    JWT,
    BEST_PRACTICE,
    ACCESS_TOKENS,
    INTROSPECTION,
    SIGNED_ANSWERS,
    DISCOVERY,
    SECURITY_PRACTICE,
    ALGORITHMS,
)

REQUIREMENTS: dict[str, Requirement] = {
    requirement.number: requirement
    for section in SECTIONS
    for requirement in section.requirements
}
"""Number -> requirement."""
