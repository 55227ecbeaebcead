//! The shape of a Messages request: its members, blocks and tools.

use crate::mock::shape::Shape::{Any, Bool, Integer, List, Map, Number, Object, Tagged, Text, TextOr, Word};
use crate::mock::shape::{COUNT, Field, POSITIVE, Shape, may, need, null};

/// The least that thinking may be given.
const LEAST_THINKING_TOKENS: i64 = 1024;

const CACHE: Field = null("cache_control", Tagged(&[("ephemeral", Object(&[may("ttl", Word(&["5m", "1h"]))]))], None));

static STRING: Shape = Text;
const TEXT: Shape = Object(&[need("text", Text), CACHE, null("citations", List(&Map))]);
const IMAGE_SOURCE: Shape = Tagged(
    &[
        (
            "base64",
            Object(&[
                need("media_type", Word(&["image/jpeg", "image/png", "image/gif", "image/webp"])),
                need("data", Shape::Base64),
            ]),
        ),
        ("url", Object(&[need("url", Text)])),
        ("file", Object(&[need("file_id", Text)])),
    ],
    None,
);
const IMAGE: Shape = Object(&[need("source", IMAGE_SOURCE), CACHE, null("transformations", Map)]);
static TEXT_OR_IMAGE: Shape = Tagged(&[("text", TEXT), ("image", IMAGE)], None);
static CONTENT_BLOCKS: Shape = List(&TEXT_OR_IMAGE);
const CONTENT_SOURCE: Shape = Object(&[need("content", TextOr(&CONTENT_BLOCKS))]);
const DOCUMENT_SOURCE: Shape = Tagged(
    &[
        ("base64", Object(&[need("media_type", Word(&["application/pdf"])), need("data", Shape::Base64)])),
        ("text", Object(&[need("media_type", Word(&["text/plain"])), need("data", Text)])),
        ("content", CONTENT_SOURCE),
        ("url", Object(&[need("url", Text)])),
        ("file", Object(&[need("file_id", Text)])),
    ],
    None,
);
const DOCUMENT: Shape = Object(&[
    need("source", DOCUMENT_SOURCE),
    CACHE,
    null("title", Text),
    null("context", Text),
    null("citations", Object(&[may("enabled", Bool)])),
]);
static TEXT_BLOCK: Shape = Tagged(&[("text", TEXT)], None);
const SEARCH_RESULT: Shape = Object(&[
    need("content", List(&TEXT_BLOCK)),
    need("source", Text),
    need("title", Text),
    CACHE,
    may("citations", Object(&[may("enabled", Bool)])),
]);
static RESULT_BLOCK: Shape = Tagged(
    &[
        ("text", TEXT),
        ("image", IMAGE),
        ("document", DOCUMENT),
        ("search_result", SEARCH_RESULT),
        ("tool_reference", Map),
    ],
    None,
);

/// A block of a message.
static BLOCK: Shape = Tagged(
    &[
        ("text", TEXT),
        ("image", IMAGE),
        ("document", DOCUMENT),
        ("search_result", SEARCH_RESULT),
        ("thinking", Object(&[need("thinking", Text), need("signature", Text)])),
        ("redacted_thinking", Object(&[need("data", Text)])),
        (
            "tool_use",
            Object(&[
                need("id", Text),
                need("name", Text),
                need("input", Map),
                CACHE,
                null("caller", Map),
                null("toolset_name", Text),
            ]),
        ),
        (
            "tool_result",
            Object(&[
                need("tool_use_id", Text),
                may("content", TextOr(&List(&RESULT_BLOCK))),
                may("is_error", Bool),
                CACHE,
                null("toolset_name", Text),
            ]),
        ),
        (
            "server_tool_use",
            Object(&[need("id", Text), need("name", Text), need("input", Map), CACHE, null("caller", Map)]),
        ),
        (
            "web_search_tool_result",
            Object(&[need("tool_use_id", Text), need("content", Any), CACHE, null("caller", Map)]),
        ),
        (
            "web_fetch_tool_result",
            Object(&[need("tool_use_id", Text), need("content", Any), CACHE, null("caller", Map)]),
        ),
        ("code_execution_tool_result", Object(&[need("tool_use_id", Text), need("content", Any), CACHE])),
        ("bash_code_execution_tool_result", Object(&[need("tool_use_id", Text), need("content", Any), CACHE])),
        ("text_editor_code_execution_tool_result", Object(&[need("tool_use_id", Text), need("content", Any), CACHE])),
        ("tool_search_tool_result", Object(&[need("tool_use_id", Text), need("content", Any), CACHE])),
        ("mcp_tool_use", Map),
        ("mcp_tool_result", Map),
        ("container_upload", Object(&[need("file_id", Text), CACHE])),
        ("compaction", Map),
    ],
    None,
);

