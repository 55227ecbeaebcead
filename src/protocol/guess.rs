//! Which protocol a body is of, where nobody says it: dry runs and tools, never a real request.

use http::HeaderMap;

use super::Protocol;
use super::json::Raw;

/// Members that only Anthropic Messages has.
const ANTHROPIC: &[&str] = &["system", "thinking", "stop_sequences", "top_k", "output_config", "context_management"];
/// Members that only Chat Completions has.
const CHAT: &[&str] = &["max_completion_tokens", "stream_options", "response_format", "n", "stop", "reasoning_effort"];
/// Roles that only Chat Completions has.
const CHAT_ROLES: &[&str] = &["system", "developer", "tool"];

/// What a body looks like. Both have `messages`; what only one of them has decides, and
/// `max_tokens`, which Anthropic demands and OpenAI's clients rarely send, decides the rest.
#[must_use]
pub fn guess(headers: &HeaderMap, body: &[u8]) -> Protocol {
    if headers.contains_key("anthropic-version") {
        return Protocol::Anthropic;
    }
    let Ok(body) = Raw::parse(body) else { return Protocol::Anthropic };
    let has = |name: &&str| body.get(name).is_some();
    if has(&"message") && !has(&"messages") {
        return Protocol::Simple;
    }
    if has(&"contents") && !has(&"messages") {
        return Protocol::Gemini;
    }
    if has(&"input") && !has(&"messages") {
        return Protocol::Responses;
    }
    let any = |list: &str, like: &dyn Fn(Raw<'_>) -> bool| {
        body.get(list).is_some_and(|list| list.elements().map_while(Result::ok).any(like))
    };
    let chat_role =
        |message: Raw<'_>| message.get("role").is_some_and(|role| CHAT_ROLES.iter().any(|chat| role.is_text(chat)));
    if ANTHROPIC.iter().any(has) || any("tools", &|tool| tool.get("input_schema").is_some()) {
        Protocol::Anthropic
    } else if CHAT.iter().any(has)
        || any("tools", &|tool| tool.get("function").is_some())
        || any("messages", &chat_role)
        || !has(&"max_tokens")
    {
        Protocol::Chat
    } else {
        Protocol::Anthropic
    }
}

/// Members that only a request for embeddings has.
const EMBEDDINGS: &[&str] = &["encoding_format", "dimensions", "input_type"];
/// Members that a request for an answer may have beside its `input`.
const RESPONSES: &[&str] = &["instructions", "tools", "stream", "reasoning", "text", "max_output_tokens", "store"];

/// Whether a body looks like one of embeddings: it has the `input` of an OpenAI Responses body, and something
/// that only embeddings have, if only the model's name.
#[must_use]
pub fn guess_embeddings(body: &[u8]) -> bool {
    let Ok(body) = Raw::parse(body) else { return false };
    let has = |name: &&str| body.get(name).is_some();
    let model = body.get("model").and_then(Raw::text).map(|model| model.decode().contains("embed")).unwrap_or_default();
    has(&"input") && !has(&"messages") && (EMBEDDINGS.iter().any(has) || model && !RESPONSES.iter().any(has))
}

#[cfg(test)]
mod tests {
    use http::{HeaderName, HeaderValue};

    use super::*;

    fn check(body: &str, header: Option<&'static str>, expect: Protocol) {
        let mut headers = HeaderMap::new();
        if let Some(name) = header {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static("1"));
        }
        assert_eq!(guess(&headers, body.as_bytes()), expect, "{body}");
    }

    #[test]
    fn embeddings_are_told_from_responses() {
        for (body, expected) in [
            (r#"{"model":"m","input":"a","encoding_format":"float"}"#, true),
            (r#"{"model":"text-embedding-3-small","input":["a"]}"#, true),
            (r#"{"model":"text-embedding-3-small","input":["a"],"stream":true}"#, false),
            (r#"{"model":"m","input":"a"}"#, false),
            (r#"{"model":"embed","messages":[]}"#, false),
            ("no JSON", false),
        ] {
            assert_eq!(guess_embeddings(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn the_shape_tells() {
        check(r#"{"messages":[],"max_tokens":9}"#, None, Protocol::Anthropic);
        check(r#"{"messages":[]}"#, None, Protocol::Chat);
        check(r#"{"messages":[]}"#, Some("anthropic-version"), Protocol::Anthropic);
        check(r#"{"messages":[],"system":"x"}"#, None, Protocol::Anthropic);
        check(r#"{"messages":[{"role":"system","content":"x"}],"max_tokens":9}"#, None, Protocol::Chat);
        check(r#"{"messages":[],"tools":[{"type":"function","function":{}}],"max_tokens":9}"#, None, Protocol::Chat);
        check(r#"{"messages":[],"tools":[{"name":"a","input_schema":{}}]}"#, None, Protocol::Anthropic);
        check(r#"{"message":"hello"}"#, None, Protocol::Simple);
        check(r#"{"contents":[],"generation_config":{}}"#, None, Protocol::Gemini);
        check(r#"{"input":"hello"}"#, None, Protocol::Responses);
        check("not JSON", None, Protocol::Anthropic);
    }
}
