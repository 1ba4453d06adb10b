"""F: JSON Web Token."""

from ..records import Section, held, not_applicable

REFUSED = "test_one_fault_is_refused"

JWT = Section(
    letter="F",
    title="JSON Web Token (RFC 7519)",
    file="test_f_jwt.py",
    requirements=(
        held(
            "F61",
            "RFC 7519 section 7.2",
            "The claims are one JSON object in UTF-8.",
            REFUSED,
        ),
        held(
            "F62",
            "RFC 7519 section 4",
            "A claim that stands twice is refused.",
            REFUSED,
        ),
        held(
            "F63",
            "RFC 7519 section 4",
            "Unknown claims are ignored.",
            "test_unknown_claims_are_ignored",
        ),
        held(
            "F64",
            "RFC 7519 section 2",
            "`exp`, `nbf` and `iat` are numbers, with fractions or without.",
            REFUSED,
            "test_dates_are_numbers",
        ),
        held(
            "F65",
            "RFC 7519 section 2",
            "Dates out of all measure are refused, and break nothing.",
            REFUSED,
        ),
        held(
            "F66",
            "RFC 7519 section 4.1.4",
            "Now is before `exp`; leeway is small.",
            REFUSED,
            "test_leeway_is_small",
            note="30 seconds by default; a warning above 300, an error above 3600.",
        ),
        held(
            "F67",
            "RFC 7519 section 4.1.5",
            "Now is not before `nbf`.",
            REFUSED,
            "test_clocks_may_differ_by_seconds",
        ),
        held(
            "F68",
            "RFC 7519 section 4.1.6",
            "`iat` does not lie ahead by more than clocks may differ.",
            REFUSED,
            "test_clocks_may_differ_by_seconds",
        ),
        held(
            "F69",
            "RFC 7519 section 4.1.3",
            "One of our audiences stands in `aud`, as a whole and exactly.",
            REFUSED,
            "test_one_of_the_audiences_is_ours",
        ),
        held(
            "F70",
            "RFC 7519 sections 4.1.1, 4.1.2",
            "`iss` and `sub` are strings, compared exactly.",
            REFUSED,
            "test_a_null_subject_is_an_absent_one",
            note="A `sub` of null counts as absent, and never as a user.",
        ),
        not_applicable(
            "F71",
            "RFC 7519 section 2",
            "A string with a colon in it is a URI.",
            "Binds who writes the token; here it is kept and compared as it stands.",
            "test_a_subject_is_kept_as_it_stands",
        ),
        held(
            "F72",
            "RFC 7519 sections 5.2, 7.2",
            "A token inside a token is treated as such, or refused; here refused.",
            REFUSED,
        ),
        not_applicable(
            "F73",
            "RFC 7519 section 5.3",
            "Claims repeated in the header of an encrypted token equal those inside.",
            "Encrypted tokens are refused.",
            REFUSED,
        ),
        held(
            "F74",
            "RFC 7519 section 11.2",
            "Encryption is no signature: a token that is only encrypted is refused.",
            REFUSED,
        ),
        held(
            "F75",
            "RFC 7519 section 8",
            "HMAC goes with a shared secret alone, and never with published keys.",
            "test_hmac_goes_with_a_shared_secret_alone",
            "test_e_jwa.py::test_one_fault_is_refused",
        ),
    ),
)
