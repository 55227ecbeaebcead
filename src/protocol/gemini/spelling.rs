//! One spelling for a body's own members: Google's parser takes `camelCase` and `snake_case`, and what a policy
//! changes is found by one name.

use bytes::Bytes;

use super::super::json::{Raw, Text, push_escaped};
use super::super::request::{BadRequest, Request, shown};
use super::super::strict::Place;
use super::fields::{camel, field, get};

/// Members of the outermost object that have another spelling.
const MEMBERS: &[&str] = &["generationConfig", "systemInstruction", "toolConfig", "safetySettings", "cachedContent"];

/// Refuses an object that has a member twice, in one spelling or in both: who reads it would choose.
///
/// # Errors
/// With the member's path.
pub(crate) fn check_spelling(request: &Request) -> Result<(), BadRequest> {
    let body: Vec<Text<'_>> = request.members().map(|(key, _)| key).collect();
    if let Some(name) = twice(&body) {
        return Err(BadRequest::new(format!("the request body names `{}` twice", shown(&name))));
    }
    let at = Place::top("generationConfig");
    let config = field(request, "generationConfig");
    for (at, object) in [(at, config), (at.member("thinkingConfig"), get(config, "thinkingConfig"))] {
        let keys: Vec<Text<'_>> = object.members().map_while(Result::ok).map(|(key, _)| key).collect();
        if let Some(name) = twice(&keys) {
            return Err(at.refuse(format_args!("it names `{}` twice", shown(&name))));
        }
    }
    Ok(())
}

fn twice(keys: &[Text<'_>]) -> Option<String> {
    let mut names: Vec<_> = keys.iter().map(|key| camel(*key)).collect();
    names.sort_unstable();
    names.windows(2).find_map(|pair| match pair {
        [name, next] if name == next => Some(name.clone().into_owned()),
        _ => None,
    })
}

/// The request with its own members, and those of `generationConfig`, in `camelCase`; None when they are.
///
/// # Errors
/// When it is broken inside.
pub(crate) fn in_camel_case(request: &Request) -> Result<Option<Request>, BadRequest> {
    let config = field(request, "generationConfig");
    let inner = |object: Raw<'_>| -> Vec<_> {
        let keys = object.members().map_while(Result::ok).map(|(key, _)| key);
        keys.map(|key| (request.place_of(key.escaped()), camel(key).into_owned(), key.is(&camel(key)))).collect()
    };
    let mut keys: Vec<_> = request
        .members()
        .map(|(key, _)| (request.place_of(key.escaped()), camel(key).into_owned(), key.is(&camel(key))))
        .filter(|(_, name, _)| MEMBERS.contains(&&**name))
        .collect();
    keys.extend(inner(config));
    keys.extend(inner(get(config, "thinkingConfig")));
    keys.retain(|(_, _, same)| !same);
    if keys.is_empty() {
        return Ok(None);
    }
    keys.sort_unstable_by_key(|(place, ..)| place.start);
    let body = request.body();
    let (mut out, mut from) = (Vec::with_capacity(body.len()), 0);
    for (place, name, _) in keys {
        out.extend_from_slice(body.get(from..place.start).unwrap_or_default());
        push_escaped(&mut out, name.as_bytes());
        from = place.end;
    }
    out.extend_from_slice(body.get(from..).unwrap_or_default());
    request.with_body(Bytes::from(out)).map(Some)
}
