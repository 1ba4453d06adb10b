"""The cases of keys, stores and discovery by ID, and the tests that prove each.

A test is written ``path::name``, below ``tests``; its name or the id of one of its
parameters bears the case's ID. A text in place of tests says why there is none.
"""

from __future__ import annotations

from types import MappingProxyType

__all__ = ["CASES", "SHARED", "Proof"]

Proof = tuple[str, ...] | str

_RING = "core/keys/test_ring.py::"
_SOURCE = "core/keys/test_source.py::"
_REQUESTS = "core/keys/test_requests.py::"
_METADATA = "core/test_metadata.py::"
_SERVER = "core/test_resource_server.py::"
_FLEET = "fleet/test_processes.py::"
_ANSWERS = "fleet/test_answers.py::"
_SETTINGS = "fleet/test_settings.py::"
_HANGING = "fleet/test_hanging.py::"
_DATABASES = "fleet/test_databases.py::"
_REDIS = "fleet/test_redis.py::"
_LOOP = "fleet/test_loop.py::"
_PROVIDER = "fleet/test_oidc_provider.py::"
_CACHE = "test_cache_store.py::"
_SYNC = "test_commands_sync.py::"
_USELESS = f"{_ANSWERS}test_a_useless_answer_takes_nothing_away"

CASES: MappingProxyType[str, Proof] = MappingProxyType(
    {
        # F. JWK Set: caching, refresh, rate limit, outage.
        "JC-01": (
            f"{_RING}test_jc_01_fifty_cold_requests_fetch_once",
            f"{_RING}test_jc_01_fifty_cold_requests_with_real_threads",
        ),
        "JC-03": (
            f"{_RING}test_jc_03_after_an_idle_lifetime_one_fetch_and_the_new_set",
            f"{_RING}test_jc_03_fifty_requests_at_the_end_of_the_lifetime_fetch_once",
        ),
        "JC-04": (f"{_RING}test_jc_04_a_refresh_ahead_makes_nobody_wait",),
        "JC-05": (f"{_RING}test_jc_05_a_failed_refresh_ahead_harms_nobody",),
        "JC-06": (
            f"{_RING}test_jc_06_the_request_that_finds_the_new_key_succeeds",
            f"{_REQUESTS}test_jc_06_a_new_key_is_found_in_the_same_request",
            f"{_LOOP}test_jc_06_an_unknown_kid_does_not_block_the_loop",
        ),
        "JC-07": (f"{_RING}test_jc_07_jc_09_an_exhausted_budget_is_401_and_no_fetch",),
        "JC-09": (f"{_REQUESTS}test_jc_09_an_exhausted_budget_is_401",),
        "JC-10": (
            f"{_RING}test_jc_10_an_exhausted_budget_does_not_delay_a_refresh",
            f"{_RING}test_jc_10_a_refresh_that_is_due_costs_nothing_of_the_budget",
            "core/keys/test_fleet.py::test_jc_10_the_budget_stops_no_routine_fetch",
        ),
        "JC-11": (
            f"{_RING}test_jc_11_jc_12_ten_thousand_kids_cost_two_fetches_and_no_memory",
            f"{_RING}test_jc_11_a_kid_that_was_missing_is_found_once_it_is_published",
        ),
        "JC-12": (
            f"{_RING}test_jc_11_jc_12_ten_thousand_kids_cost_two_fetches_and_no_memory",
        ),
        "JC-13": (
            f"{_REQUESTS}test_jc_13_garbage_costs_no_fetch",
            f"{_REQUESTS}test_jc_13_with_and_without_kid",
        ),
        "JC-15": (f"{_REQUESTS}test_jc_15_a_bad_signature_never_fetches",),
        "JC-16": (f"{_RING}test_jc_16_known_keys_outlive_the_issuers_outage",),
        "JC-17": (
            f"{_RING}test_jc_17_a131_and_die_in_the_end",
            f"{_RING}test_jc_17_stale_serving_may_be_off",
        ),
        "JC-18": (
            f"{_RING}test_jc_18_during_an_outage_nobody_can_tell",
            f"{_RING}test_jc_18_an_exhausted_budget_after_failures_is_no_401",
            f"{_REQUESTS}test_jc_18_an_outage_is_503_and_no_401",
        ),
        "JC-19": (f"{_RING}test_jc_19_an_outage_is_not_hammered",),
        "JC-21": (
            f"{_RING}test_jc_21_a_useless_answer_is_a_failure",
            f"{_SOURCE}test_an_answer_without_usable_keys_is_a_failure",
        ),
        "JC-22": (
            f"{_RING}test_jc_21_a_useless_answer_is_a_failure",
            f"{_SOURCE}test_an_answer_without_usable_keys_is_a_failure",
        ),
        "JC-23": (
            f"{_RING}test_jc_23_a_withdrawn_key_is_gone_at_once",
            f"{_HANGING}test_ss_03_jc_23_a_removed_key_is_gone_all_the_same",
        ),
        "JC-24": (
            f"{_RING}test_jc_24_25_a_failed_transfer_keeps_the_old_set",
            f"{_SOURCE}test_nothing_else_is_retried",
        ),
        "JC-25": (f"{_SOURCE}test_nothing_else_is_retried",),
        "JC-27": (
            f"{_RING}test_jc_27_an_answer_under_way_keeps_others_from_setting_out",
            "core/keys/test_records.py::test_jc_27_a_slow_old_answer_replaces_nothing",
        ),
        "JC-28": (
            f"{_RING}test_jc_28_a_caller_that_goes_away_leaves_the_flight_alone",
            f"{_LOOP}test_jc_28_a_caller_that_goes_away_takes_no_fetch_with_it",
        ),
        "JC-29": (
            f"{_RING}test_jc_29_and_serves_them_when_the_answer_is_late",
            f"{_RING}test_jc_29_a_late_answer_is_503",
            f"{_RING}test_jc_29_a_late_answer_does_not_keep_stored_keys_from_serving",
        ),
        "JC-30": (f"{_SETTINGS}test_an_error_at_start",),
        "JC-31": (
            "core/keys/test_freshness.py::test_jc_31_the_lifetime_of_an_answer",
            f"{_RING}test_jc_31_the_answer_sets_the_lifetime",
            f"{_RING}test_jc_31_no_store_is_no_fetch_per_request",
        ),
        # G. The shared store.
        "SS-01": (
            f"{_RING}test_ss_01_an_unknown_kid_is_looked_up_in_the_store_first",
            f"{_FLEET}test_ss_01_what_one_fetched_the_others_read",
        ),
        "SS-02": (f"{_RING}test_ss_02_the_same_version_is_no_change",),
        "SS-03": (
            f"{_RING}test_ss_03_keys_outlive_the_stores_outage",
            f"{_CACHE}test_ss_03_a_cache_that_is_gone_is_a_store_error",
            f"{_HANGING}test_ss_03_known_keys_serve_and_nobody_waits",
            f"{_LOOP}test_ss_03_a_store_that_hangs_does_not_block_the_loop",
        ),
        "SS-04": (
            f"{_RING}test_ss_04_without_a_store_a_cold_process_asks_the_issuer",
            f"{_HANGING}test_ss_04_the_first_wait_has_a_bound",
            f"{_HANGING}test_ss_04_jc_11_a_flood_is_two_fetches_of_this_process",
            f"{_HANGING}test_ss_04_what_could_not_be_stored_is_stored_later",
        ),
        "SS-05": (
            f"{_SYNC}test_ss_05_keys_go_to_the_cache_and_to_the_database",
            f"{_CACHE}test_ss_05_a_flushed_cache_is_filled_from_the_database",
            f"{_REDIS}test_ss_05_a_flushed_redis_and_an_issuer_that_is_down",
            f"{_REDIS}test_ss_05_a_flushed_redis_is_filled_again",
        ),
        "SS-07": (
            f"{_RING}test_ss_07_ss_08_a_poisoned_row_counts_as_none",
            f"{_CACHE}test_ss_07_ss_08_a_poisoned_entry_counts_as_none",
            f"{_REDIS}test_ss_07_a_poisoned_entry_is_fetched_again",
        ),
        "SS-08": (
            f"{_RING}test_ss_07_ss_08_a_poisoned_row_counts_as_none",
            f"{_DATABASES}test_ss_08_an_edited_state_blocks_nobody",
            f"{_REDIS}test_ss_08_an_unparsable_entry_is_fetched_again",
        ),
        "SS-09": (
            f"{_RING}test_ss_09_clocks_two_minutes_apart_cause_no_storm",
            f"{_FLEET}test_ss_09_hosts_two_minutes_apart",
            f"{_DATABASES}test_ss_09_the_age_is_told_by_the_servers_clock",
            f"{_DATABASES}test_ss_09_the_age_has_no_time_zone",
            f"{_DATABASES}test_ss_09_an_hour_that_occurs_twice_is_an_hour",
            f"{_DATABASES}test_ss_09_a_state_from_the_future_blocks_nobody",
        ),
        "SS-10": (
            f"{_RING}test_ss_10_issuers_do_not_touch_each_other",
            f"{_CACHE}test_ss_10_issuers_do_not_touch_each_other",
            f"{_DATABASES}test_ss_10_issuers_do_not_touch_each_other",
        ),
        "SS-11": (
            f"{_FLEET}test_ss_11_workers_forked_after_a_warm_up",
            f"{_FLEET}test_ss_11_a_worker_forked_in_mid_fetch",
        ),
        # H. Discovery and several issuers.
        "DI-01": (f"{_METADATA}test_both_forms_of_the_address",),
        "DI-02": (f"{_METADATA}test_both_forms_of_the_address",),
        "DI-03": (
            f"{_METADATA}test_di_03_a_4xx_falls_through_to_the_second_form",
            f"{_SOURCE}test_di_03_keys_by_the_second_form",
        ),
        "DI-04": (f"{_METADATA}test_di_04_nothing_else_falls_through",),
        "DI-05": (
            f"{_METADATA}test_di_05_a_metadata_address_from_settings_is_used_verbatim",
            f"{_SOURCE}test_di_05_a_metadata_address_from_settings",
        ),
        "DI-07": (f"{_METADATA}test_a_document_that_cannot_be_believed",),
        "DI-08": (f"{_METADATA}test_a_document_that_cannot_be_believed",),
        "DI-09": (f"{_SETTINGS}test_an_error_at_start",),
        "DI-10": (
            f"{_SETTINGS}test_an_error_at_start",
            f"{_SETTINGS}test_di_10_a_listed_host_may_be_asked_by_plain_http",
        ),
        "DI-11": (f"{_SOURCE}test_di_11_a_moved_jwks_uri_is_found_after_an_hour",),
        "DI-13": (
            f"{_ANSWERS}test_di_13_a_failed_discovery_is_one_attempt_and_no_success",
        ),
        "DI-14": (
            f"{_SOURCE}test_di_14_whose_word_may_lead_to_a_private_address",
            f"{_SOURCE}test_nothing_else_is_retried",
        ),
        "MI-01": (
            f"{_SERVER}test_mi_01_each_issuer_has_its_own_keys",
            f"{_REQUESTS}test_mi_01_each_issuer_has_its_own_keys",
        ),
        "MI-02": (
            f"{_SERVER}test_mi_02_a75_an_issuer_nobody_configured",
            f"{_REQUESTS}test_mi_02_an_untrusted_issuer_is_asked_nothing",
        ),
        "MI-03": (
            f"{_SERVER}test_a71_mi_03_a_key_of_one_issuer_signs_nothing_of_another",
            f"{_REQUESTS}test_mi_03_a_key_of_one_issuer_signs_for_no_other",
        ),
        "MI-05": (f"{_SERVER}test_mi_05_what_the_token_says_reaches_the_log_escaped",),
        "MI-06": (f"{_ANSWERS}test_mi_06_keys_in_settings_beside_discovered_ones",),
        # Health.
        "HL-01": (
            "test_health.py::test_hl_01_no_keys_is_503",
            "test_health.py::test_hl_01_fresh_and_stale_are_200",
        ),
        "HL-02": ("test_health.py::test_hl_02_the_probe_asks_no_issuer",),
    }
)
"""ID -> its tests, or why there are none."""

