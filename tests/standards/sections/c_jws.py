"""C: JSON Web Signature."""

from ..records import Section, held

REFUSED = "test_one_fault_is_refused"

JWS = Section(
    letter="C",
    title="JSON Web Signature (RFC 7515)",
    file="test_c_jws.py",
    requirements=(
        held(
            "C25",
            "RFC 7515 sections 5.2, 7.1",
            "The compact form has exactly three parts.",
            REFUSED,
        ),
        held(
            "C26",
            "RFC 7515 sections 2, 5.2",
            "base64url has no padding, white space or foreign characters.",
            REFUSED,
        ),
        held(
            "C27",
            "RFC 4648 section 3.5",
            "Unused bits of the last character are zero: one token has one spelling.",
            "test_another_spelling_of_the_same_octets_is_refused",
        ),
        held(
            "C28",
            "RFC 7515 sections 4, 5.2",
            "The header is one JSON object in UTF-8.",
            REFUSED,
        ),
        held(
            "C29",
            "RFC 7515 sections 4, 10.12",
            "A header parameter that stands twice is refused.",
            REFUSED,
        ),
        held(
            "C30",
            "RFC 7515 section 4.1.1",
            "`alg` is present, known, and compared exactly.",
            REFUSED,
        ),
        held(
            "C31",
            "RFC 7515 section 5.2",
            "A good signature by an algorithm that is not accepted is refused.",
            REFUSED,
        ),
        held(
            "C32",
            "RFC 7515 section 4.1.11",
            "`crit` names an extension that is not understood: refused.",
            REFUSED,
        ),
        held(
            "C33",
            "RFC 7515 section 4.1.11",
            "An empty, repeating or otherwise malformed `crit` is refused.",
            REFUSED,
        ),
        held(
            "C34",
            "RFC 7797 sections 6, 7",
            "`b64` is refused, named in `crit` or not.",
            REFUSED,
        ),
        held(
            "C35",
            "RFC 7515 sections 4.1.2 to 4.1.6",
            "`jku`, `jwk`, `x5u` and `x5c` supply no key and cause no request.",
            REFUSED,
            "test_addresses_and_keys_of_a_good_token_are_not_looked_at",
        ),
        held(
            "C36",
            "RFC 7515 section 4.1.4",
            "`kid` is a string, compared exactly.",
            REFUSED,
        ),
        held(
            "C37",
            "RFC 7515 sections 5.3, 10.13",
            "Strings are compared code point by code point, without normalisation.",
            REFUSED,
            "test_text_is_compared_code_point_by_code_point",
        ),
        held(
            "C38",
            "RFC 7515 section 10.12",
            "JSON is parsed strictly: no comments, no NaN, nothing after the object.",
            REFUSED,
        ),
        held(
            "C39",
            "RFC 7515 section 4.1.9",
            "`typ` is a media type: case and a missing `application/` do not matter.",
            REFUSED,
            "test_spellings_of_the_type_of_access_tokens",
        ),
        held(
            "C40",
            "RFC 7515 section 7.2",
            "The JSON serialisations are no tokens.",
            REFUSED,
        ),
        held(
            "C41",
            "RFC 7515 appendix F",
            "A detached payload is no token.",
            REFUSED,
        ),
    ),
)
