//! The shape of a Responses request: its members, the items of its input, its tools.

use crate::mock::shape::Shape::{Any, Bool, Integer, List, Map, Number, Object, Tagged, Text, TextOr, Texts, Word};
use crate::mock::shape::{POSITIVE, Shape, need, null};

/// The least that `max_output_tokens` may be.
const LEAST_OUTPUT_TOKENS: i64 = 16;
/// A call's id and a tool's name have at most this many characters.
pub(super) const ID_CHARACTERS: usize = 64;

const STATUS: Shape = Word(&["in_progress", "completed", "incomplete"]);

static INPUT_PART: Shape = Tagged(
    &[
        ("input_text", Object(&[need("text", Text), null("prompt_cache_breakpoint", Map)])),
        (
            "input_image",
            Object(&[
                null("image_url", Text),
                null("file_id", Text),
                null("detail", Word(&["low", "high", "auto", "original"])),
                null("prompt_cache_breakpoint", Map),
            ]),
        ),
        (
            "input_file",
            Object(&[
                null("file_data", Text),
                null("file_id", Text),
                null("file_url", Text),
                null("filename", Text),
                null("detail", Word(&["low", "high", "auto"])),
                null("prompt_cache_breakpoint", Map),
            ]),
        ),
        // Only in an assistant's message; which message it is, is looked at later.
        ("output_text", Object(&[need("text", Text), null("annotations", List(&Map)), null("logprobs", List(&Map))])),
        ("refusal", Object(&[need("refusal", Text)])),
    ],
    None,
);
static SUMMARY: Shape = Tagged(&[("summary_text", Object(&[need("text", Text)]))], None);
static REASONING_TEXT: Shape = Tagged(&[("reasoning_text", Object(&[need("text", Text)]))], None);

/// An item of the input.
pub(super) static ITEM: Shape = Tagged(
    &[
        (
            "message",
            Object(&[
                need("role", Word(&["assistant", "system", "developer", "user"])),
                need("content", TextOr(&List(&INPUT_PART))),
                null("id", Text),
                null("status", STATUS),
                null("phase", Word(&["commentary", "final_answer"])),
            ]),
        ),
        (
            "function_call",
            Object(&[
                need("call_id", Text),
                need("name", Text),
                need("arguments", Text),
                null("id", Text),
                null("status", STATUS),
                null("namespace", Text),
                null("caller", Map),
                null("async", Bool),
            ]),
        ),
        (
            "function_call_output",
            Object(&[
                need("call_id", Text),
                need("output", TextOr(&List(&INPUT_PART))),
                null("id", Text),
                null("status", STATUS),
                null("name", Text),
                null("namespace", Text),
                null("caller", Map),
            ]),
        ),
        (
            "custom_tool_call",
            Object(&[
                need("call_id", Text),
                need("name", Text),
                need("input", Text),
                null("id", Text),
                null("status", STATUS),
                null("namespace", Text),
                null("caller", Map),
                null("async", Bool),
            ]),
        ),
        (
            "custom_tool_call_output",
            Object(&[
                need("call_id", Text),
                need("output", TextOr(&List(&INPUT_PART))),
                null("id", Text),
                null("caller", Map),
            ]),
        ),
        (
            "reasoning",
            Object(&[
                null("id", Text),
                need("summary", List(&SUMMARY)),
                null("content", List(&REASONING_TEXT)),
                null("encrypted_content", Text),
                null("status", STATUS),
            ]),
        ),
        ("item_reference", Object(&[need("id", Text)])),
        // What the vendor's own tools leave in a conversation.
        ("web_search_call", Map),
        ("file_search_call", Map),
        ("computer_call", Map),
        ("computer_call_output", Map),
        ("image_generation_call", Map),
        ("code_interpreter_call", Map),
        ("local_shell_call", Map),
        ("local_shell_call_output", Map),
        ("shell_call", Map),
        ("shell_call_output", Map),
        ("apply_patch_call", Map),
        ("apply_patch_call_output", Map),
        ("tool_search_call", Map),
        ("tool_search_output", Map),
        ("mcp_list_tools", Map),
        ("mcp_approval_request", Map),
        ("mcp_approval_response", Map),
        ("mcp_call", Map),
        ("compaction", Map),
        ("compaction_trigger", Map),
    ],
    Some("message"),
);

