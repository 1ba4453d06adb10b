"""H: the JWT profile for access tokens."""

from ..records import Section, held, not_applicable

REFUSED = "test_one_fault_is_refused"

ACCESS_TOKENS = Section(
    letter="H",
    title="JWT access tokens (RFC 9068)",
    file="test_h_access_tokens.py",
    requirements=(
        held(
            "H100",
            "RFC 9068 section 2.1",
            "RS256 is supported.",
            "test_rs256_is_supported",
        ),
        held(
            "H101",
            "RFC 9068 sections 2.1, 4",
            "`typ` is `at+jwt`, with or without `application/`, and nothing else.",
            REFUSED,
            "test_the_default_profile_knows_older_issuers",
            "test_c_jws.py::test_spellings_of_the_type_of_access_tokens",
            profile="rfc9068",
            note="Other profiles take what their issuers send, `JWT` or none, and tell "
            "other kinds of tokens by their claims (G96).",
        ),
        held(
            "H102",
            "RFC 9068 section 2.2",
            "iss, exp, aud, sub, client_id, iat and jti are present.",
            REFUSED,
            "test_the_default_profile_requires_what_older_issuers_send",
            profile="rfc9068",
            note="iss, exp and the audience are under every profile.",
        ),
        not_applicable(
            "H103",
            "RFC 9068 section 4",
            "Where encryption was agreed on, a token that is not encrypted is refused.",
            "Encrypted tokens are refused, so none can be agreed on.",
            "test_f_jwt.py::test_one_fault_is_refused",
        ),
        held(
            "H104",
            "RFC 9068 section 4",
            "`iss` is exactly the issuer's identifier.",
            REFUSED,
        ),
        held(
            "H105",
            "RFC 9068 section 4",
            "`aud` names this resource server.",
            "test_f_jwt.py::test_one_fault_is_refused",
            "test_f_jwt.py::test_one_of_the_audiences_is_ours",
        ),
        held(
            "H106",
            "RFC 9068 section 4",
            "The signature is verified with the issuer's keys; `none` is refused.",
            "test_e_jwa.py::test_one_fault_is_refused",
            "test_g_best_practice.py::test_one_fault_is_refused",
        ),
        held(
            "H107",
            "RFC 9068 section 4",
            "Now is before `exp`, with minutes of leeway at most.",
            REFUSED,
            "test_f_jwt.py::test_one_fault_is_refused",
            "test_f_jwt.py::test_leeway_is_small",
        ),
        held(
            "H108",
            "RFC 9068 section 4",
            "Every check that fails is `invalid_token`.",
            "test_every_failed_check_is_invalid_token",
            "test_every_failed_check_of_the_header_is_invalid_token",
        ),
        held(
            "H109",
            "RFC 9068 section 4",
            "Scopes and claims count in the decision, and only the token's own.",
            "test_what_the_caller_names_beside_the_token_grants_nothing",
        ),
        held(
            "H110",
            "RFC 9068 section 5",
            "A client whose identifier is a user's subject does not become that user.",
            "test_a_client_is_no_user_of_its_name",
        ),
        held(
            "H111",
            "RFC 9068 section 5",
            "Any published key may have signed: the key does not tell what a token is.",
            "test_g_best_practice.py::test_one_fault_is_refused",
        ),
        held(
            "H112",
            "RFC 9068 section 6",
            "What a token tells of a person is not logged.",
            "test_no_log_tells_who_it_was",
        ),
    ),
)
