//! Failures in the caller's shape, and upstreams' failures read.

use bytes::Bytes;

use super::Protocol;
use super::json::{Kind, Raw, Text, push_number, push_string};

/// Why one attempt failed, for the client to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptFailure {
    /// the model's name in the policy
    pub model: String,
    /// why, without addresses or keys
    pub reason: String,
}

/// What a provider blames, in words for programs; OpenAI's protocols have members for them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// its word for the mistake, such as `context_length_exceeded`
    pub code: Option<String>,
    /// the member of the request that it means, such as `messages[0].content`
    pub param: Option<String>,
}

/// A failure as a client will see it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ErrorReply {
    /// the HTTP status
    pub status: u16,
    /// a word for programs, such as `no_model_can_serve` or `all_attempts_failed`
    pub kind: String,
    /// a sentence for people
    pub message: String,
    /// how to mend it
    pub hint: Option<String>,
    /// what the provider blames, when the failure is its refusal
    pub place: Place,
    /// when to come again, in seconds: goes into the `retry-after` header too
    pub retry_after_s: Option<u64>,
    /// which attempts failed, and why
    pub attempts: Vec<AttemptFailure>,
    /// the request's id
    pub request_id: String,
}

impl ErrorReply {
    pub(super) fn sentence(&self) -> String {
        let mut text = self.message.clone();
        for (index, attempt) in self.attempts.iter().enumerate() {
            text.push_str(if index == 0 { ": " } else { "; " });
            text.push_str(&attempt.model);
            text.push_str(": ");
            text.push_str(&attempt.reason);
        }
        if let Some(hint) = &self.hint {
            text.push_str(" (");
            text.push_str(hint);
            text.push(')');
        }
        text
    }
}

/// The error event of a stream.
#[must_use]
pub fn event(protocol: Protocol, reply: &ErrorReply) -> Bytes {
    if protocol == Protocol::Responses {
        return event_numbered(protocol, reply, 0);
    }
    let name: &[u8] = if protocol == Protocol::Anthropic { b"event: error\n" } else { b"" };
    Bytes::from([name, b"data: ", &render(protocol, reply), b"\n\n"].concat())
}

/// The same with the number that it has among a stream's events, where a protocol counts them.
#[must_use]
pub fn event_numbered(protocol: Protocol, reply: &ErrorReply, sequence: u64) -> Bytes {
    if protocol != Protocol::Responses {
        return event(protocol, reply);
    }
    let mut out = Vec::with_capacity(512);
    super::responses::push_failure(&mut out, reply, sequence);
    Bytes::from(out)
}

/// The body of an error response; inside a stream, the data of its error event.
#[must_use]
pub fn render(protocol: Protocol, reply: &ErrorReply) -> Bytes {
    let mut out = Vec::with_capacity(256);
    match protocol {
        Protocol::Anthropic => {
            out.extend_from_slice(b"{\"type\":\"error\",\"error\":{\"type\":");
            push_string(&mut out, anthropic_type(reply.status));
            out.extend_from_slice(b",\"message\":");
            push_string(&mut out, &reply.sentence());
            push_details(&mut out, reply);
            out.extend_from_slice(b"},\"request_id\":");
            push_string(&mut out, &reply.request_id);
            out.push(b'}');
        }
        Protocol::Gemini => render_gemini(reply, &mut out),
        Protocol::Chat | Protocol::Responses => {
            out.extend_from_slice(b"{\"error\":");
            render_error(&mut out, reply);
            out.push(b'}');
        }
        Protocol::Simple => {
            out.extend_from_slice(b"{\"success\":false,\"error\":{\"kind\":");
            push_string(&mut out, &reply.kind);
            out.extend_from_slice(b",\"message\":");
            push_string(&mut out, &reply.message);
            out.extend_from_slice(b",\"hint\":");
            match &reply.hint {
                Some(hint) => push_string(&mut out, hint),
                None => out.extend_from_slice(b"null"),
            }
            push_details(&mut out, reply);
            out.extend_from_slice(b"},\"request_id\":");
            push_string(&mut out, &reply.request_id);
            out.push(b'}');
        }
    }
    Bytes::from(out)
}