static MESSAGE: Shape =
    Object(&[need("role", Word(&["user", "assistant", "system"])), need("content", TextOr(&List(&BLOCK)))]);

/// A tool of the caller's own.
pub(super) static CUSTOM_TOOL: Shape = Object(&[
    null("type", Word(&["custom"])),
    need("name", Text),
    need("input_schema", Map),
    may("description", Text),
    CACHE,
    may("strict", Bool),
    may("defer_loading", Bool),
    may("allowed_callers", List(&STRING)),
    null("eager_input_streaming", Bool),
    may("input_examples", List(&Map)),
]);

/// Begins of the types of the vendor's own tools, which carry a date.
pub(super) const SERVER_TOOLS: [&str; 11] = [
    "web_search_",
    "web_fetch_",
    "bash_",
    "text_editor_",
    "code_execution_",
    "computer_",
    "memory_",
    "tool_search_tool_",
    "mcp_toolset",
    "browser_toolset_",
    "advisor_",
];

const TOOL_CHOICE: Shape = Tagged(
    &[
        ("auto", Object(&[may("disable_parallel_tool_use", Bool)])),
        ("any", Object(&[may("disable_parallel_tool_use", Bool)])),
        ("tool", Object(&[need("name", Text), may("disable_parallel_tool_use", Bool)])),
        ("none", Object(&[])),
    ],
    None,
);
const DISPLAY: Field = null("display", Word(&["summarized", "omitted"]));
const THINKING: Shape = Tagged(
    &[
        ("enabled", Object(&[need("budget_tokens", Integer(LEAST_THINKING_TOKENS, i64::MAX)), DISPLAY])),
        ("adaptive", Object(&[DISPLAY])),
        ("between_tools", Object(&[])),
        ("disabled", Object(&[])),
    ],
    None,
);
const OUTPUT: Shape = Object(&[
    null("effort", Word(&["low", "medium", "high", "xhigh", "max"])),
    null("format", Tagged(&[("json_schema", Object(&[need("schema", Map)]))], None)),
    null("task_budget", Map),
]);

/// The whole body. Counting takes the same, and needs no `max_tokens`: clients count what they are
/// about to send.
pub(super) static BODY: Shape = Object(&[
    need("model", Text),
    need("messages", List(&MESSAGE)),
    may("max_tokens", POSITIVE),
    may("system", TextOr(&List(&TEXT_BLOCK))),
    may("tools", List(&Map)),
    may("tool_choice", TOOL_CHOICE),
    may("thinking", THINKING),
    may("output_config", OUTPUT),
    CACHE,
    may("stream", Bool),
    may("stop_sequences", List(&STRING)),
    may("temperature", Number(0.0, 1.0)),
    may("top_p", Number(0.0, 1.0)),
    may("top_k", COUNT),
    may("metadata", Object(&[null("user_id", Text)])),
    may("service_tier", Word(&["auto", "standard_only"])),
    null("container", TextOr(&Map)),
    null("inference_geo", Text),
    null("diagnostics", Map),
    null("speed", Word(&["standard", "fast"])),
    null("user_profile_id", Text),
    null("workspace_id", Text),
    // With the beta header only.
    may("context_management", Map),
    may("mcp_servers", List(&Map)),
    may("compaction", Map),
    may("output_format", Map),
]);

/// Members that need a beta header.
pub(super) const BETA: [&str; 4] = ["context_management", "mcp_servers", "compaction", "output_format"];
