//! What only shows over sockets, with its timing: the page names the tests that hold it, and this looks that they are there.

use std::fs;
use std::path::Path;

/// What is right, the file of its test, and the test.
const TESTS: &[(&str, &str, &str)] = &[
    (
        "every protocol reaches every wire, whole and streamed",
        "tests/gateway/serving.rs",
        "every_protocol_reaches_every_wire_whole_and_streamed",
    ),
    (
        "on the same protocol bytes stay; the client's keys, cookies and agent do not go on",
        "tests/gateway/serving.rs",
        "what_is_sent_and_what_comes_back_is_untouched",
    ),
    (
        "a stream of the same protocol comes back byte for byte",
        "tests/gateway/serving.rs",
        "a_stream_comes_back_byte_for_byte",
    ),
    (
        "`anthropic-beta` and the client's agent go on to Anthropic",
        "src/upstream/headers.rs",
        "an_anthropic_upstream_sees_the_clients_betas_and_agent",
    ),
    ("and to nobody else", "src/upstream/headers.rs", "an_openai_upstream_sees_only_us"),
    (
        "a stream without content is a failed attempt; the next one answers",
        "tests/gateway/attempts.rs",
        "a_stream_without_content_is_a_failed_attempt",
    ),
    (
        "after the first content a break is an error event of the client's protocol",
        "tests/gateway/attempts.rs",
        "after_the_first_content_a_break_is_an_error_event",
    ),
    ("a silent upstream is bridged by pings", "tests/gateway/attempts.rs", "a_silent_stream_is_kept_alive"),
    ("characters that are cut in two arrive whole", "tests/gateway/hostile.rs", "characters_cut_in_two_arrive_whole"),
    ("an event that never ends is cut off", "tests/gateway/hostile.rs", "an_endless_event_is_cut_off"),
    (
        "a client that leaves cancels the upstream's work",
        "tests/gateway/clients.rs",
        "a_client_that_leaves_cancels_the_upstream",
    ),
    (
        "a slow client slows the upstream down; memory is bounded",
        "tests/gateway/clients.rs",
        "a_slow_client_slows_the_upstream_down",
    ),
    (
        "an upstream that only streams is collected",
        "tests/gateway/serving.rs",
        "an_upstream_that_only_streams_is_collected",
    ),
    (
        "one that does not stream is replayed",
        "tests/gateway/stages.rs",
        "an_upstream_that_does_not_stream_is_replayed_through_the_stages",
    ),
    (
        "what is lost stands in `x-ccr-warning`",
        "tests/gateway/accounts.rs",
        "what_is_lost_in_translation_stands_in_a_header",
    ),
    (
        "tokens are counted by Anthropic's and Gemini's own endpoints, else here",
        "tests/gateway/counting.rs",
        "gemini_counts_for_clients_of_every_protocol",
    ),
    (
        "the list of models has the caller's shape, and what the key may use",
        "tests/gateway/serving.rs",
        "models_are_listed_in_the_callers_protocol",
    ),
    (
        "no provider's words that quote a key reach a client",
        "tests/gateway/accounts.rs",
        "our_key_reaches_no_client_in_any_error",
    ),
    ("Codex is served by a Chat upstream", "tests/gateway/responses.rs", "codex_is_served_by_a_chat_upstream"),
    (
        "and reaches a Responses upstream as it came",
        "tests/gateway/responses.rs",
        "codex_reaches_a_responses_upstream_as_it_came",
    ),
    (
        "a Gemini stream comes as events or as an array",
        "tests/gateway/gemini.rs",
        "a_stream_comes_as_events_or_as_an_array",
    ),
    (
        "a call's signature comes back with the next turn",
        "tests/gateway/gemini.rs",
        "a_calls_signature_comes_back_with_the_next_turn",
    ),
];

/// The list of `docs/protocols.md`.
pub(crate) fn table() -> String {
    let line = |(says, file, test): &(&str, &str, &str)| format!("| {says} | `{test}` in `{file}` |\n");
    format!("\n| what is right | test |\n|---|---|\n{}\n", TESTS.iter().map(line).collect::<String>())
}

#[test]
fn every_test_that_is_named_is_there() {
    for (_, file, test) in TESTS {
        let code = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(file)).unwrap();
        assert!(code.contains(&format!("fn {test}()")), "{file} has no test `{test}`");
    }
}
