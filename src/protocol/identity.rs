//! Who asks, and in which conversation.
//!
//! Claude Code puts both into `metadata.user_id`: as a JSON text
//! (`{"device_id":…,"account_uuid":…,"session_id":…}`), in older versions as
//! `user_<hash>_account_<uuid>_session_<uuid>`.

use std::borrow::Cow;

use http::HeaderMap;

use super::Protocol;
use super::json::{Raw, Text};
use super::request::Request;

const SESSION_MARK: &str = "_session_";

fn text_of<'a>(raw: Option<Raw<'a>>) -> Option<Cow<'a, str>> {
    raw.and_then(Raw::text).map(Text::decode).filter(|text| !text.is_empty())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty())
}

fn metadata_user(request: &Request) -> Option<Cow<'_, str>> {
    text_of(request.field("metadata").and_then(|metadata| metadata.get("user_id")))
}

pub(super) fn user_id(request: &Request) -> Option<String> {
    let direct = match request.protocol() {
        Protocol::Anthropic | Protocol::Gemini => None,
        Protocol::Chat | Protocol::Responses => {
            text_of(request.field("user")).or_else(|| text_of(request.field("safety_identifier")))
        }
        Protocol::Simple => text_of(request.field("user_id")),
    };
    if let Some(user) = direct {
        return Some(user.into_owned());
    }
    let user = metadata_user(request)?;
    if let Some(object) = inner_object(&user) {
        let [account, device, id] = object.peek(["account_uuid", "device_id", "user_id"]);
        return text_of(account).or_else(|| text_of(device)).or_else(|| text_of(id)).map(Cow::into_owned);
    }
    Some(user.split(SESSION_MARK).next().unwrap_or_default().to_owned()).filter(|user| !user.is_empty())
}

pub(super) fn session_id(request: &Request, headers: &HeaderMap) -> Option<String> {
    if let Some(id) = header(headers, "x-claude-code-session-id") {
        return Some(id.to_owned());
    }
    metadata_user(request)
        .and_then(|user| session_in(&user))
        .or_else(|| text_of(request.field("prompt_cache_key")).map(Cow::into_owned))
        .or_else(|| {
            let simple = request.protocol() == Protocol::Simple;
            text_of(request.field("session_id").filter(|_| simple)).map(Cow::into_owned)
        })
        .or_else(|| header(headers, "x-session-id").map(str::to_owned))
}

fn session_in(user: &str) -> Option<String> {
    if let Some(object) = inner_object(user) {
        return text_of(object.get("session_id")).map(Cow::into_owned);
    }
    user.split_once(SESSION_MARK).map(|(_, id)| id.to_owned()).filter(|id| !id.is_empty())
}

fn inner_object(text: &str) -> Option<Raw<'_>> {
    if text.starts_with('{') { Raw::parse(text.as_bytes()).ok() } else { None }
}