fn render_gemini(reply: &ErrorReply, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"error\":{\"code\":");
    push_number(out, reply.status.into());
    out.extend_from_slice(b",\"message\":");
    push_string(out, &reply.sentence());
    out.extend_from_slice(b",\"status\":");
    push_string(out, google_status(reply.status));
    out.extend_from_slice(b",\"details\":[{\"@type\":\"type.googleapis.com/google.rpc.ErrorInfo\",\"reason\":");
    push_string(out, &reply.kind.to_ascii_uppercase());
    out.extend_from_slice(b",\"domain\":\"ccr-policy\",\"metadata\":{\"requestId\":");
    push_string(out, &reply.request_id);
    out.extend_from_slice(b"}}");
    if let Some(seconds) = reply.retry_after_s {
        out.extend_from_slice(b",{\"@type\":\"type.googleapis.com/google.rpc.RetryInfo\",\"retryDelay\":");
        push_string(out, &format!("{seconds}s"));
        out.push(b'}');
    }
    if !reply.attempts.is_empty() {
        // Whatever has no type of its own stands in a struct: Google's readers know what to do with it.
        out.extend_from_slice(b",{\"@type\":\"type.googleapis.com/google.protobuf.Struct\",\"value\":{");
        push_attempts(out, &reply.attempts);
        out.extend_from_slice(b"}}");
    }
    out.extend_from_slice(b"]}}");
}

/// Google's word for a status, of `google.rpc.Code`.
fn google_status(status: u16) -> &'static str {
    match status {
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ABORTED",
        429 => "RESOURCE_EXHAUSTED",
        408 | 504 => "DEADLINE_EXCEEDED",
        501 => "UNIMPLEMENTED",
        502 | 503 | 529 => "UNAVAILABLE",
        500.. => "INTERNAL",
        _ => "INVALID_ARGUMENT",
    }
}

/// The error object of OpenAI's protocols.
pub(super) fn render_error(out: &mut Vec<u8>, reply: &ErrorReply) {
    out.extend_from_slice(b"{\"message\":");
    push_string(out, &reply.sentence());
    out.extend_from_slice(b",\"type\":");
    push_string(out, chat_type(reply.status));
    out.extend_from_slice(b",\"param\":");
    match &reply.place.param {
        Some(param) => push_string(out, param),
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"code\":");
    push_string(out, reply.place.code.as_deref().unwrap_or(&reply.kind));
    push_details(out, reply);
    out.push(b'}');
}

fn push_details(out: &mut Vec<u8>, reply: &ErrorReply) {
    if let Some(seconds) = reply.retry_after_s {
        out.extend_from_slice(b",\"retry_after\":");
        push_number(out, seconds);
    }
    if !reply.attempts.is_empty() {
        out.push(b',');
        push_attempts(out, &reply.attempts);
    }
}

fn push_attempts(out: &mut Vec<u8>, attempts: &[AttemptFailure]) {
    for (index, attempt) in attempts.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"\"attempts\":[{\"model\":" } else { b",{\"model\":" });
        push_string(out, &attempt.model);
        out.extend_from_slice(b",\"reason\":");
        push_string(out, &attempt.reason);
        out.push(b'}');
    }
    out.push(b']');
}

/// Anthropic's word for a status: its SDKs choose their exception by the status, its own client
/// reads the word too.
fn anthropic_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        402 => "billing_error",
        403 => "permission_error",
        404 => "not_found_error",
        413 => "request_too_large",
        429 => "rate_limit_error",
        504 => "timeout_error",
        529 => "overloaded_error",
        500.. => "api_error",
        _ => "invalid_request_error",
    }
}

fn chat_type(status: u16) -> &'static str {
    match status {
        401 => "authentication_error",
        403 => "permission_error",
        404 => "not_found_error",
        429 => "rate_limit_error",
        500.. => "server_error",
        _ => "invalid_request_error",
    }
}

/// Longest message of an upstream that is told on, in characters.
const MESSAGE_CHARACTERS: usize = 500;

/// An upstream's error body or error event: its word and its message. Every upstream has a shape of
/// its own, so all known ones are tried; words that look like keys are masked.
#[must_use]
pub fn read_upstream_error(body: &[u8]) -> (String, String) {
    let (kind, message) = Raw::parse(body).ok().and_then(read_error).unwrap_or_else(|| {
        let text = String::from_utf8_lossy(body.get(..body.len().min(4 * MESSAGE_CHARACTERS)).unwrap_or_default());
        (String::new(), text.into_owned())
    });
    (kind, shown(&message))
}