_AS_ONE = "It is settled in the process that is asked, before any store is."

SHARED: MappingProxyType[str, Proof] = MappingProxyType(
    {
        "JC-01-S": (
            f"{_RING}test_jc_01_s_a_cold_start_is_one_fetch",
            f"{_FLEET}test_jc_01_s_a_cold_start_is_one_fetch",
            f"{_FLEET}test_jc_01_s_a_cold_fleet_outlives_its_holder",
            f"{_LOOP}test_jc_01_s_a_cold_start_does_not_block_the_loop",
            f"{_PROVIDER}test_jc_01_s_a_client_credentials_token_is_accepted",
        ),
        "JC-03-S": (f"{_FLEET}test_jc_03_s_jc_04_s_one_refresh_for_a_lifetime",),
        "JC-04-S": (
            f"{_RING}test_jc_04_s_one_process_refreshes_for_all",
            f"{_FLEET}test_jc_03_s_jc_04_s_one_refresh_for_a_lifetime",
        ),
        "JC-05-S": (_USELESS,),
        "JC-06-S": (
            f"{_FLEET}test_jc_06_s_jc_23_s_a_rotation",
            f"{_PROVIDER}test_jc_06_s_the_first_request_with_a_new_key_succeeds",
        ),
        "JC-07-S": (f"{_FLEET}test_jc_07_s_jc_09_s_nothing_is_left_for_others",),
        "JC-09-S": (f"{_FLEET}test_jc_07_s_jc_09_s_nothing_is_left_for_others",),
        "JC-10-S": (
            f"{_FLEET}test_jc_10_s_a_flood_does_not_delay_a_refresh",
            f"{_DATABASES}test_jc_10_s_the_budget_counts_nothing_else",
        ),
        "JC-11-S": (
            f"{_RING}test_jc_11_s_a_flood_in_four_processes_is_two_fetches",
            f"{_FLEET}test_jc_11_s_a_flood_of_unknown_kids_is_two_fetches",
            f"{_DATABASES}test_jc_11_s_two_for_unknown_keys_whoever_asks",
        ),
        "JC-12-S": (
            "Nothing is kept by key ID, in no process and in no store: there is no "
            "memory to bound."
        ),
        "JC-13-S": (f"{_ANSWERS}test_jc_13_s_garbage_asks_nobody",),
        "JC-15-S": (
            f"{_ANSWERS}test_jc_15_s_a_key_id_used_again_is_seen_with_the_next_set",
        ),
        "JC-16-S": (f"{_FLEET}test_jc_16_s_jc_18_s_jc_19_s_an_outage",),
        "JC-17-S": (f"{_FLEET}test_jc_17_s_and_its_end",),
        "JC-18-S": (f"{_FLEET}test_jc_16_s_jc_18_s_jc_19_s_an_outage",),
        "JC-19-S": (
            f"{_RING}test_jc_19_s_an_outage_is_seven_attempts_a_minute_for_all",
            f"{_FLEET}test_jc_16_s_jc_18_s_jc_19_s_an_outage",
            f"{_DATABASES}test_jc_19_s_one_backoff_for_all",
        ),
        "JC-21-S": (_USELESS,),
        "JC-22-S": (_USELESS,),
        "JC-23-S": (
            f"{_FLEET}test_jc_06_s_jc_23_s_a_rotation",
            f"{_PROVIDER}test_jc_23_s_a_withdrawn_key_is_refused_everywhere",
        ),
        "JC-24-S": (_USELESS,),
        "JC-25-S": (_USELESS,),
        "JC-27-S": (
            f"{_RING}test_jc_27_s_who_publishes_first_wins_everywhere",
            f"{_FLEET}test_jc_27_s_a_slow_old_answer_takes_nothing_back",
            f"{_DATABASES}test_jc_27_s_a_slow_old_answer_replaces_nothing",
            f"{_DATABASES}test_jc_27_s_of_eight_at_once_one_wins",
        ),
        "JC-28-S": (f"{_FLEET}test_jc_28_s_a_holder_killed_in_mid_fetch",),
        "JC-29-S": (f"{_FLEET}test_jc_29_s_a_wait_for_another_process_has_an_end",),
        "JC-30-S": _AS_ONE,
        "JC-31-S": (f"{_ANSWERS}test_the_lifetime_is_the_same_for_who_did_not_fetch",),
    }
)
"""The cases of F again, with several processes that share a store."""