static TOOL: Shape = Tagged(
    &[
        (
            "function",
            Object(&[
                need("name", Text),
                null("parameters", Map),
                null("strict", Bool),
                null("description", Text),
                null("output_schema", Map),
                null("allowed_callers", List(&Text)),
                null("defer_loading", Bool),
                null("async", Bool),
            ]),
        ),
        (
            "custom",
            Object(&[
                need("name", Text),
                null("description", Text),
                null("format", FORMAT_OF_CUSTOM),
                null("allowed_callers", List(&Text)),
                null("defer_loading", Bool),
                null("async", Bool),
            ]),
        ),
        ("namespace", Object(&[need("name", Text), need("description", Text), need("tools", List(&TOOL))])),
        ("web_search", Map),
        ("web_search_2025_08_26", Map),
        ("web_search_preview", Map),
        ("web_search_preview_2025_03_11", Map),
        ("file_search", Map),
        ("computer", Map),
        ("computer_use_preview", Map),
        ("mcp", Map),
        ("code_interpreter", Map),
        ("programmatic_tool_calling", Map),
        ("image_generation", Map),
        ("local_shell", Map),
        ("shell", Map),
        ("tool_search", Map),
        ("apply_patch", Map),
    ],
    None,
);
const FORMAT_OF_CUSTOM: Shape = Tagged(
    &[
        ("text", Object(&[])),
        ("grammar", Object(&[need("definition", Text), need("syntax", Word(&["lark", "regex"]))])),
    ],
    None,
);

static TOOL_CHOICE: Shape = Tagged(
    &[
        ("function", Object(&[need("name", Text)])),
        ("custom", Object(&[need("name", Text)])),
        ("allowed_tools", Object(&[need("mode", Word(&["auto", "required"])), need("tools", List(&Map))])),
        ("mcp", Object(&[need("server_label", Text), null("name", Text)])),
        ("web_search", Object(&[])),
        ("web_search_preview", Object(&[])),
        ("file_search", Object(&[])),
        ("computer_use_preview", Object(&[])),
        ("code_interpreter", Object(&[])),
        ("image_generation", Object(&[])),
        ("apply_patch", Object(&[])),
        ("shell", Object(&[])),
    ],
    None,
);

static INCLUDED: Shape = Word(&[
    "file_search_call.results",
    "web_search_call.results",
    "web_search_call.action.sources",
    "message.input_image.image_url",
    "computer_call_output.output.image_url",
    "code_interpreter_call.outputs",
    "reasoning.encrypted_content",
    "message.output_text.logprobs",
]);

const TEXT_FORMAT: Shape = Tagged(
    &[
        ("text", Object(&[])),
        ("json_object", Object(&[])),
        (
            "json_schema",
            Object(&[need("name", Text), need("schema", Map), null("strict", Bool), null("description", Text)]),
        ),
    ],
    None,
);

const REASONING: Shape = Object(&[
    null("effort", Word(&["none", "minimal", "low", "medium", "high", "xhigh", "max"])),
    null("summary", Word(&["auto", "concise", "detailed"])),
    null("generate_summary", Word(&["auto", "concise", "detailed"])),
    null("context", Word(&["auto", "current_turn", "all_turns"])),
    null("mode", Text),
]);
const TEXT: Shape = Object(&[null("format", TEXT_FORMAT), null("verbosity", Word(&["low", "medium", "high"]))]);

/// The whole body.
pub(super) static BODY: Shape = Object(&[
    need("model", Text),
    null("input", TextOr(&List(&Any))),
    null("instructions", Text),
    null("stream", Bool),
    null("stream_options", Object(&[null("include_obfuscation", Bool)])),
    null("tools", List(&TOOL)),
    null("tool_choice", TextOr(&TOOL_CHOICE)),
    null("parallel_tool_calls", Bool),
    null("max_output_tokens", Integer(LEAST_OUTPUT_TOKENS, i64::MAX)),
    null("max_tool_calls", POSITIVE),
    null("temperature", Number(0.0, 2.0)),
    null("top_p", Number(0.0, 1.0)),
    null("top_logprobs", Integer(0, 20)),
    null("reasoning", REASONING),
    null("text", TEXT),
    null("store", Bool),
    null("include", List(&INCLUDED)),
    null("metadata", Texts),
    null("client_metadata", Map),
    null("user", Text),
    null("safety_identifier", Text),
    null("prompt_cache_key", Text),
    null("prompt_cache_retention", Word(&["in_memory", "24h"])),
    null("prompt_cache_options", Map),
    null("service_tier", Word(&["auto", "default", "flex", "scale", "priority", "fast", "ultrafast"])),
    null("truncation", Word(&["auto", "disabled"])),
    null("previous_response_id", Text),
    null("conversation", TextOr(&Map)),
    null("context_management", List(&Map)),
    null("background", Bool),
    null("background_options", Map),
    null("prompt", Map),
    null("moderation", Map),
    null("image", Map),
    null("access_programs", Map),
]);

/// The body of `/responses/input_tokens`.
pub(super) static COUNT_BODY: Shape = Object(&[
    null("model", Text),
    null("input", TextOr(&List(&Any))),
    null("instructions", Text),
    null("tools", List(&TOOL)),
    null("tool_choice", TextOr(&TOOL_CHOICE)),
    null("parallel_tool_calls", Bool),
    null("reasoning", REASONING),
    null("text", TEXT),
    null("personality", Text),
    null("previous_response_id", Text),
    null("conversation", TextOr(&Map)),
    null("truncation", Word(&["auto", "disabled"])),
]);
