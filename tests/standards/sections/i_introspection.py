"""I: introspection, as a protected resource."""

from ..records import Section, held

ATTACKS = "attacks/test_07_introspection.py"
CASES = "cases/test_introspection.py"

INTROSPECTION = Section(
    letter="I",
    title="Token introspection (RFC 7662)",
    file="test_i_introspection.py",
    requirements=(
        held(
            "I113",
            "RFC 7662 section 2.1",
            "The question is a form that is posted, with the token in its body alone.",
            "test_the_question_is_a_form_that_is_posted",
            f"{CASES}::test_id_and_secret_are_encoded_before_basic",
        ),
        held(
            "I114",
            "RFC 7662 sections 2.1, 4",
            "The resource server says who it is, over TLS with a verified certificate.",
            "test_the_question_says_who_asks",
            "test_nobody_asks_without_credentials",
            "test_the_endpoints_certificate_is_verified",
            f"{CASES}::test_an_assertion_says_who_we_are",
            f"{CASES}::test_a_certificate_says_who_we_are",
        ),
        held(
            "I115",
            "RFC 7662 section 2.2",
            "Only the JSON value `true` means active.",
            "test_only_true_is_active",
            f"{ATTACKS}::test_an_answer_is_judged",
        ),
        held(
            "I116",
            "RFC 7662 section 2.2",
            "Members of a wrong type are refused, unknown ones ignored.",
            "test_unknown_members_are_ignored",
            "test_a_member_of_another_type_is_refused",
            note="`scope` as an array of strings is read as several scopes, as some "
            "servers send it.",
        ),
        held(
            "I117",
            "RFC 7662 sections 2.2, 4",
            "Times, issuer, audience, kind and confirmation of an active token are "
            "checked here all the same.",
            "test_what_is_active_is_checked_all_the_same",
            f"{ATTACKS}::test_an_answer_is_judged",
            note="Where an issuer leaves the audience out, `AUDIENCE_OPTIONAL` takes "
            "an answer to this client for one about this API.",
        ),
        held(
            "I118",
            "RFC 7662 section 4",
            "No answer is kept longer than its token lives, or than settings say.",
            "test_no_answer_is_kept_longer_than_its_token",
            "test_no_is_kept_more_briefly_than_yes",
            "test_answers_are_kept_as_long_as_the_settings_say_within_limits",
            f"{ATTACKS}::test_an_answer_is_not_kept_without_an_end",
        ),
        held(
            "I119",
            "RFC 7662 section 4",
            "What is kept is found by a digest of issuer, client and whole token.",
            "test_the_cache_knows_digests_of_the_whole_question",
            f"{CASES}::test_what_one_endpoint_said_another_did_not",
        ),
        held(
            "I120",
            "RFC 7662 section 2.3",
            "What is no answer lets nobody in and is not kept: 503.",
            "test_no_answer_is_nobodys_token",
            f"{ATTACKS}::test_nobody_comes_in_while_nobody_can_tell",
            f"{ATTACKS}::test_an_outage_makes_nobody_anonymous",
        ),
        held(
            "I121",
            "RFC 7662 section 2.3",
            "Refused credentials of the resource server are not the caller's "
            "`invalid_token`.",
            "test_no_answer_is_nobodys_token",
            f"{ATTACKS}::test_somebody_is_told_what_is_wrong_with_our_credentials",
        ),
        held(
            "I122",
            "RFC 7662 section 4",
            "Not everything that callers send is asked about.",
            f"{ATTACKS}::test_random_tokens_are_no_flood_at_the_issuer",
            f"{ATTACKS}::test_what_is_no_token_costs_no_question",
            f"{ATTACKS}::test_a_dead_endpoint_is_not_asked_a_thousand_times",
            f"{ATTACKS}::test_a_crafted_token_shuts_nobody_out",
        ),
        held(
            "I123",
            "RFC 7662 section 5",
            "The answer is not passed on to the caller.",
            "test_the_answer_is_not_passed_on",
            "attacks/test_leakage_introspection.py::test_nothing_of_a_question_is_told",
        ),
    ),
)
