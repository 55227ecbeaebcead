//! The shape of a Chat Completions request: its members, messages and tools.

use crate::mock::shape::Shape::{Bool, Integer, List, Map, Number, Object, Tagged, Text, TextOr, Texts, Word};
use crate::mock::shape::{Field, POSITIVE, Shape, need, null};

static STRING: Shape = Text;
const BREAKPOINT: Field = null("prompt_cache_breakpoint", Map);
const TEXT: Shape = Object(&[need("text", Text), BREAKPOINT]);
static TEXT_PART: Shape = Tagged(&[("text", TEXT)], None);
static USER_PART: Shape = Tagged(
    &[
        ("text", TEXT),
        (
            "image_url",
            Object(&[
                need(
                    "image_url",
                    Object(&[need("url", Text), null("detail", Word(&["auto", "low", "high", "original"]))]),
                ),
                BREAKPOINT,
            ]),
        ),
        (
            "input_audio",
            Object(&[
                need("input_audio", Object(&[need("data", Shape::Base64), need("format", Word(&["wav", "mp3"]))])),
                BREAKPOINT,
            ]),
        ),
        (
            "file",
            Object(&[
                need("file", Object(&[null("file_data", Text), null("file_id", Text), null("filename", Text)])),
                BREAKPOINT,
            ]),
        ),
    ],
    None,
);
static ASSISTANT_PART: Shape = Tagged(&[("text", TEXT), ("refusal", Object(&[need("refusal", Text)]))], None);
/// JSON as a string: an object here is the most frequent mistake of translators.
const CALLED: Shape = Object(&[need("name", Text), need("arguments", Text)]);
static CALL: Shape = Tagged(
    &[
        ("function", Object(&[need("id", Text), need("function", CALLED)])),
        ("custom", Object(&[need("id", Text), need("custom", Object(&[need("name", Text), need("input", Text)]))])),
    ],
    None,
);

/// A message, by its role.
pub(super) static MESSAGES: [(&str, Shape); 6] = [
    ("system", Object(&[ROLE, need("content", TextOr(&List(&TEXT_PART))), null("name", Text)])),
    ("developer", Object(&[ROLE, need("content", TextOr(&List(&TEXT_PART))), null("name", Text)])),
    ("user", Object(&[ROLE, need("content", TextOr(&List(&USER_PART))), null("name", Text)])),
    (
        "assistant",
        Object(&[
            ROLE,
            null("content", TextOr(&List(&ASSISTANT_PART))),
            null("refusal", Text),
            null("name", Text),
            null("audio", Object(&[need("id", Text)])),
            null("tool_calls", List(&CALL)),
            null("function_call", CALLED),
            null("annotations", List(&Map)),
            // Other vendors' word for thinking, which this mock answers with, too.
            null("reasoning_content", Text),
        ]),
    ),
    ("tool", Object(&[ROLE, need("content", TextOr(&List(&TEXT_PART))), need("tool_call_id", Text)])),
    ("function", Object(&[ROLE, null("content", Text), need("name", Text)])),
];
const ROLE: Field = need("role", Text);

static TOOL: Shape = Tagged(
    &[
        (
            "function",
            Object(&[need(
                "function",
                Object(&[need("name", Text), null("description", Text), null("parameters", Map), null("strict", Bool)]),
            )]),
        ),
        (
            "custom",
            Object(&[need("custom", Object(&[need("name", Text), null("description", Text), null("format", Map)]))]),
        ),
    ],
    None,
);
const NAMED: Shape = Object(&[need("name", Text)]);
static TOOL_CHOICE: Shape = Tagged(
    &[
        ("function", Object(&[need("function", NAMED)])),
        ("custom", Object(&[need("custom", NAMED)])),
        (
            "allowed_tools",
            Object(&[need(
                "allowed_tools",
                Object(&[need("mode", Word(&["auto", "required"])), need("tools", List(&Map))]),
            )]),
        ),
    ],
    None,
);
const FORMAT: Shape = Tagged(
    &[
        ("text", Object(&[])),
        ("json_object", Object(&[])),
        (
            "json_schema",
            Object(&[need(
                "json_schema",
                Object(&[need("name", Text), null("description", Text), null("schema", Map), null("strict", Bool)]),
            )]),
        ),
    ],
    None,
);

/// The whole body; its messages are looked at apart.
pub(super) static BODY: Shape = Object(&[
    need("model", Text),
    need("messages", List(&Map)),
    null("stream", Bool),
    null("stream_options", Object(&[null("include_usage", Bool), null("include_obfuscation", Bool)])),
    null("tools", List(&TOOL)),
    null("tool_choice", TextOr(&TOOL_CHOICE)),
    null("parallel_tool_calls", Bool),
    null("max_tokens", POSITIVE),
    null("max_completion_tokens", POSITIVE),
    null("temperature", Number(0.0, 2.0)),
    null("top_p", Number(0.0, 1.0)),
    null("frequency_penalty", Number(-2.0, 2.0)),
    null("presence_penalty", Number(-2.0, 2.0)),
    null("n", POSITIVE),
    null("seed", Integer(i64::MIN, i64::MAX)),
    null("stop", TextOr(&List(&STRING))),
    null("logprobs", Bool),
    null("top_logprobs", Integer(0, 20)),
    null("logit_bias", Map),
    null("reasoning_effort", Word(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    null("verbosity", Word(&["low", "medium", "high"])),
    null("response_format", FORMAT),
    null("modalities", List(&STRING)),
    null("audio", Map),
    null("prediction", Map),
    null("metadata", Texts),
    null("store", Bool),
    null("user", Text),
    null("safety_identifier", Text),
    null("prompt_cache_key", Text),
    null("prompt_cache_retention", Word(&["in_memory", "24h"])),
    null("prompt_cache_options", Map),
    null("service_tier", Word(&["auto", "default", "flex", "scale", "priority", "fast"])),
    null("web_search_options", Map),
    null("moderation", Map),
    null("functions", List(&Map)),
    null("function_call", TextOr(&NAMED_CALL)),
]);
static NAMED_CALL: Shape = NAMED;
