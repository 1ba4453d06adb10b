"""D: JSON Web Keys."""

from ..records import Section, held

KEY = "test_a_bad_key_is_refused_and_the_others_serve"
TOKEN = "test_a_token_of_such_a_key_is_refused"
SET = "test_what_is_no_key_set_changes_nothing"

JWK = Section(
    letter="D",
    title="JSON Web Key sets (RFC 7517)",
    file="test_d_jwk.py",
    requirements=(
        held(
            "D42",
            "RFC 7517 section 4",
            "A set in which a member stands twice is refused whole.",
            SET,
        ),
        held(
            "D43",
            "RFC 7517 sections 4, 5",
            "Unknown members are ignored.",
            "test_unknown_members_are_ignored",
        ),
        held(
            "D44",
            "RFC 7517 section 5",
            "A key that cannot be used is skipped, and the others serve.",
            KEY,
        ),
        held(
            "D45",
            "RFC 7517 section 5.1",
            "`keys` is an array; what is no set leaves the known keys as they are.",
            SET,
            "test_a_set_without_usable_keys_is_none",
        ),
        held(
            "D46",
            "RFC 7517 section 4.2",
            "A key for encryption verifies nothing.",
            KEY,
            TOKEN,
        ),
        held(
            "D47",
            "RFC 7517 section 4.3",
            "`key_ops` must allow `verify`, repeat nothing and agree with `use`.",
            KEY,
            TOKEN,
        ),
        held(
            "D48",
            "RFC 7517 section 4.4",
            "A key with `alg` verifies that algorithm alone.",
            TOKEN,
        ),
        held(
            "D49",
            "RFC 7517 section 4.5",
            "Keys of one name are told apart by type and algorithm, or refused both.",
            TOKEN,
            "test_equal_names_of_other_types_are_told_apart",
        ),
        held(
            "D50",
            "RFC 7517 section 9.2; OpenID Connect Discovery section 3",
            "Private and symmetric keys that somebody published are refused and not "
            "stored.",
            KEY,
            TOKEN,
            "test_private_members_are_not_stored",
        ),
        held(
            "D51",
            "RFC 7518 sections 6.2, 6.3; RFC 8037 section 2",
            "Weak, oversized and malformed keys are refused.",
            KEY,
        ),
    ),
)
