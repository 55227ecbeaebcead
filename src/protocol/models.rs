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
    /// most tokens of input and output together, where the policy says it
    pub context: Option<u64>,
    /// most tokens of an answer, where the policy says it
    pub output: Option<u64>,
}

/// Which part of the list is wanted: Anthropic's `limit`, `after_id` and `before_id`, Gemini's `pageSize` and
/// `pageToken`, which is the last model of the page before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Page<'a> {
    /// at most so many; None: all of them
    pub limit: Option<usize>,
    /// those behind this one
    pub after: Option<&'a str>,
    /// those before this one
    pub before: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// The models on it, and whether there are more in that direction.
    ///
    /// # Errors
    /// The id that none of them has.
    pub fn of<'m>(self, models: &'m [ModelCard]) -> Result<(&'m [ModelCard], bool), &'a str> {
        let place = |id: &'a str| models.iter().position(|model| model.id == id).ok_or(id);
        let first = self.after.map(place).transpose()?.map_or(0, |at| at + 1);
        let end = self.before.map(place).transpose()?.unwrap_or(models.len());
        let wanted = models.get(first..end).unwrap_or_default();
        let limit = self.limit.unwrap_or(wanted.len());
        let (left_out, has_more) = (wanted.len().saturating_sub(limit), wanted.len() > limit);
        // A page before a model ends there.
        let page = if self.before.is_some() { wanted.get(left_out..) } else { wanted.get(..wanted.len() - left_out) };
        Ok((page.unwrap_or_default(), has_more))
    }
}

/// A page of the list in a protocol's form; `has_more`: it is not the last one, which Anthropic's and Gemini's say.
#[must_use]
pub fn render(protocol: Protocol, models: &[ModelCard], has_more: bool) -> Bytes {
    let mut out = Vec::with_capacity(64 + models.len() * 128);
    match protocol {
        Protocol::Anthropic => render_anthropic(models, has_more, &mut out),
        Protocol::Chat | Protocol::Responses | Protocol::Simple => {
            out.extend_from_slice(b"{\"object\":\"list\",\"data\":[");
            push_cards(protocol, models, &mut out);
            out.extend_from_slice(b"]}");
        }
        Protocol::Gemini => {
            out.extend_from_slice(b"{\"models\":[");
            push_cards(protocol, models, &mut out);
            out.push(b']');
            if let Some(last) = models.last().filter(|_| has_more) {
                out.extend_from_slice(b",\"nextPageToken\":");
                push_string(&mut out, &last.id);
            }
            out.push(b'}');
        }
    }
    Bytes::from(out)
}

/// One model in a protocol's form.
#[must_use]
pub fn render_one(protocol: Protocol, model: &ModelCard) -> Bytes {
    let mut out = Vec::with_capacity(256);
    push_card(protocol, model, &mut out);
    Bytes::from(out)
}

fn push_cards(protocol: Protocol, models: &[ModelCard], out: &mut Vec<u8>) {
    for (index, model) in models.iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        push_card(protocol, model, out);
    }
}

fn push_card(protocol: Protocol, model: &ModelCard, out: &mut Vec<u8>) {
    match protocol {
        Protocol::Anthropic => {
            out.extend_from_slice(b"{\"type\":\"model\",\"id\":");
            push_string(out, &model.id);
            out.extend_from_slice(b",\"display_name\":");
            push_string(out, &model.id);
            out.extend_from_slice(b",\"created_at\":");
            let created =
                i64::try_from(model.created_unix).ok().and_then(|seconds| DateTime::from_timestamp(seconds, 0));
            push_string(out, &created.unwrap_or(DateTime::UNIX_EPOCH).to_rfc3339_opts(SecondsFormat::Secs, true));
        }
        Protocol::Gemini => push_gemini(model, out),
        Protocol::Chat | Protocol::Responses | Protocol::Simple => {
            out.extend_from_slice(b"{\"id\":");
            push_string(out, &model.id);
            out.extend_from_slice(b",\"object\":\"model\",\"created\":");
            push_number(out, model.created_unix);
            out.extend_from_slice(b",\"owned_by\":");
            push_string(out, &model.owner);
        }
    }
    out.push(b'}');
}

