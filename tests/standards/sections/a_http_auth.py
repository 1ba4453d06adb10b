"""A: the HTTP authentication framework."""

from ..records import Section, held

HTTP_AUTH = Section(
    letter="A",
    title="HTTP authentication (RFC 9110, RFC 9111)",
    file="test_a_http_auth.py",
    requirements=(
        held(
            "A1",
            "RFC 9110 section 11.1",
            "The name of the authentication scheme is compared without regard to case.",
            "test_the_scheme_in_any_case",
        ),
        held(
            "A2",
            "RFC 9110 sections 11.6.1, 15.5.2",
            "Every 401 carries a challenge.",
            "test_a_401_has_a_challenge",
            "test_the_middleware_challenges_too",
        ),
        held(
            "A3",
            "RFC 9110 sections 11.2, 5.6.4",
            "A challenge is well-formed whatever the request held.",
            "test_nothing_breaks_a_parameter",
        ),
        held(
            "A4",
            "RFC 9110 section 5.3",
            "`Authorization` is a single field; to repeat it is malformed.",
            "test_two_fields_are_malformed",
        ),
        held(
            "A5",
            "RFC 9111 section 3.5",
            "No shared cache may hand the answer for one caller to another.",
            "test_no_shared_cache_keeps_the_answer",
            note="A view's own `Cache-Control` is left as it is.",
        ),
        held(
            "A6",
            "CVE-2026-3902 (Django)",
            "A header that merely resembles another one, by an underscore say, is not "
            "taken for it.",
            "test_a_django_that_confuses_header_names_is_refused",
            "test_no_other_header_is_read",
        ),
    ),
)
