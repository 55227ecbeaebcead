//! `GET /v1/models`.

use bytes::Bytes;
use chrono::{DateTime, SecondsFormat};

use super::Protocol;
use super::json::{push_number, push_string};

/// A model as a client may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelCard {
    /// its name in the policy
    pub id: String,
    /// who serves it
    pub owner: String,
    /// since when, in seconds since 1970
    pub created_unix: u64,
}

/// The list in a protocol's form; every model is on its one page.
#[must_use]
pub fn render(protocol: Protocol, models: &[ModelCard]) -> Bytes {
    let mut out = Vec::with_capacity(64 + models.len() * 128);
    match protocol {
        Protocol::Anthropic => render_anthropic(models, &mut out),
        Protocol::Chat | Protocol::Responses | Protocol::Gemini | Protocol::Simple => {
            out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
            for (index, model) in models.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b",{\"id\":" } else { b"{\"id\":" });
                push_string(&mut out, &model.id);
                out.extend_from_slice(b",\"object\":\"model\",\"created\":");
                push_number(&mut out, model.created_unix);
                out.extend_from_slice(b",\"owned_by\":");
                push_string(&mut out, &model.owner);
                out.push(b'}');
            }
            out.extend_from_slice(b"]}");
        }
    }
    Bytes::from(out)
}

fn render_anthropic(models: &[ModelCard], out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"data\":[");
    for (index, model) in models.iter().enumerate() {
        out.extend_from_slice(if index > 0 { b",{\"type\":\"model\",\"id\":" } else { b"{\"type\":\"model\",\"id\":" });
        push_string(out, &model.id);
        out.extend_from_slice(b",\"display_name\":");
        push_string(out, &model.id);
        out.extend_from_slice(b",\"created_at\":");
        let created = i64::try_from(model.created_unix).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
        push_string(out, &created.unwrap_or(DateTime::UNIX_EPOCH).to_rfc3339_opts(SecondsFormat::Secs, true));
        out.push(b'}');
    }
    out.extend_from_slice(b"],\"has_more\":false");
    for (name, model) in [("first_id", models.first()), ("last_id", models.last())] {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        match model {
            Some(model) => push_string(out, &model.id),
            None => out.extend_from_slice(b"null"),
        }
    }
    out.push(b'}');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_dialects() {
        let card = |id: &str| ModelCard { id: id.into(), owner: "p".into(), created_unix: 86_400 };
        let models = [card("a"), card("b")];
        let shape = |protocol, models: &[ModelCard]| String::from_utf8(render(protocol, models).to_vec()).unwrap();
        insta::assert_snapshot!(shape(Protocol::Anthropic, &models), @r#"{"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-02T00:00:00Z"},{"type":"model","id":"b","display_name":"b","created_at":"1970-01-02T00:00:00Z"}],"has_more":false,"first_id":"a","last_id":"b"}"#);
        insta::assert_snapshot!(shape(Protocol::Anthropic, &[]), @r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#);
        insta::assert_snapshot!(shape(Protocol::Chat, &models[..1]), @r#"{"object":"list","data":[{"id":"a","object":"model","created":86400,"owned_by":"p"}]}"#);
    }
}