/// Google's input and output limits do not share tokens; a context does, so the output is taken off.
fn push_gemini(model: &ModelCard, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"name\":");
    push_string(out, &format!("models/{}", model.id));
    out.extend_from_slice(b",\"version\":\"001\",\"displayName\":");
    push_string(out, &model.id);
    out.extend_from_slice(b",\"description\":");
    push_string(out, &format!("served by {}", model.owner));
    let input = model.context.map(|context| context.saturating_sub(model.output.unwrap_or(0)));
    for (name, limit) in [(&b",\"inputTokenLimit\":"[..], input), (b",\"outputTokenLimit\":", model.output)] {
        if let Some(limit) = limit {
            out.extend_from_slice(name);
            push_number(out, limit);
        }
    }
    out.extend_from_slice(
        b",\"supportedGenerationMethods\":[\"generateContent\",\"streamGenerateContent\",\"countTokens\"]",
    );
}

fn render_anthropic(models: &[ModelCard], has_more: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"data\":[");
    push_cards(Protocol::Anthropic, models, out);
    out.extend_from_slice(if has_more { b"],\"has_more\":true".as_slice() } else { b"],\"has_more\":false" });
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
    fn every_dialect() {
        let card = |id: &str| ModelCard {
            id: id.into(),
            owner: "p".into(),
            created_unix: 86_400,
            context: Some(1_000),
            output: Some(200),
        };
        let models = [card("a"), card("b")];
        let shape =
            |protocol, models: &[ModelCard]| String::from_utf8(render(protocol, models, false).to_vec()).unwrap();
        insta::assert_snapshot!(shape(Protocol::Anthropic, &models), @r#"{"data":[{"type":"model","id":"a","display_name":"a","created_at":"1970-01-02T00:00:00Z"},{"type":"model","id":"b","display_name":"b","created_at":"1970-01-02T00:00:00Z"}],"has_more":false,"first_id":"a","last_id":"b"}"#);
        insta::assert_snapshot!(shape(Protocol::Anthropic, &[]), @r#"{"data":[],"has_more":false,"first_id":null,"last_id":null}"#);
        insta::assert_snapshot!(shape(Protocol::Gemini, &models[..1]), @r#"{"models":[{"name":"models/a","version":"001","displayName":"a","description":"served by p","inputTokenLimit":800,"outputTokenLimit":200,"supportedGenerationMethods":["generateContent","streamGenerateContent","countTokens"]}]}"#);
        insta::assert_snapshot!(shape(Protocol::Chat, &models[..1]), @r#"{"object":"list","data":[{"id":"a","object":"model","created":86400,"owned_by":"p"}]}"#);
    }

    #[test]
    fn pages() {
        let card =
            |id: &str| ModelCard { id: id.into(), owner: "p".into(), created_unix: 0, context: None, output: None };
        let models: Vec<_> = ["a", "b", "c", "d", "e"].map(card).into();
        let check = |page: Page<'_>, expected: &str| {
            let found = page.of(&models).map(|(found, more)| {
                let ids: String = found.iter().map(|model| model.id.as_str()).collect();
                format!("{ids}{}", if more { "…" } else { "" })
            });
            assert_eq!(found.unwrap_or_else(|id| format!("no {id}")), expected, "{page:?}");
        };
        let all = Page::default();
        check(all, "abcde");
        check(Page { limit: Some(2), ..all }, "ab…");
        check(Page { limit: Some(5), ..all }, "abcde");
        check(Page { limit: Some(2), after: Some("b"), ..all }, "cd…");
        check(Page { limit: Some(2), after: Some("c"), ..all }, "de");
        check(Page { after: Some("e"), ..all }, "");
        check(Page { limit: Some(2), before: Some("d"), ..all }, "bc…");
        check(Page { limit: Some(9), before: Some("c"), ..all }, "ab");
        check(Page { after: Some("x"), ..all }, "no x");
        check(Page { after: Some("d"), before: Some("b"), ..all }, "");
    }
}
