"""G: the best current practice for JSON Web Tokens."""

from ..records import Section, held, not_applicable

REFUSED = "test_one_fault_is_refused"
DRAFT = "draft-ietf-oauth-rfc8725bis-10 section"

BEST_PRACTICE = Section(
    letter="G",
    title="JSON Web Token best current practice (RFC 8725 and its successor)",
    file="test_g_best_practice.py",
    requirements=(
        held(
            "G76",
            f"{DRAFT} 3.1",
            "Algorithms are an explicit list; nothing outside it is ever used.",
            REFUSED,
            "test_algorithms_are_an_explicit_list",
        ),
        held(
            "G77",
            f"{DRAFT} 3.1",
            "`alg` agrees with the algorithm of the key that `kid` names.",
            "test_d_jwk.py::test_a_token_of_such_a_key_is_refused",
        ),
        held(
            "G78",
            f"{DRAFT} 3.1",
            "Each issuer has its own list of algorithms.",
            "test_each_issuer_has_its_own_algorithms_and_keys",
        ),
        held(
            "G79",
            f"{DRAFT} 3.1",
            "Each key is used with one algorithm, which is checked when it is used.",
            REFUSED,
            "test_without_alg_and_profile_the_list_of_the_settings_decides",
            profile="rfc9068",
            note="Under other profiles it holds for keys published with `alg`. An RSA "
            "key without one verifies every RSA algorithm that `ALGORITHMS` lists: "
            "name one there.",
        ),
        held(
            "G80",
            f"{DRAFT} 3.1",
            "Unwanted algorithms are kept out by what is allowed, not by what is "
            "forbidden.",
            "test_e_jwa.py::test_one_fault_is_refused",
        ),
        held(
            "G81",
            f"{DRAFT} 3.2",
            "Another algorithm is a matter of settings, not of code.",
            "test_another_algorithm_is_a_matter_of_settings",
        ),
        held(
            "G82",
            f"{DRAFT} 3.2",
            "Fully-specified names of algorithms are known.",
            "test_fully_specified_names_are_known",
        ),
        held(
            "G83",
            f"{DRAFT} 3.3",
            "A token of which anything fails to verify is refused whole.",
            REFUSED,
        ),
        held(
            "G84",
            f"{DRAFT} 3.3",
            "Signed tokens are told from encrypted ones; the latter are refused.",
            REFUSED,
            "test_f_jwt.py::test_one_fault_is_refused",
        ),
        held(
            "G85",
            f"{DRAFT} 3.4",
            "Points of elliptic curves are checked before use.",
            "test_d_jwk.py::test_a_bad_key_is_refused_and_the_others_serve",
        ),
        not_applicable(
            "G86",
            f"{DRAFT} 3.5",
            "No password that people remember is a MAC key.",
            "Binds who makes `SHARED_SECRET`. Its length is checked (E52); how it was "
            "made cannot be seen.",
        ),
        held(
            "G87",
            f"{DRAFT} 3.7",
            "No encoding but UTF-8 is read.",
            "test_f_jwt.py::test_one_fault_is_refused",
        ),
        held(
            "G88",
            f"{DRAFT} 3.8",
            "The key belongs to the issuer the token names.",
            "test_each_issuer_has_its_own_algorithms_and_keys",
            "test_a_key_of_another_issuer_does_not_serve",
        ),
        held(
            "G89",
            f"{DRAFT} 3.8",
            "The subject is a valid one of that issuer; others are refused.",
            "test_a_malformed_subject_makes_no_user",
            "test_an_unknown_or_blocked_subject_is_refused",
            note="An unknown one becomes a user unless `CREATE` is off.",
        ),
        held(
            "G90",
            f"{DRAFT} 3.9",
            "A token without audience is refused.",
            "test_f_jwt.py::test_one_fault_is_refused",
        ),
        held(
            "G91",
            f"{DRAFT} 3.10",
            "A `kid` in the syntax of SQL, LDAP, paths or templates is a plain miss.",
            REFUSED,
        ),
        held(
            "G92",
            f"{DRAFT} 3.10",
            "`jku` and `x5u` are not followed.",
            "test_c_jws.py::test_one_fault_is_refused",
            "test_c_jws.py::test_addresses_and_keys_of_a_good_token_are_not_looked_at",
        ),
        held(
            "G93",
            f"{DRAFT} 3.10",
            "An address that a fetched document names is not asked if it is loopback, "
            "private or link-local; what was vetted is what is connected to.",
            "test_g_addresses.py::test_no_local_address_is_connected_to",
            note="Addresses and hosts written in the settings are the allow-list.",
        ),
        held(
            "G94",
            f"{DRAFT} 3.11",
            "`typ` without a slash is read as if `application/` stood before it.",
            "test_c_jws.py::test_one_fault_is_refused",
            "test_c_jws.py::test_spellings_of_the_type_of_access_tokens",
        ),
        held(
            "G95",
            f"{DRAFT} 3.11",
            "A `typ` that is present is an expected one.",
            REFUSED,
            "test_the_types_of_the_default_profile",
            note="`JWT` and no `typ` are expected unless `TOKEN_TYPES` or the profile "
            "says otherwise.",
        ),
        held(
            "G96",
            f"{DRAFT} 3.12",
            "Other kinds of tokens of the same issuer, key and audience are refused.",
            REFUSED,
            note="An ID token that bears no mark of one needs `REQUIRED_CLAIMS`, see "
            "README.",
        ),
        not_applicable(
            "G97",
            f"{DRAFT} 3.13",
            "The rounds of password-based encryption are limited.",
            "Encrypted tokens are refused before anything is decrypted.",
            REFUSED,
        ),
        held(
            "G98",
            f"{DRAFT} 3.14",
            "Anything but letters, digits, `-`, `_` and dots is no token.",
            "test_c_jws.py::test_one_fault_is_refused",
        ),
        not_applicable(
            "G99",
            f"{DRAFT} 3.15",
            "The size of what is decompressed is limited.",
            "Encrypted tokens are refused before anything is decompressed.",
            REFUSED,
        ),
    ),
)
