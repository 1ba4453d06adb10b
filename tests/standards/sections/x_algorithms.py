"""X: fully-specified and post-quantum algorithms."""

from ..records import Section, held, not_built

NO_ML_DSA = "ML-DSA is not part of this version."
TOKENS = "test_ml_dsa_is_refused"
KEYS = "test_its_keys_are_skipped"

ALGORITHMS = Section(
    letter="X",
    title="Fully-specified and post-quantum algorithms (RFC 9864, RFC 9964)",
    file="test_x_algorithms.py",
    requirements=(
        held(
            "X262",
            "RFC 9864 section 2.2",
            "`Ed25519` and `Ed448` go with their curves; `EdDSA` is pinned to one.",
            "test_each_name_goes_with_its_curve",
            "test_eddsa_means_one_curve_and_must_be_listed",
        ),
        held(
            "X263",
            "RFC 9864 section 2.2",
            "Of an Ed25519 key, `EdDSA` and `Ed25519` name the same algorithm.",
            "test_both_names_of_ed25519_are_the_same",
        ),
        held(
            "X264",
            "RFC 9864 section 2.1",
            "`ES256`, `ES384` and `ES512` are bound to their curves.",
            "test_e_jwa.py::test_one_fault_is_refused",
        ),
        not_built(
            "X265",
            "RFC 9964 section 3",
            "A key of type `AKP` has `alg` and `pub`.",
            f"{NO_ML_DSA} Keys of that type are skipped.",
            TOKENS,
            KEYS,
        ),
        not_built(
            "X266",
            "RFC 9964 section 5",
            "ML-DSA keys and signatures have their lengths.",
            f"{NO_ML_DSA} Tokens that name it are refused.",
            TOKENS,
        ),
        not_built(
            "X267",
            "RFC 9964 section 6",
            "The thumbprint of an `AKP` key is made of alg, kty and pub.",
            f"{NO_ML_DSA} No thumbprints are made.",
        ),
        not_built(
            "X268",
            "RFC 9964 sections 3, 4",
            "A published key has no `priv`.",
            f"{NO_ML_DSA} A key with `priv` is refused as private, whatever its type.",
            KEYS,
        ),
        not_built(
            "X269",
            "RFC 9964 section 5",
            "Limits of size leave room for ML-DSA signatures.",
            f"{NO_ML_DSA} `MAX_TOKEN_LENGTH` would be the setting.",
        ),
        held(
            "X270",
            "draft-ietf-jose-deprecate-none-rsa15",
            "`none` and `RSA1_5` are not offered.",
            "test_deprecated_algorithms_cannot_be_offered",
            "test_a_key_for_such_an_algorithm_is_skipped",
            "test_e_jwa.py::test_one_fault_is_refused",
        ),
    ),
)