/// What an upstream's error body blames, as far as it says so in words; those that look like keys are masked.
#[must_use]
pub fn read_place(body: &[u8]) -> Place {
    let error = Raw::parse(body).ok().and_then(first_object).and_then(|body| body.get("error")).unwrap_or(Raw::NULL);
    let word = |raw: Option<Raw<'_>>| {
        let word = shown(&raw.and_then(Raw::text)?.decode());
        (!word.is_empty()).then_some(word)
    };
    let [code, param] = error.peek(["code", "param"]).map(word);
    Place { code, param }
}

/// Some answer with a list of one object.
fn first_object(body: Raw<'_>) -> Option<Raw<'_>> {
    if body.kind() == Kind::Array { body.elements().next()?.ok() } else { Some(body) }
}

/// Whether an error body of Google's is about the key that was sent with the request: that is a 400 there.
#[must_use]
pub fn refuses_key(body: &[u8]) -> bool {
    let Ok(body) = Raw::parse(body) else { return false };
    let [message, details] =
        first_object(body).and_then(|body| body.get("error")).unwrap_or(Raw::NULL).peek(["message", "details"]);
    let mut details = details.unwrap_or(Raw::NULL).elements().map_while(Result::ok);
    let message = message.and_then(Raw::text).map(Text::decode).unwrap_or_default();
    message.starts_with("API key not valid")
        || message.starts_with("API key expired")
        || details.any(|detail| detail.get("reason").is_some_and(|reason| reason.is_text("API_KEY_INVALID")))
}

fn read_error(body: Raw<'_>) -> Option<(String, String)> {
    let text = |raw: Option<Raw<'_>>| raw.and_then(Raw::text).map(Text::decode).unwrap_or_default().into_owned();
    let body = first_object(body)?;
    let [error, message, detail, kind] = body.peek(["error", "message", "detail", "type"]);
    let Some(error) = error.filter(|error| error.kind() == Kind::Object) else {
        let message = [error, message, detail].into_iter().map(text).find(|text| !text.is_empty())?;
        return Some((text(kind), message));
    };
    let [kind, code, message, status] = error.peek(["type", "code", "message", "status"]);
    let kind = [kind, code, status].into_iter().map(text).find(|text| !text.is_empty()).unwrap_or_default();
    Some((kind, text(message)))
}

fn shown(message: &str) -> String {
    let mut out = String::new();
    for word in message.split_inclusive(char::is_whitespace).take(MESSAGE_CHARACTERS) {
        if looks_like_a_key(word) {
            out.push_str("[key] ");
        } else {
            out.push_str(word);
        }
    }
    out.trim().chars().take(MESSAGE_CHARACTERS).collect()
}

fn looks_like_a_key(word: &str) -> bool {
    let word = word.trim_start_matches(|character: char| !character.is_alphanumeric());
    word.len() > 8 && ["sk-", "AIza", "xai-", "gsk_", "pk-", "key-"].iter().any(|begin| word.starts_with(begin))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply() -> ErrorReply {
        ErrorReply {
            status: 503,
            kind: "all_failed".into(),
            message: "every attempt failed".into(),
            hint: Some("try later".into()),
            place: Place::default(),
            retry_after_s: Some(7),
            attempts: vec![
                AttemptFailure { model: "a".into(), reason: "timeout".into() },
                AttemptFailure { model: "b".into(), reason: "429".into() },
            ],
            request_id: "r1".into(),
        }
    }

    #[test]
    fn every_protocol_has_its_shape() {
        let shape = |protocol| String::from_utf8(render(protocol, &reply()).to_vec()).unwrap();
        insta::assert_snapshot!(shape(Protocol::Anthropic), @r#"{"type":"error","error":{"type":"api_error","message":"every attempt failed: a: timeout; b: 429 (try later)","retry_after":7,"attempts":[{"model":"a","reason":"timeout"},{"model":"b","reason":"429"}]},"request_id":"r1"}"#);
        insta::assert_snapshot!(shape(Protocol::Chat), @r#"{"error":{"message":"every attempt failed: a: timeout; b: 429 (try later)","type":"server_error","param":null,"code":"all_failed","retry_after":7,"attempts":[{"model":"a","reason":"timeout"},{"model":"b","reason":"429"}]}}"#);
        insta::assert_snapshot!(shape(Protocol::Gemini), @r#"{"error":{"code":503,"message":"every attempt failed: a: timeout; b: 429 (try later)","status":"UNAVAILABLE","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo","reason":"ALL_FAILED","domain":"ccr-policy","metadata":{"requestId":"r1"}},{"@type":"type.googleapis.com/google.rpc.RetryInfo","retryDelay":"7s"},{"@type":"type.googleapis.com/google.protobuf.Struct","value":{"attempts":[{"model":"a","reason":"timeout"},{"model":"b","reason":"429"}]}}]}}"#);
        insta::assert_snapshot!(shape(Protocol::Simple), @r#"{"success":false,"error":{"kind":"all_failed","message":"every attempt failed","hint":"try later","retry_after":7,"attempts":[{"model":"a","reason":"timeout"},{"model":"b","reason":"429"}]},"request_id":"r1"}"#);
    }

    #[test]
    fn statuses_have_their_words() {
        for (status, anthropic, chat, google) in [
            (400, "invalid_request_error", "invalid_request_error", "INVALID_ARGUMENT"),
            (401, "authentication_error", "authentication_error", "UNAUTHENTICATED"),
            (403, "permission_error", "permission_error", "PERMISSION_DENIED"),
            (404, "not_found_error", "not_found_error", "NOT_FOUND"),
            (413, "request_too_large", "invalid_request_error", "INVALID_ARGUMENT"),
            (429, "rate_limit_error", "rate_limit_error", "RESOURCE_EXHAUSTED"),
            (500, "api_error", "server_error", "INTERNAL"),
            (503, "api_error", "server_error", "UNAVAILABLE"),
            (504, "timeout_error", "server_error", "DEADLINE_EXCEEDED"),
            (529, "overloaded_error", "server_error", "UNAVAILABLE"),
        ] {
            let words = (anthropic_type(status), chat_type(status), google_status(status));
            assert_eq!(words, (anthropic, chat, google), "{status}");
        }
    }

    #[test]
    fn a_400_of_google_s_may_be_about_the_key() {
        for (body, expected) in [
            (r#"{"error":{"code":400,"message":"API key not valid. Please pass a valid API key."}}"#, true),
            (r#"[{"error":{"code":400,"message":"API key expired. Please renew the API key."}}]"#, true),
            (r#"{"error":{"message":"x","details":[{"reason":"A"},{"reason":"API_KEY_INVALID"}]}}"#, true),
            (r#"{"error":{"message":"x: `API key not valid`","details":[{"reason":"A"}]}}"#, false),
            (r#"{"error":"API_KEY_INVALID"}"#, false),
            ("API key not valid", false),
        ] {
            assert_eq!(refuses_key(body.as_bytes()), expected, "{body}");
        }
    }

    #[test]
    fn what_an_upstream_blames_is_told_on() {
        for (body, code, param) in [
            (r#"{"error":{"message":"no","code":"too_long","param":"input[0]"}}"#, Some("too_long"), Some("input[0]")),
            (r#"{"error":{"code":"sk-abcdef123456","param":null}}"#, Some("[key]"), None),
            (r#"{"error":{"code":400,"param":""}}"#, None, None),
            (r#"{"error":"plain"}"#, None, None),
            ("plain", None, None),
        ] {
            let place = Place { code: code.map(str::to_owned), param: param.map(str::to_owned) };
            assert_eq!(read_place(body.as_bytes()), place, "{body}");
        }
        let place = Place { code: Some("too_long".into()), param: Some("input[0]".into()) };
        let told = render(Protocol::Chat, &ErrorReply { place, ..reply() });
        let told = String::from_utf8(told.to_vec()).unwrap();
        assert!(told.contains(r#""param":"input[0]","code":"too_long""#), "{told}");
    }

    #[test]
    fn upstream_errors_are_read_in_every_shape() {
        for (body, kind, message) in [
            (r#"{"type":"error","error":{"type":"overloaded_error","message":"busy"}}"#, "overloaded_error", "busy"),
            (r#"{"error":{"message":"no","type":null,"code":"model_not_found"}}"#, "model_not_found", "no"),
            (r#"{"error":"plain"}"#, "", "plain"),
            (r#"{"detail":"missing"}"#, "", "missing"),
            (r#"[{"error":{"code":400,"message":"bad","status":"INVALID_ARGUMENT"}}]"#, "INVALID_ARGUMENT", "bad"),
            ("<html>gateway</html>", "", "<html>gateway</html>"),
            (r#"{"error":{"message":"Incorrect key: sk-abcdef123456."}}"#, "", "Incorrect key: [key]"),
            ("", "", ""),
        ] {
            assert_eq!(read_upstream_error(body.as_bytes()), (kind.to_owned(), message.to_owned()), "{body}");
        }
    }
}
